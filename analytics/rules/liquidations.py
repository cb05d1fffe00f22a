"""How unusual the liquidations of the newest hour are, as ``liquidation_hours.sql`` has it.

A pass reads the bars of the last hour alone: those of 7 days before it are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd

from analytics.indicators.arrays import Floats
from analytics.indicators.hours import BARS_NEEDED, LEAST_HOURS, scores
from analytics.lake.schema import BAR
from analytics.market.measures import MEASURES
from analytics.panels.panel import LEAST_KNOWN, Pair, Panel, load
from analytics.rules.reading import Reading, mark

_HOUR: Final = timedelta(hours=1) // BAR
_HOURS: Final = BARS_NEEDED // _HOUR
"""The newest, and those that it is compared with."""
_GRID: Final = BARS_NEEDED + 1
"""The bars of so many hours, and one more where the newest is not written yet."""
_MEASURE: Final = MEASURES["liquidated_usd"]


@dataclass(frozen=True, slots=True)
class _Bars:
    """What was liquidated by bar. [USD]"""

    pairs: tuple[Pair, ...]
    end: datetime
    """Of the last bar."""
    usd: Floats
    """Each pair's side by side in memory. (N, T)"""


def newest_hour(read: Reading, *, by_asset: bool) -> pd.DataFrame:
    """Return ``liquidations_1h_usd`` and ``z_liquidations`` of each pair or asset that has them."""
    pairs, hours = read.once("liquidation hours", "5m", lambda: _hours(read))
    known = np.isfinite(hours[:, -1])
    if not by_asset:
        named = pd.DataFrame(list(pairs), columns=["venue", "symbol", "base"], dtype="str")
        return _scored(named[known], hours[known])
    known &= np.isfinite(hours[:, :-1]).sum(axis=1) >= LEAST_HOURS
    bases = np.array([pair.base for pair in pairs], object)[known]
    names, place = np.unique(bases, return_inverse=True)
    sums = np.zeros((len(names), _HOURS))
    # An hour that one of them does not know is not a number.
    np.add.at(sums, place, hours[known])
    return _scored(pd.DataFrame({"base": pd.array(names.tolist(), dtype="str")}), sums)


def _scored(rows: pd.DataFrame, hours: Floats) -> pd.DataFrame:
    z = scores(hours[:, -1], hours[:, :-1])
    return rows.assign(liquidations_1h_usd=hours[:, -1], z_liquidations=z)


def _hours(read: Reading) -> tuple[tuple[Pair, ...], Floats]:
    """Return the pairs, and what was liquidated in each hour, oldest first. (N, _HOURS)

    Hours follow each other back from the newest bar of the venue; NaN where too little is known.
    """
    end, hour = mark(read.now, "5m"), mark(read.now, "1h")
    # What is written to the last bars before the full hour is read again, as it may be late.
    kept = read.once(
        "liquidations kept", "1d", lambda: _bars(read, hour - 2 * BAR, _GRID), also=hour
    )
    tail = _loaded(read, end, (end - kept.end) // BAR, "bar_count")
    late = _bars_of(tail, end)
    pairs = tuple({pair[:2]: pair for pair in (*late.pairs, *kept.pairs)}.values())
    place = {pair[:2]: n for n, pair in enumerate(pairs)}
    grid = np.full((len(pairs), _GRID), np.nan)
    for part in (kept, late):
        last = _GRID - (end - part.end) // BAR
        count = min(part.usd.shape[1], last)
        rows = [place[pair[:2]] for pair in part.pairs]
        grid[rows, last - count : last] = part.usd[:, part.usd.shape[1] - count :]
    behind = _venues_behind(tail)
    shifted = np.array([pair.venue in behind for pair in pairs], np.bool_)
    lines = np.where(shifted[:, None], grid[:, :-1], grid[:, 1:]).reshape(-1, _HOURS, _HOUR)
    known = np.isfinite(lines)
    enough = known.sum(axis=2) >= LEAST_KNOWN * _HOUR
    return pairs, np.where(enough, np.sum(lines, axis=2, where=known), np.nan)


def _bars(read: Reading, end: datetime, count: int) -> _Bars:
    return _bars_of(_loaded(read, end, count), end)


def _loaded(read: Reading, end: datetime, count: int, *also: str) -> Panel:
    bounds: dict[str, Any] = {"known_by": read.known_by, "counted": read.counted}
    return load(read.cursor, [*_MEASURE.metrics, *also], "5m", now=end, bars=count, **bounds)


def _bars_of(panel: Panel, end: datetime) -> _Bars:
    usd = _MEASURE.of(panel.values).T if panel.instruments else np.empty((0, 0))
    return _Bars(panel.instruments, end, np.ascontiguousarray(usd))


def _venues_behind(tail: Panel) -> set[str]:
    """Return the venues that have no bar of this mark yet, but one of the mark before."""
    if len(tail.times) < 2:
        return set()
    last, before = (
        {pair.venue for pair, count in zip(tail.instruments, row, strict=True) if count}
        for row in tail.values["bar_count"][[-1, -2]]
    )
    return before - last
