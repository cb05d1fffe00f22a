"""Bars that are completed piece by piece.

A bar's columns can come from several files: prices from one, open interest from
another. What is there stays; only what is NULL is filled.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from analytics.lake import schema
from analytics.lake.insert import numbered

_KEY = ", ".join(schema.KEYS["bars"])
_NOT_FILLED = (*schema.KEYS["bars"], "base", "origin", "snapshot_count")


def fill(cursor: duckdb.DuckDBPyConnection, rows: pa.Table) -> tuple[int, int]:
    """Add the bars of *rows* that are new and fill the NULLs of those that are not.

    Rows for the same bar complete each other, earlier ones first. Runs inside the
    caller's transaction. A filled bar is deleted and written again, since a row of
    a Parquet file cannot be changed in place.

    Args:
        cursor: Of the writer.
        rows: As ``schema.conform`` gives them.

    Returns:
        How many bars were added, and how many were filled.
    """
    span = pc.min_max(rows["ts"]).as_py()
    bounds = {"first": span["min"], "last": span["max"]}
    cursor.register("incoming", numbered(rows))
    try:
        cursor.execute(_one_row_a_bar(rows.column_names))
        cursor.execute(_to_fill(rows.column_names), bounds)
        added = _count(cursor.execute(_INSERT_NEW, bounds))
        filled = _count(cursor.execute("select count(*) from filled"))
        if filled:
            cursor.execute(_DELETE_FILLED, bounds)
            cursor.execute("insert into bars by name from filled")
        cursor.execute("drop table filled")
        cursor.execute("drop table fresh_bars")
    finally:
        cursor.unregister("incoming")
    return added, filled


def _one_row_a_bar(names: list[str]) -> str:
    """Return SQL that keeps, as ``fresh_bars``, the first known value of each column of a bar."""
    values = ", ".join(
        f"arg_min({name}, nth) as {name}" for name in names if name not in schema.KEYS["bars"]
    )
    return f"""
        create temp table fresh_bars as
        select {_KEY}, {values} from incoming group by {_KEY}
    """  # noqa: S608 - columns come from the schema


def _to_fill(names: list[str]) -> str:
    """Return SQL that keeps, as ``filled``, the stored bars that gain something, completed."""
    given = [name for name in names if name not in _NOT_FILLED]
    completed = ", ".join(f"coalesce(stored.{name}, fresh.{name}) as {name}" for name in given)
    gains = [f"(stored.{name} is null and fresh.{name} is not null)" for name in given]
    return f"""
        create temp table filled as
        select stored.* {f"replace ({completed})" if given else ""}
        from bars as stored
        join fresh_bars as fresh using ({_KEY})
        where stored.ts between $first and $last and ({" or ".join(gains) or "false"})
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
    select * from fresh_bars as fresh
    where not exists (
        select 1 from bars as stored
        where stored.ts between $first and $last and stored.venue = fresh.venue
        and stored.symbol = fresh.symbol and stored.ts = fresh.ts
    )
"""


def _count(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    return 0 if row is None else int(row[0])
