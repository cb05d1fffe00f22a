"""Correlation matrices, ours against pandas: Pearson and Spearman, without and with gaps.

    python benchmarks/correlation.py [--columns 200] [--rows 720] [--gaps 0.05] [--repeats 7]

Both get the same returns in the memory layout of panels: each instrument's values are
contiguous. Times are the minimum of the repeats; pandas' Spearman with gaps takes
seconds and runs once. The largest difference of any cell is printed as well. Targets
apply to the default size.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
import pandas as pd
from machine import described
from numpy.typing import NDArray

from analytics.correlation.matrix import LEAST_COMMON, correlation

Result = TypeVar("Result")

TARGETS_MS = {"pearson": 50, "spearman": 150}


def returns(rows: int, columns: int, gaps: float) -> NDArray[np.float64]:
    """Return returns with one common factor; the share *gaps* of the cells is absent. (T, N)"""
    rng = np.random.default_rng(1)
    market = rng.normal(size=(columns, rows)) + rng.normal(size=rows)
    market[rng.random(market.shape) < gaps] = np.nan
    return market.T


def timed(compute: Callable[[], Result], repeats: int) -> tuple[float, Result]:
    """Return the minimum time of *repeats* runs, and the result. [ms]"""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = compute()
        times.append(time.perf_counter() - started)
    return min(times) * 1000, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--columns", type=int, default=200)
    parser.add_argument("--rows", type=int, default=720)
    parser.add_argument("--gaps", type=float, default=0.05)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()

    print(f"{asked.columns} x {asked.columns} over {asked.rows} rows; {described()}")
    print(f"{'':24}{'ours':>10}{'target':>10}{'pandas':>11}{'ratio':>8}  largest difference")
    for gaps in (0.0, asked.gaps):
        market = returns(asked.rows, asked.columns, gaps)
        frame = pd.DataFrame(market)
        for method, target in TARGETS_MS.items():
            once = method == "spearman" and gaps > 0
            ours, r = timed(partial(correlation, market, method=method), asked.repeats)
            theirs, expected = timed(
                partial(frame.corr, method=method, min_periods=LEAST_COMMON),
                1 if once else asked.repeats,
            )
            apart = np.nanmax(np.abs(r.r - expected.to_numpy()))
            print(
                f"{method:9} {100 * gaps:3.0f} % absent  {ours:7.1f} ms{target:7d} ms"
                f"{theirs:8.0f} ms{theirs / ours:8.1f}  {apart:.0e}"
            )


if __name__ == "__main__":
    main()
