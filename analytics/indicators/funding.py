"""Funding and premium: what holding a perpetual costs, and how far it stands from its index."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from analytics.indicators.arrays import Floats, ratio

_HOURS_PER_YEAR: Final = 365 * 24


def funding_8h_pct(funding_rate: ArrayLike, interval_h: ArrayLike) -> Floats:
    """Return funding rebased to 8 hours, so that venues compare whatever their interval.

    Gaps: by the clock, row by row.

    Args:
        funding_rate: Positive: longs pay shorts. [ratio per interval] (T, N)
        interval_h: funding_interval_h; NaN where it is absent or not above 0. [h] (T, N)

    Returns:
        funding_rate x 8 / interval x 100. [% per 8 h] (T, N)
    """
    return _rebased(funding_rate, interval_h, 8)


def funding_apr_pct(funding_rate: ArrayLike, interval_h: ArrayLike) -> Floats:
    """Return what funding would cost a long in a year at this rate, without compounding.

    Gaps: by the clock, row by row.

    Args:
        funding_rate: Positive: longs pay shorts. [ratio per interval] (T, N)
        interval_h: funding_interval_h; NaN where it is absent or not above 0. [h] (T, N)

    Returns:
        funding_rate x 8760 / interval x 100. [% per year] (T, N)
    """
    return _rebased(funding_rate, interval_h, _HOURS_PER_YEAR)


def carried(values: ArrayLike) -> Floats:
    """Return the last value known before each row that has none; NaN where one is known.

    A venue's rate runs until the next one, so that the last one heard is the best guess of one
    that was not recorded. It stays apart from what is known, and no later row is looked at.

    Args:
        values: NaN where nothing is known. (T,)

    Returns:
        The guesses alone; NaN before the first known value. (T,)
    """
    line = np.asarray(values, np.float64)
    known = np.isfinite(line)
    last = np.maximum.accumulate(np.where(known, np.arange(len(line)), -1))
    return np.where(known | (last < 0), np.nan, line[last])


def premium_pct(price: ArrayLike, index: ArrayLike) -> Floats:
    """Return how far a price stands above its index: of the mark it is the basis.

    Gaps: by the clock, row by row.

    Args:
        price: mark, or close. [quote currency] (T, N)
        index: The venue's index price. [quote currency] (T, N)

    Returns:
        (price / index - 1) x 100; NaN where either is not above 0. [%] (T, N)
    """
    perpetual, spot = np.asarray(price, np.float64), np.asarray(index, np.float64)
    with np.errstate(all="ignore"):
        above = np.where(perpetual > 0, perpetual - spot, np.nan)
    return ratio(above, spot, 100)


def _rebased(rate: ArrayLike, interval_h: ArrayLike, hours: float) -> Floats:
    """Return a rate per interval as a rate per *hours*, in percent."""
    rates, intervals = np.asarray(rate, np.float64), np.asarray(interval_h, np.float64)
    return ratio(rates, intervals, 100 * hours)
