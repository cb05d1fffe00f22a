"""The pages in a real browser, from a real server on a real lake."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from analytics.lake import Lake
from analytics.records import Cycle, Snapshot

CHROMIUM = Path("/usr/bin/chromium")
sync_api = pytest.importorskip(
    "playwright.sync_api", reason="the browser tests need the package playwright"
)
if not CHROMIUM.exists():
    pytest.skip(f"the browser tests need Chromium at {CHROMIUM}", allow_module_level=True)

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COINS = {"BTC": 98_000.0, "ETH": 3_400.0, "SOL": 187.0, "DOGE": 0.22}
BACKGROUND = {"dark": "rgb(11, 14, 20)", "light": "rgb(255, 255, 255)"}
OPEN_INTEREST = """
    [...document.querySelectorAll("[data-testid=stDataFrame] tbody tr")]
        .map((row) => Number(row.children[4].innerText))
"""


def build(folder):
    """Record two venues: two hours of bars, and a cycle that has just ended."""
    now = datetime.now(UTC).replace(microsecond=0)
    mark = now - timedelta(seconds=now.timestamp() % 300)
    known = {"volume_24h_usd": 2e9, "funding_rate": 0.0001, "funding_interval_h": 8.0}
    rows, bars = [], []
    for venue, part in (("binance", 1.0), ("okx", 0.4)):
        for nth, (coin, price) in enumerate(COINS.items(), 1):
            key = {"venue": venue, "symbol": f"{coin}/USDT:USDT", "base": coin}
            stated = {**known, "oi_usd": part * 9e9 / nth**2, "ls_accounts": 1 + part}
            rows.append(
                Snapshot(**key, received_ts=now, price=price, price_24h_ago=price * 0.98, **stated)
            )
            bars += [
                {**key, "ts": mark.replace(tzinfo=None) - timedelta(minutes=5 * back), **stated}
                for back in range(24, 0, -1)
            ]
        rows.append(_cycle(venue, now))
    table = pa.Table.from_pylist([{**bar, "snapshot_count": 10, "origin": "live"} for bar in bars])
    with Lake(folder) as lake:
        lake.append_records(rows)
        lake.append(("bars", table))
        lake.publish()


def _cycle(venue, at):
    return Cycle(
        venue=venue,
        started_ts=at - timedelta(seconds=1),
        finished_ts=at,
        asked=4,
        answered=4,
        skipped=0,
        refused=0,
        refused_reasons=None,
        latency_ms=90.0,
        requests=3,
        budget_used_pct=7.0,
        error=None,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of the dashboard, started as an operator would; ended with the module."""
    folder = tmp_path_factory.mktemp("browser") / "data"
    build(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", f"--server.port={port}"],
        cwd=ROOT,
        env={**os.environ, "PERPSCOPE_DATA_DIR": str(folder), "PERPSCOPE_INTERVAL_S": "600"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(address, process):
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the dashboard did not start")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visit(server, browser):
    """A function that opens a page in a fresh profile, and keeps what went wrong in it."""
    contexts = []

    def opened(path="", *, size=(1440, 900), theme=None, prefers="dark"):
        viewport = {"width": size[0], "height": size[1]}
        context = browser.new_context(viewport=viewport, color_scheme=prefers)
        contexts.append(context)
        page = context.new_page()
        if theme is not None:
            _choose(page, theme)
        page.wrong = []
        page.on("console", lambda line: page.wrong.append(line.text) if line.type == "error" else 0)
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("request", lambda request: _note_if_outside(page, request, server))
        page.goto(f"{server}/{path}")
        page.wait_for_selector("[data-testid=stDataFrame] canvas")
        page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
        page.wait_for_selector("[data-testid=stDataFrame] tbody tr", state="attached")
        return page

    yield opened
    for context in contexts:
        context.close()


def _choose(page, theme):
    """Choose *theme* as the settings menu would."""
    page.add_init_script(
        "localStorage.setItem('perpscope-look', 'chosen');"
        f"localStorage.setItem(`stActiveTheme-${{location.pathname}}-v2`, '\"{theme.title()}\"')"
    )


def _note_if_outside(page, request, server):
    if not request.url.startswith((server, "data:", "blob:")):
        page.wrong.append(f"asked for {request.url}")


def background(page):
    app = "document.querySelector('[data-testid=stApp]')"
    return page.evaluate(f"getComputedStyle({app}).backgroundColor")


def test_the_first_visitor_of_a_page_gets_its_frame(visit):
    """Streamlit takes the folder called pages for pages of its older kind until told otherwise.

    Stands first: it must be the first visit to the server.
    """
    page = visit("health")

    assert page.title() == "Health · perpscope"
    assert page.get_by_role("link", name="Overview").is_visible()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
def test_overview_is_whole(visit, size, theme):
    """Cards, curves and table, without an error and without a word to the outside."""
    page = visit(size=size, theme=theme)

    assert page.locator("[data-testid=stMetric]").count() == 6
    assert page.get_by_text("$17.94B").is_visible()
    page.wait_for_selector("[data-testid=stMetricChart] svg")
    assert page.locator("[data-testid=stDataFrame] tbody tr").count() == 8
    assert page.locator("[data-testid=stException]").count() == 0
    assert background(page) == BACKGROUND[theme]
    assert page.wrong == []


def test_nothing_is_wider_than_a_phone(visit):
    """Cards wrap; only the table scrolls, in itself."""
    page = visit(size=(390, 844))

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    widths = page.locator("[data-testid=stMetric]").evaluate_all(
        "cards => cards.map((card) => card.getBoundingClientRect().right)"
    )
    assert max(widths) <= 390


def test_table_sorts_by_number(visit):
    """$9.00B comes after $10.00M, whatever the letters say."""
    page = visit()
    box = page.locator("[data-testid=stDataFrame]").bounding_box()
    before = page.evaluate(OPEN_INTEREST)

    page.mouse.click(box["x"] + 560, box["y"] + 15)
    page.wait_for_function(f"{OPEN_INTEREST}[0] === {min(before)}")

    assert before == sorted(before, reverse=True)
    assert page.evaluate(OPEN_INTEREST) == sorted(before)


def test_the_choice_of_venues_lives_in_the_url(visit):
    """A link to a view shows that view."""
    page = visit()
    page.get_by_role("button", name="okx").click()
    page.wait_for_url("**/?venue=okx")
    page.wait_for_function(f"{OPEN_INTEREST}.length === 4")

    other = visit("?venue=okx")
    assert len(other.evaluate(OPEN_INTEREST)) == 4


def test_dark_comes_first_and_light_stays_chosen(visit):
    """A system that prefers light gets dark at first; its next visit keeps what was chosen."""
    page = visit(prefers="light")
    page.wait_for_function(
        "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor "
        f"=== '{BACKGROUND['dark']}'"
    )

    page.evaluate("localStorage.setItem('stActiveTheme-/-v2', '\"Light\"')")
    page.reload()
    page.wait_for_selector("[data-testid=stDataFrame] canvas")

    assert background(page) == BACKGROUND["light"]
