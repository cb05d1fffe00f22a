"""Bars that are completed piece by piece, or made anew.

A bar's columns can come from several files: prices from one, open interest from
another. Those fill what is NULL, and what is there stays. A bar made of our own
snapshots is made anew when late ones arrive: then the fresh figures win, and
only what the snapshots do not know stays as it was.
"""

from __future__ import annotations

from typing import Literal

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from analytics.lake import schema
from analytics.lake.insert import numbered

_KEY = ", ".join(schema.KEYS["bars"])
_NOT_FILLED = (*schema.KEYS["bars"], "base", "origin", "snapshot_count")

Wins = Literal["stored", "fresh"]
"""Whose figure counts where both have one."""


def combine(cursor: duckdb.DuckDBPyConnection, rows: pa.Table, *, wins: Wins) -> tuple[int, int]:
    """Add the bars of *rows* that are new, and combine the others with what is stored.

    Rows for the same bar complete each other, earlier ones first. Runs inside the
    caller's transaction. A changed bar is deleted and written again, since a row of
    a Parquet file cannot be changed in place.

    Args:
        cursor: Of the writer.
        rows: As ``schema.conform`` gives them.
        wins: ``stored`` fills only what is NULL, and keeps origin and count;
            ``fresh`` takes every figure of *rows* that is known.

    Returns:
        How many bars were added, and how many were changed.
    """
    span = pc.min_max(rows["ts"]).as_py()
    bounds = {"first": span["min"], "last": span["max"]}
    cursor.register("incoming", numbered(rows))
    try:
        cursor.execute(_one_row_a_bar(rows.column_names))
        cursor.execute(_changed(rows.column_names, wins), bounds)
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


def _changed(names: list[str], wins: Wins) -> str:
    """Return SQL that keeps, as ``filled``, the stored bars that change, as they will be."""
    left_alone = _NOT_FILLED if wins == "stored" else schema.KEYS["bars"]
    given = [name for name in names if name not in left_alone]
    first, second = ("stored", "fresh") if wins == "stored" else ("fresh", "stored")
    values = {name: f"coalesce({first}.{name}, {second}.{name})" for name in given}
    if "origin" in values:
        # A bar that holds snapshots of ours stays ours, whatever was imported beside them.
        values["origin"] = f"if(stored.origin = 'live', 'live', {values['origin']})"
    combined = ", ".join(f"{value} as {name}" for name, value in values.items())
    changes = [f"(stored.{name} is distinct from {value})" for name, value in values.items()]
    # A bar that more snapshots went into than are left knows better.
    unless = "" if wins == "stored" else " and fresh.snapshot_count >= stored.snapshot_count"
    return f"""
        create temp table filled as
        select stored.* {f"replace ({combined})" if given else ""}
        from bars as stored
        join fresh_bars as fresh using ({_KEY})
        where stored.ts between $first and $last and ({" or ".join(changes) or "false"}){unless}
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
