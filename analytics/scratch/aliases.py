"""What exchanges, libraries and other recorders call the quantities of GLOSSARY.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from analytics.scratch.preview import Meaning

UNITS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("price", "open", "high", "low", "close", "mark", "index", "bid", "ask"),
            ("quote currency",),
        ),
        "volume_usd": ("USD", "coins", "contracts"),
        "volume_24h_usd": ("USD", "coins", "contracts"),
        "oi_usd": ("USD",),
        "oi_base": ("coins", "contracts", "USD"),
        "funding_rate": ("ratio", "%", "basis points"),
        "funding_interval_h": ("hours",),
        **dict.fromkeys(
            ("ls_accounts", "ls_top_accounts", "ls_top_positions"),
            ("ratio", "share of longs", "% longs"),
        ),
        "book_imbalance": ("-1 to 1", "%"),
        "spread_bps": ("basis points", "%"),
        **dict.fromkeys(
            ("taker_buy_usd", "taker_sell_usd", "liq_long_usd", "liq_short_usd"),
            ("USD", "coins", "contracts"),
        ),
        "time": ("date and time", "s", "ms", "us", "ns"),
        "symbol": ("name",),
        "venue": ("name",),
    }
)
"""What a column can be taken for, and the units that it may then be in."""

_NAMES: Final = {
    "time": (
        "time timestamp ts date datetime received_ts open_time create_time calc_time event_time "
        "close_time funding_time funding_rate_timestamp t unix unix_time epoch time_ms "
        "timestamp_ms local_timestamp venue_ts start_time start opened_at recorded_at created_at"
    ),
    "symbol": "symbol pair instrument market ticker coin asset inst_id contract product name base",
    "venue": "venue exchange ex market_name",
    "price": "price last last_price px mid_price mid last_px trade_price",
    "open": "open o open_price",
    "high": "high h high_price",
    "low": "low l low_price",
    "close": "close c close_price adj_close",
    "mark": "mark mark_price mark_px",
    "index": "index index_price oracle_price oracle_px index_px",
    "bid": "bid best_bid bid_price bid1_price bid_px",
    "ask": "ask best_ask ask_price ask1_price ask_px",
    "volume_usd": "volume vol v base_volume amount contracts_volume",
    "volume_24h_usd": "volume_24h vol_24h volume24h vol24h base_volume_24h",
    "oi_base": "open_interest oi sum_open_interest open_interest_contracts oi_raw",
    "funding_rate": "funding_rate funding last_funding_rate current_funding_rate fr",
    "funding_interval_h": "funding_interval_h funding_interval_hours funding_interval",
    "ls_accounts": (
        "ls_accounts long_short_ratio ls_ratio count_long_short_ratio global_ls global_ls_5m "
        "long_short_account_ratio global_long_short_account_ratio lsr"
    ),
    "ls_top_accounts": (
        "ls_top_accounts top_ls_accounts count_toptrader_long_short_ratio "
        "top_long_short_account_ratio toptrader_long_short_account_ratio"
    ),
    "ls_top_positions": (
        "ls_top_positions top_ls_positions sum_toptrader_long_short_ratio "
        "top_long_short_position_ratio toptrader_long_short_position_ratio"
    ),
    "book_imbalance": "book_imbalance imbalance obi order_book_imbalance depth_imbalance",
    "taker_buy_usd": "taker_buy taker_buy_volume buy_volume buy_vol taker_buy_base_volume",
    "taker_sell_usd": "taker_sell taker_sell_volume sell_volume sell_vol",
    "liq_long_usd": "liq_long long_liquidations liquidations_long long_liquidation_volume",
    "liq_short_usd": "liq_short short_liquidations liquidations_short short_liquidation_volume",
}
"""Names whose unit is open, or is the only one."""

_WITH_UNIT: Final = {
    ("volume_usd", "USD"): (
        "volume_usd quote_volume quote_asset_volume turnover vol_quote volume_quote quote_vol "
        "volume_usdt amount_usd"
    ),
    ("volume_usd", "coins"): "volume_base volume_coins",
    ("volume_24h_usd", "USD"): (
        "volume_24h_usd turnover_24h turnover24h quote_volume_24h day_ntl_vlm vol_24h_usd"
    ),
    ("oi_usd", "USD"): (
        "oi_usd open_interest_usd sum_open_interest_value open_interest_value oi_value "
        "oi_notional oi_abs_usd open_interest_usdt"
    ),
    ("oi_base", "coins"): "oi_base oi_coins open_interest_base open_interest_coins oi_ccy",
    ("oi_base", "contracts"): "oi_contracts",
    ("funding_rate", "%"): "funding_rate_pct funding_pct funding_percent funding_rate_percent",
    ("funding_rate", "basis points"): "funding_bps funding_rate_bps",
    ("ls_accounts", "share of longs"): "long_account long_accounts",
    ("ls_accounts", "% longs"): "long_account_pct long_pct",
    ("book_imbalance", "%"): "book_imbalance_pct imbalance_pct",
    ("spread_bps", "basis points"): "spread_bps",
    ("taker_buy_usd", "USD"): "taker_buy_usd taker_buy_quote_volume buy_volume_usd",
    ("taker_sell_usd", "USD"): "taker_sell_usd taker_sell_quote_volume sell_volume_usd",
    ("liq_long_usd", "USD"): "liq_long_usd long_liquidations_usd",
    ("liq_short_usd", "USD"): "liq_short_usd short_liquidations_usd",
}
"""Names that say their unit."""


def _meaning(quantity: str) -> Meaning:
    units = UNITS[quantity]
    # Two names for one thing: the second unit has to be asked for, or told by the values.
    return Meaning(quantity, units[0] if len(units) == 1 else None)


ALIASES: Final[Mapping[str, Meaning]] = MappingProxyType(
    {name: _meaning(quantity) for quantity, names in _NAMES.items() for name in names.split()}
    | {
        name: Meaning(quantity, unit)
        for (quantity, unit), names in _WITH_UNIT.items()
        for name in names.split()
    }
)
"""What each name means, written as `plain` writes it."""


def plain(name: str) -> str:
    """Return *name* in small letters, ``sumOpenInterest`` as ``sum_open_interest``."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")
