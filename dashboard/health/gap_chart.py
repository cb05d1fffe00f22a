"""The chart of gaps: when data of each venue is missing."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import altair as alt
import pandas as pd

from analytics import formats
from analytics.palette import Colors
from dashboard.charts.frame import time_axis

_ROW_HEIGHT: Final = 34
_PADDING: Final = {"left": 0, "right": 4, "top": 0, "bottom": 0}


def gap_chart(gaps: pd.DataFrame, span: tuple[datetime, datetime], colors: Colors) -> alt.Chart:
    """Return a timeline for each venue, with a bar for each gap.

    Args:
        gaps: venue, start_ts, end_ts, from, to, length, what: the last four as written.
        span: When the time begins and ends.
        colors: Of the theme.
    """
    gaps = gaps.assign(name=gaps["venue"].map(formats.venue))
    venues = sorted(set(gaps["name"]))
    chart: alt.Chart = (
        alt.Chart(gaps)
        .mark_bar(height=14, minBandSize=2, opacity=0.45, color=colors.alert)
        .encode(
            x=alt.X(
                "start_ts:T",
                title=None,
                scale=alt.Scale(type="utc", domain=[time.timestamp() * 1000 for time in span]),
                axis=time_axis(span[1] - span[0], colors),
            ),
            x2="end_ts:T",
            y=alt.Y("name:N", title=None, sort=venues),
            tooltip=[
                alt.Tooltip("name:N", title="Venue"),
                alt.Tooltip("from:N", title="From"),
                alt.Tooltip("to:N", title="To"),
                alt.Tooltip("length:N", title="Length"),
                alt.Tooltip("what:N", title="Missing"),
            ],
        )
        .properties(height=_ROW_HEIGHT * max(len(venues), 1) + 30, padding=_PADDING)
    )
    return chart
