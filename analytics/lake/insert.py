"""Inserting rows into a table, each key once."""

from __future__ import annotations

from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.lake import schema


class NewestTimes:
    """The newest time of each table, venue by venue.

    Rows later than that are certainly new. Cycles nearly always are, and looking up
    whether they are stored would cost as much as storing them. What is stored already is
    read once for each table, before the first rows are added to it.
    """

    def __init__(self) -> None:
        self._tables: dict[str, datetime | None] = {}
        self._venues: dict[tuple[str, str], datetime] = {}

    def advance(self, cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> bool:
        """Take *rows* into account, which are about to be stored; return whether all are newer.

        It does so even if they then fail to be stored: a commit that failed may have
        reached the disk after all.
        """
        if table not in schema.TIMES or not _is_by_venue(table):
            return False
        time = schema.TIMES[table]
        if table not in self._tables:
            query = f"select max({time}) from {table}"  # noqa: S608 - names of the schema
            ((self._tables[table],),) = cursor.execute(query).fetchall()
        spans = rows.select(["venue", time]).group_by("venue", use_threads=False)
        are_newer = True
        for venue, first, last in zip(
            *spans.aggregate([(time, "min"), (time, "max")]).to_pydict().values(), strict=True
        ):
            known = self._venues.get((table, venue), self._tables[table])
            are_newer = are_newer and (known is None or first > known)
            self._venues[table, venue] = last if known is None else max(known, last)
        return are_newer


def _is_by_venue(table: str) -> bool:
    """Return whether each row of *table* is of a venue: what people did about alerts is not."""
    columns = schema.arrow_schema(table)
    return "venue" in columns.names and not columns.field("venue").nullable


def insert_new(
    cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table, newest_times: NewestTimes
) -> int:
    """Add those of *rows* whose key is neither stored nor stands earlier in *rows*.

    Runs inside the caller's transaction.

    Args:
        cursor: Of the writer.
        table: Where they belong.
        rows: As ``schema.conform`` gives them.
        newest_times: Of the same lake.

    Returns:
        How many were added.
    """
    statement = f"insert into {table} by name select * from incoming as fresh"  # noqa: S608
    bounds: dict[str, datetime] = {}
    if not newest_times.advance(cursor, table, rows):
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


def bounds(table: str, rows: pa.Table) -> dict[str, datetime]:
    """Return the earliest and the latest time of *rows* as the parameters first and last.

    What is looked up of a table within them opens the files of that stretch of time alone.
    """
    span = pc.min_max(rows[schema.TIMES[table]]).as_py()
    return {"first": span["min"], "last": span["max"]}


def keep_new(cursor: duckdb.DuckDBPyConnection, table: str, within: dict[str, datetime]) -> None:
    """Keep as ``new_rows`` those of ``fresh_rows`` whose key is not in *table*; see `bounds`."""
    cursor.execute(
        f"create temp table new_rows as select * from fresh_rows as fresh "  # noqa: S608
        f"where not exists (select 1 from {table} as stored where {_same(table, 'fresh')} "
        f"and stored.{schema.TIMES[table]} between $first and $last)",
        within,
    )


def delete_same(
    cursor: duckdb.DuckDBPyConnection, table: str, keys: str, within: dict[str, datetime]
) -> None:
    """Delete the rows of *table* whose key is in the relation *keys*; see `bounds`."""
    cursor.execute(
        f"delete from {table} as stored where stored.{schema.TIMES[table]} between $first "  # noqa: S608
        f"and $last and exists (select 1 from {keys} as gone where {_same(table, 'gone')})",
        within,
    )


def write(
    cursor: duckdb.DuckDBPyConnection, table: str, within: dict[str, datetime]
) -> tuple[int, int]:
    """Write ``new_rows``, and ``changed_rows`` in the place of what was stored of their keys.

    A row of a Parquet file cannot be changed in place: it is deleted and written again.

    Returns:
        How many rows were added, and how many were changed.
    """
    ((changed,),) = cursor.execute("select count(*) from changed_rows").fetchall()
    if changed:
        delete_same(cursor, table, "changed_rows", within)
        cursor.execute(f"insert into {table} by name from changed_rows")  # noqa: S608
    ((added,),) = cursor.execute(
        f"insert into {table} by name from new_rows"  # noqa: S608
    ).fetchall()
    return added, changed


def _same(table: str, other: str) -> str:
    """Return the SQL condition that a row of *other* has the key of one called ``stored``."""
    return " and ".join(f"stored.{column} = {other}.{column}" for column in schema.KEYS[table])


def _not_stored(table: str, rows: pa.Table) -> tuple[str, dict[str, datetime]]:
    """Return the SQL condition that a row is not in *table*, and its parameters."""
    same = _same(table, "fresh")
    if (time := schema.TIMES.get(table)) is None:
        return f"not exists (select 1 from {table} as stored where {same})", {}  # noqa: S608
    same += f" and stored.{time} between $first and $last"
    return f"not exists (select 1 from {table} as stored where {same})", bounds(table, rows)  # noqa: S608
