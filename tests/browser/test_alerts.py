"""Alerts as a person meets them: toasts on any page, the bell, the table, a press on a row."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from analytics.lake.records import Snapshot, Trade
from analytics.lake.writer import Lake
from tests.browser.conftest import COMPLETE, alert, cycle, go
from tests.waiting import until

pytestmark = pytest.mark.browser

TOASTS = "#perpscope-news a"


@pytest.fixture
def returned(someone):
    """Somebody whose browser last looked three hours ago, and whose toasts stay until closed.

    A busy machine may take longer to look than the 15 s that one stays which is not critical.
    """
    context = someone()
    seen = int(1000 * (time.time() - 3 * 3600))
    context.add_init_script(
        f"""if (location.protocol === "http:" && self === top)
            localStorage["perpscope-alerts-seen"] ??= "{seen}"
        const soon = window.setTimeout
        window.setTimeout = (act, ms, ...rest) => ms === 15000 || soon(act, ms, ...rest)"""
    )
    return context


def test_a_browser_is_told_once_and_a_press_opens_the_pair_then(visit, someone, made, returned):
    """One line for a crash; neither a reload nor another tab says it again."""
    page = visit(f"{made}/health", by=returned)
    toasts = page.locator(TOASTS)
    toasts.first.wait_for()
    assert [re.sub(r" · .*", "", text) for text in toasts.all_inner_texts()] == [
        "■■■ crash: 8 pairs, BTC Binance, DOGE Binance and 6 more",
        "■■ SOL OKX: SOL: OI +3.1 σ in 5m",
    ]
    page.get_by_role("button", name="Close").first.click()
    assert toasts.count() == 1
    toasts.first.click()
    page.wait_for_function(COMPLETE)
    page.get_by_role("heading", name="SOL/USDT · OKX").wait_for()
    assert re.search(r"[?&]at=\d{4}-\d\d-\d\dT", page.url)
    assert page.locator(TOASTS).count() == 0
    again = visit(f"{made}/exchanges", by=returned)
    again.get_by_role("link", name="9", exact=True).click()
    again.get_by_role("heading", name="Firing now").wait_for()
    assert again.locator(TOASTS).count() == 0

    new = visit(f"{made}/health")
    new.get_by_role("link", name="9", exact=True).wait_for()
    assert new.locator(TOASTS).count() == 0
    assert json.loads(new.evaluate('localStorage["perpscope-alerts-seen"] ?? "0"')) > 0


def test_a_browser_is_told_of_a_monitored_trade_on_every_page(growing, visit):
    """Its stop, a funding flip, and an alert of its pair too slight to be told otherwise."""
    address, folder = growing
    key = {"venue": "binance", "symbol": "BTC/USDT:USDT", "base": "BTC"}
    began = datetime.now(UTC)
    ids = {"id": "mine", "change_id": "mine", "change": "open", "ts": began, "opened_ts": began}
    sizes = {"size_base": 0.5, "leverage": 10.0, "maintenance_margin_pct": 0.5}
    prices = {"entry_price": 98_000.0, "stop_price": 95_000.0, "target_price": 110_000.0}
    record(folder, began, Trade(**ids, **key, **sizes, **prices, side="long"))
    page = visit(f"{address}/monitor")
    page.get_by_text("BTC/USDT").first.wait_for()
    toasts = page.locator(TOASTS)
    assert toasts.count() == 0

    now = datetime.now(UTC)
    values = {"price": 94_000.0, "oi_usd": 9e9, "oi_base": 9e9 / 94_000}
    rates = {"funding_rate": -0.0001, "funding_interval_h": 8.0}
    fired = now + timedelta(minutes=40)
    slight = [alert(fired, "binance", coin, "Slight", coin, "info") for coin in ("BTC", "ETH")]
    record(folder, now, Snapshot(**key, received_ts=now, **values, **rates), *slight)
    go(page, "Health")
    toasts.nth(2).wait_for()
    assert sorted(re.sub(r" · .*", "", text) for text in toasts.all_inner_texts()) == [
        "BTC/USDT Binance long: funding flipped, it now receives",
        "BTC/USDT Binance long: stop 95,000.00 is crossed",
        "■ BTC Binance: BTC: OI +3.1 σ in 5m",
    ]
    toasts.filter(has_text="stop").click()
    page.wait_for_function(COMPLETE)
    page.get_by_role("heading", name="Open trades").wait_for()
    assert toasts.filter(has_text="BTC/USDT").count() == 0


def record(folder, at, *rows):
    """Add *rows* to a record, as of a cycle that ends *at* that time."""
    with Lake(folder) as lake:
        lake.append_records([*rows, cycle("binance", at)])
        lake.publish()


def press(table, x):
    """Press the first row as a hand does, down for a while, once the table stands still."""
    table.click(position={"x": x, "y": 45}, delay=80)


def test_a_press_on_the_subject_opens_its_pair_and_elsewhere_the_alert(visit, made):
    """Without a collector nothing can be done about it, and the dialog says so."""
    page = visit(f"{made}/alerts")
    table = page.locator(".st-key-alerts_firing [data-testid=stDataFrame]")
    table.locator("canvas").first.wait_for()
    table.locator("tbody tr").nth(8).wait_for(state="attached")
    press(table, 440)
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Flush, ").wait_for()
    dialog.get_by_text("z of OI change +3.10 (> 2.5)").wait_for(state="attached")
    dialog.get_by_text("No collector is running: nothing can be changed.").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    press(table, 200)
    dialog.get_by_text(re.compile(r"/USDT on \w+, \d{4}-\d\d-\d\d \d\d:\d\d UTC")).wait_for()
    assert "at=" not in page.url


def test_a_press_simulates_trades_and_one_on_a_trade_opens_its_pair_then(visit, made):
    """The address has what was simulated, so that a link opens the same."""
    asked = "sim_signal=Expressions&sim_side=long&sim_entry=price+%3E+0&sim_exit=price+%3C+0"
    page = visit(f"{made}/replay?{asked}")
    run = page.locator(".st-key-sim_run button")
    run.scroll_into_view_if_needed()
    run.click(delay=80)
    table = page.locator(".st-key-simulated_trade_table [data-testid=stDataFrame]")
    table.locator("tbody tr").nth(3).wait_for(state="attached")
    until(lambda: "simulate=1" in page.url, "the address")
    press(table, 140)
    dialog = page.get_by_role("dialog")
    dialog.get_by_text(re.compile(r"/USDT on \w+, \d{4}-\d\d-\d\d \d\d:\d\d UTC")).wait_for()
    assert "at=" not in page.url
