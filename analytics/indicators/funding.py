"""Funding and premium: what holding a perpetual costs, and how far it stands from its index."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.indicators.arrays import Floats, is_known, ratio

_HOURS_PER_YEAR: Final = 365 * 24
_MS_PER_HOUR: Final = 3_600_000


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


def premium_pct(price: ArrayLike, index: ArrayLike) -> Floats:
    """Return how far a price stands above its index: of the mark it is the basis.

    Gaps: by the clock, row by row.

    Args:
        price: mark, or close. [quote currency] (T, N)
        index: The venue's index price. [quote currency] (T, N)

    Returns:
        (price / index - 1) x 100; NaN where either is not above 0. [%] (T, N)
    """
    return _premium(price, index, 100)


def premium_apr_pct(price: ArrayLike, index: ArrayLike) -> Floats:
    """Return the premium as a yearly rate: what it would cost a long if it stood still.

    A perpetual never expires, so there is no term to annualise over; but most venues
    charge the premium once in 8 hours, whatever interval they pay in. This leaves
    out their interest part and caps: funding_apr_pct is what is paid.
    Gaps: by the clock, row by row.

    Args:
        price: mark, or close. [quote currency] (T, N)
        index: The venue's index price. [quote currency] (T, N)

    Returns:
        premium_pct x 8760 / 8. [% per year] (T, N)
    """
    return _premium(price, index, 100 * _HOURS_PER_YEAR / 8)


def hours_to_funding(times: NDArray[np.datetime64], interval_h: ArrayLike) -> Floats:
    """Return how long each bar's start is before the next payment.

    Venues pay at midnight UTC and every interval from there, which holds for
    intervals that divide a day.

    Args:
        times: Start of each row's bar, UTC. (T,)
        interval_h: funding_interval_h, by bar or one per instrument. [h] (T, N) or (N,)

    Returns:
        Above 0, and the whole interval at a payment; NaN where the interval is absent
        or not above 0. [h] (T, N)

    Raises:
        ValueError: *interval_h* fits no panel of these rows.
    """
    interval = np.asarray(interval_h, np.float64)
    if interval.ndim == 2 and len(interval) != len(times):
        raise ValueError(f"interval_h has {len(interval)} rows where times has {len(times)}")
    if interval.ndim not in {1, 2}:
        raise ValueError(f"interval_h has the shape {interval.shape}; it is by bar or instrument")
    started = times.astype("datetime64[ms]").astype(np.int64)[:, None]
    with np.errstate(all="ignore"):
        length = np.where((interval > 0) & is_known(interval), interval, np.nan) * _MS_PER_HOUR
        left: Floats = (length - np.mod(started, length)) / _MS_PER_HOUR
    return left


def _rebased(rate: ArrayLike, interval_h: ArrayLike, hours: float) -> Floats:
    """Return a rate per interval as a rate per *hours*, in percent."""
    rates, intervals = np.asarray(rate, np.float64), np.asarray(interval_h, np.float64)
    return ratio(rates, intervals, 100 * hours)


def _premium(price: ArrayLike, index: ArrayLike, scale: float) -> Floats:
    """Return *scale* times what *price* has above *index*, as a part of *index*."""
    perpetual, spot = np.asarray(price, np.float64), np.asarray(index, np.float64)
    with np.errstate(all="ignore"):
        above = np.where(perpetual > 0, perpetual - spot, np.nan)
    return ratio(above, spot, scale)
