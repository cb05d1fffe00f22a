"""The writer's connection to the catalog: one transaction at a time, durable when it ends."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from analytics.errors import LakeError
from analytics.lake.attach import CATALOG, METADATA, attach, connect, use
from analytics.lake.catalog_file import compact
from analytics.lake.checksums import Checksums
from analytics.lake.layout import (
    Layout,
    added_since,
    names_in,
    refuse_below,
    sync,
    sync_with_folders,
)

MEMORY_LIMIT = "1GB"
"""What DuckDB's buffers may use, unless it is said."""


class Session:
    """Opens the catalog when it is needed, and anew after any error.

    DuckDB gives a database up after some errors, such as a full disk at a checkpoint.
    Threads take turns; a thread that has the turn may go on taking it.
    """

    def __init__(
        self,
        layout: Layout,
        sums: Checksums,
        reserve_bytes: int,
        memory_limit: str = MEMORY_LIMIT,
        threads: int = 1,
    ) -> None:
        self.memory_limit = memory_limit
        self.threads = threads
        self.layout = layout
        self.sums = sums
        self.reserve_bytes = reserve_bytes
        self.turn = threading.RLock()
        self._known_folders: set[Path] = set()
        self._opened = False
        self._connection: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor on the committed state."""
        with self.turn, self.connection().cursor() as cursor:
            use(cursor)
            yield cursor

    @contextmanager
    def change(self, folders: Iterable[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction; the Parquet files it adds to *folders* are synced before it commits.

        Raises:
            LakeError: Nothing was changed.
        """
        with self.turn:
            refuse_below(self.layout, self.reserve_bytes)
            before = names_in(folders)
            with self.reopen_after_errors("cannot write"), self.cursor() as cursor:
                cursor.execute("begin")
                try:
                    yield cursor
                    added = added_since(before)
                    sync_with_folders(added, self.layout.data, self._known_folders)
                except BaseException:
                    _roll_back(cursor)
                    # DuckLake leaves some, whose rows a later start would recover.
                    for file in added_since(before):
                        file.unlink()
                    raise
                cursor.execute("commit")
                # The first commit after a publish makes the catalog's log anew.
                sync(self.layout.folder)
                self.sums.written(added, self._newest_commit())

    def compact(self) -> None:
        """Keep the catalog from growing with all that was ever deleted from it.

        Raises:
            LakeError: It is as it was.
        """
        with self.turn, self.reopen_after_errors("cannot compact the catalog"):
            refuse_below(self.layout, self.reserve_bytes)
            self.close()
            compact(self.layout)

    def close(self) -> None:
        """Close the catalog; what needs it next opens it again."""
        with self.turn:
            connection, self._connection = self._connection, None
            if connection is not None:
                # After a commit that failed, closing alone would keep the catalog's file taken.
                with contextlib.suppress(duckdb.Error):
                    connection.execute(f"detach {CATALOG}")
                connection.close()

    @contextmanager
    def reopen_after_errors(self, doing: str) -> Iterator[None]:
        """Close the catalog after an error, so that it is reopened; say what failed in *doing*."""
        try:
            with lake_errors(doing):
                yield
        except BaseException:
            self.close()
            raise

    def _newest_commit(self) -> int:
        """Return the number of the newest commit: a third of the cost of asking DuckLake."""
        query = f"select max(snapshot_id) from {METADATA}.ducklake_snapshot"  # noqa: S608
        with self.connection().cursor() as cursor:
            ((number,),) = cursor.execute(query).fetchall()
        return int(number)

    def connection(self) -> duckdb.DuckDBPyConnection:
        """Return the connection, opened if need be; only the thread that has the turn asks.

        Raises:
            LakeError: The catalog is missing or cannot be opened.
        """
        if self._connection is None:
            if self._opened and not self.layout.catalog.exists():
                # DuckLake would begin an empty lake in its place.
                raise LakeError(f"{self.layout.catalog}: missing; restart to restore it")
            self.layout.data.mkdir(exist_ok=True)
            connection = connect(self.memory_limit, self.layout.scratch, threads=self.threads)
            try:
                with lake_errors(f"cannot open {self.layout.catalog}"):
                    attach(connection, self.layout.catalog, self.layout.data)
            except BaseException:
                connection.close()
                raise
            self._connection, self._opened = connection, True
        return self._connection


@contextmanager
def lake_errors(doing: str) -> Iterator[None]:
    """Turn errors of DuckDB and of the disk into a LakeError about *doing* something.

    Raises:
        LakeError: Either raised one.
    """
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise LakeError(f"{doing}: {error}") from error


def hints_at_damage(error: BaseException | None) -> bool:
    """Return whether *error* may come from a file that cannot be read, or from a full disk.

    Of a damaged Parquet file DuckDB says what its parts say, as errors of no kind of their own.
    """
    if isinstance(error, duckdb.IOException) or type(error) is duckdb.Error:
        return True
    return isinstance(error, duckdb.Error) and "Failed to read file" in str(error)


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    """Roll back; what cannot be, ends with the connection."""
    with contextlib.suppress(duckdb.Error):
        cursor.execute("rollback")
