"""The frame: what a user chooses is in the link, and is that user's own."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
import streamlit as st

from analytics.signals.thresholds import OwnLevels, Thresholds
from dashboard.frame import rows_switch, user_thresholds
from dashboard.state.view import View, current, exceeded, keep
from tests.waiting import HANG_S

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
WHOLE = {"price": 110.0, "volume_24h_usd": 10e9, "oi_usd": 6e9, "ls_accounts": 2.0}


@pytest.fixture
def market(app, record):
    """The app on a market of two pairs and two venues."""
    for symbol in (BTC, ETH):
        for venue in ("binance", "okx"):
            record.snapshot(symbol, venue=venue, **WHOLE)
    record.publish()
    return app


def kept(app):
    """Return what the browser was told to keep."""
    (data,) = (
        json.loads(element.proto.json)
        for element in app.sidebar
        if getattr(element.proto, "component_name", "") == "perpscope_browser"
    )
    return {
        name: {key: value for key, value in group.items() if key != "in_link"}
        for name, group in data["groups"].items()
    }


def reset(app):
    (button,) = (one for one in app.sidebar.button if one.label == "Reset thresholds")
    button.click().run()


@pytest.mark.parametrize("venue", ["OKX", "okx"])
def test_a_link_brings_the_whole_view(market, venue):
    """Timeframe, venues by name or id, pairs and thresholds."""
    for name, value in {
        **{"timeframe": "4h", "venues": venue, "pairs": "ETH/USDT", "rows": "pairs", "z": "3"}
    }.items():
        market.query_params[name] = value

    market.run()

    assert not market.exception
    assert market.session_state["view"] == View(
        timeframe="4h",
        rows="pairs",
        venues=("okx",),
        pairs=(ETH,),
        thresholds=Thresholds(z_oi=3.0),
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("timeframe", "7m", "timeframe=7m is not available; use 5m, 15m"),
        ("venues", "mtgox", "Unknown venues: mtgox."),
        ("pairs", "LUNA/USDT", "Unknown pairs: LUNA/USDT."),
        ("rows", "coins", "rows=coins is not available; use assets, pairs."),
        ("z", "high", "z=high is not valid; use a number from 0 to 20."),
        ("ls", "nan", "ls=nan is not valid; use a number from 1 to 100."),
        ("levels", "p7", "levels=p7 is not valid; use absolute, p90,"),
        ("z_level", "p7", "z_level=p7 is not valid; use absolute, p90,"),
        ("imbalance", "101", "imbalance=101 is not valid; use a number from 0 to 100."),
    ],
)
def test_what_a_link_says_wrongly_is_a_sentence(market, name, value, said):
    """And the rest of the page is as if it had not been there."""
    market.query_params[name] = value

    market.run()

    assert not market.exception
    assert said in market.sidebar.warning[0].value.replace("\\", "")
    assert market.session_state["view"] == View()


def test_thresholds_are_kept_only_when_they_were_chosen(market):
    """Who opens somebody's link keeps the own ones."""
    market.query_params["z"] = "4"

    market.run()
    assert kept(market)["thresholds"]["chosen"] is False
    assert kept(market)["thresholds"]["values"]["z"] == 4

    market.number_input(key="ls").set_value(2.5).run()
    assert kept(market)["thresholds"] == {
        **{"chosen": True, "shared": False},
        "values": {
            **{"z": 4, "ls": 2.5, "imbalance": 3, "funding": 0.03, "oi_delta": 1, "liq_z": 3},
        },
    }
    assert kept(market)["rows"]["values"] == {"rows": "assets"}
    assert not kept(market)["rows"]["chosen"]


def test_the_standard_thresholds_come_back(market):
    """Also in the browser."""
    market.query_params["z"] = "4"
    market.run()

    reset(market)

    assert market.session_state["view"].thresholds == Thresholds()
    assert kept(market)["thresholds"]["chosen"] is True


def hundred_bars(record):
    """A hundred bars of each pair, of which the ratio was 4 in ten; funding was at rest."""
    for symbol, most in ((BTC, 4.0), (ETH, 8.0)):
        for back in range(100):
            ended = record.noon - timedelta(minutes=44 + 5 * back)
            known = {"funding_rate": 0.0001, "funding_interval_h": 8.0}
            record.bar(symbol, ended=ended, ls_accounts=most if back % 10 == 0 else 1.5, **known)


def test_each_threshold_says_how_much_it_marks(app, record):
    """Of the last week, where somebody opened them; who does not look waits for nothing."""
    hundred_bars(record)
    record.snapshot(BTC, **WHOLE)
    record.publish()

    app.run()
    assert not any("Marks" in one.value for one in app.sidebar.caption)

    app.session_state["thresholds"] = True
    app.run()
    said = [one.value for one in app.sidebar.caption]
    none = "No values in 7 days"
    assert said == [none, "Marks 10.0 % of 7 days", none, "Marks 0.0 % of 7 days", none, none]
    app.number_input(key="ls").set_value(5.0).run()
    assert "Marks 5.0 % of 7 days" in [one.value for one in app.sidebar.caption]


def test_thresholds_can_be_of_each_assets_own_past(app, record):
    """By the link, in the browser, and back to numbers."""
    hundred_bars(record)
    record.snapshot(BTC, **WHOLE)
    record.publish()
    app.query_params["ls_level"] = "p95"

    app.run()

    assert not app.exception
    own = app.session_state["view"].thresholds
    assert (own.of_base("BTC").ls_accounts, own.of_base("ETH").ls_accounts) == (4.0, 8.0)
    assert "Long/short 95th percentile of its own 30 days" in own.words
    assert (own.of_base("BTC").z_oi, own.written("z_oi")) == (2.5, "2.50")
    assert kept(app)["thresholds"]["values"]["ls_level"] == "p95"
    assert [app.number_input(key=key).disabled for key in ("ls", "z")] == [True, False]

    # A link of before has one choice for all.
    app.query_params["levels"] = "p90"
    app.run()
    assert set(app.session_state["view"].thresholds.own.percentiles.values()) == {90.0}
    assert "levels" not in app.query_params

    reset(app)
    assert app.session_state["view"].thresholds == Thresholds()


def test_a_stored_threshold_gives_way_to_the_links(monkeypatch):
    """What cannot be a threshold, as somebody edited it, is passed over."""
    stored = {"z": 9, "ls": 3.5, "imbalance": "much", "funding": -1, "other": 1, "levels": "p7"}
    stored |= {"z_level": "p99", "ls_level": "p95", "funding_level": "much"}
    browser = SimpleNamespace(stored={"thresholds": stored})
    state = {"linked": {"z"}, "z": 4.0, "browser": browser}
    monkeypatch.setattr(st, "session_state", state)

    user_thresholds.restore()

    assert (state["z"], state["ls"]) == (4.0, 3.5)
    assert state["ls_level"] == "p95"
    absent = {"imbalance", "funding", "other", "levels", "z_level", "funding_level"}
    assert not absent & state.keys()


@pytest.mark.parametrize("stored", [None, [], "z", 3])
def test_a_store_that_holds_something_else_is_empty(monkeypatch, stored):
    """Another program may write to the same place."""
    for whole in (stored, {"thresholds": stored, "rows": stored}):
        state = {"linked": set(), "browser": SimpleNamespace(stored=whole)}
        monkeypatch.setattr(st, "session_state", state)

        user_thresholds.restore()
        rows_switch.restore()

        assert state.keys() == {"linked", "browser"}


def test_rows_stay_as_they_were_chosen_over_pages_without_the_switch(market):
    """And the browser keeps them, though the thresholds were not chosen."""
    market.run()
    assert market.session_state["view"].rows == "assets"

    market.segmented_control(key="rows").set_value("pairs").run()
    assert market.session_state["view"].rows == "pairs"
    assert kept(market)["rows"] == {"chosen": True, "shared": False, "values": {"rows": "pairs"}}
    assert kept(market)["thresholds"]["chosen"] is False

    market.switch_page("app_pages/health.py").run()
    assert market.session_state["view"].rows == "pairs"
    market.switch_page("app_pages/overview.py").run()
    assert market.segmented_control(key="rows").value == "pairs"
    assert market.session_state["view"].rows == "pairs"


@pytest.mark.parametrize(
    ("linked", "rows"), [(set(), "pairs"), ({"rows"}, "assets")], ids=["kept", "linked"]
)
def test_stored_rows_give_way_to_the_links(monkeypatch, linked, rows):
    browser = SimpleNamespace(stored={"rows": {"rows": "pairs"}})
    state = {"linked": linked, "rows": "assets", "browser": browser}
    monkeypatch.setattr(st, "session_state", state)

    rows_switch.restore()

    assert state["rows"] == rows


def test_before_anything_is_recorded_thresholds_can_be_chosen(app):
    """There are no venues yet, and that is no fault."""
    app.run()

    assert not app.exception
    assert app.number_input(key="z").value == 2.5
    assert not app.sidebar.pills


def test_a_time_can_be_typed(market):
    """Empty it again, and the page is of now."""
    market.run()

    market.text_input(key="at").set_value("2025-10-22 12:44").run()
    assert "as known at 2025-10-22 12:44 UTC" in market.info[0].value

    market.text_input(key="at").set_value(" ").run()
    assert not market.info


def test_a_dialog_stays_behind_with_its_page(market):
    """The browser's way back leaves it open; it is not open again at the next visit."""
    market.session_state["opened_pair"] = ("binance", BTC)
    market.run()
    assert "opened_pair" in market.session_state

    market.switch_page("app_pages/health.py").run()

    assert "opened_pair" not in market.session_state


def test_two_users_do_not_meet(market, record):
    """What one chose is not the other's."""
    from streamlit.testing.v1 import AppTest

    from tests.dashboard.conftest import MAIN

    other = AppTest.from_file(str(MAIN), default_timeout=HANG_S)
    market.query_params["timeframe"] = "1d"
    market.query_params["z"] = "7"

    market.run()
    other.run()

    assert market.session_state["view"].timeframe == "1d"
    assert other.session_state["view"] == View()


def test_rows_are_of_the_chosen_venues_and_pairs():
    """A frame without symbols is of venues."""
    rows = pd.DataFrame({"venue": ["a", "a", "b"], "symbol": [BTC, ETH, BTC]})

    assert View().of(rows).index.tolist() == [0, 1, 2]
    assert View(venues=("a",)).of(rows).index.tolist() == [0, 1]
    assert View(venues=("a",), pairs=(BTC,)).of(rows).index.tolist() == [0]
    assert View(venues=("b",), pairs=(BTC,)).of(rows[["venue"]]).index.tolist() == [2]


def test_what_is_about_all_is_always_shown():
    """A cluster has no venue, a share no symbol."""
    seen = View(venues=("a",), pairs=(BTC,))

    assert seen.shows(None, None)
    assert seen.shows("a", None)
    assert not seen.shows("b", None)
    assert not seen.shows("a", ETH)


@pytest.mark.parametrize(
    ("name", "values", "unusual"),
    [
        ("z_oi", [2.5, -2.6, 2.6], [False, True, True]),
        ("ls_accounts", [3.0, 3.1, 0.34, 0.33], [False, True, False, True]),
        ("book_imbalance_pct", [3.0, -3.1], [False, True]),
        ("funding_8h_pct", [100 * 0.0003, 0.0301], [False, True]),
        ("oi_delta_pct", [float("nan"), -1.1], [False, True]),
    ],
)
def test_a_threshold_must_be_exceeded(name, values, unusual):
    """On either side; what is absent is not unusual."""
    bases = ["BTC"] * len(values)
    assert exceeded(Thresholds(), name, pd.Series(values), bases).tolist() == unusual


def test_an_asset_may_have_a_threshold_of_its_own():
    """Of a ratio both ways; an asset without a past is never unusual."""
    own = OwnLevels(
        {"ls_accounts": 99.0}, {("ls_accounts", "BTC"): 2.0, ("ls_accounts", "PEPE"): 4.0}
    )
    values, bases = pd.Series([3.0, 0.4, 3.0, 5.0]), ["BTC", "BTC", "PEPE", "NEW"]

    found = exceeded(Thresholds(own=own), "ls_accounts", values, bases)

    assert found.tolist() == [True, True, False, False]


def test_signals_take_the_users_thresholds():
    """And the standard for what a user does not choose."""
    chosen = View(thresholds=Thresholds(z_oi=4.0)).thresholds

    assert (chosen.z_oi, chosen.ls_accounts, chosen.cluster_bars) == (4.0, 3.0, 4)


def test_a_view_is_a_value(monkeypatch):
    """Nobody changes it under a page that is being drawn."""
    monkeypatch.setattr(st, "session_state", {})
    assert current() == View()

    keep(View(timeframe="1h"))

    assert current().timeframe == "1h"
    with pytest.raises(AttributeError):
        current().timeframe = "4h"
