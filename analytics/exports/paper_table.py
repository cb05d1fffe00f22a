"""Draws tables in a PDF: numbers to the right, the header again on every page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from analytics.exports.exported_table import Column, Section
from analytics.exports.paper import BAND, DOWN, FAINT, INK, MARGIN, MUTED, UP, Paper
from analytics.formats import KINDS, writer

_SIZES: Final = (7.5, 7.0, 6.5, 6.0, 5.5)
_PADDING: Final = 3.0
_STRETCH: Final = 12.0
_LEAST_TEXT: Final = 12.0
_LEFT: Final = frozenset({"text", "venue", "time", "flag"})
_LINE: Final = 0.3528 * 1.25


@dataclass(frozen=True, slots=True)
class _Place:
    """A column on the page. [mm]"""

    column: Column
    left: float
    width: float

    @property
    def is_left(self) -> bool:
        """Whether its text begins at the left."""
        return self.column.kind in _LEFT


def draw_table(paper: Paper, section: Section) -> None:
    """Draw *section* from the paper's present place on, over as many pages as it takes."""
    cells = [
        [paper.printable(text) for text in map(writer(column.kind, column.digits), plain)]
        for column, plain in zip(section.columns, section.cells(), strict=True)
    ]
    paper.reserve(30)
    paper.put(MARGIN, paper.y + 4, paper.fitted(section.title, paper.epw, 11), 11, is_bold=True)
    paper.set_y(paper.y + 7)
    for line in paper.lines(section.note, paper.epw, 7) if section.note else ():
        paper.put(MARGIN, paper.y + 2, line, 7, MUTED)
        paper.set_y(paper.y + 3.2)
    paper.set_y(paper.y + 0.8)
    if section.frame.empty:
        paper.put(MARGIN, paper.y + 3, "No rows.", 7.5, MUTED)
        paper.set_y(paper.y + 8)
        return
    size, places = _places(paper, section.columns, cells)
    _header(paper, places, size)
    height = size * 0.3528 * 1.75
    for number, row in enumerate(zip(*cells, strict=True)):
        if paper.room < height:
            paper.add_page()
            _header(paper, places, size)
        _row(paper, places, row, size, height, is_shaded=number % 2 == 1)
    paper.set_y(paper.y + 6)


def _places(
    paper: Paper, columns: tuple[Column, ...], cells: list[list[str]]
) -> tuple[float, list[_Place]]:
    """Return the largest size in which the columns fit, and where each stands. [pt, mm]"""
    for size in _SIZES:
        widths = [
            _widest(paper, column, texts, size)
            for column, texts in zip(columns, cells, strict=True)
        ]
        if sum(widths) <= paper.epw:
            break
    else:
        widths = _narrowed(columns, widths, paper.epw)
    spare = min((paper.epw - sum(widths)) / len(widths), _STRETCH)
    left, places = MARGIN, []
    for column, width in zip(columns, widths, strict=True):
        places.append(_Place(column, left, width + spare))
        left += width + spare
    return size, places


def _widest(paper: Paper, column: Column, texts: list[str], size: float) -> float:
    """Return the width that *column* needs; its heading may break between words. [mm]"""
    words = _words(paper, column)
    longest = max(set(texts), key=lambda text: paper.width_of(text, size), default="")
    heading = max(paper.width_of(word, size, is_bold=True) for word in words)
    return max(heading, paper.width_of(longest, size)) + _PADDING


def _words(paper: Paper, column: Column) -> list[str]:
    """Return what the heading may be broken between: a number stays with its unit."""
    return re.split(r"(?<!\d) ", paper.printable(column.heading))


def _narrowed(columns: tuple[Column, ...], widths: list[float], room: float) -> list[float]:
    """Return *widths* that fit: text gives way first, as a cut name is better than a cut number."""
    over = sum(widths) - room
    gives = [
        max(width - _LEAST_TEXT, 0.0) if KINDS[column.kind].is_text else 0.0
        for column, width in zip(columns, widths, strict=True)
    ]
    part = min(over / sum(gives), 1.0) if sum(gives) else 0.0
    narrowed = [width - give * part for width, give in zip(widths, gives, strict=True)]
    shrink = min(room / sum(narrowed), 1.0)
    return [width * shrink for width in narrowed]


def _header(paper: Paper, places: list[_Place], size: float) -> None:
    """Draw the header; a heading of several words may take several lines."""
    headings = [_lines(paper, place, size) for place in places]
    height = max(map(len, headings)) * size * _LINE + 2
    paper.set_fill_color(BAND)
    paper.rect(MARGIN, paper.y, paper.epw, height, style="F")
    for place, lines in zip(places, headings, strict=True):
        for number, line in enumerate(reversed(lines)):
            baseline = paper.y + height - 1.6 - number * size * _LINE
            _put(paper, place, baseline, line, size, MUTED, is_bold=True)
    paper.set_y(paper.y + height)


def _lines(paper: Paper, place: _Place, size: float) -> list[str]:
    lines = [""]
    for word in _words(paper, place.column):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and paper.width_of(longer, size, is_bold=True) > place.width - _PADDING + 1:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _row(
    paper: Paper,
    places: list[_Place],
    row: tuple[str, ...],
    size: float,
    height: float,
    *,
    is_shaded: bool,
) -> None:
    baseline = paper.y + height * 0.7
    if is_shaded:
        paper.set_fill_color("#FAFBFC")
        paper.rect(MARGIN, paper.y, paper.epw, height, style="F")
    paper.set_draw_color(FAINT)
    paper.set_line_width(0.08)
    paper.line(MARGIN, paper.y + height, MARGIN + paper.epw, paper.y + height)
    for place, text in zip(places, row, strict=True):
        color = INK
        if KINDS[place.column.kind].signed:
            color = {"+": UP, "-": DOWN}.get(text[0], INK)
        _put(paper, place, baseline, text, size, color)
    paper.set_y(paper.y + height)


def _put(
    paper: Paper,
    place: _Place,
    baseline: float,
    text: str,
    size: float,
    color: str,
    *,
    is_bold: bool = False,
) -> None:
    """Write *text* into its column."""
    fitted = paper.fitted(text, place.width - _PADDING + 1.5, size)
    if place.is_left:
        paper.put(place.left + 1, baseline, fitted, size, color, is_bold=is_bold)
    else:
        right = place.left + place.width - 1
        paper.put(right, baseline, fitted, size, color, is_bold=is_bold, align="R")
