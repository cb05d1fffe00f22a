"""How charts behave under a pointer and under a finger."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.frame.downloads import plotly_config
from dashboard.state import Moment


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
