"""The frame around every page: navigation, icon, sidebar, and what market this is."""

import streamlit as st

from analytics.errors import PerpscopeError, QueryError
from dashboard import as_of, loaders, session, view
from dashboard.as_of import Moment
from dashboard.frame.brand import MARK, WORDMARK, one_look, room
from dashboard.frame.freshness import origin_label
from dashboard.frame.sidebar import sidebar
from dashboard.market.pair_dialog import pair_dialog


def choices() -> tuple[list[str], list[str]]:
    """Return the venues and symbols there are; none where the page is about to say why."""
    try:
        known = loaders.known_pairs(_choosable_at())
    except PerpscopeError:
        return [], []
    return sorted(set(known["venue"])), sorted(set(known["symbol"]))


def _choosable_at() -> Moment:
    """Return the time to choose at: now, where the one that is asked for is none."""
    try:
        return loaders.moment(as_of.asked_time())
    except QueryError:
        return loaders.moment()


# The icon goes first: else a page's Material icon is fetched from Google to stand in for it.
st.set_page_config(page_icon=MARK, layout="wide")
pages = [
    st.Page(
        "app_pages/overview.py",
        title="Overview",
        icon=":material/space_dashboard:",
        help="The market at a glance, and every pair in one live table.",
        default=True,
    ),
    st.Page(
        "app_pages/market.py",
        title="Market",
        icon=":material/candlestick_chart:",
        help="One pair, or one asset over its venues, on linked charts.",
    ),
    st.Page(
        "app_pages/heatmap.py",
        title="Heatmap",
        icon=":material/grid_on:",
        help="Any measure of many pairs, over time or over the timeframes.",
    ),
    st.Page(
        "app_pages/correlation.py",
        title="Correlation",
        icon=":material/scatter_plot:",
        help="What moves together, since when, and which venue moves first.",
    ),
    st.Page(
        "app_pages/exchanges.py",
        title="Exchanges",
        icon=":material/account_balance:",
        help="The venues side by side: open interest, funding, and what each offers.",
    ),
    st.Page(
        "app_pages/health.py",
        title="Health",
        icon=":material/monitor_heart:",
        help="How each venue answers, and the state of the record.",
    ),
    st.Page(
        "app_pages/wallboard.py",
        title="Wallboard",
        icon=":material/tv:",
        help="The market in large figures, for a screen on a wall.",
    ),
]
page = st.navigation(pages, position="top")
st.set_page_config(page_title=f"{page.title} · perpscope")
session.enter(page.title)
st.logo(WORDMARK)
room()
origin_label(loaders.origin())
view.keep(sidebar(choices))
if opened := session.opened_pair():
    # Not from a page's fragment, whose next tick would close it.
    pair_dialog(*opened)
page.run()
one_look([page.url_path for page in pages])
