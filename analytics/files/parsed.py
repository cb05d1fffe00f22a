"""What reading a file gave."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

CHUNK = 100_000
"""Rows that are handed over and stored in one piece, at most: what a live cycle may have to wait
for."""

TIMES: Mapping[str, str] = {"snapshots": "received_ts", "bars": "ts"}
"""The column that says when a row of an imported table was so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFile:
    """A file that was read whole: tables as the lake stores them, and what was left out."""

    file: Path
    kind: str
    """What the file turned out to be, in words for people."""
    rows_read: int
    snapshots: pa.Table | None = None
    bars: pa.Table | None = None
    instruments: pa.Table | None = None
    """Contracts the file names, where it says enough to describe them."""
    refused: Counter[str] = field(default_factory=Counter)
    """Rows left out, by reason."""
    values_refused: Counter[str] = field(default_factory=Counter)
    """Single values replaced by NULL, by column and reason."""
    notes: tuple[str, ...] = ()
    """Sentences about how the file was taken."""
    sha256: str = ""
    """Of the file as it lies there."""

    @property
    def source(self) -> str:
        """Of what kind its figures are, however they are packed or cut."""
        return re.sub(r" (of \S+|\(\w+\))$", "", self.kind)

    @property
    def span(self) -> dict[str, Any]:
        """``min`` and ``max`` of the times of its readings, None where nothing is left."""
        if self.readings is None:
            return {"min": None, "max": None}
        name, rows = self.readings
        span: dict[str, Any] = pc.min_max(rows[TIMES[name]]).as_py()
        return span

    @property
    def readings(self) -> tuple[str, pa.Table] | None:
        """The one table of readings and its name, or None where nothing is left."""
        for name, rows in (("snapshots", self.snapshots), ("bars", self.bars)):
            if rows is not None and rows.num_rows:
                return name, rows
        return None
