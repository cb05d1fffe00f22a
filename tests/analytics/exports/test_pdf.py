"""PDF: everything that was shown, in every script, and never an empty box."""

from __future__ import annotations

import io
import logging
import re
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pypdf
import pytest

from analytics.exports import (
    BarChart,
    Column,
    Figure,
    Heatmap,
    LineChart,
    Report,
    Section,
    Series,
    csv_bytes,
    tsv_text,
    xlsx_bytes,
)
from analytics.exports.pdf import pdf_bytes

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


def lines(values, kind="usd", **more):
    times = [NOON - timedelta(minutes=5 * n) for n in reversed(range(len(values)))]
    return LineChart("Course", (Series("one", times, values),), kind, **more)


@pytest.mark.parametrize(
    "chart",
    [
        lines([1e9, 2e9, None, 3e9, np.nan, 2e9]),
        lines([5.0] * 3),
        lines([0.0, 0.0]),
        lines([1.0]),
        lines([1e-9, 3e-9], "price"),
        lines([-1.0, 2.0], "pct", area=True),
        LineChart(
            "Course", (Series("a", [1, 2, 3], [1, 2, 3]), Series("b", [1, 2], [4, 5])), "ratio"
        ),
        BarChart("Bars", ["a", "b", "c"], [1.0, -2.0, None]),
        BarChart("Bars", ["a"], [-2.0]),
        BarChart("Bars", [f"n{n}" for n in range(200)], list(range(200)), "count"),
        Heatmap("Map", ["a", "b"], ["x", "y"], np.array([[1.0, np.nan], [-1.0, 0.0]])),
        Heatmap("Map", ["a"], ["x"], np.array([[2.0]]), "ratio", middle=None),
        Heatmap("Map", [f"r{n}" for n in range(200)], ["x"] * 48, np.ones((200, 48))),
    ],
)
def test_chart_is_drawn_as_vectors(chart):
    """Of any data, with its title; and no image, which would blur."""
    reader = pypdf.PdfReader(io.BytesIO(pdf_bytes(report_of(charts=(chart,)))))

    assert len(reader.pages) <= 2
    assert any(chart.title in page.extract_text() for page in reader.pages)
    assert all(not page.images for page in reader.pages)


@pytest.mark.parametrize(
    "chart",
    [
        lines([None, np.nan]),
        LineChart("Course", ()),
        BarChart("Bars", [], []),
        Heatmap("Map", [], [], np.empty((0, 0))),
    ],
)
def test_chart_without_values_says_so(chart):
    """An empty frame would look like a fault."""
    (text,) = read(report_of(charts=(chart,)))

    assert "No value is known." in text


def test_gap_is_no_line():
    """Two pieces are drawn, where without the gap there is one; and nothing in the gap."""
    drawn, with_gap = (
        pypdf.PdfReader(io.BytesIO(pdf_bytes(report_of(charts=(lines(values),)))))
        .pages[0]
        .get_contents()
        .get_data()
        for values in ([1e9, 2e9, 1.5e9, 3e9, 2e9], [1e9, 2e9, None, 3e9, 2e9])
    )

    # Five points are four strokes; without the third, two pairs are two.
    assert drawn.count(b" l\n") - with_gap.count(b" l\n") == 2
    assert b"nan" not in with_gap


def test_chart_says_where_its_colours_end():
    """A value beyond the last colour is not shown as if it were the last."""
    values = np.ones((10, 10))
    values[0, 0], values[0, 1] = 50.0, np.nan

    (text,) = read(report_of(charts=(Heatmap("Map", ["r"] * 10, ["c"] * 10, values),)))

    assert "≥ +1.00 %" in text
    assert "no value" in text


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


def test_two_thousand_rows_take_seconds(large):
    """About 1 s on two slow cores for all four; the bound leaves room for a busy machine."""
    began = time.perf_counter()

    csv_bytes(large)
    tsv_text(large)
    xlsx_bytes([large], {})
    pdf_bytes(report_of(sections=(large,)))

    assert time.perf_counter() - began < 20
