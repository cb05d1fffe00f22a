"""Table of one asset across venues, highest and lowest funding marked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.market.venue_summary import FundingSpread
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from dashboard.components.row_click import in_order, pair_click
from dashboard.components.stale_values import is_stale
from dashboard.state.as_of import Moment

_KEY: Final = "comparison"

_COLUMNS: Final[dict[str, str]] = {
    "pair": "Click a row to open it",
    "venue": "",
    "price": "Last trade, per quoted unit, in the quote currency",
    "oi_usd": "At the mark price",
    "oi_share_pct": "Share of the asset's open interest on all venues",
    "funding_8h_pct": "Normalised to 8 hours. ▲ highest, ▼ lowest of the rows",
    "funding_apr_pct": "Annualised funding",
    "funding_interval_h": "Rate per interval, as published",
    "next_funding_s": "Until the next payment",
    "ls_accounts": "Accounts; venues count differently",
    "volume_24h_usd": "Rolling",
    "basis_pct": "Mark price against the venue's index price",
    "spread_bps": "(Ask − bid) / mid. Basis points",
    "age_s": "Time since the last update",
}
"""The columns in their order, and what each one is."""

_HEADINGS: Final = {
    "pair": "Pair",
    "venue": "Venue",
    "oi_share_pct": QUANTITIES["oi_share_pct"].short,
    "funding_apr_pct": QUANTITIES["funding_apr_pct"].short,
    "funding_interval_h": "Interval",
    "next_funding_s": "Next in",
}
"""Where the quantity's title is not the heading, or there is no quantity."""

_WRITE: Final[dict[Any, str | Callable[[Any], str] | None]] = {
    **{name: QUANTITIES[name].write for name in _COLUMNS if name in QUANTITIES},
    "pair": str,
    "venue": formats.venue,
    "next_funding_s": formats.countdown,
}


def base_choice(pairs: pd.DataFrame) -> str:
    """Ask for one of the assets of *pairs*, the largest first; it lives in the URL."""
    by_size = pairs.groupby("base")["oi_usd"].sum().sort_values(ascending=False, kind="stable")
    bases = [str(base) for base in by_size.index]
    return st.selectbox("Asset", bases, key="asset", bind="query-params", width=160) or bases[0]


def rows(pairs: pd.DataFrame, there: pd.DataFrame, shown: Moment) -> pd.DataFrame:
    """Return the rows of the table: numbers, so that it sorts by them.

    Args:
        pairs: Of one asset, as ``venue_standing.quoted`` returns them.
        there: Its pairs on all venues, which shares are of.
        shown: What ages and countdowns count from.
    """
    ahead = (pairs["next_funding_ts"] - shown.now).dt.total_seconds()
    table = pairs.assign(
        pair=pairs["symbol"].map(formats.pair),
        oi_share_pct=100 * pairs["oi_usd"] / there["oi_usd"].sum(),
        next_funding_s=ahead.where(ahead >= 0),
        age_s=(shown.now - pairs["received_ts"]).dt.total_seconds().clip(lower=0),
    )
    return table[list(_COLUMNS)].reset_index(drop=True)


def comparison(
    pairs: pd.DataFrame,
    there: pd.DataFrame,
    spread: FundingSpread | None,
    shown: Moment,
    colors: Colors,
) -> None:
    """Draw the table of *pairs*, out of those *there* are; a click opens a row's instrument."""
    spread = None if spread is None or spread.is_level else spread
    pairs = in_order(pairs, _KEY)
    table = rows(pairs, there, shown)
    styles = _styles(table, pairs, shown, spread, colors)
    written = table.style.format(_WRITE, na_rep=formats.ABSENT)
    if spread is not None:
        highest, lowest = _extremes(table)
        for place, mark in ((highest, "▲"), (lowest, "▼")):
            written = written.format(partial(_marked, mark), subset=(place, "funding_8h_pct"))
    with st.container(key=_KEY):
        st.dataframe(
            written.apply(lambda _: styles, axis=None),
            column_config=_columns(),
            hide_index=True,
            height="content",
            row_height=29,
            placeholder=formats.ABSENT,
            alt="The asset on each venue: price, open interest, funding, long/short, volume, basis",
        )


def row_click() -> None:
    """Open the instrument whose row is clicked; to be called by the page itself."""
    pair_click(_KEY, (_HEADINGS["pair"], _HEADINGS["venue"]))


def _marked(mark: str, value: Any) -> str:
    return f"{mark} {QUANTITIES['funding_8h_pct'].write(value)}"


def _extremes(table: pd.DataFrame) -> tuple[int, int]:
    """Return the places of the highest and of the lowest funding."""
    order = table["funding_8h_pct"].sort_values(kind="stable").dropna().index
    return int(order[-1]), int(order[0])


def _styles(
    table: pd.DataFrame,
    pairs: pd.DataFrame,
    shown: Moment,
    spread: FundingSpread | None,
    colors: Colors,
) -> pd.DataFrame:
    """Return a style for each cell: the extremes of funding filled, old values in italics."""
    styles = pd.DataFrame("", index=table.index, columns=table.columns)
    if spread is not None:
        for place, color in zip(_extremes(table), (colors.up, colors.down), strict=True):
            fill = f"color:{color};background-color:{color}38;font-weight:600"
            styles.loc[place, ["funding_8h_pct", "funding_apr_pct"]] = fill
    for name in table.columns.intersection(list(QUANTITIES)):
        if QUANTITIES[name].ts is not None:
            color = colors.alert if name == "age_s" else colors.muted
            late = is_stale(name, pairs, shown).to_numpy()
            styles.loc[late, name] = f"color:{color};font-style:italic"
    return styles


def _columns() -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    pinned = {"pair": text(_HEADINGS["pair"], pinned=True, width=112, help=_COLUMNS["pair"])}
    pinned["venue"] = text(_HEADINGS["venue"], pinned=True, width=90)
    return pinned | {
        name: number(_HEADINGS.get(name) or QUANTITIES[name].title, help=said)
        for name, said in _COLUMNS.items()
        if name not in pinned
    }
