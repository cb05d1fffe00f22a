"""The line on top of every page: where it stands in time, and why."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analytics import formats
from analytics.exports.report import SIMULATED
from dashboard import state
from dashboard.state import Moment

_LIVE = ":green[:material/sensors: **Live**]"


def headline(title: str, shown: Moment) -> DeltaGenerator:
    """Draw the page's title, and beside it what time the page shows; return their row."""
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    with row:
        st.header(title, anchor=False, width="content")
        if shown.mode == "live":
            st.markdown(f"{_LIVE} {formats.clock(shown.now)}", width="content")
        if shown.mode == "asked":
            st.button(
                "Back to now",
                icon=":material/arrow_back:",
                on_click=_leave_the_past,
            )
    if shown.mode == "stopped":
        st.warning(
            f"No collector is running: showing the record as of {formats.moment(shown.now)} "
            f"(age {formats.age(shown.age)}).",
            icon=":material/pause_circle:",
        )
    if shown.mode == "asked":
        st.info(
            f"Showing the market as it was known at {formats.moment(shown.now)} "
            f"(age {formats.age(shown.age)}).",
            icon=":material/history:",
        )
    return row


def _leave_the_past() -> None:
    st.session_state[state.AT] = ""
    state.run_whole()


def origin_label(origin: str | None) -> None:
    """Draw what market this is, where it is not a real one."""
    st.session_state["labelled_origin"] = origin
    if origin == "simulator":
        st.badge(SIMULATED, icon=":material/science:", color="orange")


def follow_origin(shown: Moment) -> None:
    """Draw the whole page again if the record turned out to be of another market."""
    if st.session_state.get("labelled_origin") != shown.origin:
        st.rerun(scope="app")
