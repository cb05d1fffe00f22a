"""Combining bars: filling what is NULL, or replacing values, and noting when each became known.

A bar's columns can come from several files: prices from one, open interest from
another. Those fill what is NULL, and what is there stays. A bar made of our own
snapshots is made anew when late ones arrive: then the fresh figures win, and
only what the snapshots do not know stays as it was.

A bar is known from its ``known_ts`` on, or from its end where that is NULL. What
came to it later than that stands in ``filled`` with its time. What a fresh figure
replaced is not kept: before the fresh one became known, that value is absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, Protocol

import duckdb
import pyarrow as pa

from analytics.lake import schema
from analytics.lake.insert import bounds, keep_new, numbered, write

_KEY = ", ".join(schema.KEYS["bars"])
_KNOWN: Final = ("known_ts", "filled")
_NOT_FILLED = (*schema.KEYS["bars"], "base", "origin", "snapshot_count", *_KNOWN)


def figures(table: str) -> tuple[str, ...]:
    """Return the columns of *table* that are figures, and may be absent."""
    return tuple(field.name for field in schema.arrow_schema(table) if field.type == pa.float64())


VALUES: Final = figures("bars")
"""The columns of a bar that may be absent, and be filled in later."""


def known_at(rows: pa.Table, moment: datetime) -> pa.Table:
    """Return *rows* of bars as ones that became known at *moment*."""
    field = schema.arrow_schema("bars").field("known_ts")
    stamp = pa.scalar(moment.astimezone(UTC).replace(tzinfo=None), pa.timestamp("us"))
    values = pa.repeat(stamp, rows.num_rows).cast(field.type, safe=False)
    return rows.append_column(field, values)


Wins = Literal["stored", "fresh"]
"""Whose figure counts where both have one."""


class Journal(Protocol):
    """Hears of the rows that change before anything of them is written."""

    def stored(self, cursor: duckdb.DuckDBPyConnection, names: Sequence[str]) -> str:
        """Return the relation of stored rows, NULL where ``fresh_rows`` may replace *names*."""

    def note(self, cursor: duckdb.DuckDBPyConnection, names: Sequence[str]) -> None:
        """Write down ``new_rows`` and ``changed_rows``, whose *names* are given."""


def combine(
    cursor: duckdb.DuckDBPyConnection,
    rows: pa.Table,
    *,
    wins: Wins,
    journal: Journal | None = None,
) -> tuple[int, int]:
    """Add the bars of *rows* that are new, and combine the others with what is stored.

    Rows for the same bar complete each other, earlier ones first. Runs inside the
    caller's transaction.

    Args:
        cursor: Of the writer.
        rows: As ``schema.conform`` gives them; ``known_ts`` says when they became known.
        wins: ``stored`` fills only what is NULL, and keeps origin and count;
            ``fresh`` takes every figure of *rows* that is known.
        journal: Told of what changes before it is written, if given.

    Returns:
        How many bars were added, and how many were changed.
    """
    for field in (schema.arrow_schema("bars").field(name) for name in _KNOWN):
        if field.name not in rows.column_names:
            rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
    names = [name for name in VALUES if name in rows.column_names]
    within = bounds("bars", rows)
    cursor.register("incoming", numbered(rows))
    try:
        cursor.execute(_one_row_a_bar(rows))
        stored = journal.stored(cursor, names) if journal and wins == "stored" else "bars"
        cursor.execute(_changed(rows.column_names, wins, stored), within)
        keep_new(cursor, "bars", within)
        if journal:
            journal.note(cursor, names)
        outcome = write(cursor, "bars", within)
        for table in ("fresh_rows", "new_rows", "changed_rows"):
            cursor.execute(f"drop table {table}")
    finally:
        cursor.unregister("incoming")
    return outcome


def _one_row_a_bar(rows: pa.Table) -> str:
    """Return SQL that keeps, as ``fresh_rows``, the first known value of each column of a bar."""
    names = rows.column_names
    if rows.group_by(list(schema.KEYS["bars"])).aggregate([]).num_rows == rows.num_rows:
        return "create temp table fresh_rows as select * exclude (nth) from incoming"
    values = ", ".join(
        f"arg_min({name}, nth) as {name}" for name in names if name not in schema.KEYS["bars"]
    )
    return f"""
        create temp table fresh_rows as
        select {_KEY}, {values} from incoming group by {_KEY}
    """  # noqa: S608 - columns come from the schema


def _changed(names: list[str], wins: Wins, stored: str) -> str:
    """Return SQL that keeps, as ``changed_rows``, *stored* bars that change, as they will be."""
    left_alone = _NOT_FILLED if wins == "stored" else (*schema.KEYS["bars"], *_KNOWN)
    given = [name for name in names if name not in left_alone]
    first, second = ("stored", "fresh") if wins == "stored" else ("fresh", "stored")
    values = {name: f"coalesce({first}.{name}, {second}.{name})" for name in given}
    if "origin" in values:
        # A bar that holds snapshots of ours stays ours, whatever was imported beside them.
        values["origin"] = f"if(stored.origin = 'live', 'live', {values['origin']})"
    changes = [f"(stored.{name} is distinct from {value})" for name, value in values.items()]
    # A bar that more snapshots went into than are left knows better.
    unless = "" if wins == "stored" else " and fresh.snapshot_count >= stored.snapshot_count"
    values |= {"known_ts": _ROW_KNOWN_TS, "filled": _filled(values)}
    combined = ", ".join(f"{value} as {name}" for name, value in values.items())
    return f"""
        create temp table changed_rows as
        select stored.* replace ({combined})
        from {stored} as stored
        join fresh_rows as fresh using ({_KEY})
        where stored.ts between $first and $last and ({" or ".join(changes) or "false"}){unless}
    """  # noqa: S608 - columns come from the schema


_END = "(stored.ts + interval 5 minutes)::timestamp_ms"
_ROW_KNOWN_TS = """
    case
        when stored.origin = 'live' then stored.known_ts
        when stored.known_ts is null or fresh.known_ts is null then null
        else least(stored.known_ts, fresh.known_ts)
    end
"""


def _filled(values: dict[str, str]) -> str:
    """Return SQL for when each value of a combined bar became known, where later than the bar.

    Args:
        values: SQL of the combined columns, by name; what is not among them stays as stored.
    """
    entries = []
    for name in VALUES:
        known_ts = f"coalesce(stored.filled['{name}'], stored.known_ts)"
        if name in values:
            fresh_ts = f"coalesce(fresh.filled['{name}'], fresh.known_ts)"
            is_fresh = f"stored.{name} is distinct from {values[name]}"
            known_ts = f"if({is_fresh}, {fresh_ts}, {known_ts})"
        known_ts = f"if({values.get(name, f'stored.{name}')} is null, null, {known_ts})"
        entries.append(f"{{'name': '{name}', 'ts': {known_ts}}}")
    later = (
        f"list_filter([{', '.join(entries)}], "
        f"lambda one: one.ts > coalesce({_ROW_KNOWN_TS}, {_END}))"
    )
    return f"nullif(map_from_entries({later}), map {{}})"
