"""What could not be used of what came, counted by reason; and what a bad row's reason is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

FUTURE_MS = 60_000
"""How far a venue's clock may be ahead of ours before its times are nonsense. [ms]"""

Reason = Literal[
    "truncated",
    "not_json",
    "other_shape",
    "unknown_event",
    "missing_field",
    "not_a_text",
    "not_a_number",
    "not_a_level",
    "price_not_positive",
    "quantity_not_positive",
    "not_an_id",
    "not_a_time",
    "from_the_future",
    "unknown_side",
    "unknown_instrument",
    "duplicate",
    "too_old",
    "out_of_sequence",
    "block_trade",
    "dropped",
]
"""Why something was not counted.

``unknown_instrument``, ``duplicate``, ``too_old`` and ``block_trade`` are no faults of a frame:
venues tell of more than is followed, and tell some of it twice. ``dropped`` is our own doing.
"""

FAULTS: frozenset[Reason] = frozenset(
    {
        *("truncated", "not_json", "other_shape", "unknown_event", "missing_field"),
        *("not_a_text", "not_a_number", "not_a_level"),
        *("price_not_positive", "quantity_not_positive"),
        *("not_an_id", "not_a_time", "from_the_future", "unknown_side"),
    }
)
"""The reasons that make a frame, or a row of it, a bad one."""

Kind = Literal["text", "number", "price", "quantity", "id", "time", "side", "levels", "flag"]
"""What a field must be for its row to be used."""

INFINITE = math.inf

SIDES = frozenset({"BUY", "SELL"})


def usable(price: float, quantity: float, at_ms: int, received_ms: int) -> bool:
    """Return whether both amounts are above 0 and finite, and the time is none of the future."""
    return (
        price > 0.0
        and quantity > 0.0
        and price * quantity < INFINITE
        and 0 < at_ms <= received_ms + FUTURE_MS
    )


class Rejects:
    """Counts by channel and reason, for as long as the program runs."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, Reason]] = Counter()
        """How often, by channel and reason; the channel is ``""`` where the frame tells none."""

    def add(self, channel: str, reason: Reason, times: int = 1) -> None:
        """Count *reason* on *channel*."""
        self.counts[channel, reason] += times

    @property
    def bad(self) -> int:
        """How many frames and rows could not be used, because of what was in them."""
        return sum(times for (_, reason), times in self.counts.items() if reason in FAULTS)


def unreadable(frame: bytes | str) -> Reason:
    """Return why *frame*, which does not parse, is no JSON."""
    whole = frame.strip() if isinstance(frame, str) else frame.strip().decode("utf-8", "replace")
    return "not_json" if whole[-1:] in ("}", "]") or whole[:1] not in ("{", "[") else "truncated"


def fault(row: Any, fields: Mapping[str, Kind], received_ms: int) -> Reason:
    """Return what is wrong with *row*, which must have *fields* and could not be used."""
    if not isinstance(row, dict):
        return "other_shape"
    for name, kind in fields.items():
        if name not in row or row[name] is None or row[name] == "":
            return "missing_field"
        if (found := _field_fault(row[name], kind, received_ms)) is not None:
            return found
    return "other_shape"


def _field_fault(value: Any, kind: Kind, received_ms: int) -> Reason | None:
    """Return what is wrong with *value*, None if it is as *kind* says."""
    if kind in ("price", "quantity"):
        return _amount_fault(value, "price" if kind == "price" else "quantity")
    if kind == "time":
        return _time_fault(value, received_ms)
    if kind == "id":
        number = _number(value)
        return None if number is not None and number >= 0 else "not_an_id"
    if kind == "side":
        return None if isinstance(value, str) and value.upper() in SIDES else "unknown_side"
    if kind == "number":
        return None if _number(value) is not None else "not_a_number"
    if kind == "text":
        return None if isinstance(value, str) else "not_a_text"
    if kind == "flag":
        return None if isinstance(value, bool) else "unknown_side"
    return "not_a_level"


def _amount_fault(value: Any, what: Literal["price", "quantity"]) -> Reason | None:
    number = _number(value)
    if number is None or not math.isfinite(number):
        return "not_a_number"
    if number > 0:
        return None
    return "price_not_positive" if what == "price" else "quantity_not_positive"


def _time_fault(value: Any, received_ms: int) -> Reason | None:
    number = _number(value)
    if number is None or not number > 0:
        return "not_a_time"
    return "from_the_future" if number > received_ms + FUTURE_MS else None


def _number(value: Any) -> float | None:
    """Return what the handlers read *value* as, None if as no number."""
    try:
        return msgspec.convert(value, float, strict=False)
    except (msgspec.ValidationError, OverflowError):
        return None
