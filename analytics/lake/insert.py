"""Rows into a table, each key once."""

from __future__ import annotations

from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.lake import schema


class Frontier:
    """Up to when a table may hold rows, venue by venue.

    Rows later than that are new for sure. Cycles nearly always are, and looking up
    whether they are stored would cost as much as storing them.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Start from the newest row of each table, as *cursor* of the writer sees it."""
        self._tables: dict[str, datetime | None] = {}
        for table, time in schema.TIMES.items():
            query = f"select max({time}) from {table}"  # noqa: S608 - names of the schema
            ((newest,),) = cursor.execute(query).fetchall()
            self._tables[table] = newest
        self._venues: dict[tuple[str, str], datetime] = {}

    def advance(self, table: str, rows: pa.Table) -> bool:
        """Move on to *rows*, which are about to be stored; return whether all lay beyond.

        It moves even if they then fail to be stored: a commit that failed may have
        reached the disk after all.
        """
        if table not in schema.TIMES:
            return False
        time = schema.TIMES[table]
        spans = rows.select(["venue", time]).group_by("venue", use_threads=False)
        beyond = True
        for venue, first, last in zip(
            *spans.aggregate([(time, "min"), (time, "max")]).to_pydict().values(), strict=True
        ):
            known = self._venues.get((table, venue), self._tables[table])
            beyond = beyond and (known is None or first > known)
            self._venues[table, venue] = last if known is None else max(known, last)
        return beyond


def insert_new(
    cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table, frontier: Frontier
) -> int:
    """Add those of *rows* whose key is neither stored nor stands earlier in *rows*.

    Runs inside the caller's transaction.

    Args:
        cursor: Of the writer.
        table: Where they belong.
        rows: As ``schema.conform`` gives them.
        frontier: Of the same lake.

    Returns:
        How many were added.
    """
    statement = f"insert into {table} by name select * from incoming as fresh"  # noqa: S608
    bounds: dict[str, datetime] = {}
    if not frontier.advance(table, rows):
        condition, bounds = _not_stored(table, rows)
        statement += f" where {condition}"
    cursor.register("incoming", each_key_once(table, rows))
    try:
        result = cursor.execute(statement, bounds).fetchone()
    finally:
        cursor.unregister("incoming")
    return 0 if result is None else int(result[0])


def numbered(rows: pa.Table) -> pa.Table:
    """Return *rows* with their order in a column ``nth``: neither SQL nor Arrow promises one."""
    return rows.append_column("nth", pa.array(np.arange(rows.num_rows)))


def each_key_once(table: str, rows: pa.Table) -> pa.Table:
    """Return the first of *rows* for each key."""
    keys = numbered(rows).group_by(list(schema.KEYS[table])).aggregate([("nth", "min")])
    if keys.num_rows == rows.num_rows:
        return rows
    return rows.take(keys["nth_min"].sort())


def _not_stored(table: str, rows: pa.Table) -> tuple[str, dict[str, datetime]]:
    """Return the SQL condition that a row is not in *table*, and its parameters."""
    same = " and ".join(f"stored.{column} = fresh.{column}" for column in schema.KEYS[table])
    bounds: dict[str, datetime] = {}
    time = schema.TIMES.get(table)
    if time is not None:
        # Bounded on both sides, so that only files of that stretch of time are opened.
        span = pc.min_max(rows[time]).as_py()
        bounds = {"first": span["min"], "last": span["max"]}
        same += f" and stored.{time} between $first and $last"
    return f"not exists (select 1 from {table} as stored where {same})", bounds  # noqa: S608
