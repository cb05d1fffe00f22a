"""Which values are old: each by its own time, and by how often it comes."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pandas as pd

from analytics import formats
from analytics.market.figures import OLD_CYCLES, stale
from dashboard.state import Moment

LS_EVERY: Final = timedelta(minutes=5)
"""How often venues publish long/short ratios."""

BARS_EVERY: Final = timedelta(minutes=5)
"""How often bars are over, and with them what is made of them."""

TIMES: Final = {
    "price": "price_ts",
    "price_24h_pct": "price_ts",
    "oi_usd": "oi_usd_ts",
    "price_delta_pct": "price_ts",
    "oi_delta_pct": "oi_usd_ts",
    "funding_8h_pct": "funding_ts",
    "funding_delta_pp": "funding_ts",
    "ls_accounts": "ls_ts",
    "ls_delta_pct": "ls_ts",
    "book_imbalance_pct": "book_imbalance_ts",
    "volume_24h_usd": "volume_24h_usd_ts",
    "age_s": "received_ts",
}
"""The time that each column's age counts from. A ratio's is the mark it was published for."""


def old(name: str, pairs: pd.DataFrame, shown: Moment) -> pd.Series[bool]:
    """Return of which *pairs* the value called *name* is old."""
    return stale(pairs[TIMES[name]], shown.now, _every(name, shown))


def limit(name: str, shown: Moment) -> str:
    """Write the age from which on the value called *name* is old: ``2 cycles``, ``10 min``."""
    if name.startswith("ls_"):
        return formats.span(OLD_CYCLES * _every(name, shown))
    return f"{OLD_CYCLES} cycles"


def _every(name: str, shown: Moment) -> timedelta:
    """Return the time between two values; nothing comes more often than the cycles."""
    return max(LS_EVERY, shown.cycle) if name.startswith("ls_") else shown.cycle
