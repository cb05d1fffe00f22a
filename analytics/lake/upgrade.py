"""What the rows of an older lake need beside the columns they lack.

A step runs once, in the commit that also writes the lake's new version, so that a start
that is cut short neither loses it nor takes it twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb


@dataclass(frozen=True, slots=True)
class Step:
    """A change of stored rows."""

    version: int
    """The version of the lake that it leads to: lakes of earlier ones need it."""
    mend: Callable[[duckdb.DuckDBPyConnection], None]
    """Runs inside the caller's transaction, on tables that have all their columns already."""


STEPS: tuple[Step, ...] = ()
"""In the order they are taken."""
