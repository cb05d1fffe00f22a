"""Checks a lake for damaged files before it is opened for writing, and quarantines them.

After a power cut the catalog can name a file whose rows never reached the disk.
Such a file would make every query of its table fail, so it is found first, taken
out of the catalog and quarantined with a note; the gap it leaves is reported. Damage
within a file is found by its checksum: at the start in files that were written since
the last look, in the others by and by while the lake is open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from analytics.errors import LakeError
from analytics.lake import quarantine
from analytics.lake.catalog_file import make_usable
from analytics.lake.checksums import Checksums
from analytics.lake.layout import Layout

START_BYTES = 256 * 2**20
"""How much of the new files is read at a start; the rest waits for the first check. [bytes]"""

_MAGIC = b"PAR1"

_FORMAT = "1.0"
"""The format of DuckLake's catalog whose tables are edited here."""

_FILES = """
    select file.data_file_id, file.path, file.path_is_relative, home.path || stored.path,
        file.file_size_bytes, file.footer_size, stored.table_name, file.{count}
    from {database}ducklake_{kind}_file as file
    join {database}ducklake_table as stored using (table_id)
    join {database}ducklake_schema as home using (schema_id)
    where file.end_snapshot is null and stored.end_snapshot is null and home.end_snapshot is null
    order by file.data_file_id desc
"""

_COUNTS = {"data": "record_count", "delete": "delete_count"}


_Look = Callable[[Path, int, int], str | None]
"""Returns what is wrong with a file, which should have that size and a footer of that size."""


@dataclass(slots=True)
class Findings:
    """What was wrong with a lake."""

    notes: list[str] = field(default_factory=list)
    """A sentence on each file that was quarantined."""
    unrecovered: list[str] = field(default_factory=list)
    """A sentence on each file whose rows could not be recovered; it stays where it is."""
    undeleted: set[str] = field(default_factory=set)
    """Tables whose deletions were lost, so that deleted rows are there again."""
    lost_commits: int = 0
    """How many acknowledged commits are missing from the catalog."""


def quarantine_damaged(layout: Layout, sums: Checksums) -> Findings:
    """Check the catalog and every file it names; quarantine what is damaged.

    Raises:
        LakeError: The catalog cannot be opened and there is no copy to replace it.
    """
    found = Findings(make_usable(layout))
    left = START_BYTES

    def look(path: Path, size: int, footer: int) -> str | None:
        nonlocal left
        fault = _fault(path, size, footer)
        if fault is None and sums.is_new(path) and left > 0:
            left -= size
            fault = sums.fault(path)
        return fault

    live: list[Path] = []
    if not layout.catalog.exists():
        sums.newest_commit = 0
    else:
        with duckdb.connect(str(layout.catalog)) as catalog:
            if ("ducklake_data_file",) in catalog.execute("show tables").fetchall():
                _refuse_other_format(layout, catalog)
                _note_lost_commits(layout, catalog, sums, found)
                live = _check(layout, catalog, look, found)
    sums.save(live)
    return found


def quarantine_suspects(layout: Layout, sums: Checksums, suspects: Collection[Path]) -> Findings:
    """Quarantine those of *suspects* that the catalog names and that are damaged.

    Nobody may have the catalog open.
    """
    found = Findings()

    def look(path: Path, size: int, footer: int) -> str | None:
        return None if path not in suspects else _fault(path, size, footer) or sums.fault(path)

    with duckdb.connect(str(layout.catalog)) as catalog:
        live = _check(layout, catalog, look, found)
    sums.save(live)
    return found


def first_damaged(
    layout: Layout, cursor: duckdb.DuckDBPyConnection, database: str, limit_s: float
) -> str | None:
    """Return which live file is damaged and how; None if none is found in *limit_s*. [wall s]

    Reads alone. *database* is what the catalog's own tables are attached as.
    """
    sums, until_s = Checksums(layout), time.monotonic() + limit_s
    sums.load()
    files = [file for kind in _COUNTS for file in _files(layout, cursor, kind, f"{database}.")]
    # Sizes first: that takes no time.
    for look in (_fault, lambda path, size, footer: sums.fault(path)):
        for _, path, size, footer, *_ in files:
            if (fault := look(path, size, footer)) is not None:
                return f"{path}: {fault}"
            if time.monotonic() > until_s:
                return None
    return None


def quarantine_notes(folder: Path) -> list[dict[str, str]]:
    """Return the notes on everything that was ever quarantined in *folder*, oldest first."""
    return quarantine.notes(Layout(folder))


def _refuse_other_format(layout: Layout, catalog: duckdb.DuckDBPyConnection) -> None:
    """Refuse a catalog of another DuckLake format: its tables must not be edited here."""
    query = "select value from ducklake_metadata where key = 'version'"
    if (found := catalog.execute(query).fetchall()) != [(_FORMAT,)]:
        raise LakeError(
            f"{layout.catalog}: this lake has DuckLake format {found}, this perpscope "
            f"supports {_FORMAT}; update perpscope, nothing was changed"
        )


def _note_lost_commits(
    layout: Layout, catalog: duckdb.DuckDBPyConnection, sums: Checksums, found: Findings
) -> None:
    """Note that the catalog lacks commits that were acknowledged, where no other note says so.

    DuckDB takes the log of its last commits for empty from the first byte on that it does not
    understand.
    """
    ((newest,),) = catalog.execute("select max(snapshot_id) from ducklake_snapshot").fetchall()
    found.lost_commits = lost = max(sums.newest_commit - newest, 0)
    if lost and not found.notes:
        what = (
            f"catalog: its last {lost} commits are gone; rows in Parquet files are recovered, rows "
            "kept only in the catalog (of cycles, liquidations, gaps and imports) are lost"
        )
        found.notes.append(quarantine.move(layout, [], what))
    sums.newest_commit = newest


def _check(
    layout: Layout, catalog: duckdb.DuckDBPyConnection, look: _Look, found: Findings
) -> list[Path]:
    """Look at every live file, the newest first; return them without the damaged ones."""
    live = []
    for kind in _COUNTS:
        for file_id, path, size, footer, table, count in _files(layout, catalog, kind):
            if (fault := look(path, size, footer)) is None:
                live.append(path)
                continue
            what = "rows" if kind == "data" else "deletions"
            note = f"{table}: {count} {what} of {path.name} are lost: {fault}"
            found.notes.append(quarantine.move(layout, [path], note))
            if kind == "data":
                _forget_rows(catalog, file_id)
            else:
                found.undeleted.add(table)
                _forget_deletions(catalog, file_id)
    return live


def _files(
    layout: Layout, catalog: duckdb.DuckDBPyConnection, kind: str, database: str = ""
) -> Iterator[tuple[int, Path, int, int, str, int]]:
    """Yield number, path, size, footer's size, table and count of rows of each live file."""
    query = _FILES.format(kind=kind, count=_COUNTS[kind], database=database)
    for number, name, is_relative, home, *rest in catalog.execute(query).fetchall():
        yield number, layout.data / home / name if is_relative else Path(name), *rest


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


def _forget_deletions(catalog: duckdb.DuckDBPyConnection, file_id: int) -> None:
    """Take the live file of deletions of a file of rows out of the catalog."""
    catalog.execute(
        "delete from ducklake_delete_file where data_file_id = $id and end_snapshot is null",
        {"id": file_id},
    )


def _forget_rows(catalog: duckdb.DuckDBPyConnection, file_id: int) -> None:
    """Take a file of rows out of the catalog, as DuckLake has no call for it.

    Its table's statistics stay: as long as they count more rows than there are, DuckLake
    takes its minima and maxima for bounds, and no longer answers queries from them. Only
    ever done here, while the lake is not attached and under the writer's lock.
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
