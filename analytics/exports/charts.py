"""Charts of a report as data, independent of how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.formats import Kind


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    name: str
    x: Sequence[Any] | NDArray[Any]
    """Times (UTC, with or without a zone) or numbers, rising."""
    y: Sequence[float | None] | NDArray[np.floating[Any]]
    """What is absent is None or NaN, and a gap in the line."""
    partial: NDArray[np.bool_] | None = None
    """Which values are of a part of their bar alone; None where all are whole."""
    color: str | None = None
    """None for that of its place in the chart."""


def course(name: str, past: pd.Series[float]) -> Series:
    """Return what is known of some five minutes, by time, as a line with a gap where it is not."""
    whole = past.asfreq("5min")
    return Series(name, whole.index.to_numpy(), whole.to_numpy(float))


@dataclass(frozen=True, slots=True)
class Candles:
    """Open, high, low and close of bars; a bar without one of them is a gap."""

    x: NDArray[np.datetime64]
    """Where each begins, UTC. (T,)"""
    open: NDArray[np.floating[Any]]
    high: NDArray[np.floating[Any]]
    low: NDArray[np.floating[Any]]
    close: NDArray[np.floating[Any]]

    def wider(self, most: int) -> Candles:
        """Return them joined to at most *most*, each of as many bars one after the other."""
        each = -(-len(self.x) // most) or 1
        parts = np.arange(len(self.x)) // each
        # Those of no bars of one part are NaN, which pandas skips.
        bars = pd.DataFrame(
            {"open": self.open, "high": self.high, "low": self.low, "close": self.close}
        ).groupby(parts)
        joined = bars.agg({"open": "first", "high": "max", "low": "min", "close": "last"})
        return Candles(self.x[::each], *(joined[name].to_numpy() for name in joined))


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over time, or over a number."""

    title: str
    series: tuple[Series, ...]
    kind: Kind = "usd"
    """What the values are."""
    note: str | None = None
    area: bool = False
    """Whether the space down to the bottom is filled: for one line."""
    candles: Candles | None = None
    """Before the lines; the chart has a row of its own."""


@dataclass(frozen=True, slots=True)
class BarChart:
    """A bar for each label, from nought to the right or, where negative, to the left."""

    title: str
    labels: Sequence[str]
    values: Sequence[float | None]
    kind: Kind = "pct"
    note: str | None = None
    digits: int | None = None
    """Decimals; None for the kind's own."""


@dataclass(frozen=True, slots=True)
class Heatmap:
    """Rows and columns of cells, coloured by value."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: NDArray[np.floating[Any]]
    """A value for each row and column; NaN is drawn as absent."""
    kind: Kind = "pct"
    middle: float | None = 0.0
    """The value without a colour, between two; None colours from the least to the largest."""
    note: str | None = None
    digits: int | None = None
    """Decimals; None for the kind's own."""
    partial: NDArray[np.bool_] | None = None
    """Which values are of a part of what they are of; None where all are whole."""


Chart = LineChart | BarChart | Heatmap
