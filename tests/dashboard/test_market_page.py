"""Market's page about its chart: what is shown, the way to the neighbours, and panes by name."""

from __future__ import annotations

from functools import partial

import pandas as pd
import pytest

from analytics.market.pair_figures import PairFigures, Stated
from dashboard.market import pane_choice
from dashboard.pair_chart import header
from dashboard.pair_chart.instrument_picker import Subject, neighbours
from dashboard.pair_chart.panes import (
    AVERAGES,
    FIRST,
    LABELS,
    PRESETS,
    TRADES,
    VENUES,
    address,
    from_address,
)
from tests.dashboard.test_market import BTC, ETH, NOW, panes, series, wave


@pytest.fixture
def market(opened):
    """Opens the page on what was recorded, at an address."""
    return partial(opened, "app_pages/market.py")


def switched(page):
    """Return what the switch of presets and the buttons of panes say."""
    (preset,) = (one for one in page.segmented_control if one.key == "pane_preset")
    (own,) = (one for one in page.pills if one.key == "panes_on")
    return preset.value, own.value


@pytest.mark.parametrize("labels", [*PRESETS.values(), ("OI",), ("Funding",), LABELS, ()])
def test_a_choice_of_panes_is_the_same_after_the_way_through_the_address(labels):
    """Whatever is on, and also nothing but the price; a link of them stays short."""
    assert set(from_address(address(labels))) == set(labels)
    assert len(address(labels)) < 300


def test_what_names_no_panes_is_the_first_preset():
    assert from_address("nonsense.more") == from_address("") == FIRST
    assert from_address("POSITIONING") == FIRST


def test_all_panes_are_all_but_what_is_drawn_over_the_price():
    assert set(LABELS) - set(PRESETS["All"]) == {*AVERAGES, VENUES, *TRADES}
    assert all(set(labels) <= set(LABELS) for labels in PRESETS.values())


def test_a_preset_and_then_a_choice_of_ones_own_go_to_the_address(market, record):
    """The one by its name, the other by names of panes; the first of all is no word."""
    wave(record)
    page = market()
    assert switched(page) == ("Positioning", list(FIRST))
    assert "panes" not in page.query_params

    page.segmented_control(key="pane_preset").set_value("Flow").run()
    assert page.query_params["panes"] == "flow"
    assert "CVD" in panes(page)

    page.pills(key="panes_on").set_value(["RSI", "EMA 20, 50"]).run()
    assert not page.exception
    assert page.query_params["panes"] == "price.ema-20-50.rsi"
    assert switched(page)[0] is None
    assert {"Price", "RSI", "EMA 20", "EMA 50"} == series(page)

    del page.query_params["panes"]
    page.run()
    assert page.query_params["panes"] == "price.ema-20-50.rsi"


def test_the_browser_is_asked_for_its_panes_where_no_link_and_no_hand_says_others(
    market, record, monkeypatch
):
    """What is chosen here is kept there; what is opened by a link is not."""
    wave(record)
    asked = []
    monkeypatch.setattr(pane_choice, "in_browser", lambda panes, **how: asked.append((panes, how)))

    def told(page):
        panes, how = asked[-1]
        return panes, how["chosen"], how["restored"]

    page = market()
    assert told(page) == ("positioning", False, False)
    page.query_params["panes"] = "flow"
    assert told(page.run()) == ("flow", False, True)
    page.segmented_control(key="pane_preset").set_value("Funding").run()
    assert told(page) == ("funding", True, True)


@pytest.mark.parametrize(
    ("venue", "symbol", "before", "after"),
    [
        ("binance", BTC, "SOL", "ETH"),
        ("binance", ETH, "BTC", "SOL"),
        ("okx", BTC, "ETH", "ETH"),
        ("bybit", BTC, None, None),
    ],
)
def test_neighbours_of_a_pair_are_on_its_venue_by_open_interest(venue, symbol, before, after):
    """At the ends they go round; a venue with one pair has none; what has no data is passed."""
    listed = [
        *(("binance", "BTC"), ("okx", "BTC"), ("binance", "ETH")),
        *(("bybit", "BTC"), ("binance", "SOL"), ("okx", "ETH")),
    ]
    names = pd.DataFrame(listed, columns=["venue", "base"])
    names["symbol"] = names["base"] + "/USDT:USDT"
    names["has_data"] = True
    gone = pd.DataFrame([("okx", "GONE", "GONE/USDT:USDT")], columns=["venue", "base", "symbol"])
    names = pd.concat([names, gone.assign(has_data=False)])

    found = neighbours(names, Subject(symbol.partition("/")[0], (venue, symbol)))

    assert [one and one.base for one in found] == [before, after]
    assert all(one is None or (one.pair and one.pair[0] == venue) for one in found)
    of_assets = neighbours(names, Subject("ETH", None))
    assert of_assets == (Subject("BTC", None), Subject("SOL", None))


def test_a_button_leads_to_the_next_pair(market, record):
    """It says where to, and which key presses it."""
    record.snapshot(BTC, **NOW)
    record.snapshot(ETH, **{**NOW, "oi_usd": 1.0})
    wave(record)
    wave(record, ETH)
    page = market()
    assert page.header[0].value == "BTC/USDT · Binance"

    button = page.button(key="next_pair")
    assert button.help == "ETH/USDT · Binance, by open interest. Key ]"
    button.click().run()

    assert not page.exception
    assert page.header[0].value == "ETH/USDT · Binance"
    assert page.query_params["symbol"] == ETH


@pytest.mark.parametrize(
    ("price", "change", "title"),
    [
        (90_174.3, 0.21, "BTC 90,174.30 +0.21 % · perpscope"),
        (0.00000471, None, "BTC 0.0₅471 · perpscope"),
        (None, None, "BTC/USDT · OKX · perpscope"),
    ],
)
def test_the_tab_says_the_price(monkeypatch, price, change, title):
    said = []
    monkeypatch.setattr(header.st, "set_page_config", lambda page_title: said.append(page_title))
    nothing = Stated(None, None, 0)
    figures = PairFigures(
        price=Stated(price, None, 1),
        price_24h_pct=change,
        price_delta_pct=None,
        price_delta_s=None,
        oi_usd=nothing,
        oi_change=None,
        funding_8h_pct=nothing,
        funding_apr_pct=None,
        next_funding_ts=None,
        ls_accounts=nothing,
        volume_24h_usd=nothing,
        instruments=1,
    )

    header.tab_title(Subject("BTC", ("okx", BTC)), figures)

    assert said == [title]


def test_funding_over_a_year_is_no_change(market, record):
    """Grey and without an arrow; a change of open interest has both."""
    record.snapshot(BTC, **{**NOW, "funding_rate": -0.0001})
    wave(record)

    page = market()

    (apr,) = (card for card in page.metric if card.label == "Funding 8 h")
    assert (apr.value, apr.delta) == ("-0.0100 %", "APR -10.95 %")
    assert (apr.proto.color, apr.proto.direction) == (apr.proto.GRAY, apr.proto.NONE)


def test_bars_that_were_not_chosen_and_a_record_that_is_short_are_said_on_top(market, record):
    wave(record)

    page = market(span="1 y")
    said = [one.value for one in page.markdown]
    assert any("4h bars" in line for line in said)
    assert "from 22 Oct 04:00" in [one.value for one in page.caption]

    page.segmented_control(key="span").set_value("24 h").run()
    assert not any("bars" in one.value for one in page.markdown)
