"""Indicators over a whole panel, against TA-Lib and pandas column by column.

    python benchmarks/indicators.py [--bars 10000] [--instruments 600] [--runs 5]

Both sides get the same panel with gaps, and their results are checked to be equal.
TA-Lib gets each column's known bars as a contiguous array made beforehand, and its
results stay there; pandas returns a panel. Its MAD, a Python call per window, is
timed on a few columns and scaled up. Runs alternate, so that other load slows both
alike; times are medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import talib
from machine import described

from analytics.indicators import bands, change, flow, momentum, volatility, zscores

WINDOW = 20
SLOW_COLUMNS = 4
ONE_WHOLE_IN = 10


def panel_with_gaps(bars: int, instruments: int) -> np.ndarray:
    """Random-walk prices; nine of ten instruments have outages and lost bars, about 2 %."""
    rng = np.random.default_rng(20)
    prices = 100 * np.exp(rng.normal(0, 0.002, (instruments, bars)).cumsum(axis=1))
    for column, series in enumerate(prices):
        if column % ONE_WHOLE_IN:
            for start in rng.integers(0, bars, 6):
                series[start : start + rng.integers(1, 60)] = np.nan
            series[rng.integers(0, bars, bars // 500)] = np.nan
    return prices.T


def pandas_panel(panel: np.ndarray, score: Callable[[pd.Series], pd.Series]) -> np.ndarray:
    """The *score* of each column's known bars, as a panel."""
    scores = {
        column: score(pd.Series(panel[:, column]).dropna()) for column in range(panel.shape[1])
    }
    return pd.DataFrame(scores).reindex(range(len(panel))).to_numpy()


def pandas_z(series: pd.Series) -> pd.Series:
    before = series.rolling(WINDOW)
    return (series - before.mean().shift(1)) / before.std().shift(1)


def pandas_robust(series: pd.Series) -> pd.Series:
    before = series.rolling(WINDOW)
    mad = before.apply(_mad, raw=True)
    return (series - before.median().shift(1)) / (1.4826 * mad.shift(1))


def _mad(window: np.ndarray) -> float:
    """Median by sorting, several times as fast as np.median for 20 values."""
    ordered = np.sort(window)
    far = np.sort(np.abs(ordered - (ordered[9] + ordered[10]) / 2))
    return (far[9] + far[10]) / 2


def compare(
    name: str,
    ours: Callable[[], object],
    peer_name: str,
    peer: Callable[[], object],
    runs: int,
    scale: float = 1,
) -> None:
    """Print both medians and their ratio; the peer's time is multiplied by *scale*."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for side, spent in zip((ours, peer), times, strict=True):
            start = time.perf_counter()
            answer = side()
            spent.append(time.perf_counter() - start)
            del answer
    mine, theirs = statistics.median(times[0]), scale * statistics.median(times[1])
    print(
        f"{name:<14} {1000 * mine:>8.0f} ms   {peer_name:<34} {1000 * theirs:>9.0f} ms   "
        f"{mine / theirs:>6.2f} x its time, {theirs / mine:>6.1f} x its speed"
    )


def peak_mb(compute: Callable[[], object]) -> float:
    """Peak memory allocated by *compute*, its result included. [MB]"""
    tracemalloc.start()
    compute()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    """Compare on a panel of the requested size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", type=int, default=10_000)
    parser.add_argument("--instruments", type=int, default=600)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    panel = panel_with_gaps(asked.bars, asked.instruments)
    bare = [column[np.isfinite(column)] for column in panel.T]
    few, share = panel[:, 1 : 1 + SLOW_COLUMNS], asked.instruments / SLOW_COLUMNS
    deltas = change.delta_pct(panel)
    _check(few, change.delta_pct(few))
    print(f"{asked.bars:,} bars x {asked.instruments} instruments, {described()}")

    def against_talib(name: str, ours: Callable[[], object], function: Callable) -> None:
        compare(name, ours, "TA-Lib on bare columns", lambda: list(map(function, bare)), asked.runs)

    against_talib("rsi", lambda: momentum.rsi(panel), lambda x: talib.RSI(x, 14))
    against_talib("atr", lambda: volatility.atr(panel, panel, panel), lambda x: talib.ATR(x, x, x))
    against_talib("obv", lambda: flow.obv(panel, panel), lambda x: talib.OBV(x, x))
    against_talib("bollinger", lambda: bands.bollinger(panel), lambda x: talib.BBANDS(x, 20))
    compare(
        "z_score",
        lambda: zscores.z_score(deltas),
        "pandas rolling, known bars",
        lambda: pandas_panel(deltas, pandas_z),
        asked.runs,
    )
    frame = pd.DataFrame(deltas)
    compare(
        "z_score",
        lambda: zscores.z_score(deltas),
        "pandas rolling, a gap blanks 20 bars",
        lambda: pandas_z(frame),
        asked.runs,
    )
    compare(
        "z_robust",
        lambda: zscores.z_robust(deltas),
        f"pandas rolling, {SLOW_COLUMNS} columns x {share:.0f}",
        lambda: pandas_panel(deltas[:, 1 : 1 + SLOW_COLUMNS], pandas_robust),
        min(asked.runs, 3),
        share,
    )
    for indicator in (momentum.rsi, zscores.z_score, zscores.z_robust):
        needed = peak_mb(partial(indicator, panel))
        print(f"{indicator.__name__} needs {needed:.0f} MB, its result included")


def _check(few: np.ndarray, deltas: np.ndarray) -> None:
    """Raise unless both sides give the same results."""
    known = np.isfinite(few[:, 0])
    same = [
        (momentum.rsi(few)[known, 0], talib.RSI(few[known, 0], 14)),
        (bands.bollinger(few).upper[known, 0], talib.BBANDS(few[known, 0], 20)[0]),
        (zscores.z_score(deltas), pandas_panel(deltas, pandas_z)),
        (zscores.z_robust(deltas), pandas_panel(deltas, pandas_robust)),
    ]
    for ours, theirs in same:
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


if __name__ == "__main__":
    main()
