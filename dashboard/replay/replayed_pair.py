"""The chart of one pair, or of one asset over its venues, beside what happened."""

from __future__ import annotations

import streamlit as st

from dashboard.components.chart_component import load_chart_code
from dashboard.components.time_range import market_range
from dashboard.frame.brand import style_part
from dashboard.frame.error_boundary import plain
from dashboard.loaders import queries
from dashboard.pair_chart import chart_and_figures, instrument_picker
from dashboard.pair_chart.panes import FIRST
from dashboard.state.as_of import Moment
from dashboard.state.view import View


def pair(shown: Moment, seen: View) -> None:
    """Ask which pair to show, that of Market at first, and draw its last 24 hours."""
    load_chart_code()
    names = queries.read("pair_names", shown)
    if names.empty:
        st.caption("No pair has data at this time.")
        return
    subject = instrument_picker.requested(names)
    style_part(instrument_picker.STYLE)
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
        instrument_picker.choose(names, subject)
    if subject is None:
        st.info(plain(instrument_picker.unknown(names)))
        return
    wanted = chart_and_figures.Wanted(
        subject, market_range("24 h", seen.timeframe), FIRST, shown, seen
    )
    now = chart_and_figures.latest(wanted)
    loaded = chart_and_figures.load(wanted, now)
    chart_and_figures.chart(loaded, wanted, key="replay_chart")
