"""Which reader a file belongs to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from analytics.errors import ImportRefused
from analytics.files import binance_archive, content, delimited, recordings, tables
from analytics.files.parsed import ParsedFile
from analytics.files.row_checks import validated

_SQLITE = b"SQLite format 3\0"
_PARQUET = b"PAR1"


def parse(path: Path, now: datetime) -> ParsedFile:
    """Read and check the file at *path* as a whole; store nothing.

    Raises:
        ImportRefused: The file is not what it claims to be.
    """
    try:
        parsed = _read(path)
        if parsed.readings is None:
            return parsed
        name, rows = parsed.readings
        checked = validated(name, rows, now)
    except (pa.ArrowException, duckdb.Error) as error:
        said = str(error).partition("\n")[0][:200]
        raise ImportRefused(path, f"it has unreadable content ({said})") from error
    return replace(
        parsed,
        sha256=content.sha256(path),
        refused=parsed.refused + checked.refused,
        values_refused=parsed.values_refused + checked.values_refused,
        **{name: checked.rows},
    )


def _read(path: Path) -> ParsedFile:
    """Hand the file at *path* to the reader it belongs to."""
    if content.head(path, len(_SQLITE)) == _SQLITE:
        return recordings.read_sqlite(path)
    unpacked = content.read(path)
    if unpacked.data[: len(_PARQUET)] == _PARQUET:
        return tables.read_parquet(path, unpacked.data)
    if unpacked.data[: len(_SQLITE)] == _SQLITE:
        raise ImportRefused(path, "it is a compressed SQLite file; decompress it first")
    text = delimited.opened(path, unpacked.data)
    if binance_archive.belongs(text.first_line):
        return binance_archive.read(text, unpacked)
    if recordings.belongs(text.first_line):
        return recordings.read_csv(text)
    return tables.read_csv(text)
