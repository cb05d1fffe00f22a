"""Writes a report as PDF: settings, figures, charts and tables."""

from __future__ import annotations

from analytics import formats
from analytics.exports.charts import BarChart, Chart, Heatmap, LineChart
from analytics.exports.drawing import draw, height_of
from analytics.exports.paper import BAND, DOWN, FAINT, GAP, MARGIN, MUTED, UP, Paper
from analytics.exports.paper_table import draw_table
from analytics.exports.report import Figure, Report

_WIDE_FROM = 9
"""A table of so many columns needs the paper's long side."""
_CARD_HEIGHT = 17.0


def pdf_bytes(report: Report, *more: Report) -> bytes:
    """Return *report* as a PDF file, and *more* behind it: A4, upright unless a table is wide."""
    parts = (report, *more)
    is_wide = any(len(section.columns) >= _WIDE_FROM for part in parts for section in part.sections)
    paper = Paper(report, is_wide=is_wide)
    _part(paper, report)
    for part in more:
        paper.begin(part)
        _part(paper, part)
    return bytes(paper.output())


def _part(paper: Paper, report: Report) -> None:
    _title(paper, report)
    _state(paper, report)
    _figures(paper, report.figures)
    _charts(paper, report.charts)
    for section in report.sections:
        draw_table(paper, section)
    _sentences(paper, report.notes)


def _title(paper: Paper, report: Report) -> None:
    paper.put(MARGIN, paper.y + 6, paper.fitted(report.title, paper.epw, 20), 20, is_bold=True)
    as_of = f"As of {formats.moment(report.moment)}"
    paper.put(MARGIN, paper.y + 12.5, as_of, 9.5, MUTED)
    paper.set_y(paper.y + 17)


def _state(paper: Paper, report: Report) -> None:
    """Say what the page was set to: a line for each setting, broken where it is long."""
    for name, value in report.state.items():
        lines = paper.lines(value, paper.epw - 34, 8)
        paper.reserve(4.4 * len(lines))
        paper.put(MARGIN, paper.y + 3, paper.fitted(name, 32, 8), 8, MUTED)
        for line in lines:
            paper.put(MARGIN + 34, paper.y + 3, line, 8)
            paper.set_y(paper.y + 4.4)
    paper.set_y(paper.y + 3)


def _figures(paper: Paper, figures: tuple[Figure, ...]) -> None:
    """Draw a card for each figure, three or six in a row."""
    most = 6 if paper.w > paper.h else 3
    width = (paper.epw - (most - 1) * 3) / most
    for start in range(0, len(figures), most):
        paper.reserve(_CARD_HEIGHT + 3)
        for place, figure in enumerate(figures[start : start + most]):
            _card(paper, figure, MARGIN + place * (width + 3), width)
        paper.set_y(paper.y + _CARD_HEIGHT + 3)
    paper.set_y(paper.y + 2)


def _card(paper: Paper, figure: Figure, left: float, width: float) -> None:
    top, inner = paper.y, width - 6
    paper.set_fill_color(BAND)
    paper.set_draw_color(FAINT)
    paper.set_line_width(0.2)
    paper.rect(left, top, width, _CARD_HEIGHT, style="DF", round_corners=True, corner_radius=1.2)
    paper.put(left + 3, top + 4.6, paper.fitted(figure.label, inner, 7), 7, MUTED)
    value = paper.fitted(figure.value, inner, 13)
    paper.put(left + 3, top + 10.8, value, 13, is_bold=True)
    if figure.change:
        color = {"+": UP, "-": DOWN}.get(figure.change[0], MUTED)
        paper.put(left + 3, top + 15, paper.fitted(figure.change, inner, 7), 7, color)


def _charts(paper: Paper, charts: tuple[Chart, ...]) -> None:
    """Draw two charts beside each other, three on wide paper; high ones have a row of their own."""
    most = 3 if paper.w > paper.h else 2
    waiting: list[Chart] = []
    for chart in charts:
        if isinstance(chart, Heatmap) or (isinstance(chart, LineChart) and chart.candles):
            _row(paper, waiting)
            waiting = []
            _row(paper, [chart])
        else:
            waiting.append(chart)
        if len(waiting) == most:
            _row(paper, waiting)
            waiting = []
    _row(paper, waiting)


def _row(paper: Paper, charts: list[Chart]) -> None:
    if not charts:
        return
    # A lone chart of bars would be mostly bar.
    parts = 2 if isinstance(charts[0], BarChart) and len(charts) == 1 else len(charts)
    width = (paper.epw - GAP * (parts - 1)) / parts
    # What is high shares a page that is mostly empty, rather than leave it so.
    most = paper.room if paper.room > 0.6 * paper.page_room else paper.page_room
    height = max(height_of(chart, most) for chart in charts)
    paper.reserve(height)
    for place, chart in enumerate(charts):
        draw(paper, chart, MARGIN + place * (width + GAP), width, height)
    paper.set_y(paper.y + height + GAP)


def _sentences(paper: Paper, sentences: tuple[str, ...]) -> None:
    for sentence in sentences:
        for line in paper.lines(sentence, paper.epw, 7.5):
            paper.reserve(4)
            paper.put(MARGIN, paper.y + 3, line, 7.5, MUTED)
            paper.set_y(paper.y + 4)
