"""Steps of the system clock: detected, logged, reported on /healthz and kept for Health.

Time servers after a bad boot, a virtual machine that is resumed, a laptop that slept and a
hand on ``date`` all make the clock jump. Collecting goes on; rows received before
the step keep the times that the clock showed then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from analytics.lake.writer import Lake
from collector.runtime.clock import Clock
from collector.service.lake_notes import add_note

log = structlog.get_logger(__name__)

LEAST_S = 2.0
"""How far the two clocks may drift between two checks; time servers slew. [s]"""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """A jump of the clock."""

    at: datetime
    """What the clock showed when it was found, after the jump. UTC."""
    step_s: float
    """How far it jumped; ahead is positive. [s]"""

    def sentence(self) -> str:
        """Return what happened."""
        return f"the clock stepped by {self.step_s:+,.0f} s at {self.at:%Y-%m-%d %H:%M:%S} UTC"


class ClockSteps:
    """Compares the clock with the monotonic one at each check."""

    def __init__(self, clock: Clock, lake: Lake) -> None:
        self._clock, self._lake = clock, lake
        self._least_s = LEAST_S * clock.speed
        self._offset_s, _ = self._measured()
        self.newest: ClockStep | None = None
        """Since the collector was started."""

    def look(self) -> None:
        """Check whether the clock jumped since the last check, and record it if it did.

        Raises:
            LakeError: It could not be stored; the log and ``newest`` have it.
        """
        before_s = self._offset_s
        self._offset_s, doubt_s = self._measured()
        step_s = self._offset_s - before_s
        if abs(step_s) <= self._least_s + doubt_s:
            return
        self.newest = ClockStep(self._clock.now(), step_s)
        log.error("clock stepped", step_s=round(step_s, 1), at=self.newest.at.isoformat())
        note = {"at": self.newest.at.isoformat(), "step_s": round(step_s, 1)}
        add_note(self._lake, "clock_steps", note)

    def _measured(self) -> tuple[float, float]:
        """Return how far the clock is from the monotonic one, and how far off that may be. [s]"""
        before_s = self._clock.monotonic_s()
        now_s = self._clock.now().timestamp()
        after_s = self._clock.monotonic_s()
        return now_s - after_s, after_s - before_s
