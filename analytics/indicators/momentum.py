"""Momentum: whether the rises or the falls of a price prevail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import talib
from numpy.typing import ArrayLike

from analytics.indicators.arrays import Floats, Places, check_length, checked, on_known


def rsi(close: ArrayLike, period: int = 14) -> Floats:
    """Return Wilder's relative strength index.

    With U and D the averages of rises and falls, each fall counted as positive:
    100 U / (U + D). The averages begin as means of the first *period* changes and
    are then smoothed by 1 / *period*, so every answer depends a little on all bars
    before: two panels that begin at different rows agree to 1 % after about 5
    periods. NaN where the price never moved. Gaps: in order.

    Args:
        close: Prices of any sign. [quote currency] (T, N)
        period: Changes in the first averages; one more bar is needed. [bars]

    Returns:
        Between 0 (only falls) and 100 (only rises). (T, N)

    Raises:
        ValueError: *close* is no panel, or *period* not from 2 to 100,000.

    Source:
        J. W. Wilder, "New Concepts in Technical Trading Systems", 1978, section VI.
    """
    (panel,) = checked(close=close)
    check_length("period", period)

    def strength(known: list[Floats], _: Places) -> Sequence[Floats]:
        index: Floats = talib.RSI(known[0], period)
        if not index.all():
            # TA-Lib says 0 both where there are only falls and where nothing moved,
            # but its CMO, from the same averages, is -100 there and 0 here.
            index[(index == 0) & (talib.CMO(known[0], period) == 0)] = np.nan
        return (index,)

    return on_known(strength, [panel], cells=1)[0]
