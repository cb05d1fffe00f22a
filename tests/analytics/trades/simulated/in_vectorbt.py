"""Reads signals and prices from a file, prints the equity that vectorbt makes of them: a child.

Without compiling (NUMBA_DISABLE_JIT=1), which on a small case takes no time.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")

import vectorbt  # noqa: E402


def main() -> None:
    """Fill the signals of each bar at its own price: they were shifted by one before."""
    case = dict(np.load(sys.argv[1]))
    portfolio = vectorbt.Portfolio.from_signals(
        case["close"],
        *(case[name] for name in ("long_entry", "long_exit", "short_entry", "short_exit")),
        price=case["open"],
        size=float(case["size_usd"]),
        size_type="value",
        fees=float(case["fee"]),
        slippage=float(case["slippage"]),
        init_cash=float(case["start_usd"]),
        group_by=True,
        cash_sharing=True,
    )
    np.save(sys.argv[2], portfolio.value().to_numpy())


main()
