"""Episodes of the past: filters in the address, a timeline by rule, a table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.rules import episode_words
from dashboard.alerts.episode_table import episode_table
from dashboard.alerts.timeline_chart import MAX_BARS, timeline_chart
from dashboard.loaders import alert_episodes
from dashboard.state.as_of import Moment

TABLE: Final = "alert_history"
SPANS: Final[Mapping[str, timedelta]] = {
    "24 h": timedelta(days=1),
    "3 d": timedelta(days=3),
    "7 d": timedelta(days=7),
    "30 d": timedelta(days=30),
}


def history(shown: Moment, look: Colors) -> pd.DataFrame:
    """Draw the filters and what passes them; return it."""
    st.subheader("History", anchor=False)
    # Of the longest time, so that a rule stays in the list while the time is changed.
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        span = _span()
        every = fired(shown, SPANS[span])
        found = _chosen(every)
    if found.empty:
        st.caption(_empty(every, span))
        return found
    st.altair_chart(
        timeline_chart(found.head(MAX_BARS), (shown.now - SPANS[span], shown.now), look),
        theme="streamlit",
        alt=f"When each rule fired over {span}: {formats.plural(len(found), 'alert')}",
    )
    if len(found) > MAX_BARS:
        st.caption(f"The chart has the newest {MAX_BARS:,} of {len(found):,} alerts.")
    episode_table(found, ("message", "values", "state", "group"), TABLE, shown, look)
    return found


def fired(shown: Moment, span: timedelta) -> pd.DataFrame:
    """Return the episodes that fired, and were so within the *span* before; newest first."""
    rows = alert_episodes.episodes(shown, span)
    since = pd.Timestamp(shown.now - span)
    return rows[rows["fired_ts"].notna() & (rows["ended_ts"].isna() | (rows["ended_ts"] >= since))]


def _span() -> str:
    span: str | None = st.segmented_control(
        "Time",
        list(SPANS),
        default="24 h",
        required=True,
        key="alert_span",
        bind="query-params",
    )
    return span or "24 h"


def _chosen(every: pd.DataFrame) -> pd.DataFrame:
    """Ask which of *every* alert to show, and return these."""
    bound: dict[str, Any] = {"bind": "query-params"}
    severities = st.pills(
        "Severity", list(episode_words.MARKS), selection_mode="multi", key="alert_severity", **bound
    )
    rules = st.multiselect(
        "Rule",
        sorted(set(every["rule"])),
        key="alert_rule",
        placeholder="All rules",
        width=260,
        **bound,
    )
    subject = st.text_input(
        "Subject", key="alert_subject", placeholder="BTC, Binance", width=180, **bound
    )
    wanted = pd.Series(data=True, index=every.index)
    if severities:
        wanted &= every["severity"].isin(severities)
    if rules:
        wanted &= every["rule"].isin(rules)
    for word in (subject or "").split():
        wanted &= every["about"].str.contains(word, case=False, regex=False)
    return every[wanted]


def _empty(every: pd.DataFrame, span: str) -> str:
    if every.empty:
        return f"No alert fired in the {span} before."
    return f"No match: {formats.plural(len(every), 'alert')} fired in the {span} before."
