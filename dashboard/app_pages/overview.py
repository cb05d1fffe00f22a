"""Overview: the market at a glance, and every pair in one table."""

import streamlit as st

from analytics import formats
from analytics.aggregate import whole_market
from dashboard import loaders, state, view
from dashboard.charts import colors
from dashboard.panels.absences import sentences
from dashboard.panels.explained import explained, plain
from dashboard.panels.freshness import follow_origin, headline
from dashboard.panels.kpis import cards
from dashboard.panels.movers import mover_lists
from dashboard.panels.pair_table import found, pair_table, table_choice
from dashboard.panels.refresh import refreshed
from dashboard.panels.sidebar import timeframe_tabs


def board() -> None:
    """Draw everything that moves with the market."""
    with explained():
        shown, seen = loaders.moment(state.asked_time()), view.current()
        follow_origin(shown)
        with headline("Overview", shown):
            timeframe_tabs(seen)
        every, silent = loaders.pairs(shown, seen.span), seen.of(loaders.silent_pairs(shown))
        if every.empty:
            span = formats.age(shown.now - shown.since)
            st.info(f"Nothing was recorded in the {span} before {formats.moment(shown.now)}.")
            return
        pairs = seen.of(every)
        if pairs.empty:
            st.info("Nothing was heard of the pairs and venues that the sidebar asks for.")
            return

        history, cycles = loaders.market_history(shown, seen.pairs), loaders.venue_cycles(shown)
        market = whole_market(pairs, seen.of(history))
        cards(market, len(pairs), seen.span)
        mover_lists(pairs, seen.timeframe)
        pairs = pairs.join(loaders.pair_curves(seen.timeframe, shown), on=["venue", "symbol"])
        chosen, words = table_choice(pairs)
        listed = found(pairs, words)
        pair_table(listed, shown, chosen, seen, colors(st.context.theme.type))
        lines = sentences(pairs, silent, seen.of(cycles), market, shown, seen.timeframe)
        st.caption("  \n".join(plain(line) for line in lines))


refreshed(board)
