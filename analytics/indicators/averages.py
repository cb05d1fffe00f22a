"""Averages of a price: over the last bars, and over what was traded in a day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import talib
from numpy.typing import ArrayLike, NDArray

from analytics.indicators.arrays import (
    Floats,
    Places,
    check_length,
    checked,
    is_known,
    on_known,
    ratio,
)


def ema(close: ArrayLike, period: int) -> Floats:
    """Return the exponential moving average.

    Begins as the mean of the first *period* prices; then each price counts 2 / (period + 1).
    Every answer depends a little on all bars before: after five times half the period what it
    began with is forgotten to 1 %. Gaps: in order.

    Args:
        close: Prices of any sign. [quote currency] (T, N)
        period: Prices in the first mean. [bars]

    Returns:
        [quote currency] (T, N)

    Raises:
        ValueError: *close* is no panel, or *period* not from 2 to 100,000.

    Source:
        S. B. Achelis, "Technical Analysis from A to Z", "Moving Averages", exponential; begun
        as TA-Lib's EMA is.
    """
    (panel,) = checked(close=close)
    check_length("period", period)

    def average(known: list[Floats], _: Places) -> Sequence[Floats]:
        return (talib.EMA(known[0], period),)

    return on_known(average, [panel], cells=1)[0]


def vwap(
    times: NDArray[np.datetime64],
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    traded_usd: ArrayLike,
) -> Floats:
    """Return the volume-weighted average price since 00:00 UTC, the bar included.

    What was traded is money, so that the quantity of a bar is *traded_usd* / its typical price,
    the mean of high, low and close, and the average is money over quantity. Gaps: a bar without
    prices or volume has no answer and counts for nothing in those after it.

    Args:
        times: Start of each bar, UTC. (T,)
        high: Of each bar. [quote currency] (T, N)
        low: [quote currency] (T, N)
        close: [quote currency] (T, N)
        traded_usd: Within the bar; not below 0. [USD] (T, N)

    Returns:
        NaN before anything was traded in the session, and in all of a session whose 00:00 lies
        before the first bar. [quote currency, at par with USD] (T, N)

    Raises:
        ValueError: One is no panel or of another shape.

    Source:
        S. A. Berkowitz, D. E. Logue and E. A. Noser, "The Total Cost of Transactions on the
        NYSE", Journal of Finance 43 (1988), section I; with bars in place of trades.
    """
    highs, lows, closes, traded = checked(high=high, low=low, close=close, traded_usd=traded_usd)
    with np.errstate(all="ignore"):
        typical = (highs + lows + closes) / 3
        quantity = ratio(traded, typical)
    known = is_known(quantity) & (quantity >= 0)
    money = since_midnight(times, np.where(known, traded, 0.0))
    average = ratio(money, since_midnight(times, np.where(known, quantity, 0.0)))
    return np.where(known, average, np.nan)


def since_midnight(times: NDArray[np.datetime64], values: Floats) -> Floats:
    """Return the sum of *values* since 00:00 UTC, the bar included.

    Args:
        times: Start of each bar, UTC, rising. (T,)
        values: (T, N)

    Returns:
        NaN in all of a session whose 00:00 lies before the first bar. (T, N)
    """
    sums = np.full(values.shape, np.nan)
    days = times.astype("datetime64[D]")
    for run in np.split(np.arange(len(times)), np.flatnonzero(days[1:] != days[:-1]) + 1):
        if len(run) and times[run[0]] == days[run[0]]:
            sums[run] = np.cumsum(values[run], axis=0)
    return sums
