"""The Market chart: panes one above the other on one time axis, under one crosshair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args

import numpy as np
import plotly.graph_objects as go

from analytics import formats
from analytics.pair.history import History
from analytics.palette import Colors
from analytics.panels.panel import TIMEFRAMES, Pair
from analytics.signals.fired import Signal
from analytics.signals.thresholds import Level, Thresholds
from dashboard.charts.frame import across, frame, literal, whole
from dashboard.market import traces
from dashboard.market.panes import PRICE, SIGNALS, Pane
from dashboard.market.scales import Scale, ended, newest, scale

_HEAD: Final = 18
"""Over each pane, for its title, which lies on no curve there. [px]"""
_GAP: Final = 6
"""Between a pane and the title of the next one. [px]"""
_TOP: Final = 4
_BOTTOM: Final = 36
_RIGHT: Final = 62
_RSI_LEVELS: Final = (30.0, 70.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What is drawn, and how."""

    history: History
    now: datetime
    """Of the page. With a zone."""
    until: datetime
    """When the newest bar, which may be open, was last updated. With a zone."""
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
    zone: str | None = None
    """Of the user's clock, as the browser calls it."""


def market_chart(drawing: Drawing) -> go.Figure:
    """Return the figure: as many panes as are asked for, each with its newest value on top."""
    inner = sum(_head(drawing, pane) + pane.height + _GAP for pane in drawing.panes) - _GAP
    data: list[traces.Trace] = []
    layout = _layout(drawing, _TOP + inner + _BOTTOM)
    above = 0
    for number, pane in enumerate(drawing.panes, 1):
        top = above + _head(drawing, pane)
        bottom = top + pane.height
        axis = "y" if number == 1 else f"y{number}"
        written = scale(pane, _drawn(drawing, pane))
        data += _traces(drawing, pane, traces.Place(drawing.history, axis, written, drawing.colors))
        layout[axis.replace("y", "yaxis")] = {
            **_y_axis(drawing, pane, written),
            "domain": [1 - bottom / inner, 1 - top / inner],
        }
        layout["annotations"].append(_title(drawing, pane, 1 - above / inner))
        layout["shapes"] += _levels(drawing, pane, axis)
        above = bottom + _GAP
    layout["xaxis"]["anchor"] = "y" if len(drawing.panes) == 1 else f"y{len(drawing.panes)}"
    return go.Figure({"data": data, "layout": layout})


def _head(drawing: Drawing, pane: Pane) -> int:
    """Return the room for the title of *pane*, which has a second line with the venues. [px]"""
    return 2 * _HEAD if pane is PRICE and _compared(drawing) else _HEAD


def _compared(drawing: Drawing) -> Mapping[Pair, Mapping[str, traces.Line]]:
    """Return the lines of the base's other instruments, as far as they are drawn."""
    return drawing.history.others if drawing.venues else {}


def _drawn(drawing: Drawing, pane: Pane) -> list[traces.Line]:
    """Return the lines that the scale of *pane* is to fit."""
    return [drawing.history.lines[name] for name in pane.lines]


def _traces(drawing: Drawing, pane: Pane, place: traces.Place) -> list[traces.Trace]:
    beside = traces.others(place, pane) if drawing.venues else []
    match pane.style:
        case "candles":
            about = traces.bands(place) if drawing.bands else []
            # The candles lie beneath all lines wherever they stand; first, they head the label.
            own_clock = _local_times(place, drawing.zone)
            return [*own_clock, *traces.candles(place), *about, *beside]
        case "columns":
            return traces.columns(place, pane.lines[0])
        case "flows":
            return traces.flows(place, *pane.lines)
        case "tiers":
            return traces.tiers(place, drawing.signals)
        case _:
            own = [
                trace
                for name, tint in _tinted(drawing, pane)
                for trace in traces.line(place, name, tint, steps=pane.style == "steps")
            ]
            return [*beside, *own]


def _tinted(drawing: Drawing, pane: Pane) -> list[tuple[str, str]]:
    """Return the lines of *pane* by name, each with its colour."""
    return list(zip(pane.lines, (drawing.colors.line, drawing.colors.series[1]), strict=False))


def _layout(drawing: Drawing, height: int) -> dict[str, Any]:
    colors, times = drawing.colors, drawing.history.times
    step = np.timedelta64(TIMEFRAMES[drawing.history.timeframe])
    return {
        **frame(colors),
        "height": height,
        "margin": {"l": 6, "r": _RIGHT, "t": _TOP, "b": _BOTTOM, "pad": 0},
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "dragmode": False if drawing.touch else "zoom",
        "barmode": "overlay",
        "bargap": 0.15,
        "annotations": [],
        "shapes": [],
        "xaxis": {
            "type": "date",
            **whole(str(times[0] - step // 2), str(times[-1] + step)),
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


def _y_axis(drawing: Drawing, pane: Pane, written: Scale) -> dict[str, Any]:
    colors = drawing.colors
    axis = {
        "anchor": "x",
        "side": "right",
        "nticks": 7 if pane is PRICE else 4,
        "tickformat": written.tick,
        "ticksuffix": written.suffix,
        "tickfont": {"color": colors.muted, "size": 11},
        "gridcolor": colors.grid,
        "rangemode": "tozero" if pane.kind == "rate" else "normal",
        "zeroline": bool(pane.lines) and (pane.kind == "usd" or pane.quantity.neutral == 0),
        "zerolinecolor": colors.muted,
        "zerolinewidth": 1,
        **_spikes(colors),
    }
    if pane.kind == "index":
        return {**axis, **whole(0, 100), "tickvals": list(_RSI_LEVELS)}
    if pane is SIGNALS:
        return {**axis, "autorange": "reversed", **whole(0.4, 5.6), "tickvals": [1, 2, 3, 4, 5]}
    return {**axis, **_of_one_value(drawing, pane, written)}


def _of_one_value(drawing: Drawing, pane: Pane, written: Scale) -> dict[str, Any]:
    """Return room about a line that never moves, which else lies on the edge of its pane."""
    names = (*pane.lines, "low", "high") if pane is PRICE else pane.lines
    lines = [drawing.history.lines[name] for name in names]
    if pane.by_venue:
        lines += [other[pane.lines[0]] for other in _compared(drawing).values()]
    values = np.concatenate(lines) / written.unit
    known = values[np.isfinite(values)]
    if np.ptp(known) > 1e-9 * np.abs(known).max():
        return {}
    at = float(known[0])
    away = abs(at) / 2 or 1.0
    # A tick at the value, and one at nought where that is in sight.
    ticks = {"tick0": at, "dtick": 2 * away}
    return {"autorangeoptions": {"include": [at - away, at + away]}, **ticks}


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
    value = "" if pane is SIGNALS else f"  <b>{newest(pane, drawing.history)}</b>"
    name, more = pane.title, ""
    if pane is PRICE:
        pair = drawing.history.price_of
        at = formats.moment(ended(drawing.history, drawing.until), drawing.now)
        name = literal(f"{formats.pair(pair.symbol)} on {pair.venue}")
        more = _muted(drawing, f"  at {at}") + _beside(drawing)
    elif pane.style == "line" and len(pane.lines) > 1:
        more = "".join(
            f'  <span style="color:{tint}">— {traces.title(name)}</span>'
            for name, tint in _tinted(drawing, pane)
        )
    return {
        "text": f"{_muted(drawing, name)}{value}{more}",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": top,
        "xanchor": "left",
        "yanchor": "top",
        "showarrow": False,
        "align": "left",
    }


def _muted(drawing: Drawing, words: str) -> str:
    return f'<span style="color:{drawing.colors.muted}">{words}</span>'


def _beside(drawing: Drawing) -> str:
    """Name the venues drawn beside, each in its colour, on a line of their own."""
    names = [
        f'<span style="color:{drawing.colors.of_venue(pair.venue)}">— {literal(pair.venue)}</span>'
        for pair in _compared(drawing)
    ]
    return "<br>" + "  ".join(names) if names else ""


def _levels(drawing: Drawing, pane: Pane, axis: str) -> list[dict[str, Any]]:
    """Return the levels of *pane* that mean something: the user's thresholds, RSI's own."""
    if not pane.lines:
        return []
    name = {"z_robust": "z_oi"}.get(pane.lines[0], pane.lines[0])
    at: tuple[float, ...] = ()
    if name == "rsi_14":
        at = _RSI_LEVELS
    elif name in get_args(Level):
        level = float(getattr(drawing.thresholds, name))
        other = 1 / level if name == "ls_accounts" else -level
        at = _near((level, other), drawing.history.lines[pane.lines[0]])
    return [
        {
            "type": "line",
            **across(axis, level, level),
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


def _local_times(place: traces.Place, zone: str | None) -> list[traces.Trace]:
    """Return an invisible trace that adds the user's local time to the hover label.

    UTC is in the label's heading.
    """
    close = place.history.lines["close"]
    known, words = close[np.isfinite(close)], formats.local_minutes(place.history.times, zone)
    if words is None or not len(known):
        return []
    return [
        {
            # On one level, where the pane has a value anyway: it must not widen the scale.
            **place.grid(np.full(len(close), known[-1])),
            "type": "scatter",
            "mode": "none",
            "name": zone,
            "text": words,
            "hovertemplate": "%{text}",
        }
    ]
