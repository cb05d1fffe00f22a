"""The timetable: on the marks, never two of one at once, one failing job takes nobody down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from collector.clock import Clock
from collector.timetable import Job, Timetable

SPEED = 600.0
"""Ten minutes of the clock in a second: a half-minute job comes every 50 ms."""

NEARLY_MIDNIGHT = datetime(2026, 1, 1, 23, 59, 50, tzinfo=UTC)


@pytest.fixture
async def timetable():
    """A timetable on a fast clock, stopped in the end."""
    clock = Clock(origin=NEARLY_MIDNIGHT, speed=SPEED)
    made = Timetable(clock)
    yield made, clock
    await made.stop()


@pytest.fixture
async def starts(clock):
    """Puts a job on a timetable of the clock without waiting; its starts, as [s] since then."""
    clock.start = NEARLY_MIDNIGHT
    table = Timetable(clock)

    def put(every_s, after_mark_s=0):
        found = []

        async def note():
            found.append(clock.elapsed_s)

        times = {"every": timedelta(seconds=every_s), "after_mark": timedelta(seconds=after_mark_s)}
        table.add([Job("note", run=note, **times)])
        return found

    yield put
    await table.stop()


async def enough(condition):
    """Wait until *condition* holds."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("every_s", "after_mark_s", "wait_s"),
    [(3600, 600, 610), (3600, 3000, 3010), (86_400, 300, 310), (900, 0, 10), (300, 295, 5)],
)
async def test_the_first_start_is_on_the_next_mark(starts, clock, every_s, after_mark_s, wait_s):
    """Marks are full hours, days or five minutes of the clock, whenever it was started."""
    found = starts(every_s, after_mark_s)

    await clock.sleep(wait_s + every_s + 1)

    assert found == [wait_s, wait_s + every_s]


async def test_starts_do_not_drift_off_the_marks(starts, clock):
    """Midnight changes nothing, nor does a clock that is a little slow against waiting."""
    found = starts(30)

    await clock.sleep(101)
    clock.start -= timedelta(milliseconds=200)
    await clock.sleep(100)

    assert found[:4] == [10, 40, 70, 100]
    assert found[4:] == pytest.approx([130, 160.2, 190.2])


@pytest.mark.parametrize("step_s", [-3600, 3600, -100 * 86_400, 100 * 86_400, -7, 7])
async def test_a_step_of_the_clock_stops_nothing(starts, clock, step_s):
    """Within an interval of the last start comes the next, and then all are on the new marks."""
    found = starts(30)
    await clock.sleep(75)

    clock.start += timedelta(seconds=step_s)
    await clock.sleep(200)

    assert found[:4] == [10, 40, 70, 100]
    assert max(later - one for one, later in pairwise(found)) < 60
    shown = [clock.start + timedelta(seconds=at) for at in found[4:]]
    assert len(shown) >= 4
    assert {(at.second, at.microsecond) for at in shown} == {(0, 0), (30, 0)}


async def test_a_clock_that_is_ahead_and_put_right_stops_nothing(starts, clock):
    """As a time server does after a bad boot."""
    found = starts(30)
    await clock.sleep(75)
    clock.start += timedelta(hours=1)
    await clock.sleep(60)

    clock.start -= timedelta(hours=1)
    await clock.sleep(60)

    assert found == [10, 40, 70, 100, 130, 160, 190]


async def test_never_runs_one_job_twice_at_once(timetable):
    """A run that takes longer than its interval costs the next start, and that is counted."""
    table, clock = timetable
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


async def test_a_job_may_also_run_at_once_and_keeps_its_marks(timetable):
    """The first cycle does not wait for the next half minute."""
    table, clock = timetable
    starts = []

    async def note():
        starts.append(clock.now())

    table.add([Job("note", timedelta(hours=6), note, at_once=True)])
    await enough(lambda: len(starts) >= 1)

    assert starts[0] < datetime(2026, 1, 2, 5, tzinfo=UTC)


async def test_a_failing_job_goes_on_and_leaves_the_others_alone(timetable):
    """A bug in one venue's job must not silence the rest; it is in the log each time."""
    table, _ = timetable
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


async def test_something_run_once_is_guarded_and_stopped_like_a_job(timetable):
    """A failure at the start is logged, not swallowed until the end."""
    table, _ = timetable
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
        async with asyncio.timeout(60):
            await began.wait()
            await table.stop()

    assert cancelled.is_set()
    assert [line["job"] for line in lines if line["event"] == "job failed"] == ["fail"]
    table.stop = _nothing


async def test_stop_cancels_what_runs_and_starts_nothing_more(timetable):
    """SIGTERM must not wait for a venue that hangs, but for what it still has to put away."""
    table, _ = timetable
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
    async with asyncio.timeout(60):
        await began.wait()
        await table.stop()

    assert cancelled.is_set()
    table.stop = _nothing


async def _nothing() -> None:
    """A job without work, and the fixture's stop once the test has stopped it."""
