"""The timetable: on the marks, never two of one at once, one failing job takes nobody down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from collector.clock import Clock
from collector.timetable import Job, Timetable

SPEED = 600.0
"""Ten minutes of the clock in a second: a five-second job comes every 8 ms."""


@pytest.fixture
async def timetable():
    """A timetable on a fast clock, stopped in the end."""
    clock = Clock(origin=datetime(2026, 1, 1, 23, 59, 50, tzinfo=UTC), speed=SPEED)
    made = Timetable(clock)
    made.start()
    yield made, clock
    await made.stop()


async def enough(condition):
    """Wait until *condition* holds, for at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_starts_on_marks_of_the_clock_without_drifting(timetable):
    """The hundredth start is as near its mark as the first; midnight changes nothing."""
    table, clock = timetable
    starts = []

    async def note():
        starts.append(clock.now())

    table.add([Job("note", timedelta(seconds=30), note, after_mark=timedelta(seconds=10))])
    await enough(lambda: len(starts) >= 20)

    marks = {round((start.timestamp() - 10) / 30) for start in starts}
    assert len(marks) == len(starts)
    assert all((start.timestamp() - 10) % 30 < 29.9 for start in starts)
    assert max(marks) - min(marks) + 1 - len(marks) <= table.missed.get("note", 0)


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


async def test_a_failing_job_goes_on_and_leaves_the_others_alone(timetable, caplog):
    """A bug in one venue's job must not silence the rest."""
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
    table.add([Job("fail", every, fail), Job("go", every, go)])
    await enough(lambda: failed >= 2 and went >= 2)


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

    table.run_once("fail", fail)
    table.run_once("hang", hang)
    async with asyncio.timeout(10):
        await began.wait()
        await table.stop()

    assert cancelled.is_set()
    table.stop = _nothing


async def test_stop_cancels_what_runs_and_starts_nothing_more(timetable):
    """SIGTERM must not wait for a venue that hangs."""
    table, _ = timetable
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def hang():
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    table.add([Job("hang", timedelta(seconds=30), hang)])
    async with asyncio.timeout(10):
        await began.wait()
        await table.stop()

    assert cancelled.is_set()
    table.stop = _nothing


async def _nothing() -> None:
    """The fixture's stop, once the test has stopped it."""
