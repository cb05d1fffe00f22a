"""What people take home: each file opens in what it is for, and says what the page says."""

from __future__ import annotations

import base64
import csv
import io
import re
import struct

import openpyxl
import pypdf
import pytest

from analytics import formats
from tests.browser.conftest import COMPLETE
from tests.browser.demo.conftest import pair_rows
from tests.browser.on_pages import CHART, DRAWN, table, words

pytestmark = pytest.mark.browser


ASSET = ".st-key-comparison [data-testid=stDataFrame]"


def downloaded(page, button):
    # The page may run again for the last download, and would take back what it offers.
    page.wait_for_function(COMPLETE)
    with page.expect_download() as waiting:
        page.get_by_test_id("stPopoverBody").get_by_role("button", name=button).click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


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
    page.keyboard.press("Escape")
    page.get_by_test_id("stPopoverBody").wait_for(state="detached")
    return names, rows, sheets, said


def cards(page):
    values = page.locator("[data-testid=stMetricValue], .kpis b").all()
    assert values
    return [value.inner_text() for value in values]


def test_overview_is_taken_home_as_it_stands(then):
    """The table row by row in its order, with figures to count on, and the market's on paper."""
    page = then("Overview")
    shown = [(row[0], row[1], float(row[2]), float(row[6])) for row in pair_rows(page)]

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


def test_market_is_taken_home_as_it_stands(then):
    """Every bar of the chart, the newest of which stands over it; cards and panes on paper."""
    page = then("Market")
    page.locator(DRAWN).first.wait_for()
    titles = page.locator(f"{CHART} .title")
    price = titles.first.inner_text()
    names = [title.locator(".name").inner_text() for title in titles.all()]

    _, rows, sheets, said = files(page)

    newest = [row for row in rows if row["Close [quote currency]"]][-1]
    assert formats.price(float(newest["Close [quote currency]"])) in price
    assert {row["Complete"] for row in rows[:-1]} == {"true"}
    heads, *bars = sheets["Bars"]
    closes = heads.index("Close [quote currency]")
    written = [row[closes] for row in bars if row[closes] is not None]
    assert written[-1] == pytest.approx(float(newest["Close [quote currency]"]))
    assert len(written) == sum(bool(row["Close [quote currency]"]) for row in rows)
    # Not the time until the next funding, which is no figure of a document.
    assert [value for value in cards(page) if "min" not in value and value not in said] == []
    assert len(names) > 3
    assert [pane for pane in names if pane not in said and "Signals" not in pane] == []


def test_downloads_open_and_hold_the_figures(then):
    """CSV, workbook and report of Exchanges say what the page says."""
    page = then("Exchanges")
    said, prices = words(page), [float(row[2]) for row in table(page, ASSET)]
    page.get_by_role("button", name="Export").click()

    name, text = downloaded(page, "CSV")
    rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
    assert name.startswith("perpscope_simulated_exchanges_")
    assert [row["Venue"] for row in rows] == ["binance", "bybit"]
    for row in rows:
        assert formats.usd(float(row["Open interest [USD]"])) in said

    _, content = downloaded(page, "XLSX")
    book = openpyxl.load_workbook(io.BytesIO(content))
    headed = {sheet.title: list(sheet.values) for sheet in book}
    asset = next(rows for title, rows in headed.items() if "BTC" in title)
    assert prices == [row[2] for row in asset if isinstance(row[2], int | float)]

    _, content = downloaded(page, "PDF report")
    report = " ".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(content)).pages)
    assert "SIMULATED" in report.upper()
    for row in rows:
        assert formats.usd(float(row["Open interest [USD]"])) in report


GROUND = (
    "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    ".match(/\\d+/g).map(Number)"
)


def dots(picture):
    """Return how wide and how high a PNG is."""
    return struct.unpack(">II", picture[16:24])


def test_a_heatmap_is_saved_as_a_picture_fit_to_print(then):
    """Twice as many dots as on the screen, on a ground that its words can be read on."""
    page = then("Heatmap")
    chart = page.locator(".js-plotly-plot").first
    chart.locator(".main-svg").first.wait_for()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 150)

    with page.expect_download() as waiting:
        chart.locator(".modebar-btn").first.click()

    assert waiting.value.suggested_filename.startswith("perpscope_simulated_")
    assert dots(waiting.value.path().read_bytes()) == (
        pytest.approx(2 * box["width"], abs=2),
        2 * box["height"],
    )
    ground = chart.evaluate("chart => chart._fullLayout.paper_bgcolor")
    assert [int(ground[n : n + 2], 16) for n in (1, 3, 5)] == page.evaluate(GROUND)


COLORS = """
async (url) => {
  const picture = await createImageBitmap(await (await fetch(url)).blob())
  const canvas = new OffscreenCanvas(picture.width, picture.height)
  const brush = canvas.getContext("2d")
  brush.drawImage(picture, 0, 0)
  const { data } = brush.getImageData(0, 0, picture.width, picture.height)
  const count = {}
  for (let at = 0; at < data.length; at += 4) {
    const color = [data[at], data[at + 1], data[at + 2]].join()
    count[color] = (count[color] ?? 0) + 1
  }
  return Object.entries(count).sort((a, b) => b[1] - a[1]).map(([color]) => color)
}
"""


def test_market_is_saved_as_a_picture(then):
    """All panes with what stands on them, on the page's ground."""
    page = then("Market")
    page.locator(DRAWN).first.wait_for()
    box = page.locator(CHART).bounding_box()

    with page.expect_download() as waiting:
        page.locator(CHART).get_by_role("button", name="PNG").click()

    picture = waiting.value.path().read_bytes()
    assert waiting.value.suggested_filename.startswith("perpscope_simulated_")
    width, height = dots(picture)
    # Twice as many dots as on the screen, to be fit to print.
    assert width == pytest.approx(2 * box["width"], abs=2)
    assert height == pytest.approx(2 * box["height"], abs=30)
    url = "data:image/png;base64," + base64.b64encode(picture).decode()
    colors = page.evaluate(COLORS, url)
    assert colors[0] == ",".join(map(str, page.evaluate(GROUND)))
    assert {"46,196,182", "255,133,82", "230,233,239"} <= set(colors)
