"""Files read in a process of their own, which may need only so much memory and time.

It hands over tables as files, of which nothing more is in memory here than is being stored.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from analytics.files.child_process import ChildProcess
from analytics.files.parsed import ParsedFile

TABLES = ("snapshots", "bars", "instruments")


@dataclass(frozen=True, slots=True)
class ReaderProcess:
    """Reads files one after the other in a process of its own."""

    folder: Path
    child: ChildProcess

    def read(self, file: Path, now: datetime) -> ParsedFile:
        """Return what *file* holds, as ``parsing.parse`` does.

        Raises:
            ImportRefused: It is not what it claims to be, or needs too much to be read.
        """
        asked = {"file": str(file), "now": now.isoformat(), "folder": str(self.folder)}
        answer = self.child.ask(file, asked)
        tables = {name: self._table(name) for name in TABLES if name in answer["tables"]}
        return ParsedFile(
            file=file,
            refused=Counter(answer["rows_refused"]),
            values_refused=Counter(answer["values_refused"]),
            notes=tuple(answer["notes"]),
            **{name: answer[name] for name in ("kind", "rows_read", "sha256")},
            **tables,
        )

    def _table(self, name: str) -> pa.Table:
        # Mapped, not read: the pieces that are stored are in memory, and no others.
        return pa.ipc.open_file(pa.memory_map(str(self.folder / f"{name}.arrow"))).read_all()


@contextmanager
def reading(folder: Path, alive: Callable[[], None]) -> Iterator[ReaderProcess]:
    """Read files in another process until the block ends; tables lie in *folder* meanwhile."""
    with tempfile.TemporaryDirectory(prefix="import-", dir=folder) as place:
        child = ChildProcess("analytics.files.reader_child", alive)
        try:
            yield ReaderProcess(Path(place), child)
        finally:
            child.close()
