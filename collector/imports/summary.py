"""What became of a file that was imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

Progress = Callable[[int, int], None]
"""Called with the rows done and the total, from the importing thread."""


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
