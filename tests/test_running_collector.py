"""A collector that runs: what it tells of itself, and what happens beside it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.waiting import HANG_S, published, until

REPOSITORY = Path(__file__).resolve().parents[1]


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answer(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=HANG_S) as said:
            return said.status, said.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Running:
    """A collector of a cycle every 5 s, and where it and its simulator answer.

    A cycle may take as long in wall time: on a machine so busy that one does not, the next counts.
    """

    def __init__(self, folder: Path, simulator: str, port: int) -> None:
        self.folder = folder
        self.simulator = simulator
        self.port = port
        self.variables = environment(
            PERPSCOPE_SIMULATOR=simulator,
            PERPSCOPE_DATA_DIR=str(folder),
            PERPSCOPE_COLLECTOR_PORT=str(port),
            PERPSCOPE_INTERVAL_S="5",
            PERPSCOPE_REQUESTS_PER_S="100",
            PERPSCOPE_BACKFILL_HOURS="0",
        )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another perpscope command on the same lake."""
        return subprocess.run(
            [sys.executable, "-m", "perpscope", *arguments],
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
        )

    def health(self) -> dict:
        return json.loads(answer(f"http://127.0.0.1:{self.port}/healthz")[1])

    def fault(self, **fault: object) -> None:
        """Have the simulator misbehave."""
        request = urllib.request.Request(
            f"{self.simulator}/simulator/faults", data=json.dumps(fault).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=HANG_S):
            pass

    def cycles(self) -> dict[str, int]:
        """Return how many cycles of each venue are in the lake."""
        return dict(published(self.folder, "select venue, count(*) from cycles group by 1"))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("lake"), free_port()
    options = ["--port", "0", "--instruments", "30"]
    with subprocess.Popen(
        [sys.executable, "-m", "perpscope", "simulate", *options],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as simulator:
        made = Running(folder, simulator.stdout.readline().strip(), port)
        with subprocess.Popen(
            [sys.executable, "-m", "perpscope", "collect"],
            env=made.variables,
            stderr=subprocess.DEVNULL,
        ) as collector:
            try:
                until(lambda: len(made.cycles()) == 3)
                yield made
                collector.send_signal(signal.SIGTERM)
                assert collector.wait(HANG_S) == 0
            finally:
                collector.kill()
                simulator.send_signal(signal.SIGTERM)


def test_tells_its_health_and_its_meters(running):
    """People and Prometheus can see that it works."""
    until(lambda: running.health()["status"] == "ok")
    status, metrics = answer(f"http://127.0.0.1:{running.port}/metrics")

    assert status == 200
    assert running.health()["venues"]["okx"]["instruments"] == 20
    assert 'perpscope_snapshots_total{venue="bybit"}' in metrics
    assert "process_resident_memory_bytes" in metrics


def test_a_second_collector_is_refused(running):
    """It names the folder and who holds it, and ends with 4; the first goes on."""
    ended = running.command("collect", "--once")

    assert ended.returncode == 4
    assert "another collector" in ended.stderr
    assert str(running.folder) in ended.stderr
    assert running.health()["venues"]


def test_an_import_beside_it_is_done_by_the_collector(running, tmp_path):
    """The command shows the summary; live cycles go on meanwhile; doing it again stores nothing."""
    file = tmp_path / "mine.csv"
    lines = [f"binance,OLD/USDT:USDT,2025-10-01T00:{minute:02}:00Z,2.5" for minute in range(60)]
    file.write_text("venue,symbol,received_ts,price\n" + "\n".join(lines) + "\n", "utf-8")
    before = running.cycles()

    first = running.command("import", str(file))
    again = running.command("import", str(file))

    assert first.returncode == 0, first.stderr
    assert "60 snapshots" in first.stdout
    assert "the collector" in first.stderr + first.stdout or "collector" in first.stderr
    assert "nothing new" in again.stdout
    until(lambda: all(running.cycles()[venue] > count for venue, count in before.items()))


def test_a_refused_file_beside_it_ends_with_5(running, tmp_path):
    """The sentence comes back through the collector, with file and line."""
    file = tmp_path / "broken.csv"
    file.write_text("venue,symbol,received_ts,price\nbinance,X/USDT:USDT,never,1\n", "utf-8")

    ended = running.command("import", str(file))

    assert ended.returncode == 5
    assert "broken.csv, line 2" in ended.stderr


def test_doctor_sees_the_collector(running):
    """It does not take the lake away from it."""
    ended = running.command("doctor")

    assert ended.returncode == 0, ended.stdout
    assert "a collector is running (process" in ended.stdout


def test_a_venue_that_blocks_this_region_is_named_and_the_others_go_on(running):
    """Last of the tests here: the refusal is final for that venue."""
    running.fault(venue="bybit", path="*", kind="status", status=451)

    until(lambda: "region" in str(running.health()["venues"]["bybit"]["error"]))
    before = running.cycles()

    until(lambda: running.cycles()["binance"] > before["binance"] + 1)
    until(lambda: running.health()["venues"]["binance"]["error"] is None)
    assert running.health()["status"] == "degraded"
    log = (running.folder / "logs" / "collector.log").read_text("utf-8")
    assert all(json.loads(line)["timestamp"] for line in log.splitlines())
