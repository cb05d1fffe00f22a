"""Every quantity of GLOSSARY.md: what it is called, its unit, and how it is written.

Columns of tables, cards, panes, measures, exports and sentences name a quantity of here, and add
only what is their own. GLOSSARY.md says what each one means; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from analytics.formats import KINDS, Kind, writer


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity."""

    name: str
    """As in GLOSSARY.md, and so of columns."""
    title: str
    kind: Kind
    unit: str
    """As GLOSSARY.md states it."""
    decimals: int | None = None
    """None for the kind's own."""
    brief: str | None = None
    """Where there is no room for the title."""
    ts: str | None = None
    """The column of ``pairs.sql`` or ``pair_quotes.sql`` that has its own time."""
    of: str | None = None
    """What it is a change of, or computed from over several bars."""
    least_bars: int = 1
    """Known bars of that before there is a value. [bars]"""
    neutral: float | None = None
    """What is neither much nor little; None for amounts."""
    change: Kind = "pct"
    """How far it came is in percent of it, or else a difference in its own unit."""

    @property
    def short(self) -> str:
        """Its name where there is little room."""
        return self.brief or self.title

    @property
    def mean_title(self) -> str:
        """Its title where it is a mean over pairs."""
        return f"{self.title}, OI-weighted"

    @property
    def digits(self) -> int:
        """Decimals that it is written with."""
        return KINDS[self.kind].digits if self.decimals is None else self.decimals

    @property
    def write(self) -> Callable[[Any], str]:
        """What writes a value for people, with its unit."""
        return writer(self.kind, self.decimals)

    @property
    def write_change(self) -> Callable[[Any], str]:
        """What writes how far it came, in percent or as a difference; see ``change``."""
        return writer(self.change, None if self.change == "pct" else self.digits)

    @property
    def heading_unit(self) -> str | None:
        """The unit for the header of a table; None of what has no name there, as a ratio's."""
        return None if KINDS[self.kind].unit is None else self.unit


_Q = Quantity
_QUOTE: Final = "quote currency"
_SD: Final = "standard deviations"
_PP: Final = "percentage points"

_ALL: Final = (
    # Prices
    _Q("price", "Price", "price", _QUOTE, ts="price_ts"),
    _Q("open", "Open", "price", _QUOTE),
    _Q("high", "High", "price", _QUOTE),
    _Q("low", "Low", "price", _QUOTE),
    _Q("close", "Close", "price", _QUOTE),
    _Q("price_24h_ago", "Price 24 h ago", "price", _QUOTE),
    _Q(
        "price_24h_pct", "Price 24 h", "pct", "%", brief="24 h", ts="price_ts", of="price",
        neutral=0.0,
    ),
    _Q(
        "price_delta_pct", "Price change", "pct", "%", brief="Price Δ", ts="price_ts", of="price",
        neutral=0.0,
    ),
    _Q("price_delta_s", "Price change over", "span", "s", brief="Price Δ over", of="price"),
    _Q("mark", "Mark price", "price", _QUOTE, brief="Mark"),
    _Q("index", "Index price", "price", _QUOTE, brief="Index"),
    _Q("bid", "Best bid", "price", _QUOTE),
    _Q("ask", "Best ask", "price", _QUOTE),
    _Q("spread_bps", "Spread", "bps", "basis points", ts="spread_bps_ts"),
    _Q("basis_pct", "Basis", "rate", "%", ts="basis_ts", neutral=0.0),
    _Q("last_premium_pct", "Premium of trades", "rate", "%", brief="Premium", neutral=0.0),
    _Q("bollinger_upper", "Upper band", "price", _QUOTE, of="close", least_bars=20),
    _Q("bollinger_middle", "Middle band", "price", _QUOTE, of="close", least_bars=20),
    _Q("bollinger_lower", "Lower band", "price", _QUOTE, of="close", least_bars=20),
    _Q("ema_20", "EMA 20", "price", _QUOTE, of="close", least_bars=20),
    _Q("ema_50", "EMA 50", "price", _QUOTE, of="close", least_bars=50),
    _Q("vwap", "VWAP", "price", _QUOTE, of="close"),
    _Q(
        "band_pct", "Place in band", "share", "%", 0, brief="In band", of="close", least_bars=20,
        neutral=50.0,
    ),
    _Q("rsi_14", "RSI", "index", "0 to 100", of="close", least_bars=15, neutral=50.0),
    _Q("atr_14", "ATR", "price", _QUOTE, of="close", least_bars=15),
    _Q(
        "volatility_pct", "Realised volatility", "share", "%", brief="Volatility", of="close",
        least_bars=21,
    ),
    _Q("breadth_pct", "Breadth 24 h", "share", "%", 0, change="points"),
    # Open interest
    _Q("oi_raw", "Open interest, as counted", "ratio", "instrument's `oi_unit`", 4),
    _Q("oi_unit", "Unit of open interest", "text", "word"),
    _Q("oi_base", "Open interest, coins", "coins", "base coins", brief="OI coins", ts="oi_usd_ts"),
    _Q("oi_usd", "Open interest", "usd", "USD", brief="OI", ts="oi_usd_ts"),
    _Q("oi_usd_open", "Open interest, open", "usd", "USD"),
    _Q("oi_usd_high", "Open interest, high", "usd", "USD"),
    _Q("oi_usd_low", "Open interest, low", "usd", "USD"),
    _Q("oi_venue_usd", "Open interest, venue's own", "usd", "USD"),
    _Q("venue_ratio", "Recomputed over the venue's own", "ratio", "ratio", 4),
    _Q(
        "oi_delta_pct", "OI change", "pct", "%", brief="OI Δ", ts="oi_usd_ts", of="oi_usd",
        least_bars=2, neutral=0.0,
    ),
    _Q(
        "oi_base_delta_pct", "OI change in coins", "pct", "%", brief="OI Δ coins", ts="oi_usd_ts",
        of="oi_base", least_bars=2, neutral=0.0,
    ),
    _Q(
        "oi_delta_usd", "OI change in USD", "usd_change", "USD", brief="OI Δ $", ts="oi_usd_ts",
        of="oi_usd", least_bars=2, neutral=0.0,
    ),
    _Q(
        "oi_base_delta", "OI change, coins", "coins_change", "base coins", brief="Coins Δ",
        ts="oi_usd_ts", of="oi_base", least_bars=2, neutral=0.0,
    ),
    _Q("oi_delta_s", "OI change over", "span", "s", brief="OI Δ over", of="oi_usd"),
    _Q(
        "oi_price_usd", "OI change by price", "usd_change", "USD", brief="OI by price",
        of="oi_usd", least_bars=2, neutral=0.0,
    ),
    _Q(
        "oi_contracts_usd", "OI change by contracts", "usd_change", "USD",
        brief="OI by contracts", of="oi_usd", least_bars=2, neutral=0.0,
    ),
    _Q("z_oi", "z of OI change", "score", _SD, brief="z", of="oi_usd", least_bars=22, neutral=0.0),
    _Q(
        "z_robust", "Robust z of OI change", "score", _SD, brief="Robust z", of="oi_usd",
        least_bars=22, neutral=0.0,
    ),
    _Q("confluence", "Confluence", "ratio", "0 to 1"),
    _Q("confluence_known", "Confluence, known", "count", "count"),
    _Q("global_oi_usd", "Open interest", "usd", "USD", brief="OI"),
    _Q("oi_volume_weighted_usd", "Volume-weighted OI", "usd", "USD", brief="Weighted OI"),
    _Q("covered_oi_pct", "Open interest covered", "share", "%", 1),
    _Q("compared", "Pairs compared", "count", "count"),
    _Q("venue_count", "Venues counted", "count", "count"),
    _Q("pair_count", "Pairs counted", "count", "count"),
    _Q("expected_pairs", "Pairs expected", "count", "count"),
    _Q("oi_pairs", "Pairs in open interest", "count", "count"),
    _Q("volume_pairs", "Pairs in volume", "count", "count"),
    _Q("funding_pairs", "Pairs in funding", "count", "count"),
    _Q("ls_pairs", "Pairs in long/short", "count", "count"),
    _Q("silent_venues", "Silent venues", "text", "words"),
    _Q("oi_share_pct", "Share of open interest", "share", "%", 1, brief="OI share", ts="oi_usd_ts"),
    _Q("oi_share_delta_pp", "Change of OI share", "points", _PP),
    _Q("z_oi_share", "z of OI share", "score", _SD, of="oi_share_pct", neutral=0.0),
    _Q("share_pct", "Share", "share", "%", 1),
    _Q("oi_days", "Open interest in days of volume", "ratio", "days"),
    _Q("oi_days_beside", "Open interest beside other venues", "ratio", "ratio"),
    # Funding
    _Q("funding_rate", "Funding rate", "ratio", "ratio per interval", 6),
    _Q("funding_settled", "Funding settled", "flag", "0 or 1"),
    _Q("funding_interval_h", "Funding interval", "hours", "hours"),
    _Q(
        "funding_8h_pct", "Funding 8 h", "rate", "% per 8 h", brief="Funding", ts="funding_ts",
        neutral=0.0, change="points",
    ),
    _Q(
        "funding_carried_8h_pct", "Funding 8 h, last known", "rate", "% per 8 h",
        of="funding_8h_pct", neutral=0.0,
    ),
    _Q(
        "funding_paid_8h_pct", "Funding 8 h, last paid", "rate", "% per 8 h",
        of="funding_8h_pct", neutral=0.0,
    ),
    _Q(
        "funding_8h_volume_pct", "Funding 8 h, by volume", "rate", "% per 8 h",
        brief="Funding, vol.", ts="funding_ts", neutral=0.0, change="points",
    ),
    _Q("funding_apr_pct", "Funding APR", "pct", "% per year", brief="APR", ts="funding_ts"),
    _Q(
        "funding_delta_pp", "Funding 8 h change", "points", _PP, 4, brief="Funding Δ",
        ts="funding_ts", of="funding_8h_pct", neutral=0.0,
    ),
    _Q("funding_delta_s", "Funding change over", "span", "s", of="funding_8h_pct"),
    _Q("funding_spread_pp", "Funding spread", "points", f"{_PP} per 8 h", 4),
    _Q("highest_venue", "Highest funding", "text", "venue"),
    _Q("lowest_venue", "Lowest funding", "text", "venue"),
    _Q("venue_spread_pp", "Spread between venues", "points", f"{_PP} per 8 h", 4, brief="Spread"),
    _Q(
        "venue_spread_apr_pct", "Spread between venues, APR", "points", f"{_PP} per year",
        brief="Spread APR",
    ),
    _Q("funding_excess_pct", "Funding above the venue's median", "rate", "% per 8 h"),
    # Long/short
    _Q(
        "ls_accounts", "Long/short", "ratio", "ratio", brief="L/S", ts="ls_ts", neutral=1.0,
        change="score",
    ),
    _Q("ls_top_accounts", "Long/short, top accounts", "ratio", "ratio", brief="Top accounts"),
    _Q("ls_top_positions", "Long/short, top positions", "ratio", "ratio", brief="Top positions"),
    _Q(
        "ls_delta_pct", "Long/short change", "pct", "%", brief="L/S Δ", ts="ls_ts",
        of="ls_accounts", least_bars=2, neutral=0.0,
    ),
    _Q("ls_delta_s", "Long/short change over", "span", "s", of="ls_accounts"),
    # Book, trades and liquidations
    _Q("book_imbalance", "Book imbalance, ratio", "score", "−1 to 1"),
    _Q(
        "book_imbalance_pct", "Book imbalance", "pct", "%", brief="Book", ts="book_imbalance_ts",
        neutral=0.0,
    ),
    _Q("volume_24h_usd", "Volume 24 h", "usd", "USD", brief="Vol 24 h", ts="volume_24h_usd_ts"),
    _Q("volume_delta_s", "Volume change over", "span", "s", of="volume_24h_usd"),
    _Q("volume_share_pct", "Share of volume", "share", "%", 1),
    _Q("volume_usd", "Candle volume", "usd", "USD"),
    _Q("traded_usd", "Volume", "usd", "USD"),
    _Q("taker_buy_usd", "Taker buys", "usd", "USD"),
    _Q("taker_sell_usd", "Taker sells", "usd", "USD"),
    _Q("taker_imbalance_pct", "Taker imbalance", "pct", "%", brief="Takers", neutral=0.0),
    _Q("cvd_usd", "CVD", "usd_change", "USD", neutral=0.0),
    _Q("cvd_delta_usd", "CVD change", "usd_change", "USD", neutral=0.0),
    _Q("cvd_oi_pct", "CVD / OI", "pct", "%", brief="CVD/OI", neutral=0.0),
    _Q("obv_usd", "OBV", "usd_change", "USD", neutral=0.0),
    _Q("liq_long_usd", "Longs liquidated", "usd", "USD"),
    _Q("liq_short_usd", "Shorts liquidated", "usd", "USD"),
    _Q("liquidated_usd", "Liquidations", "usd", "USD"),
    _Q("liquidations_1h_usd", "Liquidations", "usd", "USD", brief="Liq.", change="usd_change"),
    _Q(
        "z_liquidations", "Robust z of liquidations", "score", _SD, brief="Liq. z",
        of="liquidated_usd", least_bars=252, neutral=0.0,
    ),
    _Q("liquidated_then_usd", "Liquidations, earlier", "usd", "USD"),
    _Q("known_bars", "Bars known", "count", "bars"),
    _Q("known_then_bars", "Bars known, earlier", "count", "bars"),
    _Q("traded_coverage_pct", "Volume, known", "share", "%"),
    _Q("taker_buy_coverage_pct", "Taker buys, known", "share", "%"),
    _Q("taker_sell_coverage_pct", "Taker sells, known", "share", "%"),
    _Q("liq_long_coverage_pct", "Longs liquidated, known", "share", "%"),
    _Q("liq_short_coverage_pct", "Shorts liquidated, known", "share", "%"),
    _Q("cvd_coverage_pct", "CVD, known", "share", "%"),
    _Q("usd", "Liquidated", "usd", "USD"),
    _Q("side", "Side", "text", "`long` or `short`"),
    _Q("quantity_base", "Quantity", "coins", "base coins"),
    # Monitored trades
    _Q("entry_price", "Entry price", "price", _QUOTE),
    _Q("exit_price", "Exit price", "price", _QUOTE),
    _Q("stop_price", "Stop price", "price", _QUOTE),
    _Q("target_price", "Target price", "price", _QUOTE),
    _Q("size_base", "Position", "coins", "base coins"),
    _Q("leverage", "Leverage", "ratio", "ratio"),
    _Q("maintenance_margin_pct", "Maintenance margin", "share", "%", 2),
    _Q("pnl_usd", "PnL", "usd_change", "USD"),
    _Q("pnl_margin_pct", "PnL of margin", "pct", "%"),
    _Q("funding_paid_usd", "Funding paid", "usd_change", "USD"),
    _Q("funding_expected_usd", "Next funding payment", "usd_change", "USD"),
    _Q("liquidation_price", "Liquidation price", "price", _QUOTE),
    _Q("to_stop_pct", "To stop", "pct", "%"),
    _Q("to_target_pct", "To target", "pct", "%"),
    _Q("to_liquidation_pct", "To liquidation", "pct", "%"),
    _Q("mae_pct", "MAE", "pct", "%"),
    _Q("mfe_pct", "MFE", "pct", "%"),
    # Simulated trades
    _Q("size_usd", "Size", "usd", "USD"),
    _Q("units", "Quoted units", "coins", "quoted units"),
    _Q("fee_usd", "Fees", "usd", "USD"),
    _Q("slippage_usd", "Slippage", "usd", "USD"),
    _Q("funding_usd", "Funding received", "usd_change", "USD"),
    _Q("gross_pnl_usd", "PnL before costs", "usd_change", "USD"),
    _Q("return_pct", "Return", "pct", "%"),
    _Q("exit_reason", "Exit by", "text", "word"),
    _Q("holding_s", "Holding time", "span", "s"),
    _Q("settlements", "Settlements", "count", "count"),
    _Q("settlements_missing", "Settlements missing", "count", "count"),
    _Q("trade_count", "Number of trades", "count", "count"),
    _Q("win_rate_pct", "Win rate", "share", "%", 1),
    _Q("expectancy_usd", "Expectancy", "usd_change", "USD"),
    _Q("expectancy_pct", "Expectancy of size", "pct", "%", 3),
    _Q("profit_factor", "Profit factor", "ratio", "ratio"),
    _Q("equity_usd", "Equity", "usd", "USD"),
    _Q("exposure_usd", "Exposure", "usd", "USD"),
    _Q("exposure_pct", "Mean exposure", "share", "%", 1),
    _Q("time_in_market_pct", "Time in market", "share", "%", 1),
    _Q("drawdown_pct", "Drawdown", "pct", "%"),
    _Q("total_return_pct", "Return of capital", "pct", "%"),
    _Q("sharpe", "Sharpe ratio", "score", "ratio"),
    _Q("sortino", "Sortino ratio", "score", "ratio"),
    _Q("random_percentile", "Percentile among random entries", "share", "%", 1),
    # Statistics
    _Q("correlation", "Correlation", "ratio", "−1 to 1", brief="r", neutral=0.0),
    # Rows, cycles and the lake
    _Q("snapshot_count", "Snapshots", "count", "count"),
    _Q("flags", "Flags", "text", "words"),
    _Q("linear", "Linear", "flag", "boolean"),
    _Q("in_universe", "In the universe", "flag", "boolean"),
    _Q("asked", "Asked", "count", "count"),
    _Q("answered", "Answered", "count", "count"),
    _Q("skipped", "Skipped", "count", "count"),
    _Q("refused", "Refused", "count", "count"),
    _Q("requests", "Requests", "count", "count"),
    _Q("refused_reasons", "Reasons of refusals", "text", "JSON"),
    _Q("latency_ms", "Latency", "milliseconds", "ms"),
    _Q("budget_used_pct", "Budget used", "share", "%", 0),
    _Q("streams", "Streams", "text", "JSON"),
    _Q("channel", "Channel", "text", "word"),
    _Q("outcome", "Repair", "text", "word"),
    _Q("repaired_rows", "Filled in", "count", "count"),
    _Q("coverage_pct", "Coverage", "share", "%", 1),
    _Q("completeness_pct", "Completeness", "share", "%", 1),
    _Q("streams_down", "Streams down", "count", "count"),
    _Q("tier_2_bases", "Bases in tier 2", "count", "count"),
    _Q("tier_5_bases_pct", "Bases in tier 5", "share", "%", 0),
    _Q("age_s", "Age", "age", "s", ts="received_ts"),
)  # fmt: skip

QUANTITIES: Final[Mapping[str, Quantity]] = {quantity.name: quantity for quantity in _ALL}
"""Every quantity, by name."""

_OTHERS: Final = {"snapshots": "Rows", "next_funding_ts": "Next funding"}


def title(column: str) -> str:
    """Return the title of a stored *column*; its name if it has none."""
    if column in QUANTITIES:
        return QUANTITIES[column].title
    return _OTHERS.get(column, column.replace("_", " "))


def moved(name: str) -> Quantity:
    """Return the quantity that the one called *name* is a change of; itself where it is none."""
    return QUANTITIES[QUANTITIES[name].of or name]
