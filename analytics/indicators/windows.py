"""Windows that roll over values laid end to end: moments and medians.

Both are computed anew for each window, from its values alone. Running sums would
be cheaper, but they carry the rounding of everything that went before: a single
outlier, or a price far from zero, would be felt long after its window is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from analytics.indicators.arrays import CACHED, Floats, Places

_SORTED_PER_BATCH: Final = 65_536
"""Values of windows that are sorted together, so that they stay in a core's cache."""


class Windows(NamedTuple):
    """Moments of all windows of one length within some values."""

    size: int
    """How many values a window holds."""
    mean: Floats
    spread: Floats | None
    """The sum of squared differences from each window's mean; None stands for zeros."""


def moments(values: Floats, window: int) -> Iterator[tuple[slice, Floats, Floats]]:
    """Yield, a part of *values* at a time, where windows end and their two moments.

    Yields:
        The places of the windows' last values, their means, and their sums of
        squared differences from the mean, exactly 0 where all values are equal.
        The arrays may be written to.

    Source:
        T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise
        algorithm for computing sample variances", COMPSTAT 1982, pp. 30-41.
    """
    for first in range(0, len(values) - window + 1, CACHED):
        part = values[first : first + CACHED + window - 1]
        _, mean, spread = _windows(part, window)
        ends = slice(first + window - 1, first + len(part))
        yield ends, mean, np.zeros_like(mean) if spread is None else spread


def medians(values: Floats, window: int) -> Iterator[tuple[slice, Floats, Floats]]:
    """Yield, a part of *values* at a time, where windows end, their medians and their MADs.

    The MAD is the median of a window's absolute differences from its median.
    """
    step = max(_SORTED_PER_BATCH // window, 1)
    low, high = (window - 1) // 2, window // 2
    for first in range(0, len(values) - window + 1, step):
        part = values[first : first + step + window - 1]
        ordered = np.sort(sliding_window_view(part, window), axis=1)
        median = (ordered[:, low] + ordered[:, high]) / 2
        ordered -= median[:, None]
        np.abs(ordered, out=ordered)
        ordered.sort(axis=1)
        yield (
            slice(first + window - 1, first + len(part)),
            median,
            (ordered[:, low] + ordered[:, high]) / 2,
        )


def blank_beginnings(values: Floats, begins: Places, count: int) -> None:
    """Make the first *count* values of each stretch of *values* NaN."""
    places = begins[:-1, None] + np.arange(count)
    values[places[places < begins[1:, None]]] = np.nan


def _windows(values: Floats, window: int) -> Windows:
    """Return the moments of all windows: twice as long ones, then what doubling left over."""
    size, total, spread = 1, values, None
    rest: list[Windows] = []
    while size * 2 <= window:
        if window & size:
            rest.append(Windows(size, total / size, spread))
        total, spread = _doubled(size, total, spread)
        size *= 2
    whole = Windows(size, total / size, spread)
    for part in reversed(rest):
        whole = _joined(whole, part)
    return whole


def _doubled(size: int, total: Floats, spread: Floats | None) -> tuple[Floats, Floats]:
    """Return sum and spread of the windows that are one of *size* and the one that follows it.

    Sizes are powers of two, so a sum is its mean but for the exponent: the same rounding.
    """
    places = len(total) - size
    before, after = total[:places], total[size:]
    between = after - before
    between *= between
    between *= 1 / (2 * size)
    if spread is not None:
        between += spread[:places]
        between += spread[size:]
    return before + after, between


def _joined(left: Windows, right: Windows) -> Windows:
    """Return the windows that are one of *left* with the one of *right* that follows it.

    The mean starts from the left one and moves by their difference, not from their
    sum, whose rounding would make a constant look as if it varied.
    """
    size = left.size + right.size
    places = len(right.mean) - left.size
    before = left.mean[:places]
    spread = right.mean[left.size :] - before
    mean = spread * (right.size / size)
    mean += before
    spread *= spread
    spread *= left.size * right.size / size
    if left.spread is not None:
        spread += left.spread[:places]
    if right.spread is not None:
        spread += right.spread[left.size :]
    return Windows(size, mean, spread)
