"""Upgrades: how stored rows of an older lake are changed, beside getting new columns.

A step runs once, in the commit that also writes the lake's new version, so that a start
that is cut short neither loses it nor takes it twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import duckdb

from analytics.asset_names import rename
from analytics.lake.clock import LakeClock


@dataclass(frozen=True, slots=True)
class Step:
    """A change of stored rows."""

    version: int
    """The version of the lake that it leads to: lakes of earlier ones need it."""
    run: Callable[[duckdb.DuckDBPyConnection], None]
    """Runs inside the caller's transaction, on tables that have all their columns already."""


BYBIT_OI_HALVED: Final = "bybit_oi_halved"
"""The fact of a lake that says how many of its rows `halve_bybit_oi` changed, as JSON."""

_STATED: Final = {
    "snapshots": ("oi_raw", "oi_base", "oi_usd", "oi_venue_usd"),
    "bars": ("oi_base", "oi_usd_open", "oi_usd_high", "oi_usd_low", "oi_usd"),
}
"""By table, what was stored of both sides of Bybit's open interest."""

_BY_VENUE: Final = {
    "snapshots": "not coalesce(contains(flags, 'imported'), false)",
    "bars": "origin <> 'import'",
}
"""By table, what the venue itself said: what a file said is the file's."""


def halve_bybit_oi(cursor: duckdb.DuckDBPyConnection) -> None:
    """Bring Bybit's open interest to one side, in a lake of real data.

    Until version 3 what Bybit calls ``openInterest`` was stored, which is the sum of both
    sides. The simulator stated one side under that name, so its lakes are right as they are.
    Snapshots that are changed say ``oi-halved`` among their flags; of all rows a fact tells.
    """
    origin = "select value from lake_info where key = 'origin'"
    if cursor.execute(origin).fetchone() != ("live",):
        return
    said: dict[str, object] = {}
    for table, columns in _STATED.items():
        known = " or ".join(f"{column} is not null" for column in columns)
        where = f"venue = 'bybit' and ({known}) and {_BY_VENUE[table]}"
        time = {"snapshots": "received_ts", "bars": "ts"}[table]
        query = f"select count(*), max({time})::varchar from {table} where {where}"  # noqa: S608
        said[table], said[f"{table}_until"] = cursor.execute(query).fetchone() or (0, None)
        changes = [f"{column} = {column} / 2" for column in columns]
        if table == "snapshots":
            changes.append("flags = concat_ws(' ', flags, 'oi-halved')")
        cursor.execute(f"update {table} set {', '.join(changes)} where {where}")  # noqa: S608
    if said["snapshots"] or said["bars"]:
        cursor.execute(
            "insert into lake_info values ($key, $value)",
            {"key": BYBIT_OI_HALVED, "value": json.dumps(said)},
        )


FETCH_TIMES_SINCE: Final = "fetch_times_since"
"""The fact of a lake that says, as ISO 8601, when it began to note when bars were fetched."""


def date_what_was_fetched(cursor: duckdb.DuckDBPyConnection) -> None:
    """Mark bars that were not built from snapshots as fetched now: when is unknown.

    Lakes before version 3 did not store it. Bars of snapshots were known at their end;
    only the volume of such a bar always comes from a venue's history.
    Which of its other columns were filled in later is not known.
    """
    facts = dict(cursor.execute("select key, value from lake_info").fetchall())
    clock, wall = LakeClock.of(facts), datetime.now(UTC)
    now = (wall if clock is None else clock.at(wall)).replace(tzinfo=None)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    count = 0
    for change, where in (
        ("known_ts = $now::timestamp_ms", "snapshot_count = 0"),
        (
            "filled = map {'volume_usd': $now::timestamp_ms}",
            "snapshot_count > 0 and volume_usd is not null",
        ),
    ):
        row = cursor.execute(f"update bars set {change} where {where}", {"now": now}).fetchone()  # noqa: S608
        count += 0 if row is None else row[0]
    if count:
        cursor.execute(
            "insert into lake_info values ($key, $value)",
            {"key": FETCH_TIMES_SINCE, "value": now.isoformat(timespec="milliseconds") + "Z"},
        )


STEPS: tuple[Step, ...] = (
    Step(version=3, run=halve_bybit_oi),
    Step(version=3, run=rename),
    Step(version=3, run=date_what_was_fetched),
)
"""In the order in which they run."""
