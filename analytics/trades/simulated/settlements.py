"""Funding settlements of all pairs, from the record: when each was due and what it cost."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.errors import QueryError
from analytics.indicators.arrays import Floats
from analytics.panels.panel import Pair, Panel

METRICS: Final = ("funding_rate", "funding_interval_h", "mark", "close")
"""What a panel of 1h bars needs for :func:`settlements`: its closes are what was so at each full
hour, and venues pay at full hours."""

HOUR_MS: Final = timedelta(hours=1) // timedelta(milliseconds=1)
_SURE_H: Final = 8
"""Every interval (1, 2, 4 and 8 h) has a payment at these hours."""


class Stated(NamedTuple):
    """Whether a pair was paid at a full hour, as its venue stated before."""

    venue: str
    symbol: str
    hour_ms: int
    """Since 1970."""
    is_due: bool


class Held(NamedTuple):
    """One row for each settlement that a trade goes through."""

    trade: NDArray[np.intp]
    hour: NDArray[np.intp]
    """Row of the settlement."""


@dataclass(frozen=True, slots=True)
class Settlements:
    """Every full hour of some pairs. H hours, N pairs."""

    ends_ms: NDArray[np.int64]
    """Each hour, since 1970. (H,)"""
    due: NDArray[np.bool_]
    """Whether funding was paid then. (H, N)"""
    rate: Floats
    """NaN where it is not recorded. [ratio per interval] (H, N)"""
    price: Floats
    """The mark at the payment, else the last price; 1 of an inverse contract, whose notional is
    fixed in USD at its entry. [quote currency] (H, N)"""
    inverse: NDArray[np.bool_]
    """(N,)"""

    def between(
        self, entry_ms: NDArray[np.int64], exit_ms: NDArray[np.int64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the first hour after each entry, and the first after each exit.

        A position pays where it was opened before the settlement and closed at it or after.
        """
        first = np.searchsorted(self.ends_ms, entry_ms, "right")
        return first, np.searchsorted(self.ends_ms, exit_ms, "right")

    def held(
        self, column: NDArray[np.intp], entry_ms: NDArray[np.int64], exit_ms: NDArray[np.int64]
    ) -> Held:
        """Return the settlements that were due while each of some trades was held."""
        first, last = self.between(entry_ms, exit_ms)
        trade, hour = spread(first, last)
        is_due = self.due[hour, column[trade]]
        return Held(trade[is_due], hour[is_due])

    def unit_cost(self, hour: NDArray[np.intp], column: NDArray[np.intp]) -> Floats:
        """Return what a long of one unit pays; of an inverse contract of 1 USD. NaN: unknown."""
        cost: Floats = self.rate[hour, column] * self.price[hour, column]
        return cost


def settlements(
    hours: Panel,
    instruments: tuple[Pair, ...],
    inverse: Collection[tuple[str, str]] = (),
    stated: Iterable[Stated] = (),
) -> Settlements:
    """Return the settlements of *instruments*.

    Where a venue stated its next funding time just before an hour, that decides. Elsewhere
    payments are at 00:00 UTC and every funding_interval_h after it, as ``worth.funding_paid`` has
    them. The rate is what the last 5-minute bar before says, the price its mark, else its close.
    The interval is the last that was stated by then. Before any was, the hours that every
    interval pays at (00:00, 08:00 and 16:00) are due and count as not recorded.

    Args:
        hours: 1h bars of ``METRICS``.
        instruments: What the columns shall be of; one that *hours* lacks has nothing recorded.
        inverse: (venue, symbol) of coin-margined contracts.
        stated: What ``funding_stated.sql`` says of these hours.

    Raises:
        QueryError: *hours* is of another timeframe.
    """
    if hours.timeframe != "1h":
        raise QueryError(f"funding: needs bars of 1h, not {hours.timeframe}")
    ends_ms = hours.times.astype("datetime64[ms]").astype(np.int64) + HOUR_MS
    rate, interval_h, mark, close = (_lined_up(hours, name, instruments) for name in METRICS)
    interval_h = _filled(np.where(interval_h > 0, interval_h, np.nan))
    hour = (ends_ms // HOUR_MS)[:, None]
    is_known = np.isfinite(interval_h)
    due = hour % np.where(is_known, interval_h, _SURE_H) == 0
    place = {pair[:2]: n for n, pair in enumerate(instruments)}
    rows = {int(end): n for n, end in enumerate(ends_ms)}
    for one in stated:
        at = rows.get(one.hour_ms), place.get((one.venue, one.symbol))
        if None not in at:
            due[at], is_known[at] = one.is_due, True
    is_inverse = np.array([pair[:2] in inverse for pair in instruments], np.bool_)
    price = np.where(is_inverse, 1.0, np.where(np.isfinite(mark), mark, close))
    return Settlements(ends_ms, due, np.where(is_known, rate, np.nan), price, is_inverse)


def spread(
    first: NDArray[np.intp], last: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return each whole number from *first* up to *last*, and which of them it belongs to."""
    counts = np.maximum(last - first, 0)
    of = np.repeat(np.arange(len(first)), counts)
    begins = np.cumsum(counts) - counts
    return of, np.arange(len(of)) - np.repeat(begins - first, counts)


def _lined_up(hours: Panel, name: str, instruments: tuple[Pair, ...]) -> Floats:
    place = {pair[:2]: n for n, pair in enumerate(hours.instruments)}
    found = np.full((len(hours.times), len(instruments)), np.nan)
    columns = [place.get(pair[:2], -1) for pair in instruments]
    there = [n for n, column in enumerate(columns) if column >= 0]
    found[:, there] = hours.values[name][:, [columns[n] for n in there]]
    return found


def _filled(values: Floats) -> Floats:
    """Return *values* with the last known one where none is. (H, N)"""
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isfinite(values), rows, 0), axis=0)
    return np.take_along_axis(values, last, axis=0)
