"""What an order book says: its spread, and which side is deeper near the middle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from collector.venues.json_reading import NONSENSE, number
from collector.venues.venue import Fields

REACH_BPS = 25.0
"""How far from mid an order still counts. [basis points]"""


def book_fields(bids: Sequence[Any], asks: Sequence[Any]) -> Fields:
    """Return ``book_imbalance`` and ``spread_bps`` of levels ``[price, size, ...]``, best first.

    Sizes are summed as the venue counts them, coins or contracts: the ratio has no
    unit. Where the levels returned end before 25 bps, as they do on the tightest
    markets, the imbalance is of what was returned. A book without one of its sides
    has no mid and gives nothing. A crossed book gives a spread of 0 or below, which
    validation knows as such.
    """
    if not bids or not asks:
        return {}
    bid, ask = _price(bids[0]), _price(asks[0])
    if bid is None or ask is None or not (bid > 0 and ask > 0):
        return {"book_imbalance": NONSENSE, "spread_bps": NONSENSE}
    mid = (bid + ask) / 2
    reach = mid * REACH_BPS / 10_000
    bid_depth = _depth(bids, mid - reach, math.inf)
    ask_depth = _depth(asks, 0.0, mid + reach)
    depth = bid_depth + ask_depth
    return {
        "book_imbalance": (bid_depth - ask_depth) / depth if depth != 0 else None,
        "spread_bps": (ask - bid) / mid * 10_000,
    }


def _price(level: Any) -> float | None:
    return number(level[0]) if isinstance(level, list) and len(level) >= 2 else NONSENSE


def _depth(levels: Sequence[Any], low: float, high: float) -> float:
    """Return the size between *low* and *high*; NaN if a level there cannot be read."""
    total = 0.0
    try:
        for level in levels:
            if not low <= float(level[0]) <= high:
                break
            total += float(level[1])
    except (TypeError, ValueError, LookupError):
        return NONSENSE
    return total
