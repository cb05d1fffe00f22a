"""Time of a scorecard: 20 rules, 30 days of 5-minute bars, 200 pairs, five horizons.

    python benchmarks/scorecard.py [--firings 2000]

Prices and open interest are random walks; each rule fires at random bars of random pairs. The floor
is the bare gather in NumPy of the same outcomes: prices at and after each firing, and their median.
CPU time stands beside the wall's: it does not depend on what else runs on the machine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import numpy as np
import pandas as pd
from machine import described

from analytics.lake.schema import BAR
from analytics.panels.panel import TIMEFRAMES, Pair, Panel
from analytics.rules.scorecard import HORIZONS, METRICS, score

RULES, DAYS, PAIRS = 20, 30, 200
TARGET_S = 2.0
"""[wall s]"""
_END = datetime(2026, 3, 31, tzinfo=UTC)


def made(firings: int) -> tuple[Panel, pd.DataFrame]:
    """Return bars, and so many *firings* of each rule."""
    draw, bars = np.random.default_rng(1), timedelta(days=DAYS) // BAR
    times = np.datetime64("2026-03-31", "ms") - np.timedelta64(BAR) * np.arange(bars, 0, -1)
    pairs = tuple(Pair("binance", f"C{n:03}/USDT:USDT", f"C{n:03}") for n in range(PAIRS))
    values = {
        name: np.exp(draw.normal(0, 0.002, (PAIRS, bars)).cumsum(axis=1)).T for name in METRICS
    }
    panel = Panel(times.astype("datetime64[ms]"), pairs, MappingProxyType(values), "5m", _END)
    row, column = draw.integers(0, bars, RULES * firings), draw.integers(0, PAIRS, RULES * firings)
    fired = pd.DataFrame(
        {
            "rule": np.repeat([f"Rule {n}" for n in range(RULES)], firings),
            "per": "pair",
            "venue": "binance",
            "symbol": [pairs[n].symbol for n in column],
            "base": [pairs[n].base for n in column],
            "fired_ts": pd.to_datetime(times[row], utc=True) + BAR,
        }
    )
    return panel, fired


def bare(panel: Panel, fired: pd.DataFrame) -> None:
    """Take the outcomes of all firings, and the median of each rule's."""
    place = {pair.symbol: n for n, pair in enumerate(panel.instruments)}
    ends = panel.times + np.timedelta64(BAR)
    times = fired["fired_ts"].dt.tz_convert(None).to_numpy("datetime64[ms]")
    row, column = np.searchsorted(ends, times), fired["symbol"].map(place).to_numpy()
    rule = fired["rule"].to_numpy()
    for horizon in HORIZONS:
        bars = TIMEFRAMES[horizon] // BAR
        over = row + bars < len(ends)
        for cells in panel.values.values():
            after, at = cells[row[over] + bars, column[over]], cells[row[over], column[over]]
            pd.Series(100 * (after / at - 1)).groupby(rule[over]).median()


def took(what: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU time of the fastest of three calls. [s]"""
    found = []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        what()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(found)


def main() -> None:
    """Measure, and say whether it is as fast as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--firings", type=int, default=2_000, help="of each rule")
    asked = parser.parse_args()
    print(described())
    panel, fired = made(asked.firings)
    rules = list(dict.fromkeys(fired["rule"]))
    wall, cpu = took(lambda: score(panel, fired, rules))
    floor, _ = took(lambda: bare(panel, fired))
    verdict = "met" if wall <= TARGET_S else "MISSED"
    print(f"scorecard of {RULES} rules, {DAYS} days, {PAIRS} pairs, {asked.firings:,} firings each")
    print(f"{wall:.2f} s (CPU {cpu:.2f} s) of {TARGET_S:g} s: {verdict}; {wall / floor:.1f} x the "
          f"bare gather of the same outcomes, {1000 * floor:.0f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
