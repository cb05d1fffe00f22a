"""Creates and upgrades the tables of a lake; refuses one of another version or origin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from analytics.errors import LakeError, LakeTooNew
from analytics.lake import schema, upgrade
from analytics.lake.attach import CATALOG, METADATA
from analytics.lake.layout import Layout


def refuse_foreign(layout: Layout, origin: str | None) -> None:
    """Refuse a lake that this process must not write to, before anything of it is changed.

    Raises:
        LakeTooNew: A later perpscope wrote it.
        LakeError: Its origin is another than *origin*.
    """
    if layout.catalog.exists() and (info := _look(layout)):
        _refuse(layout, info, origin)


def ensure_tables(cursor: duckdb.DuckDBPyConnection, layout: Layout, origin: str | None) -> int:
    """Create what an empty lake needs, or what a crash kept an earlier start from creating.

    A lake of an earlier version gets the tables and columns that it lacks. It has its version
    still: its rows are upgraded with `upgrade_rows` once all of them are there.

    Returns:
        The version that the lake has.

    Raises:
        LakeTooNew: A later perpscope wrote it.
        LakeError: Its origin is another than *origin*.
    """
    if not _tables(cursor):
        with _transaction(cursor):
            for table in schema.TABLES:
                cursor.execute(schema.definition(table))
    info = read_info(cursor) or _write_info(cursor, origin or "live")
    _refuse(layout, info, origin)
    if (found := schema.version_of(layout.folder, info)) < schema.VERSION:
        _grow(cursor)
    return found


def upgrade_rows(cursor: duckdb.DuckDBPyConnection, found: int) -> None:
    """Upgrade the rows of a lake of version *found*, and give it today's version.

    Runs inside the caller's transaction: cut short, it is begun again at the next start.
    """
    for step in upgrade.STEPS:
        if step.version > found:
            step.run(cursor)
    cursor.execute(
        "update lake_info set value = $version where key = 'schema_version'",
        {"version": str(schema.VERSION)},
    )


def read_info(cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the facts about the lake itself."""
    return dict(cursor.execute("select key, value from lake_info").fetchall())


def _grow(cursor: duckdb.DuckDBPyConnection) -> None:
    """Add the tables and columns that are lacking; rows that are there get NULL in new columns."""
    tables = _tables(cursor)
    with _transaction(cursor):
        for table in schema.TABLES:
            if table not in tables:
                cursor.execute(schema.definition(table))
                continue
            there = {row[0] for row in cursor.execute(f"describe {table}").fetchall()}
            for column, kind in schema.columns(table).items():
                if column not in there:
                    cursor.execute(f"alter table {table} add column {column} {kind}")
    with _transaction(cursor):
        _keep_in_catalog(cursor)


def _tables(cursor: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the names of the lake's tables, from the catalog: DuckLake takes 6 ms for them."""
    query = f"select table_name from {METADATA}.ducklake_table where end_snapshot is null"  # noqa: S608
    return {name for (name,) in cursor.execute(query).fetchall()}


@contextmanager
def _transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    cursor.execute("begin")
    try:
        yield
    except BaseException:
        cursor.execute("rollback")
        raise
    cursor.execute("commit")


def _look(layout: Layout) -> dict[str, str]:
    """Return the facts about a lake without changing a byte of it; none if it is damaged.

    They are read as the catalog keeps them: to open it as a lake takes four times as long.
    """
    try:
        with duckdb.connect(str(layout.catalog), read_only=True) as catalog:
            return {
                key: value
                for (table,) in catalog.execute(_KEPT_INFO).fetchall()
                for key, value in catalog.execute(
                    f'select key, value from "{table}" where end_snapshot is null'  # noqa: S608
                ).fetchall()
            }
    except duckdb.Error:
        return {}


_KEPT_INFO = """
    select kept.table_name
    from ducklake_inlined_data_tables as kept
    join ducklake_table as stored using (table_id)
    where stored.table_name = 'lake_info' and stored.end_snapshot is null
"""


def _refuse(layout: Layout, info: dict[str, str], origin: str | None) -> None:
    found = schema.version_of(layout.folder, info)
    if found > schema.VERSION:
        raise LakeTooNew(layout.folder, found, schema.VERSION)
    stated = info.get("origin")
    if origin is not None and stated != origin:
        raise LakeError(
            f"{layout.folder}: this lake holds data of origin {stated!r}, not "
            f"{origin!r}; set PERPSCOPE_DATA_DIR to another folder"
        )


def _write_info(cursor: duckdb.DuckDBPyConnection, origin: str) -> dict[str, str]:
    """Write the first facts, which say that the lake is complete: they come last."""
    with _transaction(cursor):
        _keep_in_catalog(cursor)
        cursor.execute(
            "insert into lake_info values ('schema_version', $version), ('origin', $origin)",
            {"version": str(schema.VERSION), "origin": origin},
        )
    return read_info(cursor)


def _keep_in_catalog(cursor: duckdb.DuckDBPyConnection) -> None:
    """Have small changes of the tables that ``INLINED_ROWS`` names stay in the catalog."""
    for table, rows in schema.INLINED_ROWS.items():
        cursor.execute(
            f"call {CATALOG}.set_option('data_inlining_row_limit', $rows, "
            "table_name => $table_name)",
            {"rows": rows, "table_name": table},
        )
