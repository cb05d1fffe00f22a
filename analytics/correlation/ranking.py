"""Which pairs come first, and in which order: by size, by value, or alike side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from analytics.correlation.clustering import clustered_order
from analytics.correlation.matrix import correlation
from analytics.indicators.arrays import Floats, newest
from analytics.panels.panel import Pair, Panel

Order = Literal["volume", "value", "cluster"]

SIZES: Final = ("volume_24h_usd", "oi_usd")
"""What a panel needs to rank pairs by size: the second decides where the first is absent."""


def largest(panel: Panel, most: int) -> list[Pair]:
    """Return the *most* pairs of *panel* with the largest 24-hour volume, the largest first.

    Pairs of which no volume is known stand behind all others, by open interest; pairs of the
    same size by their names. The newest known bar of each counts.

    Args:
        panel: With the metrics of ``SIZES``.
        most: How many pairs to return at most.
    """
    volume, interest = (newest(panel.values[name]) for name in SIZES)
    places = sorted(
        range(len(panel.instruments)),
        key=lambda n: (-_size(float(volume[n])), -_size(float(interest[n])), panel.instruments[n]),
    )
    return [panel.instruments[n] for n in places[:most]]


def known_until(values: Floats) -> int:
    """Return the row after the last one in which any column is known."""
    rows = np.flatnonzero(np.isfinite(values).any(axis=1))
    return int(rows[-1]) + 1 if len(rows) else 0


def ordered(values: Floats, by: Order) -> NDArray[np.intp]:
    """Return the columns of *values* in the order that *by* asks for.

    Args:
        values: Any metric by bar, or by timeframe; columns by size, the largest first. (T, N)
        by: ``volume`` leaves them as they are; ``value`` puts the largest newest value first
            and absent ones last; ``cluster`` puts those side by side that move alike.
    """
    if by == "value":
        return np.argsort(-newest(values), kind="stable")
    if by == "cluster":
        return clustered_order(correlation(values, min_common=min(max(len(values), 2), 20)).r)
    return np.arange(values.shape[1])


def columns_of(panel: Panel, values: Floats, pairs: Sequence[Pair]) -> Floats:
    """Return the columns of *values* that are of *pairs*, in their order; NaN without one. (T, N)

    Args:
        panel: Whose instruments the columns of *values* are of.
        values: (T, M)
        pairs: N of them.
    """
    place = {(pair.venue, pair.symbol): n for n, pair in enumerate(panel.instruments)}
    at = [place.get((pair.venue, pair.symbol), len(place)) for pair in pairs]
    return np.column_stack([values, np.full(len(values), np.nan)])[:, at]


def _size(value: float) -> float:
    return value if np.isfinite(value) else -1.0
