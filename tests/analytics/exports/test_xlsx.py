"""XLSX: numbers are numbers, times are times, and every sheet has a name that Excel takes."""

from __future__ import annotations

import io
from datetime import datetime

import openpyxl
import pandas as pd
import pytest

from analytics.exports import xlsx
from analytics.exports.exported_table import Column, Section
from analytics.exports.xlsx import sheet_names, xlsx_bytes

ABOUT = {"Page": "Overview", "Market": "=SIMULATED"}


@pytest.fixture
def book(section):
    """The workbook of one table, opened by a library that did not write it."""
    return openpyxl.load_workbook(io.BytesIO(xlsx_bytes([section], ABOUT)))


def test_cells_have_their_types(book):
    """A sheet can add, sort and filter them."""
    cells = dict(zip([cell.value for cell in book["Pairs"][1]], book["Pairs"][2], strict=True))

    values = {name: cell.value for name, cell in cells.items()}
    assert values["Pair"] == "币安人生/USDT"
    assert values["Heard [UTC]"] == datetime(2025, 10, 22, 12, 44, 5, 250000)  # noqa: DTZ001
    assert values["Price [quote currency]"] == pytest.approx(0.3, abs=1e-15)
    assert values["Open interest [USD]"] == -1234567.891
    assert values["Snapshots"] == 2**53 - 1
    assert values["Listed"] is False
    assert cells["Heard [UTC]"].is_date


def test_numbers_are_written_as_on_the_page(book):
    """The decimals of the page; the cell keeps the rest."""
    formats = [cell.number_format for cell in book["Pairs"][2]]

    assert formats == [
        "@",
        "yyyy-mm-dd hh:mm:ss.000",
        f"#,##0.00{'#' * 18}",
        "#,##0.00",
        "+#,##0.00;-#,##0.00;0.00",
        "+#,##0.0000;-#,##0.0000;0.0000",
        "#,##0.00",
        "#,##0",
        "General",
    ]


def test_absent_is_an_empty_cell(book):
    """No 0, no text, no error value."""
    assert [cell.value for cell in book["Pairs"][3]] == ["BTC/USDT"] + [None] * 8


def test_header_stays_in_sight(book):
    """And the pair's name, as the table is wider than the window."""
    sheet = book["Pairs"]

    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == "A1:I3"
    assert sheet.column_dimensions["B"].width >= len("2025-10-22 12:44:05")


def test_last_sheet_says_what_the_others_are(book):
    """A file travels without the page it came from."""
    rows = [[cell.value for cell in row] for row in book["About"].iter_rows()]

    assert book.sheetnames == ["Pairs", "About"]
    assert rows == [["Page", "Overview"], ["Market", "=SIMULATED"], ["Pairs", "What was heard."]]


@pytest.mark.parametrize(
    ("titles", "names"),
    [
        (["Pairs", "pairs"], ["Pairs", "pairs 2"]),
        (["BTC/USDT:USDT [x]*?"], ["BTC USDT USDT x"]),
        (["币安人生" * 10], [("币安人生" * 10)[:31]]),
        (["🚀" * 20], ["🚀" * 15]),
        (["a" * 40, "a" * 40], ["a" * 31, "a" * 29 + " 2"]),
        (["", "'quoted'", "History"], ["Table", "quoted", "History 2"]),
    ],
)
def test_sheet_names_are_valid_and_unique(titles, names):
    """31 units of UTF-16, of which a rocket takes two; no case; no reserved name."""
    assert sheet_names(titles) == names


def test_table_that_is_longer_than_a_sheet_goes_on_on_another(section, monkeypatch):
    """Excel would otherwise lose the rest without a word."""
    monkeypatch.setattr(xlsx, "SHEET_ROWS", 1)

    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([section], {})))

    assert book.sheetnames == ["Pairs", "Pairs 2", "About"]
    assert [book["Pairs"]["A2"].value, book["Pairs 2"]["A2"].value] == ["币安人生/USDT", "BTC/USDT"]


def test_tables_of_the_same_title_and_without_rows_have_their_sheets(section):
    """Any choice on a page can be exported."""
    empty = Section("Pairs", section.frame.head(0), section.columns)

    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([section, empty], {})))

    assert book.sheetnames == ["Pairs", "Pairs 2", "About"]
    assert book["Pairs 2"].max_row == 1


def test_links_and_long_text_are_plain_text():
    """A link nobody asked for is a way out of the file; too long a text would be dropped."""
    texts = ["https://example.org", "x" * 40_000]
    section = Section("Notes", pd.DataFrame({"note": texts}), (Column("note", "Note"),))

    sheet = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([section], {})))["Notes"]

    assert (sheet["A2"].value, sheet["A2"].hyperlink) == ("https://example.org", None)
    assert len(sheet["A3"].value) == 32_767
