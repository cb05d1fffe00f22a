"""Heatmap: the figures of the bars, and a sentence for whatever is not there."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import plotly.io as pio
import pytest

from analytics.market.measures import MEASURES
from dashboard.components import chart_zoom

PAGE = "app_pages/heatmap.py"
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
WHOLE = {
    "close": 100.0,
    "mark": 101.0,
    "index": 100.0,
    "oi_usd": 1e6,
    "oi_base": 1e4,
    "volume_24h_usd": 5e6,
    "funding_rate": 0.0001,
    "funding_interval_h": 8.0,
    "ls_accounts": 1.5,
    "book_imbalance": 0.05,
    "taker_buy_usd": 6e3,
    "taker_sell_usd": 4e3,
    "liq_long_usd": 10.0,
    "liq_short_usd": 0.0,
}


def bars(record, symbol, count=6, venue="binance", **lists):
    """The last *count* bars of *symbol*; lists are its values, oldest first."""
    for n in range(count):
        values = {**WHOLE, **{name: cells[n] for name, cells in lists.items()}}
        ended = record.noon - timedelta(minutes=4 + 5 * (count - 1 - n))
        record.bar(symbol, venue=venue, ended=ended, **values)
    record.snapshot(symbol, venue=venue, price=100.0)


@pytest.fixture
def page(opened):
    """Publishes the record and opens the page, of pairs unless its URL asks for another one."""
    return partial(opened, PAGE, rows="pairs")


def figure(app, nth=0):
    """Return the page's chart."""
    return pio.from_json(app.get("plotly_chart")[nth].proto.spec)


def text(app):
    parts = [*app.caption, *app.info, *app.warning, *app.error]
    return "\n".join(part.value for part in parts).replace("\\", "")


def cells(app):
    """Return what is drawn, without the ground beneath it."""
    return [trace for trace in figure(app).data if trace.type == "heatmap"][-1]


def z(app):
    return [list(row) for row in cells(app).z]


def test_shows_the_change_of_each_bar_largest_volume_first(page, record):
    """Where that is asked for: at first rows are sorted by their newest value."""
    bars(record, BTC, 3, oi_usd=[100, 110, 99], volume_24h_usd=[1, 1, 1])
    bars(record, ETH, 3, oi_usd=[100, 100, 150], volume_24h_usd=[2, 2, 2])

    app = page(heat_order="Volume")

    assert list(cells(app).y) == ["ETH Binance", "BTC Binance"]
    assert z(app) == [[0, 50], [10, -10]]
    (frame,) = figure(app).layout.shapes
    assert (frame.type, frame.y0, frame.y1) == ("rect", -0.5, 1.5)
    assert frame.x0.startswith("2025-10-22T12:32:30"), "around the bar that began at 12:35"
    (heading,) = figure(app).layout.annotations
    assert heading.text == "Times<br>beyond"


def test_fewer_bars_than_were_asked_for_are_said(page, record):
    bars(record, BTC, 4, oi_usd=[100, 110, 99, 99])

    assert "3 of 48 5m bars: no earlier data" in text(page())


def test_a_newest_bar_that_is_not_written_yet_is_no_column(page, record):
    bars(record, BTC, 4, oi_usd=[100, 110, 99, None])

    app = page()

    assert z(app) == [[10, -10]]
    assert "last bar closed at 2025-10-22 12:35 UTC" in text(app)


def test_orders_by_the_newest_value(page, record):
    bars(record, BTC, 3, oi_usd=[100, 100, 200], volume_24h_usd=[1, 1, 1])
    bars(record, ETH, 3, oi_usd=[100, 300, 150], volume_24h_usd=[2, 2, 2])

    assert list(cells(page(heat_order="Value")).y) == ["BTC Binance", "ETH Binance"]


def test_says_what_exceeds_the_users_threshold(page, record):
    bars(record, BTC, 3, oi_usd=[100, 110, 99])

    app = page(oi_delta="10.5")
    assert "None of 2 cells exceeds your threshold of 10.50 %." in text(app)

    app.number_input(key="oi_delta").set_value(9.5).run()
    assert "2 of 2 cells exceed your threshold of 9.50 %" in text(app)
    assert figure(app).layout.yaxis2.ticktext == ("2×",)


def test_cells_without_a_bar_are_absent_and_counted(page, record):
    bars(record, BTC, 4, oi_usd=[100, 110, 120, 130])
    bars(record, ETH, 4, oi_usd=[100, None, 120, 130])

    app = page()

    assert z(app) == [[10, 9.09, 8.33], [None, None, 8.33]]
    assert "2 of 6 cells are hatched" in text(app)


@pytest.mark.parametrize("across", ["Time", "Timeframes"])
def test_every_measure_is_drawn_or_explained(page, record, across):
    """A record of half an hour is too young for some."""
    bars(record, BTC)
    bars(record, ETH, venue="okx")
    app = page(heat_by=across)

    for measure in MEASURES:
        app.selectbox(key="heat_measure").set_value(measure).run()
        assert not app.exception
        assert app.get("plotly_chart") or "for these pairs at this time" in text(app)


def test_a_span_of_which_a_part_is_missing_is_marked(page, record):
    """Of the last hour 10 of 12 five minutes are known: the volume is theirs, and says so."""
    missing = [None if n in (3, 7) else 4e6 for n in range(13)]
    bars(record, BTC, 13, taker_buy_usd=missing, taker_sell_usd=[1e6] * 13)

    app = page(heat_by="Timeframes", heat_measure="Volume")

    (written,) = cells(app).text
    assert written[0] == "$5.00M"
    assert written[3] == "◐ $50.00M"
    assert "partial, marked ◐: at least 75 % of their 5-minute bars are known" in text(app)


def test_timeframes_count_up_to_the_last_five_minutes(page, record):
    bars(record, BTC, 4, close=[100, 110, 110, 121])

    app = page(heat_by="Timeframes", heat_measure="Price change")
    found = figure(app).data

    (words,) = [trace.text for trace in found if trace.text is not None]
    assert [list(row) for row in words] == [["+10.00 %", "+21.00 %", *["–"] * 4]]


def test_a_metric_that_nobody_tells_is_a_sentence(page, record):
    bars(record, BTC, ls_accounts=[None] * 6)

    app = page(heat_measure="Long/short")

    assert not app.get("plotly_chart")
    assert "No Long/short in 5m bars for these pairs" in text(app)


def test_a_constant_series_is_drawn(page, record):
    bars(record, BTC)
    bars(record, ETH)

    app = page()

    for order in ("value", "cluster", "volume"):
        app.segmented_control(key="heat_order").set_value(order).run()
        assert not app.exception
        assert z(app) == [[0] * 5] * 2


def test_one_pair_of_one_venue_is_enough(page, record):
    bars(record, BTC)

    assert "1 pair, sorted by value." in text(page())


def test_an_empty_lake_says_what_to_do(app):
    app.run()
    app.switch_page(PAGE).run()

    assert not app.exception
    assert "perpscope up" in text(app)


def test_a_record_without_bars_says_when_there_will_be_some(page, record):
    record.snapshot(BTC, price=1.0)

    assert "Bars close every five minutes" in text(page())


def test_the_sidebar_chooses_venues(page, record):
    bars(record, BTC)
    bars(record, ETH, venue="okx")

    assert list(cells(page(venues="okx")).y) == ["ETH OKX"]


def test_2000_pairs_show_the_200_largest(page, record):
    for n in range(2000):
        ended = record.noon - timedelta(minutes=4)
        for back in (5, 0):
            values = {"oi_usd": 100.0 + n + back, "volume_24h_usd": float(n)}
            record.bar(f"C{n}/USDT:USDT", ended=ended - timedelta(minutes=back), **values)
    record.snapshot(BTC, price=1.0)

    app = page(heat_pairs="200")

    assert "Top 200 pairs of 2,000 by 24 h volume" in text(app)
    assert len(z(app)) == 200
    assert cells(app).y[0] == "C1999 Binance"


def test_offers_files(page, record):
    bars(record, BTC)

    assert [button.label for button in page().get("download_button")] == [
        "CSV",
        "XLSX",
        "PDF report",
    ]


def test_the_zoom_is_kept(page, record, monkeypatch):
    """The chart goes through what knows the user's zoom."""
    bars(record, BTC)
    asked = []
    monkeypatch.setattr(
        chart_zoom, "_ranges_sent", lambda subject: asked.append(subject) or ({}, False)
    )

    page()

    assert [name.split()[:3] for name in asked[:1]] == [["heatmap", "oi_delta_pct", "5m"]]


def test_at_first_a_row_is_an_asset_over_its_venues(opened, record):
    """OI of 100 + 100 grows to 110 + 130: by 20 %. OKX tells of ETH from the second bar on: until
    then the change is Binance's alone."""
    bars(record, BTC, 2, oi_usd=[100, 110], close=[10, 11])
    bars(record, BTC, 2, venue="okx", oi_usd=[100, 130], close=[10, 12])
    bars(record, ETH, 3, oi_usd=[100, 150, 300])
    bars(record, ETH, 2, venue="okx", oi_usd=[10, 20])

    app = opened(PAGE)

    assert list(cells(app).y) == ["ETH", "BTC"]
    assert z(app) == [[50, 100], [None, 20]]
    assert "All 2 assets, sorted by value. Click a row to open its largest pair." in text(app)
    assert "Of an asset: the sum over its venues." in text(app)


def test_an_asset_is_not_blank_while_a_venue_writes_its_newest_bar(opened, record):
    """It moves by the venues that have: Binance's doubled."""
    bars(record, BTC, 4, oi_usd=[100, 100, 200, 400])
    for n, oi_usd in enumerate((100, 100, 200)):
        ended = record.noon - timedelta(minutes=4 + 5 * (3 - n))
        record.bar(BTC, venue="okx", ended=ended, **{**WHOLE, "oi_usd": oi_usd})

    assert z(opened(PAGE)) == [[0, 100, 100]]


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_has_a_value_for_an_asset(opened, record, measure):
    oi_usd = [100 + n % 3 for n in range(80)]
    bars(record, BTC, 80, close=[100 + n % 7 for n in range(80)], oi_usd=oi_usd)
    bars(record, BTC, 80, venue="okx", close=[100 + n % 5 for n in range(80)])

    app = opened(PAGE, heat_measure=MEASURES[measure].quantity.title)

    assert z(app)[0][-1] is not None


@pytest.mark.parametrize("rows", ["assets", "pairs"])
def test_funding_that_was_filled_in_from_payments_is_said(opened, record, rows):
    """A step where it ends is one of what is shown, not of the market."""
    bars(record, BTC, 3)
    for bar in record.bars[:2]:
        bar |= {"origin": "backfill", "snapshot_count": 0}

    said = text(opened(PAGE, rows=rows, heat_measure="Funding 8 h"))

    assert "Funding of 2 of 3 cells is the rate that was paid" in said
