"""A writer that is killed, again and again, at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from analytics.lake.check import quarantine_notes
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake

KILLS = 12
WRITER = Path(__file__).with_name("writer_to_kill.py")
REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_acknowledged_row_survives_kill_9_and_none_twice(tmp_path):
    """Of what an append returned for, nothing is missing; redelivery doubles nothing.

    The writer is killed during appends, publishes and upkeep in turn. Each new one
    opens what the last one left, finds no damage in it, and sends the batch again that
    was not acknowledged.
    """
    folder, ledger = tmp_path / "lake", tmp_path / "ledger"
    moments = random.Random(20260301)

    for number in range(KILLS):
        kill_one(folder, ledger, ("append", "publish", "maintain")[number % 3], moments)
        if (folder / "public.ducklake").exists():
            assert_complete(folder)

    batches = [int(line) for line in ledger.read_text().split()]
    assert batches == list(range(len(batches)))
    with Lake(folder) as lake, lake.cursor() as cursor:
        assert lake.damaged == []
        stored = cursor.execute(
            "select price::integer as batch, count(*), count(distinct symbol) "
            "from snapshots group by batch order by batch"
        ).fetchall()
        cycles = cursor.execute(
            "select count(*), count(distinct started_ts), epoch(max(started_ts) - min(started_ts)) "
            "from cycles"
        ).fetchall()
        bars = cursor.execute(
            "select count(*), count(distinct ts), count(open), count(close) from bars"
        ).fetchall()
    # The last batch may be there without having been acknowledged, with its cycle or without.
    assert stored[: len(batches)] == [(batch, 5, 5) for batch in batches]
    assert len(stored) - len(batches) in (0, 1)
    ((cycle_count, *others),) = cycles
    assert cycle_count - len(batches) in (0, 1)
    assert others == [cycle_count, cycle_count - 1]
    ((bar_count, times, opens, closes),) = bars
    assert times == bar_count
    assert opens >= (len(batches) + 1) // 2
    assert closes >= len(batches) // 2
    assert quarantine_notes(folder) == []


def kill_one(folder, ledger, during, moments):
    """Run a writer until it is doing what it shall be killed at for the nth time."""
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(folder), str(ledger)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    ) as writer:
        assert writer.stdout is not None
        left = 1 if during == "maintain" else moments.randint(1, 4)
        while left:
            said = writer.stdout.readline().strip()
            assert said in ("append", "publish", "maintain"), said
            left -= said == during
        longest = {"append": 0.06, "publish": 0.015, "maintain": 0.3}[during]
        try:
            writer.wait(timeout=moments.uniform(0, longest))
        except subprocess.TimeoutExpired:
            writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL


def assert_complete(folder):
    """What is published is whole batches, whatever the writer was doing."""
    reader = Reader(folder)
    with reader.cursor() as cursor:
        counts = cursor.execute("select count(*) from snapshots group by received_ts").fetchall()
    reader.close()
    assert {count for (count,) in counts} <= {5}
