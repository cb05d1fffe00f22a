"""One asset over all venues: its size, its mean funding, and how far the venues are apart."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.market import totals
from analytics.market.venue_summary import FundingSpread
from dashboard.frame.error_boundary import plain


def asset_cards(
    pairs: pd.DataFrame, base: str, spread: FundingSpread | None, silent: int = 0
) -> None:
    """Draw the figures of *pairs*, which are all of the asset *base* but for *silent* others."""
    there = len(pairs) + silent
    oi, weighed = totals.global_oi_usd(pairs), totals.oi_volume_weighted_usd(pairs)
    funding = totals.funding_8h_pct(pairs)
    name = plain(base)
    with st.grid(4, min_column_width=165, gap="xsmall"):
        st.metric(
            f"{name}: OI, sum",
            formats.usd(float(oi.value)),
            _missing(oi, there),
            delta_color="off",
            delta_arrow="off",
            help=f"Added up over {oi.pairs} of {formats.plural(there, 'instrument')}. USD.",
            border=True,
            height="stretch",
        )
        st.metric(
            f"{name}: OI, weighted",
            formats.usd(float(weighed.value)),
            _missing(weighed, there),
            delta_color="off",
            delta_arrow="off",
            help="Mean over its instruments, weighted by 24 h volume: how large the one is that a "
            "traded dollar is traded in. USD.",
            border=True,
            height="stretch",
        )
        st.metric(
            f"{name}: funding 8 h",
            formats.pct(float(funding.value), 4),
            _missing(funding, there),
            delta_color="off",
            delta_arrow="off",
            help="Weighted by open interest. "
            f"Mean of {funding.pairs} of {formats.plural(there, 'instrument')}. "
            "Positive: longs pay shorts.",
            border=True,
            height="stretch",
        )
        _spread(spread, name)


def _missing(figure: totals.Aggregate, there: int) -> str | None:
    """Write how many instruments are behind *figure*; None where all are, or none."""
    pairs = int(figure.pairs)
    return None if pairs in (0, there) else f"{pairs} of {formats.plural(there, 'instrument')}"


def _spread(spread: FundingSpread | None, name: str) -> None:
    if spread is None:
        st.metric(
            f"{name}: funding spread",
            formats.ABSENT,
            help="Fewer than two instruments state their funding.",
            border=True,
            height="stretch",
        )
        return
    high, low = (
        plain(f"{formats.pair(symbol)} on {venue}")
        for venue, symbol in (spread.highest, spread.lowest)
    )
    which = (
        "all instruments have the same."
        if spread.is_level
        else f"longs pay most for {high}, least for {low}."
    )
    st.metric(
        f"{name}: funding spread",
        formats.points(spread.points, 4).removeprefix("+"),
        None if spread.is_level else f"{spread.highest[0]} over {spread.lowest[0]}",
        delta_color="off",
        delta_arrow="off",
        help=f"Of funding, highest less lowest: {which} Percentage points per 8 hours.",
        border=True,
        height="stretch",
    )
