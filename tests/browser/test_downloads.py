"""What people take home: each file opens in what it is for, and says what the page says."""

from __future__ import annotations

import csv
import io
import re
import struct

import openpyxl
import pypdf
import pytest

from analytics import formats
from tests.browser.test_on_the_demo import CHART, PAGES, downloaded, known_then, table

pytestmark = pytest.mark.browser


@pytest.fixture
def page_then(visit, demo):
    """A function that opens a page as of the demo's newest cycle, which stands still."""
    at = known_then(demo).at
    return lambda name: visit(f"{demo.url}/{PAGES[name]}?{at}")


def files(page):
    """Return the CSV's rows, the workbook's sheets and the report's text, with their names."""
    page.get_by_role("button", name="Export", exact=True).click()
    names, contents = zip(
        *(downloaded(page, button) for button in ("CSV", "XLSX", "PDF report")), strict=True
    )
    rows = list(csv.DictReader(io.StringIO(contents[0].decode("utf-8-sig"))))
    book = openpyxl.load_workbook(io.BytesIO(contents[1]))
    sheets = {sheet.title: list(sheet.values) for sheet in book}
    paper = pypdf.PdfReader(io.BytesIO(contents[2]))
    said = re.sub(r"\s+", " ", " ".join(sheet.extract_text() for sheet in paper.pages))
    assert "SIMULATED" in said.upper()
    return names, rows, sheets, said


def cards(page):
    return [value.inner_text() for value in page.get_by_test_id("stMetricValue").all()]


def test_overview_is_taken_home_as_it_stands(page_then):
    """The table row by row in its order, with figures to count on, and the market's on paper."""
    page = page_then("overview")
    shown = [(row[0], row[1], float(row[2]), float(row[5])) for row in table(page)]

    names, rows, sheets, said = files(page)

    written = [
        (
            row["Pair"],
            row["Venue"],
            float(row["Price [quote currency]"]),
            float(row["Open interest [USD]"]),
        )
        for row in rows
    ]
    assert written == [(*row[:2], *map(pytest.approx, row[2:])) for row in shown]
    heads, *cells = sheets["Pairs"]
    prices = heads.index("Price [quote currency]")
    assert [row[prices] for row in cells[: len(shown)]] == [pytest.approx(row[2]) for row in shown]
    assert [value for value in cards(page)[:3] if value not in said] == []
    assert [name.rpartition(".")[2] for name in names] == ["csv", "xlsx", "pdf"]
    assert all(name.startswith("perpscope_simulated_overview_") for name in names)


def test_market_is_taken_home_as_it_stands(page_then):
    """Every bar of the chart, the newest of which stands over it; cards and panes on paper."""
    page = page_then("market")
    page.wait_for_selector(f"{CHART} .main-svg")
    titles = page.locator(f"{CHART} .annotation-text").all_text_contents()

    _, rows, sheets, said = files(page)

    newest = [row for row in rows if row["Close [quote currency]"]][-1]
    assert formats.price(float(newest["Close [quote currency]"])) in titles[0]
    assert {row["Complete"] for row in rows[:-1]} == {"true"}
    heads, *bars = sheets["Bars"]
    closes = heads.index("Close [quote currency]")
    written = [row[closes] for row in bars if row[closes] is not None]
    assert written[-1] == pytest.approx(float(newest["Close [quote currency]"]))
    assert len(written) == sum(bool(row["Close [quote currency]"]) for row in rows)
    # Not the time until the next funding, which is no figure of a document.
    assert [value for value in cards(page) if "min" not in value and value not in said] == []
    panes = [title.replace("\xa0", " ").split("  ")[0] for title in titles]
    assert len(panes) > 3
    assert [pane for pane in panes if pane not in said and "Signals" not in pane] == []


@pytest.mark.parametrize("name", ["market", "heatmap"])
def test_a_chart_is_saved_as_a_picture_fit_to_print(page_then, name):
    """Twice as many dots as on the screen, on a ground that its words can be read on."""
    page = page_then(name)
    chart = page.locator(".js-plotly-plot").first
    chart.locator(".main-svg").first.wait_for()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 150)

    with page.expect_download() as waiting:
        chart.locator(".modebar-btn").first.click()

    picture = waiting.value.path().read_bytes()
    assert waiting.value.suggested_filename.startswith("perpscope_simulated_")
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, height) == (pytest.approx(2 * box["width"], abs=2), 2 * box["height"])
    ground = chart.evaluate("chart => chart._fullLayout.paper_bgcolor")
    assert ground == page.evaluate(
        "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
        ".match(/\\d+/g).reduce((all, one) => all + (+one).toString(16).padStart(2, '0'), '#')"
        ".toUpperCase()"
    )
