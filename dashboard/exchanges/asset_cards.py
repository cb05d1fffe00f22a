"""Cards of one asset across venues: open interest, funding, funding spread."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.market import totals
from analytics.market.venue_summary import FundingSpread
from analytics.quantities import QUANTITIES
from dashboard.components.cards import card_title
from dashboard.frame.error_boundary import plain

_SPREAD: Final = QUANTITIES["funding_spread_pp"]
_HELP: Final = {
    "global_oi_usd": "Sum over {of}. USD.",
    "oi_volume_weighted_usd": "Mean over its instruments, weighted by 24 h volume. USD.",
    "funding_8h_pct": "Mean of {of}, weighted by open interest. Positive: longs pay shorts.",
}


def asset_cards(
    pairs: pd.DataFrame, base: str, spread: FundingSpread | None, silent: int = 0
) -> None:
    """Draw the figures of *pairs*, which are all of the asset *base* but for *silent* others."""
    there = len(pairs) + silent
    figures = {
        "global_oi_usd": totals.global_oi_usd(pairs),
        "oi_volume_weighted_usd": totals.oi_volume_weighted_usd(pairs),
        "funding_8h_pct": totals.funding_8h_pct(pairs),
    }
    name = plain(base)
    with st.grid(4, min_column_width=165, gap="xsmall"):
        for quantity, figure in figures.items():
            of = f"{figure.pairs} of {formats.plural(there, 'instrument')}"
            st.metric(
                f"{name}: {card_title(quantity)}",
                QUANTITIES[quantity].write(float(figure.value)),
                None if figure.pairs in (0, there) else of,
                delta_color="off",
                delta_arrow="off",
                help=_HELP[quantity].format(of=of),
                border=True,
                height="stretch",
            )
        _spread(spread, name)


def _spread(spread: FundingSpread | None, name: str) -> None:
    if spread is None:
        st.metric(
            f"{name}: {_SPREAD.title}",
            formats.ABSENT,
            help="Fewer than two instruments publish funding.",
            border=True,
            height="stretch",
        )
        return
    high, low = (
        plain(formats.on_venue(symbol, venue)) for venue, symbol in (spread.highest, spread.lowest)
    )
    which = "same for all instruments." if spread.is_level else f"{high} pays most, {low} least."
    st.metric(
        f"{name}: {_SPREAD.title}",
        _SPREAD.write(spread.points).removeprefix("+"),
        None
        if spread.is_level
        else " over ".join(formats.venue(one) for one, _ in (spread.highest, spread.lowest)),
        delta_color="off",
        delta_arrow="off",
        help=f"Highest less lowest funding: {which} Percentage points per 8 hours.",
        border=True,
        height="stretch",
    )
