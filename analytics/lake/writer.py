"""The writer: the one process that appends to a lake and publishes it.

An append counts as done when it returns: the Parquet file, its folders and the
catalog's commit are on the disk by then. Keys already stored are left out, so
that sending the same rows again after a crash stores nothing twice.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from analytics.errors import LakeError
from analytics.lake import (
    bars,
    check,
    identity,
    imports,
    lock,
    maintenance,
    publish,
    recover,
    retention,
    schema,
    undo_import,
)
from analytics.lake.checksums import Checksums
from analytics.lake.insert import NewestTimes, insert_new
from analytics.lake.layout import PRIVATE_UMASK, Layout, make_private
from analytics.lake.records import Instrument, Record
from analytics.lake.session import MEMORY_LIMIT, Session, hints_at_damage, lake_errors

_INTERRUPT_EVERY_S = 0.05

RESERVE_BYTES = 64 * 2**20
"""An append is refused when less than this is free: a full disk damages catalogs."""


class Lake:
    """The writer's end of a lake. Safe to use from several threads; they take turns."""

    damaged: list[str]
    """A sentence on each file that was quarantined since this start."""

    unrecovered: list[str]
    """A sentence on each file whose rows could not be recovered at this start; it stays there."""

    recovered: int
    """Rows that were added at this start because the catalog did not know them."""

    def __init__(
        self,
        folder: Path,
        *,
        origin: str | None = None,
        reserve_bytes: int = RESERVE_BYTES,
        memory_limit: str = MEMORY_LIMIT,
        threads: int = 1,
    ) -> None:
        """Open the lake in *folder*, creating it if there is none.

        Every live file is checked first; a damaged one is quarantined and listed in
        ``damaged``. A catalog that cannot be opened is quarantined too, and the last
        published copy replaces it. Rows in files that the catalog does not name, because
        its last commits were lost, are recovered. Only its owner may read the lake: older
        files are closed to others, and the process makes no files open to others any more.

        Args:
            folder: Where everything of the lake lies.
            origin: ``live`` or ``simulator``; recorded in a new lake, and a lake of
                the other origin is refused, so that the two never mix. None takes
                the lake as it is, and makes a new one ``live``.
            reserve_bytes: Appends are refused when less is free. [bytes]
            memory_limit: What DuckDB's buffers may use.
            threads: How many work on one statement. Small changes on one cost half as much, and
                leave the cores to readers.

        Raises:
            LakeLocked: Another collector writes to it.
            LakeTooNew: A later perpscope wrote it.
            LakeError: The folder cannot be written, or is of the other origin.
        """
        self.layout = Layout(folder.absolute())
        self._sums = Checksums(self.layout)
        self._session = Session(self.layout, self._sums, reserve_bytes, memory_limit, threads)
        self._upkeep: duckdb.DuckDBPyConnection | None = None
        self._upkeep_stopped = False
        self._newest_times = NewestTimes()
        self._may_be_damaged = False
        os.umask(PRIVATE_UMASK)
        self._lock_file = lock.take(self.layout)
        try:
            with lake_errors(f"cannot open {self.layout.folder}"):
                identity.refuse_foreign(self.layout, origin)
                make_private(self.layout)
                # A killed writer leaves what it had there: up to gigabytes of a file to import.
                shutil.rmtree(self.layout.scratch, ignore_errors=True)
                self.layout.scratch.mkdir(exist_ok=True)
                self._sums.load()
                found = check.quarantine_damaged(self.layout, self._sums)
                with self.cursor() as cursor:
                    version = identity.ensure_tables(cursor, self.layout, origin)
                # Rows of commits that an older catalog, put back, lacks are as of today already.
                if found.lost_commits:
                    self._upgrade_rows(version)
                self.recovered = self._recover(found)
                if not found.lost_commits:
                    self._upgrade_rows(version)
            self.damaged, self.unrecovered = found.notes, found.unrecovered
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the lake; another process may then write to it."""
        with self._session.turn:
            self._session.close()
            lock.release(self._lock_file)

    def append_records(self, records: Iterable[Record]) -> dict[str, int]:
        """Append *records* of any types in one commit; return rows stored per table."""
        ordered = sorted(records, key=lambda record: record.table)
        groups = groupby(ordered, key=lambda record: record.table)
        return self.append(*((table, schema.table_of(list(rows))) for table, rows in groups))

    def append(self, *parts: tuple[str, pa.Table]) -> dict[str, int]:
        """Append (table, rows) *parts* in one commit; return rows stored per table.

        Rows whose key is stored already, or stands earlier in the same part, are
        left out. Columns that a part lacks become NULL.

        Raises:
            LakeError: Nothing of any part was stored; the same call may be made again.
        """
        filled = [(table, schema.conform(table, rows)) for table, rows in parts if rows.num_rows]
        stored = {table: 0 for table, _ in parts}
        if not filled:
            return stored
        with self._noting_damage(), self._session.change(self._folders(filled)) as cursor:
            for table, rows in filled:
                stored[table] += insert_new(cursor, table, rows, self._newest_times)
        return stored

    @contextmanager
    def bulk(
        self, tables: Iterable[str], first: datetime, last: datetime
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction for statements that add rows of a stretch of time to *tables*.

        For a lake that is built anew: nothing looks whether a key is stored already.

        Args:
            tables: What is added to.
            first: The earliest and the latest time of the rows, UTC without a zone.
            last: Likewise.

        Raises:
            LakeError: Nothing was stored.
        """
        days = [first + timedelta(days=n) for n in range((last - first).days + 2)]
        parts = [
            (table, pa.table({schema.TIMES[table]: pa.array(days, pa.timestamp("ms"))}))
            for table in tables
        ]
        with self._change(self._folders(parts)) as cursor:
            yield cursor

    def fill_bars(self, rows: pa.Table) -> tuple[int, int]:
        """Add bars, and fill what is NULL in those that are there; overwrite nothing.

        Rows for the same bar complete each other, earlier ones first. A bar that is
        there keeps its origin and its count of snapshots. When the rows became known
        is their ``known_ts``; where they have none, at their end.

        Returns:
            How many bars were added, and how many were filled.

        Raises:
            LakeError: Nothing was stored.
        """
        return self._combine_bars(rows, "stored")

    def renew_bars(self, rows: pa.Table) -> tuple[int, int]:
        """Add bars, and make those that are there anew: what *rows* know wins.

        Columns that *rows* do not know stay as they were. When the rows became known is
        their ``known_ts``; where they have none, at their end.

        Returns:
            How many bars were added, and how many were changed.

        Raises:
            LakeError: Nothing was stored.
        """
        return self._combine_bars(rows, "fresh")

    def _combine_bars(self, rows: pa.Table, wins: bars.Wins) -> tuple[int, int]:
        if not rows.num_rows:
            return 0, 0
        rows = schema.conform("bars", rows)
        folders = self._folders([("bars", rows)])
        with self._noting_damage(), self._session.change(folders) as cursor:
            self._newest_times.advance(cursor, "bars", rows)
            return bars.combine(cursor, rows, wins=wins)

    def importing(self, facts: imports.Facts) -> imports.Import:
        """Begin an import that can be corrected by a later one and undone."""
        with self.cursor() as cursor:
            earlier = imports.earlier_journals(cursor, self.layout, facts)
        return imports.Import(
            self.layout, self._change, self._folders, self._newest_times, facts, earlier
        )

    def undo_import(
        self, number: int, undone_ts: datetime, progress: Callable[[int, int], None]
    ) -> undo_import.Undone:
        """Undo the import with the id *number*: what is still as it wrote it.

        Args:
            number: Its id.
            undone_ts: When this is done. UTC.
            progress: Called with how many of its pieces are undone and how many there are; an
                exception from it stops the work, and undoing again goes on from there.

        Raises:
            QueryError: There is no such import, or it is undone already.
            LakeError: A file of its journal is missing.
        """
        homes = {self.layout.home("imports")}

        def transaction() -> AbstractContextManager[duckdb.DuckDBPyConnection]:
            folders = homes.union(*(self._all_folders(table) for table in imports.TABLES))
            return self._change(folders)

        return undo_import.undo(transaction, self.layout, number, undone_ts, progress)

    def replace_instruments(self, venue: str, instruments: Iterable[Instrument]) -> None:
        """Replace the stored contracts of *venue* by *instruments*.

        Raises:
            LakeError: Nothing was changed.
        """
        records = list(instruments)
        with self._session.change({self.layout.home("instruments")}) as cursor:
            cursor.execute("delete from instruments where venue = $venue", {"venue": venue})
            if records:
                rows = schema.conform("instruments", schema.table_of(records))
                insert_new(cursor, "instruments", rows, self._newest_times)

    def delete_alert_events(self) -> None:
        """Delete all that happened to alerts: of a record whose rules are looked back on anew.

        Raises:
            LakeError: Nothing was changed.
        """
        with self._session.change({self.layout.home("alert_events")}) as cursor:
            cursor.execute("delete from alert_events")

    def set_info(self, **facts: str) -> None:
        """Record facts about the lake itself, replacing earlier values."""
        with self._session.change({self.layout.home("lake_info")}) as cursor:
            for key, value in facts.items():
                cursor.execute("delete from lake_info where key = $key", {"key": key})
                cursor.execute(
                    "insert into lake_info values ($key, $value)", {"key": key, "value": value}
                )

    def info(self) -> dict[str, str]:
        """Return the facts about the lake itself.

        Raises:
            LakeError: They cannot be read now.
        """
        with lake_errors("cannot read lake_info"), self.cursor() as cursor:
            return identity.read_info(cursor)

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on the committed state, for the writer's own short reads."""
        with self._noting_damage(), self._session.cursor() as cursor:
            yield cursor

    @contextmanager
    def _change(self, folders: set[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction that can add files to *folders*."""
        with self._noting_damage(), self._session.change(folders) as cursor:
            yield cursor

    def publish(self) -> None:
        """Show readers everything committed so far.

        Raises:
            LakeError: Readers go on seeing what was published before.
        """
        publish.publish(self._session)

    def maintain(self, now: datetime, *, whole_days: bool) -> None:
        """Merge small files, and delete what no reader can need any more.

        Args:
            now: The wall time: files are freed by when they were replaced. UTC.
            whole_days: Also merge what is left of past days into one sorted file each.

        Raises:
            LakeError: A merge would have changed the rows, failed or was stopped; the lake
                is as it was before that merge.
        """
        with self._session.turn:
            # First, as this is what makes room on a disk that is nearly full.
            with self._session.reopen_after_errors("cannot maintain"), self.cursor() as cursor:
                maintenance.free(cursor, now, publish.published_at(self.layout))
            for step in maintenance.steps(whole_days=whole_days):
                if not self._is_due(step):
                    continue
                self._check_sources(step)
                with (
                    self._noting_damage(),
                    self._session.change(self._all_folders(step.table)) as cursor,
                ):
                    self._run_step(step, cursor)
            self._session.compact()

    def check_files(self, at_most_bytes: int) -> list[str]:
        """Check the files that were checked longest ago, and quarantine what is damaged.

        Only what is quarantined is missing afterwards; readers see that at once.

        Args:
            at_most_bytes: So much is read, unless a read has failed since the last time: then
                every file is looked into.

        Returns:
            A note on each, as in ``damaged``.

        Raises:
            LakeError: Something damaged could not be quarantined.
        """
        limit, self._may_be_damaged = (None if self._may_be_damaged else at_most_bytes), False
        with lake_errors("cannot check the files"):
            notes = self._quarantine(self._sums.suspects(limit, lambda: self._upkeep_stopped))
            self._sums.save()
        if notes:
            self.publish()
        return notes

    def _is_due(self, step: maintenance.Step) -> bool:
        """Return whether *step* has something to do; a transaction costs more than to look."""
        self._refuse_if_stopped()
        with self._session.reopen_after_errors("cannot maintain"), self.cursor() as cursor:
            return bool(maintenance.spans(cursor, step))

    def _check_sources(self, step: maintenance.Step) -> None:
        """Check the files that *step* merges: a merge would give damage a good checksum."""
        with self.cursor() as cursor:
            names = maintenance.sources(cursor, step)
        paths = [self.layout.data / name for name in names]
        with lake_errors("cannot check the files"):
            self._quarantine({path for path in paths if self._sums.fault(path) is not None})

    def _quarantine(self, suspects: set[Path]) -> list[str]:
        """Take those of *suspects* that are damaged out of the lake; return a note on each."""
        if not suspects:
            return []
        with self._session.turn:
            self._session.close()
            found = check.quarantine_suspects(self.layout, self._sums, suspects)
            self.recovered += self._recover(found)
            self.damaged += found.notes
            self.unrecovered += found.unrecovered
        return found.notes

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        """After an error that damage may be behind, have the next check read every file."""
        try:
            yield
        except LakeError as error:
            self._may_be_damaged = self._may_be_damaged or hints_at_damage(error.__cause__)
            raise
        except duckdb.Error as error:
            self._may_be_damaged = self._may_be_damaged or hints_at_damage(error)
            raise

    def stop_upkeep(self) -> None:
        """Have ``maintain``, now and from now on, end at once with a LakeError; nothing is lost.

        ``check_files`` ends after the file it is at.

        Returns at once. To be called before the lake is closed: a merge of a long day takes
        longer than anybody waits for a program to stop.
        """
        self._upkeep_stopped = True
        threading.Thread(target=self._interrupt_upkeep, name="stop upkeep", daemon=True).start()

    def _interrupt_upkeep(self) -> None:
        """Interrupt until it ends: between two statements DuckDB forgets that it was."""
        while (cursor := self._upkeep) is not None:
            cursor.interrupt()
            time.sleep(_INTERRUPT_EVERY_S)

    def _run_step(self, step: maintenance.Step, cursor: duckdb.DuckDBPyConnection) -> None:
        self._upkeep = cursor
        try:
            # After the cursor is known, so that no stop slips through between the two.
            self._refuse_if_stopped()
            maintenance.run_step(cursor, step)
        finally:
            self._upkeep = None

    def _refuse_if_stopped(self) -> None:
        if self._upkeep_stopped:
            raise LakeError("maintenance was stopped")

    def forget_snapshots(self, now: datetime, keep: timedelta) -> int:
        """Delete snapshots older than *keep*, return how many; see ``retention``.

        Raises:
            LakeError: None was deleted.
        """
        return retention.forget_snapshots(self._session, now, keep)

    def _upgrade_rows(self, version: int) -> None:
        """Upgrade the rows of a lake that was of an older *version*."""
        if version == schema.VERSION:
            return
        folders = set().union(*(self._all_folders(table) for table in schema.KEYS))
        with self._session.change(folders) as cursor:
            identity.upgrade_rows(cursor, version)

    def _recover(self, found: check.Findings) -> int:
        """Make up for what the check *found*; return how many rows came back."""
        for table in sorted(found.undeleted):
            with self._session.change({self.layout.home(table)}) as cursor:
                recover.drop_superseded(cursor, table)
        with self.cursor() as cursor:
            unlisted = recover.unlisted_files(cursor, self.layout, replaced_too=bool(found.notes))
            if not found.notes:
                unlisted = imports.drop_unfinished(cursor, self.layout, unlisted)
        count = 0
        for table, path in unlisted:
            try:
                count += recover.recover_rows(self._sums, table, path, partial(self._add, table))
            except LakeError as error:
                found.unrecovered.append(str(error))
        return count

    def _add(self, table: str, rows: pa.Table) -> int:
        """Add those of *rows* that *table* lacks; return how many were added or filled."""
        return sum(self.fill_bars(rows)) if table == "bars" else self.append((table, rows))[table]

    def _all_folders(self, table: str) -> set[Path]:
        """Return every folder in which files of *table* lie."""
        home = self.layout.home(table)
        return {home, *(path for path in home.rglob("*") if path.is_dir())}

    def _folders(self, parts: Iterable[tuple[str, pa.Table]]) -> set[Path]:
        """Return the folders that *parts* can add files to; deletions lie in a table's own."""
        homes = {table: self.layout.home(table) for table, _ in parts}
        inner = {
            homes[table] / name for table, rows in parts for name in schema.folders(table, rows)
        }
        return inner.union(homes.values())
