"""What the Market chart draws in each pane: histories in, Plotly's traces out.

Every trace is on the one time axis of the chart, so that one crosshair and one label
serve all panes. Values go as 32-bit numbers on a regular grid, which names its first
time and its step alone: a chart of a day is some 40 kB. NaN stays a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.pair.history import History
from analytics.palette import Colors
from analytics.panels.panel import TIMEFRAMES
from analytics.quantities import QUANTITIES
from analytics.signals.fired import Signal
from analytics.signals.sentences import told
from dashboard.charts.frame import literal
from dashboard.market.panes import Pane
from dashboard.market.scales import Scale

Line = NDArray[np.float64]
Trace = dict[str, Any]

MAX_CANDLES: Final = 1_200
"""More bars than this are thinner than a candle: their closes are drawn as a line."""
MAX_COLUMNS: Final = 1_200
"""More columns than this are drawn as one outline that is filled."""
WEBGL_FROM: Final = 1_500
"""Lines of more bars than this are drawn by the graphics card."""


def title(name: str) -> str:
    """Return what the line called *name* is called in a chart."""
    return QUANTITIES["price" if name == "close" else name].title


@dataclass(frozen=True, slots=True)
class Place:
    """Axis, scale and colours of a trace."""

    history: History
    axis: str
    """Plotly's name of the pane's y axis."""
    scale: Scale
    colors: Colors

    @property
    def step_ms(self) -> int:
        """Time between two bars. [ms]"""
        return int(TIMEFRAMES[self.history.timeframe].total_seconds() * 1000)

    def grid(self, line: Line) -> Trace:
        """Return *line* on the time axis."""
        values = (line / self.scale.unit).astype(np.float32)
        return {
            "x0": dates(self.history.times[:1])[0],
            "dx": self.step_ms,
            "y": values,
            "yaxis": self.axis,
            "hovertemplate": f"%{{y:{self.scale.hover}}}{self.scale.suffix}",
        }


def dates(times: NDArray[np.datetime64]) -> list[str]:
    """Return *times*, UTC, as Plotly reads them: a number would be of the browser's own zone."""
    return np.datetime_as_string(times, "m").tolist()  # type: ignore[no-any-return]


def candles(place: Place) -> list[Trace]:
    """Return candles: hollow where the price rose, filled where it fell."""
    lines, colors = place.history.lines, place.colors
    if len(place.history.times) > MAX_CANDLES or not np.isfinite(lines["open"]).any():
        return line(place, "close", colors.line)
    form = place.scale.hover
    names = ("open", "high", "low", "close")
    known = np.isfinite([lines[name] for name in names]).all(axis=0)
    parts = {name: lines[name][known].astype(np.float32) for name in names}
    return [
        {
            "type": "candlestick",
            "name": title("close"),
            "x": dates(place.history.times[known]),
            **parts,
            "yaxis": place.axis,
            "increasing": {
                "line": {"color": colors.up, "width": 1.2},
                "fillcolor": colors.background,
            },
            "decreasing": {"line": {"color": colors.down, "width": 1.2}, "fillcolor": colors.down},
            "whiskerwidth": 0,
            "hovertemplate": " ".join(
                f"{letter} %{{{name}:{form}}}" for letter, name in zip("OHLC", parts, strict=True)
            ),
        }
    ]


def bands(place: Place) -> list[Trace]:
    """Return the Bollinger bands: their edges, their middle, and the range between, shaded."""
    known = place.history.lines
    edge = {"color": _faded(place.colors.line, 0.55), "width": 1}
    edges: list[Trace] = [
        {
            **place.grid(known[f"bollinger_{name}"]),
            "type": _kind(place),
            "mode": "lines",
            "name": title(f"bollinger_{name}"),
            "line": edge,
        }
        for name in ("upper", "lower")
    ]
    middle = {
        **place.grid(known["bollinger_middle"]),
        "type": _kind(place),
        "mode": "lines",
        "line": {**edge, "dash": "dot"},
        "name": title("bollinger_middle"),
    }
    return [*_shade(place), *edges, middle]


def _shade(place: Place) -> list[Trace]:
    """Return a polygon for each stretch without a hole, which a fill would reach across."""
    upper, lower = (place.history.lines[f"bollinger_{name}"] for name in ("upper", "lower"))
    if len(upper) > MAX_CANDLES:
        return []
    starts: list[str | None] = [*dates(place.history.times), None]
    around: list[str | None] = []
    edge: list[Line] = []
    known = np.flatnonzero(np.isfinite(upper))
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        back = run[::-1]
        around += [starts[at] for at in (*run, *back, -1)]
        edge += [upper[run], lower[back], np.full(1, np.nan)]
    return [
        {
            "type": "scatter",
            "mode": "none",
            "x": around,
            "y": np.concatenate(edge).astype(np.float32),
            "yaxis": place.axis,
            "fill": "toself",
            "fillcolor": _faded(place.colors.line, 0.08),
            "hoverinfo": "skip",
        }
    ]


def line(place: Place, name: str, color: str, *, steps: bool = False) -> list[Trace]:
    """Return one line of the history; where it is partial, it is dotted."""
    values, partial = place.history.lines[name], place.history.partial(name)
    drawn: Trace = {
        "type": _kind(place),
        "mode": "lines",
        "name": title(name),
        "line": {"color": color, "width": 1.5, **({"shape": "hv"} if steps else {})},
        "connectgaps": False,
    }
    if not partial.any():
        return [{**place.grid(values), **drawn}]
    # A dotted line begins where the whole one ends.
    with_last = partial | np.append(partial[1:], False)
    dotted = {**drawn, "line": {**drawn["line"], "dash": "dot"}, "connectgaps": False}
    return [
        {**place.grid(np.where(partial, np.nan, values)), **drawn},
        {**place.grid(np.where(with_last, values, np.nan)), **dotted, "hoverinfo": "skip"},
        *_marks(place, name, values),
    ]


def columns(place: Place, name: str) -> list[Trace]:
    """Return columns: positive in the up colour, negative in the down colour."""
    values = place.history.lines[name]
    if len(values) > MAX_COLUMNS:
        return [_outline(place, values, title(name)), *_marks(place, name, values)]
    if not (values < 0).any():
        return [_columns(place, name, values, _faded(place.colors.line, 0.75))]
    return [
        _columns(place, name, np.where(side, values, np.nan), color)
        for side, color in ((values >= 0, place.colors.up), (values < 0, place.colors.down))
    ]


def flows(place: Place, upwards: str, downwards: str) -> list[Trace]:
    """Return two flows back to back, the second as negative values."""
    lines, colors = place.history.lines, place.colors
    sides = ((upwards, lines[upwards], colors.up), (downwards, -lines[downwards], colors.down))
    if len(lines[upwards]) <= MAX_COLUMNS:
        return [_columns(place, name, values, color) for name, values, color in sides]
    outlines = [_outline(place, values, title(name)) for name, values, _ in sides]
    marks = [mark for name, values, _ in sides for mark in _marks(place, name, values)]
    return [*outlines, *marks]


def _marks(place: Place, name: str, values: Line) -> list[Trace]:
    """Return a ring around each partial value, with its coverage on hover."""
    partial = place.history.partial(name)
    if not partial.any():
        return []
    rings = place.grid(np.where(partial, values, np.nan))
    return [
        {
            **rings,
            "type": _kind(place),
            "mode": "markers",
            "name": title(name),
            "customdata": _partial_texts(place, name),
            "hovertemplate": f"{rings['hovertemplate']}%{{customdata}}",
            "marker": {"size": 3, "symbol": "circle-open", "color": place.colors.alert},
        }
    ]


def _partial_texts(place: Place, name: str) -> list[str]:
    """Return the hover texts of partial values of *name*, by bar."""
    known = place.history.coverage[name].tolist()
    return [
        f", partial: {part:.1f} % known" if is_partial else ""
        for part, is_partial in zip(known, place.history.partial(name).tolist(), strict=True)
    ]


def others(place: Place, pane: Pane) -> list[Trace]:
    """Return thin lines of the same base's other instruments, a colour for each venue."""
    if not pane.by_venue:
        return []
    name = pane.lines[0]
    return [
        {
            **place.grid(lines[name]),
            "type": _kind(place),
            "mode": "lines",
            "name": f"{title(name)} · {literal(pair.venue)}",
            "line": {
                "color": place.colors.of_venue(pair.venue),
                "width": 1,
                **({"shape": "hv"} if pane.style == "steps" else {}),
            },
        }
        for pair, lines in place.history.others.items()
        if np.isfinite(lines[name]).any()
    ]


def tiers(place: Place, signals: Sequence[Signal]) -> list[Trace]:
    """Return a mark for each signal, in the lane of its tier."""
    return [
        _lane(place, number, [signal for signal in signals if signal.tier == number])
        for number in sorted({signal.tier for signal in signals})
    ]


def _lane(place: Place, number: int, signals: Sequence[Signal]) -> Trace:
    words = [told(signal) for signal in signals]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"Tier {number}",
        "x": [f"{signal.ts:%Y-%m-%dT%H:%M}" for signal in signals],
        "y": np.full(len(signals), number, np.float32),
        "text": [literal(f"{one.mark} {one.subject}: {one.sentence}") for one in words],
        "yaxis": place.axis,
        "marker": {
            "symbol": "diamond" if number == 2 else "line-ns-open",
            "size": 9,
            "color": [one.color(place.colors) for one in words],
            "line": {"width": 1.6},
        },
        "hovertemplate": "%{text}",
    }


def _columns(place: Place, name: str, values: Line, color: str) -> Trace:
    """Return columns of the line called *name*; those that are partial are hatched."""
    marker: Trace = {"color": color, "line": {"width": 0}}
    drawn = {**place.grid(values), "name": title(name), "type": "bar", "marker": marker}
    if (partial := place.history.partial(name)).any():
        shapes = ["/" if is_partial else "" for is_partial in partial.tolist()]
        marker["pattern"] = {"shape": shapes, "size": 5, "solidity": 0.5, "fillmode": "replace"}
        drawn["customdata"] = _partial_texts(place, name)
        drawn["hovertemplate"] += "%{customdata}"
    return drawn


def _outline(place: Place, values: Line, name: str) -> Trace:
    """Return the filled outline of columns that are too many to draw one by one."""
    color = place.colors.line
    return {
        **place.grid(values),
        "name": name,
        "type": "scatter",
        "mode": "lines",
        "line": {"color": color, "width": 1, "shape": "hvh"},
        "fill": "tozeroy",
        "fillcolor": _faded(color, 0.35),
    }


def _kind(place: Place) -> str:
    return "scattergl" if len(place.history.times) > WEBGL_FROM else "scatter"


def _faded(color: str, opacity: float) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
