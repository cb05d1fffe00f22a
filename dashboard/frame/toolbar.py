"""What rows are of, and the timeframe, beside the title of a page that uses them."""

from __future__ import annotations

from typing import Final

import streamlit as st

from analytics.panels.panel import TIMEFRAMES
from dashboard.frame.rows_switch import rows_switch
from dashboard.state.view import FIRST_TIMEFRAME, Rows

_WITHOUT: Final = ("Alerts", "Studio", "Health", "Wallboard")
"""Pages on which nobody chooses a timeframe. The Wallboard keeps that of the page before."""

_WITH_ROWS: Final = ("Overview", "Heatmap", "Correlation")
"""Pages that list assets or pairs by choice."""

_STYLE: Final = """
<style>
/* Options are written as they stand in the URL. */
.st-key-rows button { text-transform: capitalize }
/* On a phone in one line. */
@media (max-width: 640px) {
  .st-key-toolbar { flex-wrap: nowrap }
  .st-key-toolbar button { padding: 0 0.75rem }
}
/* In the line of the title, where there is one: its fragment draws itself anew without it. */
@media (min-width: 1280px) {
  [data-testid="stLayoutWrapper"]:has(> .st-key-toolbar):has(~ * .st-key-headline) {
    position: absolute; right: 1.5rem; width: auto; z-index: 1; margin-top: 3.5px }
  .st-key-headline { padding-right: 30rem }
  .st-key-headline > :has(.transport[data-open="true"]) {
    margin-right: -30rem; flex-basis: calc(100% + 30rem) }
}
</style>
"""
_HIDDEN: Final = """
<style>
[data-testid="stLayoutWrapper"]:has(> .st-key-toolbar) { display: none }
</style>
"""


_PAIRS_ONLY: Final = """
<style>
.st-key-rows { display: none }
</style>
"""


def toolbar(page: str) -> tuple[Rows, str]:
    """Draw what the figures of *page* are of and over; return rows and timeframe.

    On a page without one, it is there but not seen: what no field holds is lost from the URL at
    the next page.

    Args:
        page: Its title.
    """
    st.html(_HIDDEN if page in _WITHOUT else _STYLE)
    if page not in _WITH_ROWS:
        st.html(_PAIRS_ONLY)
    with st.container(key="toolbar", horizontal=True, gap="small", width="content"):
        rows = rows_switch()
        timeframe = st.segmented_control(
            "Timeframe",
            list(TIMEFRAMES),
            default=FIRST_TIMEFRAME,
            required=True,
            key="timeframe",
            bind="query-params",
            label_visibility="collapsed",
        )
    return rows, timeframe or FIRST_TIMEFRAME
