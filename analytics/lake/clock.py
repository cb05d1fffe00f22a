"""The clock that a lake is collected by, as it is written down: a simulator's may run faster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

INTERVAL_FACT: Final = "interval_s"
"""Of a lake that was built from files: how far apart its readings are. [s]"""


@dataclass(frozen=True, slots=True)
class LakeClock:
    """A clock that showed *origin* at the wall time *started_at* and runs *speed* times as fast."""

    origin: datetime
    """What it showed at ``started_at``. UTC."""
    speed: float
    """Seconds of it in a second of the wall clock. [unitless]"""
    started_at: datetime
    """Wall time. UTC."""

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> Self | None:
        """Return the clock that a lake's *facts* state; None where it is the wall clock."""
        return cls.stated(json.loads(facts["clock"])) if "clock" in facts else None

    @classmethod
    def stated(cls, fields: Mapping[str, Any]) -> Self:
        """Return the clock of `as_json`, parsed; raises KeyError or ValueError if it is none."""
        return cls(
            origin=datetime.fromtimestamp(fields["origin_ms"] / 1000, UTC),
            speed=float(fields["speed"]),
            started_at=datetime.fromtimestamp(fields["started_at_ms"] / 1000, UTC),
        )

    def as_json(self) -> str:
        """Return what it takes to make the same clock elsewhere."""
        return json.dumps(
            {
                "origin_ms": round(self.origin.timestamp() * 1000),
                "speed": self.speed,
                "started_at_ms": round(self.started_at.timestamp() * 1000),
            }
        )

    def at(self, wall: datetime) -> datetime:
        """Return what it shows at the wall time *wall*, UTC."""
        return self.origin + (wall - self.started_at) * self.speed
