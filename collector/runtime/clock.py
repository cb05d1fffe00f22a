"""The one clock of a running collector.

Everything that asks what time it is asks this. Against real venues it is the
wall clock. Against the simulator it is the simulator's clock, which may start
anywhere in the past and run up to 600 times faster, so that a recording is
collected at its own recorded times.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Self

from analytics.lake.clock import LakeClock


@dataclass(frozen=True, slots=True)
class Clock(LakeClock):
    """The lake's clock, running: what time it is now, and how long it is until another."""

    origin: datetime = field(default_factory=lambda: datetime.now(UTC))
    speed: float = 1.0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        """Return the time on this clock, UTC, in whole milliseconds as the lake keeps it."""
        now = self.at(datetime.now(UTC))
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def monotonic_s(self) -> float:
        """Return seconds of this clock that never run backwards, for measuring waits."""
        return time.monotonic() * self.speed

    def wall_s(self, seconds: float) -> float:
        """Return how long *seconds* of this clock last on the wall. [s]"""
        return seconds / self.speed

    def ahead(self, seconds: float) -> Self:
        """Return this clock set forward by *seconds*."""
        return replace(self, origin=self.origin + timedelta(seconds=seconds))

    async def sleep(self, seconds: float) -> None:
        """Sleep for *seconds* of this clock."""
        await asyncio.sleep(self.wall_s(seconds))
