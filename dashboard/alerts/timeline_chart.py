"""The chart of episodes over time: a lane for each rule, a bar from firing to end."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import altair as alt
import pandas as pd

from analytics import formats
from analytics.palette import Colors
from analytics.rules import episode_words
from dashboard.charts.frame import time_axis

MAX_BARS: Final = 1_500
"""More bars lie on one another, and each is sent to the browser."""
_LANE_PX: Final = 26
_PADDING: Final = {"left": 0, "right": 4, "top": 0, "bottom": 0}


def timeline_chart(
    episodes: pd.DataFrame, span: tuple[datetime, datetime], colors: Colors
) -> alt.Chart:
    """Return a lane for each rule, with a bar for each episode that fired.

    Args:
        episodes: rule, about, severity, message, fired_ts and ended_ts, which is absent while
            it fires; at most ``MAX_BARS``.
        span: When the time begins and ends. With a zone.
        colors: Of the theme.
    """
    begin, end = span
    fired, ended = episodes["fired_ts"], episodes["ended_ts"].fillna(pd.Timestamp(end))
    bars = pd.DataFrame(
        {
            "rule": episodes["rule"],
            "severity": episodes["severity"],
            "from": fired.where(fired > begin, pd.Timestamp(begin)),
            "to": ended,
            "subject": episodes["about"],
            "message": episodes["message"],
            "fired": fired.map(formats.moment),
            "lasted": (ended - fired).map(formats.span),
        }
    )
    chart: alt.Chart = (
        alt.Chart(bars)
        .mark_bar(height=14, minBandSize=3, opacity=0.6, cornerRadius=1)
        .encode(
            x=alt.X(
                "from:T",
                title=None,
                scale=alt.Scale(type="utc", domain=[time.timestamp() * 1000 for time in span]),
                axis=time_axis(end - begin, colors),
            ),
            x2="to:T",
            y=alt.Y("rule:N", title=None, sort=sorted(set(episodes["rule"]))),
            color=_severity(colors),
            tooltip=[
                alt.Tooltip("rule:N", title="Rule"),
                alt.Tooltip("subject:N", title="Subject"),
                alt.Tooltip("fired:N", title="Fired"),
                alt.Tooltip("lasted:N", title="Lasted"),
                alt.Tooltip("message:N", title="Message"),
            ],
        )
        .properties(height=_LANE_PX * episodes["rule"].nunique() + 90, padding=_PADDING)
    )
    return chart


def _severity(colors: Colors) -> alt.Color:
    names = list(episode_words.MARKS)
    tints = [colors.down, colors.alert, colors.line]
    return alt.Color(
        "severity:N",
        scale=alt.Scale(domain=names, range=tints),
        legend=alt.Legend(orient="top", title=None, offset=4),
    )
