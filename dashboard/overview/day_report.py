"""The day report: a date picker and the PDF of that day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import streamlit as st

from analytics import formats
from analytics.panels.panel import Only
from analytics.reports.day_report import LEADS, Day, day_report
from dashboard.frame.downloads import pdf_button
from dashboard.loaders import bars, queries, shown_moment
from dashboard.state import view
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_TITLE: Final = "Day report"
_DAY: Final = timedelta(days=1)
_BARS: Final = 288


def day_report_menu(shown: Moment) -> None:
    """Draw a menu that makes the report of a day that is over, of the whole market."""
    menu = st.popover(_TITLE, icon=":material/today:", key="day_report", on_change="rerun")
    if not menu.open:
        return
    with menu:
        last = (shown.now - _DAY).date()
        day = st.date_input("Day, UTC", value=last, max_value=last, key="day_report_day")
        closed = datetime.combine(day, time(), UTC) + _DAY
        with st.spinner(f"Loading the day up to {formats.moment(closed)}"):
            then = shown_moment.moment(closed)
            known = _known(then)
        if known is None:
            words = f"No data at the end of {day}."
            if then.fetched_later:
                words += " Data fetched later is excluded; the sidebar can include it."
            st.info(words)
            return
        _button(day, closed, then, known)


def _button(day: date, closed: datetime, then: Moment, known: Day) -> None:
    pdf_button(
        f"{_TITLE} {day:%-d %b %Y}",
        "Day",
        then,
        lambda: day_report(closed, then.origin, known),
        day=day,
    )
    pairs, silent = len(known.pairs), known.silent
    some = f"{pairs:,} of " if silent else ""
    pairs_words = f"{some}{formats.plural(pairs + silent, 'pair')}"
    st.caption(f"Whole market at {formats.moment(closed)}, {then.known_words}: {pairs_words}.")


def _known(then: Moment) -> Day | None:
    """Return what is known of the day that ended *then*; None where nothing is."""
    whole = View(timeframe="1d")
    pairs, history = queries.pairs(then, _DAY), queries.market_history(then)
    if pairs.empty or history.empty:
        return None
    thresholds = view.current().thresholds
    return Day(
        pairs=pairs,
        history=history,
        silent=len(queries.silent_pairs(then)),
        assets=queries.assets(then, whole),
        closes=bars.panel(("close",), "5m", then, bars=_BARS, only=Only(bases=LEADS)),
        signals=bars.past_signals(then, thresholds, bars=_BARS),
        thresholds=thresholds,
    )
