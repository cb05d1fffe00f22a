"""An uploaded record into the lake: its readings, the bars of those, and bars that it has alone.

It goes in as a file's rows do: by time, at most ``CHUNK`` to a commit. What was collected wins.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from analytics.errors import RuleError
from analytics.files.parsed import CHUNK, TIMES
from analytics.lake.bars import known_at
from analytics.lake.imports import Facts
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake
from collector.imports.files import TURN_S, Stored, bars_made, touched_bars
from collector.imports.summary import Progress

KIND = "uploaded record"
"""As the list of imports has it; a later one corrects what an earlier one stored."""

_BARS_ALONE = """
    not exists (
        from snapshots
        where
            snapshots.venue = bars.venue and snapshots.symbol = bars.symbol
            and time_bucket(interval 5 minutes, snapshots.received_ts) = bars.ts
    )
"""
"""Bars that the record has no readings of."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a record comes from."""

    file: str
    sha256: str


def import_upload(
    lake: Lake, upload: Reader, origin: Provenance, progress: Progress, now: datetime
) -> Stored:
    """Import all of *upload*, blocking until it is stored.

    Args:
        lake: Where to; other threads may append to it meanwhile.
        upload: The record.
        origin: Written down of the import.
        progress: Called with the rows stored and the total, before and after every commit. What
            it raises stops the import there; importing again is safe.
        now: Bars that no readings are behind count as known from here on. UTC.

    Raises:
        RuleError: It holds nothing, or times later than *now*; nothing was stored.
        LakeError: The lake took no more; what was stored stays.
    """
    stored, done = Stored(), 0
    with upload.cursor() as cursor:
        facts, total = _facts(cursor, origin, now)

        def beat() -> None:
            progress(done, total)

        beat()
        instruments = cursor.sql("from instruments").to_arrow_table()
        stored.rows.update(lake.append(("instruments", instruments)))
        under_way = lake.importing(facts)
        touched = []
        for piece in _pieces(cursor, "snapshots", "true"):
            touched.append(touched_bars(piece, now))
            stored.take("snapshots", under_way.add_snapshots(piece))
            done += piece.num_rows
            beat()
        for piece in _pieces(cursor, "bars", _BARS_ALONE):
            unstamped = piece.drop_columns(["known_ts", "filled"])
            stored.take("bars", under_way.fill_bars(known_at(unstamped, now)))
            done += piece.num_rows
            beat()
    for bars in bars_made(lake, _once(touched), beat) if touched else ():
        made = under_way.renew_bars(bars)
        stored.rows["bars"] += made.added
        stored.bars_filled += made.changed
        beat()
    stored.number = under_way.number
    return stored


def _facts(
    cursor: duckdb.DuckDBPyConnection, origin: Provenance, now: datetime
) -> tuple[Facts, int]:
    """Return what is written down of it, and how many rows it has."""
    ((first, last, total),) = cursor.sql(
        f"""
        select min(ts), max(ts), count(*)
        from (
            select received_ts as ts from snapshots
            union all
            select ts from bars where {_BARS_ALONE}
        )
        """  # noqa: S608
    ).fetchall()
    plain = now.astimezone(UTC).replace(tzinfo=None)
    if first is None:
        raise RuleError("the uploaded record holds no rows")
    if last > plain:
        raise RuleError(f"the uploaded record ends in the future, at {last:%Y-%m-%d %H:%M} UTC")
    facts = Facts(
        source=KIND,
        kind=KIND,
        file=origin.file,
        sha256=origin.sha256,
        stored_ts=plain,
        first_ts=first,
        last_ts=last,
    )
    return facts, total


def _pieces(cursor: duckdb.DuckDBPyConnection, table: str, which: str) -> Iterator[pa.Table]:
    """Yield the rows of *table* in order of time, day by day, at most ``CHUNK`` at once."""
    name = TIMES[table]
    days = cursor.sql(
        f"select distinct {name}::date as day from {table} where {which} order by day"  # noqa: S608
    ).fetchall()
    for (day,) in days:
        rows = cursor.execute(
            f"from {table} where {which} and {name} between $day::timestamp_ms "  # noqa: S608
            f"and ($day::timestamp + interval 1 day - interval 1 millisecond)::timestamp_ms "
            f"order by {name}",
            {"day": day},
        ).to_arrow_table()
        for start in range(0, rows.num_rows, CHUNK):
            yield rows.slice(start, CHUNK)
            time.sleep(TURN_S)


def _once(touched: list[pa.Table]) -> pa.Table:
    every = pa.concat_tables(touched)
    return every.group_by(every.column_names).aggregate([])
