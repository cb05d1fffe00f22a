"""One asset over its venues, a row for each instrument, the extremes of its funding marked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.market.venue_summary import FundingSpread
from analytics.palette import Colors
from dashboard.components.row_click import in_order, let_go, open_row
from dashboard.components.stale_values import TIMES, old
from dashboard.state import Moment

_KEY: Final = "comparison"

_WRITE: Final[dict[Any, str | Callable[[Any], str] | None]] = {
    "pair": str,
    "venue": str,
    "price": formats.price,
    "oi_usd": formats.usd,
    "oi_share_pct": lambda value: f"{value:.1f} %",
    "funding_8h_pct": lambda value: formats.pct(value, 4),
    "funding_apr_pct": formats.pct,
    "funding_interval_h": lambda value: f"{value:g} h",
    "next_funding_s": formats.countdown,
    "ls_accounts": formats.ratio,
    "volume_24h_usd": formats.usd,
    "basis_pct": lambda value: formats.pct(value, 4),
    "spread_bps": lambda value: f"{value:,.2f} bp",
    "age_s": formats.age,
}
"""The columns in their order, and how each is written."""

_AGES: Final = {
    **TIMES,
    "basis_pct": "basis_ts",
    "spread_bps": "spread_bps_ts",
    "funding_apr_pct": "funding_ts",
    "oi_share_pct": "oi_usd_ts",
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
    return table[list(_WRITE)].reset_index(drop=True)


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
    let_go(_KEY)
    st.dataframe(
        written.apply(lambda _: styles, axis=None),
        column_config=_columns(),
        hide_index=True,
        height="content",
        row_height=29,
        placeholder=formats.ABSENT,
        key=_KEY,
        on_select=partial(open_row, _KEY),
        selection_mode="single-cell",
        alt="The asset on each venue: price, open interest, funding, long/short, volume and basis",
    )


def _marked(mark: str, value: Any) -> str:
    return f"{mark} {formats.pct(value, 4)}"


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
    for name in table.columns.intersection(list(_AGES)):
        late = old(name, pairs, shown).to_numpy() if name in TIMES else _old(name, pairs, shown)
        color = colors.alert if name == "age_s" else colors.muted
        styles.loc[late, name] = f"color:{color};font-style:italic"
    return styles


def _old(name: str, pairs: pd.DataFrame, shown: Moment) -> Any:
    """Return where a value that only this table has is old."""
    return old("price", pairs.assign(price_ts=pairs[_AGES[name]]), shown).to_numpy()


def _columns() -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "pair": text("Pair", width=112, help="Click a row to open it"),
        "venue": text("Venue", pinned=True, width=90),
        "price": number("Price", help="Last trade of one quoted unit, in the quote currency"),
        "oi_usd": number("Open interest", help="At the mark price. USD"),
        "oi_share_pct": number("Share", help="Of the asset's open interest on all venues"),
        "funding_8h_pct": number(
            "Funding 8 h", help="Rebased to 8 hours. ▲ highest, ▼ lowest of the rows"
        ),
        "funding_apr_pct": number("APR", help="The funding for a year"),
        "funding_interval_h": number("Paid every", help="As the venue states it"),
        "next_funding_s": number("Next in", help="Until the next payment"),
        "ls_accounts": number("Long/short", help="Accounts; venues count differently"),
        "volume_24h_usd": number("Volume 24 h", help="Rolling. USD"),
        "basis_pct": number("Basis", help="The venue's mark over its index, less one"),
        "spread_bps": number("Spread", help="Ask less bid, of their middle. Basis points"),
        "age_s": number("Age", help="Since the venue last told of it"),
    }
