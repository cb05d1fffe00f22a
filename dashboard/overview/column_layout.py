"""Columns of the pair table: label, help, width, default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Final, Literal

import streamlit as st

from analytics import formats
from analytics.market.pair_curves import POINTS
from analytics.panels.panel import TIMEFRAMES
from analytics.quantities import QUANTITIES, Quantity
from analytics.signals.thresholds import Level
from dashboard.state.view import Rows


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table of pairs: a quantity, or what has a title of its own."""

    name: str
    """Of the frame, and of the quantity unless ``of`` names it."""
    _: KW_ONLY
    of: str = ""
    span: str = ""
    """Of a change that is not over the page's timeframe: one of ``SPANS``."""
    title: str = ""
    """Of what is no quantity."""
    curve_of: str = ""
    """The quantity that it draws."""
    help: str = ""
    width: int = 58
    """The usual columns together fit beside the sidebar of a window of 1440. [px]"""
    kind: Literal["number", "text", "share", "countdown"] = "number"
    signed: bool = False
    """Whether its sign has a colour."""
    level: Level | None = None
    """The threshold that it is compared with."""
    usual: bool | Rows = True
    """Whether it is shown by default, or of which rows alone it is."""
    always: bool = False
    rows: Rows | None = None
    """Which rows alone have it; None: all."""
    small: bool = False
    """Whether seven figures are enough of it: half as much goes to the browser."""

    def is_usual(self, rows: Rows) -> bool:
        """Return whether it is shown by default in a table of *rows*."""
        return self.usual in (True, rows)

    @property
    def quantity(self) -> Quantity | None:
        """What its values are; None of names and curves."""
        return None if self.title or self.curve_of else QUANTITIES[self.of or self.name]

    @property
    def label(self) -> str:
        """Its name where it is chosen, and in the URL."""
        if self.curve_of:
            return f"{QUANTITIES[self.curve_of].short}, {POINTS} bars"
        if self.span:
            return self.heading("")
        if self.quantity is None:
            return self.title
        return self.quantity.short if self.quantity.of else self.quantity.title

    def heading(self, timeframe: str) -> str:
        """Return its name above its values, on a page of *timeframe*."""
        if self.curve_of:
            lasts = formats.span(POINTS * TIMEFRAMES[timeframe])
            return f"{QUANTITIES[self.curve_of].short}, {lasts}"
        if self.quantity is None:
            return self.title
        return f"{self.quantity.short} {self.span}".rstrip()


SPANS: Final = {"5m": "5m", "1h": "1h", "4h": "4h", "24h": "1d"}
"""The timeframes that are compared side by side, by how a column writes them."""


def _compared(of: str, help: str, spans: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns of one change over several timeframes."""
    return tuple(
        Column(
            f"{of}_{span}",
            of=of,
            span=span,
            help=f"{help} {span} ago, or the nearest stored value",
            width=68,
            signed=True,
            usual=False,
            small=True,
        )
        for span in spans
    )


COLUMNS: Final = (
    Column(
        "pair", title="Pair", help="Click a row to open it", width=148, kind="text", always=True
    ),
    Column("price", help="Last trade; of an asset per coin, weighted by open interest", width=80),
    Column(
        "price_delta_pct",
        help="Price against {span} ago, or the nearest stored value; see Price Δ over. %",
        width=68,
        signed=True,
        small=True,
    ),
    *_compared("price_delta_pct", "Price against", ("5m", "1h", "4h")),
    Column(
        "price_24h_pct",
        help="Price against 24 hours ago",
        width=68,
        signed=True,
        small=True,
    ),
    Column(
        "price_curve",
        curve_of="price",
        help="Closes of the last 24 bars, from 0 (lowest) to 100 (highest)",
    ),
    Column("oi_usd", help="At the mark price", width=74),
    Column(
        "oi_delta_pct",
        help=(
            "Open interest against {span} ago, or the nearest stored value; see OI Δ over. "
            "Filled beyond your threshold. %"
        ),
        width=68,
        signed=True,
        level="oi_delta_pct",
        small=True,
    ),
    *_compared("oi_delta_pct", "Open interest against", tuple(SPANS)),
    Column(
        "oi_delta_usd",
        help="The same in USD, of the venues known at both ends",
        width=80,
        signed=True,
        rows="assets",
    ),
    Column("oi_base", help="In coins of the base asset", width=78, usual=False, small=True),
    Column(
        "oi_base_delta_pct",
        help="Open interest in coins against {span} ago, or the nearest stored value",
        width=76,
        signed=True,
        usual="assets",
        small=True,
    ),
    Column(
        "oi_base_delta",
        help="The same in coins, of the venues known at both ends",
        width=84,
        signed=True,
        usual=False,
        rows="assets",
    ),
    Column(
        "oi_price_usd",
        help="Part of the OI change over {span} that comes from the price",
        width=90,
        signed=True,
        usual=False,
        small=True,
    ),
    Column(
        "oi_contracts_usd",
        help="Part of the OI change over {span} that comes from contracts opened or closed",
        width=100,
        signed=True,
        usual=False,
        small=True,
    ),
    Column(
        "oi_curve",
        curve_of="oi_usd",
        help="Open interest in the last 24 bars, from 0 (lowest) to 100 (highest)",
        usual="pairs",
    ),
    Column(
        "z_oi",
        help="OI change of the last closed bar against the previous 20. Standard deviations",
        width=54,
        level="z_oi",
        small=True,
    ),
    Column(
        "z_robust",
        help="The same with median and MAD, which single jumps do not move",
        width=66,
        usual=False,
        small=True,
    ),
    Column(
        "funding_8h_pct",
        help="Normalised to 8 hours. Positive: longs pay shorts. %",
        width=78,
        level="funding_8h_pct",
        small=True,
    ),
    Column(
        "funding_8h_volume_pct",
        help="Mean over venues, weighted by 24 h volume. %",
        width=90,
        usual=False,
        small=True,
        rows="assets",
    ),
    Column(
        "venue_spread_pp",
        help="Highest less lowest funding among venues. Percentage points per 8 hours",
        width=82,
        small=True,
        rows="assets",
    ),
    Column(
        "venue_count",
        title="Venues",
        help="Venues that list the asset; silent ones are left out of price and changes",
        width=58,
        rows="assets",
    ),
    Column(
        "funding_delta_pp",
        help="Funding against {span} ago, or the nearest stored value",
        width=95,
        signed=True,
        usual=False,
    ),
    Column(
        "funding_apr_pct",
        help="Funding of a whole year at this rate. %",
        width=74,
        signed=True,
        usual=False,
        small=True,
    ),
    Column(
        "next_funding_s",
        title="Next funding",
        help="Time until it is paid",
        width=92,
        kind="countdown",
        usual=False,
    ),
    Column(
        "basis_pct",
        help="Mark against index price. %",
        width=76,
        signed=True,
        usual=False,
        small=True,
    ),
    Column(
        "ls_accounts",
        help="Long per short accounts, published every 5 minutes",
        width=48,
        level="ls_accounts",
        small=True,
    ),
    Column(
        "ls_delta_pct",
        help="Long/short against {span} ago, or the nearest stored value. %",
        width=70,
        signed=True,
        usual=False,
        small=True,
    ),
    Column(
        "book_imbalance_pct",
        help="(Bids − asks) / (bids + asks) within 25 bps of mid. %",
        width=80,
        signed=True,
        level="book_imbalance_pct",
        usual=False,
        small=True,
    ),
    Column(
        "cvd_usd",
        help="Taker buys less taker sells over {span}, up to the last closed bar; muted if partial",
        width=84,
        signed=True,
        usual=False,
    ),
    Column(
        "liq_long_usd",
        help="Longs liquidated over {span}, up to the last closed bar; muted if partial",
        width=96,
        usual=False,
    ),
    Column(
        "liq_short_usd",
        help="Shorts liquidated over {span}, up to the last closed bar; muted if partial",
        width=96,
        usual=False,
    ),
    Column(
        "z_liquidations",
        help="Liquidations of the last hour against those of 7 days. Robust standard deviations",
        width=66,
        level="z_liquidations",
        usual=False,
        small=True,
    ),
    Column(
        "rsi_curve",
        curve_of="rsi_14",
        help="14-bar relative strength index, from 0 to 100",
        usual=False,
    ),
    Column(
        "rsi_14",
        help="14-bar relative strength index, last closed bar",
        width=48,
        small=True,
        usual="pairs",
    ),
    Column(
        "band_pct",
        help="Last close: 0 at the lower Bollinger band, 100 at the upper",
        width=84,
        kind="share",
        small=True,
        usual="pairs",
    ),
    Column("volume_24h_usd", help="Rolling", width=76),
    Column(
        "price_delta_s",
        help="Time that the price change really covers, {span} requested",
        width=95,
        usual=False,
        small=True,
    ),
    Column(
        "oi_delta_s",
        help="Time that the OI change really covers, {span} requested",
        width=95,
        usual=False,
        small=True,
    ),
    Column("age_s", help="Time since the last update", width=56, usual="pairs", small=True),
)
"""In the order of the table."""

FIRST_COLUMNS: Final[dict[Rows, Column]] = {
    "pairs": COLUMNS[0],
    "assets": replace(
        COLUMNS[0], title="Asset", help="Click a name to see its venues, a row to open it"
    ),
}
"""What tells rows apart, by what they are of."""

COLUMN_FIELDS: Final[dict[str, Rows]] = {"columns": "pairs", "asset_columns": "assets"}
"""Which rows each choice of columns is for, by its key in the URL."""

_NOT_COMPARED: Final = frozenset(
    ("price_delta_pct", "price_curve", "oi_delta_pct", "oi_curve", "z_oi", "rsi_14", "band_pct")
)
"""What makes room for the timeframes side by side."""


def optional_columns(rows: Rows) -> dict[str, Column]:
    """Return by name the columns that a table of *rows* can have."""
    return {one.name: one for one in COLUMNS if not one.always and one.rows in (None, rows)}


def usual_labels(rows: Rows) -> list[str]:
    """Return which columns a table of *rows* has at first, as the URL names them."""
    return [one.label for one in optional_columns(rows).values() if one.is_usual(rows)]


def shown_columns(chosen: Sequence[str], *, compare: bool, rows: Rows = "pairs") -> list[Column]:
    """Return the columns of the table.

    Args:
        chosen: Names of those that the user chose.
        compare: Whether changes over several timeframes stand side by side.
        rows: What the table lists.
    """
    wanted = set(chosen)
    if compare:
        spans = {column.name for column in COLUMNS if column.span}
        wanted = wanted - _NOT_COMPARED | spans | {"price_24h_pct"}
    first = FIRST_COLUMNS[rows]
    return [first, *(one for name, one in optional_columns(rows).items() if name in wanted)]


def config(columns: Sequence[Column], span: str, arrow: Callable[[Column], str]) -> dict[str, Any]:
    """Return how *columns* are drawn, for changes over *span*; an *arrow* marks a sorted one."""
    return {column.name: _drawn(column, span, arrow(column)) for column in columns}


def _drawn(column: Column, span: str, arrow: str) -> Any:
    said = column.help.format(span=span)
    unit = None if column.quantity is None else column.quantity.heading_unit
    asked: dict[str, Any] = {
        "label": f"{arrow}{column.heading(span)}",
        "width": column.width,
        "help": (f"{said} [{unit}]" if unit else said) or None,
    }
    if column.kind == "text":
        return st.column_config.TextColumn(pinned=column.always, **asked)
    if column.curve_of:
        return st.column_config.LineChartColumn(y_min=0, y_max=100, **asked)
    if column.kind == "share" and column.quantity is not None:
        form = f"%.{column.quantity.digits}f"
        return st.column_config.ProgressColumn(min_value=0, max_value=100, format=form, **asked)
    return st.column_config.NumberColumn(**asked)
