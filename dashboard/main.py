"""The frame around every page: navigation, icon, sidebar, and what market this is."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from analytics.errors import PerpscopeError, QueryError
from dashboard.frame.alert_news import load_news_code
from dashboard.frame.brand import MARK, WORDMARK, style_page
from dashboard.frame.browser_storage import Many
from dashboard.frame.freshness import origin_label
from dashboard.frame.sidebar import sidebar
from dashboard.frame.sign_in import require_sign_in
from dashboard.frame.toolbar import toolbar
from dashboard.frame.transport import keep_in_address, load_transport_code
from dashboard.frame.user_thresholds import with_own_levels
from dashboard.loaders import queries, shown_moment, source
from dashboard.overview.column_layout import COLUMN_FIELDS, optional_columns, usual_labels
from dashboard.pair_chart.pair_dialog import pair_dialog
from dashboard.state import as_of, record, session, view
from dashboard.state.as_of import Moment

MANY = {
    key: Many([one.label for one in optional_columns(rows).values()], usual_labels(rows))
    for key, rows in COLUMN_FIELDS.items()
}


def choices() -> pd.DataFrame:
    """Return all pairs; none if the lake cannot be read, which the page reports."""
    try:
        return queries.known_pairs(_choosable_at())
    except PerpscopeError:
        return pd.DataFrame(columns=["venue", "symbol", "base"])


def _choosable_at() -> Moment:
    """Return the time for the choices: now if the requested one is invalid."""
    try:
        return shown_moment.moment(as_of.asked_time())
    except QueryError:
        return shown_moment.moment()


record.enter()
# The icon goes first: else a page's Material icon is fetched from Google to stand in for it.
st.set_page_config(page_icon=MARK, layout="wide")
require_sign_in()
pages = [
    st.Page(
        "app_pages/overview.py",
        title="Overview",
        icon=":material/space_dashboard:",
        help="Market figures, top movers, and all pairs in one live table.",
        default=True,
    ),
    st.Page(
        "app_pages/market.py",
        title="Market",
        icon=":material/candlestick_chart:",
        help="Linked charts of one pair, or of one asset across venues.",
    ),
    st.Page(
        "app_pages/heatmap.py",
        title="Heatmap",
        icon=":material/grid_on:",
        help="One measure for many assets or pairs, over time or across timeframes.",
    ),
    st.Page(
        "app_pages/correlation.py",
        title="Correlation",
        icon=":material/scatter_plot:",
        help="Which assets or pairs move together, and which venue leads.",
    ),
    st.Page(
        "app_pages/exchanges.py",
        title="Exchanges",
        icon=":material/account_balance:",
        help="Venues side by side: funding spreads, open interest, data sources.",
    ),
    st.Page(
        "app_pages/alerts.py",
        title="Alerts",
        icon=":material/notifications:",
        help="What fires now, what fired before, and the rules.",
    ),
    st.Page(
        "app_pages/monitor.py",
        title="Monitor",
        icon=":material/visibility:",
        help="Watched assets, trades followed live, and the journal of closed ones.",
    ),
    st.Page(
        "app_pages/replay.py",
        title="Replay",
        icon=":material/replay:",
        help="Play back the record: the market, one pair, and what happened.",
    ),
    st.Page(
        "app_pages/studio.py",
        title="Studio",
        icon=":material/upload_file:",
        help="Your own files, on every page, like the live record.",
    ),
    st.Page(
        "app_pages/health.py",
        title="Health",
        icon=":material/monitor_heart:",
        help="Status of venues, streams and stored data.",
    ),
    st.Page(
        "app_pages/wallboard.py",
        title="Wallboard",
        icon=":material/tv:",
        help="Key figures in large type, for a screen on a wall.",
    ),
]
page = st.navigation(pages, position="top")
st.set_page_config(page_title=f"{page.title} · perpscope")
session.enter(page.title)
st.logo(WORDMARK)
style_page()
load_news_code()
load_transport_code()
record.field()
origin_label(source.origin())
# The sidebar first: it says what in the URL is wrong, which a widget tidies away.
seen = sidebar(choices, page.url_path, [one.url_path for one in pages], MANY)
keep_in_address()
rows, timeframe = toolbar(page.title)
view.keep(with_own_levels(replace(seen, rows=rows, timeframe=timeframe)))
if opened := session.opened_pair():
    # Not from a page's fragment, whose next tick would close it.
    pair_dialog(*opened)
page.run()
