"""The Market chart: panes one above the other on one time axis, under one crosshair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from analytics import formats
from analytics.pair_history import History
from analytics.panel import TIMEFRAMES
from analytics.signals import Signal
from dashboard.charts import market_traces as traces
from dashboard.charts.market_panes import PRICE, SIGNALS, Pane
from dashboard.charts.market_scales import Scale, newest, scale
from dashboard.charts.palette import Colors
from dashboard.view import Thresholds

_GAP: Final = 12
"""Between two panes. [px]"""
_TOP: Final = 6
_BOTTOM: Final = 26
_RIGHT: Final = 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What is drawn, and how."""

    history: History
    signals: Sequence[Signal]
    panes: Sequence[Pane]
    """Those that have something to show, from top to bottom; the price is the first."""
    bands: bool
    venues: bool
    """Whether the same base on other venues is drawn beside it."""
    thresholds: Thresholds
    colors: Colors
    touch: bool = False
    """On a touch screen a finger scrolls the page instead of drawing a box."""


def market_chart(drawing: Drawing) -> go.Figure:
    """Return the figure: as many panes as are asked for, each with its newest value on top."""
    height = _TOP + _BOTTOM + sum(pane.height + _GAP for pane in drawing.panes) - _GAP
    data: list[traces.Trace] = []
    layout = _layout(drawing, height)
    top = 1.0
    for number, pane in enumerate(drawing.panes, 1):
        inner = height - _TOP - _BOTTOM
        bottom = top - pane.height / inner
        axis = "y" if number == 1 else f"y{number}"
        written = scale(pane, _drawn(drawing, pane))
        data += _traces(drawing, pane, traces.Place(drawing.history, axis, written, drawing.colors))
        layout[axis.replace("y", "yaxis")] = _y_axis(drawing, pane, written, bottom, top)
        layout["annotations"].append(_title(drawing, pane, top))
        layout["shapes"] += _levels(drawing, pane, axis)
        top = bottom - _GAP / inner
    layout["xaxis"]["anchor"] = "y" if len(drawing.panes) == 1 else f"y{len(drawing.panes)}"
    return go.Figure({"data": data, "layout": layout})


def _drawn(drawing: Drawing, pane: Pane) -> list[traces.Line]:
    """Return the lines that the scale of *pane* is to fit."""
    return [drawing.history.lines[name] for name in pane.lines]


def _traces(drawing: Drawing, pane: Pane, place: traces.Place) -> list[traces.Trace]:
    beside = traces.others(place, pane) if drawing.venues else []
    color = drawing.colors.line
    match pane.style:
        case "candles":
            about = traces.bands(place) if drawing.bands else []
            return [*about, *beside, *traces.candles(place)]
        case "columns":
            return traces.columns(place, pane.lines[0])
        case "flows":
            return traces.flows(place, *pane.lines)
        case "tiers":
            return traces.tiers(place, drawing.signals)
        case _:
            tints = (color, drawing.colors.series[1])
            own = [
                traces.line(place, name, tint, steps=pane.style == "steps")
                for name, tint in zip(pane.lines, tints, strict=False)
            ]
            return [*beside, *own]


def _layout(drawing: Drawing, height: int) -> dict[str, Any]:
    colors, times = drawing.colors, drawing.history.times
    step = np.timedelta64(TIMEFRAMES[drawing.history.timeframe])
    # Not the range: the browser is to know a chart that the user zoomed from one that is whole.
    ends = {"clipmin": str(times[0] - step // 2), "clipmax": str(times[-1] + step)}
    return {
        "height": height,
        "margin": {"l": 6, "r": _RIGHT, "t": _TOP, "b": _BOTTOM, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": colors.text, "size": 11},
        "showlegend": False,
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "hoverlabel": {
            "bgcolor": colors.background,
            "bordercolor": colors.muted,
            "font": {"size": 11, "color": colors.text},
            "namelength": 24,
        },
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": colors.muted,
            "activecolor": colors.line,
        },
        "dragmode": False if drawing.touch else "zoom",
        "barmode": "overlay",
        "bargap": 0.15,
        "annotations": [],
        "shapes": [],
        "xaxis": {
            "type": "date",
            "autorangeoptions": ends,
            "side": "bottom",
            "rangeslider": {"visible": False},
            "showgrid": True,
            "gridcolor": colors.grid,
            "zeroline": False,
            "hoverformat": "%a %d %b %Y %H:%M UTC",
            "tickfont": {"color": colors.muted},
            **_spikes(colors),
        },
    }


def _y_axis(
    drawing: Drawing, pane: Pane, written: Scale, bottom: float, top: float
) -> dict[str, Any]:
    colors = drawing.colors
    axis = {
        "domain": [max(bottom, 0.0), top],
        "anchor": "x",
        "side": "right",
        "nticks": 7 if pane is PRICE else 4,
        "tickformat": written.tick,
        "ticksuffix": written.suffix,
        "tickfont": {"color": colors.muted, "size": 10},
        "gridcolor": colors.grid,
        "rangemode": "tozero" if pane.kind == "rate" else "normal",
        "zeroline": pane.kind in ("pct", "rate", "score") or pane.style == "flows",
        "zerolinecolor": colors.muted,
        "zerolinewidth": 1,
        **_spikes(colors),
    }
    if pane.kind == "index":
        return {**axis, "range": [0, 100], "tickvals": [30, 70]}
    if pane is SIGNALS:
        return {**axis, "range": [5.6, 0.4], "tickvals": [1, 2, 3, 4, 5], "nticks": 5}
    return axis


def _spikes(colors: Colors) -> dict[str, Any]:
    return {
        "showspikes": True,
        "spikemode": "across",
        "spikesnap": "cursor",
        "spikethickness": 1,
        "spikedash": "dot",
        "spikecolor": colors.muted,
    }


def _title(drawing: Drawing, pane: Pane, top: float) -> dict[str, Any]:
    """Return the words on top of *pane*: what it is, and its newest value."""
    colors, history = drawing.colors, drawing.history
    value = "" if pane is SIGNALS else f"  <b>{newest(pane, _drawn(drawing, pane))}</b>"
    name = pane.title
    if pane is PRICE:
        name = f"{formats.pair(history.price_of.symbol)} on {history.price_of.venue}"
    beside = _beside(drawing) if pane is PRICE and drawing.venues else ""
    return {
        "text": f'<span style="color:{colors.muted}">{name}</span>{value}{beside}',
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "top",
        "showarrow": False,
        "align": "left",
        "font": {"size": 11, "color": colors.text},
        "bgcolor": colors.background,
        "opacity": 0.85,
        "borderpad": 1,
    }


def _beside(drawing: Drawing) -> str:
    """Name the venues drawn beside, each in its colour."""
    return "".join(
        f'  <span style="color:{drawing.colors.of_venue(pair.venue)}">— {pair.venue}</span>'
        for pair in drawing.history.others
    )


def _levels(drawing: Drawing, pane: Pane, axis: str) -> list[dict[str, Any]]:
    """Return the levels of *pane* that mean something: the user's thresholds, RSI's own."""
    seen = drawing.thresholds
    at: tuple[float, ...] = {
        "z": (seen.z_oi, -seen.z_oi),
        "Long/short": (seen.ls_accounts, 1 / seen.ls_accounts),
        "Book": (seen.book_imbalance_pct, -seen.book_imbalance_pct),
        "Funding": (seen.funding_8h_pct, -seen.funding_8h_pct),
        "OI change": (seen.oi_delta_pct, -seen.oi_delta_pct),
        "RSI": (30.0, 70.0),
    }.get(pane.label, ())
    if at and pane.label != "RSI":
        at = _near(at, drawing.history.lines[pane.lines[0]])
    return [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": axis,
            "y0": level,
            "y1": level,
            "layer": "below",
            "line": {"color": drawing.colors.alert, "width": 1, "dash": "dash"},
            "opacity": 0.6,
        }
        for level in at
    ]


def _near(levels: tuple[float, ...], line: traces.Line) -> tuple[float, ...]:
    """Return those of *levels* that do not press *line* flat, as the scale reaches for all."""
    low, high = float(np.nanmin(line)), float(np.nanmax(line))
    room = max((high - low) / 2, abs(high) / 4)
    return tuple(level for level in levels if low - room <= level <= high + room)
