"""The catalog's file: whether it opens, what replaces it if not, and keeping it small.

Only a damaged catalog is quarantined. One that another program has open,
that may not be read, or that a later DuckDB wrote is left as it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import duckdb

from analytics.errors import LakeError
from analytics.lake import quarantine
from analytics.lake.attach import BLOCK_BYTES, quoted
from analytics.lake.layout import Layout, copy_in_place_of, sync

_LATER_DUCKDB = "database file with version number"


def make_usable(layout: Layout) -> list[str]:
    """Make sure that the catalog opens, or that there is none; return a note on each repair.

    Raises:
        LakeError: It does not open and there is no copy to replace it, or it is not damaged but
            cannot be opened now. Nothing was changed.
    """
    if not layout.catalog.exists():
        return _replaced(layout, "it is missing")
    _refuse_if_held(layout.catalog)
    fault = _fault(layout.catalog)
    if fault is None:
        return []
    notes = []
    if layout.catalog_wal.exists():
        # Without its log, the catalog is what it was at the last publish.
        reason = f"catalog: the log of its last commits was damaged ({fault})"
        notes.append(quarantine.move(layout, [layout.catalog_wal], reason))
        fault = _fault(layout.catalog)
    return notes if fault is None else notes + _replaced(layout, f"it is damaged ({fault})")


def compact(layout: Layout) -> None:
    """Write the catalog anew, without the rows that were deleted from it.

    DuckDB keeps those in tables with a primary key, and looks at them at every checkpoint:
    after some thousand commits a publish costs several times as much. Nobody may have
    the catalog open.

    Raises:
        LakeError: The copy differs; the catalog is as it was.
    """
    fresh = layout.catalog.with_suffix(".new")
    fresh_wal = layout.catalog_wal.with_name("catalog.new.wal")
    try:
        _copy_rows(layout.catalog, fresh)
        # Looked at anew: closing a database hides that a full disk kept it from being written.
        if _contents(layout.catalog) != _contents(fresh) or fresh_wal.exists():
            raise LakeError(f"{layout.catalog}: the compacted copy differs; nothing was changed")
        if layout.catalog_wal.exists():
            raise LakeError(f"{layout.catalog}: its log could not be merged; nothing was changed")
        sync(fresh)
        fresh.replace(layout.catalog)
        sync(layout.folder)
    finally:
        fresh.unlink(missing_ok=True)
        fresh_wal.unlink(missing_ok=True)


def _copy_rows(source: Path, target: Path) -> None:
    """Make a new database at *target* of what is in *source*, as DuckLake makes its own.

    Another storage version than DuckLake's would make DuckDB refuse the log of the
    first commit after the next checkpoint.
    """
    target.unlink(missing_ok=True)
    kind = f"block_size {BLOCK_BYTES}, storage_version 'latest'"
    with duckdb.connect() as connection:
        connection.execute(f"attach {quoted(str(source))} as old")
        connection.execute("checkpoint old")
        connection.execute(f"attach {quoted(str(target))} as fresh ({kind})")
        connection.execute("copy from database old to fresh")
        connection.execute("checkpoint fresh")


def _contents(path: Path) -> dict[str, object]:
    """Return, for each table of the database at *path*, its count of rows and a sum over them."""
    with duckdb.connect(str(path), read_only=True) as database:
        return dict(_of_each_table(database, "(count(*), sum(hash(t)))"))


def _of_each_table(database: duckdb.DuckDBPyConnection, column: str) -> list[tuple[str, object]]:
    """Return each table's name and *column* of it, called ``t``.

    All in one statement: nearly all of the time is that of planning each.
    """
    tables = database.execute("show tables").fetchall()
    parts = [f"select '{table}', {column} from \"{table}\" as t" for (table,) in tables]  # noqa: S608
    return database.execute(" union all ".join(parts)).fetchall() if parts else []


def _refuse_if_held(path: Path) -> None:
    try:
        with path.open("r+b") as file:
            # DuckDB holds a lock of this kind on every file it has open for writing.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise LakeError(f"{path}: another program has the catalog open; close it first") from error
    except OSError as error:
        raise LakeError(f"{path}: cannot be opened ({error.strerror})") from error


def _fault(path: Path, *, read_only: bool = False) -> str | None:
    """Return what is wrong with the catalog at *path*; every block in use is looked at."""
    try:
        with duckdb.connect(str(path), read_only=read_only) as catalog:
            _of_each_table(catalog, "max(hash(t))")
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        if _LATER_DUCKDB in reason:
            raise LakeError(
                f"{path}: a later version of DuckDB wrote this lake; update perpscope, "
                "nothing was changed"
            ) from error
        if isinstance(error, duckdb.OutOfMemoryException) or os.strerror(errno.ENOSPC) in reason:
            raise LakeError(f"{path}: not enough memory or disk to open it: {reason}") from error
        return reason
    return None


def _replaced(layout: Layout, reason: str) -> list[str]:
    """Replace the catalog by the last published copy; by nothing if the lake is empty."""
    published = layout.public.exists() and _fault(layout.public, read_only=True) is None
    if not published and any(layout.data.rglob("*.parquet")):
        raise LakeError(
            f"{layout.catalog}: {reason}, and no published copy of it can be read; restore both "
            f"from a backup. The Parquet files under {layout.data} are untouched"
        )
    if not published and not layout.catalog.exists():
        return []
    instead = "the last published copy replaced it" if published else "an empty lake was started"
    moved = [layout.catalog, layout.catalog_wal]
    note = quarantine.move(layout, moved, f"catalog: {reason}; {instead}")
    if published:
        copy_in_place_of(layout.public, layout.catalog)
    return [note]
