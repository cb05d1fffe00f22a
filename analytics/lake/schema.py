"""The tables as they are stored: their SQL, keys, columns, version, and what a value can be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from analytics.errors import LakeError
from analytics.lake.records import Record

VERSION = 5
"""Raised whenever a stored table changes; a lake with a higher one is refused, one with a
lower one grows what it lacks when a writer opens it."""

BAR: Final = timedelta(minutes=5)
"""How long a stored bar is; longer ones are cut from these."""

KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "instruments": ("venue", "symbol"),
        "snapshots": ("venue", "symbol", "received_ts"),
        "bars": ("venue", "symbol", "ts"),
        "cycles": ("venue", "started_ts"),
        "liquidations": ("venue", "symbol", "venue_ts", "id"),
        "gaps": ("venue", "channel", "symbol", "started_ts"),
        "imports": ("id",),
        "alert_events": ("rule", "version", "subject", "started_ts", "change", "ts"),
        "alert_actions": ("id",),
        "alert_deliveries": (
            "channel",
            "rule",
            "version",
            "subject",
            "started_ts",
            "change",
            "attempt",
        ),
        "trades": ("id", "change_id"),
    }
)
"""What makes a row of each table the same row."""

TIMES: Mapping[str, str] = MappingProxyType(
    {
        "snapshots": "received_ts",
        "bars": "ts",
        "cycles": "started_ts",
        "liquidations": "venue_ts",
        "gaps": "started_ts",
        "imports": "stored_ts",
        "alert_events": "ts",
        "alert_actions": "ts",
        "alert_deliveries": "ts",
        "trades": "ts",
    }
)
"""The column that bounds a look-up of keys, and by which the files are partitioned."""

PARTITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "snapshots": ("year={0.year}", "month={0.month}", "day={0.day}"),
        "bars": ("year={0.year}", "month={0.month}"),
        "cycles": (),
        "liquidations": ("year={0.year}", "month={0.month}"),
        "gaps": (),
        "imports": (),
        "alert_events": (),
        "alert_actions": (),
        "alert_deliveries": (),
        "trades": (),
    }
)
"""The folders that a day's files of a table lie in."""

INLINED_ROWS: Mapping[str, int] = MappingProxyType(
    {
        "lake_info": 1000,
        "cycles": 16,
        "liquidations": 16,
        "gaps": 16,
        "imports": 16,
        "alert_events": 16,
        "alert_actions": 16,
        "alert_deliveries": 16,
        "trades": 16,
    }
)
"""How many rows of one change stay in the catalog instead of becoming a file.

Until the next maintenance; those of ``lake_info`` for good, so that what the lake is
can be read from the catalog alone.
"""

TABLES = ("lake_info", *KEYS)

_ARROW_TYPES = {
    "varchar": pa.string(),
    "double": pa.float64(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
    "timestamp_ms": pa.timestamp("ms"),
    "map(varchar,timestamp_ms)": pa.map_(pa.string(), pa.timestamp("ms")),
}

ABOVE_0 = math.ulp(0.0)
LARGEST = 1e15
"""The most that a price or an amount of USD can be."""
MAX_COINS = 1e21
"""The most coins, or contracts, that anything can count: of some there are over 1e17 in all."""

RANGES: dict[str, tuple[float, float]] = {
    "price": (ABOVE_0, LARGEST),
    "open": (ABOVE_0, LARGEST),
    "high": (ABOVE_0, LARGEST),
    "low": (ABOVE_0, LARGEST),
    "close": (ABOVE_0, LARGEST),
    "price_24h_ago": (ABOVE_0, LARGEST),
    "mark": (ABOVE_0, LARGEST),
    "index": (ABOVE_0, LARGEST),
    "bid": (ABOVE_0, LARGEST),
    "ask": (ABOVE_0, LARGEST),
    "volume_24h_usd": (0.0, LARGEST),
    "volume_usd": (0.0, LARGEST),
    "oi_raw": (0.0, MAX_COINS),
    "oi_base": (0.0, MAX_COINS),
    "oi_usd": (0.0, LARGEST),
    "oi_usd_open": (0.0, LARGEST),
    "oi_usd_high": (0.0, LARGEST),
    "oi_usd_low": (0.0, LARGEST),
    "oi_venue_usd": (0.0, LARGEST),
    "funding_rate": (-0.2, 0.2),
    "funding_interval_h": (1.0, 24.0),
    "ls_accounts": (ABOVE_0, 1000.0),
    "ls_top_accounts": (ABOVE_0, 1000.0),
    "ls_top_positions": (ABOVE_0, 1000.0),
    "book_imbalance": (-1.0, 1.0),
    "spread_bps": (-math.inf, 10_000.0),
    "taker_buy_usd": (0.0, LARGEST),
    "taker_sell_usd": (0.0, LARGEST),
    "liq_long_usd": (0.0, LARGEST),
    "liq_short_usd": (0.0, LARGEST),
}
"""The lowest and the highest that a column can be, live and in files: one table for both."""

RATIOS = ("ls_accounts", "ls_top_accounts", "ls_top_positions")
OPEN_INTEREST = ("oi_raw", "oi_base", "oi_usd", "oi_venue_usd")


def version_of(folder: Path, facts: Mapping[str, str]) -> int:
    """Return the version that the *facts* of the lake in *folder* state.

    Raises:
        LakeError: They state none.
    """
    stated = facts.get("schema_version")
    if stated is None or not stated.isdecimal():
        said = "is not there" if stated is None else f"is {stated!r}"
        raise LakeError(
            f"{folder}: this lake's schema_version {said} and must be a whole number; "
            "restore catalog.duckdb from a backup; nothing was changed"
        )
    return int(stated)


@cache
def definition(table: str) -> str:
    """Return the SQL that creates *table*."""
    return (files("analytics") / "sql" / "schema" / f"{table}.sql").read_text("utf-8")


@cache
def columns(table: str) -> Mapping[str, str]:
    """Return the SQL of the type of each of *table*'s columns, in stored order."""
    body = definition(table).split(f"create table {table} (", 1)[1].split(");", 1)[0]
    lines = [line.strip().rstrip(",") for line in body.strip().splitlines()]
    return MappingProxyType(
        {name: kind for name, _, kind in (line.partition(" ") for line in lines)}
    )


@cache
def arrow_schema(table: str) -> pa.Schema:
    """Return *table*'s columns as Arrow types, in stored order, read from its SQL."""
    fields = []
    for name, kind in columns(table).items():
        type_, *rest = kind.split()
        fields.append(pa.field(name, _ARROW_TYPES[type_], nullable="not" not in rest))
    return pa.schema(fields)


def conform(table: str, rows: pa.Table) -> pa.Table:
    """Return *rows* with *table*'s stored types, columns in stored order.

    Times become UTC without a zone, in milliseconds. Absent columns stay absent.

    Raises:
        LakeError: A column is unknown, of another type, or lacks a value it must have.
    """
    known = arrow_schema(table)
    if unknown := set(rows.column_names) - set(known.names):
        raise LakeError(f"{table} has no column {', '.join(sorted(unknown))}")
    columns = {}
    for field in known:
        if field.name in rows.column_names:
            column = rows[field.name]
            try:
                columns[field.name] = _cast(column, field.type)
            except pa.ArrowException as error:
                raise LakeError(f"{table}.{field.name} is not {field.type}: {error}") from error
        if not field.nullable and (field.name not in columns or columns[field.name].null_count):
            raise LakeError(f"{table}.{field.name} must have a value in every row")
    return pa.table(columns)


def _cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    if column.type == wanted:
        return column
    if pa.types.is_timestamp(column.type) and column.type.tz:
        column = column.cast(pa.timestamp(column.type.unit, "UTC")).cast(
            pa.timestamp(column.type.unit)
        )
    return column.cast(options=pc.CastOptions(wanted, allow_time_truncate=True))


def folders(table: str, rows: pa.Table) -> set[Path]:
    """Return the folders, below the table's own, that the files of *rows* lie in."""
    if table not in PARTITIONS:
        return set()
    days = pc.unique(rows[TIMES[table]].cast(pa.date32())).to_pylist()
    return {Path(*(part.format(day) for part in PARTITIONS[table])) for day in days}


def table_of(records: Sequence[Record]) -> pa.Table:
    """Return *records*, all of one type, as the Arrow table that is stored."""
    schema = arrow_schema(records[0].table)
    columns = {
        field.name: pa.array([getattr(record, field.name) for record in records], field.type)
        for field in schema
    }
    return pa.table(columns, schema=schema)
