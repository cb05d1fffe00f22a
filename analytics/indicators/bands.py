"""Bands: the range in which a price usually is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analytics.indicators.arrays import Floats, Places, check_length, checked, on_known, ratio
from analytics.indicators.windows import blank_beginnings, moments


class Bollinger(NamedTuple):
    """Bollinger bands, each of shape (T, N)."""

    middle: Floats
    """Mean of the window. [quote currency]"""
    upper: Floats
    """[quote currency]"""
    lower: Floats
    """[quote currency]"""
    position: Floats
    """Where the price stands: 0 on the lower band, 1 on the upper; NaN where they meet. (%b)"""
    width_pct: Floats
    """From band to band, of the middle; NaN where the middle is not above 0. [%]"""


def bollinger(close: ArrayLike, window: int = 20, deviations: float = 2.0) -> Bollinger:
    """Return Bollinger bands: the mean of a window and so many standard deviations about it.

    The window ends with the current bar, and the deviation divides by *window*, as
    Bollinger has it. Not by TA-Lib's BBANDS, which subtracts the squared mean from
    the mean square and so keeps few digits of a quiet market's deviation. Gaps: in order.

    Args:
        close: [quote currency] (T, N)
        window: Bars in the mean; the first window - 1 known bars give NaN. [bars]
        deviations: Standard deviations from the middle to a band.

    Raises:
        ValueError: *close* is no panel, *window* not from 2 to 100,000, or
            *deviations* not above 0.

    Source:
        J. Bollinger, "Bollinger on Bollinger Bands", McGraw-Hill 2001.
    """
    (panel,) = checked(close=close)
    check_length("window", window)
    if not 0 < deviations < np.inf:
        raise ValueError(f"deviations must be a number above 0, not {deviations}")

    def bands(known: list[Floats], begins: Places) -> Sequence[Floats]:
        (prices,) = known
        middle, reach = (np.full(prices.shape, np.nan) for _ in range(2))
        for ends, mean, spread in moments(prices, window):
            middle[ends] = mean
            reach[ends] = deviations * np.sqrt(spread / window)
        blank_beginnings(middle, begins, window - 1)
        position = ratio(prices - middle + reach, 2 * reach)
        return middle, middle + reach, middle - reach, position, ratio(2 * reach, middle, 100)

    return Bollinger(*on_known(bands, [panel], answers=len(Bollinger._fields)))
