"""The pairs with the highest or the lowest values of a metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.errors import QueryError
from analytics.indicators import change
from analytics.indicators.arrays import Floats
from analytics.market.totals import Market, column
from analytics.panels.panel import Panel


@dataclass(frozen=True, slots=True)
class Movers:
    """The first pairs by a metric, and how many could not be placed."""

    rows: pd.DataFrame
    """venue, symbol, base and value [the metric's unit], the first one first."""
    pairs: int
    """Pairs that know the metric, of which these are the first."""
    left_out: int
    """Pairs that do not know it."""


def movers(
    market: Market, metric: str, *, most: int = 10, ascending: bool = False, bars: int | None = None
) -> Movers:
    """Return the pairs with the largest, or the smallest, values of *metric*.

    Pairs with the same value stand by venue and symbol.

    Args:
        market: One row per pair, with venue, symbol and base; or a panel, whose newest bar counts.
        metric: A column of numbers of the frame, or a metric of the panel.
        most: How many pairs to return at most.
        ascending: Whether the smallest come first.
        bars: Of a panel: compare by how much the metric rose in so many bars [%], which
            is for metrics that cannot be negative; None compares the values themselves.

    Raises:
        QueryError: *metric* is not there or is no number, *most* is less than 1, or
            *bars* is given for a frame.
        ValueError: *bars* is not from 1 to 100,000.
    """
    if most < 1:
        raise QueryError(f"most: must be at least 1, not {most}")
    value, keys = _values(market, metric, bars), _keys(market)
    known = np.isfinite(value)
    first = np.flatnonzero(known & _among_first(value, known, most, ascending=ascending))
    placed = (
        keys.iloc[first]
        .assign(value=value[first])
        .sort_values(
            ["value", "venue", "symbol"], ascending=[ascending, True, True], ignore_index=True
        )
    )
    return Movers(placed.head(most), int(known.sum()), int((~known).sum()))


def _among_first(
    value: Floats, known: NDArray[np.bool_], most: int, *, ascending: bool
) -> NDArray[np.bool_]:
    """Return which values may stand among the first *most*: those as good as the last of them."""
    ordered = value[known] if ascending else -value[known]
    if len(ordered) <= most:
        return known
    last = np.partition(ordered, most - 1)[most - 1]
    within: NDArray[np.bool_] = (value if ascending else -value) <= last
    return within


def _values(market: Market, metric: str, bars: int | None) -> Floats:
    """Return what the pairs are compared by. (N,)"""
    if isinstance(market, Panel):
        if metric not in market.values:
            raise QueryError(f"metric: {metric!r} is not one of {', '.join(market.values)}")
        cells = column(market, metric)
        if bars is not None:
            cells = change.delta_pct(cells, bars)
        return cells[-1] if len(cells) else np.full(len(market.instruments), np.nan)
    if bars is not None:
        raise QueryError("bars: a frame has one value of each pair; only a panel has bars")
    if metric not in market or market[metric].dtype.kind not in "iuf":
        numbers = market.select_dtypes("number").columns
        raise QueryError(f"metric: {metric!r} is not one of {', '.join(numbers)}")
    return column(market, metric)


def _keys(market: Market) -> pd.DataFrame:
    """Return venue, symbol and base of each pair."""
    names = ["venue", "symbol", "base"]
    if isinstance(market, Panel):
        return pd.DataFrame(list(market.instruments), columns=names)
    if missing := [name for name in names if name not in market.columns]:
        raise QueryError(f"market: the frame lacks column {', '.join(missing)}")
    return market[names].reset_index(drop=True)
