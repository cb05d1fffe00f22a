"""One pair, or an asset over its venues, in a dialog: figures, 24 hours, a link to Market."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from analytics import formats
from dashboard.components.chart_component import load_chart_code
from dashboard.components.time_range import market_range
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.frame.freshness import live_badge
from dashboard.frame.saved_views import star
from dashboard.loaders import queries, shown_moment
from dashboard.pair_chart import chart_and_figures
from dashboard.pair_chart.instrument_picker import Subject
from dashboard.pair_chart.panes import FIRST
from dashboard.state import as_of, session, view


def pair_dialog(venue: str, symbol: str, at: datetime | None = None) -> None:
    """Show the pair's last 24 hours; to be called by a page itself, never by a fragment.

    Args:
        venue: Of the pair; empty for an asset over its venues.
        symbol: Of the pair, or the asset's base.
        at: The end of those hours, UTC; None for the time of the page.
    """
    title = plain(formats.on_venue(symbol, venue) if venue else f"{symbol} on all venues")
    if at is not None:
        title = f"{title}, {plain(formats.moment(at))}"
    opened = st.dialog(title, width="large", on_dismiss=session.close_pair)
    # What runs again is in it and not itself, which would close at each run.
    every_s = shown_moment.refresh_s()
    opened(st.fragment(_draw, run_every=every_s, key=session.DIALOG_FRAGMENT))(venue, symbol, at)


def _draw(venue: str, symbol: str, at: datetime | None) -> None:
    if session.page_rerun_due():
        st.rerun(scope="app")
    with error_boundary():
        load_chart_code()
        shown, seen = shown_moment.moment(at or as_of.asked_time()), view.current()
        names = queries.read("pair_names", shown)
        subject = _subject(names, venue, symbol)
        if subject is None:
            st.info("No data for this pair at this time.")
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            # A link, unlike ``st.switch_page``, leaves in the URL what the sidebar asks for.
            st.page_link(
                "app_pages/market.py",
                label="Open in Market",
                icon=":material/candlestick_chart:",
                query_params=subject.query | as_of.in_url(at),
            )
            star(subject.base)
            live_badge(shown, key="live_dialog")
        wanted = chart_and_figures.Wanted(
            subject, market_range("24 h", seen.timeframe), FIRST, shown, seen
        )
        now = chart_and_figures.latest(wanted)
        chart_and_figures.figures(now, wanted)
        chart_and_figures.chart(chart_and_figures.load(wanted, now), wanted, key="pair_chart")


def _subject(names: pd.DataFrame, venue: str, symbol: str) -> Subject | None:
    """Return what the dialog is of; None where *names*, of ``pair_names.sql``, lack it."""
    is_asset = not venue
    known = (
        names[names["base"] == symbol]
        if is_asset
        else names[(names["venue"] == venue) & (names["symbol"] == symbol)]
    )
    if known.empty:
        return None
    return Subject(str(known["base"].iloc[0]), None if is_asset else (venue, symbol))
