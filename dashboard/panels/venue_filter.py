"""Which venues a page shows; the choice lives in the URL."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analytics import formats


def venue_filter(pairs: pd.DataFrame, silent: pd.DataFrame) -> list[str]:
    """Ask for the venues of *pairs* and *silent* to show; none chosen means all."""
    venues = sorted({*pairs["venue"], *silent["venue"]})
    chosen = st.pills(
        "Venues",
        venues,
        selection_mode="multi",
        key="venue",
        bind="query-params",
        label_visibility="collapsed",
    )
    count = formats.plural(int(pairs["venue"].isin(chosen or venues).sum()), "pair")
    of_all = "" if chosen or len(venues) == 1 else "all "
    where = f"{of_all}{formats.plural(len(chosen or venues), 'venue')}"
    st.markdown(f":gray[{count} on {where}]", width="content")
    return chosen or venues
