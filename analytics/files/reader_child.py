"""The other process of ``reader_process``: reads the files it is told, under limits.

A line of JSON comes in for each file, and one goes out; tables go into files.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from analytics.errors import ImportRefused
from analytics.files import parsing
from analytics.files.parsed import CHUNK
from analytics.files.reader_process import MAX_S, MEMORY_MB, TABLES

_TOO_MUCH = f"reading it needs more than {MEMORY_MB} MB; split it"

_FILE_SIZE = 4 * 2**30
"""The most that is handed over of a file. [bytes]"""


def main() -> None:
    """Read files until standard input is closed."""
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints is no answer.
    os.dup2(2, 1)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    # Of memory that is ours: what is mapped of the file itself can be let go of at any time.
    _limit(resource.RLIMIT_DATA, _memory() + MEMORY_MB * 2**20)
    _limit(resource.RLIMIT_FSIZE, _FILE_SIZE)
    _limit(resource.RLIMIT_CORE, 0)
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + MAX_S)
        answers.write(json.dumps(_answer(asked)).encode() + b"\n")
        answers.flush()


def _answer(asked: dict[str, str]) -> dict[str, Any]:
    file = Path(asked["file"])
    try:
        return _read(file, datetime.fromisoformat(asked["now"]), Path(asked["folder"]))
    except ImportRefused as refused:
        if _for_want_of_memory(refused):
            return {"refused": _TOO_MUCH, "line": None}
        return {"refused": refused.reason, "line": refused.line}
    except MemoryError:
        return {"refused": _TOO_MUCH, "line": None}


def _read(file: Path, now: datetime, folder: Path) -> dict[str, Any]:
    parsed = parsing.parse(file, now)
    tables = []
    for name in TABLES:
        rows: pa.Table | None = getattr(parsed, name)
        if rows is not None:
            tables.append(name)
            # Anew, as the one before may still be in use.
            place = folder / f"{name}.arrow"
            place.unlink(missing_ok=True)
            with (
                pa.OSFile(str(place), "wb") as written,
                pa.ipc.new_file(written, rows.schema) as pieces,
            ):
                pieces.write_table(rows, max_chunksize=CHUNK)
    return {
        "tables": tables,
        "kind": parsed.kind,
        "rows_read": parsed.rows_read,
        "sha256": parsed.sha256,
        "rows_refused": dict(parsed.refused),
        "values_refused": dict(parsed.values_refused),
        "notes": parsed.notes,
    }


def _for_want_of_memory(refused: BaseException) -> bool:
    """Return whether a refusal goes back to memory that was not there."""
    cause: BaseException | None = refused
    while cause is not None:
        if isinstance(cause, MemoryError | duckdb.OutOfMemoryException):
            return True
        cause = cause.__cause__
    return False


def _memory() -> int:
    """Return how much memory of its own this process has now; a lot where it is unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[5])
    except OSError:
        return 2**40
    return pages * resource.getpagesize()


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()
