"""Reading venues' JSON: numbers, times and rows, with nothing invented.

What is absent stays None. What is there but unreadable becomes NaN, which no
column accepts: validation refuses and counts it, and the rest of the row lives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

NONSENSE = math.nan
"""Stands for a value that is there but cannot be read."""


class OtherShape(Exception):
    """An answer is JSON, but not of the shape that its question promises."""


def number(raw: object) -> float | None:
    """Return *raw*, a JSON number or a text of one, None if absent, NaN if unreadable."""
    if raw is None or raw == "":
        return None
    if isinstance(raw, bool) or (isinstance(raw, str) and "_" in raw):
        return NONSENSE
    try:
        return float(raw)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return NONSENSE


def moment(raw: object) -> datetime | float | None:
    """Return the time that *raw* says in milliseconds since 1970, None if absent, else NaN."""
    milliseconds = number(raw)
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return NONSENSE


def name(row: dict[str, Any], key: str) -> str | None:
    """Return the venue's name of the instrument that *row* is about."""
    found = row.get(key)
    return found if isinstance(found, str) else None


def product(a: float | None, b: float | None) -> float | None:
    """Return a * b, None where either is absent."""
    return None if a is None or b is None else a * b


def one_side(row: Mapping[str, Any], single: str, both: str) -> float | None:
    """Return what *row* says of one side, in *single*, else half of what *both* sides add up to."""
    stated = number(row.get(single))
    return stated if stated is not None else product(number(row.get(both)), 0.5)


def quotient(a: float | None, b: float | None) -> float | None:
    """Return a / b, None where either is absent, NaN where *b* is 0."""
    if a is None or b is None:
        return None
    return a / b if b != 0 else NONSENSE


def rows(payload: Any, *path: str | int) -> Iterator[dict[str, Any]]:
    """Yield the objects of the list at *path*; an entry of another kind becomes an empty one."""
    for entry in entries(payload, *path):
        yield entry if isinstance(entry, dict) else {}


def entries(payload: Any, *path: str | int) -> list[Any]:
    """Return the list at *path* of the answer, or say that the answer is of another shape."""
    found = payload
    for step in path:
        if isinstance(step, str):
            found = found.get(step) if isinstance(found, dict) else None
        else:
            found = found[step] if isinstance(found, list) and len(found) > step else None
    if not isinstance(found, list):
        where = ".".join(map(str, path)) or "the top"
        raise OtherShape(f"unexpected JSON: no list at {where}")
    return found


def obj(payload: Any, *keys: str) -> dict[str, Any]:
    """Return the answer as an object that has *keys*, or say that it is of another shape."""
    if not isinstance(payload, dict):
        raise OtherShape("unexpected JSON: not an object")
    for key in keys:
        if key not in payload:
            raise OtherShape(f"unexpected JSON: no {key}")
    return payload
