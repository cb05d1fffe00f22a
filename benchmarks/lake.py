"""Time to store a cycle, and to read the newest state meanwhile.

    python benchmarks/lake.py [--seconds 30]

One writer appends and publishes a batch of 600 pairs four times a second of wall time.
In the data the batches are 30 s apart, so that a look-back of ten minutes spans as many
files as in production, and the hourly merge runs every 120 batches. Meanwhile two reader
processes query the newest state of all pairs ten times a second. The baseline is the same
rows written by pyarrow as a bare Parquet file and synced with its folder, in the same run
on the same disk.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from machine import described

from analytics import query
from analytics.lake.layout import sync_with_folders
from analytics.lake.reader import Reader
from analytics.lake.schema import arrow_schema
from analytics.lake.writer import Lake

PAIRS = 600
READERS = 2
START = datetime(2026, 3, 1, tzinfo=UTC)
INTERVAL = timedelta(seconds=30)
LOOK_BACK = timedelta(minutes=10)
PAUSE_S = 0.25
"""Between the starts of two batches. [wall s]"""
READER_PAUSE_S = 0.1
"""Between two queries of a reader. [wall s]"""
HOUR = 120
"""Batches between two merges."""
BEFORE = 2 * HOUR + HOUR // 2
"""Batches stored before measuring; the first merge then comes in mid-run."""

TARGETS_MS = {"append + publish": (60.0, 250.0), "newest state (pairs.sql)": (None, 100.0)}
"""Targets of p50 and p99. [wall ms]"""

NEWEST = """
    select venue, symbol, max(received_ts) as received_ts,
        arg_max(price, received_ts) as price, arg_max(oi_usd, received_ts) as oi_usd
    from snapshots
    where received_ts > $since::timestamp_ms and received_ts <= $now::timestamp_ms
    group by venue, symbol
"""

Times = dict[str, list[float]]


def at(batch: int) -> datetime:
    """Time of *batch* in the data."""
    return START + batch * INTERVAL


def rows(table: str, ts: datetime, seed: int) -> pa.Table:
    """One row of *table* per pair, every column with a value."""
    random = np.random.default_rng(seed)
    names = [f"COIN{number}/USDT:USDT" for number in range(PAIRS)]
    words = {
        "venue": ["binance"] * PAIRS,
        "symbol": names,
        "base": [n.split("/")[0] for n in names],
    }
    columns: dict[str, Any] = {}
    for column in arrow_schema(table):
        if column.name in words:
            columns[column.name] = words[column.name]
        elif pa.types.is_timestamp(column.type):
            columns[column.name] = pa.array([ts.replace(tzinfo=None)] * PAIRS, column.type)
        elif pa.types.is_floating(column.type):
            columns[column.name] = random.random(PAIRS) * 1e6
        elif pa.types.is_integer(column.type):
            columns[column.name] = pa.array([10] * PAIRS, column.type)
        elif table == "bars" and pa.types.is_string(column.type):
            columns[column.name] = ["live"] * PAIRS
    return pa.table(columns)


@dataclass
class Writer:
    """Stores batches as a collector does, and records the times."""

    lake: Lake
    floor: Path
    newest: Synchronized[int]
    times: Times = field(default_factory=dict)

    def store(self, batch: int) -> None:
        """Append and publish *batch*, with the bars and the merge that are due."""
        snapshots = rows("snapshots", at(batch), batch)
        self.time("baseline: bare Parquet file", lambda: self.write_bare(snapshots, batch))
        started = time.perf_counter()
        self.time("append", lambda: self.lake.append(("snapshots", snapshots)))
        self.time("publish", self.lake.publish)
        self.note("append + publish", time.perf_counter() - started)
        self.newest.value = batch
        if batch % 10 == 9:
            bars = rows("bars", at(batch - 9), batch)
            self.time("append of bars", lambda: self.lake.append(("bars", bars)))
        if batch % HOUR == HOUR - 1:
            # Files are dated by wall time, so each round is set hours later.
            wall = datetime.now(UTC) + timedelta(hours=batch // HOUR)
            os.utime(self.lake.layout.public, 2 * (wall.timestamp(),))
            self.time("hourly upkeep", lambda: self.lake.maintain(wall, whole_days=False))

    def write_bare(self, table: pa.Table, batch: int) -> None:
        """Baseline: write *table* durably as a bare file."""
        path = self.floor / f"{batch}.parquet"
        pq.write_table(table, path)
        sync_with_folders([path], self.floor, set())

    def time(self, what: str, work: Callable[[], object]) -> None:
        """Run *work* and record its time."""
        started = time.perf_counter()
        work()
        self.note(what, time.perf_counter() - started)

    def note(self, what: str, seconds: float) -> None:
        """Record *seconds* as a time of *what*."""
        self.times.setdefault(what, []).append(seconds)


def read(folder: Path, newest: Synchronized[int], running: Any, answers: Any) -> None:
    """Query the newest state until *running* is cleared; put the times into *answers*."""
    reader = Reader(folder)
    times: Times = {"newest state (pairs.sql)": [], "newest snapshot of each pair": []}
    for what in itertools.cycle(times):
        if not running.is_set():
            break
        now = at(newest.value)
        bounds = {"now": now, "since": now - LOOK_BACK}
        started = time.perf_counter()
        with reader.cursor() as cursor:
            count = ask(cursor, what, bounds)
        times[what].append(time.perf_counter() - started)
        if count != PAIRS:
            raise SystemExit(f"{what}: {count} rows instead of {PAIRS}")
        time.sleep(READER_PAUSE_S)
    answers.put(times)


def ask(cursor: Any, what: str, bounds: dict[str, datetime]) -> int:
    """Return the number of rows in the result."""
    if what.startswith("newest state"):
        return query.table(cursor, "pairs", **bounds, span_s=300).num_rows
    naive = {name: value.replace(tzinfo=None) for name, value in bounds.items()}
    return cursor.execute(NEWEST, naive).to_arrow_reader().read_all().num_rows


def batches_for(seconds: float) -> Iterator[int]:
    """Yield the numbers of the batches of *seconds*, each at its time."""
    started = time.perf_counter()
    for number in range(round(seconds / PAUSE_S)):
        time.sleep(max(0.0, started + number * PAUSE_S - time.perf_counter()))
        yield BEFORE + number


def measured(folder: Path, seconds: float) -> tuple[Times, Path]:
    """Run the writer and its readers; return all times and the published catalog."""
    context = multiprocessing.get_context("spawn")
    newest, running, answers = context.Value("q", BEFORE - 1), context.Event(), context.Queue()
    floor = folder / "floor"
    floor.mkdir()
    running.set()
    with Lake(folder / "lake", reserve_bytes=0) as lake:
        for batch in range(BEFORE):
            Writer(lake, floor, newest).store(batch)
        readers = [
            context.Process(target=read, args=(folder / "lake", newest, running, answers))
            for _ in range(READERS)
        ]
        for reader in readers:
            reader.start()
        time.sleep(3)
        writer = Writer(lake, floor, newest)
        for batch in batches_for(seconds):
            writer.store(batch)
        running.clear()
        collected = [answers.get(timeout=60) for _ in readers]
        for reader in readers:
            reader.join()
    for times in collected:
        for what, values in times.items():
            # The first few warm up the reader.
            writer.times.setdefault(what, []).extend(values[3:])
    return writer.times, lake.layout.public


def report(times: Times, public: Path) -> None:
    """Print the times, and whether the targets were met."""
    print(f"{described()}; {PAIRS} rows a batch, {READERS} readers")
    print(f"{'[wall ms]':32}{'p50':>8}{'p99':>8}{'max':>8}{'count':>8}")
    for what, values in times.items():
        p50, p99 = np.percentile(values, [50, 99]) * 1000
        print(f"{what:32}{p50:8.1f}{p99:8.1f}{max(values) * 1000:8.1f}{len(values):8}", end="")
        target50, target99 = TARGETS_MS.get(what, (None, None))
        if target99 is not None:
            met = p99 <= target99 and (target50 is None or p50 <= target50)
            wanted = f"p50 {target50:.0f}, " if target50 is not None else ""
            print(f"   target {wanted}p99 {target99:.0f}: {'met' if met else 'MISSED'}", end="")
        print()
    floor, ours = (np.median(times[name]) for name in ("baseline: bare Parquet file", "append"))
    both = np.median(times["append + publish"])
    print(f"append is {ours / floor:.1f} times the baseline, with publish {both / floor:.1f} times")
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        2**20 if sys.platform == "darwin" else 2**10
    )
    print(
        f"published catalog {public.stat().st_size / 1e6:.1f} MB, writer at most {memory_mb:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument(
        "--folder", type=Path, help="on the disk to measure; the default is temporary"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        report(*measured(Path(folder), asked.seconds))


if __name__ == "__main__":
    main()
