"""What Market offers for download: every bar, and the page as it is set."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta

import numpy as np
import openpyxl
import pypdf
import pytest

from analytics.exports.csv import csv_bytes
from analytics.exports.pdf import pdf_bytes
from analytics.exports.xlsx import xlsx_bytes
from analytics.palette import LIGHT
from dashboard.components.time_range import market_range
from dashboard.loaders import shown_moment
from dashboard.market import market_exports
from dashboard.pair_chart import chart_and_figures
from dashboard.pair_chart.instrument_picker import Subject
from dashboard.pair_chart.panes import LABELS, VENUES
from dashboard.state.view import View
from tests.dashboard.test_market import BTC, KNOWN, NOW, wave


@pytest.fixture
def loaded(app, record):
    """A function that loads what the page shows of BTC, with the buttons *labels* on."""

    def of(*labels, pair=("binance", BTC), at=None, timeframe="5m", origin="simulator"):
        record.publish(origin=origin)
        shown = shown_moment.moment(at)
        wanted = chart_and_figures.Wanted(
            Subject("BTC", pair), market_range("24 h", timeframe), labels, shown, View()
        )
        return chart_and_figures.load(wanted, chart_and_figures.latest(wanted)), wanted

    return of


def report(loaded, wanted):
    found = loaded.history
    notes = chart_and_figures.notes(loaded, found, wanted)
    return market_exports.report(loaded, found, wanted, notes)


def charts(document):
    return {chart.title.partition("  ·  ")[0]: chart for chart in document.charts}


def bars(loaded):
    section = market_exports.bars(loaded, loaded.history)
    return list(csv.DictReader(io.StringIO(csv_bytes(section).decode("utf-8-sig"))))


def test_every_pane_that_is_on_is_on_paper(loaded, record):
    """With all its lines; the bands about the price, and signals as a table."""
    due = record.noon.replace(hour=16, minute=0)
    record.snapshot(BTC, next_funding_ts=due, **NOW)
    wave(record, count=60)
    record.bars[0]["oi_usd"] = 9e9

    document = report(*loaded(*LABELS))

    found = charts(document)
    assert list(found) == [
        "BTC/USDT on Binance",
        "Volume",
        "Open interest",
        "OI change per bar",
        "z of OI change",
        "Robust z of OI change",
        "Long/short, accounts",
        "Long/short, top traders",
        "Long/short change per bar",
        "Book imbalance within 25 bps",
        "Taker imbalance",
        "CVD since the chart begins",
        "CVD / OI since the chart begins",
        "OBV since the chart begins",
        "Funding 8 h",
        "RSI of 14 bars",
        "ATR of 14 bars",
        "Realised volatility of 20 bars, annualised",
        "Liquidations: shorts up, longs down",
        "Basis: mark above index",
        "Premium of trades above index",
    ]
    price = found["BTC/USDT on Binance"]
    bands = ["Upper band", "Middle band", "Lower band"]
    assert [line.name for line in price.series] == [*bands, "EMA 20", "EMA 50"]
    assert [line.color for line in price.series] == [*[LIGHT.muted] * 3, None, None]
    newest, sides = record.bars[0], ("open", "high", "low", "close")
    (place,) = np.flatnonzero(price.candles.x == np.datetime64(newest["ts"]))
    for side in sides:
        assert getattr(price.candles, side)[place] == newest[side], side
    paid = next(one for one in document.figures if one.label == "Next funding")
    assert (paid.value, paid.change) == ("3 h 16 min", "at 2025-10-22 16:00 UTC")
    flows = found["Liquidations: shorts up, longs down"].series
    assert [np.nanmax(line.y) for line in flows] == [2e4, -1e4]
    (signals,) = document.sections
    (words,) = signals.frame[["mark", "subject", "sentence"]].to_numpy().tolist()
    assert words[:2] == ["■", "BTC Binance"]
    assert words[2].startswith("OI +")
    assert " σ in 5m (+" in words[2]
    assert signals.frame["ts"].iloc[0] == record.noon.replace(minute=35)
    assert document.state["Panes"].startswith("Price, Bollinger bands, EMA 20, 50, VWAP, Other")
    assert "z of OI change 2.50, Long/short 3.00, Book" in document.state["Thresholds"]
    pages = pypdf.PdfReader(io.BytesIO(pdf_bytes(document))).pages
    paper = " ".join("".join(page.extract_text() for page in pages).split())
    assert "Basis: mark above index" in paper
    assert words[2] in paper
    assert "a venue's share of it." in paper  # the legend, whole


def flows(record, known_of_newest, known_of_last):
    """Two bars of an hour, the second up to 12:00: each of 12 five minutes, some without a flow."""
    noon = record.noon.replace(minute=0)
    for hours_ago, known in ((0, known_of_newest), (1, known_of_last)):
        for nth in range(12):
            told = {"taker_buy_usd": 3e6, "taker_sell_usd": 2e6} if nth < known else {}
            ended = noon - timedelta(hours=hours_ago, minutes=5 * nth)
            record.bar(BTC, ended=ended, close=100.0, oi_usd=6e9, **told)


def test_a_flow_that_is_partial_says_so_in_every_file(loaded, record):
    """10 of 12 five minutes are shown and marked, 8 of 12 are absent."""
    flows(record, known_of_newest=10, known_of_last=8)

    found, wanted = loaded("Volume", "CVD", timeframe="1h")

    rows = bars(found)[-2:]
    assert [row["Volume [USD]"] for row in rows] == ["", str(10 * 5e6)]
    known = [float(row["Volume, known [%]"]) for row in rows]
    assert known == pytest.approx([0, 100 * 10 / 12])
    sheet = openpyxl.load_workbook(
        io.BytesIO(xlsx_bytes([market_exports.bars(found, found.history)], {}))
    )["Bars"]
    heads = [cell.value for cell in sheet[1]]
    newest = [cell.value for cell in sheet[sheet.max_row]]
    assert newest[heads.index("Volume [USD]")] == 5e7
    assert newest[heads.index("Volume, known [%]")] == pytest.approx(100 * 10 / 12)
    document = report(found, wanted)
    assert "Volume  ·  $50.00M, partial" in [chart.title for chart in document.charts]
    said = " ".join(document.notes)
    assert "Volume in 1 bar" in said
    volume = charts(document)["Volume"].series[0]
    assert volume.partial.tolist()[-2:] == [False, True]
    pages = pypdf.PdfReader(io.BytesIO(pdf_bytes(document))).pages
    assert "$50.00M, partial" in "".join(page.extract_text() for page in pages)


def test_on_paper_the_price_is_the_leads_and_sums_say_of_how_many(loaded, record):
    """A price is of no 1 of 2 pairs; open interest that one venue does not state is."""
    wave(record, count=3)
    record.snapshot(BTC, **NOW)
    record.snapshot(BTC, venue="okx", **{**NOW, "oi_usd": None})

    figures = {one.label: one.change for one in report(*loaded("OI", pair=None)).figures}

    assert figures["Price"] == "+10.00 % in 24 h"
    assert figures["Open interest"].endswith("1 of 2 pairs")


def test_open_interest_in_coins_is_a_pane_and_a_column_of_the_file(loaded, record):
    """On paper it is where it is on, in the table always."""
    wave(record, count=3, oi_base=93_120.0)

    found, wanted = loaded("OI coins")

    assert (
        charts(report(found, wanted))["Open interest, coins"].series[0].y.tolist() == [93_120] * 3
    )
    assert [row["Open interest, coins [base coins]"] for row in bars(found)] == ["93120.0"] * 3
    titles = [chart.title for chart in report(found, wanted).charts]
    assert "Open interest, coins  ·  93.12K" in titles


def test_panes_that_are_off_are_not_on_paper(loaded, record):
    """Nor bands and signals; the price stays."""
    wave(record, count=60)
    record.bars[0]["oi_usd"] = 9e9

    document = report(*loaded("RSI"))

    assert list(charts(document)) == ["BTC/USDT on Binance", "RSI of 14 bars"]
    assert document.charts[0].series == ()
    assert np.isfinite(document.charts[0].candles.close).sum() == 60
    assert document.sections == ()
    assert document.state["Panes"] == "Price and RSI"


def test_a_pane_without_values_is_a_sentence(loaded, record):
    """No empty frame; the page's notes say why."""
    wave(record, index=None, close=None)

    document = report(*loaded("Basis", "Signals", "Volume"))

    assert list(charts(document)) == ["Volume"]
    assert document.sections == ()
    said = " ".join(document.notes)
    assert "Basis: no index price in this period." in said
    assert "Signals: none in this period." in said


def test_the_newest_signals_come_first_and_are_not_too_many(loaded, record):
    """Paper has room for a hundred, and says of how many."""
    wave(record, count=60)
    record.bars[0]["oi_usd"] = 9e9
    asked, wanted = loaded("Signals")
    (one,) = asked.signals
    many = [replace(one, ts=one.ts + timedelta(minutes=5 * nth)) for nth in range(150)]

    (signals,) = report(replace(asked, signals=many), wanted).sections

    assert signals.frame["ts"].tolist() == [signal.ts for signal in many[:49:-1]]
    assert signals.note.startswith("Latest 100 of 150 signals. ■■■ OI, crowd and")
    whole = market_exports.tables(replace(asked, signals=many), asked.history)["Signals"]()
    assert len(whole.frame) == 150  # a file has room for all
    assert "Signals" not in market_exports.tables(replace(asked, signals=[]), asked.history)


def test_other_venues_are_beside_where_they_are_on(loaded, record):
    """Each by its name, in every pane that compares."""
    for venue in ("binance", "okx"):
        wave(record, venue=venue)

    with_venues, without = (
        charts(report(*loaded(*labels))) for labels in (("Volume", VENUES), ("Volume",))
    )

    assert [line.name for line in with_venues["BTC/USDT on Binance"].series] == ["BTC/USDT OKX"]
    assert len(with_venues["Volume"].series) == 1
    assert without["BTC/USDT on Binance"].series == ()


def test_bars_of_closes_alone_are_a_line(loaded, record):
    """A candle needs all four; a line does not."""
    wave(record, open=None, high=None, low=None)

    (price, _) = report(*loaded("RSI")).charts

    assert price.candles is None
    assert [line.name for line in price.series] == ["Price"]


def test_a_chart_says_its_newest_value(loaded, record):
    """As on top of each pane."""
    wave(record)

    document = report(*loaded("Funding"))

    assert document.charts[1].title == "Funding 8 h  ·  +0.0100 %"


def test_a_small_price_is_whole_on_paper_and_a_number_in_the_file(loaded, record):
    """A trader's 0.0₅471 for people, every figure for programs."""
    small = dict.fromkeys(("open", "high", "low", "close"), 4.71e-06)
    record.snapshot(BTC, **{**NOW, "price": 0.00000471})
    record.bar(BTC, ended=record.noon.replace(minute=40), **{**KNOWN, **small})

    found, wanted = loaded()
    document = report(found, wanted)

    assert document.charts[0].title == "BTC/USDT on Binance  ·  0.0₅471"
    assert next(one.value for one in document.figures if one.label == "Price") == "0.0₅471"
    paper = pypdf.PdfReader(io.BytesIO(pdf_bytes(document)))
    assert "0.0₅471" in paper.pages[0].extract_text()
    assert float(bars(found)[-1]["Close [quote currency]"]) == 0.00000471
    book = openpyxl.load_workbook(
        io.BytesIO(xlsx_bytes([market_exports.bars(found, found.history)], {}))
    )
    price = book["Bars"]["F2"]
    assert (price.value, price.number_format) == (0.00000471, f"#,##0.00{'#' * 18}")


def test_carried_funding_is_a_column_of_its_own_in_the_file_and_marked_on_paper(loaded, record):
    """Where nothing was recorded the funding of the file stays empty."""
    for minute, rate in ((30, {"funding_rate": 0.0001}), (35, {}), (40, {})):
        known = {k: v for k, v in KNOWN.items() if not k.startswith("funding")}
        interval = {"funding_interval_h": 8.0} if rate else {}
        record.bar(BTC, ended=record.noon.replace(minute=minute), **known, **rate, **interval)

    found, wanted = loaded("Funding")

    rows = bars(found)
    assert [row["Funding 8 h [% per 8 h]"] for row in rows] == ["0.01", "", ""]
    assert [row["Funding 8 h, last known [% per 8 h]"] for row in rows] == ["", "0.01", "0.01"]
    known, carried = charts(report(found, wanted))["Funding 8 h"].series
    assert known.partial.tolist() == [False] * 3
    assert carried.partial.tolist() == [False, True, True]
    said = chart_and_figures.notes(found, found.history, wanted)
    assert any(line.startswith("Funding was not recorded since 12:30 UTC") for line in said)


def test_a_bar_under_way_says_so(loaded, record):
    """Nobody is to test on what is not over."""
    wave(record, count=3)
    record.snapshot(BTC, **NOW)

    rows = bars(loaded()[0])

    assert [(row["Bar from [UTC]"][11:16], row["Complete"]) for row in rows] == [
        ("12:25", "true"),
        ("12:30", "true"),
        ("12:35", "true"),
        ("12:40", "false"),
    ]


def test_a_longer_bar_is_complete_when_it_is_over(loaded, record):
    """Three quarters of an hour are not the hour, although every five minutes of it are over."""
    wave(record, count=30)

    rows = bars(loaded(timeframe="1h")[0])

    assert [row["Complete"] for row in rows[-2:]] == ["true", "false"]
    assert rows[-1]["Bar from [UTC]"] == "2025-10-22T12:00:00Z"
