"""Monitor: trades opened, followed and closed on the page, through a real collector's socket."""

from __future__ import annotations

import json
from datetime import UTC, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from analytics.exports.csv import csv_bytes
from analytics.lake.records import Trade
from analytics.lake.writer import Lake
from tests.dashboard.conftest import MAIN
from tests.dashboard.test_alerts import episode
from tests.waiting import HANG_S

BTC = "BTC/USDT:USDT"
TOKEN = "sixteen letters!"


@pytest.fixture
def market(record):
    """BTC at 110 after an hour of bars, with funding of 0.01 % an hour paid at noon."""
    for n in range(12):
        ended = record.noon.replace(minute=0) + timedelta(minutes=5 * (n - 3))
        prices = {"open": 104.0, "high": 106.0, "low": 97.0 if n == 6 else 103.0, "close": 105.0}
        rates = {"funding_rate": 0.0001, "funding_interval_h": 1.0, "ls_accounts": 1.5 + n / 100}
        record.bar(BTC, ended=ended, mark=105.0, oi_usd=5e9 + n * 1e7, **prices, **rates)
    record.snapshot(
        BTC,
        price=110.0,
        oi_usd=6e9,
        funding_rate=-0.0002,
        funding_interval_h=1.0,
        next_funding_ts=record.noon + timedelta(minutes=16),
    )
    record.instrument(BTC)
    record.cycle()
    return record


def trade(record, **changed):
    opened = record.noon.replace(hour=11, minute=50)
    fields = {
        **{"id": "mine", "change_id": "mine", "change": "open", "ts": opened, "side": "long"},
        **{"venue": "binance", "symbol": BTC, "base": "BTC", "opened_ts": opened},
        **{"entry_price": 100.0, "size_base": 2.0, "leverage": 10.0, "stop_price": 95.0},
        **{"maintenance_margin_pct": 0.5, "target_price": 108.0, "note": "breakout", **changed},
    }
    record.rows.append(Trade(**fields))


def metrics(page):
    return {one.label: (one.value, one.delta) for one in page.metric}


def said(page):
    texts = [one.value for kind in (page.markdown, page.caption, page.error) for one in kind]
    return "\n".join(texts).replace("\\", "")


def test_an_open_trade_is_followed_as_of_any_time(opened, market):
    trade(market)

    page = opened("app_pages/monitor.py")

    found = metrics(page)
    assert found["PnL"] == ("+$20.00", "+100.00 %")
    assert found["Price"] == ("110.000", "+10.00 %")
    assert found["Stop price"] == ("95.0000", "-13.64 %")
    assert found["Liquidation price"][0] == "90.4523"
    assert found["Funding paid"] == ("+$0.02", "1 payment")
    assert found["Next funding payment"][0] == "-$0.04"
    assert "**BTC/USDT · Binance** long 10×" in said(page)
    assert "MAE -3.00 %, MFE +10.00 %" in said(page)
    assert "The price is at or beyond the target." in said(page)
    assert "Long/short 1.51 → 1.61" in said(page)
    assert "by a loopback address (PERPSCOPE_EDIT_RULES=loopback)" in said(page)

    page.session_state["at"] = "2025-10-22T11:45:00Z"
    page.run()
    assert not page.exception
    assert "No trade was open then." in said(page)
    assert "This page shows a past time." in said(page)


def test_a_trade_is_added_edited_and_closed_and_a_second_browser_sees_it(opened, market, collector):
    """What is wrong is said in a sentence; the journal and its file have the closed one."""
    page = opened("app_pages/monitor.py")
    page.text_input(key="edit_token").set_value(TOKEN).run()
    assert "No collector is running: nothing can be changed." in said(page)
    with collector():
        page.run()
        page.number_input(key="new_binance_BTC/USDT:USDT_size").set_value(2.0)
        page.number_input(key="new_binance_BTC/USDT:USDT_stop").set_value(120.0)
        press(page, "Add trade")
        assert "the stop of a long is below its entry: 120 is not below 110" in said(page)
        page.number_input(key="new_binance_BTC/USDT:USDT_stop").set_value(100.0)
        press(page, "Add trade")
        assert metrics(page)["Stop price"][0] == "100.000"

        other = AppTest.from_file(str(MAIN), default_timeout=HANG_S)
        other.switch_page("app_pages/monitor.py").run()
        assert not other.exception
        assert metrics(other)["Stop price"][0] == "100.000"

        (number,) = {one.key.split("_")[1] for one in page.button if one.label == "Save"}
        page.number_input(key=f"edit_{number}_target").set_value(130.0)
        press(page, "Save")
        assert metrics(page)["Target price"][0] == "130.000"
        page.number_input(key=f"exit_{number}").set_value(115.0)
        press(page, "Close trade")
        assert "No open trades." in said(page)
        (journal,) = (one.value for one in page.dataframe if "exit_price" in one.value)
        assert journal[["exit_price", "pnl_usd"]].to_numpy().tolist() == [[115.0, 10.0]]

        past = market.noon.replace(hour=11, minute=52, tzinfo=None)
        page.session_state["trade_opened"] = past
        page.run()
        key = f"new_binance_BTC/USDT:USDT_{past:%Y%m%d%H%M}"
        assert page.number_input(key=f"{key}_entry").value == 105.0
        page.number_input(key=f"{key}_size").set_value(2.0)
        press(page, "Add trade")
        (number,) = {one.key.split("_")[1] for one in page.button if one.label == "Save"}
        page.number_input(key=f"exit_{number}").set_value(100.0)
        press(page, "Close trade")
        (journal,) = (one.value for one in page.dataframe if "exit_price" in one.value)
        (row,) = journal[journal["exit_price"] == 100].to_dict("records")
        assert row["opened_ts"].to_pydatetime() == past.replace(tzinfo=UTC)
        assert (row["mae_pct"], row["mfe_pct"]) == pytest.approx((-800 / 105, 100 / 105))
        assert row["funding_paid_usd"] == pytest.approx(0.021)

        from dashboard.loaders import shown_moment, trades
        from dashboard.monitor.journal import tables

        found = trades.monitored(shown_moment.moment())
        text = csv_bytes(tables([], found, shown_moment.moment())["Journal"]()).decode()
        assert "PnL [USD]" in text
        assert ",110.0,115.0,10.0,22.727273," in text


def press(page, label):
    (button,) = (one for one in page.button if one.label == label)
    button.click().run()
    assert not page.exception


def test_the_watch_list_is_what_the_address_names(opened, market):
    market.snapshot("ETH/USDT:USDT", price=10.0, oi_usd=1e9)

    page = opened("app_pages/monitor.py")
    assert "No assets are watched." in said(page)

    page.session_state["assets"] = ["ETH"]
    page.run()
    assert not page.exception
    (rows,) = (one.value for one in page.dataframe if "signals" in one.value)
    assert rows[["base", "price"]].to_numpy().tolist() == [["ETH", 10.0]]


def told(page):
    """What the browser is told on this page, by line."""
    (news,) = (
        json.loads(one.proto.json)
        for one in page.get("bidi_component")
        if one.proto.component_name == "perpscope_news"
    )
    return [line["text"] for line in (*news["lines"], *news["own"])]


def test_every_page_tells_of_a_trade_its_levels_funding_flips_and_alerts(opened, market):
    """A target that is crossed is told once, however often the page refreshes."""
    trade(market)
    episode(market, "BTC", severity="info", ago=5, waits=1)
    episode(market, "ETH", severity="info", ago=5, waits=1, alert_group="eth")

    page = opened("app_pages/health.py")
    crossed = "BTC/USDT Binance long: target 108.000 is crossed"
    assert told(page) == ["■ BTC Binance: BTC: crowd long · 12:40 UTC", crossed]
    page.run()
    assert crossed not in told(page)

    with Lake(market.folder) as lake:
        for minute, price, rate in ((1, 95.0, 0.0001), (2, 100.0, 0.0002)):
            at = market.noon + timedelta(minutes=minute)
            values = {"price": price, "oi_usd": 6e9, "funding_rate": rate}
            market.snapshot(BTC, at=at, funding_interval_h=1.0, **values)
            market.cycle(at=at)
            lake.append_records(market.rows[-2:])
            lake.publish()
            page.run()
            assert not page.exception
            lines = told(page)
            if minute == 1:
                assert "BTC/USDT Binance long: stop 95.0000 is crossed" in lines
                assert "BTC/USDT Binance long: funding flipped, it now pays" in lines
    assert not [line for line in lines if line.startswith("BTC/USDT")]
