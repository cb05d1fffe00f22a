"""A heatmap drawn on paper: a coloured cell for each value, hatched where it is absent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analytics.exports.axes import numbers
from analytics.exports.charts import Heatmap
from analytics.exports.paper import BAND, DOWN, FAINT, INK, LINES, MUTED, UP, Paper
from analytics.formats import KINDS, writer
from analytics.indicators.arrays import Floats

_WHITE: Final = np.array([255.0, 255.0, 255.0])
_SHADES: Final = 24
_KEY: Final = 5.0
_LEAST_LABEL: Final = 2.3


def draw_heatmap(
    paper: Paper, chart: Heatmap, left: float, top: float, width: float, height: float
) -> None:
    """Draw *chart* into the rectangle. [mm]"""
    values = numbers(chart.values.ravel()).reshape(chart.values.shape)
    if not values.size:
        paper.put(left, top + 8, "No value is known.", 7.5, MUTED)
        return
    names = [paper.fitted(name, width * 0.2, 6.5) for name in chart.rows]
    gutter = max(paper.width_of(name, 6.5) for name in names) + 2
    low, high = _range(values, chart.middle)
    cell_width = (width - gutter) / chart.values.shape[1]
    cell_height = min(6.0, (height - _KEY - 5) / chart.values.shape[0])
    _side(paper, names, left + gutter - 1.2, top, cell_height)
    for row, line in enumerate(values):
        y = top + row * cell_height
        for place, value in enumerate(line):
            box = (left + gutter + place * cell_width, y, cell_width, cell_height)
            _cell(paper, chart, float(value), box, _place(value, low, high))
            if chart.partial is not None and chart.partial[row, place]:
                _stroke(paper, *box)
    bottom = top + cell_height * len(values)
    _under(paper, chart.columns, left + gutter, bottom + 3, cell_width)
    _key(paper, chart, low, high, left + gutter, bottom + 5)


def _range(values: Floats, middle: float | None) -> tuple[float, float]:
    """Return the values of the two strongest colours, as far from the middle as each other."""
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0
    if middle is None:
        low, high = float(known.min()), float(known.max())
        return (low, high) if high > low else (low, low + 1)
    # One cell that is far out would leave all others pale.
    reach = float(np.percentile(np.abs(known - middle), 98)) or float(np.abs(known - middle).max())
    return middle - (reach or 1.0), middle + (reach or 1.0)


def _place(value: float, low: float, high: float) -> float:
    """Return where *value* stands from *low* (0) to *high* (1)."""
    return float(np.clip((value - low) / (high - low), 0, 1))


def _shade(place: float, middle: float | None) -> tuple[int, int, int]:
    """Return the colour of a *place* from 0 to 1, in so many steps as can be told apart."""
    step = round(place * _SHADES) / _SHADES
    if middle is None:
        strong, part = LINES[0], 0.06 + 0.94 * step
    else:
        strong, part = (UP if step >= 0.5 else DOWN), abs(step - 0.5) * 2
    ink = np.array([int(strong[n : n + 2], 16) for n in (1, 3, 5)], np.float64)
    red, green, blue = (_WHITE + (ink - _WHITE) * part * 0.92).round().astype(int).tolist()
    return red, green, blue


def _cell(
    paper: Paper,
    chart: Heatmap,
    value: float,
    box: tuple[float, float, float, float],
    place: float,
) -> None:
    x, y, width, height = box
    if np.isnan(value):
        _hatched(paper, x, y, width, height)
        return
    color = _shade(place, chart.middle)
    paper.set_fill_color(*color)
    paper.rect(x, y, width, height, style="F")
    # In a cell the unit would take the room of the figure; the key says it.
    figure = writer(chart.kind, chart.digits)(value).removesuffix(KINDS[chart.kind].suffix)
    if height >= 3.4 and paper.width_of(figure, 6) <= width - 1:
        is_dark = sum(color) < 420
        ink = "#FFFFFF" if is_dark else INK
        paper.put(x + width / 2, y + height / 2 + 0.8, figure, 6, ink, align="C")


def _hatched(paper: Paper, x: float, y: float, width: float, height: float) -> None:
    """Draw a cell without a value: no colour means anything there."""
    paper.set_fill_color(BAND)
    paper.rect(x, y, width, height, style="F")
    paper.set_draw_color(FAINT)
    paper.set_line_width(0.15)
    lean = min(height, width / 4)
    for n in range(4):
        left = x + n * width / 4
        paper.line(left, y + height, left + lean, y)


def _stroke(paper: Paper, x: float, y: float, width: float, height: float) -> None:
    """Cross a cell's upper right corner: its value is of a part alone."""
    paper.set_draw_color(INK)
    paper.set_line_width(0.25)
    side = min(width, height) * 0.55
    paper.line(x + width - side, y, x + width, y + side)


def _side(paper: Paper, names: list[str], right: float, top: float, height: float) -> None:
    """Name the rows: all of them, or as many as can be read."""
    every = max(int(np.ceil(_LEAST_LABEL / height)), 1)
    for row in range(0, len(names), every):
        paper.put(right, top + (row + 0.5) * height + 0.8, names[row], 6.5, MUTED, align="R")


def _under(paper: Paper, columns: Sequence[str], left: float, y: float, width: float) -> None:
    """Name the columns: all of them, or as many as have room."""
    names = [paper.fitted(str(name), 24, 6.5) for name in columns]
    widest = max(paper.width_of(name, 6.5) for name in names) + 2
    every = max(int(np.ceil(widest / width)), 1)
    for place in range(0, len(names), every):
        paper.put(left + (place + 0.5) * width, y, names[place], 6.5, MUTED, align="C")


def _key(paper: Paper, chart: Heatmap, low: float, high: float, left: float, y: float) -> None:
    """Say what the colours mean."""
    values = numbers(chart.values.ravel())
    first = ("≤ " if (values < low).any() else "") + writer(chart.kind, chart.digits)(low)
    paper.put(left, y + 2.2, first, 6.5, MUTED)
    x = left + paper.width_of(first, 6.5) + 1.5
    for step in range(_SHADES + 1):
        paper.set_fill_color(*_shade(step / _SHADES, chart.middle))
        paper.rect(x + step * 1.2, y, 1.2, 2.6, style="F")
    x += 1.2 * (_SHADES + 1) + 1.5
    unit = KINDS[chart.kind].suffix.strip()
    last = ("≥ " if (values > high).any() else "") + writer(chart.kind, chart.digits)(high)
    paper.put(x, y + 2.2, last, 6.5, MUTED)
    x += paper.width_of(last, 6.5) + 4
    if np.isnan(values).any():
        _hatched(paper, x, y, 5.2, 2.6)
        paper.put(x + 6.5, y + 2.2, "no value", 6.5, MUTED)
        x += 20
    if chart.partial is not None and chart.partial.any():
        paper.set_fill_color(BAND)
        paper.rect(x, y, 5.2, 2.6, style="F")
        _stroke(paper, x, y, 5.2, 2.6)
        paper.put(x + 6.5, y + 2.2, "partial", 6.5, MUTED)
        x += 20
    if unit:
        paper.put(x, y + 2.2, f"cells in {unit}", 6.5, MUTED)
