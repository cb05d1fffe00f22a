"""What all charts have in common: ground, letters, the pointer's label, and the axis of time."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import Any, Final

import altair as alt
import plotly.graph_objects as go

from analytics.palette import Colors

FONT: Final = '"Source Sans", sans-serif'
"""The letters of the rest of the page."""
_HOURS_UP_TO: Final = timedelta(days=2)
_DAYS_AND_HOURS_UP_TO: Final = timedelta(days=6)


def literal(name: str) -> str:
    """Return *name* escaped, so that Plotly shows it literally.

    Plotly interprets tags and entities in every label, links included.
    """
    return escape(name, quote=False)


def frame(colors: Colors) -> dict[str, Any]:
    """Return the part of a figure's layout that is the same in every chart.

    The ground is the page's own and not see-through: a saved picture can be read on any paper,
    and the crosshair has no pale edge.
    """
    return {
        # Streamlit hands Plotly each chart twice, the second time as a copy, and Plotly draws anew
        # wherever something is another object: by this number it knows that data are the same.
        "datarevision": 1,
        # Else Plotly sends tens of kilobytes of settings that all are overruled here. A word: an
        # empty object would be another one in the copy.
        "template": "none",
        "paper_bgcolor": colors.background,
        "plot_bgcolor": colors.background,
        "font": {"family": FONT, "color": colors.text, "size": 12},
        "showlegend": False,
        "hoverlabel": {
            "bgcolor": colors.background,
            "bordercolor": colors.muted,
            # It does not take them from the chart.
            "font": {"family": FONT, "size": 12, "color": colors.text},
            "namelength": -1,
            "align": "left",
        },
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": colors.muted,
            "activecolor": colors.line,
        },
    }


def figure(data: list[dict[str, Any]], layout: dict[str, Any]) -> go.Figure:
    """Return the figure of *data* and *layout* as they are.

    To check every cell takes Plotly most of the time of a chart; the tests of charts do.
    """
    return go.Figure({"data": data, "layout": layout}, _validate=False)


def whole(low: float | str, high: float | str) -> dict[str, Any]:
    """Return axis settings for *low* to *high* until the user zooms.

    Not its range: the browser must be able to tell a range that the user chose from one that a
    chart begins with; see ``components/chart_zoom.py``.
    """
    return {"autorangeoptions": {"include": [low, high], "clipmin": low, "clipmax": high}}


def across(axis: str, low: float, high: float) -> dict[str, Any]:
    """Return the place of a shape from *low* to *high* of a y *axis*, over the chart's width."""
    return {"xref": "paper", "x0": 0, "x1": 1, "yref": axis, "y0": low, "y1": high}


def time_axis(length: timedelta, colors: Colors) -> alt.Axis:
    """Return Altair's axis of time: hours within a day or two, days from a week on, else both."""
    both = "%b %d %H:%M" if length <= _DAYS_AND_HOURS_UP_TO else "%b %d"
    return alt.Axis(
        format="%H:%M" if length <= _HOURS_UP_TO else both,
        grid=False,
        labelOverlap=True,
        tickCount=8,
        domainColor=colors.grid,
    )
