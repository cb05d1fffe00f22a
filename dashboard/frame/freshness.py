"""The line on top of every page: where it stands in time, and why."""

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
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    with row:
        st.header(title, anchor=False, width="content")
        if shown.mode == "live":
            clock = titled(formats.clock(shown.now), shown.now)
            st.markdown(f"{_LIVE} {clock}", unsafe_allow_html=True, width="content")
        if shown.mode == "asked":
            st.button(
                "Back to now",
                icon=":material/arrow_back:",
                on_click=_leave_the_past,
            )
    if shown.mode == "stopped":
        st.warning(_why_not_live(shown), icon=":material/pause_circle:")
    if shown.mode == "asked":
        st.info(_of_the_past(shown), icon=":material/history:")
    return row


def _why_not_live(shown: Moment) -> str:
    as_of = f"showing the record as of {formats.moment(shown.now)}"
    if shown.ahead:
        return (
            f"The record's clock is {formats.age(shown.ahead)} ahead of this machine's: {as_of}"
            f"{beside(shown.now)}. Set the clock that is wrong; only then can this page tell "
            "whether a collector is running."
        )
    return f"No collector is running: {as_of} (age {formats.age(shown.age)}{beside(shown.now)})."


def _of_the_past(shown: Moment) -> str:
    at = f"at {formats.moment(shown.now)} (age {formats.age(shown.age)}{beside(shown.now)})"
    if not shown.fetched_later:
        return f"Showing the market as it was known {at}."
    undated = ""
    if shown.undated is not None:
        since = formats.moment(shown.undated)
        undated = f" When it was fetched is noted since {since} only; before, it counts as later."
    if not shown.later_too:
        return (
            f"Showing the market as it was known {at}. What was fetched later of the day before, "
            "from the venues' histories or from files, is left out; the switch in the sidebar "
            f"lets it in.{undated}"
        )
    return (
        f"Showing what the record holds of the market {at}, with history that was fetched later: "
        "nobody who looked then knew it, and funding in it is the rate that was paid at the end "
        f"of its period.{undated}"
    )


def _leave_the_past() -> None:
    st.session_state[as_of.AT] = ""
    session.run_whole()


def origin_label(origin: str | None) -> None:
    """Draw what market this is, where it is not a real one."""
    st.session_state["labelled_origin"] = origin
    if origin == "simulator":
        st.badge(SIMULATED, icon=":material/science:", color="orange")


def follow_origin(shown: Moment) -> None:
    """Draw the whole page again if the record turned out to be of another market."""
    if st.session_state.get("labelled_origin") != shown.origin:
        st.rerun(scope="app")
