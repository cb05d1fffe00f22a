"""One pair in a dialog: its figures, its chart of a day, and the way to its page."""

from __future__ import annotations

import streamlit as st

from analytics import formats
from dashboard import loaders, state, view
from dashboard.charts.market_panes import FIRST
from dashboard.panels import market_body
from dashboard.panels.explained import explained, plain
from dashboard.panels.market_stretch import stretch
from dashboard.panels.market_subject import Subject


def pair_dialog(venue: str, symbol: str) -> None:
    """Show the pair's last 24 hours; to be called by a page itself, never by a fragment."""
    title = plain(f"{formats.pair(symbol)} on {venue}")
    st.dialog(title, width="large", on_dismiss=state.close_pair)(_draw)(venue, symbol)


def _draw(venue: str, symbol: str) -> None:
    with explained():
        shown, seen = loaders.moment(state.asked_time()), view.current()
        names = loaders.read("pair_names", shown)
        known = names[(names["venue"] == venue) & (names["symbol"] == symbol)]
        if known.empty:
            st.info("Nothing is known of this pair at this time.")
            return
        # A link, unlike ``st.switch_page``, leaves in the URL what the sidebar asks for.
        st.page_link(
            "app_pages/market.py",
            label="Open its page",
            icon=":material/candlestick_chart:",
            query_params={"venue": venue, "symbol": symbol},
        )
        subject = Subject(str(known["base"].iloc[0]), (venue, symbol))
        wanted = market_body.Wanted(subject, stretch("24 h", seen.timeframe), FIRST, shown, seen)
        loaded = market_body.load(wanted)
        market_body.figures(loaded, wanted)
        market_body.chart(loaded, wanted, live=False)
