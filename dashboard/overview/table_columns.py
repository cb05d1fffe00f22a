"""The columns that the table of pairs can have, each described once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from analytics import formats
from dashboard.view import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table of pairs."""

    name: str
    """Of the frame."""
    label: str
    """Its name where it is chosen, in the URL and in files, and its heading where it has none."""
    help: str
    width: int
    """The usual columns together fit beside the sidebar of a window of 1440. [px]"""
    heading: str | None = None
    """Above its values, where its name is wider than they are."""
    write: Callable[[Any], str] = str
    kind: str = "number"
    """``number``, ``text``, ``curve``, ``share``."""
    signed: bool = False
    """Whether its sign has a colour."""
    level: Level | None = None
    """The threshold that it is compared with."""
    usual: bool = True
    """Whether it is shown before anyone has chosen."""
    always: bool = False
    small: bool = False
    """Whether seven figures are enough of it: half as much goes to the browser."""


def _nothing(_: object) -> str:
    """Write nothing: the cell is drawn from its numbers."""
    return ""


COLUMNS: Final = (
    Column(
        name="pair",
        label="Pair",
        help="Click a row to open it",
        width=112,
        kind="text",
        always=True,
    ),
    Column(name="venue", label="Venue", help="", width=68, kind="text", always=True),
    Column(
        name="price",
        label="Price",
        help="Last trade, in the quote currency",
        width=84,
        write=formats.price,
    ),
    Column(
        name="price_delta_pct",
        label="Price Δ",
        help="Price against {span} ago, or the nearest on record; see Price Δ over. %",
        width=70,
        write=formats.pct,
        signed=True,
        small=True,
    ),
    Column(
        name="price_24h_pct",
        label="24 h",
        help="Price against 24 hours ago. %",
        width=70,
        write=formats.pct,
        signed=True,
        usual=False,
        small=True,
    ),
    Column(
        name="price_curve",
        label="Price, 24 bars",
        heading="Price 24",
        help="The newest 24 bars' closes: 0 is the lowest of them, 100 the highest",
        width=58,
        kind="curve",
        write=_nothing,
    ),
    Column(
        name="oi_usd",
        label="Open interest",
        heading="OI",
        help="At the mark price. USD",
        width=78,
        write=formats.usd,
    ),
    Column(
        name="oi_delta_pct",
        label="OI Δ",
        help="Open interest against {span} ago, or the nearest on record; see OI Δ over. Filled "
        "where beyond your threshold. %",
        width=70,
        write=formats.pct,
        signed=True,
        level="oi_delta_pct",
        small=True,
    ),
    Column(
        name="oi_curve",
        label="OI, 24 bars",
        heading="OI 24",
        help="The newest 24 bars' open interest: 0 is the lowest of them, 100 the highest",
        width=58,
        kind="curve",
        write=_nothing,
    ),
    Column(
        name="z_oi",
        label="z of OI",
        help="The newest bar's OI change against the 20 bars before. Standard deviations",
        width=58,
        write=formats.difference,
        level="z_oi",
        small=True,
    ),
    Column(
        name="funding_8h_pct",
        label="Funding 8 h",
        heading="Funding",
        help="Rebased to 8 hours. Positive: longs pay shorts. %",
        width=84,
        write=lambda value: formats.pct(value, 4),
        level="funding_8h_pct",
        small=True,
    ),
    Column(
        name="funding_delta_pp",
        label="Funding Δ",
        help="Against {span} ago, or the nearest on record. Percentage points",
        width=95,
        write=lambda value: formats.points(value, 4),
        signed=True,
        usual=False,
    ),
    Column(
        name="ls_accounts",
        label="Long/short",
        heading="L/S",
        help="Accounts long over accounts short, published every 5 minutes",
        width=52,
        write=formats.ratio,
        level="ls_accounts",
        small=True,
    ),
    Column(
        name="ls_delta_pct",
        label="L/S Δ",
        help="Long/short against {span} ago, or the nearest on record. %",
        width=70,
        write=formats.pct,
        signed=True,
        usual=False,
        small=True,
    ),
    Column(
        name="book_imbalance_pct",
        label="Imbalance",
        help="Bids less asks within 25 bps of mid, of both. %",
        width=80,
        write=formats.pct,
        signed=True,
        level="book_imbalance_pct",
        usual=False,
        small=True,
    ),
    Column(
        name="rsi_curve",
        label="RSI, 24 bars",
        heading="RSI 24",
        help="Relative strength index of 14 bars, from 0 to 100",
        width=58,
        kind="curve",
        write=_nothing,
    ),
    Column(
        name="rsi",
        label="RSI",
        help="Relative strength index of 14 bars, of the newest bar",
        width=48,
        write=lambda value: formats.count(value),
        small=True,
    ),
    Column(
        name="band_pct",
        label="In band",
        help="Where the newest close stands: 0 on the lower Bollinger band, 100 on the upper",
        width=84,
        kind="share",
        write=_nothing,
        small=True,
    ),
    Column(
        name="volume_24h_usd",
        label="Volume 24 h",
        heading="Vol 24 h",
        help="Rolling. USD",
        width=80,
        write=formats.usd,
    ),
    Column(
        name="price_delta_s",
        label="Price Δ over",
        help="The time that the price change really covers, where {span} are asked for",
        width=95,
        write=formats.span,
        usual=False,
        small=True,
    ),
    Column(
        name="oi_delta_s",
        label="OI Δ over",
        help="The time that the change of open interest really covers, where {span} are asked for",
        width=95,
        write=formats.span,
        usual=False,
        small=True,
    ),
    Column(
        name="age_s",
        label="Age",
        help="Since the venue last told of this pair",
        width=56,
        write=formats.age,
        small=True,
    ),
)
"""In the order of the table."""


def headings(chosen: Sequence[str]) -> list[tuple[str, str]]:
    """Return names and labels of the *chosen* columns, in the order of the table."""
    return [(column.name, column.label) for column in COLUMNS if column.name in chosen]


def config(columns: Sequence[Column], span: str) -> dict[str, Any]:
    """Return how *columns* are drawn, for changes over *span*."""
    return {column.name: _drawn(column, column.help.format(span=span)) for column in columns}


def _drawn(column: Column, said: str) -> Any:
    asked: dict[str, Any] = {
        "label": column.heading or column.label,
        "width": column.width,
        "help": said or None,
    }
    if column.kind == "text":
        return st.column_config.TextColumn(pinned=column.name == "pair", **asked)
    if column.kind == "curve":
        return st.column_config.LineChartColumn(y_min=0, y_max=100, **asked)
    if column.kind == "share":
        return st.column_config.ProgressColumn(min_value=0, max_value=100, format="%.0f", **asked)
    return st.column_config.NumberColumn(**asked)
