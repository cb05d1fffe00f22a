"""DuckDB with DuckLake loaded, from wheels alone.

The extension is loaded by its full path inside the installed wheel, and DuckDB's
own downloads are switched off: nothing is fetched at run time.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import duckdb

from analytics.errors import LakeError

CATALOG = "lake"
"""The name under which the writer attaches the catalog."""

METADATA = f"__ducklake_metadata_{CATALOG}"
"""The name under which DuckLake then attaches the catalog's own DuckDB file."""

MACROS = (files("analytics") / "sql" / "macros.sql").read_text("utf-8")
"""Statements that define the macros which queries use; they are a connection's, not a lake's."""

BLOCK_BYTES = 16_384
"""DuckDB's smallest block: a catalog has many short columns, and with the default of
256 KiB it is ten times as large to copy at each publish. [bytes]"""


def extension_file() -> Path:
    """Return the DuckLake extension for exactly the installed DuckDB.

    Raises:
        LakeError: The wheel is absent or made for another DuckDB.
    """
    try:
        package = files("duckdb_extension_ducklake")
    except ModuleNotFoundError as error:
        raise LakeError("the package duckdb-extension-ducklake is not installed") from error
    wanted = f"extensions/v{duckdb.__version__}/ducklake.duckdb_extension"
    path = Path(str(package)) / wanted
    if not path.is_file():
        raise LakeError(
            f"duckdb {duckdb.__version__} needs duckdb-extension-ducklake of the same version; "
            f"{wanted} is not in the installed one"
        )
    return path


def connect(
    memory_limit: str, scratch: Path | None = None, threads: int | None = None
) -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB that can attach lakes and knows the macros of queries.

    DuckDB's cache of file contents is off: it would go on holding every small file
    ever read, long after a merge replaced it. The operating system caches them anyway.
    A table that is not there is an error, and never a Python variable of the same name.

    Args:
        memory_limit: What its buffers may use, e.g. ``1GB``.
        scratch: Where to spill beyond that; nowhere if None.
        threads: How many work on one statement; one per core if None.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "enable_external_file_cache": "false",
        "python_enable_replacements": "false",
        "memory_limit": memory_limit,
        "temp_directory": "" if scratch is None else str(scratch),
    }
    if threads is not None:
        config["threads"] = threads
    connection = duckdb.connect(config=config)
    connection.load_extension(str(extension_file()))
    connection.execute(MACROS)
    return connection


def attach(
    connection: duckdb.DuckDBPyConnection,
    catalog: Path,
    data: Path,
    *,
    name: str = CATALOG,
    read_only: bool = False,
) -> None:
    """Attach the lake whose catalog is *catalog* and whose files lie under *data*.

    The stored data path is overridden, so that a lake may be moved or copied as
    a folder. Rows are never kept in the catalog unless a table asks for it:
    that costs twelve times as much as a Parquet file for a whole cycle.
    """
    options = [f"data_path {quoted(f'{data.absolute()}/')}", "override_data_path true"]
    if read_only:
        options.append("read_only")
    else:
        options += ["data_inlining_row_limit 0", f"meta_block_size {BLOCK_BYTES}"]
    target = quoted(f"ducklake:{catalog.absolute()}")
    connection.execute(f"attach {target} as {name} ({', '.join(options)})")


def use(cursor: duckdb.DuckDBPyConnection, name: str = CATALOG) -> None:
    """Have *cursor* find tables in the lake attached as *name*, and macros in memory."""
    cursor.execute(f"set search_path = '{name}.main,memory.main'")


def files_of(cursor: duckdb.DuckDBPyConnection, table: str) -> Hashable | None:
    """Return the names of the files of *table*, with those of what is deleted in them.

    They are never rewritten: while they are the same, the table is. None of a table in no lake.
    """
    lakes = "select count(*) from duckdb_databases() where type = 'ducklake' and database_name = "
    if cursor.execute(f"{lakes} current_database()").fetchone() == (0,):  # noqa: S608
        return None
    names = "select data_file, delete_file from ducklake_list_files(current_database(), $1)"
    return frozenset(cursor.execute(names, [table]).fetchall())


def files_between(
    cursor: duckdb.DuckDBPyConnection, table: str, column: str, first: datetime, last: datetime
) -> Hashable:
    """Return the same of the files that may hold a *column* from *first* to *last*, UTC.

    The cursor is one on a lake; the times are compared with what the catalog notes of each file.
    """
    found = cursor.execute("select current_database()").fetchone()
    assert found is not None
    catalog = f"__ducklake_metadata_{found[0]}"
    names = f"""
        select file.path, gone.path
        from {catalog}.ducklake_data_file as file
        join {catalog}.ducklake_table as stored using (table_id)
        join {catalog}.ducklake_column as named using (table_id)
        join {catalog}.ducklake_file_column_stats as held using (data_file_id, column_id)
        left join {catalog}.ducklake_delete_file as gone
            on gone.data_file_id = file.data_file_id and gone.end_snapshot is null
        where
            stored.table_name = $table and named.column_name = $column
            and file.end_snapshot is null
            and stored.end_snapshot is null
            and named.end_snapshot is null
            and try_cast(held.max_value as timestamp_ms) >= $first::timestamp_ms
            and try_cast(held.min_value as timestamp_ms) <= $last::timestamp_ms
    """  # noqa: S608 - the name of a database of ours
    asked: dict[str, object] = {"table": table, "column": column}
    asked |= {"first": first.replace(tzinfo=None), "last": last.replace(tzinfo=None)}
    return frozenset(cursor.execute(names, asked).fetchall())


def quoted(text: str) -> str:
    """Return *text* as SQL writes it, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"
