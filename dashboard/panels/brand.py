"""The name, the sign, and the dark look that goes with them."""

from __future__ import annotations

import json
from typing import Final

import streamlit as st

_LINE: Final = """
  <path d="M2 18 L8 9 L13 14 L20 5" fill="none" stroke="#2EA89C" stroke-width="2.6"
    stroke-linecap="round" stroke-linejoin="round"/>
  <circle cx="20" cy="5" r="2.7" fill="#E8743B"/>
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

_DARK_AT_FIRST: Final = """
<script>
  if (localStorage.getItem("perpscope-look") === null) {
    localStorage.setItem("perpscope-look", "dark at first")
    for (const path of %s) localStorage.setItem(`stActiveTheme-/${path}-v2`, '"Dark"')
    if (!matchMedia("(prefers-color-scheme: dark)").matches) location.reload()
  }
</script>
"""


_ROOM: Final = """
<style>
[data-testid="stMainBlockContainer"] { padding-left: 1.5rem; padding-right: 1.5rem; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding-left: 0.75rem; padding-right: 0.75rem; }
}
/* A finger cannot point at a table without touching it, and its tools lay over the heading. */
@media (hover: none) { [data-testid="stElementToolbar"] { display: none; } }
/* The primary colour bears white text; as text on its own tint it is too dark to read. */
[data-testid="stButtonGroup"] button[data-selected="true"] { color: inherit !important; }
</style>
"""


def room() -> None:
    """Give the page the width that Streamlit leaves empty, and what is chosen a readable colour."""
    st.html(_ROOM)


def dark_at_first(paths: list[str]) -> None:
    """Make dark the look of the pages at *paths* in a browser's first visit.

    Streamlit follows the system as soon as there is a light theme to choose, and
    keeps what is chosen in the browser, by page. This makes the first choice, and
    leaves every later one alone.
    """
    st.html(_DARK_AT_FIRST % json.dumps(paths), unsafe_allow_javascript=True)
