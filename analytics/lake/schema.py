"""The tables as they are stored: their SQL, keys, columns and version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import pyarrow as pa

from analytics.records import Record

VERSION = 1
"""Raised whenever a stored table changes; a lake with a higher one is refused."""

KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "instruments": ("venue", "symbol"),
        "snapshots": ("venue", "symbol", "received_ts"),
        "bars": ("venue", "symbol", "ts"),
        "cycles": ("venue", "started_ts"),
    }
)
"""What makes a row of each table the same row."""

TIMES: Mapping[str, str] = MappingProxyType(
    {"snapshots": "received_ts", "bars": "ts", "cycles": "started_ts"}
)
"""The column that bounds a look-up of keys, and by which the files are partitioned."""

PARTITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "snapshots": ("year={0.year}", "month={0.month}", "day={0.day}"),
        "bars": ("year={0.year}", "month={0.month}"),
        "cycles": (),
    }
)
"""The folders that a day's files of a table lie in."""

INLINED_ROWS: Mapping[str, int] = MappingProxyType({"cycles": 16})
"""Tables whose single rows stay in the catalog until the next hour's maintenance."""

TABLES = ("lake_info", *KEYS)

_ARROW_TYPES = {
    "varchar": pa.string(),
    "double": pa.float64(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
    "timestamp_ms": pa.timestamp("ms"),
}


@cache
def definition(table: str) -> str:
    """Return the SQL that creates *table*."""
    return (files("analytics") / "sql" / "schema" / f"{table}.sql").read_text("utf-8")


@cache
def arrow_schema(table: str) -> pa.Schema:
    """Return *table*'s columns as Arrow types, in stored order, read from its SQL."""
    body = definition(table).split(f"create table {table} (", 1)[1].split(");", 1)[0]
    fields = []
    for line in body.strip().splitlines():
        name, kind, *rest = line.strip().rstrip(",").split()
        fields.append(pa.field(name, _ARROW_TYPES[kind], nullable="not" not in rest))
    return pa.schema(fields)


def table_of(records: Sequence[Record]) -> pa.Table:
    """Return *records*, all of one type, as the Arrow table that is stored."""
    schema = arrow_schema(records[0].table)
    columns = {
        field.name: pa.array([getattr(record, field.name) for record in records], field.type)
        for field in schema
    }
    return pa.table(columns, schema=schema)
