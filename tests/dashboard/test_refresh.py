"""What stands in for a page while it reads, and what a refresh leaves of that."""

from __future__ import annotations

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.loaders import shown_moment
from tests.waiting import HANG_S


def page():
    """A page of two figures."""
    import streamlit as st

    from dashboard.frame.refresh import refreshed

    def board():
        st.metric("Open interest", "$1.00B")
        st.metric("Volume", "$2.00B")

    refreshed(board, waits_for="the market")


@pytest.fixture
def figures(record):
    """The page alone."""
    record.publish()
    yield AppTest.from_function(page, default_timeout=HANG_S)
    st.cache_data.clear()
    st.cache_resource.clear()


def places(block, path=()):
    """Return what stands where."""
    found = {}
    for place, child in block.children.items():
        found[(*path, place)] = child.type
        if hasattr(child, "children"):
            found |= places(child, (*path, place))
    return found


def test_nothing_stands_in_for_a_page_that_is_there(figures):
    """No outline and no spinner is left once the figures are drawn."""
    figures.run()

    assert not figures.exception
    assert not {"skeleton", "spinner"} & set(places(figures.main).values())
    assert len(figures.metric) == 2


def test_a_refresh_puts_everything_where_it_was(figures):
    """An element that moves to another place is made anew by the browser: the page would blink."""
    first = places(figures.run().main)

    again = places(figures.run().main)

    assert [path for path, kind in first.items() if kind == "metric"] == [
        path for path, kind in again.items() if kind == "metric"
    ]


def damaged(record):
    """Damage what is published, and return a function that undoes it."""
    public = record.folder / "public.ducklake"
    whole = public.read_bytes()

    def publish(content):
        fresh = public.with_suffix(".fresh")
        fresh.write_bytes(content)
        fresh.replace(public)

    publish(b"not a catalog" * 1000)
    return lambda: publish(whole)


def test_what_cannot_be_read_is_looked_at_again(figures, record, monkeypatch):
    """The figures are a fragment also where the record is damaged, and soon tried again."""
    monkeypatch.setenv("PERPSCOPE_INTERVAL_S", "3600")
    damaged(record)

    figures.run()

    assert not figures.error
    assert len(figures.metric) == 2
    assert shown_moment.refresh_s() == 5


@pytest.mark.parametrize("name", ["overview", "exchanges", "health", "wallboard"])
def test_a_damaged_record_is_said_once_and_got_over(opened, record, name):
    """A page that was first opened then is as good as any as soon as it can be read again."""
    record.snapshot("BTC/USDT:USDT", price=1.0)
    record.publish()
    restored = damaged(record)
    page = opened(f"app_pages/{name}.py", publish=False)

    assert len(page.error) == 1
    assert "cannot be read" in page.error[0].value

    restored()
    assert not page.run().error


def test_a_damaged_wallboard_asks_again_in_its_own_style(opened, record):
    """A screen on a wall has nobody who loads it again."""
    record.publish()
    damaged(record)

    page = opened("app_pages/wallboard.py", publish=False)

    kinds = [element.type for element in page.main if element.type != "html"]
    assert "component_instance" in kinds
    assert "stSidebar" in str([element.proto for element in page._tree if element.type == "html"])
