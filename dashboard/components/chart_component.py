"""The chart of linked panes as a component: it stays in the browser, and is sent what changed.

Streamlit sends a component's whole code and data whenever its data changed. So the code goes
with a component that has no data, which the browser keeps, and the data is only what changed
since the last run. A browser that missed an update asks for the whole.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import streamlit as st

from dashboard.charts.linked_chart import LinkedChart, changes, code, style, whole

_DRAW: Final = """
export default async (component) => {
  globalThis.perpscopeChart ??= Promise.withResolvers()
  return (await globalThis.perpscopeChart.promise)(component)
}
"""


@cache
def _components() -> tuple[Any, Any]:
    """Return the component with the code, and the one that draws."""
    component = st.components.v2.component
    return (
        component("perpscope_chart_code", html="<span></span>", js=code()),
        component("perpscope_chart", html='<div class="chart"></div>', css=style(), js=_DRAW),
    )


def load_chart_code() -> None:
    """Send the chart's code, if the browser does not have it: before the page reads its data."""
    _components()[0](key="chart_code")


def linked_chart(chart: LinkedChart, key: str) -> None:
    """Draw *chart*, or send what it has other than the last one.

    Args:
        chart: What is to be seen.
        key: Of the component.
    """
    place = f"{key}_sent"
    number, sent = st.session_state.get(place, (0, None))
    # Its state goes when it leaves the screen, and with it what the browser was sent.
    if key not in st.session_state:
        sent = None
    number += 1
    update = None if sent is None else changes(chart, sent, number)
    st.session_state[place] = (number, chart)

    def missed() -> None:
        st.session_state[place] = (number, None)

    data = whole(chart, number) if update is None else update
    _components()[1](key=key, data=data, on_missed_change=missed)
