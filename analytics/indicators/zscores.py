"""Z-scores: how unusual a value is beside those before it.

In all of them the current bar is compared with the bars before it and is not among
them: else a single jump among 20 bars could never exceed z = (20 - 1) / sqrt(20) = 4.25.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.indicators.arrays import Floats, Places, check_length, checked, on_known
from analytics.indicators.funding import hours_to_funding
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


def z_seasonal(
    values: ArrayLike, times: NDArray[np.datetime64], interval_h: ArrayLike, window: int = 20
) -> Floats:
    """Return the z-score among bars as far from the next funding as the current one.

    Premium, flow and open interest swing with the funding period; this compares an
    hour before payment with hours before payment. Bars under another interval are
    other bars: where a venue changes it, the history begins anew. Gaps: in order,
    among the bars that are as far from funding.

    Args:
        values: Any metric. (T, N)
        times: Start of each row's bar, UTC. (T,)
        interval_h: funding_interval_h, by bar or one per instrument; where it is
            absent or not above 0 there is no answer. [h] (T, N) or (N,)
        window: Known such bars before the current one. [bars]

    Returns:
        As ``z_score``; absent until *window* funding periods are known. (T, N)

    Raises:
        ValueError: *values* is no panel, *times* or *interval_h* do not fit it, or
            *window* not from 2 to 100,000.
    """
    (panel,) = checked(values=values)
    check_length("window", window)
    hours = hours_to_funding(times, interval_h)
    if hours.shape != panel.shape:
        raise ValueError(f"times and interval_h make {hours.shape} where values is {panel.shape}")
    intervals = np.broadcast_to(np.asarray(interval_h, np.float64), panel.shape)

    def scores(known: list[Floats], begins: Places) -> Sequence[Floats]:
        column = np.repeat(np.arange(len(begins) - 1), np.diff(begins))
        season = (known[1], known[2], column)
        order = np.lexsort(season)  # keeps the order of time within a season
        new = np.logical_or.reduce([np.diff(key[order]) != 0 for key in season])
        seasons = np.concatenate(([0], np.flatnonzero(new) + 1, [len(order)]))
        result = np.empty(len(order))
        result[order] = _scores(known[0][order], seasons, window)
        return (result,)

    return on_known(scores, [panel, hours, intervals])[0]


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
