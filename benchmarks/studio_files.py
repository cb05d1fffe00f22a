"""A stranger's Parquet recording of 1 GB in Studio: until the first page, and until all is stored.

    python benchmarks/studio_files.py [--gb 1] [--file FILE] [--unordered]

Makes a recording of 600 pairs every 30 s in another program's words, reads and builds it as the
page does, and measures: seconds until a page can be drawn (the newest stretch is published and
its pairs are queried), until all is stored, resident memory of this process (which stands for the
server) and of the process that reads. Beside it the floor: DuckDB's own rewrite of the same file
on the same cores, in the same run. With ``--unordered`` the recording lies pair by pair, so that
every part of the file has some of every hour.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psutil
from machine import described

from analytics import query
from analytics.lake.reader import Reader
from analytics.scratch import building, inspect_files, questions
from analytics.scratch.preview import Progress

PAIRS = 600
CYCLES_A_DAY = 2880
DAYS_A_GB = 10.5
"""Of such a recording, packed with Snappy."""

ROWS = """
    copy (
        select
            epoch_ms(timestamp '2026-10-01' + to_seconds(30 * cycle)) as timestamp,
            'A' || pair || 'USDT' as symbol,
            'binance' as exchange,
            price as last_price,
            price as mark_price,
            price as index_price,
            round(1e6 * (1 + random() * 0.01), 3) as open_interest_usd,
            round(1e8 * (1 + random() * 0.01), 2) as volume_24h_usd,
            round(0.0001 * (1 + random()), 8) as funding_rate,
            8 as funding_interval_hours,
            round(1 + random(), 4) as long_short_ratio,
            round(random() * 2 - 1, 6) as book_imbalance,
            round(random() * 5, 3) as spread_bps,
            round(random() * 1e5, 2) as taker_buy_usd,
            round(random() * 1e5, 2) as taker_sell_usd
        from (
            select *, round(100 * (1 + pair / 10) * (1 + random() * 0.01), 4) as price
            from range({cycles}) as one(cycle), range({pairs}) as other(pair)
        )
        order by {order}
    ) to '{file}' (format parquet)
"""


def make(file: Path, gb: float, *, unordered: bool) -> None:
    cycles = round(gb * DAYS_A_GB * CYCLES_A_DAY)
    order = "pair, cycle" if unordered else "cycle, pair"
    with duckdb.connect(config={"memory_limit": "4GB"}) as database:
        database.execute(ROWS.format(cycles=cycles, pairs=PAIRS, order=order, file=file))


def rewritten_s(file: Path, to: Path) -> float:
    """Return how long DuckDB takes to write the rows of *file* into another. [s]"""
    began = time.perf_counter()
    with duckdb.connect(config={"threads": 2, "preserve_insertion_order": False}) as database:
        database.read_parquet(str(file)).write_parquet(str(to))
    to.unlink()
    return time.perf_counter() - began


def pairs_now(lake: Path, now: datetime) -> int:
    """Return how many pairs the newest values of a page have."""
    with Reader(lake).cursor() as cursor:
        since = now - timedelta(hours=24)
        return len(query.fetch(cursor, "pairs", now=now, since=since, span_s=3600))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=1.0)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--unordered", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = asked.file or folder / "recording.parquet"
        if asked.file is None:
            make(file, asked.gb, unordered=asked.unordered)
        measure(file, folder)


def measure(file: Path, folder: Path) -> None:
    lake, at_first, child_mb = folder / "lake", [], [0.0]
    server = psutil.Process()
    before_mb, began = server.memory_info().rss / 2**20, time.perf_counter()

    def watched() -> None:
        rss = [child.memory_info().rss for child in server.children() if child.is_running()]
        child_mb[0] = max(child_mb[0], *(one / 2**20 for one in rss)) if rss else child_mb[0]

    def heard(progress: Progress) -> None:
        watched()
        if progress.is_ready and not at_first:
            known = pairs_now(lake, newest)
            at_first.extend([time.perf_counter() - began, known, progress.done])

    preview = inspect_files.read([file], folder / "work", watched)
    read_s = time.perf_counter() - began
    mapping = questions.suggested(preview)
    for question in questions.unanswered(preview, mapping):
        raise SystemExit(f"unexpected question: {question.text}")
    with duckdb.connect() as database:
        ((last_ms,),) = database.read_parquet(str(file)).max("timestamp").fetchall()
    newest = datetime.fromtimestamp(last_ms / 1000, UTC)
    built = building.build(preview, mapping, lake, heard)
    all_s = time.perf_counter() - began
    server_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10 - before_mb
    first_s, pairs, rows = at_first
    stored = sum(path.stat().st_size for path in (lake / "lake").rglob("*.parquet"))

    print(described())
    print(f"recording: {file.stat().st_size / 2**30:.2f} GB, {built.rows_read:,} rows")
    print(f"preview: {read_s:.1f} s")
    print(f"first page: {first_s:.1f} s, with {pairs} pairs of the newest {rows:,} rows")
    print(f"all stored: {all_s:.1f} s, {built.snapshots:,} snapshots and {built.bars:,} bars")
    print(f"on disk: {stored / 2**30:.2f} GB")
    print(f"memory: server + {server_mb:.0f} MB, its reader {child_mb[0]:.0f} MB")
    floor_s = rewritten_s(file, folder / "again.parquet")
    print(f"floor: DuckDB rewrites the file in {floor_s:.1f} s ({all_s / floor_s:.1f} × for all)")


if __name__ == "__main__":
    main()
