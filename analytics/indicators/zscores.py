"""Z-scores: how unusual a value is beside those before it.

In all of them the current bar is compared with the bars before it and is not among
them: else a single jump among 20 bars could never exceed z = (20 - 1) / sqrt(20) = 4.25.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from analytics.indicators.arrays import Floats, Places, check_length, checked, on_known
from analytics.indicators.windows import blank_beginnings, medians, moments


def z_score(values: ArrayLike, window: int = 20) -> Floats:
    """Return how many standard deviations *values* lie from the mean of the bars before.

    z_oi is this of oi_delta_pct. Gaps: in order, so a window may reach across a gap.

    Args:
        values: Any metric; a change rather than a level, which drifts. (T, N)
        window: Known bars before the current one; absent until there are that many. [bars]

    Returns:
        (x - mean) / sample standard deviation; NaN where the window's values are all
        equal. (T, N)

    Raises:
        ValueError: *values* is no panel, or *window* not from 2 to 100,000.
    """
    (panel,) = checked(values=values)
    check_length("window", window)

    def scores(known: list[Floats], begins: Places) -> Sequence[Floats]:
        return (_scores(known[0], begins, window),)

    return on_known(scores, [panel])[0]


def z_robust(values: ArrayLike, window: int = 20) -> Floats:
    """Return the z-score from median and MAD, which a few outliers do not move.

    Gaps: in order, so a window may reach across a gap.

    Args:
        values: Any metric. (T, N)
        window: Known bars before the current one; absent until there are that many. [bars]

    Returns:
        (x - median) / (1.4826 MAD), which is the z-score's scale for normal values;
        NaN where more than half of the window's values are equal: their MAD is 0. (T, N)

    Raises:
        ValueError: *values* is no panel, or *window* not from 2 to 100,000.

    Source:
        B. Iglewicz, D. C. Hoaglin, "How to Detect and Handle Outliers", ASQC Basic
        References in Quality Control 16, 1993; 1 / 1.4826 is their 0.6745.
    """
    (panel,) = checked(values=values)
    check_length("window", window)

    def scores(known: list[Floats], begins: Places) -> Sequence[Floats]:
        (flat,) = known
        result = np.full(flat.shape, np.nan)
        for ends, median, mad in medians(flat[:-1], window):
            current = slice(ends.start + 1, ends.stop + 1)
            mad[mad == 0] = np.nan
            result[current] = (flat[current] - median) / (1.4826 * mad)
        blank_beginnings(result, begins, window)
        return (result,)

    return on_known(scores, [panel])[0]


def _scores(flat: Floats, begins: Places, window: int) -> Floats:
    """Return the z-score of each value among the *window* before it in its stretch."""
    result = np.empty(flat.shape)
    result[:window] = np.nan
    for ends, mean, spread in moments(flat[:-1], window):
        current = slice(ends.start + 1, ends.stop + 1)
        spread[spread == 0] = np.nan
        spread *= 1 / (window - 1)
        np.sqrt(spread, out=spread)
        np.subtract(flat[current], mean, out=mean)
        np.divide(mean, spread, out=result[current])
    blank_beginnings(result, begins, window)
    return result
