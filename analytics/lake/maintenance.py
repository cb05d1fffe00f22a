"""Upkeep of the lake's files, with the guards that keep it from losing rows.

Every merge is compared with what was there before it, inside its own
transaction. Files that a merge replaced stay until no reader can still be
looking at them. Nothing here ever frees files regardless of age: DuckLake would
then delete those of a transaction still in flight.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb

from analytics.errors import LakeError
from analytics.lake import schema
from analytics.lake.attach import CATALOG

SMALL_BYTES = 1_000_000
"""The hourly merge touches files up to this size: it gathers cycles, not whole days. [bytes]"""

GRACE = timedelta(hours=1)
"""How long a replaced file stays: far longer than a query or a published copy lives."""

ORPHAN_AGE = timedelta(hours=24)
"""Files no catalog names, left by a crash, are deleted after this."""


def flush(cursor: duckdb.DuckDBPyConnection, table: str) -> None:
    """Move *table*'s rows from the catalog into a Parquet file."""
    before = _fingerprint(cursor, table)
    cursor.execute(
        f"call ducklake_flush_inlined_data('{CATALOG}', table_name => $table_name)",
        {"table_name": table},
    ).fetchall()
    _compare(table, before, _fingerprint(cursor, table))


def merge(cursor: duckdb.DuckDBPyConnection, table: str, *, whole_days: bool) -> None:
    """Merge *table*'s small files inside the caller's transaction; merged files are sorted.

    Raises:
        LakeError: The merge would have changed the rows; the caller rolls it back.
    """
    before = _fingerprint(cursor, table)
    limit = "" if whole_days else f", max_file_size => {SMALL_BYTES}"
    cursor.execute(f"call ducklake_merge_adjacent_files('{CATALOG}', '{table}'{limit})").fetchall()
    _compare(table, before, _fingerprint(cursor, table))


def free(cursor: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Forget old versions of the lake and delete the files that only they needed.

    Args:
        now: The wall time, UTC.
    """
    for call, age in (
        ("ducklake_expire_snapshots", GRACE),
        ("ducklake_cleanup_old_files", GRACE),
        ("ducklake_delete_orphaned_files", ORPHAN_AGE),
    ):
        # The answers hold TIMESTAMPTZ, which Python only reads with pytz: count them instead.
        cursor.execute(
            f"select count(*) from {call}('{CATALOG}', older_than => "
            f"timestamptz '{(now - age).isoformat()}')"
        ).fetchall()


def _fingerprint(cursor: duckdb.DuckDBPyConnection, table: str) -> tuple[object, ...] | None:
    """Return the count of *table*'s rows and a sum over their keys."""
    key = ", ".join(schema.KEYS.get(table, ("key",)))
    return cursor.execute(f"select count(*), sum(hash({key})) from {table}").fetchone()  # noqa: S608


def _compare(
    table: str, before: tuple[object, ...] | None, after: tuple[object, ...] | None
) -> None:
    if before != after:
        raise LakeError(
            f"maintenance of {table} would have changed its rows: {before} before, {after} after"
        )
