"""Queries of pages and signals on a large lake, against plain DuckDB on its bare files.

    python benchmarks/questions.py LAKE [--beside LAKE] [--runs 20] [--only WORD]

LAKE is one made by ``big_lake.py``. Every query goes through a Reader and ``analytics``
as from a page, once to warm up and then *runs* times, in turn with a short hand-written
statement on a plain DuckDB that is given the Parquet files to read. ``--beside`` names a
lake with fewer days of snapshots, which is queried in turn; the last column is the ratio
of the two times. Memory is that of a fresh process, above idle.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path

import duckdb
import numpy as np
from big_lake import END
from machine import described

from analytics import query
from analytics.correlation.matrix import correlation
from analytics.indicators import bands, change, flow, funding, momentum, volatility, zscores
from analytics.indicators.change import log_returns
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake
from analytics.panels import panel
from analytics.panels.panel import METRICS, TIMEFRAMES, Only, Panel
from analytics.signals.fired import latest_signals, load_timeframes
from analytics.signals.thresholds import Thresholds
from collector.imports.files import import_file

DAY = timedelta(days=1)
NAIVE = END.replace(tzinfo=None)
MEMORY_MB = 100
LIVE = {"now": END, "known_by": query.ANY_TIME}
"""As on a live page: now, with everything known."""
IMPORT_ROWS_PER_S = 200_000
IMPORTED = "venue, symbol, ts, open, high, low, close, mark, volume_24h_usd, oi_usd, funding_rate"
CHARTED = (
    *("open", "high", "low", "close", "mark", "index", "oi_usd", "funding_rate"),
    *("funding_interval_h", "ls_accounts", "book_imbalance", "taker_buy_usd", "taker_sell_usd"),
)
"""The columns that all indicators read, and those that a chart draws as well."""

Cursor = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Question:
    """A query on a lake, and the same on its bare files."""

    name: str
    target_ms: int
    ask: Callable[[Cursor], object]
    table: str
    reach: timedelta
    """How far back from the lake's end its rows lie."""
    bare: str
    """The statement for a plain DuckDB; ``{rows}`` are the files, from $start."""


class Asked:
    """A lake, through a Reader and as bare files."""

    def __init__(self, folder: Path) -> None:
        self._reader, self._plain = Reader(folder), duckdb.connect()

    def cursor(self) -> AbstractContextManager[Cursor]:
        """A cursor as pages use it."""
        return self._reader.cursor()

    def files(self, table: str, since: timedelta) -> list[str]:
        """Return the live files of *table* that may hold rows of that stretch."""
        with self.cursor() as cursor:
            here = cursor.execute("select current_database()").fetchone()[0]
            listing = f"select data_file from ducklake_list_files('{here}', '{table}')"  # noqa: S608
            files = [name for (name,) in cursor.execute(listing).fetchall()]
        parts = "year={0.year}/month={0.month}/" + "day={0.day}/" * (table == "snapshots")
        days = (NAIVE - since + n * DAY for n in range(since.days + 2))
        wanted = {parts.format(min(day, NAIVE)) for day in days}
        return [name for name in files if any(part in name for part in wanted)]

    def ours(self, question: Question) -> float:
        """Return the time of the query. [s]"""
        began = time.perf_counter()
        with self.cursor() as cursor:
            question.ask(cursor)
        return time.perf_counter() - began

    def bare(self, question: Question, files: list[str]) -> float:
        """Return the time of a plain DuckDB on the files. [s]"""
        statement = question.bare.format(rows="read_parquet($files)")
        start = NAIVE - question.reach
        began = time.perf_counter()
        self._plain.execute(statement, {"files": files, "start": start}).to_arrow_table()
        return time.perf_counter() - began


def one_pair(
    cursor: Cursor, metrics: Sequence[str], only: Only, timeframe: str, bars: int
) -> list[object]:
    """Return *metrics* and every indicator of one pair."""
    return everything(panel.load(cursor, metrics, timeframe, **LIVE, bars=bars, only=only))


def everything(seen: Panel) -> list[object]:
    """Every indicator of a panel."""
    of = seen.values
    close, oi, rate = of["close"], of["oi_usd"], of["funding_rate"]
    interval, volume = of["funding_interval_h"], of["taker_buy_usd"]
    oi_delta_pct = change.delta_pct(oi)
    cvd = flow.cvd_usd(of["taker_buy_usd"], of["taker_sell_usd"])
    return [
        change.delta(close),
        zscores.z_score(oi_delta_pct),
        zscores.z_robust(oi_delta_pct),
        momentum.rsi(close),
        volatility.atr(of["high"], of["low"], close),
        bands.bollinger(close),
        volatility.volatility_pct(close, bars_per_year=seen.bars_per_year),
        flow.obv(close, volume),
        flow.cvd_oi_pct(cvd, oi),
        funding.funding_8h_pct(rate, interval),
        funding.funding_apr_pct(rate, interval),
        funding.premium_pct(of["mark"], of["index"]),
    ]


def heatmap(cursor: Cursor, only: Only) -> object:
    """Changes of price and open interest, pair by quarter of an hour."""
    seen = panel.load(cursor, ["close", "oi_usd"], "15m", **LIVE, bars=97, only=only)
    return [change.delta_pct(values) for values in seen.values.values()]


def correlated(cursor: Cursor, only: Only) -> object:
    """Correlation over 30 days."""
    seen = panel.load(cursor, ["close"], "1h", **LIVE, bars=721, only=only)
    return correlation(log_returns(seen.values["close"])[1:])


def signal_pass(cursor: Cursor) -> object:
    """Signals of the newest bar of every timeframe."""
    thresholds = Thresholds()
    panels = load_timeframes(cursor, thresholds, tuple(TIMEFRAMES), **LIVE)
    return [latest_signals(one, thresholds) for one in panels.values()]


def questions(instruments: Sequence[tuple[str, str]]) -> list[Question]:
    """Return all queries; those of one pair use the pair in the middle."""
    venue, symbol = instruments[len(instruments) // 2]
    some = Only(instruments=instruments[:200])
    pair = partial(one_pair, only=Only(instruments=[(venue, symbol)]))
    of_one = f"venue = '{venue}' and symbol = '{symbol}' and ts >= $start"
    listed = ", ".join(f"('{venue}', '{symbol}')" for venue, symbol in instruments[:200])
    of_some = f"(venue, symbol) in ({listed}) and ts >= $start"
    recent = timedelta(minutes=10)
    latest = partial(query.fetch, name="pairs", **LIVE, since=END - recent, span_s=300)
    day = partial(pair, metrics=METRICS, timeframe="5m", bars=288)
    rows = f"select * from {{rows}} where {of_one} order by ts"  # noqa: S608
    together = partial(correlated, only=some)
    asked = [
        Question("latest state of all instruments", 50, latest, "snapshots", recent, LATEST),
        Question("one pair, 24 h at 5m, all metrics", 60, day, "bars", DAY, rows),
    ]
    for timeframe, metrics in product(("1d", "1h"), (CHARTED, METRICS)):
        name = f"one pair, a year at {timeframe}, {len(metrics)} metrics"
        width = TIMEFRAMES[timeframe]
        year = partial(pair, metrics=metrics, timeframe=timeframe, bars=365 * DAY // width)
        cut = CUT.format(width=width.total_seconds(), which=of_one)
        asked.append(Question(name, 150, year, "bars", 365 * DAY, cut))
    for name, target_ms, ask, reach, width, which in (
        ("heatmap, 200 pairs x 24 h x 15m", 150, partial(heatmap, only=some), 1, "15m", of_some),
        ("correlation, 200 x 200, 30 d of 1h", 250, together, 30, "1h", of_some),
        ("signals of all in 6 timeframes", 1000, signal_pass, 45, "1d", "ts >= $start"),
    ):
        closes = CLOSES.format(width=TIMEFRAMES[width].total_seconds(), which=which)
        asked.append(Question(name, target_ms, ask, "bars", reach * DAY, closes))
    return asked


LATEST = """
    select
        venue, symbol, max(received_ts), arg_max(price, received_ts), arg_max(oi_usd, received_ts),
        arg_max(volume_24h_usd, received_ts), arg_max(funding_rate, received_ts),
        arg_max(ls_accounts, received_ts)
    from {rows} where received_ts > $start
    group by venue, symbol
"""
CUT = """
    select
        time_bucket(interval '{width:.0f} seconds', ts) as bar,
        arg_min(open, ts), max(high), min(low), arg_max(close, ts), arg_max(oi_usd, ts),
        sum(taker_buy_usd), sum(taker_sell_usd)
    from {{rows}} where {which}
    group by bar
"""
CLOSES = """
    select
        venue, symbol, time_bucket(interval '{width:.0f} seconds', ts) as bar,
        arg_max(close, ts), arg_max(oi_usd, ts)
    from {{rows}} where {which}
    group by venue, symbol, bar
"""


def memory_mb(folder: Path) -> float:
    """Return the memory of computing signals in a fresh process, above idle. [MB]"""
    answer = subprocess.run(
        [sys.executable, __file__, str(folder), "--memory"],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(answer.stdout)


def _measure_memory(folder: Path) -> None:
    """Print peak resident memory while computing signals, less that before. [MB]"""
    lake = Asked(folder)
    with lake.cursor() as cursor:
        cursor.execute("select count(*) from cycles").fetchall()
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    before = _resident("VmRSS")
    with lake.cursor() as cursor:
        signal_pass(cursor)
    print(_resident("VmHWM") - before)


def _resident(line: str) -> float:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split(f"{line}:")[1].split()[0]) / 1024


def compare(question: Question, lakes: Sequence[Asked], runs: int) -> None:
    """Print a row of the table."""
    files = lakes[0].files(question.table, question.reach)
    times: list[list[float]] = [[] for _ in range(4)]
    for run in range(runs + 1):
        began = time.process_time()
        spent = [lakes[0].ours(question)]
        spent += [time.process_time() - began, lakes[0].bare(question, files)]
        spent += [lake.ours(question) for lake in lakes[1:]]
        for place, seconds in enumerate(spent if run else ()):
            times[place].append(1000 * seconds)
    p50, p95 = np.percentile(times[0], [50, 95])
    cpu, peer = (np.median(side) for side in times[1:3])
    beside = f"{p50 / np.median(times[3]):>8.2f}" if times[3] else ""
    print(
        f"{question.name:<38}{p50:>8.0f}{p95:>8.0f}{question.target_ms:>8}{cpu:>8.0f}"
        f"{peer:>8.0f}{p50 / peer:>8.2f}{beside}"
        + ("  MISSED" if p95 > question.target_ms else ""),
        flush=True,
    )


def import_bars(lake: Asked) -> None:
    """Print the speed of importing a million bars, and of DuckDB just rewriting the file."""
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("csv", "parquet"):
            file = Path(folder, f"bars.{ending}")
            with lake.cursor() as cursor:
                count = cursor.execute(
                    f"copy (select {IMPORTED} from bars where ts between $first and $last) "  # noqa: S608
                    f"to '{file}'",
                    {"first": NAIVE - 7 * DAY, "last": NAIVE - timedelta(days=1, hours=5)},
                ).fetchone()[0]
            with Lake(Path(folder, ending)) as fresh:
                began = time.perf_counter()
                stored = import_file(fresh, file, lambda done, total: None, now=END)
                ours = count / (time.perf_counter() - began)
            began = time.perf_counter()
            duckdb.execute(f"copy (from '{file}' order by ts) to '{file}.copy.parquet'")
            bare = count / (time.perf_counter() - began)
            print(
                f"import of {stored.stored['bars']:,} bars, {ending}: {ours:,.0f} rows/s (at least "
                f"{IMPORT_ROWS_PER_S:,}); DuckDB rewrites it at {bare:,.0f}, {bare / ours:.1f} x"
            )


def main() -> None:
    """Run all queries and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=Path)
    parser.add_argument("--beside", type=Path, help="a lake with fewer days of snapshots")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", default="", help="queries with this word in their name")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.memory:
        _measure_memory(asked.lake)
        return
    lakes = [Asked(folder) for folder in (asked.lake, asked.beside) if folder]
    with lakes[0].cursor() as cursor:
        sizes = query.fetch(cursor, "table_rows").set_index("table_name")["row_count"]
        recent = END - timedelta(minutes=10)
        latest = query.fetch(cursor, "pairs", **LIVE, since=recent, span_s=300)
    instruments = sorted(zip(latest["venue"], latest["symbol"], strict=True))
    print(
        f"{sizes['snapshots']:,} snapshots, {sizes['bars']:,} bars; {described()}; load "
        f"{os.getloadavg()[0]:.1f}"
    )
    print(
        f"{'[ms]':<38}{'p50':>8}{'p95':>8}{'target':>8}{'cpu':>8}{'bare':>8}{'ratio':>8}"
        + ("  beside" if asked.beside else "")
    )
    for question in questions(instruments):
        if asked.only in question.name:
            compare(question, lakes, asked.runs)
    if asked.only:
        return
    print(f"signals need {memory_mb(asked.lake):.0f} MB above idle (at most {MEMORY_MB})")
    import_bars(lakes[0])


if __name__ == "__main__":
    main()
