"""Overview: the market at a glance, and every pair in one table."""

import streamlit as st

from analytics import formats
from analytics.aggregate import figures
from dashboard import loaders, state
from dashboard.charts import colors
from dashboard.panels.absences import sentences
from dashboard.panels.explained import explained, plain
from dashboard.panels.freshness import follow_origin, headline
from dashboard.panels.kpis import cards
from dashboard.panels.pair_table import pair_table
from dashboard.panels.venue_filter import venue_filter


def board() -> None:
    """Draw everything that moves with the market."""
    with explained():
        shown = loaders.moment(state.asked_time())
        follow_origin(shown)
        row = headline("Overview", shown)
        pairs, silent = loaders.pairs(shown), loaders.silent_pairs(shown)
        cycles, history = loaders.venue_cycles(shown), loaders.market_history(shown)
        if pairs.empty:
            span = formats.age(shown.now - shown.since)
            st.info(f"Nothing was recorded in the {span} before {formats.moment(shown.now)}.")
            return

        with row:
            venues = venue_filter(pairs, silent)
        pairs, silent, cycles, history = (
            rows[rows["venue"].isin(venues)] for rows in (pairs, silent, cycles, history)
        )
        if pairs.empty:
            st.info(f"Nothing was heard of the pairs of {formats.listed(venues)}.")
            return

        market = figures(pairs, history)
        cards(market, len(pairs))
        pair_table(pairs, shown, colors(st.context.theme.type), height=500)
        lines = sentences(pairs, silent, cycles, market, shown)
        st.caption("  \n".join(plain(line) for line in lines))


with explained():
    st.fragment(board, run_every=loaders.refresh_s())()
