"""The panes of the Market chart: what each one shows, and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from analytics.signals.tiers import Z_BARS

Kind = Literal["price", "usd", "pct", "rate", "ratio", "score", "index", "share", "tier"]
Style = Literal["candles", "line", "steps", "columns", "flows", "tiers"]


@dataclass(frozen=True, slots=True)
class Published:
    """What a venue publishes, or does not."""

    columns: tuple[str, ...]
    """Of the record."""
    words: str
    """The same, as a sentence names them that says that there are none."""
    streamed: bool = False
    """Whether they come over a stream, and are lost where nobody listened."""


@dataclass(frozen=True, slots=True)
class Pane:
    """One stretch of the chart with a scale of its own."""

    label: str
    """On its button and in the URL."""
    title: str
    kind: Kind
    style: Style
    lines: tuple[str, ...]
    """Of ``pair_history.History``, those it draws; the first one's newest value stands on top."""
    of: Published
    """All of it comes from that."""
    source: str = ""
    """The line that it is computed from, where that takes several bars."""
    least_bars: int = 1
    """Known bars of it before there is a value. [bars]"""
    by_venue: bool = False
    """Whether its first line can be compared with the base's other instruments."""
    height: int = 80
    """[px]"""


_PRICES: Final = Published(("price",), "prices")
_OI: Final = Published(("oi_raw",), "open interest")
_ACCOUNTS: Final = Published(("ls_accounts",), "long/short ratios")
_TOP: Final = Published(("ls_top_accounts", "ls_top_positions"), "top-trader ratios")
_BOOKS: Final = Published(("book_imbalance",), "order books")
_TRADES: Final = Published(("taker_buy_usd", "taker_sell_usd"), "trades", streamed=True)
_FUNDING: Final = Published(("funding_rate", "funding_interval_h"), "funding rates")
_LIQUIDATIONS: Final = Published(("liq_short_usd", "liq_long_usd"), "liquidations", streamed=True)
_INDEX: Final = Published(("index",), "index price")

PRICE: Final = Pane(
    "Price", "Price", "price", "candles", ("close",), _PRICES, by_venue=True, height=320
)
SIGNALS: Final = Pane("Signals", "Signals by tier", "tier", "tiers", (), _OI, height=96)
BANDS: Final = "Bands"
"""The button for the Bollinger bands about the price."""
VENUES: Final = "Venues"
"""The button for the same base on other venues."""

PANES: Final = (
    PRICE,
    Pane("Volume", "Volume", "usd", "columns", ("traded_usd",), _TRADES),
    Pane("OI", "Open interest", "usd", "line", ("oi_usd",), _OI, by_venue=True, height=112),
    Pane("OI change", "OI change per bar", "pct", "columns", ("oi_delta_pct",), _OI, "oi_usd", 2),
    Pane(
        "OI split",
        "OI change, split",
        "usd",
        "line",
        ("oi_price_usd", "oi_contracts_usd"),
        _OI,
        "oi_usd",
        2,
    ),
    Pane("z", "z-score of OI change", "score", "line", ("z_oi",), _OI, "oi_usd", Z_BARS + 2),
    Pane(
        "Robust z",
        "Robust z-score of OI change",
        "score",
        "line",
        ("z_robust",),
        _OI,
        "oi_usd",
        Z_BARS + 2,
    ),
    Pane(
        "Long/short",
        "Long/short, accounts",
        "ratio",
        "line",
        ("ls_accounts",),
        _ACCOUNTS,
        by_venue=True,
    ),
    Pane("Top traders", "Long/short, top traders", "ratio", "line", _TOP.columns, _TOP),
    Pane(
        "L/S change",
        "Long/short change per bar",
        "pct",
        "columns",
        ("ls_delta_pct",),
        _ACCOUNTS,
        "ls_accounts",
        2,
    ),
    Pane("Book", "Book imbalance within 25 bps", "pct", "columns", ("book_imbalance_pct",), _BOOKS),
    Pane("Takers", "Taker imbalance", "pct", "columns", ("taker_imbalance_pct",), _TRADES),
    Pane("CVD", "CVD from the left edge", "usd", "line", ("cvd_usd",), _TRADES),
    Pane("CVD/OI", "CVD from the left edge / OI", "pct", "line", ("cvd_oi_pct",), _TRADES),
    Pane("OBV", "On-balance volume from the left edge", "usd", "line", ("obv_usd",), _TRADES),
    Pane("Funding", "Funding 8 h", "rate", "steps", ("funding_8h_pct",), _FUNDING, by_venue=True),
    Pane("RSI", "RSI 14", "index", "line", ("rsi_14",), _PRICES, "close", 15),
    Pane("ATR", "ATR 14", "price", "line", ("atr_14",), _PRICES, "close", 15),
    Pane(
        "Volatility",
        "Realised volatility of 20 bars, a year",
        "share",
        "line",
        ("volatility_pct",),
        _PRICES,
        "close",
        21,
    ),
    Pane(
        "Liquidations",
        "Liquidations: shorts up, longs down",
        "usd",
        "flows",
        _LIQUIDATIONS.columns,
        _LIQUIDATIONS,
    ),
    Pane("Basis", "Basis: mark above index", "rate", "line", ("basis_pct",), _INDEX, by_venue=True),
    Pane(
        "Premium",
        "Premium: last trade above index",
        "rate",
        "line",
        ("last_premium_pct",),
        _INDEX,
        by_venue=True,
    ),
    SIGNALS,
)
"""From top to bottom."""

LABELS: Final = (BANDS, *(pane.label for pane in PANES if pane is not PRICE), VENUES)
"""Every button."""

_LATER: Final = frozenset(
    {"Top traders", "L/S change", "Takers", "Basis", "Premium", "OI split", "Robust z"}
    | {"CVD/OI", "OBV", "ATR", "Volatility", VENUES}
)
FIRST: Final = tuple(label for label in LABELS if label not in _LATER)
"""Those that are on before anyone has chosen."""


def chosen(labels: Sequence[str]) -> tuple[Pane, ...]:
    """Return the panes called *labels*, from top to bottom, and always the price."""
    return tuple(pane for pane in PANES if pane is PRICE or pane.label in labels)
