"""The Market chart: panes one above the other on one time axis, under one crosshair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, get_args

import numpy as np
import pandas as pd

from analytics import formats
from analytics.market.pair_history import History
from analytics.palette import Colors
from analytics.panels.panel import TIMEFRAMES
from analytics.signals.fired import Signal
from analytics.signals.thresholds import Level, Thresholds
from dashboard.charts.linked_chart import LinkedChart
from dashboard.pair_chart import traces
from dashboard.pair_chart.panes import PRICE, SIGNALS, Pane
from dashboard.pair_chart.scales import GRAVEST, ended, newest, scale
from dashboard.pair_chart.traces import Canvas, Series

_RSI_LEVELS: Final = (30.0, 70.0)
_LANES: Final = (0.4, GRAVEST + 0.6)
"""From below the mildest signals to above the gravest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What is drawn, and how."""

    history: History
    now: datetime
    """Of the page. With a zone."""
    until: datetime
    """When the newest bar, which may be open, was last updated. With a zone."""
    signals: Sequence[Signal]
    alerts: Sequence[Mapping[Any, Any]]
    """Those that fired, as rows of ``alert_episodes.sql``."""
    trades: Mapping[str, pd.DataFrame]
    """Simulated ones, of ``SimulatedTrades``, by the name of their model."""
    panes: Sequence[Pane]
    """Those that have something to show, from top to bottom; the price is the first."""
    bands: bool
    averages: Sequence[str]
    """Lines on the price by name: of EMA and VWAP."""
    venues: bool
    """Whether the same base on other venues is drawn beside it."""
    thresholds: Thresholds
    colors: Colors
    subject: str
    """Of what, and over how much time: another one begins unzoomed."""
    alt: str
    """What it shows, in words."""
    file: str
    """What a saved picture is called, without its ending."""
    layout: str
    """Which choice of panes it is: for each the browser keeps their order and sizes."""
    forced: bool
    """Whether the bars are of another length than was chosen."""
    fills: bool
    """Whether it is as high as the window, or higher."""


def market_chart(drawing: Drawing) -> LinkedChart:
    """Return the chart: as many panes as are asked for, each with its newest value in its title."""
    history, canvas = drawing.history, Canvas(drawing.history, drawing.colors)
    step_s = int(TIMEFRAMES[history.timeframe].total_seconds())
    panes = [_pane(drawing, pane, canvas) for pane in drawing.panes]
    parts = {
        "chart": {
            "subject": drawing.subject,
            "alt": drawing.alt,
            "file": drawing.file,
            "fills": drawing.fills,
            "layout": drawing.layout,
        },
        "colors": _colors(drawing.colors),
        "panes": panes,
        "titles": {pane.label: _title(drawing, pane) for pane in drawing.panes},
        "marks": [
            *traces.marks(canvas, drawing.signals, step_s),
            *traces.alert_marks(canvas, drawing.alerts, step_s),
        ],
        "trades": traces.trade_marks(canvas, drawing.trades, step_s),
    }
    return LinkedChart(
        parts=parts,
        first=int(history.times[0].astype("datetime64[s]").astype(int)),
        step=step_s,
        bars=len(history.times),
        lines={name: line.astype(np.float32) for name, line in canvas.lines.items()},
    )


def _pane(drawing: Drawing, pane: Pane, canvas: Canvas) -> dict[str, Any]:
    """Return what the browser is told of *pane*, but for its title."""
    lines = [drawing.history.lines[name] for name in pane.lines]
    how = asdict(scale(pane, lines))
    return {
        "label": pane.label,
        "height": pane.height,
        "candles": pane is PRICE,
        "several": len(pane.lines) > 1,
        "writing": how,
        "smallest": how.pop("smallest"),
        "range": _fixed_range(pane),
        "zero": pane.kind == "rate",
        "levels": _levels(drawing, pane),
        "series": _series(drawing, pane, canvas),
    }


def _fixed_range(pane: Pane) -> tuple[float, float] | None:
    if pane is SIGNALS:
        return _LANES
    return (0.0, 100.0) if pane.kind == "index" else None


def _series(drawing: Drawing, pane: Pane, canvas: Canvas) -> list[Series]:
    """Return the series of *pane*: its own first, as their newest values are in its title."""
    beside = traces.others(canvas, pane) if drawing.venues else []
    match pane.style:
        case "candles":
            about = traces.bands(canvas) if drawing.bands else []
            averages = traces.averages(canvas, drawing.averages)
            return [*traces.candles(canvas), *about, *averages, *beside]
        case "columns":
            return traces.columns(canvas, pane.lines[0])
        case "flows":
            return traces.flows(canvas, *pane.lines)
        case "tiers":
            return traces.lanes()
        case _:
            tints = (drawing.colors.line, drawing.colors.series[1])
            own = [
                one
                for name, tint in zip(pane.lines, tints, strict=False)
                for one in traces.line(canvas, name, tint, steps=pane.style == "steps")
            ]
            return [*own, *beside]


def _colors(colors: Colors) -> dict[str, str]:
    names = ("background", "border", "grid", "text", "muted", "line", "up", "down", "alert")
    return {name: getattr(colors, name) for name in names}


def _title(drawing: Drawing, pane: Pane) -> dict[str, Any]:
    """Return the words on top of *pane*: what it is, its newest value, and what follows it."""
    plain = {"name": pane.title, "bars": "", "forced": False, "after": ""}
    if pane is SIGNALS:
        count = f"{len(drawing.signals):,}"
        alerts = formats.plural(len(drawing.alerts), "alert")
        return {**plain, "value": f"{count}, {alerts}" if drawing.alerts else count}
    if len(pane.lines) > 1:
        # Each line stands beside it by name.
        return {**plain, "value": ""}
    value = newest(pane, drawing.history)
    if pane is not PRICE:
        return {**plain, "value": value}
    history = drawing.history
    at = formats.moment(ended(history, drawing.until), drawing.now)
    return {
        "name": formats.on_venue(history.price_of.symbol, history.price_of.venue),
        "bars": f"{history.timeframe} bars",
        "forced": drawing.forced,
        "value": value,
        "after": f"at {at}",
        "beside": traces.trade_sums(drawing.trades, drawing.colors),
    }


def _levels(drawing: Drawing, pane: Pane) -> list[float]:
    """Return the levels of *pane* that mean something: the user's thresholds, RSI's own."""
    if not pane.lines:
        return []
    name = {"z_robust": "z_oi"}.get(pane.lines[0], pane.lines[0])
    if name == "rsi_14":
        return list(_RSI_LEVELS)
    if name not in get_args(Level):
        return []
    level = float(getattr(drawing.thresholds, name))
    return [level, 1 / level if name == "ls_accounts" else -level]
