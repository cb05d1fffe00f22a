"""The chart of how venues' shares of open interest moved."""

from __future__ import annotations

from typing import Final

import altair as alt
import numpy as np
import pandas as pd

from analytics import formats
from analytics.formats import plotly_format
from analytics.market.venue_shares import VenueShares
from analytics.palette import Colors
from analytics.panels.panel import TIMEFRAMES, Panel
from analytics.quantities import QUANTITIES
from dashboard.charts.frame import time_axis

_DELTA = QUANTITIES["oi_share_delta_pp"]
_SHARES_HEIGHT: Final = 260
_PADDING: Final = {"left": 0, "right": 4, "top": 0, "bottom": 0}


def share_points(shares: VenueShares, panel: Panel) -> pd.DataFrame:
    """Return the points of a share chart, those of the largest venue first.

    They have ts, when, venue, name, share_pct, change_pp since the first time at which all venues
    can be compared, oi, pairs and stretch. Times without a value are left out. What follows times
    that cannot be compared is another stretch, so that no line is drawn across them.

    Args:
        shares: By bar.
        panel: What they were made of.
    """
    ends = pd.Series(pd.to_datetime(panel.times, utc=True)) + TIMEFRAMES[panel.timeframe]
    ends = ends.where(ends < panel.now, pd.Timestamp(panel.now))
    newest = shares.value_usd[np.isfinite(shares.value_usd).any(axis=1)][-1:]
    order = np.argsort(-np.nan_to_num(newest.ravel())).tolist() if len(newest) else []
    stretch, changes = (~shares.comparable).cumsum(), shares.change_pp
    parts = []
    for nth in order:
        known = np.isfinite(shares.share_pct[:, nth])
        parts.append(
            pd.DataFrame(
                {
                    "ts": ends,
                    "when": ends.map(formats.moment),
                    "venue": shares.venues[nth],
                    "name": formats.venue(shares.venues[nth]),
                    "share_pct": shares.share_pct[:, nth].round(3),
                    "change_pp": changes[:, nth].round(4),
                    "oi": [QUANTITIES["oi_usd"].write(value) for value in shares.value_usd[:, nth]],
                    "pairs": shares.pairs[:, nth],
                    "stretch": stretch,
                }
            )[known]
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"ts": []})


def share_chart(points: pd.DataFrame, colors: Colors) -> alt.LayerChart | alt.FacetChart:
    """Return a line for each venue of *points*: how far its share moved, on an axis that fits."""
    drawn = points.dropna(subset="change_pp")
    venues = dict(zip(drawn["venue"], drawn["name"], strict=True))
    color = alt.Color(
        "name:N",
        scale=alt.Scale(
            domain=list(venues.values()), range=[colors.of_venue(venue) for venue in venues]
        ),
        legend=alt.Legend(orient="top", title=None, offset=4),
    )
    length = drawn["ts"].max() - drawn["ts"].min()
    x = alt.X("ts:T", title=None, scale=alt.Scale(type="utc"), axis=time_axis(length, colors))
    y = alt.Y(
        "change_pp:Q",
        title=None,
        axis=alt.Axis(
            format=plotly_format("points"),
            labelExpr="datum.label + ' pp'",
            tickCount=5,
            gridColor=colors.grid,
        ),
    )
    # Channels and not their shorthands: to parse these takes Altair longer than all of the rest.
    level = alt.Chart(pd.DataFrame({"y": [0]})).mark_rule(color=colors.muted).encode(y=alt.Y("y:Q"))
    tooltip = [
        alt.Tooltip("name:N", title="Venue"),
        alt.Tooltip("when:N", title="At"),
        alt.Tooltip("change_pp:Q", title=f"{_DELTA.title}, pp", format=plotly_format("points")),
        alt.Tooltip("share_pct:Q", title="Share, %", format=plotly_format("share")),
        alt.Tooltip("oi:N", title=QUANTITIES["oi_usd"].title),
        alt.Tooltip("pairs:Q", title="Pairs"),
    ]
    base = alt.Chart(drawn).encode(x=x, y=y, color=color, detail=alt.Detail("stretch:N"))
    # A line is hard to hit: points that are not seen tell what is under the pointer.
    hit = base.mark_point(size=120, opacity=0, filled=True).encode(tooltip=tooltip)
    layers = alt.layer(level, base.mark_line(strokeWidth=2), hit)
    return layers.properties(height=_SHARES_HEIGHT, padding=_PADDING)
