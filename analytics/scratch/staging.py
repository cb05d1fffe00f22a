"""A stranger's file as Parquet, whatever it is: the first half of reading one.

Files are told apart by their first bytes. What the readers of ``analytics.files`` know, they
read. The rest is only carried over: nothing is converted yet, and text stays text.
"""

from __future__ import annotations

import csv
import gzip
import mmap
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from analytics import formats
from analytics.errors import ImportRefused
from analytics.files import binance_archive, content, parsing, recordings
from analytics.files.parsed import CHUNK, ParsedFile
from analytics.scratch import sqlite_tables
from analytics.scratch.limits import (
    MAX_COLUMNS,
    MAX_LINE_BYTES,
    MAX_ROWS,
    MAX_UNPACKED_BYTES,
    closed,
    said,
)

_HEAD_BYTES = 2**16
_PIECE_BYTES = 2**20
_MANIFEST = "manifest.json"
_SYMLINK = 0o120000

WORDS_OF_OURS = ("flags", "snapshot_count", "origin", "known_ts", "filled")
"""Columns that say something of the lake they were in."""


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows as Parquet, and what is known of them already."""

    format: str
    path: Path
    table: str | None = None
    """``snapshots`` or ``bars``, where a reader of ours made them: then all units are known."""
    rows: int | None = None
    """Those that were read, if that is more than the file has."""
    other_tables: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refused: dict[str, int] = field(default_factory=dict)
    values_refused: dict[str, int] = field(default_factory=dict)
    is_bundle: bool = False


def stage(file: Path, work: Path) -> list[Staged]:
    """Return what is in *file* as Parquet files in *work*, one for each table.

    Raises:
        ImportRefused: It is none of the kinds that can be read, or is damaged.
    """
    head = content.head(file, _HEAD_BYTES)
    if not head:
        # Says which: empty, not there, a folder.
        content.read(file)
    kind, reader = _reader(head)
    _refuse_other_ending(file, kind)
    try:
        return reader(file, work)
    except (duckdb.Error, pa.ArrowException, OSError, ValueError, UnicodeDecodeError) as error:
        if isinstance(error, duckdb.OutOfMemoryException):
            raise
        raise ImportRefused(file, f"the {kind} file cannot be read: {said(error)}") from error


def _reader(head: bytes) -> tuple[str, Callable[[Path, Path], list[Staged]]]:
    if head.startswith(b"PAR1"):
        return "Parquet", _parquet
    if head.startswith(b"ARROW1"):
        return "Arrow", _arrow
    if head.startswith(b"SQLite format 3\0"):
        return "SQLite", _sqlite
    if head[8:12] == b"DUCK":
        return "DuckDB", _duckdb
    if head.startswith(b"PK"):
        return "zip", _zip
    return "CSV", _csv


def _refuse_other_ending(file: Path, kind: str) -> None:
    endings = {
        ".parquet": ("Parquet",),
        ".feather": ("Arrow",),
        ".arrow": ("Arrow",),
        ".zip": ("zip",),
        ".duckdb": ("DuckDB",),
        ".sqlite": ("SQLite",),
    }
    expected = endings.get(file.suffix.lower())
    if expected and kind not in expected:
        raise ImportRefused(file, f"it is named {file.suffix}, but it is no {expected[0]} file")


def refuse_shape(file: Path, columns: int, rows: int) -> None:
    """Refuse more columns or rows than can be read.

    Raises:
        ImportRefused: There are more.
    """
    if columns > MAX_COLUMNS:
        raise ImportRefused(file, f"it has {columns:,} columns, at most {MAX_COLUMNS} can be read")
    if rows > MAX_ROWS:
        raise ImportRefused(file, f"it has {rows:,} rows, at most {MAX_ROWS:,} can be read")


def _parquet(file: Path, work: Path) -> list[Staged]:
    """Leave it where it is: it is read there."""
    with pq.ParquetFile(file) as opened:
        refuse_shape(file, len(opened.schema_arrow), opened.metadata.num_rows)
    return [Staged("Parquet", file)]


def _arrow(file: Path, work: Path) -> list[Staged]:
    place = work / "arrow.parquet"
    with pa.memory_map(str(file)) as mapped, pa.ipc.open_file(mapped) as opened:
        refuse_shape(file, len(opened.schema), 0)
        batches = (opened.get_batch(number) for number in range(opened.num_record_batches))
        _write(file, place, opened.schema, batches)
    return [Staged("Arrow", place)]


def _write(file: Path, place: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    """Write *batches* to *place*, in pieces; return how many rows those are."""
    rows = 0
    with pq.ParquetWriter(place, schema, compression="lz4") as writer:
        for batch in batches:
            batch.validate(full=True)
            rows += batch.num_rows
            refuse_shape(file, len(schema), rows)
            for start in range(0, batch.num_rows, CHUNK):
                writer.write_batch(batch.slice(start, CHUNK))
    return rows


def _duckdb(file: Path, work: Path) -> list[Staged]:
    """Carry the tables over; views and macros of the file are never run."""
    made = []
    with closed(file) as database:
        tables = database.execute(
            "select schema_name, table_name, column_count from duckdb_tables() "
            "where not internal and not temporary order by estimated_size desc, table_name"
        ).fetchall()
        for number, (schema, table, columns) in enumerate(tables[: sqlite_tables.MAX_TABLES]):
            refuse_shape(file, columns, 0)
            place = work / f"table-{number}.parquet"
            name = ".".join(f'"{part.replace(chr(34), chr(34) * 2)}"' for part in (schema, table))
            rows = database.execute(f"select * from {name}").to_arrow_reader(CHUNK)  # noqa: S608
            if _write(file, place, rows.schema, iter(rows)):
                made.append(Staged(f"DuckDB, table {table}", place))
    if not made:
        raise ImportRefused(file, "the DuckDB file has no table with rows; views are not read")
    others = tuple(table for _, table, _ in tables[sqlite_tables.MAX_TABLES :])
    return [replace(one, other_tables=others) for one in made]


def _sqlite(file: Path, work: Path) -> list[Staged]:
    with closing(sqlite_tables.opened(file)) as database:
        columns = sqlite_tables.columns(file, database)
        if set(columns.get("metrics", ())) >= recordings.COLUMNS:
            return [_parsed(file, work)]
        chosen = list(columns)[: sqlite_tables.MAX_TABLES]
        made = []
        for number, table in enumerate(chosen):
            refuse_shape(file, len(columns[table]), 0)
            place = work / f"table-{number}.parquet"
            schema, batches = sqlite_tables.rows(database, table, columns[table])
            if _write(file, place, schema, batches):
                made.append(Staged(f"SQLite, table {table}", place))
    if not made:
        raise ImportRefused(file, "the SQLite file has no table with rows; views are not read")
    others = tuple(table for table in columns if table not in chosen)
    return [replace(one, other_tables=others) for one in made]


def _zip(file: Path, work: Path) -> list[Staged]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ImportRefused(file, "the zip file is damaged or cut short") from error
    for member in members:
        parts = member.filename.replace("\\", "/").split("/")
        if ".." in parts or member.filename.startswith(("/", "\\")) or ":" in parts[0]:
            raise ImportRefused(file, f"its member {member.filename!r:.80} leads out of the zip")
        if (member.external_attr >> 16) & 0o170000 == _SYMLINK:
            raise ImportRefused(file, f"its member {member.filename!r:.80} is a link")
    if any(member.filename == _MANIFEST for member in members):
        return [Staged("bundle", file, is_bundle=True)]
    unpacked = content.read(file)
    if _is_ours(unpacked.data[:_HEAD_BYTES]):
        return [_parsed(file, work)]
    # Under a name of ours, whatever the zip calls it.
    inner = work / "member"
    inner.write_bytes(unpacked.data)
    kind, reader = _reader(unpacked.data[:_HEAD_BYTES])
    if kind not in ("CSV", "Parquet"):
        raise ImportRefused(file, f"its member is a {kind} file; drop it as it is")
    return [replace(one, format=f"zip, {one.format}") for one in reader(inner, work)]


def _csv(file: Path, work: Path) -> list[Staged]:
    head = content.head(file, _HEAD_BYTES)
    is_packed = head.startswith(b"\x1f\x8b")
    if not is_packed and _is_ours(head):
        return [_parsed(file, work)]
    text = _unpacked(file, work) if is_packed else file
    _refuse_no_text(file, text)
    place = work / "csv.parquet"
    try:
        columns = _text_as_parquet(file, text, place)
    except duckdb.Error as error:
        raise _refusal_of_text(file, error) from error
    with pq.ParquetFile(place) as written:
        refuse_shape(file, columns, written.metadata.num_rows)
        if not written.metadata.num_rows:
            raise ImportRefused(file, "it has no rows")
    return [Staged("CSV, gzip" if is_packed else "CSV", place)]


def _unpacked(file: Path, work: Path) -> Path:
    """Unpack *file* piece by piece; return where its text lies."""
    place, size = work / "unpacked.csv", 0
    try:
        with gzip.open(file) as packed, place.open("wb") as to:
            while piece := packed.read(_PIECE_BYTES):
                size += len(piece)
                if size > MAX_UNPACKED_BYTES:
                    raise ImportRefused(
                        file, f"unpacked it is larger than {formats.size(MAX_UNPACKED_BYTES)}"
                    )
                to.write(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ImportRefused(file, "the compressed file is damaged or cut short") from error
    return place


def _refuse_no_text(file: Path, text: Path) -> None:
    """Refuse what takes long before it turns out to be no table: it is looked at in pieces."""
    with text.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(b"\0", 0, _HEAD_BYTES) >= 0:
            raise ImportRefused(file, "it is neither text nor a file of a kind that can be read")
        for start in range(0, len(data) - MAX_LINE_BYTES, MAX_LINE_BYTES):
            if data.find(b"\n", start, start + MAX_LINE_BYTES) < 0:
                line = data[:start].count(b"\n") + 1
                raise ImportRefused(file, f"it is longer than {formats.size(MAX_LINE_BYTES)}", line)
        first = data[: data.find(b"\n") % (MAX_LINE_BYTES + 1)]
        refuse_shape(file, max(first.count(one) for one in _SEPARATORS) + 1, 0)


_SEPARATORS = (b",", b";", b"\t", b"|")


def _text_as_parquet(file: Path, text: Path, place: Path) -> int:
    """Write the fields of a *text* to *place*, as text; return how many columns there are."""
    with closed(None, place.parent, text.parent) as engine:
        fields = engine.read_csv(
            str(text),
            all_varchar=True,
            compression="none",
            skiprows=0,
            max_line_size=MAX_LINE_BYTES,
        )
        refuse_shape(file, len(fields.columns), 0)
        if len(fields.columns) < 2:  # noqa: PLR2004
            raise ImportRefused(
                file,
                "it is no table: its lines do not have the same number of columns, two or more",
            )
        fields.limit(MAX_ROWS + 1).write_parquet(str(place), compression="lz4")
        return len(fields.columns)


def _refusal_of_text(file: Path, error: duckdb.Error) -> ImportRefused:
    """Return what is wrong with a text, and in which line, of all that DuckDB says of it."""
    lines = str(error).splitlines()
    if found := re.search(r"CSV Error on Line: (\d+)", lines[0]):
        reason = next((line for line in lines[1:] if not line.startswith("Original Line")), "")
        return ImportRefused(file, reason.strip() or "it cannot be read", int(found[1]))
    if "sniffing" in lines[0]:
        return ImportRefused(
            file, "it is no table: its lines do not have the same number of columns, two or more"
        )
    return ImportRefused(file, f"the text cannot be read: {said(error)}")


def _is_ours(head: bytes) -> bool:
    """Return whether a text that begins with *head* is of a kind that a reader of ours knows."""
    line = head.decode("utf-8-sig", "replace").lstrip("\r\n").partition("\n")[0].strip()
    first = tuple(field.strip() for field in next(csv.reader([line]), ()))
    if not first or not first[0]:
        return False
    return recordings.belongs(first) or (
        binance_archive.belongs(first) and len(first) in binance_archive.WIDTHS
    )


def _parsed(file: Path, work: Path) -> Staged:
    """Return what a reader of ours makes of *file*."""
    parsed: ParsedFile = parsing.parse(file, datetime.now(UTC))
    if parsed.readings is None:
        raise ImportRefused(file, f"it is a {parsed.kind}, of which no row can be used")
    name, rows = parsed.readings
    kept = [column for column in rows.column_names if column not in WORDS_OF_OURS]
    place = work / "parsed.parquet"
    pq.write_table(rows.select(kept), place, compression="lz4")
    return Staged(
        parsed.kind,
        place,
        name,
        parsed.rows_read,
        notes=parsed.notes,
        refused=dict(parsed.refused),
        values_refused=dict(parsed.values_refused),
    )
