"""Reading a stranger's files: what is in them, and what each column seems to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from analytics.errors import ImportRefused
from analytics.files.child_process import ChildProcess
from analytics.scratch.preview import FilePreview, Preview
from analytics.untrusted.visible import visible

CHILD = "analytics.scratch.scratch_child"


def read(files: Sequence[Path], work: Path, alive: Callable[[], None] = lambda: None) -> Preview:
    """Read *files* in a process of their own, under limits of memory and time.

    Args:
        files: CSV (also gzip), Parquet, Arrow or Feather, SQLite, DuckDB, a zip of Binance's
            archive, or a bundle. They stay as they are.
        work: A folder for what is made of them until the lake is built; the caller deletes it.
        alive: Called all the time; what it raises ends the reading.

    Returns:
        What was found; a file that cannot be used is a sentence in ``refused``.
    """
    found: list[FilePreview] = []
    refused: list[str] = []
    child = ChildProcess(CHILD, alive)
    try:
        for number, file in enumerate(files):
            try:
                asked = {"doing": "read", "file": str(file), "work": str(work / str(number))}
                answer = child.ask(file, {**asked, "key": str(number)})
                found += msgspec.convert(answer["previews"], list[FilePreview])
            except ImportRefused as error:
                refused.append(sentence(file, error))
    finally:
        child.close()
    return Preview(files=tuple(found), refused=tuple(refused))


def sentence(file: Path, error: ImportRefused) -> str:
    """Return what is wrong with *file*, without the folder that it lies in."""
    where = file.name if error.line is None else f"{file.name}, line {error.line}"
    return visible(f"{where}: {error.reason}")
