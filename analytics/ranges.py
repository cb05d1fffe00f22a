"""What a value of a stored column can be, live and in files."""

from __future__ import annotations

import math

ABOVE_0 = math.ulp(0.0)
LARGEST = 1e15
"""The most that a price or an amount of USD can be."""
MAX_COINS = 1e21
"""The most coins, or contracts, that anything can count: of some there are over 1e17 in all."""

RANGES: dict[str, tuple[float, float]] = {
    "price": (ABOVE_0, LARGEST),
    "open": (ABOVE_0, LARGEST),
    "high": (ABOVE_0, LARGEST),
    "low": (ABOVE_0, LARGEST),
    "close": (ABOVE_0, LARGEST),
    "price_24h_ago": (ABOVE_0, LARGEST),
    "mark": (ABOVE_0, LARGEST),
    "index": (ABOVE_0, LARGEST),
    "bid": (ABOVE_0, LARGEST),
    "ask": (ABOVE_0, LARGEST),
    "volume_24h_usd": (0.0, LARGEST),
    "volume_usd": (0.0, LARGEST),
    "oi_raw": (0.0, MAX_COINS),
    "oi_base": (0.0, MAX_COINS),
    "oi_usd": (0.0, LARGEST),
    "oi_usd_open": (0.0, LARGEST),
    "oi_usd_high": (0.0, LARGEST),
    "oi_usd_low": (0.0, LARGEST),
    "oi_venue_usd": (0.0, LARGEST),
    "funding_rate": (-0.2, 0.2),
    "funding_interval_h": (1.0, 24.0),
    "ls_accounts": (ABOVE_0, 1000.0),
    "ls_top_accounts": (ABOVE_0, 1000.0),
    "ls_top_positions": (ABOVE_0, 1000.0),
    "book_imbalance": (-1.0, 1.0),
    "spread_bps": (-math.inf, 10_000.0),
    "taker_buy_usd": (0.0, LARGEST),
    "taker_sell_usd": (0.0, LARGEST),
    "liq_long_usd": (0.0, LARGEST),
    "liq_short_usd": (0.0, LARGEST),
}
"""The lowest and the highest that a column can be, live and in files: one table for both."""

RATIOS = ("ls_accounts", "ls_top_accounts", "ls_top_positions")
OPEN_INTEREST = ("oi_raw", "oi_base", "oi_usd", "oi_venue_usd")
