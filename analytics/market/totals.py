"""Sums and means over pairs, each with the number of pairs behind it.

The same functions answer for a frame with one row per pair (``pairs.sql``), and then
with one figure, and for a panel, and then with one figure per bar. What a pair does not
know (NaN, infinite) leaves no mark on a mean, and takes no part in a sum: a sum by time
falls where a pair falls silent, and its coverage falls with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.errors import QueryError
from analytics.indicators import change, funding
from analytics.indicators.arrays import Floats
from analytics.panels.panel import Panel

Market = pd.DataFrame | Panel
"""One row per pair, or bars of every pair."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One figure of several pairs: () of a frame, (T,) of a panel."""

    value: Floats
    """NaN where no pair knows it. [the figure's unit]"""
    pairs: NDArray[np.intp]
    """Pairs that contributed."""
    expected: int
    """Pairs there are."""

    @property
    def coverage_pct(self) -> Floats:
        """Pairs that contributed, of those there are; NaN where there are none. [%]"""
        return 100 * self.pairs / (self.expected or np.nan)


def global_oi_usd(market: Market) -> Aggregate:
    """Return the sum of open interest. [USD]

    Raises:
        QueryError: *market* lacks oi_usd.
    """
    return total(column(market, "oi_usd"))


def volume_24h_usd(market: Market) -> Aggregate:
    """Return the sum of what was traded in 24 hours. [USD]

    Raises:
        QueryError: *market* lacks volume_24h_usd.
    """
    return total(column(market, "volume_24h_usd"))


def oi_volume_weighted_usd(market: Market) -> Aggregate:
    """Return the mean open interest of a pair, weighted by its 24 h volume. [USD]

    sum(OI x volume) / sum(volume): how large the pair is that a traded dollar is
    traded in. It is no estimate of the sum.

    Raises:
        QueryError: *market* lacks oi_usd or volume_24h_usd.
    """
    return weighted(column(market, "oi_usd"), column(market, "volume_24h_usd"))


def funding_8h_pct(market: Market) -> Aggregate:
    """Return the mean funding, weighted by open interest: what an open dollar pays. [% per 8 h]

    Raises:
        QueryError: *market* lacks oi_usd, or funding (a frame: funding_8h_pct; a panel:
            funding_rate and funding_interval_h).
    """
    return weighted(_funding(market), column(market, "oi_usd"))


def breadth_pct(market: Market, bars: int = 1) -> Aggregate:
    """Return the share of pairs whose price rose. [%]

    Args:
        market: A frame has the change of 24 hours, price_24h_pct; a panel has close.
        bars: Of a panel: how far back the comparison is. [bars]

    Raises:
        QueryError: *market* lacks that column.
        ValueError: *bars* is not from 1 to 100,000.
    """
    if isinstance(market, Panel):
        return risen_pct(change.delta_pct(column(market, "close"), bars))
    return risen_pct(column(market, "price_24h_pct"))


def risen_pct(changes: Floats) -> Aggregate:
    """Return the share of *changes* above 0 over their last axis. (..., N) to (...) [%]"""
    known = np.isfinite(changes)
    pairs = known.sum(axis=-1)
    risen = (known & (changes > 0)).sum(axis=-1)
    return Aggregate(100 * _quotient(risen, pairs), pairs, changes.shape[-1])


def total(values: Floats) -> Aggregate:
    """Return the sum of *values* over their last axis. (..., N) to (...)"""
    known = np.isfinite(values)
    pairs = known.sum(axis=-1)
    sums = np.sum(values, axis=-1, where=known)
    return Aggregate(np.where(pairs > 0, sums, np.nan)[()], pairs, values.shape[-1])


def weighted(values: Floats, weights: Floats) -> Aggregate:
    """Return the mean of *values* by *weights* over their last axis. (..., N) to (...)

    sum(x w) / sum(w) over what knows both; NaN where the weights add up to nothing.
    """
    both = np.isfinite(values) & np.isfinite(weights)
    weight = np.sum(weights, axis=-1, where=both)
    weighed = np.sum(np.where(both, values, 0) * np.where(both, weights, 0), axis=-1)
    return Aggregate(_quotient(weighed, weight), both.sum(axis=-1), values.shape[-1])


def weighted_ratio(ratios: Floats, weights: Floats) -> Aggregate:
    """Return the ratio of long to short of several *ratios* over their last axis. (..., N) to (...)

    The share of longs r / (1 + r) is what is averaged, by *weights*, and written as a ratio
    again: twice as many longs and twice as many shorts make 1, while the mean of 2 and 0.5
    would be 1.25. NaN where the weights add up to nothing.
    """
    shorts = 1 / (1 + ratios)
    long, short = weighted(ratios * shorts, weights), weighted(shorts, weights)
    return replace(long, value=_quotient(long.value, short.value))


def column(market: Market, name: str) -> Floats:
    """Return the metric *name* of every pair: (N,) of a frame, (T, N) of a panel.

    Raises:
        QueryError: *market* lacks it.
    """
    if isinstance(market, Panel):
        if name not in market.values:
            have = ", ".join(market.values)
            raise QueryError(f"market: the panel was loaded without {name}; it has {have}")
        return market.values[name]
    _refuse_without(market, name)
    return market[name].to_numpy(np.float64, na_value=np.nan)


def venues_of(market: Market) -> NDArray[np.str_]:
    """Return the venue of every pair. (N,)

    Raises:
        QueryError: *market* is a frame without venues.
    """
    if isinstance(market, Panel):
        return np.array([pair.venue for pair in market.instruments], np.str_)
    _refuse_without(market, "venue")
    return market["venue"].to_numpy(np.str_)


def of_venue(market: Market, venue: str) -> Market:
    """Return the part of *market* that is of one *venue*, for any figure of it alone.

    Raises:
        QueryError: *market* has nothing of that venue.
    """
    mine = venues_of(market) == venue
    if not mine.any():
        there = ", ".join(np.unique(venues_of(market)))
        raise QueryError(f"venue: {venue!r} is not one of {there or 'the market, which is empty'}")
    if isinstance(market, Panel):
        return replace(
            market,
            instruments=tuple(pair for pair in market.instruments if pair.venue == venue),
            values={name: cells[:, mine] for name, cells in market.values.items()},
        )
    rows: pd.DataFrame = market[mine]
    return rows


def _funding(market: Market) -> Floats:
    if isinstance(market, Panel):
        rate, interval_h = column(market, "funding_rate"), column(market, "funding_interval_h")
        return funding.funding_8h_pct(rate, interval_h)
    return column(market, "funding_8h_pct")


def _refuse_without(frame: pd.DataFrame, name: str) -> None:
    if name not in frame.columns:
        have = ", ".join(str(column) for column in frame.columns)
        raise QueryError(f"market: the frame lacks column {name}; it has {have}")


def _quotient(part: Floats | NDArray[np.intp], whole: Floats | NDArray[np.intp]) -> Floats:
    """Return *part* / *whole* where *whole* is above 0, else NaN."""
    divided: Floats = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=divided, where=np.asarray(whole) > 0)
    return divided[()]
