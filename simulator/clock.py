"""What the simulator asks of the clock that it is started with."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, Self


class MarketClock(Protocol):
    """A clock that showed *origin* at the wall time *started_at* and runs *speed* times as fast."""

    @property
    def origin(self) -> datetime:
        """What it showed at *started_at*. UTC."""

    @property
    def started_at(self) -> datetime:
        """The wall time at which it showed *origin*. UTC."""

    @property
    def speed(self) -> float:
        """Seconds of this clock in a second of the wall clock; 0 stands still. [unitless]"""

    def now(self) -> datetime:
        """Return the time on this clock, UTC."""

    def ahead(self, seconds: float) -> Self:
        """Return this clock set forward by *seconds*."""
