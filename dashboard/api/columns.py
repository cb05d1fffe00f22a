"""What columns of answers are: their unit and title, from the one table of quantities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from analytics.formats import KINDS
from analytics.quantities import QUANTITIES, title

_WORDS: Final = {
    "venue": "Venue",
    "symbol": "Symbol of the pair, as ccxt writes it",
    "base": "Asset that it is counted under",
    "received_ts": "When the newest of it was received",
    "since_ts": "Since when it is looked back",
    "ts": "Time; of a bar its start",
    "bar_ended": "When the newest bar was over",
    "multiplier": "Coins in one unit of the contract's base",
    "bar_count": "5-minute bars behind it",
    "name": "Name of the query",
    "answers": "What it answers",
    "parameters": "What can be given, and what that can be",
    "state": "complete, partial, error or silent",
    "metric": "Column of bars",
    "error": "What went wrong; absent where nothing did",
    "running": "Whether it goes on to the end of the span",
    "repairable": "Whether the venue's own history still has some of it",
    "latency_curve": "Median response time of each two minutes of the last hour [wall ms]",
}
_FLAGS: Final = frozenset(
    ("from_bar", "funding_interval_unknown", "is_silent", "partial", "running", "repairable")
)
_TEXTS: Final = frozenset(
    ("venue", "symbol", "base", "name", "answers", "state", "metric", "error")
)
_LISTS: Final = {"parameters": "string", "latency_curve": "number"}
"""What the items of a list are."""


def unit(column: str) -> str | None:
    """Return the unit of *column* as GLOSSARY.md has it; UTC of times, None of what has none."""
    if column in QUANTITIES:
        return QUANTITIES[column].unit
    if is_time(column):
        return "UTC"
    return unit(_earlier(column)) if column.endswith(("_then", "_then_usd")) else None


def description(column: str) -> str:
    """Return what *column* is, with its unit: ``Open interest [USD]``."""
    of = unit(column)
    return f"{_title(column)} [{of}]" if of else _title(column)


def schema(columns: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of a row of *columns*; any may be left out by ``columns=``."""
    return {
        "type": "object",
        "properties": {
            name: {**_shape(name), "description": description(name)} for name in columns
        },
    }


def is_time(column: str) -> bool:
    """Return whether *column* is a time by its name."""
    return column.endswith("_ts") or column in ("ts", "bar_ended", "silenced_until")


def _title(column: str) -> str:
    if column in _WORDS:
        return _WORDS[column]
    if column in QUANTITIES:
        return QUANTITIES[column].title
    if column.endswith(("_then", "_then_usd")):
        return f"{_title(_earlier(column))} before its change"
    if column.endswith("_ts") and column.removesuffix("_ts") in QUANTITIES:
        return f"Time of {_title(column.removesuffix('_ts')).lower()}"
    return title(column).capitalize()


def _earlier(column: str) -> str:
    return column.replace("_then", "")


def _shape(column: str) -> dict[str, Any]:
    if column in _LISTS:
        return {"type": ["array", "null"], "items": {"type": [_LISTS[column], "null"]}}
    return {"type": _types(column)}


def _types(column: str) -> list[str]:
    if is_time(column):
        return ["string", "integer", "null"]
    if column in _FLAGS:
        return ["boolean", "null"]
    if column in _TEXTS:
        return ["string", "null"]
    if column in QUANTITIES:
        kind = QUANTITIES[column].kind
        is_flag = kind == "flag"
        return ["boolean" if is_flag else "string" if KINDS[kind].is_text else "number", "null"]
    return ["number", "null"]
