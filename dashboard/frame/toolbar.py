"""The timeframe, beside the title of a page that uses it."""

from __future__ import annotations

from typing import Final

import streamlit as st

from analytics.panels.panel import TIMEFRAMES
from dashboard.view import FIRST_TIMEFRAME

_WITHOUT: Final = ("Health", "Wallboard")
"""Pages on which nobody chooses a timeframe. The Wallboard keeps that of the page before."""

_STYLE: Final = """
<style>
/* In the line of the page's title, whose fragment draws itself anew without it. */
@media (min-width: 1280px) {
  [data-testid="stLayoutWrapper"]:has(> .st-key-toolbar) { position: absolute; right: 1.5rem;
    width: auto; z-index: 1; margin-top: 3px }
  .st-key-headline { padding-right: 28rem }
}
</style>
"""
_HIDDEN: Final = """
<style>
[data-testid="stLayoutWrapper"]:has(> .st-key-toolbar) { display: none }
</style>
"""


def toolbar(page: str) -> str:
    """Draw what the figures of *page* are over, and return the timeframe.

    On a page without it, it is there but not seen: what no field holds is lost from the URL at
    the next page.

    Args:
        page: Its title.
    """
    st.html(_HIDDEN if page in _WITHOUT else _STYLE)
    with st.container(key="toolbar", horizontal=True, gap="small", width="content"):
        timeframe = st.segmented_control(
            "Timeframe",
            list(TIMEFRAMES),
            default=FIRST_TIMEFRAME,
            required=True,
            key="timeframe",
            bind="query-params",
            label_visibility="collapsed",
        )
    return timeframe or FIRST_TIMEFRAME
