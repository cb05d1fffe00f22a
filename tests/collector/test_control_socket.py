"""The door for other commands: progress comes back line by line, failures as themselves."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from analytics.control.collector_socket import socket_path, takes_work
from analytics.errors import ImportRefused, LakeError
from collector.service import control_socket
from collector.service.control_socket import ask, taking_work
from tests.waiting import HANG_S

REPOSITORY = Path(__file__).resolve().parents[2]


def count_to(asked, report):
    """Report each number up to the one asked for."""
    for number in range(asked["to"]):
        report({"number": number})


def refuse(asked, report):
    """Refuse whatever is asked."""
    raise ImportRefused(asked["file"], "is no recording")


async def test_work_is_done_and_its_lines_come_back_in_order(tmp_path, tasks):
    """A progress bar can follow work that another process does."""
    lines = []

    async with taking_work(tmp_path, {"count": count_to}, tasks):
        await ask(tmp_path, "count", {"to": 3}, lines.append)

    assert lines == [{"number": 0}, {"number": 1}, {"number": 2}]


async def test_an_error_comes_back_with_its_sentence(tmp_path, tasks):
    """The person at the command line reads what the collector met."""
    lines = []

    async with taking_work(tmp_path, {"refuse": refuse}, tasks):
        await ask(tmp_path, "refuse", {"file": "a.csv"}, lines.append)

    assert lines == [{"error": "a.csv: is no recording; nothing was stored"}]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 200_000], ids=["cut", "no text", "deep"])
async def test_a_request_that_is_no_json_is_refused(tmp_path, body, tasks):
    """In a sentence; the collector goes on."""

    async def work(asked, report):
        report({"done": asked})

    connector = aiohttp.UnixConnector(path=str(socket_path(tmp_path)))
    async with (
        control_socket.taking_work(tmp_path, {"work": work}, tasks),
        aiohttp.ClientSession(connector=connector) as session,
        session.post("http://collector/work", data=body) as answer,
    ):
        assert (answer.status, await answer.text()) == (400, "the request is not JSON")


@pytest.mark.parametrize("line", ["no JSON", "1" * 2**20], ids=["no JSON", "without end"])
async def test_a_collector_that_answers_nonsense_is_said(tmp_path, line):
    """Whatever listens there."""

    async def nonsense(_request):
        return web.Response(text=f"{line}\n")

    app = web.Application()
    app.router.add_post("/work", nonsense)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.UnixSite(runner, str(socket_path(tmp_path))).start()
        with pytest.raises(LakeError, match="invalid answer from the collector's socket"):
            await control_socket.ask(tmp_path, "work", {}, lambda line: line["done"])
    finally:
        await runner.cleanup()


async def test_only_the_owner_can_open_the_socket_and_it_goes_in_the_end(tmp_path, tasks):
    """Whoever can write to it can write to the lake."""
    async with taking_work(tmp_path, {}, tasks):
        mode = stat.S_IMODE(socket_path(tmp_path).stat().st_mode)

        assert mode == 0o600
    assert not socket_path(tmp_path).exists()


async def test_a_socket_left_by_a_killed_collector_is_in_nobodys_way(tmp_path, tasks):
    """Nothing has to be deleted by hand after a power cut."""
    socket_path(tmp_path).touch()

    async with taking_work(tmp_path, {"count": count_to}, tasks):
        await ask(tmp_path, "count", {"to": 0}, print)


async def test_nobody_there_is_said(tmp_path):
    """A collector that is just stopping is not a stack trace."""
    with pytest.raises(LakeError, match="just run the command again"):
        await ask(tmp_path, "count", {"to": 1}, print)


async def test_a_deep_folder_gets_a_short_socket(tmp_path, tasks):
    """Systems refuse socket paths beyond about a hundred bytes."""
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 6)
    deep.mkdir(parents=True)
    lines = []

    async with taking_work(deep, {"count": count_to}, tasks):
        await ask(deep, "count", {"to": 1}, lines.append)

    assert lines == [{"number": 0}]


@pytest.fixture
def short_lived(tmp_path_factory, monkeypatch):
    """A temporary folder of the system that is this test's own."""
    folder = tmp_path_factory.mktemp("t")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


DEEP = "a-rather-long-folder-name/" * 6


async def test_a_short_socket_lies_where_nobody_else_can_reach(short_lived, tmp_path):
    """A name that others can guess must not be theirs to take."""
    folder = socket_path(tmp_path / DEEP).parent

    assert folder == short_lived / f"perpscope-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("made", [0o777, 0o770, 0o750, 0o710, 0o704, "a link", "a file"])
def test_a_folder_for_sockets_that_another_could_have_made_is_refused(short_lived, tmp_path, made):
    """Work is not handed to whoever was there first."""
    folder = short_lived / f"perpscope-{os.getuid()}"
    if isinstance(made, int):
        folder.mkdir()
        folder.chmod(made)
    elif made == "a link":
        folder.symlink_to(tmp_path)
    else:
        folder.touch()

    with pytest.raises(LakeError, match="belong to you and be closed to other users"):
        socket_path(tmp_path / DEEP)


def test_a_folder_for_sockets_of_another_user_is_refused(short_lived, tmp_path, monkeypatch):
    """However private it is."""
    socket_path(tmp_path / DEEP)
    owner = os.getuid()
    theirs = (short_lived / f"perpscope-{owner}").rename(short_lived / f"perpscope-{owner + 1}")
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)

    with pytest.raises(LakeError, match=theirs.name):
        socket_path(tmp_path / DEEP)


def test_the_socket_is_the_owners_from_its_first_moment(tmp_path):
    """Even a permissive umask leaves no gap."""
    before = os.umask(0)
    try:
        with control_socket._listening(tmp_path / "s"):
            assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
    finally:
        os.umask(before)


async def test_whether_a_collector_listens_is_known(tmp_path, tasks):
    """A socket that nobody listens on is none."""
    assert not takes_work(tmp_path)
    async with taking_work(tmp_path, {}, tasks):
        assert takes_work(tmp_path)
    socket_path(tmp_path).touch()

    assert not takes_work(tmp_path)


async def until(happened: threading.Event) -> None:
    """Wait for an event of a thread without stopping the loop."""
    assert await asyncio.to_thread(happened.wait, HANG_S)


async def test_work_that_does_not_listen_cannot_hold_up_the_end(tmp_path, tasks):
    """The collector stops in time; whoever asked reads that it did, and what to do."""
    began, released = threading.Event(), threading.Event()
    lines, threads, ended = [], [], []

    def parse(_asked, _report):
        threads.append(threading.current_thread())
        began.set()
        ended.append(not released.wait(HANG_S))

    async with taking_work(tmp_path, {"parse": parse}, tasks):
        asking = asyncio.create_task(ask(tmp_path, "parse", {}, lines.append))
        await until(began)
    # All is closed before the work has ended.
    worked_on = not ended
    await asking
    daemon = threads[0].daemon
    released.set()

    assert worked_on
    assert daemon
    assert [line.keys() for line in lines] == [{"error"}]
    assert "just run the command again" in lines[0]["error"]


LEFT_BEHIND = """
import asyncio, sys, threading
from pathlib import Path
import duckdb
from collector.runtime.clock import Clock
from collector.service.control_socket import ask, taking_work
from collector.service.left_behind import end_if_left_behind
from collector.runtime.guarded_tasks import GuardedTasks

began = threading.Event()

def parse(_asked, _report):
    began.set()
    duckdb.connect().execute("select sum(a.range * b.range) from range(10**6) a, range(10**6) b")

async def main(folder):
    async with GuardedTasks(Clock()) as tasks, taking_work(folder, {"parse": parse}, tasks):
        asking = asyncio.create_task(ask(folder, "parse", {}, print))
        await asyncio.to_thread(began.wait)
        await asyncio.sleep(0.2)
    await asking

asyncio.run(main(Path(sys.argv[1])))
print("closed")
end_if_left_behind(0)
"""


def test_a_process_ends_in_order_under_work_that_goes_on(tmp_path):
    """Stopped in the midst of a query, a thread would abort the process."""
    ended = subprocess.run(
        [sys.executable, "-c", LEFT_BEHIND, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("closed\n")


async def test_work_stops_at_its_next_report_when_the_collector_does(tmp_path, monkeypatch, tasks):
    """Nothing is done to a lake that is being closed: the end waits for the work's."""
    monkeypatch.setattr(control_socket, "STOP_TIMEOUT_S", 60)
    began, ended, done = threading.Event(), threading.Event(), []

    def store(_asked, report):
        try:
            for number in range(10_000):
                done.append(number)
                report({"done": number})
                began.set()
                time.sleep(0.005)
        finally:
            ended.set()

    async with taking_work(tmp_path, {"store": store}, tasks):
        asking = asyncio.create_task(ask(tmp_path, "store", {}, lambda _line: None))
        await until(began)
    await asking

    assert ended.is_set()
    assert len(done) < 10_000


async def test_work_stops_when_whoever_asked_goes_away(tmp_path, tasks):
    """Ctrl-C of the command ends what it began, as it does without a collector."""
    began, ended = threading.Event(), threading.Event()

    def store(_asked, report):
        with suppress(LakeError):
            while True:
                report({})
                began.set()
                time.sleep(0.005)
        ended.set()

    async with taking_work(tmp_path, {"store": store}, tasks):
        asking = asyncio.create_task(ask(tmp_path, "store", {}, lambda _line: None))
        await until(began)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

        await until(ended)


async def test_work_that_is_killed_is_no_success(tmp_path, tasks):
    """Whoever asked reads that it failed, and does not take the end of the lines for the end."""
    began, lines = asyncio.Event(), []

    async def fill(_asked, _report):
        began.set()
        await asyncio.Event().wait()

    async with taking_work(tmp_path, {"fill": fill}, tasks):
        asking = asyncio.create_task(ask(tmp_path, "fill", {}, lines.append))
        await began.wait()
        (work,) = [one for one in asyncio.all_tasks() if "another command" in one.get_name()]
        work.cancel()
        await asking

    assert lines == [{"error": "the collector failed; see its log"}]


async def test_one_import_at_a_time_and_a_backfill_waits_for_none(tmp_path, tasks):
    """Each holds a process, memory and a thread; a file that is long in being read no others."""
    running, most, lines = [], [], []
    all_asked, filled = threading.Event(), threading.Event()

    def hear(line):
        lines.append(line)
        if len(lines) == 2:
            all_asked.set()

    def read(_asked, _report):
        running.append(1)
        most.append(len(running))
        all_asked.wait(HANG_S)
        filled.wait(HANG_S)
        running.pop()

    async def fill(_asked, _report):
        filled.set()

    async with taking_work(tmp_path, {"import": read, "backfill": fill}, tasks):
        asking = [asyncio.create_task(ask(tmp_path, "import", {}, hear)) for _ in range(3)]
        await until(all_asked)
        await ask(tmp_path, "backfill", {}, hear)
        await asyncio.gather(*asking)

    assert most == [1, 1, 1]
    assert [line.keys() for line in lines] == [{"waiting"}, {"waiting"}]
