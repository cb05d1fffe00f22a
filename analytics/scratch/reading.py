"""Reading a stranger's files: what is in them, and what each column seems to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from analytics.scratch.preview import Preview


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
    raise NotImplementedError
