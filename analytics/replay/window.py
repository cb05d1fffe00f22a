"""Part of a record in memory, so that stepping through it does not read its files at each step.

A file holds a day of snapshots or a month of bars, sorted by pair: what was known at one moment is
spread all over it, and reading it takes ten times as long as reading the newest minutes of a live
lake. A window holds what the queries of a step need for each moment of half an hour.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable, Iterator, Mapping
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

LENGTH: Final = timedelta(minutes=30)
"""Of the time whose moments a window answers for."""

_SINCE: Final = timedelta(minutes=15)
"""How far back a moment's newest values may be."""
_SPANS: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 240, 1440))
"""Over which changes are asked for: the timeframes."""
_DAY: Final = timedelta(hours=25)
"""Bars go back so far: for a change over a day, from a price that is ten minutes old."""
_HOUR: Final = timedelta(hours=1)

ANSWERED: Final = frozenset({"bars_known", "pair_flows", "pairs", "silent_pairs"})
"""The queries of a step that a window answers; ``silent_pairs`` of a past time."""


class Window:
    """What some queries need for the moments of `LENGTH` from *start* on. Safe for threads."""

    def __init__(self, reader: Reader, start: datetime) -> None:
        """Read it from the lake.

        Args:
            reader: Of the lake.
            start: UTC, a whole second.

        Raises:
            LakeError: It cannot be read.
        """
        self.start = start
        # On so few rows a second thread costs more than it brings.
        self._database = duckdb.connect(
            config={"python_enable_replacements": "false", "threads": 1}
        )
        self._database.execute(MACROS)
        self._version = reader.version()
        with reader.cursor() as cursor:
            self._files = self._files_in(cursor)
            self._take(cursor, "instruments", "true order by all", {})
            self._take_bars(cursor)
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
        first, last = self.start - _DAY - _HOUR, self.start + LENGTH
        columns = {"bars": "ts", "snapshots": "received_ts"}
        within = [files_between(cursor, *of, first, last) for of in columns.items()]
        return files_of(cursor, "instruments"), *within

    def answers(self, name: str, params: Mapping[str, object]) -> bool:
        """Return whether it has all that the query called *name* reads with *params*."""
        now, since = params.get("now"), params.get("since")
        span_s, known_by = params.get("span_s", 0), params.get("known_by", now)
        if name not in ANSWERED or not isinstance(now, datetime) or known_by == query.ANY_TIME:
            return False
        is_near = not isinstance(since, datetime) or since >= now - _SINCE
        is_timeframe = span_s == 0 or timedelta(seconds=float(str(span_s))) in _SPANS
        return self.start <= now < self.start + LENGTH and is_near and is_timeframe

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on it."""
        with self._database.cursor() as cursor:
            yield cursor

    def _take_bars(self, cursor: duckdb.DuckDBPyConnection) -> None:
        where = "ts between $first::timestamp_ms and $last::timestamp_ms order by ts"
        between = {"first": self.start - _DAY, "last": self.start + LENGTH}
        self._take(cursor, "bars", where, between)

    def _take_snapshots(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Take those of the window, of each span before it, and of a silent venue's last hour."""
        first, last = self.start - _DAY - _HOUR, self.start + LENGTH
        reach = [(self.start - span - _SINCE, last - span + BAR) for span in (timedelta(), *_SPANS)]
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
    """Windows that are kept: each takes about 100 MB for 600 pairs."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._turn = threading.Lock()
        self._seen: dict[datetime, set[datetime]] = {}
        self._kept: dict[datetime, Window | None] = {}
        """By start, those used last at the end; None while one is read."""

    def cursor(
        self, name: str, params: Mapping[str, object]
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A cursor for the query called *name* with *params*: on a window, or on the lake.

        A window is read once a second moment in it is asked for, and the next one from its
        middle on; until it is there the lake answers.
        """
        now = params.get("now")
        if name not in ANSWERED or not isinstance(now, datetime):
            return self._reader.cursor()
        start = now - (now - _EPOCH) % LENGTH
        with self._turn:
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
        if start in self._kept:
            return
        self._kept[start] = None
        threading.Thread(target=self._read, args=(start,), daemon=True).start()

    def _read(self, start: datetime) -> None:
        window = None
        try:
            window = Window(self._reader, start)
        except (LakeError, duckdb.Error) as error:
            # The lake answers without it; where it cannot be read, whoever asks it is told.
            log.warning("part of the record not read ahead: %s", error)
        with self._turn:
            self._kept.pop(start, None)
            if window is not None:
                self._kept[start] = window
            there = [one for one, kept in self._kept.items() if kept is not None]
            for one in there[: -self.MAX_WINDOWS]:
                del self._kept[one]


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _at(moment: datetime) -> str:
    """Return SQL of a time, UTC."""
    return f"timestamp_ms '{moment:%Y-%m-%d %H:%M:%S}'"
