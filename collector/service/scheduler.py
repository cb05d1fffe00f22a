"""Runs jobs on time: never the same job twice at once, never drifting off the clock's marks.

APScheduler counts in wall time: a step of the wall clock back would keep every job waiting
for as long as the step. Who finds a step has the jobs put on the timetable anew.

When APScheduler itself fails, it sets no further timer and raises nothing. Here it raises in
`Scheduler.run`, a guarded task that is restarted then.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.events import (
    EVENT_ALL_JOBS_REMOVED,
    EVENT_EXECUTOR_REMOVED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_REMOVED,
    EVENT_JOBSTORE_REMOVED,
    EVENT_SCHEDULER_PAUSED,
    EVENT_SCHEDULER_SHUTDOWN,
    JobEvent,
    SchedulerEvent,
)
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from collector.runtime.clock import Clock
from collector.runtime.guarded_tasks import reason

log = structlog.get_logger(__name__)

_NOT_OURS = (
    EVENT_JOB_REMOVED
    | EVENT_ALL_JOBS_REMOVED
    | EVENT_EXECUTOR_REMOVED
    | EVENT_JOBSTORE_REMOVED
    | EVENT_SCHEDULER_PAUSED
    | EVENT_SCHEDULER_SHUTDOWN
)
"""Events that leave jobs unscheduled; nothing here causes them while a scheduler runs."""


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


class SchedulerBroken(Exception):
    """A scheduler lost jobs, or was stopped, unexpectedly."""


class _Scheduler(AsyncIOScheduler):  # type: ignore[misc]
    """APScheduler's, with a future for its failure."""

    def __init__(self) -> None:
        super().__init__(timezone=UTC)
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done with the reason when no more jobs are started."""
        self.add_listener(self._lost, _NOT_OURS)

    def _lost(self, event: SchedulerEvent) -> None:
        job = getattr(event, "job_id", None)
        self._break(
            SchedulerBroken(
                "APScheduler was stopped" if job is None else f"job {job!r} was removed"
            )
        )

    def _break(self, error: Exception) -> None:
        if not self.broken.done():
            self.broken.set_exception(error)

    def _process_jobs(self) -> float | None:
        try:
            wait_s: float | None = super()._process_jobs()
        except Exception as error:  # noqa: BLE001
            # Raised in `Scheduler.run`: here the loop would only log it, and set no timer.
            self._break(error)
            return None
        return wait_s


class Scheduler:
    """Runs jobs on time: never two of one job at once, never one late start after another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, Job] = {}
        self._running: set[asyncio.Task[object]] = set()
        self._is_ending = False
        self.missed: dict[str, int] = {}
        """Starts left out because the run before was not over, by job."""
        self.failing: dict[str, str] = {}
        """What ended the newest run of a job that failed, by job."""
        self._scheduler = self._new_scheduler()

    @property
    def is_empty(self) -> bool:
        """Whether there is no job on it yet."""
        return not self._jobs

    async def run(self) -> None:
        """Run what is on the timetable, and what comes to it later, for ever.

        Begun anew after an end, it goes on with the same jobs on their next marks. Raises what
        broke the scheduler.
        """
        if self._scheduler.broken.done():
            self._scheduler = self._new_scheduler()
            self.realign()
        self._is_ending = False
        self._scheduler.start()
        try:
            await self._scheduler.broken
        finally:
            await self._end(self._scheduler)

    def add(self, jobs: Iterable[Job]) -> None:
        """Put *jobs* on the timetable."""
        for job in jobs:
            self._jobs[job.name] = job
            self._put(job, datetime.now(UTC) if job.at_once else None)

    def realign(self) -> None:
        """Put every job on the timetable anew, on its next mark, after a step of the clock."""
        for job in self._jobs.values():
            self._put(job)

    def _new_scheduler(self) -> _Scheduler:
        scheduler = _Scheduler()
        scheduler.add_listener(self._missed, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
        return scheduler

    async def _end(self, scheduler: _Scheduler) -> None:
        """Start nothing more and cancel what runs; nothing collected is half stored by that."""
        self._is_ending = True
        scheduler.broken.cancel()
        if scheduler.running:
            scheduler.pause()
        running = set(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        if scheduler.running:
            scheduler.shutdown()
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
        except (Exception, asyncio.CancelledError) as error:
            if self._is_ending and isinstance(error, asyncio.CancelledError):
                # Being stopped is the end that a job expects.
                log.debug("job stopped", job=name)
                return
            # A bug in one job must not take the others down; its traceback is in the log.
            log.exception("job failed", job=name)
            self.failing[name] = reason(error)
        else:
            self.failing.pop(name, None)

    def _missed(self, event: JobEvent) -> None:
        self.missed[event.job_id] = self.missed.get(event.job_id, 0) + 1
        overlaps = event.code == EVENT_JOB_MAX_INSTANCES
        why = "the previous run is still going" if overlaps else "its start time was missed"
        log.warning("job skipped", job=event.job_id, why=why)
