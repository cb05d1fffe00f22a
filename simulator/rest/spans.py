"""Stretches of a history that a request asks for, and the units of time that venues count in."""

from __future__ import annotations

from dataclasses import dataclass

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS

MONDAY_MS = 4 * DAY_MS
"""The first Monday since 1970, from which weeks are counted."""


@dataclass(frozen=True, slots=True)
class Span:
    """The points of a history that a request asks for."""

    first_ms: int
    last_ms: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return self.last_ms < self.first_ms


def earliest(step_ms: int, start_ms: int, end_ms: int, limit: int, offset_ms: int = 0) -> Span:
    """Return the first *limit* multiples of *step_ms* in [start_ms, end_ms]."""
    first = -(-(start_ms - offset_ms) // step_ms) * step_ms + offset_ms
    last = (end_ms - offset_ms) // step_ms * step_ms + offset_ms
    return Span(first, min(last, first + (limit - 1) * step_ms))


def latest(step_ms: int, start_ms: int, end_ms: int, limit: int, offset_ms: int = 0) -> Span:
    """Return the last *limit* multiples of *step_ms* in [start_ms, end_ms]."""
    first = -(-(start_ms - offset_ms) // step_ms) * step_ms + offset_ms
    last = (end_ms - offset_ms) // step_ms * step_ms + offset_ms
    return Span(max(first, last - (limit - 1) * step_ms), last)
