"""The first thing a new user does: one command, a market on the screen, one Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from analytics.errors import LakeAbsent
from analytics.lake import Reader

REPOSITORY = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def demo(tmp_path):
    """The demo as ``make demo`` starts it, with its folder and port."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "perpscope", "demo", "--port", str(port)],
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "PERPSCOPE_DATA_DIR": str(tmp_path),
            "PERPSCOPE_COLLECTOR_PORT": "0",
        },
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process, port, tmp_path / "demo"
        finally:
            if process.poll() is None:
                process.kill()


def pairs_by_venue(folder: Path) -> dict[str, int]:
    """Return how many pairs with a price each venue has in the lake."""
    reader = Reader(folder)
    try:
        with reader.cursor() as cursor:
            found = cursor.execute(
                "select venue, count(distinct symbol) from snapshots where price > 0 group by venue"
            ).fetchall()
    except LakeAbsent:
        found = []
    finally:
        reader.close()
    return dict(found)


def test_shows_twenty_pairs_on_three_venues_and_leaves_no_process_behind(demo):
    """Simulator, collector and dashboard start together and stop together."""
    process, port, folder = demo
    said = next(line for line in process.stderr if line.startswith("perpscope is at"))
    assert f"http://127.0.0.1:{port} " in said

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
        assert page.status == 200
    deadline = time.monotonic() + 60
    while pairs_by_venue(folder) != {"binance": 20, "bybit": 20, "okx": 20}:
        assert time.monotonic() < deadline, pairs_by_venue(folder)
        time.sleep(0.5)

    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 3
    process.send_signal(signal.SIGINT)

    assert process.wait(20) == 0
    assert "Traceback" not in process.stderr.read()
    assert [child for child in children if child.is_running()] == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's death")
def test_killing_the_parent_stops_the_children_too(demo):
    """Even kill -9 of the command leaves nothing running."""
    process, _, _ = demo
    next(line for line in process.stderr if line.startswith("perpscope is at"))
    children = psutil.Process(process.pid).children(recursive=True)

    process.kill()

    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []


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
            timeout=60,
            check=False,
        )

    assert ended.returncode == 2
    assert f"PERPSCOPE_PORT={port}" in ended.stderr
