"""What a page says in place of its content where the lake has nothing to show.

Why single values, venues or panes are missing is said by the page that they are missing on.
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from analytics import formats
from dashboard.frame.error_boundary import plain
from dashboard.loaders import queries
from dashboard.state import as_of, session
from dashboard.state.as_of import Moment


def no_data(span: str, shown: Moment, *, of: str | None = None) -> None:
    """Say that the *span* before the time *shown* holds no data, or none *of* something."""
    what = "" if of is None else f" for {of}"
    st.info(plain(f"No data{what} in the {span} before {formats.moment(shown.now)}."))
    if shown.mode == "asked" and of is None:
        _nearest(shown)


def _nearest(shown: Moment) -> None:
    """Say what time is on record, and offer what is nearest before and after the one *shown*."""
    row = queries.read("record_span", shown, near=shown.now).iloc[0]
    if pd.isna(row["first_ts"]):
        return
    first, last = formats.moment(row["first_ts"]), formats.moment(row["last_ts"])
    st.caption(plain(f"Record runs from {first} to {last}."))
    with st.container(horizontal=True, gap="small"):
        for near in row[["before_ts", "after_ts"]].dropna():
            st.button(f"Go to {formats.moment(near)}", on_click=_go_to, args=(near,))


def _go_to(near: datetime) -> None:
    as_of.go_to(near)
    session.rerun_page()


def no_data_selected(span: str, shown: Moment) -> None:
    """Say that it holds none of what the sidebar selects."""
    no_data(span, shown, of="the selected pairs and venues")
