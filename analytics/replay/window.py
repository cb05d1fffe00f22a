"""Part of a record in memory, so that stepping through it does not read its files at each step.

A file holds a day of snapshots or a month of bars, sorted by pair: what was known at one moment is
spread all over it, and reading it takes ten times as long as reading the newest minutes of a live
lake. A window holds what the queries of a step need for each moment of two hours: reading it takes
little longer than for ten minutes, and a fast replay is through half an hour in two seconds.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import duckdb

from analytics import query
from analytics.errors import LakeError
from analytics.lake.attach import MACROS, files_between, files_of
from analytics.lake.reader import Reader
from analytics.lake.schema import BAR

log = logging.getLogger(__name__)

LENGTH: Final = timedelta(hours=2)
"""Of the time whose moments a window answers for."""

_SINCE: Final = timedelta(minutes=15)
"""How far back a moment's newest values may be."""
_SPANS: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 240, 1440))
"""Over which changes may be asked for: the timeframes."""
_DAY: Final = timedelta(hours=25)
"""Snapshots and cycles go back so far at most: for a change over a day, from an old price."""
_BARS: Final = timedelta(hours=49)
"""And bars: those of the last day are compared with the day before."""
_HOUR: Final = timedelta(hours=1)

_OF_SNAPSHOTS: Final = frozenset({"assets", "pairs"})
"""The queries that read snapshots of ``$span_s`` ago."""
ANSWERED: Final = _OF_SNAPSHOTS | {
    *("bars_known", "fetched_later", "known_pairs", "liquidated", "market_history", "pair_flows"),
    *("panel_bars", "panel_bars_5m", "prices_apart", "silent_pairs", "venue_cycles"),
}
"""The queries of a step that a window answers; ``silent_pairs`` of a past time."""


class Window:
    """What some queries need for the moments of `LENGTH` from *start* on. Safe for threads."""

    def __init__(
        self, reader: Reader, start: datetime, spans: Collection[timedelta] = _SPANS
    ) -> None:
        """Read it from the lake.

        Args:
            reader: Of the lake.
            start: UTC, a whole second.
            spans: Over which changes are asked for; the snapshots of each take memory.

        Raises:
            LakeError: It cannot be read.
        """
        self.start, self.spans = start, frozenset(spans)
        # On so few rows a second thread costs more than it brings.
        self._database = duckdb.connect(
            config={"python_enable_replacements": "false", "threads": 1}
        )
        self._database.execute(MACROS)
        self._version = reader.version()
        with reader.cursor() as cursor:
            self._files = self._files_in(cursor)
            self._take(cursor, "instruments", "true order by all", {})
            self._take_between(cursor, "bars", "ts", start - _BARS)
            self._take_between(cursor, "cycles", "started_ts", start - _DAY)
            self._take_snapshots(cursor)

    def is_whole(self, reader: Reader) -> bool:
        """Return whether it is still what the lake holds of its time, which *reader* reads.

        Bars come in late, and an import or a repair replaces others.
        """
        if (version := reader.version()) == self._version:
            return True
        with reader.cursor() as cursor:
            if self._files_in(cursor) != self._files:
                return False
        self._version = version
        return True

    def _files_in(self, cursor: duckdb.DuckDBPyConnection) -> Hashable:
        first, last = self.start - _BARS, self.start + LENGTH
        columns = {"bars": "ts", "cycles": "started_ts", "snapshots": "received_ts"}
        within = [files_between(cursor, *of, first, last) for of in columns.items()]
        return files_of(cursor, "instruments"), *within

    def answers(self, name: str, params: Mapping[str, object]) -> bool:
        """Return whether it has all that the query called *name* reads with *params*."""
        if (now := _stepped_to(name, params)) is None:
            return False
        since, first = params.get("since", now), params.get("start", now)
        assert isinstance(since, datetime)
        assert isinstance(first, datetime)
        is_near = since >= now - _SINCE and first >= self.start - _BARS
        has_span = _span(name, params) in (None, *self.spans)
        return self.start <= now < self.start + LENGTH and is_near and has_span

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on it."""
        with self._database.cursor() as cursor:
            yield cursor

    def _take_between(
        self, cursor: duckdb.DuckDBPyConnection, table: str, column: str, first: datetime
    ) -> None:
        where = f"{column} between $first::timestamp_ms and $last::timestamp_ms order by {column}"
        self._take(cursor, table, where, {"first": first, "last": self.start + LENGTH})

    def _take_snapshots(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Take those of the window, of each span before it, and of a silent venue's last hour."""
        first, last = self.start - _DAY - _HOUR, self.start + LENGTH
        spans = (timedelta(), *self.spans)
        reach = [(self.start - span - _SINCE, last - span + BAR) for span in spans]
        near = " or ".join(f"received_ts between {_at(one)} and {_at(two)}" for one, two in reach)
        # Pairs are silent beside others of their venue, however long that has had no data.
        where = f"""
            received_ts between $first::timestamp_ms and $last::timestamp_ms
            and ({near} or received_ts > (
                select max(newest.received_ts) from snapshots as newest
                where
                    newest.venue = snapshots.venue
                    and newest.received_ts between $first::timestamp_ms and $start::timestamp_ms
            ) - interval 1 hour)
            order by received_ts
        """  # noqa: S608 - times alone
        between = {"first": first, "last": last, "start": self.start}
        self._take(cursor, "snapshots", where, between)

    def _take(
        self, cursor: duckdb.DuckDBPyConnection, table: str, where: str, params: dict[str, datetime]
    ) -> None:
        kept = {name: at.replace(tzinfo=None) for name, at in params.items()}
        rows = cursor.execute(f"from {table} where {where}", kept).to_arrow_reader(1_000_000)  # noqa: S608
        self._database.register("read", rows)
        self._database.execute(f"create table {table} as from read")
        self._database.unregister("read")


class Windows:
    """The windows of one record around where it is stepped through. Safe for threads."""

    MAX_WINDOWS: Final = 2
    """Windows that are kept: each takes up to 200 MB for 600 pairs and one timeframe."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._turn = threading.Lock()
        self._seen: dict[datetime, set[datetime]] = {}
        self._spans: set[timedelta] = set()
        """Over which changes were asked for."""
        self._kept: dict[datetime, Window] = {}
        """By start, those used last at the end."""
        self._being_read: set[datetime] = set()

    def cursor(
        self, name: str, params: Mapping[str, object]
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A cursor for the query called *name* with *params*: on a window, or on the lake.

        A window is read once a second moment in it is asked for, and the next one from its
        middle on; until it is there the lake answers.
        """
        if (now := _stepped_to(name, params)) is None:
            return self._reader.cursor()
        start = now - (now - _EPOCH) % LENGTH
        with self._turn:
            if (span := _span(name, params)) in _SPANS:
                self._spans.add(span)
            window = self._window(start, now)
        if window is None or not window.answers(name, params):
            return self._reader.cursor()
        if not window.is_whole(self._reader):
            with self._turn:
                if self._kept.get(start) is window:
                    del self._kept[start]
            return self._reader.cursor()
        return window.cursor()

    def _window(self, start: datetime, now: datetime) -> Window | None:
        """Return the window from *start* if it is there; see that those needed are read."""
        seen = self._seen.setdefault(start, set())
        seen.add(now)
        if len(seen) > 1:
            self._want(start)
            if now >= start + LENGTH / 2:
                self._want(start + LENGTH)
        while len(self._seen) > 16:
            del self._seen[next(iter(self._seen))]
        return self._kept.get(start)

    def _want(self, start: datetime) -> None:
        kept = self._kept.get(start)
        if start in self._being_read or (kept is not None and kept.spans >= self._spans):
            return
        self._being_read.add(start)
        spans = frozenset(self._spans)
        threading.Thread(target=self._read, args=(start, spans), daemon=True).start()

    def _read(self, start: datetime, spans: frozenset[timedelta]) -> None:
        window = None
        try:
            window = Window(self._reader, start, spans)
        except (LakeError, duckdb.Error) as error:
            # The lake answers without it; where it cannot be read, whoever asks it is told.
            log.warning("part of the record not read ahead: %s", error)
        with self._turn:
            self._being_read.discard(start)
            if window is not None:
                self._kept.pop(start, None)
                self._kept[start] = window
            for one in [*self._kept][: -self.MAX_WINDOWS]:
                del self._kept[one]


def _stepped_to(name: str, params: Mapping[str, object]) -> datetime | None:
    """Return the past time of which *params* ask; None where only the lake can answer."""
    known_by = params.get("known_by")
    now = params.get("now", known_by)
    if name not in ANSWERED or not isinstance(now, datetime) or known_by == query.ANY_TIME:
        return None
    return now


def _span(name: str, params: Mapping[str, object]) -> timedelta | None:
    """Return how far back a query called *name* reads older snapshots; None where it does not."""
    if name not in _OF_SNAPSHOTS or "span_s" not in params:
        return None
    return timedelta(seconds=float(str(params["span_s"])))


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _at(moment: datetime) -> str:
    """Return SQL of a time, UTC."""
    return f"timestamp_ms '{moment:%Y-%m-%d %H:%M:%S}'"
