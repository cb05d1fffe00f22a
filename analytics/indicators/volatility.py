"""Volatility: how far a price moves, whichever way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import talib
from numpy.typing import ArrayLike

from analytics.indicators.arrays import Floats, Places, check_length, checked, on_known
from analytics.indicators.change import log_returns
from analytics.indicators.windows import blank_beginnings, moments


def volatility_pct(close: ArrayLike, window: int = 20, *, bars_per_year: float) -> Floats:
    """Return realised volatility: the standard deviation of returns, annualised.

    Gaps: returns by the clock, since one over a gap is of a longer span and would
    read as a storm; then the window takes the known returns in order.

    Args:
        close: Prices; what is not above 0 is absent. [quote currency] (T, N)
        window: Returns per estimate, the current bar's the last. [bars]
        bars_per_year: As ``Panel.bars_per_year`` has it: 365 x 24 of hourly bars.

    Returns:
        Sample standard deviation of log returns x sqrt(bars_per_year); 0 of a price
        that stands still. [% per square root of a year] (T, N)

    Raises:
        ValueError: *close* is no panel, *window* not from 2 to 100,000, or
            *bars_per_year* not above 0.

    Source:
        J. C. Hull, "Options, Futures, and Other Derivatives", chapter on the
        Black-Scholes-Merton model, "Estimating volatility from historical data".
    """
    (panel,) = checked(close=close)
    check_length("window", window)
    if not 0 < bars_per_year < np.inf:
        raise ValueError(f"bars_per_year must be a number above 0, not {bars_per_year}")

    def deviation(known: list[Floats], begins: Places) -> Sequence[Floats]:
        result = np.full(known[0].shape, np.nan)
        for ends, _, spread in moments(known[0], window):
            result[ends] = 100 * np.sqrt(spread * (bars_per_year / (window - 1)))
        blank_beginnings(result, begins, window - 1)
        return (result,)

    return on_known(deviation, [log_returns(panel)])[0]


def atr(high: ArrayLike, low: ArrayLike, close: ArrayLike, period: int = 14) -> Floats:
    """Return Wilder's average true range.

    A bar's true range reaches from its low to its high, and to the close before
    it where that lies outside. The average begins as the mean of the first
    *period* and is then smoothed by 1 / *period*. A bar counts where all three
    prices are known. Gaps: in order.

    Args:
        high: Of each bar, any sign. [quote currency] (T, N)
        low: [quote currency] (T, N)
        close: [quote currency] (T, N)
        period: True ranges in the first average; one more bar is needed. [bars]

    Returns:
        0 of a price that stands still. [quote currency] (T, N)

    Raises:
        ValueError: One is no panel or of another shape, or *period* not from 2 to 100,000.

    Source:
        J. W. Wilder, "New Concepts in Technical Trading Systems", 1978, section III.
    """
    panels = checked(high=high, low=low, close=close)
    check_length("period", period)

    def average(known: list[Floats], _: Places) -> Sequence[Floats]:
        highs, lows, closes = known
        return (talib.ATR(highs, lows, closes, period),)

    return on_known(average, panels, cells=1)[0]
