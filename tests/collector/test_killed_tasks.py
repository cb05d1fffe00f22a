"""A running collector of which one task after another is killed: it says so, and rows go on."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest
from apscheduler.triggers.interval import IntervalTrigger
from structlog.testing import capture_logs

from analytics.control.collector_socket import takes_work
from analytics.errors import PerpscopeError
from collector.runtime import guarded_tasks as tasks
from collector.runtime.clock import Clock
from collector.runtime.guarded_tasks import Policy
from collector.service import runner
from collector.service.control_socket import ask
from collector.settings import Settings
from perpscope import Exit, exit_code
from simulator.server import Simulator, synthetic
from tests.waiting import HANG_S

SPEED = 30.0
"""A pause of a second of the collector's clock is a thirtieth of one here."""

VENUES = ("binance", "bybit", "okx")


@pytest.fixture(autouse=True)
def _never_steady(monkeypatch):
    """Have what ended once be said for as long as a test may take to ask, however busy we are."""
    monkeypatch.setattr(tasks, "STEADY_S", 1e9)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def simulated(folder, venues=("okx",), *, streams=False):
    """The settings of a collector of a simulated market."""
    clock = Clock(origin=datetime(2026, 1, 1, 12, 30, tzinfo=UTC), speed=SPEED)
    async with Simulator(synthetic(3, seed=1), clock) as simulator:
        yield Settings(
            data_dir=folder,
            simulator=simulator.url,
            venues=venues,
            streams=streams,
            top_n=2,
            interval_s=15,
            backfill_hours=0,
            requests_per_s=50,
            request_timeout_s=60,
            min_free_mb=1,
            collector_port=free_port(),
        )


@asynccontextmanager
async def collecting(folder, venues=("okx",), *, streams=False):
    """A collector that has stored its first cycle of each venue."""
    async with (
        simulated(folder, venues, streams=streams) as settings,
        runner.collecting(settings) as program,
    ):
        for venue in venues:
            await until(lambda venue=venue: cycles(program, venue) > 0)
        yield program


async def until(condition):
    """Wait until *condition* holds; the bound is for a hang."""
    async with asyncio.timeout(HANG_S):
        while not condition():
            await asyncio.sleep(0.01)


def cycles(program, venue) -> int:
    """How many cycles of a venue the lake has."""
    with program.lake.cursor() as cursor:
        query = "select count(*) from cycles where venue = $venue"
        return int(cursor.execute(query, {"venue": venue}).fetchone()[0])


async def healthz(program) -> tuple[int, dict]:
    """What a watchdog is told."""
    url = f"http://127.0.0.1:{program.settings.collector_port}/healthz"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.json()


async def metrics(program) -> str:
    url = f"http://127.0.0.1:{program.settings.collector_port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


async def told(program, task, venue="okx"):
    """Wait until the end of *task* is noticed; check where it is seen, and that rows go on."""
    await until(lambda: task in program.tasks.troubles())
    status, said = await healthz(program)
    assert (status, said["status"]) == (503, "degraded")
    assert list(said["tasks"]) == [task]
    assert f'perpscope_task_ends_total{{task="{task}"}} 1.0' in await metrics(program)
    before = cycles(program, venue)
    await until(lambda: cycles(program, venue) > before + 1)
    await until(lambda: program.tasks.troubles()[task]["running"])
    (noted,) = json.loads(program.lake.info()["task_ends"])
    assert (noted["task"], noted["reason"]) == (task, said["tasks"][task]["reason"])
    return said["tasks"][task]["reason"]


def kill(name):
    """Cancel the task called *name*, as nobody should."""
    (task,) = [one for one in asyncio.all_tasks() if one.get_name() == name]
    task.cancel()


async def test_a_collector_without_such_ends_is_well(tmp_path):
    """All that it starts goes on; what is counted begins at 0, so that a rise is seen."""
    async with collecting(tmp_path) as program:
        # Its cycles may find too little time on a busy machine: that is none of this.
        _, said = await healthz(program)
        counted = await metrics(program)

    assert (said["tasks"], said["jobs_failing"]) == ({}, {})
    for task in (
        "storing",
        "clock watch",
        "control socket",
        "health server",
        "timetable lake",
        "timetable okx",
    ):
        assert f'perpscope_task_ends_total{{task="{task}"}} 0.0' in counted


async def test_the_storing_task_fails_outside_its_own_care(tmp_path, monkeypatch):
    """The rows at hand and all that come later are stored, each once."""
    async with collecting(tmp_path) as program:
        honest, faults = program.write_queue._note_stored, iter([ZeroDivisionError("injected")])

        def failing_once(rows):
            if (fault := next(faults, None)) is not None:
                raise fault
            honest(rows)

        monkeypatch.setattr(program.write_queue, "_note_stored", failing_once)
        with capture_logs() as lines:
            reason = await told(program, "storing")

    assert reason == "ZeroDivisionError: injected"
    (line,) = [line for line in lines if line["event"] == "task ended unexpectedly"]
    assert isinstance(line["exc_info"], ZeroDivisionError)
    assert line["exc_info"].__traceback__ is not None


async def test_the_storing_task_is_killed_while_it_stores(tmp_path, monkeypatch):
    """What the lake took meanwhile is not there twice, and nothing is missing."""
    async with collecting(tmp_path) as program:
        honest, was_killed = program.write_queue._store, []

        def slow(batches):
            if not was_killed:
                was_killed.append(True)
                asyncio.run_coroutine_threadsafe(_killed("storing"), loop).result()
            return honest(batches)

        loop = asyncio.get_running_loop()
        monkeypatch.setattr(program.write_queue, "_store", slow)
        assert await told(program, "storing") == "it was cancelled"
        assert await program.write_queue.finish(HANG_S)
        with program.lake.cursor() as cursor:
            twice = cursor.execute(
                "select venue, symbol, received_ts from snapshots group by all having count(*) > 1"
            ).fetchall()

    assert (twice, program.write_queue.waiting, program.write_queue.dropped) == ([], 0, 0)


async def _killed(name):
    kill(name)


async def test_a_collector_that_stops_stores_what_a_dead_task_left(tmp_path, monkeypatch):
    """The task waits to be started again, and the end has no time for that."""
    monkeypatch.setattr(tasks, "RESTART", tasks.Backoff(1e9, 1e9))
    async with collecting(tmp_path) as program:
        kill("storing")
        await until(lambda: "storing" in program.tasks.troubles())
        await until(lambda: program.write_queue.waiting > 0)

    assert program.write_queue.waiting == 0


@pytest.mark.parametrize("how", ["a trigger fails", "its jobs are removed", "it is cancelled"])
async def test_each_timetable_ends_and_goes_on(tmp_path, monkeypatch, how):
    """One venue after the other: what befalls one is nothing to the others."""
    async with collecting(tmp_path, VENUES) as program:
        for nth, venue in enumerate(VENUES, 1):
            scheduler = program.schedulers[venue]._scheduler
            if how == "a trigger fails":
                broken = scheduler.get_job(f"cycle {venue}").trigger
                _fail_once(monkeypatch, broken)
            elif how == "its jobs are removed":
                scheduler.remove_job(f"cycle {venue}")
            else:
                kill(f"timetable {venue}")
            await until(lambda venue=venue: f"timetable {venue}" in program.tasks.troubles())
            before = cycles(program, venue)

            assert len(program.tasks.troubles()) == nth
            assert (await healthz(program))[0] == 503
            await until(lambda venue=venue, before=before: cycles(program, venue) > before + 1)


def _fail_once(monkeypatch, trigger):
    """Have APScheduler fail once, when it asks *trigger* for the next time."""
    honest, faults = IntervalTrigger.get_next_fire_time, iter([ZeroDivisionError("injected")])

    def failing(self, previous, now):
        if self is trigger and (fault := next(faults, None)) is not None:
            raise fault
        return honest(self, previous, now)

    monkeypatch.setattr(IntervalTrigger, "get_next_fire_time", failing)


async def test_the_lakes_timetable_ends_and_goes_on(tmp_path):
    """Bars are written and files merged by it."""
    async with collecting(tmp_path) as program:
        program.schedulers["lake"]._scheduler.shutdown()

        await told(program, "timetable lake")

        assert {job.id for job in program.schedulers["lake"]._scheduler.get_jobs()} == {
            "bars",
            "check",
            "merge",
            "days",
        }


async def test_the_watch_of_the_clock_fails(tmp_path, monkeypatch):
    """A step of the clock would stop every job, and nobody would put them on anew."""
    async with collecting(tmp_path) as program:
        honest, faults = program.clock_steps._measured, iter([ZeroDivisionError("injected")])

        def failing_once():
            if (fault := next(faults, None)) is not None:
                raise fault
            return honest()

        monkeypatch.setattr("collector.service.timetable.CLOCK_POLL_S", 0.01)
        monkeypatch.setattr(program.clock_steps, "_measured", failing_once)
        kill("clock watch")
        await until(lambda: (program.tasks.troubles().get("clock watch") or {}).get("ends") == 2)
        before = cycles(program, "okx")
        await until(lambda: cycles(program, "okx") > before)

        reason = program.tasks.troubles()["clock watch"]["reason"]

    assert reason == "ZeroDivisionError: injected"


@pytest.mark.parametrize("how", ["closed", "removed", "cancelled"])
async def test_the_control_socket_is_opened_again(tmp_path, monkeypatch, how):
    """Other commands reach the collector again, by the same path."""
    monkeypatch.setattr("collector.service.servers.POLL_S", 0.01)
    async with collecting(tmp_path) as program:
        path = tmp_path / "collector.sock"
        if how == "closed":
            _close_server(socket.AF_UNIX)
        elif how == "removed":
            path.unlink()
        else:
            kill("control socket")

        await told(program, "control socket")
        await until(lambda: takes_work(tmp_path))
        lines = []
        await ask(tmp_path, "import", {"files": []}, lines.append)

    assert not path.exists()


@pytest.mark.parametrize("how", ["closed", "cancelled"])
async def test_the_health_server_is_opened_again_on_its_port(tmp_path, monkeypatch, how):
    """And says itself that it was closed."""
    monkeypatch.setattr("collector.service.servers.POLL_S", 0.01)
    async with collecting(tmp_path) as program:
        if how == "closed":
            _close_server(socket.AF_INET, program.settings.collector_port)
        else:
            kill("health server")
        await until(lambda: "health server" in program.tasks.troubles())
        await until(lambda: _listens(program.settings.collector_port))

        await told(program, "health server")


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _close_server(family, port=None):
    """Close the server of ours of that *family*, beneath the task that keeps it."""
    servers = [one for one in gc.get_objects() if isinstance(one, asyncio.Server)]
    (server,) = [
        one
        for one in servers
        for listening in one.sockets
        if listening.family is family and (port is None or listening.getsockname()[1] == port)
    ]
    server.close()


@pytest.mark.parametrize("task", ["stream okx trades", "read okx trades", "stream checks okx"])
async def test_a_part_of_the_streams_is_killed(tmp_path, task):
    """The task of a connection, one part of its session, and what looks after all of them."""
    async with collecting(tmp_path, streams=True) as program:
        feed = program.venues[0].feed
        await until(lambda: feed.statuses()["trades"].state == "live")

        kill(task)

        await told(program, task.replace("read", "stream"))
        await until(lambda: feed.statuses()["trades"].state == "live")


async def test_a_job_that_fails_is_said_until_it_does_not(tmp_path, monkeypatch):
    """It comes again on its next mark; until then something of it is missing."""
    async with collecting(tmp_path) as program:
        honest, is_broken = program.counters.count, True

        def failing(record, at_s):
            if is_broken:
                raise ZeroDivisionError("injected")
            honest(record, at_s)

        monkeypatch.setattr(program.counters, "count", failing)
        await until(program.jobs_failing)
        status, said = await healthz(program)
        is_broken = False
        await until(lambda: not program.jobs_failing())

    assert (status, said["status"]) == (503, "degraded")
    assert said["jobs_failing"] == {"cycle okx": "ZeroDivisionError: injected"}


async def test_an_end_whose_policy_is_to_stop_ends_the_collector_with_1(tmp_path, monkeypatch):
    """In order: what was collected is stored, and the lake opens as ever."""
    policy = Policy("stop", "as a test wants it")
    monkeypatch.setitem(tasks.POLICIES, "clock watch", policy)
    async with simulated(tmp_path) as settings:
        running = asyncio.create_task(runner.run(settings))
        await until(lambda: any(one.get_name() == "clock watch" for one in asyncio.all_tasks()))
        kill("clock watch")
        with pytest.raises(
            PerpscopeError, match="'clock watch' ended unexpectedly .it was cancelled."
        ) as caught:
            await running

    assert exit_code(caught.value) is Exit.FAILED
