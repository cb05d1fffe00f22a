"""Alerts as a person meets them: toasts on any page, the bell, the table, a press on a row."""

from __future__ import annotations

import json
import re
import time

import pytest

from tests.browser.conftest import COMPLETE
from tests.waiting import until

pytestmark = pytest.mark.browser

TOASTS = "#perpscope-news a"


@pytest.fixture
def returned(someone):
    """Somebody whose browser last looked three hours ago."""
    context = someone()
    seen = int(1000 * (time.time() - 3 * 3600))
    context.add_init_script(
        f"""if (location.protocol === "http:" && self === top)
            localStorage["perpscope-alerts-seen"] ??= "{seen}" """
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
    again = visit(f"{made}/exchanges", by=returned)
    again.get_by_role("link", name="9", exact=True).click()
    again.get_by_role("heading", name="Firing now").wait_for()
    assert again.locator(TOASTS).count() == 0
    page.get_by_role("button", name="Close").first.click()
    assert toasts.count() == 1
    toasts.first.click()
    page.wait_for_function(COMPLETE)
    page.get_by_role("heading", name="SOL/USDT · OKX").wait_for()
    assert re.search(r"[?&]at=\d{4}-\d\d-\d\dT", page.url)
    assert page.locator(TOASTS).count() == 0

    new = visit(f"{made}/health")
    new.get_by_role("link", name="9", exact=True).wait_for()
    assert new.locator(TOASTS).count() == 0
    assert json.loads(new.evaluate('localStorage["perpscope-alerts-seen"] ?? "0"')) > 0


def press(page, x, y):
    """Press as a hand does, which is down for a while."""
    page.mouse.move(x, y)
    page.mouse.down()
    page.wait_for_timeout(80)
    page.mouse.up()


def test_a_press_on_the_subject_opens_its_pair_and_elsewhere_the_alert(visit, made):
    """Without a collector nothing can be done about it, and the dialog says so."""
    page = visit(f"{made}/alerts")
    table = page.locator(".st-key-alerts_firing [data-testid=stDataFrame]")
    table.locator("canvas").first.wait_for()
    table.locator("tbody tr").nth(8).wait_for(state="attached")
    box = table.bounding_box()
    press(page, box["x"] + 440, box["y"] + 45)
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Flush, ").wait_for()
    dialog.get_by_text("z of OI change +3.10 (> 2.5)").wait_for(state="attached")
    dialog.get_by_text("No collector is running: nothing can be changed.").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    press(page, box["x"] + 200, box["y"] + 45)
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
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    press(page, box["x"] + 140, box["y"] + 45)
    dialog = page.get_by_role("dialog")
    dialog.get_by_text(re.compile(r"/USDT on \w+, \d{4}-\d\d-\d\d \d\d:\d\d UTC")).wait_for()
    assert "at=" not in page.url
