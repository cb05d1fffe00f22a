"""Name, logo, page style, and one theme for all pages."""

from __future__ import annotations

import json
from typing import Final

import streamlit as st

from analytics.palette import BRAND_LINE, BRAND_POINT

_LINE: Final = f"""
  <path d="M2 18 L8 9 L13 14 L20 5" fill="none" stroke="{BRAND_LINE}" stroke-width="2.6"
    stroke-linecap="round" stroke-linejoin="round"/>
  <circle cx="20" cy="5" r="2.7" fill="{BRAND_POINT}"/>
"""

MARK: Final = f"""
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="64" height="64">{_LINE}</svg>
"""
"""The sign alone, for the browser's tab."""

WORDMARK: Final = f"""
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 130 24" width="130" height="24">{_LINE}
  <text x="29" y="18" font-family="Source Sans, Helvetica, sans-serif" font-size="18"
    font-weight="600" fill="#8590A3">perpscope</text>
</svg>
"""
"""The sign and the name; its colours serve on dark and on light."""

_SAME_THEME: Final = """
<script>
  // %(look)s
  {
    const KEPT = "perpscope-look", FIRST = "dark at first", DARK = '"Dark"'
    const key = (path) => `stActiveTheme-${path}-v2`
    const all = %(paths)s.map((path) => key(`/${path}`))
    // Streamlit keeps what is chosen under the page that was loaded, not under the one shown.
    const loaded = key(new URL(performance.getEntriesByType("navigation")[0].name).pathname)
    const kept = localStorage.getItem(KEPT), before = localStorage.getItem(loaded)
    const isNew = (look) => look !== null && look !== (kept === FIRST ? DARK : kept)
    const look = kept === null
      ? DARK : [loaded, ...all].map((name) => localStorage.getItem(name)).find(isNew)
    if (look !== undefined) {
      for (const name of all) localStorage.setItem(name, look)
      localStorage.setItem(KEPT, kept === null ? FIRST : look)
      const isShown = kept === null && matchMedia("(prefers-color-scheme: dark)").matches
      if (before !== look && !isShown) location.reload()
    }
  }
</script>
"""


_STYLE: Final = """
<style>
[data-testid="stMainBlockContainer"] { padding-left: 1.5rem; padding-right: 1.5rem; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding-left: 0.75rem; padding-right: 0.75rem; }
}
/* What market this is stands in the header's bar, and takes no line of the page. */
[data-testid="stLayoutWrapper"]:has(> .st-key-origin) { position: fixed; top: 1rem; right: 8.5rem;
  width: auto; z-index: 999991; pointer-events: none }
@media (max-width: 640px) { [data-testid="stLayoutWrapper"]:has(> .st-key-origin) {
  top: 3.3rem; right: 0.75rem; zoom: 0.75 } }
/* A finger cannot point at a table without touching it, and its tools lay over the heading. */
@media (hover: none) { [data-testid="stElementToolbar"] { display: none; } }
/* It shows nothing, and would have a gap about it. */
.st-key-chart_code { display: none; }
/* Hidden would keep a chart's axis of time from sticking to the window's edge. */
[data-testid="stDialog"] > div { overflow: clip; }
/* The primary colour bears white text; as text on its own tint it is too dark to read. */
[data-testid="stButtonGroup"] button[data-selected="true"] { color: inherit !important; }
</style>
"""


def style_page() -> None:
    """Give the page the width that Streamlit leaves empty, and what is chosen a readable colour."""
    st.html(_STYLE)


def one_theme(paths: list[str]) -> None:
    """Give the pages at *paths* one look: dark in a browser's first visit, then what is chosen.

    Streamlit follows the system as soon as there is a light theme to choose, and
    keeps what is chosen in the browser, by page. This makes the first choice, and
    carries every later one from its page to all others.
    """
    # The look is in the text because a browser does the same script once only.
    values = {"look": st.context.theme.type, "paths": json.dumps(paths)}
    st.html(_SAME_THEME % values, unsafe_allow_javascript=True)
