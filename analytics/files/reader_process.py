"""Files read in a process of their own, which may need only so much memory and time.

What a file makes its reader do is up to whoever wrote the file. So the reader is another
process: it cannot take the collector's memory, and it is ended where it goes on too long or
nobody waits for it any more. It hands over tables as files, of which nothing more is in memory
here than is being stored.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from analytics.errors import ImportRefused
from analytics.files.parsed import ParsedFile

MEMORY_MB = 500
"""What reading a file may need above what the reader needs idle. [MB]"""

MAX_S = 300
"""How long reading a file may take. [s of the processor, and of the wall]"""

TABLES = ("snapshots", "bars", "instruments")

_LEAN = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "262144",
    "MALLOC_TRIM_THRESHOLD_": "262144",
    "OMP_NUM_THREADS": "1",
}
"""Has memory that was let go of go back at once: what is kept for later would count as used."""

_LOOK_S = 0.2
"""How often it is checked whether the caller still waits. [wall s]"""


@dataclass(slots=True)
class ReaderProcess:
    """Reads files one after the other in a process of its own."""

    folder: Path
    alive: Callable[[], None]
    """Called all the time while a file is read; what it raises ends the reading."""
    process: subprocess.Popen[bytes] | None = None

    def read(self, file: Path, now: datetime) -> ParsedFile:
        """Return what *file* holds, as ``parsing.parse`` does.

        Raises:
            ImportRefused: It is not what it claims to be, or needs too much to be read.
        """
        if self.process is None:
            self.process = _started()
        asked = {"file": str(file), "now": now.isoformat(), "folder": str(self.folder)}
        answer = self._answer(file, self.process, json.dumps(asked).encode() + b"\n")
        if "refused" in answer:
            raise ImportRefused(file, answer["refused"], answer["line"])
        tables = {name: self._table(name) for name in TABLES if name in answer["tables"]}
        return ParsedFile(
            file=file,
            refused=Counter(answer["rows_refused"]),
            values_refused=Counter(answer["values_refused"]),
            notes=tuple(answer["notes"]),
            **{name: answer[name] for name in ("kind", "rows_read", "sha256")},
            **tables,
        )

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def _table(self, name: str) -> pa.Table:
        # Mapped, not read: the pieces that are stored are in memory, and no others.
        return pa.ipc.open_file(pa.memory_map(str(self.folder / f"{name}.arrow"))).read_all()

    def _answer(self, file: Path, process: subprocess.Popen[bytes], asked: bytes) -> dict[str, Any]:
        """Return what the reader says of *file*, in a line of JSON."""
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        heard = b""
        began = time.monotonic()
        try:
            process.stdin.write(asked)
            process.stdin.flush()
            while not heard.endswith(b"\n"):
                self.alive()
                if time.monotonic() - began > MAX_S:
                    raise ImportRefused(file, f"reading it took over {MAX_S} s; split it")
                if select.select([process.stdout], [], [], _LOOK_S)[0]:
                    piece = os.read(process.stdout.fileno(), 2**16)
                    if not piece:
                        raise ImportRefused(file, _ended(process.wait()))
                    heard += piece
        except BaseException as error:
            self.close()
            if isinstance(error, BrokenPipeError):
                raise ImportRefused(file, "its reader process ended") from error
            raise
        answer: dict[str, Any] = json.loads(heard)
        return answer


@contextmanager
def reading(folder: Path, alive: Callable[[], None]) -> Iterator[ReaderProcess]:
    """Read files in another process until the block ends; tables lie in *folder* meanwhile."""
    with tempfile.TemporaryDirectory(prefix="import-", dir=folder) as place:
        reader = ReaderProcess(Path(place), alive)
        try:
            yield reader
        finally:
            reader.close()


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "analytics.files.reader_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **_LEAN, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )


def _ended(code: int) -> str:
    return (
        f"its reader process was killed ({-code if code < 0 else code}): "
        f"it needs more than {MEMORY_MB} MB or {MAX_S} s; split it"
    )
