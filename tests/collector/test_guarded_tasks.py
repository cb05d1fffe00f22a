"""Tasks that are to run for ever: an end that nobody asked for is told, and something follows."""

from __future__ import annotations

import ast
import asyncio
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from analytics.errors import LakeError, PerpscopeError
from collector.runtime import guarded_tasks as module
from collector.runtime.guarded_tasks import POLICIES, RESTART, STEADY_S, GuardedTasks, Policy
from tests.waiting import HANG_S

REPOSITORY = Path(__file__).resolve().parents[2]


class Work:
    """Runs until it is told how to end, and counts how often it was begun."""

    def __init__(self):
        self.begun = 0
        self._end = asyncio.Event()
        self._error = None

    async def run(self):
        self.begun += 1
        self._end.clear()
        await self._end.wait()
        if self._error is not None:
            raise self._error

    def end(self, error=None):
        self._error = error
        self._end.set()


@pytest.fixture
def work():
    return Work()


@pytest.fixture
async def guard(clock):
    """Tasks, what is counted of them, and the notes that were written down."""
    registry, notes = CollectorRegistry(), []
    async with GuardedTasks(clock, registry=registry, note=notes.append) as made:
        made.notes = notes
        made.counted = lambda task: registry.get_sample_value(
            "perpscope_task_ends_total", {"task": task}
        )
        yield made


async def until(condition):
    """Let everybody work on until *condition* holds; the bound is for a hang."""
    async with asyncio.timeout(HANG_S):
        while not condition():
            await asyncio.sleep(0)


async def killed(guard, work):
    """Cancel the task that runs *work*, as nobody should, and wait until it is noticed."""
    (task,) = [one for one in asyncio.all_tasks() if one.get_name() == "storing"]
    task.cancel()
    await until(lambda: guard.troubles())


@pytest.mark.parametrize(
    ("error", "reason"),
    [(KeyError("oi"), "KeyError: 'oi'"), (None, "it returned"), ("cancel", "it was cancelled")],
    ids=["raises", "returns", "is cancelled"],
)
async def test_an_end_that_nobody_asked_for_is_told_and_the_task_begun_again(
    guard, work, error, reason
):
    """However it came about: with its traceback in the log, counted, shown and written down."""
    guard.start("storing", work.run)
    await until(lambda: work.begun == 1)
    assert (guard.troubles(), guard.counted("storing")) == ({}, 0)

    with capture_logs() as lines:
        if error == "cancel":
            await killed(guard, work)
        else:
            work.end(error)
        await until(lambda: work.begun == 2)

    (line,) = [line for line in lines if line["event"] == "task ended unexpectedly"]
    assert (line["task"], line["reason"], line["then"]) == ("storing", reason, "restart")
    if error == "cancel":
        assert isinstance(line["exc_info"], asyncio.CancelledError)
    else:
        assert line["exc_info"] is error
    assert guard.counted("storing") == 1
    told = guard.troubles()["storing"]
    assert (told["running"], told["ends"], told["reason"]) == (True, 1, reason)
    await until(lambda: guard.notes)
    assert [(note.task, note.reason) for note in guard.notes] == [("storing", reason)]


async def test_it_is_said_to_be_down_until_it_is_begun_again(guard, work, monkeypatch):
    """Nothing runs in the pause, and who asks then must read that."""
    paused = asyncio.Event()

    async def pause(_seconds):
        await paused.wait()

    guard.start("storing", work.run)
    await until(lambda: work.begun == 1)
    monkeypatch.setattr(guard.clock, "sleep", pause)
    work.end(ValueError("broken"))
    await until(lambda: guard.troubles())

    down = guard.troubles()["storing"]["running"]
    paused.set()
    await until(lambda: work.begun == 2)

    assert (down, guard.troubles()["storing"]["running"]) == (False, True)


async def test_one_that_runs_long_enough_again_is_sound(guard, work, clock):
    """What /healthz says is about now; the counter keeps the rest."""
    guard.start("storing", work.run)
    await until(lambda: work.begun == 1)
    work.end(ValueError("broken"))
    await until(lambda: work.begun == 2)

    clock.elapsed_s += STEADY_S - 1
    before = guard.troubles()
    clock.elapsed_s += 1

    assert list(before) == ["storing"]
    assert (guard.troubles(), guard.counted("storing")) == ({}, 1)


async def test_each_end_in_a_row_costs_a_longer_pause_up_to_a_bound(guard, clock):
    """A task that fails at once must not fill the log; one that ran for long begins anew."""
    begun_s = []

    async def fail():
        begun_s.append(clock.elapsed_s)
        if len(begun_s) == 12:
            clock.elapsed_s += STEADY_S
        raise ValueError("again")

    guard.start("storing", fail)
    await until(lambda: len(begun_s) >= 14)

    pauses_s = [later - sooner for sooner, later in zip(begun_s, begun_s[1:], strict=False)]
    for nth, pause_s in enumerate(pauses_s[:11]):
        usual_s = min(2.0**nth, RESTART.longest_s)
        assert usual_s / 2 <= pause_s <= usual_s * 1.5
    assert pauses_s[11] - STEADY_S <= RESTART.first_s * 1.5
    assert pauses_s[12] <= RESTART.first_s * 3


async def test_an_end_that_was_asked_for_is_none_of_all_that(guard, work):
    """Stopping is no fault."""
    task = guard.start("storing", work.run)
    await until(lambda: work.begun == 1)

    with capture_logs() as lines:
        await task.end()

    assert (lines, guard.troubles(), guard.notes) == ([], {}, [])
    assert (guard.counted("storing"), work.begun, task.has_ended) == (0, 1, True)


async def test_a_failure_on_the_way_out_is_in_the_log(guard):
    """And ends the task all the same."""
    began = asyncio.Event()

    async def stumble():
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            raise ValueError("on the way out")

    task = guard.start("storing", stumble)
    await began.wait()
    with capture_logs() as lines:
        await task.end()

    assert [line["event"] for line in lines] == ["task failed while stopping"]
    assert guard.counted("storing") == 0


async def test_leaving_ends_what_is_left(clock, work):
    """Nobody is left behind with a lake that is closed."""
    async with GuardedTasks(clock) as guard:
        task = guard.start("storing", work.run)
        await until(lambda: work.begun == 1)

    assert task.has_ended


async def test_one_that_waits_to_be_begun_again_can_be_hurried(guard, work, clock, monkeypatch):
    """A collector that stops has no time for a pause, and rows to store."""

    async def for_ever(_seconds):
        await asyncio.Event().wait()

    task = guard.start("storing", work.run)
    await until(lambda: work.begun == 1)
    monkeypatch.setattr(clock, "sleep", for_ever)
    work.end(ValueError("broken"))
    await until(lambda: not task.is_running and guard.troubles())

    task.restart_now()
    await until(lambda: work.begun == 2)
    task.restart_now()

    assert (work.begun, guard.counted("storing")) == (2, 1)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            ValueError("broken"),
            "the task 'process collector' ended unexpectedly (ValueError: broken)",
        ),
        (PerpscopeError("the collector ended by itself"), "the collector ended by itself"),
    ],
    ids=["a bug", "an error of ours"],
)
async def test_a_task_that_nothing_goes_on_without_stops_the_program(guard, work, error, sentence):
    """With an error whose exit code is 1, and no other start."""
    guard.start("process", work.run, "collector")
    await until(lambda: work.begun == 1)
    work.end(error)

    with pytest.raises(PerpscopeError, match=re.escape(sentence)) as caught:
        await guard.until(asyncio.Event())

    assert str(caught.value).startswith(sentence)
    assert (work.begun, guard.counted("process collector")) == (1, 1)


async def test_a_stop_that_was_asked_for_goes_before_an_end(guard, work):
    """Children that the system stops with us are no failure."""
    stopped = asyncio.Event()
    guard.start("process", work.run, "collector")
    await until(lambda: work.begun == 1)
    work.end()
    stopped.set()

    await guard.until(stopped)


async def test_a_kind_without_a_policy_cannot_be_started(guard, work):
    """Whoever adds one says what follows its end, and why, in the table."""
    with pytest.raises(KeyError):
        guard.start("something new", work.run)


def test_every_policy_has_its_reason():
    """The table is read by people."""
    assert all(isinstance(one, Policy) and one.why for one in POLICIES.values())
    assert {one.then for one in POLICIES.values()} == {"restart", "stop"}


STARTERS = {
    *("create_task", "ensure_future", "start_soon", "run_coroutine_threadsafe", "call_later"),
    *("Thread", "Timer", "create_subprocess_exec", "Popen", "create_server", "create_unix_server"),
}
"""What begins something that goes on beside its caller."""

ENDS_BY_ITSELF = {
    "analytics/files/child_process.py": "a process that reads one file",
    "analytics/lake/writer.py": "a thread that interrupts upkeep once",
    "analytics/replay/window.py": "a thread that reads one window; without it the lake answers",
    "analytics/time_limit.py": "a timer that interrupts once more what has not noticed yet",
    "collector/alerts/delivery.py": "one message: its channel waits for it",
    "collector/alerts/sending.py": "a process that sends one message, killed after a time",
    "collector/backfill/archive.py": "parts of one command; the first failure is that of all",
    "collector/commands/launch.py": "waits until the dashboard answers; a failure is raised",
    "collector/commands/processes.py": "starts the programs that launch.py guards",
    "collector/runtime/guarded_tasks.py": "the guard itself",
    "collector/service/control_socket.py": "work of a command; the server that servers.py guards",
    "collector/service/health_server.py": "the server that servers.py guards",
    "collector/service/runner.py": "one cycle of each venue",
    "collector/service/scheduler.py": "a job: its failures are said by name",
    "collector/streams/holes/ledger.py": "a hole's repair: whatever ends it, the hole is settled",
    "collector/streams/wire/session.py": "parts of a session: the first end is that of the stream",
    "collector/venues/round.py": "questions of one cycle; the first failure is that of all",
    "dashboard/studio/build.py": "a thread that builds one record; the page says how it ended",
    "dashboard/server/warm_up.py": "loads code and makes the first reads, once",
    "simulator/server.py": "waits for the stop signal or the first end of a venue",
    "simulator/streams/connection.py": "cuts a connection that is over",
    "simulator/streams/websockets.py": "a venue's streams: server.py ends with the first of them",
}
"""Every file that begins something, and why no guard is needed there."""


def test_whatever_goes_on_for_ever_is_started_as_a_guarded_task():
    """A new place that begins something says here why it ends by itself, or uses the guard."""
    found = set()
    for package in ("analytics", "collector", "dashboard", "simulator"):
        for file in sorted((REPOSITORY / package).rglob("*.py")):
            names = {
                getattr(node.func, "attr", getattr(node.func, "id", None))
                for node in ast.walk(ast.parse(file.read_text("utf-8")))
                if isinstance(node, ast.Call)
            }
            if names & STARTERS:
                found.add(str(file.relative_to(REPOSITORY)))

    assert sorted(found) == sorted(ENDS_BY_ITSELF)


async def test_an_end_that_cannot_be_written_down_is_followed_all_the_same(clock, work):
    """A lake that refuses rows is the least of reasons to leave a task dead."""

    def refuse(_end):
        raise LakeError("the disk is full")

    with capture_logs() as lines:
        async with GuardedTasks(clock, note=refuse) as guard:
            guard.start("storing", work.run)
            await until(lambda: work.begun == 1)
            work.end(ValueError("broken"))
            await until(lambda: work.begun == 2)

    assert "task failure not saved for the Health page" in [line["event"] for line in lines]
    assert module.reason(ValueError()) == "ValueError"
