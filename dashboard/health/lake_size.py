"""Size of the lake, uptime of collecting, damaged files, versions."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.lake.upgrade import BYBIT_OI_HALVED
from dashboard.frame.error_boundary import plain
from dashboard.state.as_of import Moment


def collector(since: pd.DataFrame, shown: Moment) -> None:
    """Draw how long cycles have run without a break, from ``collecting_since.sql``."""
    began, is_week = since.iloc[0][["since_ts", "is_whole_week"]]
    known = not pd.isna(began)
    if not known:
        value, said = "not in 7 d", "No cycle in the last 7 days."
    else:
        value = (
            f"over {formats.age(shown.now - began)}" if is_week else formats.age(shown.now - began)
        )
        said = f"Uninterrupted cycles since {formats.moment(began)}."
    st.metric(
        "Collecting for",
        "ended" if known and shown.mode == "stopped" else value,
        help=f"{said} A restart of a few cycles is not counted as a break.",
        border=True,
        height="stretch",
    )


def storage(
    sizes: pd.DataFrame, disk_bytes: int, free_bytes: int, since: pd.DataFrame, shown: Moment
) -> None:
    """Draw row counts, disk use and free space."""
    st.subheader("Storage", anchor=False)
    if shown.mode == "asked":
        st.caption("Rows and disk space are those of now, not of the selected time.")
    with st.grid(len(sizes) + 3, min_column_width=130, gap="xsmall"):
        for table, rows in zip(sizes["table_name"], sizes["row_count"], strict=True):
            st.metric(table.capitalize(), formats.count(rows), help="Rows", border=True)
        st.metric("On disk", formats.size(disk_bytes), border=True)
        st.metric("Free disk space", formats.size(free_bytes), border=True)
        collector(since, shown)


def oi_halved_note(info: dict[str, str]) -> None:
    """Draw the note on Bybit's halved open interest, if the lake has one."""
    if (note := info.get(BYBIT_OI_HALVED)) is None:
        return
    said = json.loads(note)
    rows = [
        f"{formats.plural(said[table], word)} up to {said[f'{table}_until']} UTC"
        for table, word in (("snapshots", "snapshot"), ("bars", "bar"))
        if said[table]
    ]
    st.caption(
        "Earlier versions stored Bybit's open interest of both sides, longs and shorts. It was "
        f"halved to one side in {formats.listed(rows)}."
    )


def versions(found: dict[str, str]) -> None:
    """Draw the versions of what runs here."""
    st.caption(plain(" · ".join(f"{name} {version}" for name, version in found.items())))


def damaged_files(notes: list[dict[str, str]]) -> None:
    """Draw the damaged files that were moved out of the lake."""
    if not notes:
        st.caption("No damaged files.")
        return
    st.warning(
        f"{formats.plural(len(notes), 'damaged file')} moved to the folder set-aside; the lost "
        "data shows as gaps.",
        icon=":material/heart_broken:",
    )
    for note in reversed(notes):
        st.caption(plain(", ".join(f"{key}: {value}" for key, value in note.items())))
