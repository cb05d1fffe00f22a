"""2,000 alerts that fire in one cycle: storing them, and what cycles and pages take meanwhile.

    python benchmarks/alert_storing.py [--firings 2000] [--passes 20]

A lake that takes 600 snapshots every quarter of a second, and a reader that asks as a page does.
Passes in which all alerts fire, and in which all end, take turns.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from machine import described

from analytics import query
from analytics.lake.reader import Reader
from analytics.lake.records import Snapshot
from analytics.lake.writer import Lake
from analytics.rules import frames
from analytics.rules.messages import message
from collector.alerts.passes import Evaluation, Passes
from collector.alerts.rules_in_use import RulesInUse
from collector.runtime.clock import Clock

RULE = b'[[rule]]\nname = "Everything"\nwhen = "z_oi > 2.5 and ls_accounts > 2"\n'
INSTRUMENTS, EVERY_S, QUIET_S = 600, 0.25, 10.0


@contextmanager
def timed(work: Callable[[], object]) -> Iterator[list[float]]:
    """Do *work* again and again beside the block; yield how long each took. [s]"""
    took: list[float] = []
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(EVERY_S):
            began = time.perf_counter()
            work()
            took.append(time.perf_counter() - began)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield took
    finally:
        ended.set()
        thread.join()


def figures(took: list[float]) -> str:
    """Return median and 95th percentile. [ms]"""
    p50, p95 = np.percentile(took, [50, 95]) * 1000
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, {len(took)} times"


def measured(folder: Path, firings: int, passes: int) -> None:
    """Print the figures."""
    z_oi = [3.0]

    def load(_cursor: object, _rules: object, now: datetime) -> dict[tuple[str, str], pd.DataFrame]:
        symbols = [f"C{n}/USDT:USDT" for n in range(firings)]
        values = {"z_oi": z_oi[0], "ls_accounts": 3.0, "z_oi_ts": pd.Timestamp(now)}
        names = pd.DataFrame({"symbol": symbols, "base": [one[:-10] for one in symbols]})
        return {("pair", "5m"): names.assign(venue="binance", **values)}

    with Lake(folder) as lake:
        reader, clock = Reader(folder), Clock()

        def cycle() -> None:
            at = datetime.now(UTC)
            rows = [
                Snapshot(venue="okx", symbol=f"S{n}", base=f"S{n}", received_ts=at, price=1.0)
                for n in range(INSTRUMENTS)
            ]
            lake.append_records(rows)
            lake.publish()

        def page() -> None:
            with reader.cursor() as cursor:
                now = datetime.now(UTC)
                hour = now - timedelta(hours=1)
                query.fetch(cursor, "alert_episodes", now=now, since=hour)
                query.fetch(cursor, "pairs", now=now, since=hour, span_s=300)

        cycle()
        rules = RulesInUse(folder, frames.COLUMNS, None)
        rules.make(RULE)
        with Passes(lake, clock, rules, Evaluation(load, message)) as running:
            with timed(cycle) as cycles, timed(page) as pages:
                time.sleep(QUIET_S)
            print(f"cycle stored, without alerts: {figures(cycles)}")
            print(f"page's queries, without alerts: {figures(pages)}")
            took = []
            with timed(cycle) as cycles, timed(page) as pages:
                for number in range(passes):
                    z_oi[0] = 0.0 if number % 2 else 3.0
                    running.pass_now()
                    took.append(running.status.pass_s or 0.0)
                    time.sleep(EVERY_S)
            assert sum(running.totals.events.values()) == firings * passes, running.status
            print(f"pass in which {firings:,} alerts fire or end, with storing: {figures(took)}")
            print(f"cycle stored, beside such passes: {figures(cycles)}")
            print(f"page's queries, beside such passes: {figures(pages)}")
        reader.close()


def main() -> None:
    """Measure on a lake of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firings", type=int, default=2000)
    parser.add_argument("--passes", type=int, default=20)
    asked = parser.parse_args()
    print(described())
    with tempfile.TemporaryDirectory() as folder:
        measured(Path(folder), asked.firings, asked.passes)


if __name__ == "__main__":
    main()
