"""Lines of correlation: of two pairs over time, and of venues over lags."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from analytics.correlation.lead_lag import LeadLag
from analytics.correlation.view import Rolling
from analytics.formats import plotly_format
from analytics.palette import Colors
from analytics.panels.panel import Pair
from analytics.quantities import QUANTITIES
from dashboard.charts import cells
from dashboard.charts.frame import across, figure, frame, literal

_R: Final = QUANTITIES["correlation"]
_FORM: Final = plotly_format(_R.kind, _R.digits)
MAX_LINES: Final = 6
"""More lines cannot be distinguished."""


def rolling_chart(rolling: Rolling, colors: Colors) -> go.Figure:
    """Return the correlation over time, beside that of the whole window as a dashed line."""
    known = rolling.r[np.isfinite(rolling.r)]
    low = min(float(known.min()), rolling.whole, 1.0) if len(known) else -1.0
    layout = _layout(colors, 260)
    layout["xaxis"] |= {"type": "date", "hoverformat": "%a %d %b %Y %H:%M UTC"}
    if len(rolling.times):
        layout["xaxis"]["range"] = [str(rolling.times[0]), str(rolling.times[-1])]
    layout["yaxis"] |= {"range": [max(-1.02, np.floor(low * 10 - 1) / 10), 1.02]}
    if np.isfinite(rolling.whole):
        layout["shapes"] = [_level(rolling.whole, colors.alert)]
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": rolling.times,
        "y": rolling.r.round(4),
        "line": {"color": colors.line, "width": 1.6},
        "hovertemplate": f"{_R.short} <b>%{{y:{_FORM}}}</b><extra></extra>",
        "connectgaps": False,
    }
    return figure([line], layout)


def lag_chart(pairs: Sequence[Pair], leads: LeadLag, colors: Colors) -> go.Figure:
    """Return r at each lag for the first combinations of *pairs*, and the band of chance."""
    names = cells.labels(pairs)
    some = list(combinations(range(len(pairs)), 2))[:MAX_LINES]
    layout = _layout(colors, 282)
    layout["showlegend"] = True
    layout["legend"] = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    layout["margin"]["t"] = 44
    words = "Lag [bars]: first pair leads on the right"
    layout["xaxis"] |= {"title": {"text": words, "font": {"size": 12, "color": colors.muted}}}
    bands = [leads.band[i, j] for i, j in some if np.isfinite(leads.band[i, j])]
    if bands:
        layout["shapes"] = [_chance(float(max(bands)), colors.muted)]
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": leads.lags,
            "y": leads.r[:, i, j].round(4),
            "name": literal(f"{names[i]}, {names[j]}"),
            "line": {"color": colors.series[n % len(colors.series)], "width": 1.6},
            "marker": {"size": 4},
            "hovertemplate": f"{_R.short} <b>%{{y:{_FORM}}}</b>",
        }
        for n, (i, j) in enumerate(some)
    ]
    return figure(data, layout)


def _chance(band: float, color: str) -> dict[str, Any]:
    """Return the shaded range of ±*band*."""
    shade = {"fillcolor": color, "opacity": 0.18, "line": {"width": 0}, "layer": "below"}
    return {"type": "rect", **across("y", -band, band), **shade}


def _level(at: float, color: str) -> dict[str, Any]:
    line = {"color": color, "width": 1, "dash": "dash"}
    return {"type": "line", **across("y", at, at), "line": line}


def _layout(colors: Colors, height: int) -> dict[str, Any]:
    axis = {
        "gridcolor": colors.grid,
        "zerolinecolor": colors.muted,
        "zerolinewidth": 1,
        "tickfont": {"color": colors.muted, "size": 11},
    }
    return {
        **frame(colors),
        "height": height,
        "margin": {"l": 40, "r": 10, "t": 10, "b": 30},
        "hovermode": "x unified",
        "dragmode": False,
        "xaxis": {**axis, "zeroline": False},
        "yaxis": {**axis, "tickformat": ".2~g"},
    }
