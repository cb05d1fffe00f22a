"""The frame around every page: navigation, icon, and what market this is."""

import streamlit as st

from dashboard import loaders
from dashboard.panels.brand import MARK, WORDMARK, dark_at_first
from dashboard.panels.explained import explained
from dashboard.panels.freshness import origin_label

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
        "app_pages/health.py",
        title="Health",
        icon=":material/monitor_heart:",
        help="How each venue answers, and the state of the record.",
    ),
]
page = st.navigation(pages, position="top")
st.set_page_config(page_title=f"{page.title} · perpscope")
st.logo(WORDMARK)
with explained():
    origin_label(loaders.origin())
page.run()
dark_at_first([page.url_path for page in pages])
