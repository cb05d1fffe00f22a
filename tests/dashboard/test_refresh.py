"""What stands in for a page while it reads, and what a refresh leaves of that."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def page():
    """A page of two figures."""
    import streamlit as st

    from dashboard.panels.refresh import refreshed

    def board():
        st.metric("Open interest", "$1.00B")
        st.metric("Volume", "$2.00B")

    refreshed(board, waits_for="the market")


@pytest.fixture
def app(record):
    record.publish()
    return AppTest.from_function(page, default_timeout=30)


def places(block, path=()):
    """Return what stands where."""
    found = {}
    for place, child in block.children.items():
        found[(*path, place)] = child.type
        if hasattr(child, "children"):
            found |= places(child, (*path, place))
    return found


def test_nothing_stands_in_for_a_page_that_is_there(app):
    """No outline and no spinner is left once the figures are drawn."""
    app.run()

    assert not app.exception
    assert not {"skeleton", "spinner"} & set(places(app.main).values())
    assert len(app.metric) == 2


def test_a_refresh_puts_everything_where_it_was(app):
    """An element that moves to another place is made anew by the browser: the page would blink."""
    first = places(app.run().main)

    again = places(app.run().main)

    assert [path for path, kind in first.items() if kind == "metric"] == [
        path for path, kind in again.items() if kind == "metric"
    ]
