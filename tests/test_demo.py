"""The first thing a new user does: one command, a market on the screen, one Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from analytics.lake.records import Snapshot
from analytics.lake.writer import Lake
from collector.commands import launch
from tests.waiting import HANG_S, published, until

REPOSITORY = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(folder, **variables):
    """Run the demo as ``make demo`` starts it; its process and its port."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "perpscope", "demo", "--port", str(port)],
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "PERPSCOPE_DATA_DIR": str(folder),
            "PERPSCOPE_COLLECTOR_PORT": "0",
            **variables,
        },
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process, port
        finally:
            if process.poll() is None:
                process.kill()


def pairs_by_venue(folder: Path) -> dict[str, int]:
    """Return how many pairs with a price each venue has in the lake."""
    question = "select venue, count(distinct symbol) from snapshots where price > 0 group by venue"
    return dict(published(folder, question))


def test_shows_twenty_pairs_on_three_venues_and_leaves_no_process_behind(tmp_path):
    """All is there after the one command; simulator, collector and dashboard stop together."""
    with started(tmp_path) as (process, port):
        said = next(line for line in process.stderr if line.startswith("perpscope is at"))
        assert f"http://127.0.0.1:{port} " in said

        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=HANG_S) as page:
            assert page.status == 200
        twenty_each = {"binance": 20, "bybit": 20, "okx": 20}
        until(lambda: pairs_by_venue(tmp_path / "demo") == twenty_each)

        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3
        # As a terminal does it: to the whole group of the command.
        os.killpg(process.pid, signal.SIGINT)

        assert process.wait(HANG_S) == 130
        assert "Traceback" not in process.stderr.read()
        assert [child for child in children if child.is_running()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's death")
def test_killing_the_parent_stops_the_children_too(tmp_path):
    """Even kill -9 of the command leaves nothing running."""
    small = {"PERPSCOPE_VENUES": "okx", "PERPSCOPE_TOP_N": "1", "PERPSCOPE_BACKFILL_HOURS": "0"}
    with started(tmp_path, **small) as (process, _):
        next(line for line in process.stderr if line.startswith("perpscope is at"))
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3

        process.kill()

        _, alive = psutil.wait_procs(children, timeout=HANG_S)
        assert alive == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_the_dashboard(tmp_path, number, code):
    """Served alone it is one process, with or without a record to show."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "perpscope", "serve", "--port", str(port)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PERPSCOPE_DATA_DIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            until(lambda: answers(port))
            assert psutil.Process(process.pid).children() == []
            with pytest.raises(OSError, match="refused|unreachable|failed|assign"):
                socket.create_connection(("127.0.0.2", port), timeout=HANG_S)

            process.send_signal(number)

            assert process.wait(HANG_S) == code
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()


def answers(port: int) -> bool:
    """Return whether the dashboard says that it is well."""
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/_stcore/health", timeout=HANG_S
        ) as said:
            return said.status == 200
    except OSError:
        return False


def test_a_taken_port_is_named(tmp_path):
    """Another program on the port is no mystery."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "perpscope", "up", "--port", str(port)],
            env={
                **os.environ,
                "PYTHONPATH": str(REPOSITORY),
                "PERPSCOPE_DATA_DIR": str(tmp_path),
            },
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
        )

    assert ended.returncode == 2
    assert f"PERPSCOPE_PORT={port}" in ended.stderr


def heard(ago: timedelta) -> Snapshot:
    """A snapshot of *ago*."""
    at = (datetime.now(UTC) - ago).replace(microsecond=0)
    return Snapshot(
        venue="okx", symbol="BTC/USDT:USDT", base="BTC", received_ts=at, venue_ts=at, price=1.0
    )


async def shown_after_s(folder: Path) -> float:
    """Return how long the address is held back for data. [s]"""
    began = time.monotonic()
    await launch._shows(folder)
    return time.monotonic() - began


async def test_the_address_is_given_once_there_is_something_to_see(tmp_path, monkeypatch):
    """A lake of yesterday is not yet a market."""
    monkeypatch.setattr(launch, "DATA_TIMEOUT_S", 1.0)
    with Lake(tmp_path, reserve_bytes=0) as lake:
        lake.append_records([heard(timedelta(days=1))])
        lake.publish()
        before_s = await shown_after_s(tmp_path)
        lake.append_records([heard(timedelta(seconds=5))])
        lake.publish()
        monkeypatch.setattr(launch, "DATA_TIMEOUT_S", 3600.0)

        assert before_s >= 1
        assert await shown_after_s(tmp_path) < HANG_S


async def test_a_venue_out_of_reach_does_not_hold_back_the_address_for_ever(tmp_path, monkeypatch):
    """The dashboard itself says what is missing."""
    monkeypatch.setattr(launch, "DATA_TIMEOUT_S", 0.5)

    assert await shown_after_s(tmp_path) < HANG_S
