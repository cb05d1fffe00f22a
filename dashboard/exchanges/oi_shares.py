"""How venues' shares of open interest moved over time, with notes on missing data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import numpy as np
import pandas as pd
import streamlit as st

from analytics import formats
from analytics.market.venue_shares import VenueShares, venue_shares
from analytics.palette import Colors
from analytics.panels.panel import TIMEFRAMES, Pair, Panel
from dashboard.exchanges.share_chart import share_chart, share_points
from dashboard.frame.error_boundary import plain
from dashboard.loaders import bars as bar_loaders
from dashboard.state.as_of import Moment

SPANS: Final = {
    "24 h": ("15m", timedelta(days=1)),
    "7 d": ("1h", timedelta(days=7)),
    "30 d": ("4h", timedelta(days=30)),
    "90 d": ("1d", timedelta(days=90)),
}
"""How far back, and in bars of which timeframe."""


def span_choice() -> str:
    """Ask how far back shares are shown; it lives in the URL."""
    chosen = st.segmented_control(
        "Shares over",
        list(SPANS),
        default="24 h",
        required=True,
        key="shares_over",
        bind="query-params",
        label_visibility="collapsed",
    )
    return chosen or "24 h"


def open_interest(span: str, shown: Moment) -> Panel:
    """Return the open interest of every pair over *span*."""
    timeframe, length = SPANS[span]
    bars = int(length / TIMEFRAMES[timeframe])
    return bar_loaders.panel(("oi_usd",), timeframe, shown, bars=bars, unfinished=True)


def filtered(panel: Panel, wanted: Callable[[Pair], bool]) -> Panel:
    """Return the part of *panel* whose instruments are *wanted*."""
    mine = np.array([wanted(pair) for pair in panel.instruments], np.bool_)
    return replace(
        panel,
        instruments=tuple(
            pair for pair, is_in in zip(panel.instruments, mine, strict=True) if is_in
        ),
        values={name: cells[:, mine] for name, cells in panel.values.items()},
    )


def draw_shares(
    panel: Panel, of: str, span: str, key: str, chosen: Sequence[str], colors: Colors
) -> pd.DataFrame:
    """Draw how far the shares that *panel* makes up have moved, and return the points.

    Args:
        panel: Of all venues.
        of: What it is of, in words.
        span: How far back it reaches, in words.
        key: Of the chart.
        chosen: The venues to draw; none means all.
        colors: Of the theme.
    """
    shares = venue_shares(panel)
    points = share_points(shares, panel)
    where = f" on {formats.venues(chosen)}" if chosen and not points.empty else ""
    if where:
        points = points[points["venue"].isin(chosen)].reset_index(drop=True)
    if points.empty:
        st.info(plain(f"No open interest for {of}{where} in the {span} shown."))
        return points
    if len(shares.venues) < 2:
        st.info(plain(f"{formats.venue(shares.venues[0])} alone has {of}: no shares to compare."))
        return points
    if int(shares.comparable.sum()) < 2:
        st.info(plain(" ".join([f"No two times to compare for {of}.", *incomplete(shares)])))
        return points
    st.altair_chart(
        share_chart(points, colors),
        key=key,
        alt=f"Change of the share of open interest of {of} by venue over {span}",
    )
    since = formats.moment(points.dropna(subset="change_pp")["ts"].min())
    lines = [f"Percentage points of the open interest of {of} on all venues, since {since}."]
    st.caption(plain(" ".join([*lines, *incomplete(shares)])))
    return points


def incomplete(shares: VenueShares) -> list[str]:
    """Say at which times *shares* cannot be compared, as a venue is missing or there in part."""
    known = np.flatnonzero(np.isfinite(shares.value_usd).any(axis=1))
    lines = []
    if len(known) and (holes := int(known[-1] - known[0] + 1 - len(known))):
        lines.append(f"No data at {formats.plural(holes, 'time')}.")
    for nth, venue in enumerate(shares.venues):
        there, name = np.isfinite(shares.value_usd[known, nth]), formats.venue(venue)
        if away := int((~there).sum()):
            lines.append(f"No data from {name} at {away:,} of {len(known):,} times: left out.")
        few = int((there & ~shares.is_whole[known, nth]).sum())
        if few:
            lines.append(f"Few pairs from {name} at {formats.plural(few, 'time')}: left out.")
    return lines
