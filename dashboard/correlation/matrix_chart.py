"""Matrices: correlation of every pair with every other, and lead-lag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from analytics.correlation.lead_lag import LeadLag
from analytics.correlation.view import Matrix
from analytics.formats import plotly_format
from analytics.palette import Colors
from analytics.panels.panel import Pair
from analytics.quantities import QUANTITIES
from dashboard.charts import cells
from dashboard.charts.color_scale import CLIPPED_PCT, DEEP, DEEP_RISING, DIVERGING, RISING, Ramp
from dashboard.charts.frame import figure, literal

_R: Final = QUANTITIES["correlation"]
_FORM: Final = plotly_format(_R.kind, _R.digits)
_MAX_WRITTEN: Final = 25
"""In larger matrices a number does not fit into its cell."""
_MAX_NAMED: Final = 60
"""In larger ones names do not fit beside rows; they show on hover."""

_MAX_BESIDE: Final = 16
"""More names than this do not fit side by side on a telephone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What is drawn, and how."""

    matrix: Matrix
    rows: str
    """What the rows are of: ``Price``."""
    columns: str
    spread: bool
    """Whether the colours are spread over what is there, instead of over -1 to 1."""
    marked: tuple[Pair, Pair] | None
    """Row and column of the selected cell."""
    colors: Colors
    touch: bool = False


def matrix_chart(drawing: Drawing) -> go.Figure:
    """Return the figure; ``layout.meta`` identifies rows and columns for clicks."""
    pairs, colors = drawing.matrix.pairs, drawing.colors
    names, count = [literal(name) for name in cells.labels(pairs)], len(pairs)
    height = cells.TOP + 90 + min(max(count * 20, 320), 860)
    hatched = not np.isfinite(drawing.matrix.r).all()
    layout = cells.layout(colors, height=height, touch=drawing.touch, hatched=hatched)
    layout |= cells.named("Correlation r", colors)
    layout["meta"] = cells.meta(rows=cells.identities(pairs), columns=cells.identities(pairs))
    size = 11 if count <= 25 else 10 if count <= _MAX_NAMED else 9
    axis = cells.names_axis(colors, count, size=size)
    if count > _MAX_NAMED:
        axis |= {"tickmode": "auto", "nticks": 40}
    layout["yaxis"] = {**axis, "autorange": "reversed"}
    if drawing.touch and count > _MAX_BESIDE:
        across = {**axis, "tickmode": "auto", "nticks": _MAX_BESIDE}
    else:
        across = axis
    layout["xaxis"] = {**across, "tickangle": 90, "side": "bottom"}
    room = 0 if count > _MAX_NAMED else cells.names_px(names, size)
    layout["margin"] |= {"t": cells.TOP - 24, "l": max(room, 10), "b": max(room, 8)}
    layout["shapes"] = [*_bounds(drawing), *_marked(drawing)]
    return figure([_cells(drawing, names, height)], layout)


def _cells(drawing: Drawing, names: list[str], height: int) -> dict[str, Any]:
    r = drawing.matrix.r
    is_written = len(names) <= _MAX_WRITTEN and not drawing.touch
    low, high, ramp = _scale(drawing, DEEP if is_written else DIVERGING)
    if is_written and ramp is RISING:
        ramp = DEEP_RISING
    ticks = np.linspace(low, high, 5)
    first = f"{drawing.rows} of <b>%{{y}}</b>"
    second = f"{drawing.columns} of <b>%{{x}}</b>"
    trace: dict[str, Any] = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": cells.rounded(r, 2),
        "zmin": low,
        "zmax": high,
        "colorscale": ramp.on(drawing.colors),
        "hoverongaps": False,
        "hovertemplate": f"{first}<br>{second}<br>{_R.short} <b>%{{z:{_FORM}}}</b><extra></extra>",
        "xgap": 1 if len(names) <= 50 else 0,
        "ygap": 1 if len(names) <= 50 else 0,
        "colorbar": cells.legend(
            {"tickvals": ticks.tolist(), "ticktext": list(map(_R.write, ticks))},
            drawing.colors,
            height=height,
        ),
    }
    if is_written:
        # Without a size, Plotly makes figures as small as their cells.
        trace["texttemplate"] = f"%{{z:{_FORM}}}"
    return trace


def _scale(drawing: Drawing, diverging: Ramp) -> tuple[float, float, Ramp]:
    """Return the values of the first and the last colour, and the colours between."""
    r = drawing.matrix.r
    same = np.eye(len(r), dtype=np.bool_) & (drawing.rows == drawing.columns)
    known = r[np.isfinite(r) & ~same]
    if not drawing.spread or not len(known):
        return -1.0, 1.0, diverging
    low, high = np.percentile(known, [CLIPPED_PCT, 100 - CLIPPED_PCT]).round(2).tolist()
    if low < 0:
        reach = max(-low, high, 0.05)
        return -reach, reach, diverging
    return low, max(high, low + 0.02), RISING


def _bounds(drawing: Drawing) -> list[dict[str, Any]]:
    """Return lines where one cluster ends and the next begins."""
    line = {"color": drawing.colors.text, "width": 1}
    ends = -0.5, len(drawing.matrix.pairs) - 0.5
    shapes = []
    for start in drawing.matrix.starts.tolist():
        at = start - 0.5
        shapes += [
            _line("x", at, at, "y", *ends, line),
            _line("x", *ends, "y", at, at, line),
        ]
    return shapes


def _line(
    xref: str, x0: float, x1: float, yref: str, y0: float, y1: float, line: dict[str, Any]
) -> dict[str, Any]:
    ends = {"xref": xref, "x0": x0, "x1": x1, "yref": yref, "y0": y0, "y1": y1}
    return {"type": "line", **ends, "line": line}


def _marked(drawing: Drawing) -> list[dict[str, Any]]:
    """Return a frame around the selected cell."""
    pairs = drawing.matrix.pairs
    if drawing.marked is None or not all(pair in pairs for pair in drawing.marked):
        return []
    row, column = (pairs.index(pair) for pair in drawing.marked)
    return [
        {
            "type": "rect",
            "xref": "x",
            "x0": column - 0.5,
            "x1": column + 0.5,
            "yref": "y",
            "y0": row - 0.5,
            "y1": row + 0.5,
            "line": {"color": drawing.colors.alert, "width": 2.5},
        }
    ]


def lead_chart(pairs: Sequence[Pair], leads: LeadLag, timeframe: str, colors: Colors) -> go.Figure:
    """Return the lead-lag matrix: a row leads the teal columns, and follows the vermilion ones.

    Args:
        pairs: Of one base.
        leads: How they lead and follow each other.
        timeframe: Of the bars that lags are counted in.
        colors: Of the theme.
    """
    names, count = [literal(name) for name in cells.labels(pairs)], len(pairs)
    layout = cells.layout(colors, height=90 + 64 * min(count, 8), touch=True)
    axis = cells.names_axis(colors, count, size=11)
    layout["yaxis"] = {**axis, "autorange": "reversed"}
    layout["xaxis"] = {**axis, "side": "top"}
    layout["margin"] = {"l": 10, "r": 12, "t": 40, "b": 8, "pad": 2}
    off = ~np.eye(count, dtype=np.bool_)
    lag = np.where(off & leads.outside, leads.strongest_lag, np.nan)
    drawn = np.where(off, np.nan_to_num(lag), np.nan)
    reach = float(max(np.abs(leads.lags).max(), 1))
    words = [[_words(leads, i, j) if i != j else "" for j in range(count)] for i in range(count)]
    trace = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": cells.rounded(drawn, 0),
        "zmin": -reach,
        "zmax": reach,
        "colorscale": DEEP.on(colors),
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "text": words,
        "texttemplate": "%{text}",
        "textfont": {"size": 11},
        "hoverongaps": False,
        "hovertemplate": (
            f"<b>%{{y}}</b> beside <b>%{{x}}</b>, in bars of {timeframe}<br>%{{text}}"
            "<extra></extra>"
        ),
    }
    return figure([trace], layout)


def _words(leads: LeadLag, row: int, column: int) -> str:
    r, lag = leads.strongest_r[row, column], leads.strongest_lag[row, column]
    if not np.isfinite(lag):
        return "too few bars"
    if not leads.outside[row, column]:
        return f"chance<br>{_R.short} {_R.write(r)}"
    if lag == 0:
        return f"no lag<br>{_R.short} {_R.write(r)}"
    does = "leads by" if lag > 0 else "follows by"
    return f"{does} {abs(int(lag))}<br>{_R.short} {_R.write(r)}"
