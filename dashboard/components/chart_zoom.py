"""Zoom of a chart of cells, kept when a refresh redraws it.

Streamlit draws a Plotly chart from scratch as soon as anything in it is new. So the
browser tells what the user zoomed to, and the next chart that differs begins there; as
long as nothing differs, the one on the screen is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import plotly.graph_objects as go
import streamlit as st

from dashboard.frame.downloads import plotly_config
from dashboard.state.as_of import Moment

_KEY: Final = "chart_zoom"
_DRAWN: Final = "chart_drawn"

_JS: Final = """
const TELL_MS = 400

export default function ({ data, parentElement, setStateValue }) {
  const watch = () => {
    const chart = document.querySelector(`.st-key-${data.chart} .js-plotly-plot`)
    // Plotly gives a chart that it draws from scratch another `on`, and forgets who listened.
    if (!chart || !chart.on || chart.perpscopeWatched === chart.on) return
    const drawn = (chart.perpscopeWatched = chart.on)
    let timer
    drawn("plotly_relayout", () => {
      // Read at once: a refresh may take the chart away, and its layout with it, before it is sent.
      const subject = parentElement.perpscopeSubject
      const ranges = {}
      for (const [name, axis] of Object.entries(chart.layout)) {
        const isAxis = /^[xy]axis\\d*$/.test(name)
        if (isAxis && axis.range && axis.autorange !== true) ranges[name] = [...axis.range]
      }
      clearTimeout(timer)
      timer = setTimeout(() => {
        const replaced = !chart.isConnected || chart.on !== drawn
        setStateValue("ranges", { subject, ranges, replaced })
      }, TELL_MS)
    })
  }
  parentElement.perpscopeSubject = data.subject
  // At once, and not now and then: a zoom may come the moment a chart is there.
  parentElement.perpscopeObserver?.disconnect()
  const observer = new MutationObserver(watch)
  observer.observe(document.body, { childList: true, subtree: true })
  parentElement.perpscopeObserver = observer
  watch()
  return () => observer.disconnect()
}
"""

_zoom = st.components.v2.component("perpscope_zoom", html="<span></span>", js=_JS)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The chart on the screen."""

    digest: str
    """Of the chart before it was zoomed."""
    ranges: dict[str, Any]
    """By axis."""


def zoomable(
    figure: go.Figure,
    subject: str,
    *,
    key: str,
    config: dict[str, Any],
    alt: str,
) -> None:
    """Draw *figure* at the user's last zoom, and let the browser report the next one.

    Args:
        figure: With all of it in sight.
        subject: Of what, and over how much time; another one begins unzoomed.
        key: The chart's.
        config: Plotly's settings.
        alt: What it shows, in words.
    """
    st.plotly_chart(zoomed(figure, subject), theme=None, key=key, config=config, alt=alt)
    _zoom(key=_KEY, data={"chart": key, "subject": subject}, on_ranges_change=lambda: None)


def zoomed(figure: go.Figure, subject: str) -> go.Figure:
    """Return *figure* as the user last zoomed it, if that was a chart of the same *subject*."""
    digest = sha256(figure.to_json(validate=False).encode()).hexdigest()
    drawn: _Drawn | None = st.session_state.get(_DRAWN)
    ranges, replaced = _ranges_sent(subject)
    if drawn is None or drawn.digest != digest or (replaced and drawn.ranges != ranges):
        drawn = _Drawn(digest, ranges)
        st.session_state[_DRAWN] = drawn
    figure.update_layout(
        {name: {"range": ends, "autorange": False} for name, ends in drawn.ranges.items()}
    )
    return figure


def _ranges_sent(subject: str) -> tuple[dict[str, Any], bool]:
    """Return the ranges by axis that the browser sent, as far as they are of this chart.

    And whether a refresh replaced the chart that was zoomed before they could be sent: what
    stands on the screen is then not zoomed yet.
    """
    sent = getattr(st.session_state.get(_KEY), "ranges", None)
    if not isinstance(sent, dict) or not isinstance(sent.get("ranges"), dict):
        return {}, False
    if sent.get("subject") != subject:
        return {}, False
    ranges = {
        name: ends
        for name, ends in sent["ranges"].items()
        if name.startswith(("xaxis", "yaxis")) and isinstance(ends, list) and len(ends) == 2
    }
    return ranges, sent.get("replaced") is True


def on_touch() -> bool:
    """Return whether the page is on a touch screen, where nothing can hover."""
    return "Mobile" in st.context.headers.get("User-Agent", "")


def chart_settings(name: str, shown: Moment) -> dict[str, Any]:
    """Return Plotly's settings for the chart *name*, which its saved picture is called by.

    On a touch screen Plotly's buttons would never go away, and lie over legend and names.
    A double click and the button that undo a zoom fit the axes to what is drawn: the range
    that a chart begins with may be the user's own zoom.
    """
    return {
        **plotly_config(name, shown),
        "scrollZoom": False,
        "displayModeBar": False if on_touch() else "hover",
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "resetScale2d"],
        "doubleClick": "autosize",
    }
