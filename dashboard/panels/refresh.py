"""What moves with the market: drawn anew each cycle, and still while a pair's dialog is open."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import loaders, state
from dashboard.panels.explained import explained
from dashboard.panels.pair_dialog import pair_dialog


def refreshed(board: Callable[[], None], every_s: float | None = None) -> None:
    """Run *board* as a fragment on the cycle, and open the pair that was asked for.

    A dialog that a fragment opened would go at its next tick, so it is opened here, by
    the page itself, and nothing ticks behind it.

    Args:
        board: Draws everything that moves.
        every_s: Where something else than the cycle says how often. [wall s]
    """
    with explained():
        state.whole_run_is_due()
        opened = state.opened_pair()
        if opened:
            pair_dialog(*opened)

        def ticking() -> None:
            # A click in here runs the fragment alone: what is the page's to do needs the page.
            if state.whole_run_is_due():
                st.rerun(scope="app")
            board()

        pace = every_s or loaders.refresh_s()
        st.fragment(ticking, run_every=None if opened else pace)()
