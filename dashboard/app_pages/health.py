"""Health: how each venue answers, and the state of the record."""

import streamlit as st

from dashboard import loaders, state
from dashboard.panels.explained import explained
from dashboard.panels.freshness import follow_origin, headline
from dashboard.panels.offers import offers
from dashboard.panels.record import record, set_aside
from dashboard.panels.venues import venue_table


def board() -> None:
    """Draw everything that moves with the cycles."""
    with explained():
        shown = loaders.moment(state.asked_time())
        follow_origin(shown)
        headline("Health", shown)
        cycles = loaders.venue_cycles(shown)
        if cycles.empty:
            st.info("No cycle ran in the 24 hours before: the record was imported, not collected.")
        else:
            venue_table(cycles, shown)
        offers(loaders.offers())
        record(loaders.record_size(shown), loaders.disk_bytes(loaders.folder()))
        set_aside(loaders.set_aside())


with explained():
    st.fragment(board, run_every=loaders.refresh_s())()
