"""Rows into a table, each key once."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from analytics.lake import schema


def insert_new(cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> int:
    """Add those of *rows* whose key is neither stored nor stands earlier in *rows*.

    Runs inside the caller's transaction.

    Args:
        cursor: Of the writer.
        table: Where they belong.
        rows: As ``schema.conform`` gives them.

    Returns:
        How many were added.
    """
    key = schema.KEYS[table]
    same = " and ".join(f"stored.{column} = fresh.{column}" for column in key)
    time = schema.TIMES.get(table)
    bounds: dict[str, datetime] = {}
    if time is not None:
        # Bounded on both sides, so that only files of that stretch of time are opened.
        span = pc.min_max(rows[time]).as_py()
        bounds = {"first": span["min"], "last": span["max"]}
        same += f" and stored.{time} between $first and $last"
    cursor.register("incoming", numbered(rows))
    try:
        statement = f"""
            insert into {table} by name
            select * exclude (nth) from incoming as fresh
            where not exists (select 1 from {table} as stored where {same})
            qualify row_number() over (partition by {", ".join(key)} order by nth) = 1
        """  # noqa: S608 - table and columns come from the schema
        result = cursor.execute(statement, bounds).fetchone()
    finally:
        cursor.unregister("incoming")
    return 0 if result is None else int(result[0])


def numbered(rows: pa.Table) -> pa.Table:
    """Return *rows* with their order in a column ``nth``: SQL itself promises none."""
    return rows.append_column("nth", pa.array(range(rows.num_rows), pa.int64()))
