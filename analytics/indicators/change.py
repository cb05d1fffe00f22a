"""Change: how far a metric came in a stated number of bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from analytics.indicators.arrays import Floats, check_length, checked, is_known, ratio


def delta(values: ArrayLike, bars: int = 1) -> Floats:
    """Return how much *values* rose in *bars* bars, for metrics of any sign.

    Gaps: by the clock.

    Args:
        values: Any metric. (T, N)
        bars: How far back the comparison is. [bars]

    Returns:
        x_t - x_{t-bars}. [the metric's unit] (T, N)

    Raises:
        ValueError: *values* is no panel, or *bars* not from 1 to 100,000.
    """
    (panel,) = checked(values=values)
    with np.errstate(all="ignore"):
        change = panel - _before(panel, bars)
    return np.where(is_known(change), change, np.nan)


def delta_pct(values: ArrayLike, bars: int = 1) -> Floats:
    """Return how much *values* rose in *bars* bars, in percent of what they were.

    oi_delta_pct is this of oi_usd, ls_delta_pct of ls_accounts. Only of metrics
    that cannot be negative; a negative value, or a base of 0, gives NaN. Gaps: by
    the clock.

    Args:
        values: A price, an amount or a ratio. (T, N)
        bars: How far back the comparison is. [bars]

    Returns:
        (x_t - x_{t-bars}) / x_{t-bars} x 100. [%] (T, N)

    Raises:
        ValueError: *values* is no panel, or *bars* not from 1 to 100,000.
    """
    (panel,) = checked(values=values)
    before = _before(panel, bars)
    with np.errstate(all="ignore"):
        change = np.where(panel >= 0, panel - before, np.nan)
    return ratio(change, before, 100)


def log_returns(levels: Floats) -> Floats:
    """Return the logarithm of each row's growth over the row before.

    Args:
        levels: Price or open interest by bar. [any positive unit] (T, N)

    Returns:
        ln(x_t / x_{t-1}), as many rows as *levels*: the first is NaN, as is every
        row that lacks a positive level of its own or of the row before. [ratio] (T, N)
    """
    known = np.isfinite(levels) & (levels > 0)
    both = known[1:] & known[:-1]
    growth = np.full(both.shape, np.nan)
    with np.errstate(all="ignore"):
        np.divide(levels[1:] - levels[:-1], levels[:-1], out=growth, where=both)
    returns = np.full(levels.shape, np.nan)
    np.log1p(growth, out=returns[1:], where=np.isfinite(growth) & (growth > -1))
    return returns


def _before(panel: Floats, bars: int) -> Floats:
    """Return, in each row, the row *bars* bars before it."""
    check_length("bars", bars, 1)
    before = np.full_like(panel, np.nan)
    before[bars:] = panel[:-bars]
    return before
