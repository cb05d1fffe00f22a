"""What is looked at before a lake is opened for writing, and what is done about damage.

After a power cut the catalog can name a file whose rows never reached the disk.
Such a file would make every query of its table fail, so it is found first, taken
out of the catalog and set aside with a note; the gap it leaves is reported.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from analytics.errors import LakeError
from analytics.lake.layout import Layout

_MAGIC = b"PAR1"

_LIVE_FILES = """
    select file.data_file_id, file.path, file.path_is_relative, stored.table_name, stored.path,
        file.file_size_bytes, file.record_count
    from ducklake_data_file as file
    join ducklake_table as stored using (table_id)
    where file.end_snapshot is null and stored.end_snapshot is null
"""

_NAMES_OF_A_FILE = ("ducklake_file_column_stats", "ducklake_file_partition_value")


def set_damaged_aside(layout: Layout) -> list[str]:
    """Check every file of the lake; return a sentence for each that was set aside.

    A catalog that cannot be opened is set aside too, in favour of the last
    published copy of it.

    Raises:
        LakeError: The catalog cannot be opened and no published copy stands in for it.
    """
    if not layout.catalog.exists():
        return _restored(layout, "the catalog is missing") if layout.public.exists() else []
    notes = []
    try:
        catalog = duckdb.connect(str(layout.catalog))
    except duckdb.Error as error:
        notes = _restored(layout, f"the catalog cannot be opened ({error})")
        catalog = duckdb.connect(str(layout.catalog))
    with catalog:
        tables = catalog.execute("show tables").fetchall()
        if ("ducklake_data_file",) in tables:
            notes += _check_files(layout, catalog)
    return notes


def past_notes(folder: Path) -> list[dict[str, str]]:
    """Return the notes on everything that was ever set aside in *folder*, oldest first."""
    notes = sorted(Layout(folder).set_aside.glob("*.json"))
    return [json.loads(note.read_text("utf-8")) for note in notes]


def _check_files(layout: Layout, catalog: duckdb.DuckDBPyConnection) -> list[str]:
    notes = []
    for file_id, name, relative, table, home, size, rows in catalog.execute(_LIVE_FILES).fetchall():
        path = layout.data / "main" / home / name if relative else Path(name)
        fault = _fault(path, size)
        if fault is None:
            continue
        _remove_from(catalog, file_id)
        notes.append(
            _set_aside(layout, [path], f"{table}: {rows} rows of {path.name} are lost: {fault}")
        )
    return notes


def _fault(path: Path, size: int) -> str | None:
    """Return what is wrong with the Parquet file at *path*, which should have *size* bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            found = file.seek(0, 2)
            file.seek(max(found - 4, 0))
            tail = file.read(4)
    except FileNotFoundError:
        return "the file is missing"
    except OSError as error:
        return f"the file cannot be read ({error.strerror})"
    if found != size:
        return f"the file has {found} bytes instead of {size}"
    if (head, tail) != (_MAGIC, _MAGIC):
        return "the file is not Parquet"
    return None


def _remove_from(catalog: duckdb.DuckDBPyConnection, file_id: int) -> None:
    """Take a file out of the catalog, as DuckLake has no call for it.

    Only ever done here, before the lake is attached and under the writer's lock.
    """
    known = {"id": file_id}
    catalog.execute("begin")
    catalog.execute(
        "update ducklake_table_stats set record_count = record_count - file.record_count "
        "from ducklake_data_file as file "
        "where file.data_file_id = $id and ducklake_table_stats.table_id = file.table_id",
        known,
    )
    for table in (*_NAMES_OF_A_FILE, "ducklake_delete_file", "ducklake_data_file"):
        catalog.execute(f"delete from {table} where data_file_id = $id", known)  # noqa: S608
    catalog.execute("commit")


def _restored(layout: Layout, reason: str) -> list[str]:
    """Put the last published copy in the place of the catalog."""
    if not layout.public.exists():
        raise LakeError(
            f"{layout.catalog}: {reason} and nothing was published to restore it from; the Parquet "
            f"files under {layout.data} are untouched"
        )
    note = _set_aside(
        layout,
        [layout.catalog, layout.catalog_wal],
        f"catalog: {reason}; the last published copy of it was taken instead",
    )
    layout.catalog.write_bytes(layout.public.read_bytes())
    return [note]


def _set_aside(layout: Layout, paths: list[Path], what: str) -> str:
    now = datetime.now(UTC)
    layout.set_aside.mkdir(exist_ok=True)
    stem = f"{now:%Y%m%dT%H%M%S%f}"
    for path in paths:
        if path.exists():
            path.rename(layout.set_aside / f"{stem}-{path.name}")
    note = {"set_aside_at": now.isoformat(), "what": what}
    (layout.set_aside / f"{stem}.json").write_text(json.dumps(note), "utf-8")
    return what
