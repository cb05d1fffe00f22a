"""Flow: what was bought and sold on the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import talib
from numpy.typing import ArrayLike

from analytics.indicators.arrays import Floats, Places, checked, is_known, on_known, ratio


def obv(close: ArrayLike, volume: ArrayLike) -> Floats:
    """Return on-balance volume: all volume of rising bars less that of falling ones.

    Begins, at a column's first known bar, with that bar's volume; what counts is how
    it moves, not its level. A bar counts where both are known. Gaps: in order.

    Args:
        close: Prices of any sign. [quote currency] (T, N)
        volume: Traded within the bar, volume_usd as a rule. [any unit] (T, N)

    Returns:
        [the unit of *volume*] (T, N)

    Raises:
        ValueError: One is no panel or of another shape.

    Source:
        J. E. Granville, "New Key to Stock Market Profits", Prentice-Hall 1963.
    """
    panels = checked(close=close, volume=volume)

    def balance(known: list[Floats], _: Places) -> Sequence[Floats]:
        prices, volumes = known
        return (talib.OBV(prices, volumes),)

    return on_known(balance, panels, cells=1)[0]


def cvd_usd(taker_buy_usd: ArrayLike, taker_sell_usd: ArrayLike) -> Floats:
    """Return the cumulative volume delta: what takers bought less what they sold so far.

    Runs from the panel's first row, which is its stated start. Gaps: in order; what
    was traded in a gap is not known and not made up, so the sum goes on as it stood.

    Args:
        taker_buy_usd: Within the bar. [USD] (T, N)
        taker_sell_usd: [USD] (T, N)

    Returns:
        NaN in rows where either flow is absent. [USD] (T, N)

    Raises:
        ValueError: One is no panel or of another shape.
    """
    bought, sold = checked(taker_buy_usd=taker_buy_usd, taker_sell_usd=taker_sell_usd)
    with np.errstate(all="ignore"):
        net = bought - sold
    known = is_known(net)
    return np.where(known, np.cumsum(np.where(known, net, 0.0), axis=0), np.nan)


def taker_imbalance_pct(taker_buy_usd: ArrayLike, taker_sell_usd: ArrayLike) -> Floats:
    """Return by how much takers bought more than they sold, in percent of both.

    Gaps: by the clock, row by row.

    Args:
        taker_buy_usd: Within the bar. [USD] (T, N)
        taker_sell_usd: [USD] (T, N)

    Returns:
        (buy - sell) / (buy + sell) x 100, from -100 to 100; NaN where either flow is
        absent or nothing was traded. [%] (T, N)

    Raises:
        ValueError: One is no panel or of another shape.
    """
    bought, sold = checked(taker_buy_usd=taker_buy_usd, taker_sell_usd=taker_sell_usd)
    with np.errstate(all="ignore"):
        return ratio(bought - sold, bought + sold, 100)


def cvd_oi_pct(cvd: ArrayLike, oi_usd: ArrayLike) -> Floats:
    """Return the cumulative volume delta in percent of open interest, to compare pairs by.

    Gaps: by the clock, row by row.

    Args:
        cvd: As ``cvd_usd`` gives it. [USD] (T, N)
        oi_usd: Of the same bars. [USD] (T, N)

    Returns:
        NaN where open interest is absent or 0. [%] (T, N)

    Raises:
        ValueError: One is no panel or of another shape.
    """
    flow, interest = checked(cvd=cvd, oi_usd=oi_usd)
    return ratio(flow, interest, 100)
