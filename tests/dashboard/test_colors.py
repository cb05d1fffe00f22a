"""The colours: readable for everybody, on dark and on light."""

from __future__ import annotations

import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from analytics.palette import DARK, LIGHT, colors

CONFIG = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())
THEMES = [("dark", DARK), ("light", LIGHT)]

# How the colour-blind see linear RGB: Machado, Oliveira and Fernandes, "A physiologically-based
# model for simulation of color vision deficiency", IEEE TVCG 15(6), 2009, severity 1.
SEEN_BY = {
    "everybody": np.eye(3),
    "protanopes": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopes": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopes": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


def linear(color):
    value = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """WCAG 2's contrast ratio."""
    light = sorted(linear(color) @ [0.2126, 0.7152, 0.0722] for color in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def lab(rgb):
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(("theme", "palette"), THEMES)
@pytest.mark.parametrize("name", ["up", "down", "muted", "alert"])
def test_table_colours_are_readable(theme, palette, name):
    """WCAG AA asks for 4.5 to 1."""
    background = CONFIG["theme"][theme]["backgroundColor"]

    assert contrast(getattr(palette, name), background) >= 4.5


@pytest.mark.parametrize(("theme", "palette"), THEMES)
def test_what_streamlit_fades_in_a_pinned_column_is_readable(theme, palette):
    """It draws text there at 60 %."""
    ink, ground = (
        np.frombuffer(bytes.fromhex(one[1:]), np.uint8)
        for one in (palette.pinned, palette.background)
    )
    faded = "#" + "".join(f"{round(part):02x}" for part in 0.6 * ink + 0.4 * ground)

    assert contrast(faded, CONFIG["theme"][theme]["backgroundColor"]) >= 4.5


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", ["textColor", "linkColor", "greenColor", "redColor", "grayColor"])
def test_theme_colours_are_readable(theme, name):
    """The same for what Streamlit draws itself."""
    section = CONFIG["theme"][theme]

    assert contrast(section[name], section["backgroundColor"]) >= 4.5
    assert contrast("#FFFFFF", section["primaryColor"]) >= 4.5


@pytest.mark.parametrize(("theme", "palette"), THEMES)
@pytest.mark.parametrize("who", SEEN_BY)
def test_up_and_down_stay_apart(theme, palette, who):
    """A difference of 20 in CIE Lab is plain to see; 2.3 is just noticeable."""
    up, down = (lab(SEEN_BY[who] @ linear(color)) for color in (palette.up, palette.down))

    assert np.linalg.norm(up - down) > 20


@pytest.mark.parametrize(("theme", "palette"), THEMES)
def test_what_streamlit_draws_itself_has_the_same_colours(theme, palette):
    """One place for colours; Streamlit's own elements get theirs from its settings."""
    section = CONFIG["theme"][theme]

    repeated = {
        "greenColor": palette.up,
        "redColor": palette.down,
        "grayColor": palette.muted,
        "yellowColor": palette.alert,
        "orangeColor": palette.warning,
        "blueColor": palette.line,
        "textColor": palette.text,
        "backgroundColor": palette.background,
        "secondaryBackgroundColor": palette.surface,
        "borderColor": palette.border,
        "dataframeBorderColor": palette.grid,
        "chartCategoricalColors": list(palette.categorical),
    }
    assert {name: section[name] for name in repeated} == repeated


def test_dark_is_the_default():
    """Before the browser has told its theme, as well."""
    assert colors(None) is colors("dark") is DARK
    assert colors("light") is LIGHT
    assert all(one != other for one, other in combinations((DARK.up, DARK.down, DARK.muted), 2))
