"""What a page shows: the time it is made for, and whether that time is now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import streamlit as st

from analytics.errors import QueryError

_LOOK_BACK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Moment:
    """The one time that everything on a page is computed for."""

    now: datetime
    """UTC. Only what was received up to then is seen."""
    mode: Literal["live", "stopped", "asked"]
    """Live; or the record's end, as no collector is running; or a time asked for in the URL."""
    origin: str
    """``live`` or ``simulator``, as the lake says."""
    cycle: timedelta
    """Time between two cycles."""
    age: timedelta
    """How long ago *now* was, by the wall; nothing when live."""

    @property
    def since(self) -> datetime:
        """What was heard before this is not shown as the present any more."""
        return self.now - max(_LOOK_BACK, 3 * self.cycle)

    @property
    def fixed(self) -> datetime | None:
        """The time, where it does not move; None when live."""
        return None if self.mode == "live" else self.now


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock the lake is collected by: the wall's, or a simulator's that says how it runs."""

    origin: datetime
    started_at: datetime
    speed: float

    @classmethod
    def of(cls, info: dict[str, str]) -> Clock | None:
        """Return the clock that the lake's facts state; None where it is the wall clock."""
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


def asked_time() -> datetime | None:
    """Return the time that ``at`` in the URL asks for, UTC; None where it is not there.

    Raises:
        QueryError: It is not a time.
    """
    text = st.query_params.get("at")
    if text is None:
        return None
    try:
        asked = datetime.fromisoformat(text)
    except ValueError as error:
        raise QueryError(
            f"at={text} is not a time; write it like at=2025-10-22T12:44Z, or leave it out"
        ) from error
    return asked.replace(tzinfo=UTC) if asked.tzinfo is None else asked.astimezone(UTC)
