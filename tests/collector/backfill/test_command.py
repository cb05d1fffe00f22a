"""The command and the start: alone, beside a collector, and stopped."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from analytics.lake.reader import Reader
from analytics.lake.writer import Lake
from collector.service import timetable
from collector.service.app import opened
from collector.service.backfill_work import backfill_work
from collector.service.control_socket import ask, taking_work
from collector.settings import Settings
from tests.waiting import HANG_S, until

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def settings(simulator, tmp_path):
    return Settings(
        data_dir=tmp_path / "lake",
        simulator=simulator.url,
        top_n=2,
        min_free_mb=0,
        request_timeout_s=20,
    )


@pytest.fixture
async def program(settings):
    async with opened(settings) as running:
        yield running


def bars(cursor, column="close"):
    """Return how many bars of each venue know *column*."""
    counted = f"select venue, count({column}) from bars group by venue"
    return dict(cursor.execute(counted).fetchall())


ASKED = {"days": 1, "archive": False, "venues": ["binance", "bybit", "okx"]}


async def test_the_first_start_fills_in_a_day_of_every_venue(program):
    """So that no delta, RSI or z-score is blank; and readers see it."""
    await asyncio.gather(*(timetable.start_venue(program, one) for one in program.venues))

    reader = Reader(program.settings.data_dir)
    with reader.cursor() as cursor:
        assert {venue for venue, known in bars(cursor).items() if known >= 2 * 2 * 288} == {
            "binance",
            "bybit",
            "okx",
        }
        for column in ("oi_usd", "ls_accounts", "volume_24h_usd"):
            assert min(bars(cursor, column).values()) >= 2 * 288, column
        assert cursor.execute("select distinct origin from bars").fetchall() == [("backfill",)]
    reader.close()


async def test_no_hours_of_history_mean_none(settings, simulator):
    """An operator may do without."""
    off = settings.model_copy(update={"backfill_hours": 0.0})

    async with opened(off) as program:
        await timetable.refresh_universe(program, program.venues[0])
        await timetable.backfill_recent(program, program.venues[0])

    assert simulator.requests["binance"]["/fapi/v1/klines"] == 0


async def test_a_venue_that_is_down_at_the_start_gets_its_history_within_the_hour(program):
    """The job looks again; nothing chosen yet is nothing to ask for."""
    (one,) = (one for one in program.venues if one.name == "bybit")
    await timetable.backfill_recent(program, one)
    before = program.lake
    with before.cursor() as cursor:
        assert bars(cursor) == {}

    await timetable.refresh_universe(program, one)
    await timetable.backfill_recent(program, one)

    with program.lake.cursor() as cursor:
        assert bars(cursor)["bybit"] == 2 * 2 * 288
    names = [job.name for job in timetable.venue_jobs(program, one)]
    assert "history bybit" in names


async def test_beside_a_collector_the_collector_does_it_and_says_how_it_goes(program):
    """The same lines as alone: progress of each venue, then what is known."""
    await asyncio.gather(*(timetable.refresh_universe(program, one) for one in program.venues))
    lines = []
    folder = program.settings.data_dir

    async with taking_work(folder, {"backfill": backfill_work(program)}, program.tasks):
        await ask(folder, "backfill", ASKED, lines.append)

    filled = {line["filled"]: line for line in lines if "filled" in line}
    assert filled.keys() == {"binance", "bybit", "okx"}
    assert all(line["sound"] and not line["problems"] for line in filled.values())
    for name in filled:
        steps = [line for line in lines if line.get("venue") == name]
        assert steps[-1]["done"] == steps[-1]["total"] > 0


async def test_whoever_asked_goes_away_and_the_work_stops(program):
    """Ctrl-C of the command: what was heard is stored, nothing more is asked."""
    (one,) = (one for one in program.venues if one.name == "okx")
    await timetable.refresh_universe(program, one)
    folder, begun = program.settings.data_dir, asyncio.Event()

    def report(line):
        if line.get("done", 0) >= 3:
            begun.set()

    async with taking_work(folder, {"backfill": backfill_work(program)}, program.tasks):
        asking = asyncio.create_task(
            ask(folder, "backfill", {**ASKED, "days": 5, "venues": ["okx"]}, report)
        )
        await begun.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        # The next one waits for its turn: that it gets one shows that the first has ended.
        async with asyncio.timeout(HANG_S):
            async with program.histories["okx"]._turn:
                pass

    with program.lake.cursor() as cursor:
        assert 0 < bars(cursor)["okx"] < 2 * 6 * 288


def command(address, folder, *arguments, **variables):
    """Start perpscope as a person would."""
    return subprocess.Popen(
        [sys.executable, "-m", "perpscope", *arguments],
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "PERPSCOPE_SIMULATOR": address,
            "PERPSCOPE_DATA_DIR": str(folder),
            "PERPSCOPE_TOP_N": "2",
            **variables,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def address():
    """A simulator as the command starts it; its address."""
    options = ["--port", "0", "--instruments", "20", "--speed", "60"]
    with subprocess.Popen(
        [sys.executable, "-m", "perpscope", "simulate", *options],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_S) == 0


def test_the_command_alone_fills_in_and_tells_the_coverage(address, tmp_path):
    """The table goes to stdout, what is said about it to stderr; the lake is the simulator's."""
    with command(address, tmp_path, "backfill", "--days", "6") as process:
        told, said = process.communicate(timeout=HANG_S)

    assert process.returncode == 0, said
    shares = re.findall(r"│ +([\d.]+) % +│", told)
    assert len(shares) == 16
    assert all(float(share) > 99 for share in shares), told
    assert "OKX keeps 5 days of open interest, long/short accounts" in said
    with Lake(tmp_path, origin="simulator") as lake, lake.cursor() as cursor:
        assert bars(cursor).keys() == {"binance", "bybit", "okx"}


def test_ctrl_c_stores_what_was_heard(address, tmp_path):
    """The command ends as interrupted, and running it again goes on from there."""
    with command(address, tmp_path, "backfill", "--days", "400") as process:
        until(lambda: list(tmp_path.glob("lake/main/bars/**/*.parquet")))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=HANG_S)

    assert process.returncode == 130, said
    assert "run it again to continue" in said
    assert "Traceback" not in said
    with Lake(tmp_path, origin="simulator") as lake, lake.cursor() as cursor:
        assert sum(bars(cursor).values()) > 0


def test_no_venue_that_answers_ends_with_3(tmp_path, address):
    """Scripts can tell, and a person reads why."""
    fault = {"venue": "bybit", "path": "*", "kind": "status", "status": 503}
    request = urllib.request.Request(
        f"{address}/simulator/faults", json.dumps(fault).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=HANG_S) as answer:
        assert answer.status == 200

    with command(address, tmp_path, "backfill", "--venue", "bybit") as process:
        _, said = process.communicate(timeout=HANG_S)
    mended = urllib.request.Request(f"{address}/simulator/faults", method="DELETE")
    urllib.request.urlopen(mended, timeout=HANG_S).close()

    assert process.returncode == 3, said
    assert "bybit: no instruments chosen, nothing requested" in said
