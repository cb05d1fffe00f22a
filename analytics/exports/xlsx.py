"""Tables as a workbook: numbers as numbers, times as times, a sheet for each table.

Written by XlsxWriter, which is several times as fast as openpyxl and writes a string
as a string, whatever it begins with; a formula it writes only where it is asked to.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from analytics.exports.exported_table import Column, Plain, Section
from analytics.formats import KINDS, Kind, sheet_format
from analytics.palette import LIGHT
from analytics.untrusted.spreadsheet import is_like_formula

SHEET_ROWS: Final = 1_048_575
"""Rows of a table that a sheet holds below its header; what is more goes on another sheet."""

_NAME_UNITS: Final = 31
_CELL_LETTERS: Final = 32_767
_WIDEST: Final = 60
_WIDTHS: Final[dict[Kind, int]] = {"time": 20, "usd": 20, "price": 16}
_HEADER: Final = {
    "bold": True,
    "bg_color": LIGHT.grid,
    "bottom": 1,
    "text_wrap": True,
    "valign": "top",
}


def xlsx_bytes(sections: Sequence[Section], about: Mapping[str, str]) -> bytes:
    """Return a workbook with a sheet for each of *sections*, and one that says what they are.

    Args:
        sections: The tables, in order.
        about: What the tables were made from, in words: the page, its time, its filters.
    """
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True})
    parts = [part for section in sections for part in _parts(section)]
    names = sheet_names([*(part.title for part in parts), "About"])
    for name, part in zip(names, parts, strict=False):
        _table(book, book.add_worksheet(name), part)
    _about(book, book.add_worksheet(names[-1]), sections, about)
    book.close()
    return file.getvalue()


def sheet_names(titles: Sequence[str]) -> list[str]:
    """Return *titles* as Excel allows them: 31 units of UTF-16, no ``[]:*?/\\``, each once."""
    names: list[str] = []
    taken = {"history"}  # Excel keeps this name for itself
    for title in titles:
        cleaned = re.sub(r"[\[\]:*?/\\\x00-\x20]+", " ", title).strip(" '") or "Table"
        name, number = _cut(cleaned, ""), 1
        while name.casefold() in taken:
            number += 1
            name = _cut(cleaned, f" {number}")
        taken.add(name.casefold())
        names.append(name)
    return names


def _cut(name: str, ending: str) -> str:
    """Return *name* with *ending*, shortened so that both fit."""
    while len((name + ending).encode("utf-16-le")) > 2 * _NAME_UNITS:
        name = name[:-1]
    return name.rstrip(" '") + ending


def _parts(section: Section) -> Iterator[Section]:
    """Give *section*, in as many parts as it takes sheets."""
    for start in range(0, max(len(section.frame), 1), SHEET_ROWS):
        rows = section.frame.iloc[start : start + SHEET_ROWS]
        yield Section(section.title, rows, section.columns)


def _table(book: Workbook, sheet: Worksheet, section: Section) -> None:
    header = book.add_format(_HEADER)
    for place, (column, cells) in enumerate(zip(section.columns, section.cells(), strict=True)):
        sheet.write_string(0, place, column.header, header)
        sheet.set_column(place, place, _width(column, cells), _format(book, column, cells))
        _cells(sheet, place, cells, _text_format(book) if KINDS[column.kind].is_text else None)
    sheet.freeze_panes(1, 1)
    if section.columns:
        sheet.autofilter(0, 0, len(section.frame), len(section.columns) - 1)


def _cells(
    sheet: Worksheet, place: int, cells: Sequence[Plain], formula_like: Format | None
) -> None:
    """Write *cells* below each other; None is left empty."""
    for row, cell in enumerate(cells, start=1):
        if cell is None:
            continue
        if isinstance(cell, str):
            style = formula_like if is_like_formula(cell) else None
            sheet.write_string(row, place, cell[:_CELL_LETTERS], style)
        elif isinstance(cell, bool):
            sheet.write_boolean(row, place, cell)
        elif isinstance(cell, datetime):
            sheet.write_datetime(row, place, cell)
        else:
            sheet.write_number(row, place, cell)


def _text_format(book: Workbook) -> Format:
    """Return the format of text that must stay text when somebody edits the cell."""
    return book.add_format({"num_format": "@", "quote_prefix": True})


def _format(book: Workbook, column: Column, cells: Sequence[Plain]) -> Format:
    pattern = sheet_format(column.kind, column.digits)
    if any(isinstance(cell, datetime) and cell.microsecond for cell in cells):
        pattern += ".000"
    return book.add_format({"num_format": pattern})


def _width(column: Column, cells: Sequence[Plain]) -> int:
    """Return a width that shows the whole of most cells. [digits of the sheet's font]"""
    # Its longest word, as a header wraps; and room for the filter's arrow.
    header = max(map(_letters, column.header.split()), default=0) + 3
    if not KINDS[column.kind].is_text:
        return max(header, _WIDTHS.get(column.kind, 12))
    longest = max((_letters(cell) for cell in cells if isinstance(cell, str)), default=0)
    return min(max(header, longest + 2), _WIDEST)


def _letters(text: str) -> int:
    """Return how wide *text* is: Chinese, Japanese and Korean letters are two wide."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _about(
    book: Workbook, sheet: Worksheet, sections: Sequence[Section], about: Mapping[str, str]
) -> None:
    """Say on a sheet of its own what the tables are, and what was noted of each."""
    notes = {section.title: section.note for section in sections if section.note}
    bold: Any = book.add_format({"bold": True, "valign": "top"})
    wrapped: Any = book.add_format({"text_wrap": True, "valign": "top", "quote_prefix": True})
    for row, (name, text) in enumerate([*about.items(), *notes.items()]):
        sheet.write_string(row, 0, name, bold)
        sheet.write_string(row, 1, text, wrapped)
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 90)
