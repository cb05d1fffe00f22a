"""Programs started together: none waits for another to stop, none is stopped by its own words."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import pytest

from analytics.errors import PerpscopeError
from collector.commands import launch, processes
from collector.commands.processes import Processes
from collector.settings import Settings
from perpscope import Exit, exit_code
from tests.waiting import HANG_S

PROGRAM = """
import os, signal, sys, time
match sys.argv[1]:
    case "chatty":
        sys.stdout.write("x" * 1_000_000)
    case "stubborn":
        signal.signal(signal.SIGTERM, lambda *_: open(f"{os.getpid()} asked", "w").close())
        open(f"{os.getpid()} ready", "w").close()
        time.sleep(600)
    case "first line":
        print("http://127.0.0.1:1", flush=True)
        time.sleep(600)
    case "collect":
        time.sleep(0 if "ENDS" in os.environ else 600)
        sys.exit(3)
    case "serve":
        time.sleep(600)
"""


@pytest.fixture
def variables(tmp_path, monkeypatch):
    """The environment in which ``perpscope`` is a small program of this test."""
    (tmp_path / "perpscope.py").write_text(PROGRAM, "utf-8")
    monkeypatch.chdir(tmp_path)
    return {"PYTHONPATH": str(tmp_path)}


async def test_a_program_that_says_much_is_not_stopped_by_it(variables):
    """What nobody reads must not fill a pipe."""
    family = Processes()
    child = await family.start("dashboard", ["chatty"], variables)

    async with asyncio.timeout(HANG_S):
        assert await child.process.wait() == 0


async def test_a_program_that_is_heard_can_be_read(variables):
    """The simulator says where it serves."""
    family = Processes()
    child = await family.start("simulator", ["first line"], variables, with_output=True)
    try:
        assert await child.process.stdout.readline() == b"http://127.0.0.1:1\n"
    finally:
        await family.stop()
    assert child.process.returncode == -signal.SIGTERM


@pytest.fixture
async def stubborn(variables, tmp_path):
    """Three programs that will not stop, and a function that waits for a sign of each."""
    family = Processes()
    for name in ("one", "two", "three"):
        await family.start(name, ["stubborn"], variables)

    async def all_are(state):
        async with asyncio.timeout(HANG_S):
            while len(list(tmp_path.glob(f"* {state}"))) < len(family.children):
                await asyncio.sleep(0.01)

    await all_are("ready")
    return family, all_are


async def test_programs_that_will_not_stop_cost_the_patience_once(stubborn, monkeypatch):
    """However many they are: who asked us to stop may kill us soon. All are asked at once."""
    monkeypatch.setattr(processes, "STOP_TIMEOUT_S", 2 * HANG_S)
    family, all_are = stubborn

    stopping = asyncio.create_task(family.stop())
    await all_are("asked")
    for child in family.children:
        child.process.kill()
    await stopping


async def test_programs_that_will_not_stop_are_killed(stubborn, monkeypatch):
    monkeypatch.setattr(processes, "STOP_TIMEOUT_S", 0.1)
    family, _ = stubborn

    await family.stop()

    assert [child.process.returncode for child in family.children] == [-signal.SIGKILL] * 3


@pytest.fixture
def settings(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return Settings(data_dir=tmp_path, port=port)


async def test_a_program_that_ends_by_itself_ends_all_with_1(variables, settings):
    """Half a terminal looks like a whole one."""
    async with launch._family() as (family, stopped):
        with pytest.raises(PerpscopeError, match="the collector exited with code 3") as caught:
            await launch._together(
                settings, family, stopped, data_dir=settings.data_dir, ENDS="1", **variables
            )

    assert exit_code(caught.value) is Exit.FAILED
    assert [child.process.returncode for child in family.children] == [3, -signal.SIGTERM]


async def test_whoever_waits_for_a_program_is_missed_too(variables, settings):
    """Killed, it would leave a program that nobody knows of."""
    async with launch._family() as (family, stopped):
        await family.start("simulator", ["serve"], variables)
        waiting = asyncio.create_task(
            launch._together(settings, family, stopped, data_dir=settings.data_dir, **variables)
        )
        while not (found := [one for one in asyncio.all_tasks() if "simulator" in one.get_name()]):
            await asyncio.sleep(0)
        found[0].cancel()

        with pytest.raises(PerpscopeError, match="the task 'process simulator' ended unexpectedly"):
            await waiting


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_closed_terminal_stops_them_like_any_signal(number):
    """Nothing is left running behind a window that is gone."""
    async with launch._family() as (_, stopped):
        os.kill(os.getpid(), number)

        async with asyncio.timeout(HANG_S):
            await stopped.wait()
