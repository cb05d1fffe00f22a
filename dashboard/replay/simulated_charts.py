"""Charts of simulated trades: equity with its drawdown, and the run among random ones."""

from __future__ import annotations

from typing import Final

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics import formats
from analytics.formats import plotly_format
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from analytics.trades.simulated.equity_figures import drawdown_pct
from analytics.trades.simulated.random_entries import RandomRuns
from analytics.trades.simulated.summary import Results
from dashboard.charts.frame import time_axis

OWN: Final = "Simulated trades"
HELD: Final = "Buy and hold"
JOINED: Final = "Next windows, joined"

_POINTS: Final = 500
"""Of each line: more are not visible, and each is sent to the browser."""
_BINS: Final = 40
_HEIGHTS: Final = {"equity_usd": 230, "drawdown_pct": 100}
"""[px]"""
_PADDING: Final = {"left": 0, "right": 4, "top": 0, "bottom": 0}
_AXIS_PX: Final = 64
"""Least width of the labels, so that the two time axes lie under one another."""


def curve_points(found: Results) -> pd.DataFrame:
    """Return ts, when, name, equity_usd and drawdown_pct of both accounts, thinned.

    Of bars that become one point, the last equity and the deepest drawdown.
    """
    runs = ((OWN, found.run), (HELD, found.held))
    return pd.concat([points(run.equity_usd, name) for name, run in runs], ignore_index=True)


def points(equity_usd: pd.Series[float], name: str) -> pd.DataFrame:
    """Return those of `curve_points` for one account, which is called *name*."""
    width = -(-len(equity_usd) // _POINTS)
    # Counted from the end, whose value is that of the figures.
    group = (np.arange(len(equity_usd)) - len(equity_usd)) // width
    frame = pd.DataFrame(
        {
            "ts": equity_usd.index,
            "equity_usd": equity_usd.to_numpy(),
            "drawdown_pct": drawdown_pct(equity_usd).to_numpy(),
        }
    )
    thin = frame.groupby(group).agg({"ts": "last", "equity_usd": "last", "drawdown_pct": "min"})
    named = thin.assign(name=name, when=thin["ts"].map(formats.moment))
    return named.round({"equity_usd": 2, "drawdown_pct": 4})


def curve_chart(points: pd.DataFrame, name: str, colors: Colors) -> alt.LayerChart | alt.FacetChart:
    """Return a line of each account, the run's own first.

    Args:
        points: Of `curve_points`.
        name: ``equity_usd`` or ``drawdown_pct``, which has no legend: it stands below
            the other.
        colors: Of the theme.
    """
    quantity, is_lower = QUANTITIES[name], name == "drawdown_pct"
    accounts = points["name"].unique().tolist()
    base = alt.Chart(points).encode(
        x=alt.X(
            "ts:T",
            title=None,
            scale=alt.Scale(type="utc", nice=False),
            axis=time_axis(points["ts"].max() - points["ts"].min(), colors),
        ),
        y=alt.Y(
            f"{name}:Q",
            title=f"{quantity.title}, {quantity.unit}",
            scale=alt.Scale(zero=is_lower),
            axis=alt.Axis(
                format="~s" if quantity.kind == "usd" else plotly_format(quantity.kind, tick=True),
                tickCount=3 if is_lower else 5,
                gridColor=colors.grid,
                minExtent=_AXIS_PX,
                titleFontWeight="normal",
            ),
        ),
        color=alt.Color(
            "name:N",
            scale=alt.Scale(domain=accounts, range=[colors.line, colors.muted][: len(accounts)]),
            legend=None if is_lower else alt.Legend(orient="top", title=None, offset=2),
        ),
    )
    tooltip = [
        alt.Tooltip("name:N", title="Account"),
        alt.Tooltip("when:N", title="At"),
        *(
            alt.Tooltip(
                f"{one.name}:Q",
                title=f"{one.title}, {one.unit}",
                format=plotly_format(one.kind).replace("$", ""),
            )
            for one in (QUANTITIES["equity_usd"], QUANTITIES["drawdown_pct"])
        ),
    ]
    # A line is hard to hit: points that are not seen tell what is under the pointer.
    hit = base.mark_point(size=100, opacity=0, filled=True).encode(tooltip=tooltip)
    layers = alt.layer(base.mark_line(strokeWidth=1.6), hit)
    return layers.properties(height=_HEIGHTS[name], padding=_PADDING)


def luck_bins(runs: RandomRuns) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return how many random runs earned how much, and the edges; the run's own lies between."""
    low, high = min(runs.pnl_usd.min(), runs.own_usd), max(runs.pnl_usd.max(), runs.own_usd)
    room = (high - low) * 0.02 or 1.0
    return np.histogram(runs.pnl_usd, _BINS, (low - room, high + room))


def luck_chart(runs: RandomRuns, colors: Colors) -> alt.LayerChart | alt.FacetChart:
    """Return how many random runs earned how much, with the run's own result marked."""
    counts, edges = luck_bins(runs)
    write = QUANTITIES["pnl_usd"].write
    bins = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "runs": counts})
    bins["pnl"] = [
        f"{write(low)} to {write(high)}" for low, high in zip(edges, edges[1:], strict=False)
    ]
    bars = (
        alt.Chart(bins)
        .mark_bar(color=colors.muted, opacity=0.55, binSpacing=1)
        .encode(
            x=alt.X(
                "from:Q",
                title=f"{QUANTITIES['pnl_usd'].title} of a run, USD",
                axis=alt.Axis(format="~s", tickCount=7, grid=False, titleFontWeight="normal"),
                scale=alt.Scale(domain=[edges[0], edges[-1]], nice=False),
            ),
            x2="to:Q",
            y=alt.Y(
                "runs:Q",
                title="Random runs",
                axis=alt.Axis(tickCount=4, gridColor=colors.grid, titleFontWeight="normal"),
            ),
            y2=alt.datum(0),
            tooltip=[
                alt.Tooltip("pnl:N", title=QUANTITIES["pnl_usd"].title),
                alt.Tooltip("runs:Q", title="Random runs"),
            ],
        )
    )
    own = pd.DataFrame({"x": [runs.own_usd], "said": [write(runs.own_usd)], "name": [OWN]})
    rule = (
        alt.Chart(own)
        .mark_rule(color=colors.line, strokeWidth=3)
        .encode(
            x="x:Q",
            tooltip=[
                alt.Tooltip("name:N", title="Run"),
                alt.Tooltip("said:N", title=QUANTITIES["pnl_usd"].title),
            ],
        )
    )
    return alt.layer(bars, rule).properties(height=300, padding=_PADDING)
