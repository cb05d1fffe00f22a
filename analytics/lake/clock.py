"""The clock a lake is collected by: the wall's, or a simulator's that says how it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """A simulator's clock, which may show another time than the wall's and run faster."""

    origin: datetime
    """What it showed at ``started_at``. UTC."""
    started_at: datetime
    """Wall time. UTC."""
    speed: float
    """Seconds of it in a second of the wall's."""

    @classmethod
    def of(cls, info: Mapping[str, str]) -> Clock | None:
        """Return the clock that a lake's facts state; None where it is the wall clock."""
        if "clock" not in info:
            return None
        stated = json.loads(info["clock"])
        return cls(
            origin=datetime.fromtimestamp(stated["origin_ms"] / 1000, UTC),
            started_at=datetime.fromtimestamp(stated["started_at_ms"] / 1000, UTC),
            speed=float(stated["speed"]),
        )

    def at(self, wall: datetime) -> datetime:
        """Return what this clock shows at the wall time *wall*."""
        return self.origin + (wall - self.started_at) * self.speed
