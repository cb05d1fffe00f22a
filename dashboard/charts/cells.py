"""What heatmaps and matrices have in common: their frame, their axes, and cells without a value."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics import formats
from analytics.palette import Colors
from analytics.panels.panel import Pair
from dashboard.charts.frame import frame

TOP: Final = 80
"""For the legend and the upper axis. [px]"""
_NAME: Final = 18
"""For the legend's name, above its colours. [px]"""

_HATCH: Final = (
    "<svg xmlns='http://www.w3.org/2000/svg' width='1600' height='1600'><defs>"
    "<pattern id='p' width='6' height='6' patternUnits='userSpaceOnUse'"
    " patternTransform='rotate(45)'><rect width='1.6' height='6' fill='{color}'/></pattern></defs>"
    "<rect width='1600' height='1600' fill='url(%23p)' fill-opacity='0.45'/></svg>"
)


def row_height(rows: int) -> int:
    """Return how high a row is drawn when there are so many. [px]"""
    return 22 if rows <= 40 else 16 if rows <= 100 else 13


def labels(pairs: Sequence[Pair]) -> list[str]:
    """Return a name for each of *pairs*, short where no other one is called the same.

    An asset, which has no venue, is called by its base.
    """
    venues = [formats.venue(pair.venue) for pair in pairs]
    short = [f"{pair.base} {venue}".rstrip() for pair, venue in zip(pairs, venues, strict=True)]
    times = Counter(short)
    return [
        name if times[name] == 1 else f"{formats.pair(pair.symbol)} {venue}"
        for name, pair, venue in zip(short, pairs, venues, strict=True)
    ]


def identities(pairs: Sequence[Pair]) -> list[str]:
    """Return ``venue symbol`` of each of *pairs*, or an asset's base, which identifies a row."""
    return [f"{pair.venue} {pair.symbol}".lstrip() for pair in pairs]


def meta(**identities: Sequence[str]) -> str:
    """Return what ``layout.meta`` says for clicks, by axis; as text, which a copy equals."""
    return json.dumps(identities)


def names_px(names: Sequence[str], size: int) -> int:
    """Return the room for the longest of *names*, rather more than it takes. [px]

    An axis that finds too little room has Plotly draw the whole chart once more.
    """
    capital, other = 0.64, 0.54
    widths = [sum(capital if each.isupper() else other for each in name) for name in names]
    return ceil(size * max(widths, default=0)) + 16


def rounded(values: NDArray[np.floating[Any]], digits: int) -> list[list[float | None]]:
    """Return *values* as text makes least of them: no more digits than are shown, absent is None.

    As bytes they would be longer, because Plotly writes them as text that is safe in HTML.
    """
    cells = values.astype(np.float64).round(digits) + 0.0  # minus nought becomes nought
    return [[None if value != value else value for value in row] for row in cells.tolist()]


def layout(colors: Colors, *, height: int, touch: bool, hatched: bool = True) -> dict[str, Any]:
    """Return the frame of a chart of cells.

    Args:
        colors: Of the theme.
        height: Of all. [px]
        touch: On a touch screen a finger scrolls the page instead of drawing a box.
        hatched: Whether the ground is, because cells without a value let it through.
    """
    return {
        **frame(colors),
        "height": height,
        "margin": {"l": 10, "r": 12, "t": TOP, "b": 8, "pad": 2},
        "hovermode": "closest",
        "dragmode": False if touch else "zoom",
        "images": [_hatch(colors)] if hatched else [],
    }


def names_axis(colors: Colors, count: int, *, size: int) -> dict[str, Any]:
    """Return an axis that writes all *count* names, in the order that the first trace has."""
    return {
        "minallowed": -0.5,
        "maxallowed": count - 0.5,
        "type": "category",
        "tickmode": "linear",
        "tickfont": {"color": colors.text, "size": size},
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "automargin": True,
    }


def named(title: str, colors: Colors) -> dict[str, Any]:
    """Return what names the bar of colours: a title of its own would lie on them."""
    place = {"x": 0, "xref": "paper", "y": 1, "yref": "container", "yanchor": "top"}
    font = {"size": 12, "color": colors.muted}
    return {"title": {"text": title, **place, "pad": {"t": 2}, "font": font}}


def legend(ticks: dict[str, Any], colors: Colors, *, height: int) -> dict[str, Any]:
    """Return the bar of colours on top of a chart that is *height* px high."""
    return {
        "orientation": "h",
        "x": 0.0,
        "xanchor": "left",
        "y": 1 - _NAME / height,
        "yanchor": "top",
        "yref": "container",
        "len": 230,
        "lenmode": "pixels",
        "thickness": 8,
        "outlinewidth": 0,
        "ypad": 2,
        "xpad": 0,
        "tickfont": {"size": 10, "color": colors.muted},
        **ticks,
    }


def _hatch(colors: Colors) -> dict[str, Any]:
    """Return the ground that shows where a cell has no value: hatched."""
    svg = _HATCH.format(color=colors.muted.replace("#", "%23"))
    return {
        "source": f"data:image/svg+xml;utf8,{svg}",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 1,
        "sizex": 1,
        "sizey": 1,
        "sizing": "fill",
        "layer": "below",
    }
