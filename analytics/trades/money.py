"""What fills cost and trades earn; of single trades and of arrays of them alike."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", float, NDArray[np.float64])


def fill_price(price: Number, direction: Number, slippage_bps: Number) -> Number:
    """Return the price of a market order.

    Args:
        price: Before slippage. [quote currency]
        direction: 1 buys, -1 sells.
        slippage_bps: [basis points]
    """
    return price * (1 + direction * slippage_bps / 10_000)


def price_pnl_usd(sign: Number, units: Number, entry: Number, price: Number) -> Number:
    """Return sign x units x (price - entry), without fees and funding. [USD]

    So it is of a linear contract. An inverse one pays units x entry x (1 / entry - 1 / price)
    coins, which are worth the same at *price*.
    """
    return sign * units * (price - entry)


def moved_pct(sign: Number, entry: Number, price: Number) -> Number:
    """Return how far the price went for a trade: sign x (price / entry - 1) x 100. [%]"""
    return 100 * sign * (price / entry - 1)
