"""What a lake is: its tables, their version, and whether its data is real."""

from __future__ import annotations

import duckdb

from analytics.errors import LakeError, LakeTooNew
from analytics.lake import schema
from analytics.lake.attach import CATALOG, attach, connect
from analytics.lake.layout import Layout


def refuse_foreign(layout: Layout, origin: str | None) -> None:
    """Refuse a lake that is not ours to write, before anything of it is touched.

    Raises:
        LakeTooNew: A later perpscope wrote it.
        LakeError: Its origin is another than *origin*.
    """
    if layout.catalog.exists() and (info := _look(layout)):
        _refuse(layout, info, origin)


def ensure_tables(cursor: duckdb.DuckDBPyConnection, layout: Layout, origin: str | None) -> None:
    """Create what an empty lake needs, or what a crash kept an earlier start from creating.

    Raises:
        LakeTooNew: A later perpscope wrote it.
        LakeError: Its origin is another than *origin*.
    """
    if not cursor.execute("show tables").fetchall():
        cursor.execute("begin")
        for table in schema.TABLES:
            cursor.execute(schema.definition(table))
        cursor.execute("commit")
    _refuse(layout, read_info(cursor) or _write_info(cursor, origin or "live"), origin)


def read_info(cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the facts about the lake itself."""
    return dict(cursor.execute("select key, value from lake_info").fetchall())


def _look(layout: Layout) -> dict[str, str]:
    """Return the facts about a lake without changing a byte of it; none if it is damaged."""
    try:
        with connect("256MB") as connection:
            attach(connection, layout.catalog, layout.data, read_only=True)
            connection.execute(f"use {CATALOG}")
            return read_info(connection)
    except duckdb.Error:
        return {}


def _refuse(layout: Layout, info: dict[str, str], origin: str | None) -> None:
    found = int(info["schema_version"])
    if found > schema.VERSION:
        raise LakeTooNew(layout.folder, found, schema.VERSION)
    if origin is not None and info["origin"] != origin:
        raise LakeError(
            f"{layout.folder}: this lake holds data of origin {info['origin']!r}, not "
            f"{origin!r}; set PERPSCOPE_DATA_DIR to another folder"
        )


def _write_info(cursor: duckdb.DuckDBPyConnection, origin: str) -> dict[str, str]:
    """Write the first facts, which say that the lake is complete: they come last."""
    for table, rows in schema.INLINED_ROWS.items():
        cursor.execute(
            f"call {CATALOG}.set_option('data_inlining_row_limit', $rows, "
            "table_name => $table_name)",
            {"rows": rows, "table_name": table},
        )
    cursor.execute(
        "insert into lake_info values ('schema_version', $version), ('origin', $origin)",
        {"version": str(schema.VERSION), "origin": origin},
    )
    return read_info(cursor)
