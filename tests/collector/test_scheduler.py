"""The scheduler: on the marks, never two of one at once, one failing job takes nobody down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.events import EVENT_JOB_EXECUTED
from structlog.testing import capture_logs

from collector.runtime.clock import Clock
from collector.runtime.guarded_tasks import GuardedTasks
from collector.service.scheduler import Job, Scheduler
from tests.waiting import HANG_S

SPEED = 600.0
"""Ten minutes of the clock in a second: a half-minute job comes every 50 ms."""


@pytest.fixture
async def scheduler():
    """A scheduler on a fast clock, stopped in the end."""
    clock = Clock(origin=datetime(2026, 1, 1, 23, 59, 50, tzinfo=UTC), speed=SPEED)
    made = Scheduler(clock)
    async with GuardedTasks(clock) as tasks:
        made.task = tasks.start("timetable", made.run, "lake")
        yield made, clock


async def enough(condition):
    """Wait until *condition* holds."""
    async with asyncio.timeout(HANG_S):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("every_s", "after_mark_s", "wait_s"),
    [(3600, 600, 610), (3600, 3000, 3010), (86_400, 300, 310), (900, 0, 10), (300, 295, 5)],
)
async def test_the_first_start_is_on_the_next_mark(clock, every_s, after_mark_s, wait_s):
    """Marks are full hours, days or five minutes of the clock, whenever it was started."""
    clock.start = datetime(2026, 1, 1, 23, 59, 50, tzinfo=UTC)
    table = Scheduler(clock)
    times = {"every": timedelta(seconds=every_s), "after_mark": timedelta(seconds=after_mark_s)}

    before = datetime.now(UTC)
    table.add([Job("note", run=_nothing, **times)])
    after = datetime.now(UTC)

    (job,) = table._scheduler.get_jobs()
    assert before <= job.next_run_time - timedelta(seconds=wait_s) <= after


async def test_starts_do_not_drift_off_the_marks(scheduler):
    """However late one of them is, the next is due on its mark; midnight changes nothing."""
    table, _ = scheduler
    due = []
    table._scheduler.add_listener(
        lambda event: due.append(event.scheduled_run_time), EVENT_JOB_EXECUTED
    )

    table.add([Job("note", timedelta(seconds=30), _nothing)])
    await enough(lambda: len(due) >= 20)

    apart = [(at - due[0]) / timedelta(seconds=30 / SPEED) for at in due]
    assert apart == sorted({round(marks) for marks in apart})


@pytest.fixture
def wall(monkeypatch):
    """Makes the wall clock jump, for APScheduler, the scheduler and the collector's clock alike."""

    class Wall(datetime):
        ahead = timedelta()

        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + cls.ahead

    apscheduler = ("apscheduler.schedulers.base", "apscheduler.executors.base")
    for module in (*apscheduler, "collector.service.scheduler", "collector.runtime.clock"):
        monkeypatch.setattr(f"{module}.datetime", Wall)
    return Wall


@pytest.mark.parametrize("step_s", [-3600, 3600, -100 * 86_400, 100 * 86_400, -7, 7])
async def test_after_a_step_of_the_clock_jobs_go_on_on_its_new_marks(scheduler, wall, step_s):
    """Back or ahead: the next start is at most one interval after the jobs are put on anew."""
    table, clock = scheduler
    starts = 0

    async def note():
        nonlocal starts
        starts += 1

    every = timedelta(hours=1)
    table.add([Job("note", every, note, after_mark=timedelta(minutes=30), at_once=True)])
    await enough(lambda: starts >= 1)

    wall.ahead = timedelta(seconds=step_s)
    before = datetime.now(UTC) + wall.ahead
    table.realign()
    (job,) = table._scheduler.get_jobs()
    wait = job.next_run_time - before
    mark = clock.now() + (job.next_run_time - wall.now(UTC)) * SPEED

    assert timedelta() < wait <= every / SPEED + timedelta(seconds=1)
    off = (mark - mark.replace(hour=0, minute=30, second=0, microsecond=0)) % every
    assert min(off, every - off) < timedelta(minutes=10), "a mark, within a second of the wall"
    seen = starts
    await enough(lambda: starts > seen)


async def test_a_clock_that_is_ahead_and_put_right_stops_nothing(scheduler, wall):
    """As a time server does after a bad boot."""
    table, _ = scheduler
    starts = 0

    async def note():
        nonlocal starts
        starts += 1

    table.add([Job("note", timedelta(seconds=30), note)])
    for ahead_s in (3600, 0):
        wall.ahead = timedelta(seconds=ahead_s)
        table.realign()
        seen = starts
        await enough(lambda seen=seen: starts >= seen + 3)


async def test_never_runs_one_job_twice_at_once(scheduler):
    """A run that takes longer than its interval costs the next start, and that is counted."""
    table, clock = scheduler
    running = most = runs = 0

    async def slow():
        nonlocal running, most, runs
        running += 1
        most = max(most, running)
        await clock.sleep(90)
        running -= 1
        runs += 1

    table.add([Job("slow", timedelta(seconds=30), slow)])
    await enough(lambda: runs >= 3)

    assert most == 1
    assert table.missed["slow"] >= 2


async def test_a_job_may_also_run_at_once_and_keeps_its_marks(scheduler):
    """The first cycle does not wait for the next half minute."""
    table, clock = scheduler
    starts = []

    async def note():
        starts.append(clock.now())

    table.add([Job("note", timedelta(hours=6), note, at_once=True)])
    await enough(lambda: len(starts) >= 1)

    assert starts[0] < datetime(2026, 1, 2, 5, tzinfo=UTC)


async def test_a_failing_job_goes_on_and_leaves_the_others_alone(scheduler):
    """A bug in one venue's job must not silence the rest; it is in the log each time."""
    table, _ = scheduler
    failed = went = 0

    async def fail():
        nonlocal failed
        failed += 1
        raise ZeroDivisionError

    async def go():
        nonlocal went
        went += 1

    every = timedelta(seconds=30)
    with capture_logs() as lines:
        table.add([Job("fail", every, fail), Job("go", every, go)])
        await enough(lambda: failed >= 2 and went >= 2)

    assert [line["job"] for line in lines if line["event"] == "job failed"] == ["fail"] * failed


async def test_something_run_once_is_guarded_and_stopped_like_a_job(scheduler):
    """A failure at the start is logged, not swallowed until the end."""
    table, _ = scheduler
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def fail():
        raise ZeroDivisionError

    async def hang():
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with capture_logs() as lines:
        table.run_once("fail", fail)
        table.run_once("hang", hang)
        async with asyncio.timeout(HANG_S):
            await began.wait()
            await table.task.end()

    assert cancelled.is_set()
    assert [line["job"] for line in lines if line["event"] == "job failed"] == ["fail"]


async def test_stop_cancels_what_runs_and_starts_nothing_more(scheduler):
    """SIGTERM must not wait for a venue that hangs, but for what it still has to put away."""
    table, _ = scheduler
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def hang():
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            cancelled.set()
            raise

    table.add([Job("hang", timedelta(seconds=30), hang)])
    async with asyncio.timeout(HANG_S):
        await began.wait()
        await table.task.end()

    assert cancelled.is_set()


async def _nothing() -> None:
    """A job without work."""
