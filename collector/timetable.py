"""Jobs on time: never two of one at once, never drifting off the marks of the clock.

APScheduler counts in wall time: a step of the wall clock back would keep every job waiting
for as long as the step. Who finds a step has the jobs put on the timetable anew.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from collector.clock import Clock

log = structlog.get_logger(__name__)


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
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.add_listener(self._missed, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        self._jobs: list[Job] = []
        self._running: set[asyncio.Task[object]] = set()
        self._stopping = False
        self.missed: dict[str, int] = {}
        """Starts left out because the run before was not over, by job."""

    def start(self) -> None:
        """Begin to run what is on the timetable, and what comes to it later."""
        self._scheduler.start()

    def add(self, jobs: Iterable[Job]) -> None:
        """Put *jobs* on the timetable."""
        for job in jobs:
            self._jobs.append(job)
            self._put(job, datetime.now(UTC) if job.at_once else None)

    def realign(self) -> None:
        """Put every job on the timetable anew, on its next mark, after a step of the clock."""
        for job in self._jobs:
            self._put(job)

    async def stop(self) -> None:
        """Start nothing more and cancel what runs; nothing collected is half stored by that."""
        self._stopping = True
        self._scheduler.pause()
        running = set(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        self._scheduler.shutdown()
        # APScheduler 3 shuts down on the next turn of the loop.
        await asyncio.sleep(0)

    def _put(self, job: Job, start: datetime | None = None) -> None:
        """Schedule *job* on its marks, the first time at *start* or else on the next mark."""
        seconds = self._clock.wall_s(job.every.total_seconds())
        first = self._first_mark(job)
        self._scheduler.add_job(
            self._run,
            IntervalTrigger(seconds=seconds, start_date=first, timezone=UTC),
            args=(job,),
            id=job.name,
            next_run_time=start or first,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=max(1, math.ceil(seconds)),
            replace_existing=True,
        )

    def _first_mark(self, job: Job) -> datetime:
        """Return the wall time of the next mark, so that starts never drift off the marks."""
        now = self._clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        since_mark = (now - midnight - job.after_mark) % job.every
        wait_s = self._clock.wall_s((job.every - since_mark).total_seconds())
        return datetime.now(UTC) + timedelta(seconds=wait_s)

    def run_once(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """Run something a single time, now, with the same care as a job."""
        task = asyncio.create_task(self._guarded(name, run), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, job: Job) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a job runs as a task")
        self._running.add(task)
        try:
            await self._guarded(job.name, job.run)
        finally:
            self._running.discard(task)

    async def _guarded(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        try:
            await run()
        except asyncio.CancelledError:
            # Being stopped is the end that a job expects; APScheduler would log it as a failure.
            if not self._stopping:
                raise
            log.debug("job stopped", job=name)
        except Exception:
            # A bug in one job must not take the others down; its traceback is in the log.
            log.exception("job failed", job=name)

    def _missed(self, event: JobEvent) -> None:
        self.missed[event.job_id] = self.missed.get(event.job_id, 0) + 1
        overlaps = event.code == EVENT_JOB_MAX_INSTANCES
        why = "the run before is not over" if overlaps else "its time had passed"
        log.warning("job left out", job=event.job_id, why=why)
