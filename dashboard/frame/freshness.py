"""The line on top of every page: live, stopped or at a past time, and why."""

from __future__ import annotations

from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analytics import formats
from analytics.exports.report import market_label
from analytics.palette import colors
from dashboard.frame.error_boundary import plain
from dashboard.frame.local_time import beside, titled
from dashboard.frame.transport import transport_place
from dashboard.loaders import shown_moment
from dashboard.state import record
from dashboard.state.as_of import Moment

_LIVE = ":green[:material/sensors: **Live**]"

_OLD_REFRESHES: Final = 3
"""What was not refreshed for so many is no longer called live."""

_WATCH: Final = """
<style>
.perpscope-old > * { display: none !important }
.perpscope-old::before { content: attr(data-old); color: %(color)s; font-weight: 600 }
</style>
<script>
  // By the browser alone: a tab that slept, and one whose server is gone, get no refresh.
  window.perpscopeOldMs = %(old_ms)d
  window.perpscopeSeen ??= new WeakMap()
  window.perpscopeWatch ??= setInterval(() => {
    for (const badge of document.querySelectorAll("[class*='st-key-live'], .wall-live")) {
      const words = badge.textContent, seen = window.perpscopeSeen.get(badge)
      if (seen?.words !== words) window.perpscopeSeen.set(badge, { words, at: Date.now() })
      const isOld = seen?.words === words && Date.now() - seen.at > window.perpscopeOldMs
      badge.classList.toggle("perpscope-old", isOld)
      const [time] = words.match(/[0-9:]{8} UTC/) ?? [words]
      badge.dataset.old = `Snapshot of ${time}`
    }
  }, 1000)
</script>
"""


def headline(title: str, shown: Moment, *, bar_open: bool = False) -> DeltaGenerator:
    """Draw the page's title, and beside it what time the page shows; return their row.

    Args:
        title: Of the page.
        shown: The time that it shows.
        bar_open: Whether the transport bar stands beneath it on a live page, too.
    """
    row = title_row(title)
    with row:
        live_badge(shown)
        transport_place(is_open=bar_open)
    if shown.is_uploaded and shown.mode == "stopped":
        st.info(_end_of_upload(shown), icon=":material/upload_file:")
    elif shown.mode == "stopped":
        st.warning(_why_not_live(shown), icon=":material/pause_circle:")
    if shown.mode == "asked":
        with st.container(key="as_of_note"):
            st.info(_as_of_note(shown))
    return row


def title_row(title: str) -> DeltaGenerator:
    """Draw the *title* of a page that shows no time, and return the row that it stands in."""
    row = st.container(key="headline", horizontal=True, vertical_alignment="center", gap="small")
    row.header(title, anchor=False, width="content")
    return row


def live_badge(shown: Moment, key: str = "live") -> None:
    """Draw that *shown* is live, its time, and how often it is refreshed; nothing if it is not."""
    if shown.mode != "live":
        return
    clock = titled(formats.clock(shown.now), shown.now)
    with st.container(key=key, width="content"):
        every = f":gray[every {shown_moment.refresh_s():.0f} s]"
        st.markdown(f"{_LIVE} {clock} {every}", unsafe_allow_html=True, width="content")


def watch_badges() -> None:
    """Turn the badge of what was not refreshed for a while amber; to be called on every page."""
    old_ms = 1000 * _OLD_REFRESHES * shown_moment.refresh_s()
    words = _WATCH % {"color": colors(st.context.theme.type).alert, "old_ms": old_ms}
    st.html(words, unsafe_allow_javascript=True)


def _why_not_live(shown: Moment) -> str:
    as_of = f"Showing data as of {formats.moment(shown.now)}"
    if shown.ahead:
        return (
            f"The collector's clock is {formats.age(shown.ahead)} ahead of this machine's. "
            f"{as_of}{beside(shown.now)}. Correct the clock that is wrong; until then this page "
            "cannot tell whether a collector is running."
        )
    return f"No collector is running. {as_of} (age {formats.age(shown.age)}{beside(shown.now)})."


def _end_of_upload(shown: Moment) -> str:
    at = f"{formats.moment(shown.now)} (age {formats.age(shown.age)}{beside(shown.now)})"
    return f"This uploaded record is shown at its end, {at}. Play it, or choose another time."


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


_ROOM_FOR_LABEL: Final = """
<style>
/* Beside the names of the pages, which do without their signs; on two lines if that is too wide. */
@media (min-width: 1351px) and (max-width: 1800px) {
  [data-testid="stTopNavLink"] span:has(> [data-testid="stIconMaterial"]) { display: none }
  [data-testid="stLayoutWrapper"]:has(> .st-key-origin) { top: 1rem; right: 12.5rem; zoom: 1 }
}
@media (min-width: 1351px) and (max-width: 1439px) {
  .st-key-origin { max-width: 9.5rem }
  .st-key-origin [data-testid="stMarkdownContainer"] :is(p, span) { white-space: normal }
}
</style>
"""


def origin_label(origin: str | None) -> None:
    """Draw what market this is, where it is not a live one."""
    st.session_state["labelled_origin"] = origin
    if origin is None or (label := market_label(origin)) is None:
        return
    with st.container(key="origin", width="content", horizontal=True, gap="xsmall"):
        if origin == "simulator":
            st.badge(label, icon=":material/science:", color="orange")
            st.html(_ROOM_FOR_LABEL)
        else:
            st.badge(plain(label), icon=":material/upload_file:", color="violet")
            st.button(
                "Back to live",
                key="leave_upload",
                type="tertiary",
                help="Show the live record. The uploaded one stays open in Studio.",
                on_click=record.look_at,
                args=("",),
            )


def follow_origin(shown: Moment) -> None:
    """Rerun the page if the lake is of another market than labelled."""
    if st.session_state.get("labelled_origin") != shown.origin:
        st.rerun(scope="app")
