"""Replay: the record played back, with what happened in it."""

import streamlit as st

from analytics import formats
from analytics.market.oi_split import with_split
from analytics.palette import colors
from dashboard.components.empty_state import no_data, no_data_selected
from dashboard.components.market_cards import market_cards
from dashboard.components.movers import draw_movers, mover_lists
from dashboard.frame.error_boundary import error_boundary
from dashboard.frame.freshness import follow_origin, headline
from dashboard.frame.refresh import refreshed
from dashboard.loaders import queries, shown_moment
from dashboard.replay.alert_changes import happenings
from dashboard.replay.range_export import range_export
from dashboard.replay.replayed_pair import pair
from dashboard.replay.simulated_tables import table_click
from dashboard.replay.simulated_trades import simulated_trades
from dashboard.state import as_of, view


def board() -> None:
    """Draw everything that moves with the clock."""
    with error_boundary():
        shown, seen = shown_moment.moment(as_of.asked_time()), view.current()
        look = colors(st.context.theme.type)
        follow_origin(shown)
        row = headline("Replay", shown, bar_open=True)
        with row, st.container(key="replay_export", width="content"):
            range_export(shown)
        every = queries.pairs(shown, seen.span)
        looked_back = formats.span(shown.now - shown.since)
        if every.empty:
            no_data(looked_back, shown)
        elif (pairs := with_split(seen.of(every))).empty:
            no_data_selected(looked_back, shown)
        else:
            market_cards(pairs, seen.of(queries.silent_pairs(shown)), shown, seen, look)
            what = (seen.timeframe, seen.venues, seen.pairs, "pairs")
            draw_movers(
                queries.derived("movers", shown, what, lambda: mover_lists(pairs, seen.timeframe))
            )
        chart, beside = st.columns([2, 1], gap="medium")
        with chart:
            pair(shown, seen)
        with beside:
            happenings(shown, look)


refreshed(board, waits_for="market and pair")
st.fragment(simulated_trades)()
# Beneath all: what is seen of it is a gap.
table_click()
