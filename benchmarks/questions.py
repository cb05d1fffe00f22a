"""The questions that pages and rules ask of a large lake, against DuckDB on its bare files.

    python benchmarks/questions.py LAKE [--beside LAKE] [--runs 20] [--only WORD]

LAKE is one that ``big_lake.py`` made. Every question goes through a Reader and
``analytics``, as a page asks it, once to warm up and then *runs* times; in turn
with it, a statement as short as a person would write it is put to a plain DuckDB that
is told which Parquet files to read. ``--beside`` names a lake with fewer days of
snapshots, of which the same is asked in turn: the last column says how the
times of the two compare. Memory is that of a fresh process, above what it needs idle.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
from big_lake import END
from machine import described

from analytics import indicators, panel, query
from analytics.correlation import correlation_of_returns
from analytics.lake import Reader
from analytics.panel import METRICS, TIMEFRAMES, Only, Panel
from analytics.signals import latest_signals, load_timeframes
from analytics.thresholds import Thresholds

DAY = timedelta(days=1)
NAIVE = END.replace(tzinfo=None)
MEMORY_MB = 100

Cursor = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a lake, and of its bare files."""

    name: str
    target_ms: int
    ask: Callable[[Cursor], object]
    table: str
    reach: timedelta
    """How far back from the record's end its rows lie."""
    bare: str
    """The statement that a plain DuckDB is asked; ``{rows}`` are the files, from $start on."""


class Asked:
    """A lake, by a Reader and by its bare files."""

    def __init__(self, folder: Path) -> None:
        self._reader, self._plain = Reader(folder), duckdb.connect()

    def cursor(self) -> AbstractContextManager[Cursor]:
        """A cursor as pages have it."""
        return self._reader.cursor()

    def files(self, table: str, since: timedelta) -> list[str]:
        """Return the live files of *table* that can have rows of that stretch."""
        with self.cursor() as cursor:
            here = cursor.execute("select current_database()").fetchone()[0]
            listing = f"select data_file from ducklake_list_files('{here}', '{table}')"  # noqa: S608
            files = [name for (name,) in cursor.execute(listing).fetchall()]
        parts = "year={0.year}/month={0.month}/" + "day={0.day}/" * (table == "snapshots")
        days = (NAIVE - since + n * DAY for n in range(since.days + 2))
        wanted = {parts.format(min(day, NAIVE)) for day in days}
        return [name for name in files if any(part in name for part in wanted)]

    def ours(self, question: Question) -> float:
        """Return how long the answer takes. [s]"""
        began = time.perf_counter()
        with self.cursor() as cursor:
            question.ask(cursor)
        return time.perf_counter() - began

    def bare(self, question: Question, files: list[str]) -> float:
        """Return how long a plain DuckDB takes for the files' rows. [s]"""
        statement = question.bare.format(rows="read_parquet($files)")
        start = NAIVE - question.reach
        began = time.perf_counter()
        self._plain.execute(statement, {"files": files, "start": start}).to_arrow_table()
        return time.perf_counter() - began


def pair_with_everything(cursor: Cursor, only: Only, timeframe: str, bars: int) -> list[object]:
    """Every metric and every indicator of one pair."""
    seen = panel.load(cursor, METRICS, timeframe, now=END, bars=bars, only=only)
    return everything(seen)


def everything(seen: Panel) -> list[object]:
    """Every indicator of a panel."""
    of = seen.values
    close, oi, rate = of["close"], of["oi_usd"], of["funding_rate"]
    interval, volume = of["funding_interval_h"], of["taker_buy_usd"]
    oi_delta_pct = indicators.delta_pct(oi)
    cvd = indicators.cvd_usd(of["taker_buy_usd"], of["taker_sell_usd"])
    return [
        indicators.delta(close),
        indicators.z_score(oi_delta_pct),
        indicators.z_robust(oi_delta_pct),
        indicators.z_seasonal(oi_delta_pct, seen.times, interval),
        indicators.rsi(close),
        indicators.atr(of["high"], of["low"], close),
        indicators.bollinger(close),
        indicators.volatility_pct(close, bars_per_year=seen.bars_per_year),
        indicators.obv(close, volume),
        indicators.cvd_oi_pct(cvd, oi),
        indicators.funding_8h_pct(rate, interval),
        indicators.funding_apr_pct(rate, interval),
        indicators.premium_pct(of["mark"], of["index"]),
        indicators.premium_apr_pct(of["mark"], of["index"]),
    ]


def heatmap(cursor: Cursor, only: Only) -> object:
    """Changes of price and open interest, pair by quarter of an hour."""
    seen = panel.load(cursor, ["close", "oi_usd"], "15m", now=END, bars=97, only=only)
    return [indicators.delta_pct(values) for values in seen.values.values()]


def correlated(cursor: Cursor, only: Only) -> object:
    """What moved together in 30 days."""
    seen = panel.load(cursor, ["close"], "1h", now=END, bars=721, only=only)
    return correlation_of_returns(seen)


def signal_pass(cursor: Cursor) -> object:
    """What fired in the newest bar of every timeframe."""
    thresholds = Thresholds()
    panels = load_timeframes(cursor, thresholds, tuple(TIMEFRAMES), now=END)
    return [latest_signals(one, thresholds) for one in panels.values()]


def questions(instruments: Sequence[tuple[str, str]]) -> list[Question]:
    """Return all questions; those of one pair are of the one in the middle."""
    venue, symbol = instruments[len(instruments) // 2]
    one, some = Only(instruments=[(venue, symbol)]), Only(instruments=instruments[:200])
    base = symbol.partition("/")[0]
    of_one = f"venue = '{venue}' and symbol = '{symbol}' and base = '{base}' and ts >= $start"
    of_some = "(venue, symbol) in ({}) and ts >= $start".format(
        ", ".join(f"('{venue}', '{symbol}')" for venue, symbol in instruments[:200])
    )
    latest = partial(query.fetch, name="pairs", now=END, since=END - timedelta(minutes=10))
    year = partial(pair_with_everything, only=one)
    return [
        Question(
            "latest state of all instruments",
            50,
            lambda cursor: latest(cursor),
            "snapshots",
            timedelta(minutes=10),
            LATEST,
        ),
        Question(
            "one pair, 24 h at 5m, everything",
            60,
            partial(year, timeframe="5m", bars=288),
            "bars",
            DAY,
            f"select * from {{rows}} where {of_one} order by ts",  # noqa: S608
        ),
        *(
            Question(
                f"one pair, a year at {timeframe}, everything",
                150,
                partial(year, timeframe=timeframe, bars=365 * DAY // TIMEFRAMES[timeframe]),
                "bars",
                365 * DAY,
                CUT.format(
                    span=f"{TIMEFRAMES[timeframe].total_seconds():.0f} seconds", which=of_one
                ),
            )
            for timeframe in ("1d", "1h")
        ),
        Question(
            "heatmap, 200 pairs x 24 h x 15m",
            150,
            partial(heatmap, only=some),
            "bars",
            DAY,
            CLOSES.format(span="15 minutes", which=of_some),
        ),
        Question(
            "correlation, 200 x 200, 30 d of 1h",
            250,
            partial(correlated, only=some),
            "bars",
            30 * DAY,
            CLOSES.format(span="1 hour", which=of_some),
        ),
        Question(
            "signals of all in 6 timeframes",
            1000,
            signal_pass,
            "bars",
            45 * DAY,
            CLOSES.format(span="1 day", which="ts >= $start"),
        ),
    ]


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
        time_bucket(interval '{span}', ts) as bar, arg_min(open, ts), max(high), min(low),
        arg_max(close, ts), arg_max(oi_usd, ts), sum(taker_buy_usd), sum(taker_sell_usd)
    from {{rows}} where {which}
    group by bar
"""
CLOSES = """
    select
        venue, symbol, time_bucket(interval '{span}', ts) as bar,
        arg_max(close, ts), arg_max(oi_usd, ts)
    from {{rows}} where {which}
    group by venue, symbol, bar
"""


def memory_mb(folder: Path) -> float:
    """Return what a signal pass needs in a fresh process above what it needs idle. [MB]"""
    answer = subprocess.run(
        [sys.executable, __file__, str(folder), "--memory"],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(answer.stdout)


def _measure_memory(folder: Path) -> None:
    """Print the peak of resident memory while signals are made, less that of before. [MB]"""
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
    times: list[list[float]] = [[] for _ in range(3)]
    for run in range(runs + 1):
        spent = [lakes[0].ours(question), lakes[0].bare(question, files)]
        spent += [lake.ours(question) for lake in lakes[1:]]
        for place, seconds in enumerate(spent if run else ()):
            times[place].append(1000 * seconds)
    (p50, p95), (peer, _) = (np.percentile(side, [50, 95]) for side in times[:2])
    held = "" if p95 <= question.target_ms else "  MISSED"
    beside = f"{p50 / np.median(times[2]):>8.2f}" if times[2] else ""
    print(
        f"{question.name:<38}{p50:>8.0f}{p95:>8.0f}{question.target_ms:>8}"
        f"{peer:>8.0f}{p50 / peer:>8.2f}{beside}{held}",
        flush=True,
    )


def main() -> None:
    """Ask everything, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=Path)
    parser.add_argument("--beside", type=Path, help="a lake with fewer days of snapshots")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", default="", help="questions with this word in their name")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.memory:
        _measure_memory(asked.lake)
        return
    lakes = [Asked(folder) for folder in (asked.lake, asked.beside) if folder]
    with lakes[0].cursor() as cursor:
        sizes = query.fetch(cursor, "record_size").set_index("table_name")["row_count"]
        latest = query.fetch(cursor, "pairs", now=END, since=END - timedelta(minutes=10))
    instruments = sorted(zip(latest["venue"], latest["symbol"], strict=True))
    print(
        f"{sizes['snapshots']:,} snapshots, {sizes['bars']:,} bars; {described()}; load "
        f"{os.getloadavg()[0]:.1f}"
    )
    print(
        f"{'[ms]':<38}{'p50':>8}{'p95':>8}{'target':>8}{'bare':>8}{'ratio':>8}"
        + ("  beside" if asked.beside else "")
    )
    for question in questions(instruments):
        if asked.only in question.name:
            compare(question, lakes, asked.runs)
    print(f"signals need {memory_mb(asked.lake):.0f} MB above idle (at most {MEMORY_MB})")


if __name__ == "__main__":
    main()
