"""Name, logo and page style."""

from __future__ import annotations

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

_STYLE: Final = """
<style>
[data-testid="stMainBlockContainer"] { padding-left: 1.5rem; padding-right: 1.5rem; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding-left: 0.75rem; padding-right: 0.75rem; }
}
/* What market this is stands in the header's bar, and takes no line of the page. */
[data-testid="stLayoutWrapper"]:has(> .st-key-origin) { position: fixed; top: 1rem; right: 13.5rem;
  width: auto; z-index: 999991; pointer-events: none }
/* Above the names of the pages, where there is no room beside them. */
@media (max-width: 1800px) { [data-testid="stLayoutWrapper"]:has(> .st-key-origin) {
  top: 0; right: 15.5rem; zoom: 0.7 } }
@media (max-width: 640px) { [data-testid="stLayoutWrapper"]:has(> .st-key-origin) {
  top: 3.3rem; right: 0.75rem; zoom: 0.75 } }
.st-key-origin button { pointer-events: auto; min-height: 0; padding: 0 0.25rem }
/* It is there to keep the record in the address. */
.st-key-record { display: none }
/* A finger cannot point at a table without touching it, and its tools lay over the heading. */
@media (hover: none) { [data-testid="stElementToolbar"] { display: none; } }
/* They show nothing, and would have a gap about them. */
.st-key-chart_code, .st-key-alert_news_code, .st-key-transport_code,
[data-testid="stElementContainer"]:has(> .stHtml > :is(script, style + i:empty)) { display: none; }
/* As high as its buttons, which come last. */
.st-key-headline { min-height: 35px; }
.st-key-headline > :first-child { min-height: 35px; display: flex; flex-direction: column;
  justify-content: center }
/* Beneath the transport bar, which says the time in colour. */
.st-key-as_of_note [data-testid="stAlertContainer"] { padding: 0; background: none;
  min-height: 0; color: inherit }
.st-key-as_of_note p { font-size: 0.85rem; opacity: 0.8 }
/* Hidden would keep a chart's axis of time from sticking to the window's edge. */
[data-testid="stDialog"] > div { overflow: clip; }
/* The primary colour bears white text; as text on its own tint it is too dark to read. */
[data-testid="stButtonGroup"] button[data-selected="true"] { color: inherit !important; }
</style>
"""


def style_page() -> None:
    """Give the page the width that Streamlit leaves empty, and what is chosen a readable colour."""
    st.html(_STYLE)


def style_part(style: str) -> None:
    """Add the CSS that a part of a page needs, within the page.

    Streamlit puts what is CSS alone where dialogs are: one that opens takes its place there, and
    the page behind is without it, its table elsewhere, until it has run anew. So something that is
    not seen stands beside it. What it says holds where the frame's CSS says nothing else.

    Args:
        style: A ``<style>`` element.
    """
    st.html(f"{style.strip()}<i></i>")
