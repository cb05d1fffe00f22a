"""What people call the columns of a snapshot and of a bar."""

from __future__ import annotations

from typing import Final

TITLES: Final = {
    "snapshots": "Rows",
    "price": "Price",
    "price_24h_ago": "Price 24 h ago",
    "mark": "Mark price",
    "index": "Index price",
    "bid": "Best bid",
    "ask": "Best ask",
    "volume_usd": "Volume",
    "volume_24h_usd": "Volume 24 h",
    "oi_raw": "Open interest, as counted",
    "oi_venue_usd": "Open interest, venue's USD",
    "oi_base": "Open interest, coins",
    "oi_usd": "Open interest, USD",
    "funding_rate": "Funding rate",
    "funding_interval_h": "Funding interval",
    "next_funding_ts": "Next funding",
    "ls_accounts": "Long/short, accounts",
    "ls_top_accounts": "Long/short, top accounts",
    "ls_top_positions": "Long/short, top positions",
    "book_imbalance": "Book imbalance",
    "spread_bps": "Spread",
    "taker_buy_usd": "Taker buys",
    "taker_sell_usd": "Taker sells",
    "liq_long_usd": "Longs liquidated",
    "liq_short_usd": "Shorts liquidated",
}


def title(column: str) -> str:
    """Return what people call *column*; one without a name of its own is called as it is."""
    return TITLES.get(column, column.replace("_", " "))
