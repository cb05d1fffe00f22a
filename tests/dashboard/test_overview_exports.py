"""What Overview offers for download, and the report of the market's day."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import numpy as np
import openpyxl
import pypdf
import pytest

from analytics.exports.csv import csv_bytes
from analytics.exports.pdf import pdf_bytes
from analytics.exports.report import Figure
from analytics.exports.xlsx import xlsx_bytes
from analytics.market.figures import Change, whole_market
from analytics.market.oi_split import OiSplit, oi_split, with_split
from dashboard import components
from dashboard.components.movers import mover_lists
from dashboard.loaders import bars as bar_loaders
from dashboard.loaders import queries, shown_moment
from dashboard.loaders.rows import COVERAGE
from dashboard.overview import overview_exports
from dashboard.overview.column_layout import COLUMNS
from dashboard.overview.pair_table import Choice
from dashboard.server import warm_up
from dashboard.state.view import View

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


@pytest.fixture
def app(app):
    """The whole app, its rows of pairs; those of assets are ``test_overview_assets``."""
    app.query_params["rows"] = "pairs"
    return app


LATER = {
    *(one.name for one in COLUMNS if one.span),
    *(*COVERAGE, "z_liquidations", "funding_apr_pct", "basis_pct"),
}
"""Columns that are loaded once somebody wants them."""


@pytest.fixture
def shown(app, record):
    """What the page shows of two pairs, the second of which is only half known."""
    # The page is of 12:44, so the newest five-minute mark that bars are read for is 12:40.
    for minutes, oi in ((10, 8e9), (5, 9e9), (0, 9.5e9)):
        ended = record.noon - timedelta(minutes=minutes)
        record.bar(BTC, ended=ended, close=100.0, oi_usd=oi, ls_accounts=2.0)
        record.bar(ETH, ended=ended, close=50.0)
    known = {"price": 101.0, "price_24h_ago": 100.0, "volume_24h_usd": 2e9, "oi_usd": 9.9e9}
    record.snapshot(BTC, **known, funding_rate=0.0001, funding_interval_h=8.0, ls_accounts=2.5)
    record.snapshot(ETH, price=49.0)
    record.cycle()
    record.publish(origin="simulator")
    moment, seen = shown_moment.moment(), View(rows="pairs")
    pairs, silent = queries.pairs(moment, seen.span), queries.silent_pairs(moment)
    history, liquidated = queries.market_history(moment), queries.liquidated(moment, seen.span)
    pairs = with_split(pairs).join(bar_loaders.pair_curves("5m", moment), on=["venue", "symbol"])
    return overview_exports.Shown(
        moment=moment,
        seen=seen,
        pairs=pairs.iloc[::-1],
        every=pairs,
        chosen=Choice(
            [one for one in COLUMNS if one.name not in LATER and one.rows is None],
            "",
            unusual=False,
        ),
        market=whole_market(pairs, history, liquidated, seen.span, silent),
        split=oi_split(pairs, len(silent)),
        lists=mover_lists(pairs, "5m"),
        sentences=["A sentence."],
    )


def lines(section):
    return csv_bytes(section).decode("utf-8-sig").splitlines()


def test_table_leaves_as_it_stands(shown):
    """In its order and with its columns; what is absent is an empty cell, and a curve is none."""
    heading, first, second = lines(overview_exports.tables(shown)["Pairs"]())

    assert heading.startswith("Pair,Venue,Price [quote currency],Price change in 5m [%]")
    assert "24 bars" not in heading
    assert first.startswith("ETH/USDT,binance,49.0,-2.0")
    assert ",," in first
    assert second.startswith("BTC/USDT,binance,101.0,1.0")


def test_movers_leave_with_their_values_in_full(shown):
    """The list on the page is rounded; the file is not."""
    rows = lines(overview_exports.tables(shown)["Movers"]())

    assert "Long/short,BTC/USDT,binance,25.0" in rows
    assert "Funding 8 h,BTC/USDT,binance,0.01" in rows


def test_figures_leave_with_their_unit(shown):
    """One column cannot mix dollars and percent without saying which is which."""
    rows = lines(overview_exports.tables(shown)["Figures"]())

    assert rows[1].startswith("Open interest,USD,9900000000.0,1,2,900000000.0,")


def test_a_change_says_its_time_and_its_end(shown):
    """From the bar that ended at 12:39 to the snapshot of 12:44, of one of the two pairs."""
    heading, interest, *others = lines(overview_exports.tables(shown)["Figures"]())

    assert heading.endswith(
        'Pairs with data,Pairs collected,"Change, same unit",Change over at least [s],Change '
        "over at most [s],Change until [UTC],Pairs compared"
    )
    assert interest.endswith(",900000000.0,300.0,300.0,2025-10-22T12:44:00Z,1")
    assert "Funding 8 h,% per 8 h,0.01,1,2,,,,," in others


def test_the_split_of_the_oi_change_leaves_in_its_two_parts(shown):
    """In the table of figures each is a change with its time; on paper three cards."""
    five = timedelta(minutes=5)
    change = Change(320e6, None, 1, five, five, shown.moment.now)
    split = replace(shown, split=OiSplit(110e6, 210e6, change, 2))

    rows = lines(overview_exports.tables(split)["Figures"]())
    whole, price, contracts = overview_exports.report(split).figures[-3:]

    ends = "300.0,300.0,2025-10-22T12:44:00Z,1"
    assert f"OI change by price,USD,,1,2,110000000.0,{ends}" in rows
    assert f"OI change by contracts,USD,,1,2,210000000.0,{ends}" in rows
    over = "in 5 min, 1 of 2 pairs"
    assert whole == Figure("OI change", "+$320.00M", over)
    assert price == Figure("OI change by price", "+$110.00M", over)
    assert contracts == Figure("OI change by contracts", "+$210.00M", over)
    assert len(lines(overview_exports.tables(shown)["Figures"]())) == len(rows) - 2


def test_a_card_on_paper_says_what_time_its_change_is_of(shown):
    """And of how many pairs the figure is, where that is not all."""
    figures = overview_exports.report(shown).figures

    assert figures[0].change == "+10.00 % in 5 min, 1 of 2 pairs"
    assert figures[3].change == "1 of 2 pairs"


def test_a_hole_in_the_day_is_a_gap_on_paper(shown):
    """No line runs across the five minutes that nobody recorded."""
    name = "global_oi_usd"
    past = shown.market[name].past
    past = past.set_axis([past.index[0], past.index[1] + timedelta(minutes=5)])
    holed = {**shown.market, name: replace(shown.market[name], past=past)}

    chart = overview_exports.report(replace(shown, market=holed)).charts[0]

    assert np.isfinite(chart.series[0].y).tolist() == [True, False, True]


def test_funding_keeps_its_decimals_on_paper(shown):
    """As on the screen: with two, most of it is nought."""
    bars = replace(overview_exports.report(shown), figures=(), sections=())

    (page,) = pypdf.PdfReader(io.BytesIO(pdf_bytes(bars))).pages

    assert "+0.0100 %" in page.extract_text()
    assert "+25.00 %" in page.extract_text()


def test_every_table_is_a_sheet(shown):
    """The workbook opens and holds what is shown."""
    sections = [make() for make in overview_exports.tables(shown).values()]
    book = openpyxl.load_workbook(io.BytesIO(xlsx_bytes(sections, {"Page": "Overview"})))

    assert book.sheetnames[:3] == ["Pairs", "Movers", "Figures"]
    assert book["Pairs"]["A3"].value == "BTC/USDT"


def test_report_says_what_the_page_was_set_to(shown):
    """Figures as on the cards, the state in words, and the page's sentences."""
    pages = pypdf.PdfReader(io.BytesIO(pdf_bytes(overview_exports.report(shown)))).pages
    text = "\n".join(page.extract_text() for page in pages)

    assert "$9.90B" in text
    assert "z of OI change 2.50, Long/short 3.00" in text
    assert "A sentence." in text
    assert "SIMULATED" in text


def test_menus_are_on_the_page(app, record, shown):
    """Every file; and the day's report has a menu of its own, which reads nothing while shut."""
    app.run()

    assert not app.exception
    labels = [button.proto.label for button in app.get("download_button")]
    assert labels == ["CSV", "XLSX, all tables", "PDF report"]
    assert not app.date_input


def test_day_report_is_of_the_last_day_that_is_over(app, record):
    """Unless another day is chosen; one without a record is said to be."""
    midnight = record.noon.replace(hour=0, minute=0)
    for hours in range(25):
        ended = midnight - timedelta(hours=hours)
        record.bar(BTC, ended=ended, close=100.0, oi_usd=9e9, volume_24h_usd=1e9)
    record.snapshot(BTC, price=101.0, oi_usd=9e9)
    record.publish()
    app.session_state["day_report"] = True

    app.run()
    assert str(app.date_input[0].value) == "2025-10-21"
    labels = [button.proto.label for button in app.get("download_button")]
    assert "Day report 21 Oct 2025" in labels
    app.session_state["levels"] = "p99"
    assert not app.run().exception

    app.date_input[0].set_value(midnight.date() - timedelta(days=9)).run()
    said = "No data at the end of 2025-10-13."
    assert said in [info.value for info in app.info]


def test_warming_up_does_what_the_first_visitor_needs(app, record, shown):
    """And nothing where there is no record yet."""
    warm_up.warm_up()
    app.run()

    assert not app.exception


def test_warming_up_waits_for_no_record(record):
    """The server begins without a lake as well."""
    warm_up.warm_up()


def test_a_module_that_does_not_load_keeps_nobody_from_being_served(
    record, tmp_path, monkeypatch, caplog
):
    """The log says which; the server would have ended with it."""
    (tmp_path / "broken.py").write_text("1 / 0\n")
    monkeypatch.setattr(components, "__path__", [*components.__path__, str(tmp_path)])

    warm_up.warm_up()

    assert "ZeroDivisionError" in caplog.text
