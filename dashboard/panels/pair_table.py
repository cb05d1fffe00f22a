"""Every pair in one table that sorts by number and says how old a value is."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from dashboard.charts import Colors
from dashboard.panels.ages import TIMES, old
from dashboard.state import Moment

_SIGNED: Final = ("price_24h_pct", "oi_delta_pct", "funding_8h_pct")

_FORMATS: Final[dict[str, Any]] = {
    "price": formats.price,
    "price_24h_pct": formats.pct,
    "oi_usd": formats.usd,
    "oi_delta_pct": formats.pct,
    "funding_8h_pct": lambda value: formats.pct(value, 4),
    "ls_accounts": formats.ratio,
    "volume_24h_usd": formats.usd,
    "age_s": formats.age,
}


def pair_table(pairs: pd.DataFrame, shown: Moment, colors: Colors, height: int) -> None:
    """Draw *pairs*, as ``pairs.sql`` returns them."""
    table = rows(pairs, shown)
    styles = _styles(table, pairs, shown, colors)
    styled = table.style.format(_FORMATS, na_rep=formats.ABSENT)
    st.dataframe(
        styled.apply(lambda _: styles, axis=None),
        column_config=_columns(),
        hide_index=True,
        height=height,
        row_height=29,
        placeholder=formats.ABSENT,
        key="pairs",
        alt="Every pair with its price, open interest, funding, long/short ratio, volume and age",
    )


def rows(pairs: pd.DataFrame, shown: Moment) -> pd.DataFrame:
    """Return the table's rows: numbers, so that it sorts by them."""
    columns = ["symbol", "venue", *(name for name in _FORMATS if name != "age_s")]
    table = pairs[columns].rename(columns={"symbol": "pair"})
    table["pair"] = table["pair"].map(formats.pair)
    age = (shown.now - pairs["received_ts"]).dt.total_seconds().clip(lower=0)
    return table.assign(age_s=age).reset_index(drop=True)


def _styles(
    table: pd.DataFrame, pairs: pd.DataFrame, shown: Moment, colors: Colors
) -> pd.DataFrame:
    """Return a style for each cell: direction by colour, old values in muted italics."""
    styles = pd.DataFrame("", index=table.index, columns=table.columns)
    styles["venue"] = f"color: {colors.muted}"
    for name in _SIGNED:
        # What is written without a sign has no direction, though it may be a hair off nought.
        signs = table[name].map(_FORMATS[name]).str[0]
        styles.loc[signs == "+", name] = f"color: {colors.up}"
        styles.loc[signs == "-", name] = f"color: {colors.down}"
    for name in TIMES:
        is_old = old(name, pairs, shown).to_numpy()
        color = colors.alert if name == "age_s" else colors.muted
        styles.loc[is_old, name] = f"color: {color}; font-style: italic"
    return styles


def _columns() -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "pair": text("Pair", pinned=True, width=130),
        "venue": text("Venue", width=90),
        "price": number("Price", help="Last trade, in the quote currency", width=105),
        "price_24h_pct": number("24 h", help="Price against 24 hours ago. %", width=85),
        "oi_usd": number("Open interest", help="At the mark price. USD", width=110),
        "oi_delta_pct": number("OI 5 min", help="Against 5 minutes ago. %", width=85),
        "funding_8h_pct": number(
            "Funding 8 h",
            help="Rebased to 8 hours. Positive: longs pay shorts. %",
            width=100,
        ),
        "ls_accounts": number(
            "Long/short",
            help="Accounts long over accounts short, published every 5 minutes",
            width=90,
        ),
        "volume_24h_usd": number("Volume 24 h", help="Rolling. USD", width=105),
        "age_s": number("Age", help="Since the venue last told of this pair", width=65),
    }
