"""The line on top of every page: live, stopped or at a past time, and why."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analytics import formats
from analytics.exports.report import SIMULATED
from dashboard import as_of, session
from dashboard.as_of import Moment
from dashboard.frame.local_time import beside, titled

_LIVE = ":green[:material/sensors: **Live**]"


def headline(title: str, shown: Moment) -> DeltaGenerator:
    """Draw the page's title, and beside it what time the page shows; return their row."""
    row = st.container(key="headline", horizontal=True, vertical_alignment="center", gap="small")
    with row:
        st.header(title, anchor=False, width="content")
        if shown.mode == "live":
            clock = titled(formats.clock(shown.now), shown.now)
            st.markdown(f"{_LIVE} {clock}", unsafe_allow_html=True, width="content")
        if shown.mode == "asked":
            st.button(
                "Back to now",
                icon=":material/arrow_back:",
                on_click=_back_to_now,
            )
    if shown.mode == "stopped":
        st.warning(_why_not_live(shown), icon=":material/pause_circle:")
    if shown.mode == "asked":
        st.info(_as_of_note(shown), icon=":material/history:")
    return row


def _why_not_live(shown: Moment) -> str:
    as_of = f"Showing data as of {formats.moment(shown.now)}"
    if shown.ahead:
        return (
            f"The collector's clock is {formats.age(shown.ahead)} ahead of this machine's. "
            f"{as_of}{beside(shown.now)}. Correct the clock that is wrong; until then this page "
            "cannot tell whether a collector is running."
        )
    return f"No collector is running. {as_of} (age {formats.age(shown.age)}{beside(shown.now)})."


def _as_of_note(shown: Moment) -> str:
    at = f"at {formats.moment(shown.now)} (age {formats.age(shown.age)}{beside(shown.now)})"
    if not shown.fetched_later:
        return f"Showing the market as known {at}."
    undated = ""
    if shown.undated is not None:
        since = formats.moment(shown.undated)
        undated = f" Fetch times are stored since {since} only; older bars count as fetched later."
    if not shown.later_too:
        return (
            f"Showing the market as known {at}. Data fetched later, from venue history or files, "
            f"is excluded; the switch in the sidebar includes it.{undated}"
        )
    return (
        f"Showing stored data {at}, including data fetched later: not known at that time, with "
        f"funding as paid at the end of its period.{undated}"
    )


def _back_to_now() -> None:
    st.session_state[as_of.AT] = ""
    session.rerun_page()


def origin_label(origin: str | None) -> None:
    """Draw what market this is, where it is not a real one."""
    st.session_state["labelled_origin"] = origin
    if origin == "simulator":
        with st.container(key="origin", width="content"):
            st.badge(SIMULATED, icon=":material/science:", color="orange")


def follow_origin(shown: Moment) -> None:
    """Rerun the page if the lake is of another market than labelled."""
    if st.session_state.get("labelled_origin") != shown.origin:
        st.rerun(scope="app")
