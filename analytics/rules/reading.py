"""A read of the lake for rules at one moment, and what is kept from the reads before it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

import duckdb

from analytics import query
from analytics.lake.attach import files_of
from analytics.lake.schema import BAR
from analytics.panels.bases import Bases, bases
from analytics.panels.panel import TIMEFRAMES

SILENT_CYCLES: Final = 3
"""As on the pages: without data for more than so many cycles, a pair is silent."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_Made = TypeVar("_Made")


def mark(now: datetime, timeframe: str) -> datetime:
    """Return when the last bar of *timeframe* was over at *now*."""
    return now - (now - _EPOCH) % TIMEFRAMES[timeframe]


class Newest(NamedTuple):
    """Changes when a bar of the last hour is written."""

    known: int
    """How many there are, and values of them."""
    settled: int
    """The same of those that had ended 5 minutes before."""


@dataclass(slots=True)
class Kept:
    """What only changes when bars are written, from one read to the next."""

    made: dict[Hashable, tuple[Hashable, int, Any]] = field(default_factory=dict)
    """By name: what it depends on, how many values of bars were known, and what was made of it."""
    stored: tuple[datetime, int, int] | None = None
    """Bars stored in all, and since a time."""
    looked: tuple[Hashable, Newest] | None = None
    """What the newest bars depended on when they were last looked at, and what was found."""

    def newest(
        self, cursor: duckdb.DuckDBPyConnection, now: datetime, known_by: datetime
    ) -> Newest:
        """Return what changes when a bar of the last hour is written; forget all if an older is.

        A value that is filled into a stored bar of before is seen an hour later at most.
        """
        files = files_of(cursor, "bars")
        depends_on = files, mark(now, "5m"), known_by
        if self.looked is None or files is None or self.looked[0] != depends_on:
            self.looked = depends_on, self._newest(cursor, now, known_by)
        return self.looked[1]

    def _newest(
        self, cursor: duckdb.DuckDBPyConnection, now: datetime, known_by: datetime
    ) -> Newest:
        start, before = mark(now, "1h") - 3 * BAR, self.stored
        asked: dict[str, Any] = {"now": now, "known_by": known_by}
        since = before[0] if before and known_by == query.ANY_TIME else start
        (row,) = query.table(cursor, "bars_written", start=since, **asked).to_pylist()
        if before and since == before[0]:
            if row["bar_count"] - before[1] != row["since_count"] - before[2]:
                self.made.clear()
            if since != start:
                (row,) = query.table(cursor, "bars_written", start=start, **asked).to_pylist()
        self.stored = start, row["bar_count"], row["since_count"]
        return Newest(row["known_count"], row["settled_count"])


@dataclass(frozen=True, slots=True)
class Reading:
    """One read."""

    cursor: duckdb.DuckDBPyConnection
    now: datetime
    known_by: datetime
    cycle: timedelta
    """Between two snapshots."""
    kept: Kept
    newest: Newest

    @property
    def silent_before(self) -> datetime:
        """A pair or venue without data since this is silent."""
        return self.now - SILENT_CYCLES * self.cycle

    def once(
        self, name: Hashable, timeframe: str, make: Callable[[], _Made], also: Hashable = None
    ) -> _Made:
        """Return what *make* makes of the bars of *timeframe* that are over and of *also*.

        It is made anew once a bar is over, and while bars of the newest one come in.
        """
        end = mark(self.now, timeframe)
        # What fills in older bars, as a backfill does, counts from the next hour on.
        key, late = (end, mark(self.now, "1h"), also), self.newest.known
        kept = self.kept.made.get(name)
        if not self.may_be_late(timeframe):
            late = self.newest.settled if mark(self.now, "5m") == end + BAR else 0
            # Of older bars it is no longer asked: those that came in by the next mark count.
            late = kept[1] if kept is not None and not late else late
        if kept is None or kept[:2] != (key, late):
            kept = self.kept.made[name] = key, late, make()
        made: _Made = kept[2]
        return made

    def may_be_late(self, timeframe: str) -> bool:
        """Return whether the last bar of *timeframe* may still be written."""
        return mark(self.now, timeframe) == mark(self.now, "5m")

    @property
    def counted(self) -> Bases:
        """What instruments are counted under, as of the hour: prices part over an hour as well."""
        end = mark(self.now, "1h")
        return self.once("bases", "1d", lambda: bases(self.cursor, end, self.known_by))
