"""What reading a file gave, and what became of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

Progress = Callable[[int, int], None]
"""Called with the rows done and the total, from the importing thread."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What became of one file. Survives the way through JSON."""

    file: str
    kind: str
    rows_read: int
    stored: dict[str, int]
    """New rows by table; bars include those made from the file's readings."""
    bars_filled: int
    """Bars that were there and had columns of theirs filled."""
    already_there: int
    """Readings, or bars of the file, that changed nothing because they were known."""
    replaced: int
    """Readings, or bars, that differed from an earlier import of the source: corrected."""
    differing: int
    """Readings, or bars, that differ from what is stored from elsewhere, which stays."""
    refused: dict[str, int]
    values_refused: dict[str, int]
    venue: str
    """The venues in it, by name, comma-separated; empty where nothing was left to store."""
    first_ts: datetime | None
    last_ts: datetime | None
    notes: tuple[str, ...] = ()
    number: int | None = None
    """The id of the import, by which it can be taken back; None where nothing was stored."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON knows it, times as ISO text with their zone."""
        fields = asdict(self)
        for name in ("first_ts", "last_ts"):
            fields[name] = None if fields[name] is None else fields[name].isoformat()
        return {**fields, "notes": list(self.notes)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return what ``as_json`` was made of."""
        times = {
            name: None if fields[name] is None else datetime.fromisoformat(fields[name])
            for name in ("first_ts", "last_ts")
        }
        return cls(**{**fields, **times, "notes": tuple(fields["notes"])})
