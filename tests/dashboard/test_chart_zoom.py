"""The zoom: a new bar begins where the user was, and nothing new leaves the chart alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

DAY = ["2025-10-22 02:00", "2025-10-22 03:00"]


def told(subject="BTC 24 h", replaced=False, **ranges):
    """What the browser says after the user zoomed."""
    return SimpleNamespace(ranges={"subject": subject, "ranges": ranges, "replaced": replaced})


def drawing():
    import plotly.graph_objects as go
    import streamlit as st

    from dashboard.components.chart_zoom import zoomed

    given = st.session_state["given"]
    figure = go.Figure({"data": [{"type": "bar", "y": given["bars"]}]})
    figure.update_layout(yaxis2={"autorange": "reversed"})
    figure = zoomed(figure, given["subject"])
    st.session_state["layout"] = figure.to_dict()["layout"]


@pytest.fixture
def layout():
    """Draws with what the browser told, and returns the layout's ranges by axis."""
    app = AppTest.from_function(drawing)

    def drawn(bars=(1, 2), subject="BTC 24 h", zoom=None):
        app.session_state["given"] = {"bars": list(bars), "subject": subject}
        if zoom is not None:
            app.session_state["chart_zoom"] = zoom
        app.run()
        assert not app.exception
        axes = app.session_state["layout"]
        zooms = {name: axis for name, axis in axes.items() if "range" in axis}
        # Else the browser would fit the axis to what is drawn, whatever its range.
        assert all(axis["autorange"] is False for axis in zooms.values())
        return {name: axis["range"] for name, axis in zooms.items()}

    return drawn


def test_a_new_bar_is_drawn_where_the_user_was(layout):
    """Time and scale."""
    layout(bars=[1])

    ranges = layout(bars=[1, 2], zoom=told(xaxis=DAY, yaxis2=[5, 6]))

    assert ranges == {"xaxis": DAY, "yaxis2": [5, 6]}


def test_nothing_new_is_the_chart_that_stands_there(layout):
    """The browser shows the zoom already; another layout would draw it anew."""
    before = layout()

    assert layout(zoom=told(xaxis=DAY)) == before == {}


def test_a_zoom_that_a_refresh_overtook_is_drawn(layout):
    """Once: drawn again for nothing, the chart would flicker."""
    layout(bars=[1])
    layout(bars=[1, 2])

    zoom = told(xaxis=DAY, replaced=True)
    assert layout(bars=[1, 2], zoom=zoom) == {"xaxis": DAY}
    assert layout(bars=[1, 2], zoom=told(xaxis=DAY)) == {"xaxis": DAY}


@pytest.mark.parametrize("subject", ["ETH 24 h", "BTC 7 d"])
def test_another_subject_or_time_begins_whole(layout, subject):
    """A zoom belongs to what was zoomed."""
    layout()

    assert layout(bars=[9], subject=subject, zoom=told(xaxis=DAY)) == {}


def test_a_zoom_undone_is_gone(layout):
    """After a double click the browser tells no range."""
    layout()
    layout(bars=[1, 2, 3], zoom=told(xaxis=DAY))

    assert layout(bars=[1, 2, 3, 4], zoom=told()) == {}


@pytest.mark.parametrize(
    "ranges", [None, "x", {"subject": 1}, {"ranges": []}, {"subject": "", "ranges": {"xaxis": 1}}]
)
def test_what_a_browser_may_send_besides_is_no_zoom(layout, ranges):
    """People can edit it."""
    layout()

    assert layout(bars=[9], zoom=SimpleNamespace(ranges=ranges)) == {}
