"""The Heatmap chart: a row for each pair, a column for each bar or timeframe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from analytics.formats import KINDS, plotly_format
from analytics.indicators.arrays import Floats
from analytics.market.measures import Measure
from analytics.palette import DARK, Colors
from analytics.panels.panel import Pair, partial
from dashboard.charts import cells
from dashboard.charts.color_scale import ColorScale, ColumnScales
from dashboard.charts.frame import figure, literal, whole

MAX_MARKS: Final = 1_500
"""More marked cells than this are no highlights, and cost more than the map itself."""
_HEADING_PX: Final = 46
"""What the heading over the counts needs."""
PARTIAL: Final = "◐"
"""Before a written value that is partial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """What is drawn: a row for each pair, a column for each bar or timeframe."""

    pairs: Sequence[Pair]
    columns: NDArray[np.datetime64] | Sequence[str]
    """When each bar starts, UTC; or timeframes."""
    values: Floats
    """A row for each pair, a column for each of *columns*."""
    exceeded: NDArray[np.bool_] | None
    """Which of them exceed the user's threshold; None where there is none."""
    measure: Measure
    scale: ColorScale | ColumnScales
    coverage_pct: Floats | None = None
    """How much of each value is known, where it is made of flows; None for all others. [%]"""
    alerts: NDArray[np.object_] | None = None
    """What alerts that fired in each bar say, empty for none; None where nothing fired."""

    @property
    def partial(self) -> NDArray[np.bool_]:
        """Which values are of a part of their bar or span alone."""
        if self.coverage_pct is None:
            return np.zeros(self.values.shape, np.bool_)
        return partial(self.values, self.coverage_pct)

    @property
    def over_time(self) -> bool:
        """Whether the columns are bars."""
        return isinstance(self.columns, np.ndarray)


def heat_chart(drawing: Map, colors: Colors, *, touch: bool = False) -> go.Figure:
    """Return the figure of *drawing*; ``layout.meta`` identifies rows for clicks."""
    names = [literal(name) for name in cells.labels(drawing.pairs)]
    height = cells.TOP + 8 + len(names) * cells.row_height(len(names))
    hatched = not np.isfinite(drawing.values).all()
    layout = cells.layout(colors, height=height, touch=touch, hatched=hatched)
    layout |= cells.named(_title(drawing), colors)
    layout["meta"] = cells.meta(rows=cells.identities(drawing.pairs))
    size = 11 if len(names) <= 40 else 10 if len(names) <= 100 else 9
    layout["yaxis"] = {
        **cells.names_axis(colors, len(names), size=size),
        "autorange": "reversed",
    }
    layout["margin"]["l"] = cells.names_px(names, size)
    layout["xaxis"] = _columns_axis(drawing, colors)
    layout["shapes"] = _newest(drawing, len(names), colors)
    data = [
        *_ground(drawing, names, colors),
        _cells(drawing, names, colors, height),
        *_partial(drawing, names),
        *_marks(drawing, names),
        *_alerts(drawing, names, colors),
    ]
    if drawing.exceeded is not None:
        layout["yaxis2"] = _counts_axis(drawing, names, size, colors)
        layout["annotations"] = [_counts_heading(colors)]
        layout["margin"]["r"] = _HEADING_PX
        data.append(_counted(drawing, names))
    return figure(data, layout)


def _cells(drawing: Map, names: list[str], colors: Colors, height: int) -> dict[str, Any]:
    quantity, scale = drawing.measure.quantity, drawing.scale
    is_written = scale.logarithmic or not drawing.over_time
    form = f"%{{z:{plotly_format(quantity.kind, quantity.digits)}}}{KINDS[quantity.kind].suffix}"
    value = "%{text}" if is_written else form
    known = "%{customdata}" if drawing.partial.any() or drawing.alerts is not None else ""
    trace: dict[str, Any] = {
        "type": "heatmap",
        "x": drawing.columns,
        "y": names,
        "z": cells.rounded(scale.z(drawing.values), 3 if is_written else quantity.digits),
        "zmin": scale.low,
        "zmax": scale.high,
        "colorscale": scale.ramp.on(colors),
        "hoverongaps": False,
        "hovertemplate": (
            f"<b>%{{y}}</b><br>{_when(drawing)}<br>{quantity.title} <b>{value}</b>{known}"
            "<extra></extra>"
        ),
        "xgap": 1 if len(drawing.columns) <= 100 else 0,
        "ygap": 1,
        "colorbar": cells.legend(scale.bar(quantity), colors, height=height),
    }
    if known:
        trace["customdata"] = _beneath(drawing)
    if is_written:
        trace["text"] = _written(drawing)
    if not drawing.over_time:
        # Without a size, Plotly makes figures as small as their cells.
        trace["texttemplate"] = value
    return trace


def _title(drawing: Map) -> str:
    quantity = drawing.measure.quantity
    name = f"{quantity.title} [{quantity.unit}]"
    return name if drawing.over_time else f"{name}, each column on its own scale"


def _when(drawing: Map) -> str:
    return "%{x|%a %d %b %Y %H:%M} UTC" if drawing.over_time else "over %{x}"


def _written(drawing: Map) -> list[list[str]]:
    """Return the values as text; among timeframes a dot says that the threshold is exceeded,
    and half a moon that the value is partial.
    """
    write = drawing.measure.quantity.write
    words = [[write(value) for value in row] for row in drawing.values.tolist()]
    if drawing.over_time:
        return words
    for mark, marked in ((PARTIAL, drawing.partial), ("●", drawing.exceeded)):
        if marked is not None:
            for row, column in zip(*np.nonzero(marked), strict=True):
                words[row][column] = f"{mark} {words[row][column]}"
    return words


def _beneath(drawing: Map) -> list[list[str]]:
    """Return what the hover text of each cell has beneath its value: how partial it is, alerts."""
    words = np.full(drawing.values.shape, "", np.object_)
    if drawing.partial.any():
        words += np.array(_known(drawing), np.object_)
    if drawing.alerts is not None:
        words += drawing.alerts
    told: list[list[str]] = words.tolist()
    return told


def _alerts(drawing: Map, names: list[str], colors: Colors) -> list[dict[str, Any]]:
    """Return a frame about each cell in whose bar an alert fired, unless those are too many."""
    columns = drawing.columns
    if drawing.alerts is None or not isinstance(columns, np.ndarray):
        return []
    rows, places = np.nonzero(drawing.alerts != "")
    if len(rows) > MAX_MARKS:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "alerts",
            "x": columns[places],
            "y": [names[row] for row in rows],
            "marker": {
                "symbol": "square-open",
                "size": 9,
                "color": colors.text,
                "line": {"width": 1.5},
            },
            "hoverinfo": "skip",
        }
    ]


def _known(drawing: Map) -> list[list[str]]:
    """Return the hover texts of partial values."""
    assert drawing.coverage_pct is not None
    return [
        [f"<br>partial: {part:.0f} % known" if is_partial else "" for part, is_partial in row]
        for row in (
            zip(parts, marks, strict=True)
            for parts, marks in zip(
                drawing.coverage_pct.tolist(), drawing.partial.tolist(), strict=True
            )
        )
    ]


def _partial(drawing: Map, names: list[str]) -> list[dict[str, Any]]:
    """Return a triangle in each bar that is partial, unless those are too many."""
    columns = drawing.columns
    rows, places = np.nonzero(drawing.partial)
    if not isinstance(columns, np.ndarray) or not 0 < len(rows) <= MAX_MARKS:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "partial",
            "x": columns[places],
            "y": [names[row] for row in rows],
            "marker": {
                "symbol": "triangle-ne",
                "size": 6,
                "color": "#FFFFFF",
                "line": {"width": 1, "color": DARK.background},
            },
            "hoverinfo": "skip",
        }
    ]


def _ground(drawing: Map, names: list[str], colors: Colors) -> list[dict[str, Any]]:
    """Return what lies beneath the cells where some have no value: it lets the hatching through.

    It says of such a cell that it has none, and keeps the hatching out of all others' gaps.
    """
    known = np.isfinite(drawing.values)
    if known.all():
        return []
    return [
        {
            "type": "heatmap",
            "x": drawing.columns,
            "y": names,
            "z": known.astype(np.uint8).tolist(),
            "zmin": 0,
            "zmax": 1,
            "colorscale": [[0, "rgba(0,0,0,0)"], [1, colors.background]],
            "showscale": False,
            "hovertemplate": f"<b>%{{y}}</b><br>{_when(drawing)}<br>no data<extra></extra>",
        }
    ]


def _marks(drawing: Map, names: list[str]) -> list[dict[str, Any]]:
    """Return a dot in each bar that exceeds the user's threshold, unless those are too many."""
    columns = drawing.columns
    if drawing.exceeded is None or not isinstance(columns, np.ndarray):
        return []
    rows, places = np.nonzero(drawing.exceeded)
    if not 0 < len(rows) <= MAX_MARKS:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": columns[places],
            "y": [names[row] for row in rows],
            "marker": {
                "size": 5,
                "color": "#FFFFFF",
                "line": {"width": 1, "color": DARK.background},
            },
            "hoverinfo": "skip",
        }
    ]


def _columns_axis(drawing: Map, colors: Colors) -> dict[str, Any]:
    axis = {
        "side": "top",
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "tickfont": {"color": colors.muted, "size": 10},
    }
    columns = drawing.columns
    if isinstance(columns, np.ndarray):
        half = (columns[1] - columns[0]) // 2 if len(columns) > 1 else np.timedelta64(150, "s")
        return {**axis, "type": "date", **whole(str(columns[0] - half), str(columns[-1] + half))}
    return {**axis, **cells.names_axis(colors, len(columns), size=12)}


def _newest(drawing: Map, rows: int, colors: Colors) -> list[dict[str, Any]]:
    """Return a frame around the newest bar, by which rows are sorted."""
    columns = drawing.columns
    if not isinstance(columns, np.ndarray) or len(columns) < 2:
        return []
    half = (columns[1] - columns[0]) // 2
    ends = {"x0": str(columns[-1] - half), "x1": str(columns[-1] + half)}
    line = {"color": colors.text, "width": 1.5}
    return [{"type": "rect", "y0": -0.5, "y1": rows - 0.5, **ends, "line": line}]


def _counts_heading(colors: Colors) -> dict[str, Any]:
    """Return the heading over how many times each row is beyond the threshold."""
    place = {"x": 1, "xref": "paper", "xanchor": "left", "y": 1, "yref": "paper"}
    font = {"size": 10, "color": colors.alert}
    words = {"text": "Times<br>beyond", "align": "left", "showarrow": False}
    return {**place, "yanchor": "bottom", **words, "font": font}


def _counts_axis(drawing: Map, names: list[str], size: int, colors: Colors) -> dict[str, Any]:
    """Return the axis on the right: how many cells of each row exceed the threshold."""
    assert drawing.exceeded is not None
    counts = drawing.exceeded.sum(axis=1).tolist()
    return {
        **cells.names_axis(colors, len(names), size=size),
        "autorange": "reversed",
        "overlaying": "y",
        "side": "right",
        "matches": "y",
        "tickmode": "array",
        "tickvals": names,
        "ticktext": [f"{count}×" if count else "" for count in counts],
        "tickfont": {"color": colors.alert, "size": size},
    }


def _counted(drawing: Map, names: list[str]) -> dict[str, Any]:
    """Return a trace without a mark: an axis is only drawn where a trace hangs on it."""
    first = np.asarray(drawing.columns)[:1]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": first if drawing.over_time else [str(one) for one in first],
        "y": names[:1],
        "yaxis": "y2",
        "marker": {"opacity": 0},
        "hoverinfo": "skip",
    }
