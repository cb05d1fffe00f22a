"""Streams of the whole collector: a burst is stored, kill -9 is a gap, a stop is a quick one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.waiting import HANG_S, published, until

REPOSITORY = Path(__file__).resolve().parents[2]
VENUES = ("binance", "bybit", "okx")
LONG_AGO = "2020-01-01"
BURST = 5000
SPEED = 10


def environment(**variables):
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}


@pytest.fixture
def simulator():
    options = ["--port", "0", "--instruments", "8", "--speed", str(SPEED)]
    with subprocess.Popen(
        [sys.executable, "-m", "perpscope", "simulate", *options],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        yield running.stdout.readline().strip()
        running.send_signal(signal.SIGTERM)


@pytest.fixture
def collecting(simulator, tmp_path):
    """Runs a collector of all that is listed, killed in the end unless it has ended."""

    @contextmanager
    def run():
        variables = environment(
            PERPSCOPE_SIMULATOR=simulator,
            PERPSCOPE_DATA_DIR=str(tmp_path),
            PERPSCOPE_COLLECTOR_PORT="0",
            PERPSCOPE_TOP_N="50",
            PERPSCOPE_BACKFILL_HOURS="0",
            PERPSCOPE_INTERVAL_S="20",
        )
        with subprocess.Popen(
            [sys.executable, "-m", "perpscope", "collect"],
            env=variables,
            stderr=subprocess.DEVNULL,
        ) as collector:
            try:
                yield collector
            finally:
                collector.kill()

    return run


def asked(address, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{address}{path}", data=data, timeout=HANG_S) as answer:
        return json.loads(answer.read())


def now(address):
    """Return the time at the simulator, UTC, as the lake has it."""
    at_ms = asked(address, "/simulator/health")["now_ms"]
    return datetime.fromtimestamp(at_ms / 1000, UTC).replace(tzinfo=None)


def heard(folder, since):
    """Return which venues had flows in a snapshot after *since*."""
    found = published(
        folder,
        "select distinct venue from snapshots "
        f"where taker_buy_usd is not null and received_ts > '{since}'",
    )
    return {venue for (venue,) in found}


def test_a_burst_is_stored_and_the_time_after_a_kill_is_a_gap(simulator, collecting, tmp_path):
    with collecting():
        until(lambda: heard(tmp_path, LONG_AGO) == set(VENUES))
        since = now(simulator)
        for venue in VENUES:
            fault = {"venue": venue, "kind": "ws_liquidation_burst", "count": BURST}
            asked(simulator, "/simulator/faults", fault)

        def stored():
            question = f"select count(*) from liquidations where venue_ts >= '{since}'"
            return sum(count for (count,) in published(tmp_path, question))

        until(lambda: stored() >= len(VENUES) * BURST)
    last = dict(published(tmp_path, "select venue, max(finished_ts) from cycles group by venue"))

    killed = now(simulator)
    with collecting() as collector:
        until(lambda: heard(tmp_path, killed) == set(VENUES))
        collector.send_signal(signal.SIGTERM)
        assert collector.wait(HANG_S) == 0

    gaps = published(
        tmp_path,
        "select venue, started_ts, ended_ts, symbol, outcome from gaps "
        "where channel = 'trades' and reason = 'the collector was not running'",
    )
    # Cycles that were stored and not published yet come to light at the restart.
    assert all(last[venue] <= started < killed < ended for venue, started, ended, *_ in gaps)
    assert {venue for venue, *_ in gaps} == set(VENUES)
    assert {(symbol, outcome) for *_, symbol, outcome in gaps} == {("*", "lost")}
    [(count, different)] = published(
        tmp_path, "select count(*), count(distinct (venue, symbol, venue_ts, id)) from liquidations"
    )
    assert count == different
