"""Monitor: watched assets, open trades followed live, and the journal of closed ones."""

import streamlit as st

from analytics.palette import colors
from dashboard.components import asking_collector
from dashboard.frame.downloads import export_menu
from dashboard.frame.error_boundary import error_boundary
from dashboard.frame.freshness import follow_origin, headline
from dashboard.frame.refresh import refreshed
from dashboard.loaders import shown_moment, trades
from dashboard.monitor import journal, open_trades, trade_form, watch_list
from dashboard.state import as_of, view


def board() -> None:
    """Draw everything that moves with the market."""
    with error_boundary():
        shown, look = shown_moment.moment(as_of.asked_time()), colors(st.context.theme.type)
        follow_origin(shown)
        head = headline("Monitor", shown)
        asking_collector.said()
        found = trades.monitored(shown)
        still = [one for one in found if one.trade.closed_ts is None]
        closed = [one for one in found if one.trade.closed_ts is not None]
        # Folded once a trade is followed; what is typed in it no refresh disturbs.
        with st.expander(
            "Add a trade", not still, icon=":material/add:", key=f"add_trade_{bool(still)}"
        ):
            st.fragment(trade_form.new_trade)(shown)
        open_trades.open_trades(still, shown, asking_collector.refusal(shown))
        watch_list.watch_list(shown, view.current(), look)
        journal.journal(closed, shown)
        with head:
            export_menu("Monitor", shown, journal.tables(still, closed, shown))


refreshed(board)
