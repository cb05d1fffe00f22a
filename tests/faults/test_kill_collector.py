"""Kill -9 of the whole collector, again and again: what was published stays, once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.waiting import HANG_S, published, until

REPOSITORY = Path(__file__).resolve().parents[2]
KILLS = 3
CYCLE_S = 1.5
"""How long a cycle lasts here, at the simulator's speed. [s]"""


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}


def published_keys(folder: Path) -> list[tuple]:
    """Return the key of every published snapshot, as often as it is there."""
    return published(folder, "select venue, symbol, received_ts from snapshots")


def test_every_published_row_outlives_the_collector_and_none_is_there_twice(tmp_path):
    """The write queue, its thread and the publishing are killed wherever they happen to be."""
    rng = random.Random(11)
    options = ["--port", "0", "--instruments", "25", "--speed", str(30 / CYCLE_S)]
    with subprocess.Popen(
        [sys.executable, "-m", "perpscope", "simulate", *options],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as simulator:
        variables = environment(
            PERPSCOPE_SIMULATOR=simulator.stdout.readline().strip(),
            PERPSCOPE_DATA_DIR=str(tmp_path),
            PERPSCOPE_COLLECTOR_PORT="0",
            PERPSCOPE_TOP_N="5",
            PERPSCOPE_BACKFILL_HOURS="0",
        )
        seen: set[tuple] = set()
        for _ in range(KILLS):
            known = len(seen)
            with subprocess.Popen(
                [sys.executable, "-m", "perpscope", "collect"],
                env=variables,
                stderr=subprocess.DEVNULL,
            ) as collector:
                try:
                    until(lambda known=known: len(set(published_keys(tmp_path))) >= known + 15)
                    time.sleep(CYCLE_S * rng.random())
                    seen |= set(published_keys(tmp_path))
                finally:
                    collector.kill()
        ended = subprocess.run(
            [sys.executable, "-m", "perpscope", "collect", "--once"],
            env=variables,
            capture_output=True,
            timeout=HANG_S,
            check=False,
        )
        simulator.send_signal(signal.SIGTERM)

    keys = published_keys(tmp_path)
    assert ended.returncode == 0
    assert seen <= set(keys)
    assert len(keys) == len(set(keys))
