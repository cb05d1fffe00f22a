"""What a stranger's file may have at most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

import duckdb

from analytics.lake.attach import quoted

MAX_COLUMNS: Final = 500
MAX_ROWS: Final = 200_000_000
MAX_LINE_BYTES: Final = 2**18
"""Of a text. [bytes]"""
MAX_UNPACKED_BYTES: Final = 4 * 2**30
"""Of a compressed text. [bytes]"""
MAX_TEXTS: Final = 5000
"""Different names of pairs in one file."""
MAX_NAME: Final = 200
"""Of a column. [characters]"""

BUILD_S: Final = 1800
"""How long a build may take. [s]"""

ENGINE_MEMORY: Final = "220MB"
"""What DuckDB's buffers may use of the memory that the process has."""

CLOSED: Final[Mapping[str, str | bool | int | float | list[str]]] = MappingProxyType(
    {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "python_enable_replacements": False,
        "memory_limit": ENGINE_MEMORY,
        "threads": 2,
    }
)
"""A DuckDB that loads nothing."""


@contextmanager
def closed(file: Path | None = None, *folders: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the DuckDB *file*, or one in memory, which reaches nothing but *folders*.

    Nothing that is run in it can change that.
    """
    config = dict(CLOSED)
    with duckdb.connect(str(file or ":memory:"), read_only=file is not None, config=config) as one:
        one.execute("set TimeZone = 'UTC'")
        listed = ", ".join(quoted(f"{folder}/") for folder in folders)
        one.execute(f"set allowed_directories = [{listed}]")
        one.execute("set enable_external_access = false")
        one.execute("set lock_configuration = true")
        yield one


def said(error: Exception) -> str:
    """Return the first line of what a library complains of, without the kind of error."""
    line = str(error).partition("\n")[0][:200]
    kind, _, rest = line.partition(": ")
    return rest if isinstance(error, duckdb.Error) and rest and kind.endswith("Error") else line
