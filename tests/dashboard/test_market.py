"""Market: one pair on linked charts, and a sentence for whatever is not there."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from functools import partial

import numpy as np
import pytest

from analytics.signals.thresholds import Thresholds
from dashboard.loaders import bars, shown_moment

PAGE = "app_pages/market.py"
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
CHINESE = "币安人生/USDT:USDT"
KNOWN = {
    "open": 100.0,
    "high": 102.0,
    "low": 99.0,
    "close": 101.0,
    "mark": 101.0,
    "index": 100.0,
    "volume_usd": 5e6,
    "oi_usd": 6e9,
    "funding_rate": 0.0001,
    "funding_interval_h": 8.0,
    "ls_accounts": 2.0,
    "ls_top_accounts": 1.2,
    "ls_top_positions": 1.1,
    "book_imbalance": 0.1,
    "taker_buy_usd": 3e6,
    "taker_sell_usd": 2e6,
    "liq_long_usd": 1e4,
    "liq_short_usd": 2e4,
}
NOW = {
    "price": 110.0,
    "price_24h_ago": 100.0,
    "volume_24h_usd": 10e9,
    "oi_usd": 6e9,
    "funding_rate": 0.0001,
    "funding_interval_h": 8.0,
    "ls_accounts": 2.0,
}


def text(app):
    """Return every sentence on the page."""
    parts = [*app.caption, *app.info, *app.warning, *app.error, *app.markdown]
    return "\n".join(part.value for part in parts).replace("\\", "")


def cards(app):
    return {card.label: card.value for card in app.metric}


def chart(app):
    """Return the chart as the browser was told of it, in one update or several."""
    return app.session_state["market_chart_sent"][1]


def values(app, name):
    """Return the numbers of the line called *name*."""
    return chart(app).lines[name]


def panes(app):
    return {pane["label"]: pane for pane in chart(app).parts["panes"]}


def series(app):
    """Return the titles of all series that have a name."""
    drawn = (one for pane in panes(app).values() for one in pane["series"])
    return {one["title"] for one in drawn if one["named"]}


def titles(app):
    """Return what stands on top of each pane."""
    said = chart(app).parts["titles"].values()
    parts = ("name", "bars", "value", "after")
    return " ".join(" ".join(one[part] for part in parts) for one in said)


def wave(record, symbol=BTC, *, venue="binance", count=60, ended=None, **changed):
    """Record *count* bars up to *ended* whose price and open interest move a little."""
    ended = ended or record.noon.replace(minute=40)
    for back in range(count):
        swing = 1 + 0.01 * math.sin(back)
        moved = {"close": 101 * swing, "high": 103 * swing, "oi_usd": 6e9 * swing}
        known = {**KNOWN, **moved, **changed}
        record.bar(symbol, venue=venue, ended=ended - timedelta(minutes=5 * back), **known)


def four_hours(record, ended, known, count=48):
    """Bars of five minutes of the four hours up to *ended*; the first *known* have flows."""
    for nth in range(count):
        told = {"taker_buy_usd": 3e6, "taker_sell_usd": 2e6} if nth < known else {}
        start = ended - timedelta(hours=4)
        record.bar(BTC, ended=start + timedelta(minutes=5 * (nth + 1)), close=100.0, **told)


@pytest.fixture
def market(opened):
    """Opens the page on what was recorded, at an address."""
    return partial(opened, PAGE)


def test_a_bar_with_a_part_of_its_flow_is_hatched_and_with_little_absent(market, record):
    """45 of 48 five minutes are shown, and the pointer says so; 7 of 33 are no volume of a bar."""
    noon = record.noon.replace(minute=0)
    four_hours(record, noon, known=45)
    four_hours(record, noon - timedelta(hours=4), known=7, count=33)

    page = market(venue="binance", symbol=BTC, timeframe="4h", span="7 d", panes=["Volume"])

    volume = values(page, "traded_usd")
    assert np.isfinite(volume[-2:]).tolist() == [False, True]
    assert volume[-1] == pytest.approx(45 * 5e6)
    assert values(page, "traded_usd known")[-1] == pytest.approx(93.75)
    assert "$225.00M, partial" in titles(page)
    assert "Partial bars (hatched, ringed or dotted): Volume in 1 bar." in text(page)


def test_header_and_chart_have_one_lead(market, record):
    """Binance has most open interest in all bars, OKX in what was heard: both show OKX's price."""
    at = record.noon.replace(minute=39)
    record.snapshot(BTC, at=at, **{**NOW, "oi_usd": 1e9, "price": 110.0})
    record.snapshot(BTC, venue="okx", at=at, **{**NOW, "oi_usd": 5e9, "price": 120.0})
    wave(record, oi_usd=9e9)
    wave(record, venue="okx", oi_usd=4e9)

    page = market(base="BTC")

    assert cards(page)["Price"] == "120.000"
    assert "BTC/USDT on OKX" in titles(page)


def test_figures_and_panes_of_one_pair(market, record):
    """What the venue says now stands on top, and its bars are below."""
    record.snapshot(BTC, next_funding_ts=record.noon + timedelta(hours=2, minutes=5), **NOW)
    wave(record)

    page = market(venue="binance", symbol=BTC, panes="all")

    assert cards(page) == {
        "Price": "110.000",
        "Open interest": "$6.00B",
        "Funding 8 h": "+0.0100 %",
        "Next funding": "2 h 05 min",
        "Long/short": "2.00",
        "Volume 24 h": "$10.00B",
    }
    assert "BTC/USDT on Binance 5m bars 110.000 at 12:44 UTC" in titles(page)
    assert "The last bar is still open." in text(page)
    assert {"Price", "Volume", "Open interest", "RSI", "CVD", "z of OI change"} <= series(page)
    assert "bollinger_upper" in chart(page).lines
    assert values(page, "oi_usd")[-1] == pytest.approx(6e9)
    # Of the bar under way nobody heard the beginning: it is no candle.
    assert np.isnan(values(page, "open")[-1])
    assert values(page, "close")[-2] == pytest.approx(101)
    shorts, longs = panes(page)["Liquidations"]["series"]
    assert (shorts["title"], shorts["negated"]) == ("Shorts liquidated", False)
    assert (longs["title"], longs["negated"]) == ("Longs liquidated", True)


@pytest.fixture
def under_way(record):
    """Bars up to 12:40, and two snapshots of the five minutes that are not over."""
    flows = {"taker_buy_usd": 2e6, "taker_sell_usd": 1e6}
    for seconds, price in ((10, 105.0), (150, 95.0)):
        at = record.noon.replace(minute=40) + timedelta(seconds=seconds)
        record.snapshot(BTC, at=at, **{**NOW, **flows, "price": price, "oi_usd": price * 1e8})
    wave(record)


@pytest.mark.parametrize(
    ("asked", "candle", "traded"),
    [
        ("12:44", (105, 105, 95, 95), 6),
        ("12:41", (105, 105, 105, 105), 3),
    ],
)
def test_the_last_bar_is_the_one_under_way(market, record, under_way, asked, candle, traded):
    """What was heard of it up to the time that is shown, and no more."""
    page = market(venue="binance", symbol=BTC, panes="all", at=f"2025-10-22T{asked}Z")

    price = [values(page, name)[-1] for name in ("open", "high", "low", "close")]
    assert price == pytest.approx(candle)
    assert values(page, "traded_usd")[-1] == pytest.approx(traded * 1e6)
    assert values(page, "oi_usd")[-1] == pytest.approx(candle[3] * 1e8)
    assert f"at {asked} UTC" in titles(page)
    assert "The last bar is still open." in text(page)
    for name in ("bollinger_upper", "rsi_14", "z_oi"):
        assert np.isnan(values(page, name)[-1])
        assert np.isfinite(values(page, name)[-2])


def test_without_word_of_the_bar_under_way_the_chart_ends_before_it(market, record, under_way):
    """At 12:40:05 nothing was heard of it yet."""
    page = market(venue="binance", symbol=BTC, at="2025-10-22T12:40:05Z")

    assert "at 12:40 UTC" in titles(page)
    assert "Chart up to the last bar, 12:40 UTC; the figures above are newer." in text(page)


def test_a_hole_in_the_record_is_a_hole_in_the_line(market, record):
    """No line runs across it, and a sentence counts it."""
    wave(record, count=10)
    wave(record, count=10, ended=record.noon.replace(minute=40) - timedelta(minutes=65))

    page = market()

    hole = [False] * 10 + [True] * 3 + [False] * 10
    assert np.isnan(values(page, "oi_usd")).tolist() == hole
    assert np.isnan(values(page, "close")).tolist() == hole
    assert "3 of 23 bars are missing" in text(page)


def test_without_a_word_in_the_address_it_is_the_largest_pair(market, record):
    """Whoever opens the page sees a market."""
    record.snapshot(ETH, **{**NOW, "oi_usd": 9e9})
    record.snapshot(BTC, **NOW)
    wave(record, ETH)

    page = market()

    assert page.selectbox(key="market_pair").value == "ETH/USDT · Binance"
    assert "ETH/USDT on Binance" in titles(page)


def test_another_asset_goes_to_the_address(market, record):
    """A link shows what was chosen."""
    record.snapshot(ETH, **NOW)
    record.snapshot(BTC, **NOW)
    wave(record, ETH)
    wave(record)
    page = market(venue="binance", symbol=BTC)

    page.selectbox(key="market_pair").select("ETH/USDT · Binance").run()

    assert not page.exception
    assert page.query_params["symbol"] == ETH
    assert "ETH/USDT on Binance" in titles(page)


def test_the_way_over_another_page_keeps_the_pair(market, record):
    """The navigation leaves nothing of it in the address."""
    record.snapshot(ETH, **{**NOW, "oi_usd": 1.0})
    record.snapshot(BTC, **NOW)
    wave(record, ETH)
    wave(record)
    page = market(venue="binance", symbol=ETH)

    for name in ("venue", "symbol"):
        del page.query_params[name]
    page.run()

    assert not page.exception
    assert "ETH/USDT on Binance" in titles(page)
    assert page.query_params["symbol"] == ETH


def test_a_base_is_its_venues_together(market, record):
    """Sums, and whose price it is, are said."""
    for venue, oi_usd in (("binance", 6e9), ("okx", 2e9)):
        record.snapshot(BTC, venue=venue, **{**NOW, "oi_usd": oi_usd})
        wave(record, venue=venue, oi_usd=oi_usd)

    page = market(base="BTC", panes="price.oi.other-venues")

    assert cards(page)["Open interest"] == "$8.00B"
    assert values(page, "oi_usd")[-1] == pytest.approx(8e9)
    assert {"Binance", "OKX"} <= series(page)
    assert "BTC/USDT on Binance, the largest by open interest" in text(page)
    assert "sums over 2 pairs on Binance and OKX" in text(page)


def test_an_asset_says_of_how_many_pairs_its_figures_are(market, record):
    """A venue of the universe is silent; one that is heard does not know its ratio."""
    for venue, changed in (("binance", {}), ("bybit", {"ls_accounts": None})):
        record.snapshot(BTC, venue=venue, **{**NOW, **changed})
        record.instrument(BTC, venue=venue)
    record.instrument(BTC, venue="okx")

    page = market(base="BTC")
    beside = {card.label: card.delta for card in page.metric}

    assert cards(page)["Open interest"] == "$12.00B"
    assert beside["Open interest"] == "2 of 3 pairs"
    assert beside["Volume 24 h"] == "2 of 3 pairs"
    assert beside["Long/short"] == "1 of 3 pairs"


def test_all_venues_can_be_chosen(market, record):
    """From one pair to its base."""
    record.snapshot(BTC, **NOW)
    wave(record)
    page = market(venue="binance", symbol=BTC)

    page.selectbox(key="market_pair").select("BTC · all venues").run()

    assert not page.exception
    assert page.query_params["base"] == "BTC"
    assert "symbol" not in page.query_params


def test_panes_that_are_off_are_not_drawn(market, record):
    """The price stays."""
    wave(record)

    page = market(panes=["RSI"])

    assert {"Price", "RSI"} == series(page)
    assert panes(page)["RSI"]["levels"] == [30, 70]


def test_the_threshold_is_drawn_where_the_z_score_is(market, record):
    """It is this user's own."""
    wave(record, count=80)

    page = market(panes="price.oi-z-score", z="1.5")

    assert panes(page)["OI z-score"]["levels"] == [1.5, -1.5]


def test_signals_are_marked_in_the_lane_of_their_tier(market, record):
    """Open interest that leaps is tier 1, at the bar that leapt."""
    wave(record, count=60)
    record.bars[0]["oi_usd"] = 9e9

    page = market(panes=["Signals"])
    (mark,) = chart(page).parts["marks"]

    assert (mark["lane"], mark["bar"]) == (1, 59)
    assert chart(page).first + 59 * 300 == record.noon.replace(minute=35).timestamp()
    assert mark["text"].startswith("■ BTC Binance: OI +")
    assert "at your thresholds: 1 ■ (unusual change of OI" in text(page)


@pytest.mark.parametrize(("timeframe", "step_s"), [("5m", 300), ("1h", 3600)])
def test_a_past_flush_is_marked_at_the_bar_that_ended_its_hour(market, record, timeframe, step_s):
    """As the newest one was shown then; the day report has it, too."""
    ended = record.noon - timedelta(minutes=24)
    for back in range(22 * 12 + 4):
        # An hour of 19,200 USD that was over 20 minutes before the last bar was.
        usd = 1600 if 4 <= back < 16 else 100 * (1 + (back - 4) // 12 % 3)
        sides = {"liq_long_usd": usd, "liq_short_usd": 0.0}
        record.bar(BTC, ended=ended - timedelta(minutes=5 * back), **{**KNOWN, **sides})

    page = market(panes=["Signals"], timeframe=timeframe)

    first_s, over_s = chart(page).first, (ended - timedelta(minutes=20)).timestamp()
    ends = {
        first_s + step_s * (mark["bar"] + 1): mark
        for mark in chart(page).parts["marks"]
        if mark["text"].startswith("■■ BTC Binance: Liquidations")
    }
    assert len(ends) == len(chart(page).parts["marks"])
    assert ends[over_s]["lane"] == 2
    assert timeframe == "1h" or "Liquidations $19.20K in 1 h" in ends[over_s]["text"]
    of_day = bars.past_signals(shown_moment.moment(None), Thresholds(), bars=288)
    (found,) = [one for one in of_day if one.values.get("liquidated_usd") == pytest.approx(19_200)]
    assert (found.tier, found.now.timestamp()) == (7, over_s)
    assert [one.now for one in of_day] == sorted(one.now for one in of_day)


def test_a_time_too_long_for_its_bars_is_drawn_in_longer_ones(market, record):
    """And says so."""
    wave(record)

    page = market(span="30 d")

    assert "Shown in 15m bars: 30 d in 5m bars would be 8,640 bars." in text(page)
    said = chart(page).parts["titles"]["Price"]
    assert (said["bars"], said["forced"]) == ("15m bars", True)


def test_a_time_too_short_for_its_bars_is_drawn_in_shorter_ones(market, record):
    """One candle is no course."""
    wave(record)

    page = market(timeframe="1d")

    assert "Shown in 1h bars: 24 h in 1d bars would be 1 bar." in text(page)


def offers(*columns):
    told = [{"column": name, "source": "s", "unit": "u", "remark": ""} for name in columns]
    return json.dumps({"binance": {"title": "Binance USD-M", "offers": told, "limits": []}})


def test_an_empty_pane_says_why(market, record):
    """What the venue offers decides between what cannot be had and what is not there."""
    names = ("taker_buy_usd", "taker_sell_usd", "ls_top_accounts", "ls_top_positions", "index")
    wave(record, **dict.fromkeys((*names, "liq_long_usd", "liq_short_usd", "book_imbalance")))
    record.publish(venues=offers("price", "oi_raw", "book_imbalance"))

    panes = ("taker-imbalance", "top-traders", "basis", "liquidations", "book-imbalance")
    page = market(publish=False, panes=".".join(panes))

    said = text(page)
    assert "Taker imbalance: no trades streamed from Binance USD-M." in said
    assert "Liquidations: no liquidations streamed from Binance USD-M." in said
    assert "Top traders: no top-trader ratios from Binance USD-M." in said
    assert "Basis: no index price from Binance USD-M." in said
    assert "Book imbalance: no order books in this period." in said
    assert series(page) == {"Price"}


def test_too_few_bars_for_an_indicator_are_counted(market, record):
    """The z-score looks back on 20 changes."""
    wave(record, count=5)

    said = text(market(panes="all"))

    assert "OI z-score: needs 22 bars, 5 available." in said
    assert "RSI: needs 15 bars, 5 available." in said


def test_one_bar_alone(market, record):
    """The first five minutes of a record."""
    wave(record, count=1)

    page = market(panes="all")

    assert len(values(page, "close")) == 1
    assert "OI change: needs 2 bars, 1 available." in text(page)


@pytest.mark.parametrize("symbol", [BTC, CHINESE])
def test_no_metric_at_all(market, record, symbol):
    """Bars in which nothing is known are no chart, but sentences."""
    wave(record, symbol, count=30, **dict.fromkeys([*KNOWN, "high", "close"]))

    page = market(venue="binance", symbol=symbol)

    assert "market_chart_sent" not in page.session_state
    assert "OI: no open interest in this period." in text(page)
    assert "Price: no prices in this period." in text(page)


def test_a_name_in_any_script(market, record):
    """It is drawn, chosen and linked like all others."""
    record.snapshot(CHINESE, **NOW)
    wave(record, CHINESE)

    page = market(venue="binance", symbol=CHINESE)

    assert "币安人生/USDT on Binance" in titles(page)
    assert page.selectbox(key="market_pair").value == "币安人生/USDT · Binance"


def test_a_delisted_pair_has_its_past(market, record):
    """Nothing of the last day, and a chart of the month."""
    record.instrument(ETH, in_universe=False)
    record.snapshot(BTC, **NOW)
    wave(record, ETH, ended=record.noon - timedelta(days=9))

    page = market(venue="binance", symbol=ETH)
    assert "No data for ETH/USDT on Binance in the 24 h before" in text(page)
    assert not page.metric

    page.segmented_control(key="span").set_value("30 d").run()
    assert not page.exception
    assert "Price" in series(page)
    assert "No recent data for ETH/USDT on Binance." in text(page)


@pytest.mark.parametrize(
    "address",
    [
        {"venue": "binance", "symbol": "NONE/USDT:USDT"},
        {"venue": "mars", "symbol": BTC},
        {"base": "<b>NONE</b>"},
    ],
)
def test_what_nobody_knows_is_said(market, record, address):
    """With the way on: the choice above."""
    record.snapshot(BTC, **NOW)

    page = market(**address)

    name, value = list(address.items())[-1]
    assert "No data for" in text(page)
    assert f"{name}={value}" in text(page)
    assert page.selectbox(key="market_pair").value is None


def test_an_empty_lake_says_the_way_forward(market, record):
    """No record, no page, no traceback."""
    page = market()

    assert "perpscope up" in page.info[0].value


def test_old_figures_say_how_old_they_are(market, record):
    """Two cycles are a minute; open interest is three minutes old."""
    at = record.noon - timedelta(minutes=3)
    record.snapshot(BTC, at=at, oi_usd=6e9)
    record.snapshot(BTC, **{**NOW, "oi_usd": None})
    wave(record)

    assert "Older than two cycles: open interest 3 min." in text(market())


def sent(page):
    """Return what the last run sent to the chart."""
    return json.loads(
        next(
            one.proto.json
            for one in page.get("bidi_component")
            if one.proto.component_name == "perpscope_chart"
        )
    )


def test_a_refresh_sends_what_is_new(market, record):
    """All of it at first, then next to nothing; and all where another pair is chosen."""
    record.snapshot(BTC, **NOW)
    wave(record)
    wave(record, ETH, ended=record.noon - timedelta(hours=3))
    page = market(venue="binance", symbol=BTC)
    first = sent(page)

    page.run()
    again = sent(page)

    assert (first["after"], again["after"]) == (None, first["number"])
    assert first["lines"].keys() == chart(page).lines.keys()
    assert (again["lines"], again["parts"]) == ({}, {})


def test_the_code_of_the_chart_is_not_sent_with_its_figures(market, record):
    """A component's own code goes with every update."""
    wave(record)

    page = market()

    codes = {one.proto.component_name: one.proto for one in page.get("bidi_component")}
    assert "TradingView Lightweight Charts" in codes["perpscope_chart_code"].js_content
    assert codes["perpscope_chart_code"].WhichOneof("data") is None
    assert len(codes["perpscope_chart"].js_content + codes["perpscope_chart"].css_content) < 5000


def test_the_dialog_shows_the_pair(app, record):
    """Figures, chart, and the way to its page."""
    record.snapshot(BTC, **NOW)
    wave(record)
    record.publish()
    app.session_state["opened_pair"] = ("binance", BTC)

    app.run()

    assert not app.exception
    assert app.session_state["pair_chart_sent"][1].parts["chart"]["fills"] is False
    assert "Open in Market" in [link.proto.label for link in app.get("page_link")]


def test_the_dialog_of_an_unknown_pair_says_so(app, record):
    """A row may be gone by the time that it is clicked."""
    record.snapshot(BTC, **NOW)
    record.publish()
    app.session_state["opened_pair"] = ("binance", "NONE/USDT:USDT")

    app.run()

    assert not app.exception
    assert "No data for this pair" in text(app)
