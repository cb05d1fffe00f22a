"""Upkeep of the lake's files, with the guards that keep it from losing rows.

Every step is compared with what was there before it, inside its own transaction.
Files that a step replaced stay until no reader can still be looking at them.
Nothing here ever frees files regardless of age: DuckLake would then delete those
of a transaction still in flight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from analytics.errors import LakeError
from analytics.lake import schema
from analytics.lake.attach import CATALOG, METADATA

SMALL_BYTES = 1_000_000
"""The hourly merge touches files up to this size: it gathers cycles, not whole days. [bytes]"""

GRACE = timedelta(minutes=10)
"""How long a replaced file stays: far longer than a query or a published copy lives."""

ORPHAN_AGE = timedelta(hours=24)
"""Files no catalog names, left by a crash, are deleted after this."""

Span = tuple[datetime, datetime]
Fingerprint = list[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Step:
    """One call of DuckLake that rearranges the rows of a table."""

    table: str
    call: str
    touched: str
    """SQL for the stretches of time whose rows it rearranges, one row each."""
    files: str
    """SQL for the files that these rows lie in, one row each."""


def steps(*, whole_days: bool) -> Iterator[Step]:
    """Return what is done each hour, and once a day for *whole_days*.

    What is kept in the catalog moves into files, files with deletions are written anew
    without the deleted rows, and small files are merged into sorted ones.
    """
    for table in schema.INLINED_ROWS.keys() & schema.KEYS.keys():
        flush = f"ducklake_flush_inlined_data('{CATALOG}', table_name => '{table}')"
        yield Step(table, flush, "", "")
    if whole_days:
        for table in ("instruments", "bars"):
            rewrite = f"ducklake_rewrite_data_files('{CATALOG}', '{table}', delete_threshold => 0)"
            yield Step(table, rewrite, _SPANS_WITH_DELETIONS, _FILES_WITH_DELETIONS)
    limit = "" if whole_days else f", max_file_size => {SMALL_BYTES}"
    for table in schema.KEYS:
        merge = f"ducklake_merge_adjacent_files('{CATALOG}', '{table}'{limit})"
        largest = 2**62 if whole_days else SMALL_BYTES
        spans, files = (query.format(bytes=largest) for query in (_SPANS_TO_MERGE, _FILES_TO_MERGE))
        yield Step(table, merge, spans, files)


def run_step(cursor: duckdb.DuckDBPyConnection, step: Step) -> None:
    """Run *step* inside the caller's transaction.

    Raises:
        LakeError: It would have changed the rows; the caller rolls it back.
    """
    stretches = spans(cursor, step)
    before = fingerprint(cursor, step.table, stretches)
    cursor.execute(f"call {step.call}").fetchall()
    compare(step.table, before, fingerprint(cursor, step.table, stretches))


def sources(cursor: duckdb.DuckDBPyConnection, step: Step) -> list[str]:
    """Return the files that *step* rearranges the rows of, by their paths below the data's."""
    if not step.files:
        return []
    return [name for (name,) in cursor.execute(step.files, {"table": step.table}).fetchall()]


def free(cursor: duckdb.DuckDBPyConnection, now: datetime, published: datetime | None) -> None:
    """Forget old versions of the lake and delete the files that only they needed.

    Args:
        cursor: Of the writer.
        now: The wall time, UTC.
        published: The wall time of the last publish, UTC: readers may still look at every
            file that was replaced since. None if there was none.
    """
    wall = now if now.tzinfo else now.replace(tzinfo=UTC)
    for call, before in (
        ("ducklake_expire_snapshots", wall - GRACE),
        ("ducklake_cleanup_old_files", min(wall, published or wall) - GRACE),
        ("ducklake_delete_orphaned_files", wall - ORPHAN_AGE),
    ):
        # The answers hold TIMESTAMPTZ, which Python only reads with pytz: count them instead.
        query = f"select count(*) from {call}('{CATALOG}', older_than => $before)"  # noqa: S608
        cursor.execute(query, {"before": before}).fetchall()


def fingerprint(cursor: duckdb.DuckDBPyConnection, table: str, spans: list[Span]) -> Fingerprint:
    """Return, for each of *spans*, the count of *table*'s rows and a sum over all their values."""
    columns = ", ".join(f'"{name}"' for name in schema.arrow_schema(table).names)
    query = f"select count(*), sum(hash({columns})) from {table}"  # noqa: S608
    if table in schema.TIMES:
        query += f" where {schema.TIMES[table]} between $first and $last"
        return [
            row
            for first, last in spans
            for row in cursor.execute(query, {"first": first, "last": last}).fetchall()
        ]
    return cursor.execute(query).fetchall()


def compare(table: str, before: Fingerprint, after: Fingerprint) -> None:
    """Refuse a step after which the rows of *table* are not what they were.

    Raises:
        LakeError: They differ.
    """
    if before != after:
        raise LakeError(
            f"maintenance of {table} was rolled back, as it changed rows: (count, hash) was "
            f"{before}, would be {after}"
        )


def spans(cursor: duckdb.DuckDBPyConnection, step: Step) -> list[Span]:
    """Return the stretches of time whose rows *step* rearranges; none if it has nothing to do."""
    time = schema.TIMES.get(step.table, "")
    if step.touched:
        known = {"table": step.table, "time": time}
        return cursor.execute(step.touched, known).fetchall()
    kept = cursor.execute(_KEPT_IN_CATALOG, {"table": step.table}).fetchall()
    found: list[Span] = []
    for (name,) in kept:
        found += cursor.execute(
            f"select min({time}), max({time}) from {METADATA}.{name} "  # noqa: S608
            f"having count(*) > 0"
        ).fetchall()
    return found


_LIVE_FILES = f"""
    select file.data_file_id, file.table_id, file.file_size_bytes,
        regexp_replace(file.path, '[^/]*$', '') as folder,
        home.path || stored.path || file.path as path
    from {METADATA}.ducklake_data_file as file
    join {METADATA}.ducklake_table as stored using (table_id)
    join {METADATA}.ducklake_schema as home using (schema_id)
    where stored.table_name = $table
        and file.end_snapshot is null and stored.end_snapshot is null
        and home.end_snapshot is null and file.path_is_relative
"""  # noqa: S608 - a constant

_TIMES = f"""
    select stats.data_file_id,
        stats.min_value::timestamp as first_ts, stats.max_value::timestamp as last_ts
    from {METADATA}.ducklake_file_column_stats as stats
    join {METADATA}.ducklake_column as kind using (table_id, column_id)
    where kind.column_name = $time and kind.end_snapshot is null
"""  # noqa: S608 - a constant

_SPANS_TO_MERGE = f"""
    with files as ({_LIVE_FILES}), times as ({_TIMES})
    select min(first_ts), max(last_ts)
    from files left join times using (data_file_id)
    where file_size_bytes <= {{bytes}}
    group by folder having count(*) > 1
"""  # noqa: S608 - a constant

_SPANS_WITH_DELETIONS = f"""
    with files as ({_LIVE_FILES}), times as ({_TIMES})
    select min(first_ts), max(last_ts)
    from files left join times using (data_file_id)
    where data_file_id in (
        select data_file_id from {METADATA}.ducklake_delete_file where end_snapshot is null
    )
    group by folder
"""  # noqa: S608 - a constant

_FILES_TO_MERGE = f"""
    with files as ({_LIVE_FILES})
    select path from files where file_size_bytes <= {{bytes}}
    qualify count(*) over (partition by folder) > 1
"""  # noqa: S608 - a constant

_FILES_WITH_DELETIONS = f"""
    with files as ({_LIVE_FILES})
    select path from files where data_file_id in (
        select data_file_id from {METADATA}.ducklake_delete_file where end_snapshot is null
    )
    union all
    select home.path || stored.path || file.path
    from {METADATA}.ducklake_delete_file as file
    join {METADATA}.ducklake_table as stored using (table_id)
    join {METADATA}.ducklake_schema as home using (schema_id)
    where stored.table_name = $table and file.end_snapshot is null and file.path_is_relative
        and stored.end_snapshot is null and home.end_snapshot is null
"""  # noqa: S608 - a constant

_KEPT_IN_CATALOG = f"""
    select kept.table_name
    from {METADATA}.ducklake_inlined_data_tables as kept
    join {METADATA}.ducklake_table as stored using (table_id)
    where stored.table_name = $table and stored.end_snapshot is null
"""  # noqa: S608 - a constant
