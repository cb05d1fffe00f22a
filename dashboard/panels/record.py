"""The state of the record: how much it holds, and what was damaged."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from analytics import formats
from dashboard.panels.explained import plain


def record(sizes: pd.DataFrame, disk_bytes: int) -> None:
    """Draw how much the record holds."""
    st.subheader("Record", anchor=False)
    with st.grid(len(sizes) + 1, min_column_width=150, gap="xsmall"):
        for table, rows in zip(sizes["table_name"], sizes["row_count"], strict=True):
            st.metric(table.capitalize(), formats.count(rows), border=True)
        st.metric("On disk", formats.size(disk_bytes), border=True)


def set_aside(notes: list[dict[str, str]]) -> None:
    """Draw what was found damaged and taken out of the record."""
    if not notes:
        st.caption("No damaged file was ever found.")
        return
    st.warning(
        f"{formats.plural(len(notes), 'damaged file')} taken out of the record and kept in "
        "the folder set-aside; the gap stays visible as a gap.",
        icon=":material/heart_broken:",
    )
    for note in reversed(notes):
        st.caption(plain(", ".join(f"{key}: {value}" for key, value in note.items())))
