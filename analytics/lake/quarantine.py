"""The quarantine: damaged files are moved out of the lake with a note, and never deleted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from analytics.lake.layout import Layout, sync, write_in_place_of


def move(layout: Layout, paths: Iterable[Path], what: str) -> str:
    """Move those of *paths* that exist into the quarantine; note *what* happened and return it.

    The note is on the disk before anything moves.
    """
    now = datetime.now(UTC)
    layout.quarantine.mkdir(exist_ok=True)
    stem = f"{now:%Y%m%dT%H%M%S%f}"
    note = layout.quarantine / f"{stem}.json"
    write_in_place_of(note, json.dumps({"set_aside_at": now.isoformat(), "what": what}).encode())
    for path in paths:
        if path.exists():
            path.rename(layout.quarantine / f"{stem}-{path.name}")
    sync(layout.quarantine)
    return what


def notes(layout: Layout) -> list[dict[str, str]]:
    """Return every note ever written, oldest first; of one that cannot be read, its name."""
    return [_read(note) for note in sorted(layout.quarantine.glob("*.json"))]


def _read(note: Path) -> dict[str, str]:
    try:
        content = json.loads(note.read_bytes())
        return {key: content[key] for key in ("set_aside_at", "what")}
    except (OSError, ValueError, KeyError, TypeError):
        what = f"the note {note.name} cannot be read; the damaged file is in the same folder"
        return {"set_aside_at": "unknown", "what": what}
