"""Heatmap and Correlation as files: the figures of the screen, absent ones as empty cells."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import openpyxl
import pypdf
import pytest

from analytics.correlation.lead_lag import lead_lag_of
from analytics.correlation.view import SUBJECTS, matrix, rolling
from analytics.exports.csv import csv_bytes
from analytics.exports.pdf import pdf_bytes
from analytics.exports.xlsx import xlsx_bytes
from analytics.market.measures import MEASURES
from analytics.panels.panel import Pair, Panel
from dashboard.charts.color_scale import color_scale
from dashboard.components.time_range import correlation_range
from dashboard.correlation import correlation_exports as correlation_exports
from dashboard.correlation.analysis import Request
from dashboard.heatmap import heatmap_exports as heatmap_exports
from dashboard.heatmap.measure_grid import Loaded
from dashboard.state.as_of import Moment

NOW = datetime(2025, 10, 22, 12, tzinfo=UTC)
SHOWN = Moment(NOW, "live", "simulator", timedelta(seconds=30), timedelta())
PAIRS = [Pair("okx", "BTC/USDT:USDT", "BTC"), Pair("bybit", "BTC/USDT:USDT", "BTC")]
TIMES = np.datetime64("2025-10-22T11:00", "ms") + np.arange(120) * np.timedelta64(5, "m")


def heatmap(over_time):
    values = np.array([[1.23456, np.nan], [-2.0, 0.5]])
    measure = MEASURES["oi_delta_pct"]
    return Loaded(
        pairs=PAIRS,
        columns=TIMES[:2] if over_time else ["5m", "1d"],
        values=values,
        exceeded=None,
        measure=measure,
        scale=color_scale(values, measure.quantity),
        timeframe="5m" if over_time else None,
        asked=2 if over_time else None,
        order="volume",
        total=2,
        word="pair",
    )


@pytest.mark.parametrize(
    ("over_time", "columns"),
    [(True, ["2025-10-22 11:00 UTC", "2025-10-22 11:05 UTC"]), (False, ["5m", "1d"])],
    ids=["time", "timeframes"],
)
def test_the_heatmap_is_a_row_for_each_pair(over_time, columns):
    lines = csv_bytes(heatmap_exports.section(heatmap(over_time))).decode("utf-8-sig").splitlines()

    assert lines[0] == ",".join(["Pair", "Venue", "Asset", *(f"{name} [%]" for name in columns)])
    assert lines[1] == "BTC/USDT:USDT,okx,BTC,1.23456,"


def partial():
    """A map of volume of which one cell is known in part: 45 of 48 bars of five minutes."""
    values = np.array([[5.0, 6.0], [np.nan, 7.0]])
    measure = MEASURES["traded_usd"]
    known = np.array([[100.0, 93.75], [20.0, 100.0]])
    return replace(
        heatmap(over_time=True), values=values, measure=measure, coverage_pct=known,
        scale=color_scale(values, measure.quantity),
    )  # fmt: skip


def test_a_partial_value_stands_beside_how_much_is_known():
    """In CSV and in the workbook; a column without a partial value has nothing beside it."""
    section = heatmap_exports.section(partial())

    lines = csv_bytes(section).decode("utf-8-sig").splitlines()
    assert lines[0].split(",", 3)[3] == (
        '2025-10-22 11:00 UTC [USD],2025-10-22 11:05 UTC [USD],"2025-10-22 11:05 UTC, known [%]"'
    )
    assert lines[1:] == [
        "BTC/USDT:USDT,okx,BTC,5.0,6.0,93.75",
        "BTC/USDT:USDT,bybit,BTC,,7.0,100.0",
    ]
    sheet = openpyxl.load_workbook(io.BytesIO(xlsx_bytes([section], {})))["Volume"]
    assert [cell.value for cell in sheet[2]][3:] == [5, 6, 93.75]


def test_a_partial_cell_is_marked_on_paper():
    chosen = {"Measure": "Volume"}

    text = "".join(
        page.extract_text()
        for page in pypdf.PdfReader(
            io.BytesIO(pdf_bytes(heatmap_exports.report(partial(), SHOWN, chosen, [])))
        ).pages
    )
    whole = "".join(
        page.extract_text()
        for page in pypdf.PdfReader(
            io.BytesIO(pdf_bytes(heatmap_exports.report(heatmap(True), SHOWN, chosen, [])))
        ).pages
    )

    assert "partial" in text
    assert "partial" not in whole


@pytest.fixture(scope="module")
def correlated():
    """Everything that the page shows of two pairs."""
    steps = np.random.default_rng(1).normal(size=(120, 2))
    close = np.exp(np.cumsum(steps / 100, axis=0))
    panel = Panel(TIMES, tuple(PAIRS), {"close": close}, "5m", NOW)
    price = SUBJECTS["price"]
    found = matrix(panel, PAIRS, price, "pearson")
    line = rolling(panel, *PAIRS, price, "pearson")
    leads = lead_lag_of(panel, "BTC", max_lag=4, rng=np.random.default_rng(0))
    asked = Request(
        subject=price,
        method="pearson",
        window=correlation_range("24 h", "5m"),
        most=20,
        spread=True,
    )
    return found, line, leads, asked


def test_correlation_is_three_tables(correlated):
    found, line, leads, asked = correlated
    tables = correlation_exports.tables(found, line, leads, asked)

    written = {name: csv_bytes(make()).decode("utf-8-sig") for name, make in tables.items()}

    assert f"BTC OKX,1.0,{found.r[0, 1]}" in written["Matrix"]
    assert written["Rolling"].count("\n") == 1 + 119
    assert written["Leads"].splitlines()[1].startswith("BTC OKX,BTC Bybit,")
    assert xlsx_bytes([make() for make in tables.values()], {"Page": "Correlation"})[:2] == b"PK"


def test_funding_keeps_its_decimals_on_paper():
    """With two, most of it is nought."""
    funding = replace(
        heatmap(over_time=False),
        measure=MEASURES["funding_8h_pct"],
        values=np.array([[-0.0021, np.nan], [0.0034, 0.01]]),
    )

    (page,) = pypdf.PdfReader(
        io.BytesIO(pdf_bytes(heatmap_exports.report(funding, SHOWN, {}, [])))
    ).pages

    assert "-0.0021" in page.extract_text()


def test_both_pages_are_documents(correlated):
    found, line, leads, asked = correlated
    reports = [
        heatmap_exports.report(
            heatmap(over_time=True), SHOWN, {"Measure": "OI change"}, ["A note."]
        ),
        correlation_exports.report(found, line, leads, asked, SHOWN, ["A note."]),
    ]

    assert [pdf_bytes(report)[:5] for report in reports] == [b"%PDF-"] * 2
    assert all(report.label for report in reports)
