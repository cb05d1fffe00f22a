"""The day report: a date picker and the PDF of that day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final

import streamlit as st

from analytics import formats
from analytics.exports.day_report import day_report
from dashboard.as_of import Moment
from dashboard.frame.downloads import pdf_button
from dashboard.loaders import queries, shown_moment

_DAY: Final = timedelta(days=1)


def day_report_menu(shown: Moment) -> None:
    """Draw a menu that makes the report of a day that is over, of the whole market."""
    menu = st.popover("Day report", icon=":material/today:", key="day_report", on_change="rerun")
    if not menu.open:
        return
    with menu:
        last = (shown.now - _DAY).date()
        day = st.date_input("Day, UTC", value=last, max_value=last, key="day_report_day")
        closed = datetime.combine(day, time(), UTC) + _DAY
        with st.spinner(f"Loading the day up to {formats.moment(closed)}"):
            then = shown_moment.moment(closed)
            pairs = queries.pairs(then, _DAY)
            history, silent = queries.market_history(then), queries.silent_pairs(then)
        if pairs.empty or history.empty:
            words = f"No data at the end of {day}."
            if then.fetched_later:
                words += " Data fetched later is excluded; the sidebar can include it."
            st.info(words)
            return
        pdf_button(
            "End-of-day report",
            "Market day",
            then,
            lambda: day_report(closed, then.origin, pairs, history, len(silent)),
        )
        some = "" if silent.empty else f"{len(pairs):,} of "
        pairs_words = f"{some}{formats.plural(len(pairs) + len(silent), 'pair')}"
        st.caption(f"Whole market at {formats.moment(closed)}, {then.known_words}: {pairs_words}.")
