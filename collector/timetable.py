"""Jobs on time: never two of one at once, never drifting off the marks of the clock.

Waits are counted on the monotonic clock and, after each, measured anew on the clock that
people read. So a step of that clock, back or ahead, moves the marks and stops nothing: a
job comes at most one of its intervals after the last, and is on its new mark from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from collector.clock import Clock

log = structlog.get_logger(__name__)

_EARLY_SHARE = 0.1
"""A wait that ends so little of an interval before a mark was for that mark: the two clocks
do not run at quite the same pace."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something done again and again, on marks of the collector's clock."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[object]]
    after_mark: timedelta = timedelta()
    """How long after each mark (each full five minutes, say) it starts."""
    at_once: bool = False
    """Whether it also runs as soon as it is on the timetable."""


class Timetable:
    """Runs jobs on time: never two of one job at once, never one late start after another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: set[asyncio.Task[None]] = set()
        self._running: dict[asyncio.Task[None], str] = {}
        self._stopping = False
        self.missed: dict[str, int] = {}
        """Starts left out because the run before was not over, by job."""

    def add(self, jobs: Iterable[Job]) -> None:
        """Put *jobs* on the timetable."""
        for job in jobs:
            self._waiting.add(asyncio.create_task(self._keep(job), name=f"mark of {job.name}"))

    def run_once(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """Run something a single time, now, with the same care as a job."""
        task = asyncio.create_task(self._guarded(name, run), name=name)
        self._running[task] = name
        task.add_done_callback(self._running.pop)

    async def stop(self) -> None:
        """Start nothing more and cancel what runs; nothing collected is half stored by that."""
        self._stopping = True
        stopped = [*self._waiting, *self._running]
        for task in stopped:
            task.cancel()
        if stopped:
            await asyncio.wait(stopped)

    async def _keep(self, job: Job) -> None:
        """Start *job* on each mark, for ever."""
        if job.at_once:
            self._start(job)
        wait_s = self._until_mark_s(job)
        while True:
            await self._clock.sleep(wait_s)
            self._start(job)
            wait_s = self._until_mark_s(job)
            if wait_s < _EARLY_SHARE * job.every.total_seconds():
                wait_s += job.every.total_seconds()

    def _until_mark_s(self, job: Job) -> float:
        """Return how long it is to the next mark, so that starts never drift off the marks."""
        now = self._clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        since_mark = (now - midnight - job.after_mark) % job.every
        return (job.every - since_mark).total_seconds()

    def _start(self, job: Job) -> None:
        if job.name in self._running.values():
            self.missed[job.name] = self.missed.get(job.name, 0) + 1
            log.warning("job left out", job=job.name, why="the run before is not over")
        else:
            self.run_once(job.name, job.run)

    async def _guarded(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        try:
            await run()
        except asyncio.CancelledError:
            # Being stopped is the end that a job expects.
            if not self._stopping:
                raise
            log.debug("job stopped", job=name)
        except Exception:
            # A bug in one job must not take the others down; its traceback is in the log.
            log.exception("job failed", job=name)
