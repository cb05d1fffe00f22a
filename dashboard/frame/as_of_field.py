"""The field of the time that is looked at: typed, picked or stepped to; below it what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from analytics import formats
from analytics.errors import PerpscopeError, QueryError
from dashboard.frame.error_boundary import plain
from dashboard.loaders import queries, shown_moment
from dashboard.state import as_of

_BEFORE: Final = "as_of_before"
_WRONG: Final = "as_of_wrong"
_PICKED: Final = "as_of_picked"


def as_of_field() -> None:
    """Ask for a time; what is no time leaves the page as it was."""
    as_of.settle()
    # What no field of the frame holds is lost from the URL at the next page.
    st.text_input(
        "As of (UTC)",
        key=as_of.AT,
        bind="query-params",
        placeholder="now",
        help="Show the market at a past time: 2025-10-22 12:44, or 12:44 for today. Empty is now.",
        on_change=_check,
    )
    is_past = bool(st.session_state.get(as_of.AT))
    st.session_state[_BEFORE] = st.session_state.get(as_of.AT, "")
    if wrong := st.session_state.get(_WRONG):
        st.error(plain(wrong))
    with st.container(horizontal=True, gap="xsmall"):
        st.button("−1 h", on_click=_step, args=(-1,), help="One hour earlier")
        st.button("+1 h", on_click=_step, args=(1,), disabled=not is_past, help="One hour later")
        with st.popover("Pick", icon=":material/calendar_month:", help="Pick date and time, UTC"):
            st.datetime_input("Date and time, UTC", value=None, key=_PICKED, on_change=_pick)
        if is_past:
            st.button("Now", on_click=as_of.go_to, args=(None,), help="Back to now")
    if not is_past:
        return
    _record()
    st.toggle(
        "Include data fetched later",
        key=as_of.LATER,
        bind="query-params",
        help=(
            "Adds data fetched afterwards from venue history or files. It was not known at that "
            "time."
        ),
    )


def _check() -> None:
    """Take back a time that is none, and keep why for the place beneath the field."""
    as_of.typed()
    st.session_state.pop(_WRONG, None)
    try:
        shown_moment.moment(as_of.asked_time())
    except QueryError as error:
        said = str(error).removeprefix(f"{as_of.AT}=")
        st.session_state[_WRONG] = f"{said[:1].upper()}{said[1:]}."
        st.session_state[as_of.AT] = st.session_state.get(_BEFORE, "")
    except PerpscopeError:
        # The page says what is wrong with the lake.
        return


def _step(hours: int) -> None:
    try:
        shown = shown_moment.moment(as_of.asked_time()).now + timedelta(hours=hours)
        is_over = shown >= shown_moment.moment().now
    except PerpscopeError:
        return
    st.session_state.pop(_WRONG, None)
    as_of.go_to(None if is_over else shown)


def _pick() -> None:
    picked: datetime | None = st.session_state[_PICKED]
    if picked is not None:
        as_of.go_to(picked.replace(tzinfo=UTC))
        as_of.settle()
        _check()


def _record() -> None:
    """Say from when to when there is a record."""
    try:
        now = shown_moment.moment()
        row = queries.record_span(now).iloc[0]
    except PerpscopeError:
        return
    if row["first_ts"] == row["first_ts"]:
        first, last = formats.moment(row["first_ts"]), formats.moment(row["last_ts"])
        st.caption(plain(f"Record runs from {first} to {last}."))
