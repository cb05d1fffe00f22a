"""What can go wrong with a venue, on request: broken bodies, bad numbers, refusals, silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from simulator.market.listings import VENUES

Kind = Literal[
    "html200",
    "empty",
    "empty_body",
    "text_numbers",
    "nan",
    "infinite",
    "negative",
    "zero",
    "duplicate",
    "vanish",
    "crossed_book",
    "stale_time",
    "truncated",
    "deep",
    "status",
    "hang",
    "delay",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
_MAX_DELAY_S = 3600
STATUSES = (403, 418, 429, 451, 500, 503)

_KNOWN_KEYS = {"venue", "path", "kind", "count", "symbol", "status", "seconds"}

_WHOLE_ANSWER = {"html200", "empty", "empty_body", "truncated", "deep", "status", "hang", "delay"}
"""Kinds that corrupt a whole answer, so they apply to one symbol only if it is asked alone."""


@dataclass(slots=True)
class Fault:
    """One fault, until its count is used up or it is cleared."""

    venue: str
    path: str
    """The start of the venue's path, or ``*``."""

    kind: Kind
    count: int | None = None
    """How many more answers it spoils; None for all until cleared."""

    symbol: str | None = None
    """Spoils only this one's rows, and only requests for it where one can be named."""

    status: int = 503
    """For kind ``status``."""

    seconds: float = 1.0
    """For kind ``delay``, on the wall clock, as the client's timeout is. [s]"""

    def matches(self, venue: str, path: str, asked: str | None) -> bool:
        """Whether it concerns a request; *asked* is the symbol that the request names."""
        if venue != self.venue or not (self.path == "*" or path.startswith(self.path)):
            return False
        if self.symbol is None:
            return True
        if self.kind in _WHOLE_ANSWER:
            return asked == self.symbol
        return asked in {None, "ANY", self.symbol}


class Faults:
    """The faults in force, the oldest first."""

    def __init__(self) -> None:
        """Start without any."""
        self._faults: list[Fault] = []

    def add(self, wanted: Mapping[str, Any]) -> Fault:
        """Put a fault in force. ValueError says what is wrong with *wanted*."""
        fault = _fault(wanted)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Take every fault away."""
        self._faults.clear()

    def take(self, venue: str, path: str, asked: str | None) -> list[Fault]:
        """Return the faults for one request, and count it against them."""
        found = [fault for fault in self._faults if fault.matches(venue, path, asked)]
        for fault in found:
            if fault.count is not None:
                fault.count -= 1
        self._faults = [fault for fault in self._faults if fault.count is None or fault.count > 0]
        return found

    def listed(self) -> list[dict[str, Any]]:
        """Return the faults in force, as JSON."""
        names = ("venue", "path", "kind", "count", "symbol", "status", "seconds")
        return [{name: getattr(fault, name) for name in names} for fault in self._faults]


def _fault(wanted: Mapping[str, Any]) -> Fault:
    unknown = set(wanted) - _KNOWN_KEYS
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    fault = Fault(**({"venue": None, "path": None, "kind": None} | dict(wanted)))
    wrong = [complaint for is_fine, complaint in _checks(fault) if not is_fine]
    if wrong:
        raise ValueError("; ".join(wrong))
    return fault


def _checks(fault: Fault) -> list[tuple[bool, str]]:
    """Return what has to hold of a fault that came from outside, and what to say if not."""
    path, count, seconds = fault.path, fault.count, fault.seconds
    is_path = isinstance(path, str) and (path == "*" or path.startswith("/"))
    is_count = count is None or (isinstance(count, int) and count >= 1)
    is_wait = isinstance(seconds, int | float) and 0 <= seconds <= _MAX_DELAY_S
    return [
        (fault.venue in VENUES, f"venue must be one of {', '.join(VENUES)}, not {fault.venue!r}"),
        (is_path, f"path must be a venue's path such as /fapi/v1/depth, or *, not {path!r}"),
        (fault.kind in KINDS, f"kind must be one of {', '.join(KINDS)}, not {fault.kind!r}"),
        (is_count, f"count must be a whole number from 1, not {count!r}"),
        (
            fault.symbol is None or isinstance(fault.symbol, str),
            f"symbol must be a venue's name of a contract, not {fault.symbol!r}",
        ),
        (
            fault.status in STATUSES,
            f"status must be one of {', '.join(map(str, STATUSES))}, not {fault.status!r}",
        ),
        (is_wait, f"seconds must be a number from 0 to {_MAX_DELAY_S}, not {seconds!r}"),
    ]
