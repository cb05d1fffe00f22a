"""Simulated trades beside vectorbt: a year of 200 pairs, and a grid of 100 parameter sets.

    python benchmarks/trades.py [--pairs 200] [--days 365] [--runs 3]

Prices are random walks of 5-minute bars. Both sides compute RSI, OBV and its EMA, make signals of
them, fill those at the next open with fees and slippage, and give trades and the account bar by
bar; ours gives MAE and MFE as well. Each side is a process of its own, so that its memory is its
own; runs take turns, and CPU time stands beside the wall's: it does not depend on what else runs.
vectorbt compiles at its first run, which is told apart and not compared. Before all that the
account that both make of the same signals is compared, to 1e-9 of every bar.

vectorbt's RSI smooths by 2 / (n + 1), Wilder's by 1 / n: n is 2 x 14 - 1 there. What its average
begins with is another, so that the number of trades, which is printed, is not quite the same.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from machine import described

from analytics.lake.schema import BAR
from analytics.panels.panel import Pair, Panel
from analytics.trades.simulated.engine import simulate
from analytics.trades.simulated.plan import Fee, Plan, SlippageBps
from analytics.trades.simulated.settlements import settlements
from analytics.trades.simulated.signals import ObvTrend, RsiReversal, Signals, WithTrend

FEE_PCT, SLIPPAGE_BPS, SIZE_USD, START_USD = 0.05, 2.0, 1_000.0, 1e7
PLAN = Plan(
    side="both",
    start_usd=START_USD,
    fees=Fee(maker_pct=FEE_PCT, taker_pct=FEE_PCT),
    slippage=SlippageBps(SLIPPAGE_BPS),
)
MAX_MB = 1_500
"""[MB]"""
GRID_DAYS, GRID_PAIRS, GRID_S = 30, 50, 20.0
PERIODS, LOWS = range(8, 28, 2), np.arange(20.0, 40.0, 2.0)
"""100 sets."""
WINDOW = 50
_END = datetime(2026, 1, 1, tzinfo=UTC)


def made(days: int, pairs: int) -> Panel:
    """Return bars of random walks; opens are not the closes before."""
    draw, bars = np.random.default_rng(7), timedelta(days=days) // BAR
    close = draw.normal(0, 0.002, (pairs, bars))
    np.cumsum(close, axis=1, out=close)
    close = 100 * np.exp(close, out=close)
    open_ = np.empty_like(close)
    open_[:, 0], open_[:, 1:] = 100, close[:, :-1] * 1.00005
    values = {
        "open": open_,
        "high": np.maximum(open_, close) * 1.0005,
        "low": np.minimum(open_, close) * 0.9995,
        "close": close,
        "traded_usd": draw.exponential(1e5, (pairs, bars)),
    }
    first = np.datetime64(_END.replace(tzinfo=None), "ms") - bars * np.timedelta64(BAR)
    times = first + np.timedelta64(BAR) * np.arange(bars)
    names = tuple(Pair("binance", f"C{n:03}/USDT:USDT", f"C{n:03}") for n in range(pairs))
    by_pair = MappingProxyType({name: cells.T for name, cells in values.items()})
    return Panel(times, names, by_pair, "5m", _END)


def hours(of: Panel) -> Panel:
    """Return 1h bars of the same pairs with funding every 8 hours."""
    count = len(of.times) // 12
    values = {name: np.full((len(of.instruments), count), value).T for name, value in (
        ("funding_rate", 1e-4), ("funding_interval_h", 8.0), ("mark", 100.0), ("close", 100.0)
    )}  # fmt: skip
    return Panel(of.times[::12][:count], of.instruments, MappingProxyType(values), "1h", of.now)


def ours(of: Panel) -> int:
    """Return the number of trades."""
    return len(simulate(of, WithTrend().signals(of), PLAN).trades)


def ours_with_funding(of: Panel) -> int:
    """Return the number of trades."""
    funding = settlements(hours(of), of.instruments)
    return len(simulate(of, WithTrend().signals(of), PLAN, funding=funding).trades)


def our_grid(of: Panel) -> int:
    """Return the number of trades of all sets."""
    count = 0
    for period in PERIODS:
        for low in LOWS:
            model = RsiReversal(period=period, low=low, high=100 - low)
            signals = WithTrend(model=model, trend=ObvTrend(window=WINDOW)).signals(of)
            count += len(simulate(of, signals, PLAN).trades)
    return count


def theirs(of: Panel) -> int:
    """Return the number of trades that vectorbt makes of its own indicators."""
    rsi = _vectorbt().RSI.run(np.ascontiguousarray(of.values["close"]), window=2 * 14 - 1, ewm=True)
    return _their_trades(of, rsi.rsi.to_numpy(), 30.0, 70.0)


def their_grid(of: Panel) -> int:
    """Return the number of trades of all sets."""
    close, count = np.ascontiguousarray(of.values["close"]), 0
    for period in PERIODS:
        rsi = _vectorbt().RSI.run(close, window=2 * period - 1, ewm=True).rsi.to_numpy()
        count += sum(_their_trades(of, rsi, low, 100 - low) for low in LOWS)
    return count


def _their_trades(of: Panel, rsi: np.ndarray, low: float, high: float) -> int:
    vbt = _vectorbt()
    close, volume = (np.ascontiguousarray(of.values[name]) for name in ("close", "traded_usd"))
    obv = vbt.OBV.run(close, volume).obv
    above = (obv - vbt.MA.run(obv, WINDOW, ewm=True).ma.to_numpy()).to_numpy()
    before = np.vstack([np.full_like(rsi[:1], np.nan), rsi[:-1]])
    signals = Signals(
        (before < low) & (rsi >= low) & (above > 0),
        rsi >= 50,
        (before > high) & (rsi <= high) & (above < 0),
        rsi <= 50,
    )
    portfolio = _portfolio(of, signals)
    portfolio.value()
    return len(portfolio.trades.records)


def _portfolio(of: Panel, signals: Signals) -> Any:
    """Return vectorbt's run; it fills the signals of a bar in that bar, so they are moved."""
    moved = (np.vstack([np.zeros_like(flags[:1]), flags[:-1]]) for flags in signals.parts)
    return _vectorbt().Portfolio.from_signals(
        np.ascontiguousarray(of.values["close"]),
        *moved,
        price=np.ascontiguousarray(of.values["open"]),
        size=SIZE_USD,
        size_type="value",
        fees=FEE_PCT / 100,
        slippage=SLIPPAGE_BPS / 10_000,
        init_cash=START_USD,
        group_by=True,
        cash_sharing=True,
        freq="5min",
    )


def same_account(of: Panel) -> float:
    """Return the largest relative difference of any bar's equity, of the same signals."""
    signals = WithTrend().signals(of)
    mine = simulate(of, signals, PLAN).equity_usd.to_numpy()[1:]
    theirs = _portfolio(of, signals).value().to_numpy()
    return float(np.abs(mine / theirs - 1).max())


def _vectorbt() -> Any:
    warnings.simplefilter("ignore")
    import vectorbt

    return vectorbt


JOBS: dict[str, Callable[[Panel], Any]] = {
    job.__name__: job
    for job in (ours, ours_with_funding, our_grid, theirs, their_grid, same_account)
}


def child(job: str, days: int, pairs: int, runs: int) -> None:
    """Do a job again and again, each time when a line is read; print what each took."""
    of = made(days, pairs)
    before_mb = _peak_mb()
    for _ in range(runs):
        sys.stdin.readline()
        start, cpu = time.perf_counter(), time.process_time()
        answer = JOBS[job](of)
        took_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
        said = {"answer": answer, "took_s": took_s, "cpu_s": cpu_s, "mb": _peak_mb()}
        said |= {"before_mb": before_mb}
        print(json.dumps(said), flush=True)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


class Side:
    """A job in a process of its own."""

    def __init__(self, job: str, days: int, pairs: int, runs: int) -> None:
        words = ["--child", job, "--days", days, "--pairs", pairs, "--runs", runs]
        self._process = subprocess.Popen(
            [sys.executable, __file__, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )

    def run(self) -> dict[str, Any]:
        """Do it once, and return what it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()


def taking_turns(jobs: tuple[str, str], days: int, pairs: int, runs: int) -> Iterator[list[dict]]:
    """Yield what each run of both jobs took; the first of each is the cold one."""
    sides = [Side(job, days, pairs, runs + 1) for job in jobs]
    found = [[side.run() for side in sides] for _ in range(runs + 1)]
    for side in sides:
        side.close()
    yield from (list(of) for of in zip(*found, strict=True))


def compare(
    name: str, jobs: tuple[str, str], days: int, pairs: int, runs: int
) -> tuple[dict, float]:
    """Print both sides and their ratio; return our best warm run and the ratio."""
    mine, others = taking_turns(jobs, days, pairs, runs)
    best, other = (min(of[1:], key=lambda one: one["took_s"]) for of in (mine, others))
    ratio = other["took_s"] / best["took_s"]
    print(f"{name}:")
    for side, of, one in (("perpscope", mine, best), ("vectorbt", others, other)):
        print(
            f"  {side:<9} {one['took_s']:7.2f} s warm (CPU {one['cpu_s']:.2f} s), first run "
            f"{of[0]['took_s']:.1f} s, {one['answer']:,} trades, peak {one['mb']:,.0f} MB, "
            f"{one['before_mb']:,.0f} of it once the bars were there"
        )
    print(f"  {ratio:.1f} x its speed, {other['cpu_s'] / best['cpu_s']:.1f} x by CPU time")
    return best, ratio


def main() -> None:
    """Measure, and say whether it is as fast and as small as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", choices=JOBS, help="(what a process of this benchmark does)")
    asked = parser.parse_args()
    if asked.child:
        child(asked.child, asked.days, asked.pairs, asked.runs)
        return
    print(described())
    side = Side("same_account", GRID_DAYS, GRID_PAIRS, 1)
    difference = side.run()["answer"]
    side.close()
    print(f"the account of the same signals, {GRID_DAYS} days x {GRID_PAIRS} pairs: at most "
          f"{difference:.1e} apart in any bar: {_verdict(difference <= 1e-9)}")  # fmt: skip
    cells = timedelta(days=asked.days) // BAR * asked.pairs
    name = f"{asked.days} days x {asked.pairs} pairs, {cells:,} bars, RSI + OBV"
    best, ratio = compare(name, ("ours", "theirs"), asked.days, asked.pairs, asked.runs)
    small = best["mb"] <= MAX_MB
    print(f"speed {_verdict(ratio >= 1)}, memory of {MAX_MB:,} MB {_verdict(small)}")
    side = Side("ours_with_funding", asked.days, asked.pairs, 2)
    with_funding = [side.run() for _ in range(2)][-1]
    side.close()
    print(f"the same with funding: {with_funding['took_s']:.2f} s")
    name = f"grid of {len(PERIODS) * len(LOWS)} sets, {GRID_DAYS} days x {GRID_PAIRS} pairs"
    best, _ = compare(name, ("our_grid", "their_grid"), GRID_DAYS, GRID_PAIRS, 1)
    print(f"of {GRID_S:g} s: {_verdict(best['took_s'] <= GRID_S)}")


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
