"""The panes of the Market chart: what each one shows, and what it is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from analytics.formats import Kind
from analytics.quantities import QUANTITIES, Quantity

Style = Literal["candles", "line", "steps", "columns", "flows", "tiers"]


@dataclass(frozen=True, slots=True)
class Published:
    """What a venue publishes, or does not."""

    columns: tuple[str, ...]
    """Stored columns."""
    words: str
    """The same, as a sentence names them that says that there are none."""
    streamed: bool = False
    """Whether they come over a stream, without history to fill gaps from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """One stretch of the chart with a scale of its own."""

    lines: tuple[str, ...]
    """Quantities of ``pair.history.History`` that it draws; the first one's newest value is shown
    on top, and gives the pane its name by default."""
    of: Published
    """All of it comes from that."""
    style: Style = "line"
    button: str = ""
    """On its button; empty is the short name."""
    named: str = ""
    """On top of it; empty is the title."""
    more: str = ""
    """Follows the title."""
    by_venue: bool = False
    """Whether its first line can be compared with the base's other instruments."""
    height: int = 80
    """[px]"""

    @property
    def quantity(self) -> Quantity:
        """What its first line is."""
        return QUANTITIES[self.lines[0]]

    @property
    def label(self) -> str:
        """Its name on its button and in sentences."""
        return self.button or self.quantity.short

    @property
    def title(self) -> str:
        """Its name on top of it."""
        return self.named or f"{self.quantity.title}{self.more}"

    @property
    def kind(self) -> Kind:
        """How its values are written."""
        return self.quantity.kind if self.lines else "count"


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
    lines=("close",),
    of=_PRICES,
    style="candles",
    button=QUANTITIES["price"].title,
    by_venue=True,
    height=320,
)
SIGNALS: Final = Pane(
    lines=(),
    of=_OI,
    style="tiers",
    button="Signals",
    named="Signals, most severe on top",
    height=96,
)
BANDS: Final = "Bollinger bands"
"""The button for those about the price."""
AVERAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "EMA 20, 50": ("ema_20", "ema_50"),
    QUANTITIES["vwap"].title: ("vwap",),
}
"""The buttons for averages on the price, and their lines."""
VENUES: Final = "Other venues"
"""The button for the same base on other venues."""

MODELS: Final[Mapping[str, str]] = {
    "obv": "OBV trend",
    "rsi": "RSI reversal",
    "bollinger": "Bollinger break",
}
"""What each model of ``trades.simulated.signals`` is called."""
TRADES: Final[Mapping[str, str]] = {
    "OBV trades": "obv",
    "RSI trades": "rsi",
    "Band trades": "bollinger",
}
"""The buttons for the trades that a model would have made, and its name."""

PANES: Final = (
    PRICE,
    Pane(lines=("traded_usd",), of=_TRADES, style="columns"),
    Pane(lines=("oi_usd",), of=_OI, by_venue=True, height=112),
    Pane(lines=("oi_base",), of=_OI, by_venue=True),
    Pane(
        lines=("oi_delta_pct",),
        of=_OI,
        style="columns",
        button=QUANTITIES["oi_delta_pct"].title,
        more=" per bar",
    ),
    Pane(
        lines=("oi_price_usd", "oi_contracts_usd"),
        of=_OI,
        button="OI split",
        named="OI change, split",
    ),
    Pane(lines=("z_oi",), of=_OI, button="OI z-score"),
    Pane(lines=("z_robust",), of=_OI, button="OI robust z-score"),
    Pane(
        lines=("ls_accounts",),
        of=_ACCOUNTS,
        button=QUANTITIES["ls_accounts"].title,
        more=", accounts",
        by_venue=True,
    ),
    Pane(
        lines=_TOP.columns,
        of=_TOP,
        button="Top traders",
        named=f"{QUANTITIES['ls_accounts'].title}, top traders",
    ),
    Pane(
        lines=("ls_delta_pct",),
        of=_ACCOUNTS,
        style="columns",
        button=QUANTITIES["ls_delta_pct"].title,
        more=" per bar",
    ),
    Pane(
        lines=("book_imbalance_pct",),
        of=_BOOKS,
        style="columns",
        button=QUANTITIES["book_imbalance_pct"].title,
        more=" within 25 bps",
    ),
    Pane(
        lines=("taker_imbalance_pct",),
        of=_TRADES,
        style="columns",
        button=QUANTITIES["taker_imbalance_pct"].title,
    ),
    Pane(lines=("cvd_usd",), of=_TRADES, more=" since the chart begins"),
    Pane(lines=("cvd_oi_pct",), of=_TRADES, more=" since the chart begins"),
    Pane(lines=("obv_usd",), of=_TRADES, more=" since the chart begins"),
    Pane(lines=("funding_8h_pct",), of=_FUNDING, style="steps", by_venue=True),
    Pane(lines=("rsi_14",), of=_PRICES, more=" of 14 bars"),
    Pane(lines=("atr_14",), of=_PRICES, more=" of 14 bars"),
    Pane(lines=("volatility_pct",), of=_PRICES, more=" of 20 bars, annualised"),
    Pane(
        lines=_LIQUIDATIONS.columns,
        of=_LIQUIDATIONS,
        style="flows",
        button=QUANTITIES["liquidated_usd"].title,
        named=f"{QUANTITIES['liquidated_usd'].title}: shorts up, longs down",
    ),
    Pane(lines=("basis_pct",), of=_INDEX, more=": mark above index", by_venue=True),
    Pane(lines=("last_premium_pct",), of=_INDEX, more=" above index", by_venue=True),
    SIGNALS,
)
"""From top to bottom."""

_ON_PRICE: Final = (*AVERAGES, VENUES, *TRADES)
LABELS: Final = (BANDS, *_ON_PRICE, *(pane.label for pane in PANES if pane is not PRICE))
"""Every button."""


def _of(*lines: str) -> tuple[str, ...]:
    """Return the buttons of the panes that *lines* are the first ones of."""
    buttons = {pane.lines[0]: pane.label for pane in PANES if pane.lines}
    return tuple(buttons[line] for line in lines)


PRESETS: Final[Mapping[str, tuple[str, ...]]] = {
    "Positioning": (
        BANDS,
        *_of("traded_usd", "oi_usd", "z_oi", "ls_accounts", "cvd_usd", "funding_8h_pct"),
        SIGNALS.label,
    ),
    "Flow": (
        QUANTITIES["vwap"].title,
        *_of("traded_usd", "cvd_usd", "taker_imbalance_pct", "book_imbalance_pct"),
        *_of(_LIQUIDATIONS.columns[0]),
    ),
    QUANTITIES["funding_8h_pct"].short: _of(
        "funding_8h_pct", "basis_pct", "last_premium_pct", "oi_usd", "ls_accounts"
    ),
    "All": tuple(label for label in LABELS if label not in _ON_PRICE),
}
"""What is chosen together, by name: the first one is on by default."""

FIRST: Final = next(iter(PRESETS.values()))
"""Buttons that are on by default."""


def chosen(labels: Sequence[str]) -> tuple[Pane, ...]:
    """Return the panes called *labels*, from top to bottom, and always the price."""
    return tuple(pane for pane in PANES if pane is PRICE or pane.label in labels)


def averages(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the lines on the price that *labels* ask for."""
    return tuple(line for label, lines in AVERAGES.items() if label in labels for line in lines)


def preset(labels: Sequence[str]) -> str | None:
    """Return the name of the preset that *labels* are; None of a choice of one's own."""
    return next((name for name, some in PRESETS.items() if set(some) == set(labels)), None)


def address(labels: Sequence[str]) -> str:
    """Write *labels* as the URL has them: ``flow``; ``price.volume`` where they are no preset."""
    name = preset(labels)
    if name is not None:
        return _short(name)
    return ".".join(map(_short, (PRICE.label, *(one for one in LABELS if one in labels))))


def from_address(text: str) -> tuple[str, ...]:
    """Return the labels that *text* of a URL names; those by default where it names none."""
    asked = text.casefold()
    for name, labels in PRESETS.items():
        if _short(name) == asked:
            return labels
    names = set(map(_short, asked.split(".")))
    known = tuple(label for label in LABELS if _short(label) in names)
    return known if known or _short(PRICE.label) in names else FIRST


def _short(label: str) -> str:
    """Return *label* as it stands in a URL: ``oi-z-score``."""
    return re.sub("[^a-z0-9]+", "-", label.casefold())
