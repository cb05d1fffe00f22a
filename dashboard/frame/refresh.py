"""Redraws a page's live part each cycle, also behind an open dialog."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import streamlit as st

from dashboard.frame.alert_news import alert_news
from dashboard.frame.error_boundary import error_boundary
from dashboard.frame.freshness import watch_badges
from dashboard.frame.transport import transport_bar
from dashboard.loaders import shown_moment
from dashboard.loaders.read_ahead import learning
from dashboard.state import record, session

_VISITED: Final = "visited_pages"
_HEIGHT: Final = 480
"""Height of the placeholder of a page that is loading. [px]"""


def refreshed(
    board: Callable[[], None], every_s: float | None = None, *, waits_for: str = "data"
) -> None:
    """Run *board* as a fragment each cycle.

    Args:
        board: Draws everything that moves.
        every_s: Interval, if other than the cycle. [wall s]
        waits_for: What the spinner says is loading.
    """
    with error_boundary():
        session.page_rerun_due()
        watch_badges()

        def ticking() -> None:
            # A click in here runs the fragment alone: what is the page's to do needs the page.
            if session.page_rerun_due() or record.is_gone():
                st.rerun(scope="app")
            alert_news()
            with learning() as calls, loading_outline(board.__code__.co_filename, waits_for):
                board()
            transport_bar(calls)

        pace = every_s or shown_moment.refresh_s()
        st.fragment(ticking, run_every=pace, key=session.PAGE_FRAGMENT)()


@contextmanager
def loading_outline(page: str, waits_for: str) -> Iterator[None]:
    """Show an outline below what is drawn, on a session's first visit of *page*.

    The places are the same in every run, so that a refresh replaces each element by itself.
    """
    visited: set[str] = st.session_state.setdefault(_VISITED, set())
    body, outline = st.container(), st.empty()
    if page in visited:
        with body:
            yield
        return
    try:
        with outline.container(), st.spinner(f"Loading {waits_for} …"):
            st.skeleton(_HEIGHT)
            with body:
                yield
    finally:
        outline.empty()
    visited.add(page)
