"""PDF: everything that was shown, in every script, and never an empty box."""

from __future__ import annotations

import io
import logging
import re
import time
from datetime import UTC, datetime

import pandas as pd
import pypdf
import pytest

from analytics.exports.charts import BarChart
from analytics.exports.csv import csv_bytes
from analytics.exports.exported_table import Column, Section
from analytics.exports.pdf import pdf_bytes
from analytics.exports.report import Figure, Report
from analytics.exports.tsv import tsv_text
from analytics.exports.xlsx import xlsx_bytes

NOON = datetime(2025, 10, 22, 12, 44, 5, tzinfo=UTC)
SCRIPTS = ["币安人生", "ПРИВЕТ", "ΩΜΕΓΑ", "ひらがな", "안녕", "Ünïçødé"]


def read(report):
    """Return the text of each page."""
    pages = pypdf.PdfReader(io.BytesIO(pdf_bytes(report))).pages
    # Of a font with its own encoding, which is the Chinese one, pypdf gives every byte a letter.
    return [page.extract_text().replace("\x00", "") for page in pages]


def report_of(**parts):
    return Report(**{"title": "Overview", "moment": NOON, "origin": "live", **parts})


def names(texts):
    return Section("Names", pd.DataFrame({"name": texts}), (Column("name", "Name"),))


def test_page_says_what_it_shows(section):
    """Title, time, settings, figures, tables and notes."""
    state = {"Timeframe": "1 h", "Venues": "binance, okx"}
    figures = (Figure("Open interest", "$45.12B", "+1.20 %"), Figure("Breadth", "–"))

    (text,) = read(
        report_of(state=state, figures=figures, sections=(section,), notes=("One is missing.",))
    )

    for part in ("Overview", "As of 2025-10-22 12:44 UTC", "1 h", "binance, okx", "$45.12B"):
        assert part in text
    for part in ("+1.20 %", "Page 1 of 1", "What was heard.", "One is missing."):
        assert part in text


def test_table_shows_values_as_the_screen_does(section):
    """And a dash for what is absent."""
    (text,) = read(report_of(sections=(section,)))

    for part in ("币安人生/USDT", "2025-10-22 12:44:05", "0.300000", "-$1.23M", "-3.10 %", "no"):
        assert part in text
    assert text.count("–") == 8
    assert "Heard" in text
    assert "[UTC]" in text


@pytest.fixture(scope="module")
def pages(large):
    """The pages of a simulated market's long report."""
    return read(report_of(origin="simulator", sections=(large,)))


def test_every_page_of_a_simulated_market_says_so(pages, section):
    """A page may be torn out; a real market's says no such thing."""
    label = "SIMULATED MARKET: no figure here is real"

    assert len(pages) > 20
    assert all(page.count(label) == 2 for page in pages)  # on top and at the bottom
    assert all(label not in page for page in read(report_of(sections=(section,))))


def test_header_is_on_every_page_and_no_row_is_lost(pages):
    """With its number, of how many."""
    for number, page in enumerate(pages, 1):
        assert "Figure 12" in page.replace("\n", " ")
        assert f"Page {number} of {len(pages)}" in page
    found = re.findall(r"C\d+/USDT", "\n".join(pages))
    assert found == [f"C{n}/USDT" for n in range(2000)]


def test_every_script_is_printed(caplog):
    """The library warns of a letter that its font lacks, and prints a box: it has no cause to."""
    with caplog.at_level(logging.WARNING):
        (text,) = read(report_of(title="币安人生", sections=(names(SCRIPTS),)))

    assert all(name in text for name in SCRIPTS)
    assert caplog.records == []


def test_letters_without_a_glyph_are_told_by_their_code_point(caplog):
    """A box would say nothing; the code point can be looked up."""
    texts = ["🚀MOON/USDT", "ไทย", "שלום", "a\x07b"]
    state = {"Pairs": texts[0]}
    figures = (Figure("🚀", "1"),)
    charts = (BarChart("🚀 bars", [texts[0]], [1.0]),)

    with caplog.at_level(logging.WARNING):
        (text,) = read(
            report_of(
                title="🚀", state=state, figures=figures, charts=charts, sections=(names(texts),)
            )
        )

    assert text.count("[U+1F680]MOON/USDT") == 3
    assert "[U+0E44][U+0E17][U+0E22]" in text
    assert "[U+05E9]" in text
    assert "a[U+0007]b" in text
    assert caplog.records == []


def test_glyphs_are_in_the_file():
    """A reader without the font sees the same; and only what is used of it is there."""
    file = pdf_bytes(report_of(sections=(names(["币安人生"]),)))

    fonts = pypdf.PdfReader(io.BytesIO(file)).pages[0]["/Resources"]["/Font"].values()
    described = [
        font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        for font in fonts
    ]
    assert any("NotoSansCJK" in one["/FontName"] for one in described)
    assert all("/FontFile3" in one or "/FontFile2" in one for one in described)
    assert len(file) < 60_000


def test_same_report_is_the_same_file():
    """So that two can be compared; its date is that of the data."""
    report = report_of(sections=(names(["BTC"]),))

    assert pdf_bytes(report) == pdf_bytes(report)
    metadata = pypdf.PdfReader(io.BytesIO(pdf_bytes(report))).metadata
    assert metadata.creation_date == NOON


def test_table_of_many_columns_fits_the_paper():
    """No column leaves the page: numbers are kept whole as long as names can give way."""
    frame = pd.DataFrame({f"n{n}": [-123456789.0] for n in range(24)})
    frame["name"] = "a very long name of a pair that nobody would think of"
    columns = (
        Column("name", "Name"),
        *(Column(f"n{n}", f"Figure {n}", "count") for n in range(24)),
    )
    (page,) = pypdf.PdfReader(
        io.BytesIO(pdf_bytes(report_of(sections=(Section("Wide", frame, columns),))))
    ).pages
    ends = []
    page.extract_text(
        visitor_text=lambda text, _, at, *__: ends.append(at[4]) if text.strip() else 0
    )

    assert max(ends) < float(page.mediabox.width) - 12
    assert page.mediabox.width > page.mediabox.height


def test_a_cell_of_any_length_is_cut_in_no_time():
    """It took most of a minute: a stranger names what is in it. Looked at is its time on a core."""
    began = time.process_time()

    (text,) = read(report_of(sections=(names(["BTC", "W" * 40_000]),)))

    assert time.process_time() - began < 10
    assert re.search("W{9,200}…", text)


def test_two_thousand_rows_take_seconds(large):
    """About 1 s on two slow cores for all four; looked at is the time on a core."""
    began = time.process_time()

    csv_bytes(large)
    tsv_text(large)
    xlsx_bytes([large], {})
    pdf_bytes(report_of(sections=(large,)))

    assert time.process_time() - began < 20
