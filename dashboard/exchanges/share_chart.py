"""The chart of open interest shares by venue over time."""

from __future__ import annotations

from collections.abc import Sequence
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

_SHARE = QUANTITIES["share_pct"]
_SHARES_HEIGHT: Final = 260
_PADDING: Final = {"left": 0, "right": 4, "top": 0, "bottom": 0}


def share_points(shares: VenueShares, panel: Panel) -> pd.DataFrame:
    """Return the points of a share chart: ts, when, venue, share_pct, oi, pairs, stretch, place.

    Times without a value are left out, and what follows such a hole is another
    stretch, so that no area is drawn across it.

    Args:
        shares: By bar.
        panel: What they were made of.
    """
    ends = pd.Series(pd.to_datetime(panel.times, utc=True)) + TIMEFRAMES[panel.timeframe]
    ends = ends.where(ends < panel.now, pd.Timestamp(panel.now))
    newest = shares.value_usd[np.isfinite(shares.value_usd).any(axis=1)][-1:]
    order = np.argsort(-np.nan_to_num(newest.ravel())).tolist() if len(newest) else []
    parts = []
    for place, nth in enumerate(order):
        known = np.isfinite(shares.share_pct[:, nth])
        parts.append(
            pd.DataFrame(
                {
                    "ts": ends,
                    "when": ends.map(formats.moment),
                    "venue": shares.venues[nth],
                    "share_pct": shares.share_pct[:, nth].round(3),
                    "oi": [QUANTITIES["oi_usd"].write(value) for value in shares.value_usd[:, nth]],
                    "pairs": shares.pairs[:, nth],
                    "stretch": (~known).cumsum(),
                    "place": place,
                }
            )[known]
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"ts": []})


def share_chart(points: pd.DataFrame, colors: Colors) -> alt.Chart:
    """Return the areas of *points*, one on the other, to 100 %."""
    venues = list(dict.fromkeys(points["venue"]))
    length = points["ts"].max() - points["ts"].min()
    # Stacked here: Vega would take a stretch for 0 wherever it has no point, and so fill holes.
    stacked = points.sort_values("place", kind="stable")
    top = stacked.groupby("ts")["share_pct"].cumsum()
    chart: alt.Chart = (
        alt.Chart(stacked.assign(top_pct=top, bottom_pct=top - stacked["share_pct"]))
        .mark_area(line={"strokeWidth": 1}, fillOpacity=0.55)
        .encode(
            x=alt.X(
                "ts:T", title=None, scale=alt.Scale(type="utc"), axis=time_axis(length, colors)
            ),
            y=alt.Y(
                "top_pct:Q",
                title=None,
                stack=None,
                scale=alt.Scale(domain=[0, 100], nice=False),
                axis=alt.Axis(labelExpr="datum.value + ' %'", tickCount=4, gridColor=colors.grid),
            ),
            y2="bottom_pct:Q",
            color=_venue_color(venues, colors),
            detail="stretch:N",
            tooltip=[
                alt.Tooltip("venue:N", title="Venue"),
                alt.Tooltip("when:N", title="At"),
                alt.Tooltip(
                    "share_pct:Q",
                    title="Share, %",
                    format=plotly_format("share"),
                ),
                alt.Tooltip("oi:N", title=QUANTITIES["oi_usd"].title),
                alt.Tooltip("pairs:Q", title="Pairs"),
            ],
        )
        .properties(height=_SHARES_HEIGHT, padding=_PADDING)
    )
    return chart


def _venue_color(venues: Sequence[str], colors: Colors) -> alt.Color:
    scale = alt.Scale(domain=venues, range=[colors.of_venue(venue) for venue in venues])
    return alt.Color("venue:N", scale=scale, legend=alt.Legend(orient="top", title=None, offset=4))
