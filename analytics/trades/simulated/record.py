"""What a simulation reads of the lake: bars, funding, contracts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import duckdb
import numpy as np

from analytics import query
from analytics.indicators.arrays import Floats
from analytics.panels.bases import Bases
from analytics.panels.panel import EVERYTHING, TIMEFRAMES, Only, Pair, Panel, load
from analytics.trades.simulated import settlements
from analytics.trades.simulated.settlements import Settlements, Stated

PRICES: Final = ("open", "high", "low", "close")

_CELLS: Final = 2_000_000
"""Bars of all pairs that are read at once: as rows they need some times the memory of a panel."""

_LONGEST_INTERVAL: Final = timedelta(hours=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A stretch of a lake as known at a time."""

    cursor: duckdb.DuckDBPyConnection
    start: datetime
    """The first bar that is traded begins then or after it. With a zone."""
    now: datetime
    """Bars that were not over by then are not seen. With a zone."""
    known_by: datetime
    """What became known later is not seen either."""
    timeframe: str
    counted: Bases
    only: Only = EVERYTHING

    def until(self, cut: datetime) -> Record:
        """Return what of it was there at an earlier time."""
        return replace(self, now=cut)

    @property
    def span(self) -> timedelta:
        """From its start to ``now``."""
        return self.now - self.start

    def panel(self, metrics: Sequence[str], warm_up: int) -> tuple[Panel, int]:
        """Return its bars, with *warm_up* before ``start``, and the row that ``start`` is.

        Raises:
            QueryError: A metric is unknown.
            LakeError: The lake cannot be read.
        """
        width = TIMEFRAMES[self.timeframe]
        begin = self.start - warm_up * width
        parts = self._parts(warm_up)
        panel = _beside([self._load(metrics, self.timeframe, begin, part) for part in parts])
        starts = np.datetime64(self.start.replace(tzinfo=None), "ms")
        return panel, int(np.searchsorted(panel.times, starts))

    def funding(self, instruments: tuple[Pair, ...]) -> Settlements:
        """Return the funding of *instruments*."""
        only = replace(self.only, instruments=[pair[:2] for pair in instruments])
        hours = self._load(settlements.METRICS, "1h", self.start - _LONGEST_INTERVAL, only)
        return settlements.settlements(
            hours, instruments, self._inverse(), self._stated(instruments)
        )

    def _load(self, metrics: Sequence[str], timeframe: str, start: datetime, only: Only) -> Panel:
        return load(
            self.cursor,
            metrics,
            timeframe,
            now=self.now,
            known_by=self.known_by,
            start=start,
            only=only,
            counted=self.counted,
        )

    def _parts(self, warm_up: int) -> list[Only]:
        """Return which pairs are read together."""
        bounds = {"since": self.start, "now": self.now, "known_by": self.known_by}
        rows = query.table(self.cursor, "known_pairs", **bounds)
        names = zip(rows["venue"].to_pylist(), rows["symbol"].to_pylist(), strict=True)
        wanted = self.only.instruments
        pairs = [name for name in names if wanted is None or name in wanted]
        bars = self.span // TIMEFRAMES[self.timeframe] + warm_up
        step = max(_CELLS // max(bars, 1), 1)
        if len(pairs) <= step:
            return [self.only]
        parts = [pairs[first : first + step] for first in range(0, len(pairs), step)]
        return [replace(self.only, instruments=part) for part in parts]

    def _stated(self, instruments: tuple[Pair, ...]) -> Iterator[Stated]:
        of = {"venues": list({pair.venue for pair in instruments})}
        of["symbols"] = list({pair.symbol for pair in instruments})
        rows = query.table(self.cursor, "funding_stated", since=self.start, now=self.now, **of)
        hour_ms, next_ms = (
            rows[name].to_numpy().astype("datetime64[ms]").astype(np.int64)
            for name in ("hour_ts", "next_funding_ts")
        )
        names = (rows[name].to_pylist() for name in ("venue", "symbol"))
        is_due = (hour_ms == next_ms).tolist()
        return map(Stated, *names, hour_ms.tolist(), is_due)

    def _inverse(self) -> set[tuple[str, str]]:
        rows = query.table(self.cursor, "inverse_contracts", now=self.now)
        return set(zip(rows["venue"].to_pylist(), rows["symbol"].to_pylist(), strict=True))


def _beside(panels: Sequence[Panel]) -> Panel:
    """Return one panel of all columns; bars before a panel's first are absent in it."""
    longest = max(panels, key=lambda panel: len(panel.times))
    if len(panels) == 1:
        return longest
    pairs = [pair for panel in panels for pair in panel.instruments]
    order = sorted(range(len(pairs)), key=lambda n: (pairs[n].base, *pairs[n][:2]))
    values = {
        name: _joined([panel.values[name] for panel in panels], len(longest.times), order)
        for name in longest.values
    }
    instruments = tuple(pairs[n] for n in order)
    return replace(longest, instruments=instruments, values=MappingProxyType(values))


def _joined(parts: Sequence[Floats], bars: int, order: Sequence[int]) -> Floats:
    whole = np.full((len(order), bars), np.nan)
    place = np.argsort(order)
    first = 0
    for part in parts:
        whole[place[first : first + part.shape[1]], bars - len(part) :] = part.T
        first += part.shape[1]
    whole.flags.writeable = False
    return whole.T
