"""Bars that are completed piece by piece.

A bar's columns can come from several files: prices from one, open interest from
another. What is there stays; only what is NULL is filled.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from analytics.lake import schema

_NOT_FILLED = (*schema.KEYS["bars"], "base", "origin", "snapshot_count")


def fill(cursor: duckdb.DuckDBPyConnection, rows: pa.Table) -> tuple[int, int]:
    """Add the bars of *rows* that are new and fill the NULLs of those that are not.

    Runs inside the caller's transaction. A filled bar is deleted and written
    again, since a row of a Parquet file cannot be changed in place.

    Returns:
        How many bars were added, and how many were filled.
    """
    given = [name for name in rows.column_names if name not in _NOT_FILLED]
    span = pc.min_max(rows["ts"]).as_py()
    bounds = {"first": span["min"], "last": span["max"]}
    cursor.register("incoming", rows)
    try:
        cursor.execute(_to_fill(given), bounds)
        added = _count(cursor.execute(_INSERT_NEW, bounds))
        filled = _count(cursor.execute("select count(*) from filled"))
        if filled:
            cursor.execute(_DELETE_FILLED, bounds)
            cursor.execute("insert into bars by name from filled")
        cursor.execute("drop table filled")
    finally:
        cursor.unregister("incoming")
    return added, filled


def _to_fill(given: list[str]) -> str:
    """Return SQL that keeps, as ``filled``, the stored bars that gain something, completed."""
    completed = ", ".join(f"coalesce(stored.{name}, fresh.{name}) as {name}" for name in given)
    gains = " or ".join(f"(stored.{name} is null and fresh.{name} is not null)" for name in given)
    return f"""
        create temp table filled as
        select stored.* replace ({completed})
        from bars as stored
        join incoming as fresh using (venue, symbol, ts)
        where stored.ts between $first and $last and ({gains})
    """  # noqa: S608 - columns come from the schema


_DELETE_FILLED = """
    delete from bars
    where ts between $first and $last
    and exists (
        select 1 from filled
        where filled.venue = bars.venue and filled.symbol = bars.symbol and filled.ts = bars.ts
    )
"""

_INSERT_NEW = """
    insert into bars by name
    select * from incoming as fresh
    where not exists (
        select 1 from bars as stored
        where stored.ts between $first and $last and stored.venue = fresh.venue
        and stored.symbol = fresh.symbol and stored.ts = fresh.ts
    )
"""


def _count(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    return 0 if row is None else int(row[0])
