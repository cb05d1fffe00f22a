"""The writer: the one process that appends to a lake and publishes it.

An append counts as done when it returns: the Parquet file, its folders and the
catalog's commit are on the disk by then. Keys already stored are left out, so
that sending the same rows again after a crash stores nothing twice.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from analytics.errors import LakeError, LakeLocked, LakeTooNew
from analytics.lake import bars, check, maintenance, schema
from analytics.lake.attach import CATALOG, attach, connect
from analytics.lake.layout import Layout, copy_in_place_of, sync_with_folders
from analytics.records import Instrument, Record

RESERVE_BYTES = 64 * 2**20
"""An append is refused when less than this is free: a full disk damages catalogs."""


class Lake:
    """The writer's end of a lake. Safe to use from several threads; they take turns."""

    def __init__(
        self, folder: Path, *, origin: str = "live", reserve_bytes: int = RESERVE_BYTES
    ) -> None:
        """Open the lake in *folder*, creating it if there is none.

        Every live file is checked first; a damaged one is set aside and listed in
        ``damaged``. A catalog that cannot be opened is set aside too, and the last
        published copy takes its place.

        Args:
            folder: Where everything of the lake lies.
            origin: ``live`` or ``simulator``; recorded in a new lake, and a lake of
                the other origin is refused, so that the two never mix.
            reserve_bytes: Appends are refused when less is free. [bytes]

        Raises:
            LakeLocked: Another collector writes to it.
            LakeTooNew: A later perpscope wrote it.
            LakeError: The folder cannot be written, or is of the other origin.
        """
        self.layout = Layout(folder.absolute())
        self._reserve_bytes = reserve_bytes
        self._turn = threading.RLock()
        self._broken = False
        self._lock_file = _take_lock(self.layout)
        try:
            self.damaged = check.set_damaged_aside(self.layout)
            """Notes on the files set aside at this start, a sentence each."""
            self._connection = self._open()
            self._check_version(origin)
        except BaseException:
            self._lock_file.close()
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

    def maintain(self, now: datetime, *, whole_days: bool) -> None:
        """Merge small files, and let go of what no reader can need any more.

        Args:
            now: The wall time: files are freed by when they were replaced. UTC.
            whole_days: Also merge what is left of past days into one sorted file each.

        Raises:
            LakeError: A merge would have changed the rows, or failed; the lake is as before.
        """
        with self._turn, _lake_errors("cannot maintain"):
            for table in schema.INLINED_ROWS:
                with self.cursor() as cursor:
                    maintenance.flush(cursor, table)
            for table in schema.TABLES:
                home = self.layout.data / "main" / table
                folders = [path for path in home.rglob("*") if path.is_dir()]
                with self._change([home, *folders]) as cursor:
                    maintenance.merge(cursor, table, whole_days=whole_days)
            with self.cursor() as cursor:
                maintenance.free(cursor, now)

    def close(self) -> None:
        """Let go of the lake; another process may then write to it."""
        with self._turn:
            self._connection.close()
            self._lock_file.close()

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
        filled = [(table, rows) for table, rows in parts if rows.num_rows]
        stored = {table: 0 for table, _ in parts}
        if not filled:
            return stored
        with self._change(self._folders(filled)) as cursor:
            for table, rows in filled:
                stored[table] += _insert_new(cursor, table, rows)
        return stored

    def fill_bars(self, rows: pa.Table) -> tuple[int, int]:
        """Add bars, and fill what is NULL in those that are there; overwrite nothing.

        Returns:
            How many bars were added, and how many were filled.

        Raises:
            LakeError: Nothing was stored.
        """
        if not rows.num_rows:
            return 0, 0
        with self._change(self._folders([("bars", rows)])) as cursor:
            return bars.fill(cursor, rows)

    def replace_instruments(self, venue: str, instruments: Iterable[Instrument]) -> None:
        """Make *instruments* all that is known of *venue*'s contracts.

        Raises:
            LakeError: Nothing was changed.
        """
        rows = schema.table_of(list(instruments))
        with self._change([self.layout.data / "main" / "instruments"]) as cursor:
            cursor.execute("delete from instruments where venue = $venue", {"venue": venue})
            _insert_new(cursor, "instruments", rows)

    def set_info(self, **facts: str) -> None:
        """Record facts about the lake itself, replacing earlier values."""
        with self._change([self.layout.data / "main" / "lake_info"]) as cursor:
            for key, value in facts.items():
                cursor.execute("delete from lake_info where key = $key", {"key": key})
                cursor.execute(
                    "insert into lake_info values ($key, $value)", {"key": key, "value": value}
                )

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on the committed state, for the writer's own short reads."""
        with self._turn, self._connection.cursor() as cursor:
            cursor.execute(f"use {CATALOG}")
            yield cursor

    def publish(self) -> None:
        """Show readers everything committed so far.

        Raises:
            LakeError: Readers go on seeing what was published before.
        """
        with self._turn, _lake_errors("cannot publish"):
            self._connection.execute(f"checkpoint __ducklake_metadata_{CATALOG}")
            copy_in_place_of(self.layout.catalog, self.layout.public)

    def _folders(self, parts: Iterable[tuple[str, pa.Table]]) -> set[Path]:
        """Return the folders that *parts* will add files to."""
        found = set()
        for table, rows in parts:
            home = self.layout.data / "main" / table
            for day in pc.unique(rows[schema.TIMES[table]].cast(pa.date32())).to_pylist():
                found.add(home.joinpath(*(part.format(day) for part in schema.PARTITIONS[table])))
        return found

    @contextmanager
    def _change(self, folders: Iterable[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction; the Parquet files it adds to *folders* are synced before it commits."""
        with self._turn, _lake_errors("cannot write"), self._writable() as cursor:
            before = {folder: _names(folder) for folder in folders}
            cursor.execute("begin")
            try:
                yield cursor
                added = [
                    folder / name
                    for folder, known in before.items()
                    for name in _names(folder) - known
                ]
                sync_with_folders(added, self.layout.data)
                cursor.execute("commit")
            except BaseException:
                self._roll_back(cursor)
                raise

    @contextmanager
    def _writable(self) -> Iterator[duckdb.DuckDBPyConnection]:
        free = shutil.disk_usage(self.layout.folder).free
        if free < self._reserve_bytes:
            raise LakeError(
                f"{self.layout.folder}: the disk is full: only {free / 2**20:.0f} MB free, appends "
                f"stop below {self._reserve_bytes / 2**20:.0f} MB; nothing stored is lost"
            )
        if self._broken:
            self._connection.close()
            self._connection = self._open()
            self._broken = False
        with self.cursor() as cursor:
            yield cursor

    def _roll_back(self, cursor: duckdb.DuckDBPyConnection) -> None:
        try:
            cursor.execute("rollback")
        except duckdb.Error:
            # DuckDB gives a database up after a fatal error, such as a full disk while it
            # committed; the next change opens the catalog again.
            self._broken = True

    def _open(self) -> duckdb.DuckDBPyConnection:
        self.layout.data.mkdir(exist_ok=True)
        with _lake_errors(f"cannot open {self.layout.catalog}"):
            connection = connect("1GB", self.layout.folder / "scratch")
            attach(connection, self.layout.catalog, self.layout.data)
        return connection

    def _check_version(self, origin: str) -> None:
        with self.cursor() as cursor:
            tables = cursor.execute("show tables").fetchall()
        if not tables:
            self._create(origin)
        info = self.info()
        found = int(info["schema_version"])
        if found > schema.VERSION:
            raise LakeTooNew(self.layout.folder, found, schema.VERSION)
        if info["origin"] != origin:
            raise LakeError(
                f"{self.layout.folder}: this lake holds data of origin {info['origin']!r}, not "
                f"{origin!r}; set PERPSCOPE_DATA_DIR to another folder"
            )

    def _create(self, origin: str) -> None:
        with _lake_errors("cannot create the tables"), self.cursor() as cursor:
            cursor.execute("begin")
            for table in schema.TABLES:
                cursor.execute(schema.definition(table))
            cursor.execute(
                "insert into lake_info values ('schema_version', $version), ('origin', $origin)",
                {"version": str(schema.VERSION), "origin": origin},
            )
            cursor.execute("commit")
            for table, rows in schema.INLINED_ROWS.items():
                cursor.execute(
                    f"call {CATALOG}.set_option('data_inlining_row_limit', $rows, "
                    "table_name => $table_name)",
                    {"rows": rows, "table_name": table},
                )

    def info(self) -> dict[str, str]:
        """Return the facts about the lake itself."""
        with self.cursor() as cursor:
            return dict(cursor.execute("select key, value from lake_info").fetchall())


def _take_lock(layout: Layout) -> IO[str]:
    try:
        layout.folder.mkdir(parents=True, exist_ok=True)
        file = layout.lock.open("a+", encoding="utf-8")
    except OSError as error:
        raise LakeError(
            f"{layout.folder}: cannot be written ({error.strerror}); "
            "set PERPSCOPE_DATA_DIR to a folder of yours"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read().strip() or "unknown process"
        file.close()
        raise LakeLocked(layout.folder, holder) from error
    file.truncate(0)
    file.write(f"process {os.getpid()}")
    file.flush()
    return file


def _names(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))  # noqa: PTH208 - names alone, of folders with many files
    except FileNotFoundError:
        return set()


def _insert_new(cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> int:
    key = schema.KEYS[table]
    same = " and ".join(f"stored.{column} = fresh.{column}" for column in key)
    time = schema.TIMES.get(table)
    bounds: dict[str, datetime] = {}
    if time is not None:
        # Bounded on both sides, so that only files of that stretch of time are opened.
        span = pc.min_max(rows[time]).as_py()
        bounds = {"first": span["min"], "last": span["max"]}
        same += f" and stored.{time} between $first and $last"
    cursor.register("incoming", rows)
    try:
        statement = f"""
            insert into {table} by name
            select * exclude (nth)
            from (select *, row_number() over () as nth from incoming) as fresh
            where not exists (select 1 from {table} as stored where {same})
            qualify row_number() over (partition by {", ".join(key)} order by nth) = 1
        """  # noqa: S608 - table and columns come from the schema
        result = cursor.execute(statement, bounds).fetchone()
    finally:
        cursor.unregister("incoming")
    return 0 if result is None else int(result[0])


@contextmanager
def _lake_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise LakeError(f"{doing}: {error}") from error
