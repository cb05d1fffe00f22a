"""Sums of an hour of 5-minute bars, and how unusual each is beside the hours of 7 days before it.

As ``liquidation_hours.sql`` has it for the newest hour; here it is of the hour up to the end of
each bar.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analytics.indicators.arrays import Floats

_HOUR: Final = 12
"""[bars]"""
_HOURS: Final = 7 * 24
"""Hours before that one is compared with."""
LEAST_HOURS: Final = 20
"""Known ones of these, of which there can be a median."""
BARS_NEEDED: Final = (_HOURS + 1) * _HOUR
"""That the z of one hour looks at, its own among them."""
_MAD: Final = 1.4826
LEAST_MAD: Final = 1e-6
"""Of the median. Hours that are alike to a millionth are the same: what is left between them is
rounding, of prices times amounts and of their sums, and any hour would be millions of it away."""


def hour_sums(usd: Floats, least_known: float) -> Floats:
    """Return the sum of the hour up to the end of each bar. [USD] (T, N)

    Args:
        usd: By 5-minute bar. [USD] (T, N)
        least_known: Part of an hour's bars that must be known, 0 to 1; with less it is NaN.
    """
    if len(usd) < _HOUR:
        return np.full(usd.shape, np.nan)
    known = np.isfinite(usd)
    sums = sliding_window_view(np.where(known, usd, 0.0), _HOUR, axis=0).sum(axis=-1)
    counts = sliding_window_view(known, _HOUR, axis=0).sum(axis=-1)
    hours = np.full(usd.shape, np.nan)
    hours[_HOUR - 1 :] = np.where(counts >= least_known * _HOUR, sums, np.nan)
    return hours


def z_of_hours(hours: Floats, last: int | None = None) -> Floats:
    """Return how many robust deviations each hour is from those of 7 days before it. (T, N)

    Args:
        hours: As :func:`hour_sums` returns them. (T, N)
        last: Only of that many rows; those before are NaN. None: of all.
    """
    z = np.full(hours.shape, np.nan)
    asked = np.arange(len(hours)) >= len(hours) - (len(hours) if last is None else last)
    for phase in range(min(_HOUR, len(hours))):
        line = hours[phase::_HOUR]
        before = np.vstack([np.full((_HOURS, line.shape[1]), np.nan), line])[:-1]
        windows = sliding_window_view(before, _HOURS, axis=0)
        wanted = np.isfinite(line) & asked[phase::_HOUR, None]
        past = windows[wanted]
        z[phase::_HOUR][wanted] = scores(line[wanted], past)
    return z


def scores(hours: Floats, before: Floats) -> Floats:
    """Return how many robust deviations each hour is from those of its row *before* it. (K,)

    NaN without ``LEAST_HOURS`` of these, or where their MAD is 0, or no more than rounding.

    Args:
        hours: [USD] (K,)
        before: [USD] (K, M)
    """
    median = _median(before)
    mad = _median(np.abs(before - median[:, None]))
    enough = (np.isfinite(before).sum(axis=1) >= LEAST_HOURS) & (mad > LEAST_MAD * median)
    score = np.full(len(before), np.nan)
    score[enough] = (hours - median)[enough] / (_MAD * mad[enough])
    return score


def _median(rows: Floats) -> Floats:
    """Return the median of the known of each row; NaN of none. (K, M) to (K,)"""
    known = np.isfinite(rows).sum(axis=1)
    found = np.full(len(rows), np.nan)
    whole = known == rows.shape[1]
    middle = [(rows.shape[1] - 1) // 2, rows.shape[1] // 2]
    # Most rows are whole, and need no order beyond their middle.
    found[whole] = np.partition(rows[whole], middle, axis=1)[:, middle].mean(axis=1)
    rest = ~whole & (known > 0)
    ordered = np.sort(rows[rest], axis=1)  # NaN comes last
    places = np.arange(len(ordered))
    low, high = (ordered[places, (known[rest] - 1 + odd) // 2] for odd in (0, 1))
    found[rest] = (low + high) / 2
    return found
