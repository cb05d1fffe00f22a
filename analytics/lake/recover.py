"""Recovery of rows in Parquet files that the catalog does not list.

A catalog that lost its last commits, or was put back from a backup, does not name
the newest Parquet files. Their rows are what venues said, and keys make it harmless
to add them once more, so they are added whenever a lake is opened. So are the rows
of a killed writer's last append, as far as they reached the disk: the append never
returned, but a venue did say them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from analytics.errors import LakeError
from analytics.lake import schema
from analytics.lake.attach import METADATA
from analytics.lake.checksums import Checksums
from analytics.lake.layout import Layout

TABLES = (
    *("snapshots", "bars", "cycles", "liquidations", "gaps"),
    *("alert_events", "alert_actions", "alert_deliveries", "trades"),
)
"""Tables whose rows cannot be fetched again; instruments are, every hour."""

_LISTED = f"""
    select home.path || stored.path || file.path as path, file.end_snapshot is null as is_live
    from {METADATA}.ducklake_data_file as file
    join {METADATA}.ducklake_table as stored using (table_id)
    join {METADATA}.ducklake_schema as home using (schema_id)
    where file.path_is_relative
    union all
    select path, false
    from {METADATA}.ducklake_files_scheduled_for_deletion where path_is_relative
"""  # noqa: S608 - a constant


def unlisted_files(
    cursor: duckdb.DuckDBPyConnection, layout: Layout, *, replaced_too: bool
) -> list[tuple[str, Path]]:
    """Return (table, path) for each file that may hold rows the lake lost.

    Args:
        cursor: Of the writer.
        layout: Where the lake lies.
        replaced_too: Also those that a merge replaced, since what it made is damaged.
    """
    query = f"select path from ({_LISTED}) where is_live or not $replaced_too"  # noqa: S608
    names = cursor.execute(query, {"replaced_too": replaced_too}).fetchall()
    listed = {layout.data / name for (name,) in names}
    return [
        (table, path)
        for table in TABLES
        for path in sorted(set(layout.home(table).rglob("*.parquet")) - listed)
        if not path.name.endswith("-delete.parquet")
    ]


def recover_rows(sums: Checksums, table: str, path: Path, store: Callable[[pa.Table], int]) -> int:
    """Hand *store* the rows of *table* in the file at *path*; return how many it added.

    Args:
        sums: The checksums of the lake's files.
        table: One of ``TABLES``.
        path: Of a Parquet file.
        store: Adds those of some rows that the lake lacks, and returns how many.

    Raises:
        LakeError: The file is damaged within, or the lake cannot store its rows now.
    """
    count = 0
    try:
        if sums.is_known(path) and (fault := sums.fault(path)) is not None:
            raise LakeError(fault)
        for rows in _rows_in(path, table):
            count += store(rows)
    except (LakeError, OSError, pa.ArrowException) as error:
        raise LakeError(f"{table}: rows of {path.name} cannot be recovered: {error}") from error
    return count


def _rows_in(path: Path, table: str) -> Iterator[pa.Table]:
    """Return the rows of *table* in the file at *path*, in parts that fit in memory.

    None, if a crash left only a part of the file.
    """
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException):
        return
    with file:
        columns = [name for name in schema.arrow_schema(table).names if name in file.schema.names]
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns=columns)


def drop_superseded(cursor: duckdb.DuckDBPyConnection, table: str) -> None:
    """Keep the youngest row of each key of *table*, whose deletions were lost.

    Runs inside the caller's transaction. DuckLake numbers rows in the order they
    came in, and a row that replaced another came later.
    """
    key = ", ".join(schema.KEYS[table])
    cursor.execute(
        f"delete from {table} where rowid in (select rowid from {table} "  # noqa: S608
        f"qualify row_number() over (partition by {key} order by rowid desc) > 1)"
    )
