"""What a page says in place of its content where the lake has nothing to show.

Why single values, venues or panes are missing is said by the page that they are missing on.
"""

from __future__ import annotations

import streamlit as st

from analytics import formats
from dashboard.as_of import Moment
from dashboard.frame.error_boundary import plain


def no_data(span: str, shown: Moment, *, of: str | None = None) -> None:
    """Say that the *span* before the time *shown* holds no data, or none *of* something."""
    what = "" if of is None else f" for {of}"
    st.info(plain(f"No data{what} in the {span} before {formats.moment(shown.now)}."))


def no_data_selected(span: str, shown: Moment) -> None:
    """Say that it holds none of what the sidebar selects."""
    no_data(span, shown, of="the selected pairs and venues")
