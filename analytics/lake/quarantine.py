"""What cannot be used is set aside with a note: never deleted, never forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from analytics.lake.layout import Layout, sync, write_in_place_of


def set_aside(layout: Layout, paths: Iterable[Path], what: str) -> str:
    """Move *paths*, where they exist, out of the lake; note *what* happened and return it.

    The note is on the disk before anything moves.
    """
    now = datetime.now(UTC)
    layout.set_aside.mkdir(exist_ok=True)
    stem = f"{now:%Y%m%dT%H%M%S%f}"
    note = layout.set_aside / f"{stem}.json"
    write_in_place_of(note, json.dumps({"set_aside_at": now.isoformat(), "what": what}).encode())
    for path in paths:
        if path.exists():
            path.rename(layout.set_aside / f"{stem}-{path.name}")
    sync(layout.set_aside)
    return what


def notes(layout: Layout) -> list[dict[str, str]]:
    """Return every note ever written, oldest first; of one that cannot be read, its name."""
    return [_read(note) for note in sorted(layout.set_aside.glob("*.json"))]


def _read(note: Path) -> dict[str, str]:
    try:
        said = json.loads(note.read_bytes())
        return {key: said[key] for key in ("set_aside_at", "what")}
    except (OSError, ValueError, KeyError, TypeError):
        what = f"the note {note.name} cannot be read; what it is about lies beside it"
        return {"set_aside_at": "unknown", "what": what}
