"""Tables of a SQLite file that a stranger wrote: read, and nothing in it is run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from analytics.errors import ImportRefused

MAX_TABLES = 8
"""So many tables of a database are read."""

_MAX_VALUE = 1_000_000
"""The most bytes that a value or a row may have."""
_ROWS_PER_BATCH = 50_000
_FUNCTIONS = ("typeof", "max", "min")


def opened(file: Path) -> sqlite3.Connection:
    """Open *file* for reading alone, without locks, and with nothing of it to be run."""
    database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    database.text_factory = lambda text: text.decode("utf-8", "replace")
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE)
    database.execute("pragma trusted_schema = off")
    database.execute("pragma cell_size_check = on")
    database.execute("pragma query_only = on")
    database.set_authorizer(_only_reading)
    return database


def columns(file: Path, database: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the columns of each ordinary table, the widest first; views and the like are left out.

    Raises:
        ImportRefused: The file is damaged.
    """
    try:
        made = database.execute("select type, name, sql from sqlite_master").fetchall()
        virtual = tuple(
            f"{name}_"
            for _, name, text in made
            if isinstance(text, str) and text.lower().lstrip().startswith("create virtual")
        )
        tables = [
            name
            for kind, name, text in made
            if kind == "table"
            and isinstance(text, str)
            and text.lower().lstrip().startswith("create table")
            and not name.lower().startswith("sqlite_")
            # What a virtual table keeps its own in.
            and not name.startswith(virtual)
        ]
        found = {
            table: [row[1] for row in database.execute(f"pragma table_info({_quoted(table)})")]
            for table in tables
        }
    except sqlite3.Error as error:
        raise ImportRefused(file, f"the SQLite file cannot be read: {error}") from error
    return dict(sorted(found.items(), key=lambda one: -len(one[1])))


def rows(
    database: sqlite3.Connection, table: str, names: Sequence[str]
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return the rows of *table*: numbers where a column has nothing else, and text where it has.

    Raises:
        ValueError: It cannot be read.
    """
    try:
        schema = pa.schema(list(_types(database, table, names)))
    except sqlite3.Error as error:
        raise ValueError(f"table {table}: {error}") from error
    return schema, _batches(database, table, schema)


def _types(
    database: sqlite3.Connection, table: str, names: Sequence[str]
) -> Iterator[tuple[str, pa.DataType]]:
    for name in names:
        quoted = _quoted(name)
        kinds = {
            kind
            for (kind,) in database.execute(
                f"select distinct typeof({quoted}) from {_quoted(table)}"  # noqa: S608
            )
        } - {"null"}
        if kinds == {"integer"}:
            yield name, pa.int64()
        else:
            yield name, pa.float64() if kinds and kinds <= {"integer", "real"} else pa.string()


def _batches(
    database: sqlite3.Connection, table: str, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    selected = ", ".join(_quoted(name) for name in schema.names)
    try:
        cursor = database.execute(f"select {selected} from {_quoted(table)}")  # noqa: S608
        while found := cursor.fetchmany(_ROWS_PER_BATCH):
            columns = zip(zip(*found, strict=True), schema, strict=True)
            arrays = [_array(values, field.type) for values, field in columns]
            yield pa.record_batch(arrays, schema=schema)
    except sqlite3.Error as error:
        raise ValueError(f"table {table}: {error}") from error


def _array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    if kind != pa.string():
        return pa.array(values, kind)
    return pa.array(
        [None if value is None or isinstance(value, bytes) else str(value) for value in values],
        kind,
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _only_reading(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Allow what our own statements do, and nothing that a view or a trigger might."""
    allowed = (
        action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ)
        or (action == sqlite3.SQLITE_FUNCTION and second in _FUNCTIONS)
        or (action == sqlite3.SQLITE_PRAGMA and first == "table_info")
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
