"""The colours of cells: which value gets which, on dark and on light.

What is neutral or little is near the background of the theme, so that what is not stands out.
Below the neutral value cells tend to vermilion, above it to teal, as everywhere; amounts, which
have no neutral value, go by powers of ten. The strongest colours stand for the 2nd and 98th
percentile, so that one outlier does not turn all other cells grey.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from analytics.indicators.arrays import Floats
from analytics.palette import LIGHT, Colors
from analytics.quantities import Quantity

Stops = list[list[float | str]]


@dataclass(frozen=True, slots=True)
class Ramp:
    """Colours from one end to the other, for both themes."""

    dark: Stops
    light: Stops

    def on(self, colors: Colors) -> Stops:
        """Return those for the theme of *colors*."""
        return self.light if colors is LIGHT else self.dark


DIVERGING: Final = Ramp(
    dark=[
        [0.0, "#FFB08A"],
        [0.25, "#C4592B"],
        [0.5, "#242B37"],
        [0.75, "#13776D"],
        [1.0, "#5FE3D4"],
    ],
    light=[
        [0.0, "#8A2E08"],
        [0.25, "#DB7B4D"],
        [0.5, "#EEF1F5"],
        [0.75, "#45A99B"],
        [1.0, "#004F47"],
    ],
)
"""From far below the neutral value to far above it."""

RISING: Final = Ramp(
    dark=[
        [0.0, "#242B37"],
        [0.35, "#2D5190"],
        [0.65, "#5A94E8"],
        [0.85, "#B3D0EC"],
        [1.0, "#FBEFB8"],
    ],
    light=[
        [0.0, "#EEF1F5"],
        [0.35, "#A9C8F2"],
        [0.65, "#4A86DD"],
        [0.85, "#24508F"],
        [1.0, "#14213D"],
    ],
)
"""From little to much."""

DEEP: Final = Ramp(
    dark=[[0.0, "#C75A2A"], [0.5, "#242B37"], [1.0, "#13877B"]],
    light=[[0.0, "#EFA27E"], [0.5, "#EEF1F5"], [1.0, "#63C3B6"]],
)
"""As ``DIVERGING``, no stronger than figures on it can be read."""

DEEP_RISING: Final = Ramp(
    dark=[[0.0, "#242B37"], [0.5, "#2D5190"], [1.0, "#3F78CF"]],
    light=[[0.0, "#EEF1F5"], [0.5, "#BCD4F6"], [1.0, "#86B2F0"]],
)
"""As ``RISING``, for figures."""

CLIPPED_PCT: Final = 2.0
"""Share of values at either end that get the strongest colour. [%]"""


@dataclass(frozen=True, slots=True)
class ColorScale:
    """Which value has which colour."""

    low: float
    """Of what :meth:`z` returns, as *high*: what is beyond has the colour of the end."""
    high: float
    ramp: Ramp
    logarithmic: bool
    floor: float
    """Smaller amounts have the colour of this one: the logarithm of nothing is none."""

    def z(self, values: Floats) -> Floats:
        """Return what Plotly colours *values* by; NaN where they are absent."""
        if not self.logarithmic:
            return values
        with np.errstate(invalid="ignore"):
            logarithms: Floats = np.log10(np.maximum(values, self.floor))
        return logarithms

    def bar(self, quantity: Quantity) -> dict[str, Any]:
        """Return the legend's ticks, in Plotly's terms."""
        at = np.linspace(self.low, self.high, 5)
        said = 10**at if self.logarithmic else at
        return {"tickvals": at.tolist(), "ticktext": [_short(float(one), quantity) for one in said]}


@dataclass(frozen=True, slots=True)
class ColumnScales:
    """The same where each column has a scale of its own: over a day all is more than in minutes."""

    columns: tuple[ColorScale, ...]
    low: float = 0.0
    high: float = 1.0

    @property
    def ramp(self) -> Ramp:
        """The colours, which all columns share: figures in the cells can be read."""
        return DEEP if self.columns[0].ramp is DIVERGING else DEEP_RISING

    @property
    def logarithmic(self) -> bool:
        """Whether the colours go by powers of ten, as in all columns."""
        return self.columns[0].logarithmic

    def z(self, values: Floats) -> Floats:
        """Return where each value lies on its column's scale, from 0 to 1."""
        parts = [
            (one.z(column) - one.low) / (one.high - one.low)
            for one, column in zip(self.columns, values.T, strict=True)
        ]
        return np.column_stack(parts)

    def bar(self, quantity: Quantity) -> dict[str, Any]:
        """Return the legend's ticks: the ends of the first column and of the last one."""
        ends = [scale.bar(quantity)["ticktext"] for scale in (self.columns[0], self.columns[-1])]
        return {
            "tickvals": [0, 0.5, 1],
            "ticktext": [" … ".join(dict.fromkeys(end[n] for end in ends)) for n in (0, 2, 4)],
        }


def color_scale(values: Floats, quantity: Quantity) -> ColorScale:
    """Return the scale that shows the differences between most of *values*."""
    known = values[np.isfinite(values)]
    if quantity.neutral is None:
        return _rising(known)
    if quantity.kind == "ratio":
        known = known[known > 0]
        reach = _reach(np.log10(known / quantity.neutral))
        middle = math.log10(quantity.neutral)
        return ColorScale(middle - reach, middle + reach, DIVERGING, True, 1e-6)
    reach = _reach(known - quantity.neutral)
    return ColorScale(quantity.neutral - reach, quantity.neutral + reach, DIVERGING, False, 0.0)


def _rising(known: Floats) -> ColorScale:
    some = known[known > 0]
    ends = np.percentile(some, [CLIPPED_PCT, 100 - CLIPPED_PCT]) if len(some) else (1.0, 10.0)
    low, high = (math.log10(float(end)) for end in ends)
    return ColorScale(low, max(high, low + 0.1), RISING, True, 10**low)


def _reach(away: Floats) -> float:
    """Return how far from the neutral value the strongest colour begins."""
    if not len(away):
        return 1.0
    size = np.abs(away)
    reach = float(np.percentile(size, 100 - CLIPPED_PCT)) or float(size.max())
    return _rounded_up(reach) if reach else 1.0


def _rounded_up(reach: float) -> float:
    """Return *reach* with two digits, so that a legend is easy to read."""
    step = 10.0 ** (math.floor(math.log10(reach)) - 1)
    return math.ceil(round(reach / step, 6)) * step


def _short(value: float, quantity: Quantity) -> str:
    """Write *value* for a legend, with no more digits than it needs."""
    if quantity.kind in ("usd", "ratio"):
        return quantity.write(value)
    written = f"{value:+.3g}" if quantity.kind != "index" else f"{value:.0f}"
    return "0" if float(written) == 0 else written
