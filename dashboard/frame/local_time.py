"""The user's local time, on hover over a time in UTC."""

from __future__ import annotations

from datetime import datetime
from html import escape

import streamlit as st

from analytics import formats


def titled(words: str, value: datetime) -> str:
    """Return *words* as HTML; on hover they say what *value* is by the user's own clock."""
    local = formats.local(value, st.context.timezone)
    if local is None:
        return escape(words)
    return f'<span title="{escape(local)}">{escape(words)}</span>'


def beside(value: datetime) -> str:
    """Return ``, 2025-10-22 14:44:05 Europe/Berlin`` for where nothing can be shown on hover."""
    local = formats.local(value, st.context.timezone)
    return "" if local is None else f", {local}"


def of_column(now: datetime) -> str:
    """Return the help of a column of times: ``UTC. Europe/Berlin is UTC+02:00``."""
    ahead = formats.ahead(now, st.context.timezone)
    return "UTC" if ahead is None else f"UTC. {ahead}"
