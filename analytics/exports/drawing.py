"""Draws charts in a PDF as lines and areas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.exports.axes import (
    number_ticks,
    numbers,
    positions,
    thinned,
    time_ticks,
)
from analytics.exports.charts import BarChart, Candles, Chart, Heatmap, LineChart
from analytics.exports.paper import DOWN, FAINT, LINES, MUTED, UP, Paper
from analytics.exports.paper_heatmap import draw_heatmap
from analytics.formats import KINDS, writer
from analytics.indicators.arrays import Floats

CHART_HEIGHT = 50.0
_CANDLES = 75.0
_MAX_CANDLES = 150
_LEVEL = 1e-9
"""What differs by less than this part of itself differs by rounding."""
_BAR = 5.0
_TITLE = 8.0
_NOTHING = "No value is known."


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the page. [mm]"""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.top + self.height


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to places on the page."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return where *value* is. [mm]"""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def height_of(chart: Chart, most: float) -> float:
    """Return the height that *chart* needs, at most *most*. [mm]"""
    if isinstance(chart, BarChart):
        return min(max(CHART_HEIGHT, 14 + _BAR * len(chart.labels)), most)
    if isinstance(chart, Heatmap):
        return min(max(CHART_HEIGHT, 26 + _BAR * len(chart.rows)), most)
    return CHART_HEIGHT if chart.candles is None else _CANDLES


def draw(paper: Paper, chart: Chart, left: float, width: float, height: float) -> None:
    """Draw *chart* with its upper edge at the paper's present place. [mm]"""
    top = paper.y
    paper.put(left, top + 3.4, paper.fitted(chart.title, width, 8.5), 8.5, is_bold=True)
    box = Box(left, top + _TITLE, width, height - _TITLE - (4 if chart.note else 0))
    if isinstance(chart, LineChart):
        _lines(paper, chart, box)
    elif isinstance(chart, BarChart):
        _bars(paper, chart, box)
    else:
        draw_heatmap(paper, chart, box.left, box.top, box.width, box.height)
    if chart.note:
        note = paper.fitted(chart.note, width, 6.5)
        paper.put(left, top + height - 0.6, note, 6.5, MUTED)


def _lines(paper: Paper, chart: LineChart, box: Box) -> None:
    lines = [(*positions(one.x), numbers(one.y)) for one in chart.series]
    known = [y[np.isfinite(y)] for _, _, y in lines]
    across = [x for x, _, y in lines if len(x)]
    candles = None if chart.candles is None else chart.candles.wider(_MAX_CANDLES)
    if candles is not None:
        known += [side[np.isfinite(side)] for side in (candles.high, candles.low)]
        across.append(positions(candles.x)[0])
    if not any(len(y) for y in known):
        paper.put(box.left, box.top + 8, _NOTHING, 7.5, MUTED)
        return
    top = box.top + _legend(paper, chart, box)
    low, high = _span(np.concatenate(known))
    ticks = [
        (value, paper.fitted(label, box.width * 0.3, 6.5))
        for value, label in number_ticks(low, high, chart.kind)
    ]
    gutter = max((paper.width_of(label, 6.5) for _, label in ticks), default=0) + 2
    times = _span(np.concatenate(across), padding=0.0)
    x_scale = _Scale(*times, box.left + gutter, box.right - 1)
    y_scale = _Scale(low, high, box.bottom - 5, top)
    _grid(paper, box, gutter, ticks, y_scale)
    is_time = candles is not None or any(is_time for _, is_time, _ in lines)
    _below(paper, box, x_scale, is_time=is_time)
    if candles is not None:
        _candles(paper, candles, x_scale, y_scale)
    # The first one on top: the others are beside it.
    for place, (x, _, y) in reversed([*enumerate(lines)]):
        color = _color(chart, place)
        _line(paper, *thinned(x, y), x_scale, y_scale, color, is_area=chart.area)
        if (partial := chart.series[place].partial) is not None:
            _partial(paper, x[partial], y[partial], x_scale, y_scale, color)


def _candles(paper: Paper, candles: Candles, x_scale: _Scale, y_scale: _Scale) -> None:
    """Draw what each bar did: from low to high thin, from open to close thick."""
    x, _ = positions(candles.x)
    each = (x_scale.end - x_scale.start) / max(len(x), 1)
    bars = np.column_stack([x, candles.open, candles.high, candles.low, candles.close])
    for at, *values in bars[np.isfinite(bars).all(axis=1)]:
        first, high, low, last = (y_scale(value) for value in values)
        color = UP if values[3] >= values[0] else DOWN
        paper.set_draw_color(color)
        paper.set_fill_color(color)
        paper.set_line_width(0.15)
        left = x_scale(at)
        paper.line(left, low, left, high)
        # Up is less on paper; a bar that closed where it opened is a dash.
        height = max(abs(last - first), 0.15)
        paper.rect(left - each * 0.35, min(first, last), each * 0.7, height, style="F")


def _span(values: Floats, padding: float = 0.06) -> tuple[float, float]:
    """Return the range of *values* and a little more; never an empty one."""
    low, high = float(values.min()), float(values.max())
    if high - low <= _LEVEL * max(abs(low), abs(high)):
        half = abs(low) * 0.05 or 1.0
        return low - half, high + half
    return low - padding * (high - low), high + padding * (high - low)


def _legend(paper: Paper, chart: LineChart, box: Box) -> float:
    """Name the lines, where there are several; return how high that is. [mm]"""
    if len(chart.series) < (2 if chart.candles is None else 1):
        return 0.0
    x, y = box.left, box.top + 1.4
    for place, one in enumerate(chart.series):
        name = paper.printable(one.name)
        width = paper.width_of(name, 6.5) + 8
        if x > box.left and x + width > box.right:
            x, y = box.left, y + 3.6
        paper.set_fill_color(_color(chart, place))
        paper.rect(x, y - 1.3, 3, 0.9, style="F")
        paper.put(x + 4, y, name, 6.5, MUTED)
        x += width
    return y - box.top + 3


def _color(chart: LineChart, place: int) -> str:
    return chart.series[place].color or LINES[place % len(LINES)]


def _grid(
    paper: Paper, box: Box, gutter: float, ticks: list[tuple[float, str]], scale: _Scale
) -> None:
    paper.set_draw_color(FAINT)
    for value, label in ticks:
        paper.set_line_width(0.25 if value == 0 else 0.1)
        y = scale(value)
        paper.line(box.left + gutter, y, box.right, y)
        paper.put(box.left + gutter - 1.2, y + 0.8, label, 6.5, MUTED, align="R")


def _below(paper: Paper, box: Box, scale: _Scale, *, is_time: bool) -> None:
    """Write what stands below the chart: times, or numbers."""
    if is_time:
        ticks = time_ticks(scale.low, scale.high)
    else:
        ticks = number_ticks(scale.low, scale.high, "ratio")
    for value, label in ticks:
        x, half = scale(value), paper.width_of(label, 6.5) / 2
        if scale.start - 2 <= x - half and x + half <= box.right + 1:
            paper.put(x, box.bottom - 1.4, label, 6.5, MUTED, align="C")


def _line(
    paper: Paper,
    x: Floats,
    y: Floats,
    x_scale: _Scale,
    y_scale: _Scale,
    color: str,
    *,
    is_area: bool,
) -> None:
    """Draw a line in as many pieces as its gaps leave; a lone value is a dot."""
    paper.set_draw_color(color)
    paper.set_fill_color(color)
    ends = np.flatnonzero(np.diff(np.isfinite(y).astype(int))) + 1
    for piece in np.split(np.arange(len(y)), ends):
        if not len(piece) or not np.isfinite(y[piece[0]]):
            continue
        points = [(x_scale(x[n]), y_scale(y[n])) for n in piece]
        if len(points) == 1:
            paper.circle(*points[0], 0.4, style="F")
            continue
        if is_area:
            feet = [(points[-1][0], y_scale.start), (points[0][0], y_scale.start)]
            with paper.local_context(fill_opacity=0.14):
                paper.polygon([*points, *feet], style="F")
        paper.set_line_width(0.3)
        paper.polyline(points)


def _partial(
    paper: Paper, x: Floats, y: Floats, x_scale: _Scale, y_scale: _Scale, color: str
) -> None:
    """Ring the values that are of a part of their bar alone."""
    paper.set_draw_color(color)
    paper.set_line_width(0.2)
    for at, value in zip(x, y, strict=True):
        if np.isfinite(value):
            paper.circle(x_scale(at), y_scale(value), 0.6, style="D")


def _bars(paper: Paper, chart: BarChart, box: Box) -> None:
    values = numbers(chart.values)
    if not len(values):
        paper.put(box.left, box.top + 8, _NOTHING, 7.5, MUTED)
        return
    each = min(_BAR, box.height / len(values))
    size = min(7.0, each / 0.3528 * 0.62)
    labels = [paper.fitted(label, box.width * 0.34, size) for label in chart.labels]
    figures = [paper.fitted(_figure(chart, float(one)), box.width * 0.3, size) for one in values]
    start = box.left + max(paper.width_of(label, size) for label in labels) + 2
    room = max(paper.width_of(figure, size) for figure in figures) + 2
    known = np.append(values[np.isfinite(values)], 0.0)
    low, high = float(known.min()), float(known.max())
    scale = _Scale(
        low,
        high if high > low else low + 1,
        start + (room if low < 0 else 0),
        box.right - (room if high > 0 or low == 0 else 0),
    )
    for place, (label, figure) in enumerate(zip(labels, figures, strict=True)):
        value, y = values[place], box.top + each * place
        paper.put(box.left, y + each * 0.68, label, size)
        _bar(paper, chart, float(value), figure, scale, y, each, size)
    paper.set_draw_color(FAINT)
    paper.set_line_width(0.25)
    paper.line(scale(0), box.top, scale(0), box.top + each * len(values))


def _figure(chart: BarChart, value: float) -> str:
    return writer(chart.kind, chart.digits)(value)


def _bar(
    paper: Paper,
    chart: BarChart,
    value: float,
    figure: str,
    scale: _Scale,
    y: float,
    each: float,
    size: float,
) -> None:
    """Draw one bar and write its value at its end."""
    is_signed = KINDS[chart.kind].signed
    end = scale(0 if np.isnan(value) else value)
    paper.set_fill_color((UP if value >= 0 else DOWN) if is_signed else LINES[0])
    paper.rect(min(scale(0), end), y + each * 0.16, abs(end - scale(0)), each * 0.68, style="F")
    is_left = value < 0
    place = end - 1 if is_left else end + 1
    paper.put(place, y + each * 0.68, figure, size, MUTED, align="R" if is_left else "L")
