"""The panes of the Market chart: what each one shows, and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from analytics.tiers import Z_BARS

Kind = Literal["price", "usd", "pct", "rate", "ratio", "score", "index", "tier"]
Style = Literal["candles", "line", "steps", "columns", "flows", "tiers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """One stretch of the chart with a scale of its own."""

    label: str
    """On its button and in the URL."""
    title: str
    lines: tuple[str, ...] = ()
    """Of ``pair_history.History``, those it draws; the first one's newest value stands on top."""
    needs: tuple[str, ...] = ()
    """Columns of the record that all of it comes from."""
    words: str = ""
    """What a venue does not publish, where those are not to be had."""
    streamed: bool = False
    """Whether those come over a stream, and are lost where nobody listened."""
    kind: Kind
    style: Style
    source: str = ""
    """The line that it is computed from, where that takes several bars."""
    least_bars: int = 1
    """Known bars of it before there is a value. [bars]"""
    by_venue: str | None = None
    """The line of the base's other instruments that it can be compared with."""
    height: int = 88
    """[px]"""


PRICE: Final = Pane(
    label="Price",
    title="Price",
    lines=("close",),
    needs=("price",),
    words="prices",
    kind="price",
    style="candles",
    by_venue="close",
    height=320,
)
SIGNALS: Final = Pane(
    label="Signals", title="Signals by tier", kind="tier", style="tiers", height=104
)
BANDS: Final = "Bands"
"""The button for the Bollinger bands about the price."""
VENUES: Final = "Venues"
"""The button for the same base on other venues."""

_TAKERS: Final = ("taker_buy_usd", "taker_sell_usd")
_OI: Final = ("oi_raw",)

PANES: Final = (
    PRICE,
    Pane(
        label="Volume",
        title="Volume",
        lines=("traded_usd",),
        needs=_TAKERS,
        words="trades",
        streamed=True,
        kind="usd",
        style="columns",
    ),
    Pane(
        label="OI",
        title="Open interest",
        lines=("oi_usd",),
        needs=_OI,
        words="open interest",
        kind="usd",
        style="line",
        by_venue="oi_usd",
        height=120,
    ),
    Pane(
        label="OI change",
        title="OI change per bar",
        lines=("oi_delta_pct",),
        needs=_OI,
        words="open interest",
        kind="pct",
        style="columns",
        source="oi_usd",
        least_bars=2,
    ),
    Pane(
        label="z",
        title="z-score of OI change",
        lines=("z_oi",),
        needs=_OI,
        words="open interest",
        kind="score",
        style="line",
        source="oi_usd",
        least_bars=Z_BARS + 2,
    ),
    Pane(
        label="Long/short",
        title="Long/short, accounts",
        lines=("ls_accounts",),
        needs=("ls_accounts",),
        words="long/short ratios",
        kind="ratio",
        style="line",
        by_venue="ls_accounts",
    ),
    Pane(
        label="Top traders",
        title="Long/short, top traders' accounts",
        lines=("ls_top_accounts", "ls_top_positions"),
        needs=("ls_top_accounts", "ls_top_positions"),
        words="top-trader ratios",
        kind="ratio",
        style="line",
    ),
    Pane(
        label="L/S change",
        title="Long/short change per bar",
        lines=("ls_delta_pct",),
        needs=("ls_accounts",),
        words="long/short ratios",
        kind="pct",
        style="columns",
        source="ls_accounts",
        least_bars=2,
    ),
    Pane(
        label="Book",
        title="Book imbalance within 25 bps",
        lines=("book_imbalance_pct",),
        needs=("book_imbalance",),
        words="order books",
        kind="pct",
        style="columns",
    ),
    Pane(
        label="Takers",
        title="Taker imbalance",
        lines=("taker_imbalance_pct",),
        needs=_TAKERS,
        words="trades",
        streamed=True,
        kind="pct",
        style="columns",
    ),
    Pane(
        label="CVD",
        title="CVD from the left edge",
        lines=("cvd_usd",),
        needs=_TAKERS,
        words="trades",
        streamed=True,
        kind="usd",
        style="line",
    ),
    Pane(
        label="Funding",
        title="Funding 8 h",
        lines=("funding_8h_pct",),
        needs=("funding_rate", "funding_interval_h"),
        words="funding rates",
        kind="rate",
        style="steps",
        by_venue="funding_8h_pct",
    ),
    Pane(
        label="RSI",
        title="RSI 14",
        lines=("rsi_14",),
        needs=("price",),
        words="prices",
        kind="index",
        style="line",
        source="close",
        least_bars=15,
    ),
    Pane(
        label="Liquidations",
        title="Liquidations: shorts up, longs down",
        lines=("liq_short_usd", "liq_long_usd"),
        needs=("liq_short_usd", "liq_long_usd"),
        words="liquidations",
        streamed=True,
        kind="usd",
        style="flows",
    ),
    Pane(
        label="Basis",
        title="Basis: price above index",
        lines=("basis_pct",),
        needs=("index",),
        words="index price",
        kind="rate",
        style="line",
        by_venue="basis_pct",
    ),
    SIGNALS,
)
"""From top to bottom."""

LABELS: Final = (BANDS, *(pane.label for pane in PANES if pane is not PRICE), VENUES)
"""Every button."""

FIRST: Final = tuple(
    label
    for label in LABELS
    if label not in ("Top traders", "L/S change", "Takers", "Basis", VENUES)
)
"""Those that are on before anyone has chosen."""


def chosen(labels: Sequence[str]) -> tuple[Pane, ...]:
    """Return the panes called *labels*, from top to bottom, and always the price."""
    return tuple(pane for pane in PANES if pane is PRICE or pane.label in labels)
