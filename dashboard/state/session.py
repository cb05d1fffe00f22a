"""What a browser session is at: its page, the pair whose dialog is open, the run that is due."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import streamlit as st
from streamlit.errors import StreamlitAPIException

PAGE_FRAGMENT: Final = "page"
DIALOG_FRAGMENT: Final = "pair_dialog"
"""Keys of the fragments that follow the clock."""

_OPEN: Final = "opened_pair"
_PAGE: Final = "entered_page"
_WHOLE: Final = "whole_run"


def open_pair(venue: str, symbol: str, at: datetime | None = None) -> None:
    """Ask for the dialog of a pair: call this in a callback, and the page opens it.

    Args:
        venue: Empty for an asset over its venues.
        symbol: Of the pair, or the asset's base.
        at: The time that it shows, UTC; None for the page's own.
    """
    st.session_state[_OPEN] = (venue, symbol, at)
    rerun_page()


def opened_pair() -> tuple[str, str, datetime | None] | None:
    """Return the pair whose dialog is open, and the time that it shows, as for `open_pair`."""
    pair: tuple[str, str, datetime | None] | None = st.session_state.get(_OPEN)
    return pair


def enter(page: str) -> None:
    """Note the session's *page*; a pair dialog left open on another page is closed."""
    if st.session_state.get(_PAGE, page) != page:
        close_pair()
    st.session_state[_PAGE] = page


def page() -> str:
    """Return the title of the page that the session is on."""
    return str(st.session_state.get(_PAGE, "before the first"))


def close_pair() -> None:
    """Forget the pair whose dialog was open; give this to ``st.dialog(on_dismiss=...)``."""
    st.session_state.pop(_OPEN, None)


def rerun_here() -> None:
    """Draw the fragment that runs again, or the page where that runs as a whole."""
    try:
        st.rerun(scope="fragment")
    except StreamlitAPIException:
        st.rerun()


def rerun_page() -> None:
    """Ask in a fragment's callback for a run of the whole page instead of the fragment."""
    st.session_state[_WHOLE] = True


def page_rerun_due() -> bool:
    """Return once whether a page rerun was requested."""
    return bool(st.session_state.pop(_WHOLE, False))
