"""What is looked at before a lake is opened for writing, and what is done about damage.

After a power cut the catalog can name a file whose rows never reached the disk.
Such a file would make every query of its table fail, so it is found first, taken
out of the catalog and set aside with a note; the gap it leaves is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from analytics.errors import LakeError
from analytics.lake import aside
from analytics.lake.catalog import make_usable
from analytics.lake.layout import Layout

_MAGIC = b"PAR1"

_FORMAT = "1.0"
"""The format of DuckLake's catalog whose tables are edited here."""

_LIVE = """
    from {kind} as file
    join ducklake_table as stored using (table_id)
    join ducklake_schema as home using (schema_id)
    where file.end_snapshot is null and stored.end_snapshot is null and home.end_snapshot is null
"""

_FILES = (
    """
    select file.data_file_id, file.path, file.path_is_relative, home.path || stored.path,
        file.file_size_bytes, file.footer_size, stored.table_name, file.record_count
    """
    + _LIVE
)


@dataclass(slots=True)
class Findings:
    """What was wrong with a lake."""

    notes: list[str] = field(default_factory=list)
    """What was set aside, a sentence each."""
    undeleted: set[str] = field(default_factory=set)
    """Tables in which rows that were deleted came back."""


def set_damaged_aside(layout: Layout) -> Findings:
    """Check the catalog and every file it names; set aside what is damaged.

    Raises:
        LakeError: The catalog cannot be opened and nothing stands in for it.
    """
    found = Findings(make_usable(layout))
    if layout.catalog.exists():
        with duckdb.connect(str(layout.catalog)) as catalog:
            if ("ducklake_data_file",) in catalog.execute("show tables").fetchall():
                _refuse_other_format(layout, catalog)
                _check_rows(layout, catalog, found)
                _check_deletions(layout, catalog, found)
    return found


def past_notes(folder: Path) -> list[dict[str, str]]:
    """Return the notes on everything that was ever set aside in *folder*, oldest first."""
    return aside.notes(Layout(folder))


def _refuse_other_format(layout: Layout, catalog: duckdb.DuckDBPyConnection) -> None:
    """Keep our hands off the tables of a DuckLake that arranges them in another way."""
    query = "select value from ducklake_metadata where key = 'version'"
    if (found := catalog.execute(query).fetchall()) != [(_FORMAT,)]:
        raise LakeError(
            f"{layout.catalog}: this lake has DuckLake's format {found}, this perpscope knows "
            f"{_FORMAT}; update perpscope, nothing was changed"
        )


def _check_rows(layout: Layout, catalog: duckdb.DuckDBPyConnection, found: Findings) -> None:
    files = catalog.execute(_FILES.format(kind="ducklake_data_file")).fetchall()
    for file_id, name, relative, home, size, footer, table, rows in files:
        path = layout.data / home / name if relative else Path(name)
        if (fault := _fault(path, size, footer)) is not None:
            note = f"{table}: {rows} rows of {path.name} are lost: {fault}"
            found.notes.append(aside.set_aside(layout, [path], note))
            _forget_rows(catalog, file_id)


def _check_deletions(layout: Layout, catalog: duckdb.DuckDBPyConnection, found: Findings) -> None:
    query = _FILES.replace("file.record_count", "file.delete_count")
    files = catalog.execute(query.format(kind="ducklake_delete_file")).fetchall()
    for file_id, name, relative, home, size, footer, table, rows in files:
        path = layout.data / home / name if relative else Path(name)
        if (fault := _fault(path, size, footer)) is not None:
            note = f"{table}: {rows} deletions of {path.name} are lost: {fault}"
            found.notes.append(aside.set_aside(layout, [path], note))
            found.undeleted.add(table)
            catalog.execute(
                "delete from ducklake_delete_file "
                "where data_file_id = $id and end_snapshot is null",
                {"id": file_id},
            )


def _fault(path: Path, size: int, footer: int) -> str | None:
    """Return what is wrong with the Parquet file at *path*, which should have these sizes."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            found = file.seek(0, 2)
            file.seek(max(found - 8, 0))
            tail = file.read(8)
    except FileNotFoundError:
        return "the file is missing"
    except OSError as error:
        return f"the file cannot be read ({error.strerror})"
    if found != size:
        return f"the file has {found} bytes instead of {size}"
    if (head, tail[4:]) != (_MAGIC, _MAGIC) or int.from_bytes(tail[:4], "little") != footer:
        return "the file is not Parquet"
    return None


def _forget_rows(catalog: duckdb.DuckDBPyConnection, file_id: int) -> None:
    """Take a file of rows out of the catalog, as DuckLake has no call for it.

    Its table's statistics stay: as long as they count more rows than there are, DuckLake
    takes its minima and maxima for bounds, and no longer answers queries from them. Only
    ever done here, before the lake is attached and under the writer's lock.
    """
    catalog.execute("begin")
    tables = catalog.execute(
        "select table_name from duckdb_columns() where column_name = 'data_file_id' "
        "and table_name <> 'ducklake_files_scheduled_for_deletion'"
    ).fetchall()
    for (table,) in tables:
        query = f'delete from "{table}" where data_file_id = $id'  # noqa: S608
        catalog.execute(query, {"id": file_id})
    catalog.execute("commit")
