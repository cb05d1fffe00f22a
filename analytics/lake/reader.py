"""Readers: any number of processes, each on the newest complete published state."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import duckdb

from analytics import time_limit
from analytics.errors import LakeAbsent, LakeError, LakeTooNew
from analytics.lake import check, schema
from analytics.lake.attach import attach, connect, use
from analytics.lake.layout import Layout

CURSORS = 200
"""After so many a DuckDB is replaced: it keeps up to 0.1 MB of each question while it lives."""

LOOK_FOR_S = 5.0
"""How long a read that failed may look for the damaged file, to name it. [wall s]"""


@dataclass(slots=True, eq=False)
class _Copy:
    """A published copy that is attached to a DuckDB, and how many cursors look at it."""

    name: str
    version: int
    database: duckdb.DuckDBPyConnection
    users: int = 0


class Reader:
    """The reading end of a lake. Safe to use from several threads.

    It never writes in the lake's folder, which may belong to someone else or be
    mounted read-only.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """Prepare to read the lake in *folder*; nothing is opened before it is asked for.

        Args:
            folder: The lake's.
            threads: How many work on one question; one per core if None. Small questions cost
                a third less CPU time with one.
        """
        self.layout = Layout(folder.absolute())
        self._threads = threads or os.cpu_count() or 1
        self._database = self._opened()
        self._served = 0
        self._turn = threading.Lock()
        self._numbers = count()
        self._copies: list[_Copy] = []
        self._looked_for_damage_in = 0
        self._found: str | None = None

    def version(self) -> int:
        """Return a number that changes with every publish.

        Raises:
            LakeAbsent: Nothing has been published.
        """
        try:
            return self.layout.public.stat().st_mtime_ns
        except FileNotFoundError as error:
            raise LakeAbsent(self.layout.folder) from error

    def published_at(self) -> datetime:
        """Return the wall time of the newest publish, UTC.

        Raises:
            LakeAbsent: Nothing has been published.
        """
        return datetime.fromtimestamp(self.version() / 1e9, UTC)

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on the newest published state, which stays that state while it is open.

        Raises:
            LakeAbsent: Nothing has been published.
            LakeError: What was published cannot be read.
        """
        copy, cursor = self._take_newest()
        try:
            with cursor, time_limit.asking(cursor):
                self._look_at(copy, cursor)
                try:
                    yield cursor
                except LakeError as error:
                    if (damage := self._damage(copy, cursor)) is None:
                        raise
                    raise LakeError(
                        f"{damage}; all other data can be read, and a running collector "
                        "quarantines such a file within hours"
                    ) from error
        finally:
            self._give_back(copy)

    def close(self) -> None:
        """Close everything attached."""
        with self._turn:
            for copy in self._copies:
                copy.database.close()
            self._database.close()

    def _take_newest(self) -> tuple[_Copy, duckdb.DuckDBPyConnection]:
        with self._turn:
            if self._served >= CURSORS:
                self._database, self._served = self._opened(), 0
            newest = self._copies[-1] if self._copies else None
            if (
                newest is None
                or newest.version != self.version()
                or newest.database is not self._database
            ):
                newest = self._attach_newest()
                self._copies.append(newest)
                self._detach_unused()
            cursor = newest.database.cursor()
            newest.users += 1
            self._served += 1
            return newest, cursor

    def _look_at(self, copy: _Copy, cursor: duckdb.DuckDBPyConnection) -> None:
        try:
            # The copies after the first are not opened before: damage comes out here.
            use(cursor, copy.name)
        except duckdb.Error as error:
            raise LakeError(f"{self.layout.public}: cannot be read: {error}") from error

    def _damage(self, copy: _Copy, cursor: duckdb.DuckDBPyConnection) -> str | None:
        """Return which file of *copy* is damaged, if one is; it is looked for only once."""
        if copy.version != self._looked_for_damage_in:
            database = f"__ducklake_metadata_{copy.name}"
            with suppress(duckdb.Error, OSError):
                self._found = check.first_damaged(self.layout, cursor, database, LOOK_FOR_S)
                self._looked_for_damage_in = copy.version
        return self._found

    def _give_back(self, copy: _Copy) -> None:
        with self._turn:
            copy.users -= 1
            self._detach_unused()

    def _detach_unused(self) -> None:
        for copy in self._copies[:-1]:
            if copy.users == 0:
                self._copies.remove(copy)
                if any(other.database is copy.database for other in self._copies):
                    copy.database.execute(f"detach {copy.name}")
                else:
                    copy.database.close()

    def _attach_newest(self) -> _Copy:
        """Attach the published copy under a fresh name.

        DuckDB knows a database by its path, so a replaced file at the same path
        would still be the old one to it: a symbolic link of its own gives each copy
        its own path. The link goes at once; the open file stays readable.
        """
        name = f"copy_{next(self._numbers)}"
        # Before attaching: a publish in between then makes the next cursor look again.
        version = self.version()
        try:
            with tempfile.TemporaryDirectory(prefix="perpscope-") as folder:
                link = Path(folder) / "public.ducklake"
                link.symlink_to(self.layout.public)
                attach(self._database, link, self.layout.data, name=name, read_only=True)
            if not self._copies:
                self._refuse_other_version(name)
        except (duckdb.Error, OSError) as error:
            raise LakeError(f"{self.layout.public}: cannot be read: {error}") from error
        return _Copy(name, version, self._database)

    def _refuse_other_version(self, name: str) -> None:
        """Detach the copy called *name* unless this version wrote it, and say what to do."""
        query = f"select key, value from {name}.lake_info"  # noqa: S608
        facts = dict(self._database.execute(query).fetchall())
        try:
            found = schema.version_of(self.layout.folder, facts)
            if found > schema.VERSION:
                raise LakeTooNew(self.layout.folder, found, schema.VERSION)
            if found < schema.VERSION:
                raise LakeError(
                    f"{self.layout.folder}: this lake has the format of an earlier version; "
                    "run perpscope collect --once to upgrade it, no data is lost"
                )
        except LakeError:
            self._database.execute(f"detach {name}")
            raise

    def _opened(self) -> duckdb.DuckDBPyConnection:
        return connect("1GB", threads=self._threads)
