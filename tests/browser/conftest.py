"""One Chromium for all the tests of a process, a small lake, and pages that must be faultless."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from analytics.lake.records import AlertEvent, Cycle, Snapshot
from analytics.lake.writer import Lake
from tests.waiting import HANG_S, until

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Mobile Safari/537.36"
)
"""What a phone's browser calls itself; Streamlit draws other controls for one."""
COINS = {"BTC": 98_000.0, "ETH": 3_400.0, "SOL": 187.0, "DOGE": 0.22}
"""What is on both venues of the made lake, and at what price."""
HOLE = [("ETH", "binance", back) for back in (8, 7, 6)]
"""Bars that were not recorded there, by how many bars ago they began."""

COMPLETE = """
() => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
  && document.querySelector("[data-testid=stHeading], .wall-top, [data-testid=stAlert]")
  && !document.querySelector("[data-testid=stSkeleton], [data-testid=stSpinner]")
"""


ARRIVED = """
(name) => document.title.startsWith(`${name} ·`)
  || name === "Market" && document.querySelector("h2")?.innerText.includes(" · ")
"""
"""Whether the page called so runs, as its title has it; Market's is of what it shows."""


@pytest.fixture(scope="package")
def browser():
    """Chromium, without a window."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="the browser tests need the package playwright"
    )
    if not CHROMIUM.exists():
        pytest.skip(f"the browser tests need Chromium at {CHROMIUM}")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def someone(browser):
    """A function that makes a new visitor: a browser profile of its own.

    Whatever goes wrong in any page that a visitor opens fails the test at its end.
    """
    visitors = Visitors(browser)
    yield visitors.someone
    visitors.leave()


@pytest.fixture
def visit(someone):
    """A function that opens an address, mostly as a new visitor, and waits until all is there."""
    return partial(_opened, someone)


class Visitors:
    """Who looks at the dashboard, and what went wrong in their pages."""

    def __init__(self, browser):
        self._browser, self._contexts, self._wrong = browser, [], []

    def someone(self, *, size=(1440, 900), theme=None, prefers="dark", zone="UTC", finger=False):
        """Return a new visitor."""
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=prefers,
            timezone_id=zone,
            accept_downloads=True,
            has_touch=finger,
            is_mobile=finger,
            user_agent=PHONE if finger else None,
        )
        context.set_default_timeout(1000 * HANG_S)
        self._contexts.append(context)
        context.on("console", lambda line: self._wrong.extend(_complaint(line)))
        context.on("weberror", lambda error: self._wrong.extend(_error(str(error.error))))
        context.on("request", lambda request: self._wrong.extend(_outside(request)))
        if theme is not None:
            _choose(context, theme)
        return context

    def faults(self):
        """Return what went wrong since it was asked for last."""
        tracebacks = [
            box.inner_text()
            for context in self._contexts
            for page in context.pages
            for box in page.locator("[data-testid=stException]").all()
        ]
        wrong, self._wrong = self._wrong, []
        return tracebacks + wrong

    def leave(self):
        """Close all pages; fail where something went wrong in one."""
        faults = self.faults()
        for context in self._contexts:
            context.close()
        self._contexts = []
        assert faults == []


def _opened(someone, address, *, by=None, **look):
    page = (by or someone(**look)).new_page()
    page.goto(address)
    page.wait_for_function(COMPLETE)
    return page


@pytest.fixture(scope="module")
def _residents(browser):
    visitors, pages = Visitors(browser), {}
    yield visitors, pages
    visitors.leave()


@pytest.fixture
def stay(_residents, request):
    """A function that opens an address once for all tests of a module, and returns that page.

    To open a page costs more than what is looked for on it. Such a test leaves the page so that
    others can go on with it: dialogs closed, a choice taken back. After a test that failed it is
    opened anew. Another *look* is another visitor with a page of their own.
    """
    visitors, pages = _residents

    def opened(address, **look):
        key = (address, *look.items(), request.session.testsfailed)
        if key not in pages:
            pages[key] = _opened(visitors.someone, address, **look)
        return pages[key]

    yield opened
    assert visitors.faults() == []


def go(page, name):
    """Follow the link to the page called *name*, and wait until all of it is there."""
    if page.locator(".wall-top").count():
        page.get_by_role("link", name="Exit wallboard").click()
        arrive(page, "Overview")
    if not page.evaluate(ARRIVED, name):
        page.get_by_role("link", name=name, exact=True).click()
    return arrive(page, name)


def arrive(page, name):
    """Wait until all of the page called *name* is there, and return it."""
    page.wait_for_function(ARRIVED, arg=name)
    page.wait_for_function(COMPLETE)
    return page


def _complaint(line):
    """Return what the browser's console says is wrong.

    Streamlit itself asks for two addresses beneath the page before it tries those that are.
    """
    address = line.location.get("url", "")
    known = address.endswith(("/_stcore/health", "/_stcore/host-config")) and "404" in line.text
    return [f"{line.text} {address}"] if line.type == "error" and not known else []


def _error(text):
    """Return what broke in a page, but for what Plotly does alone.

    Where a refresh takes a chart away under the mouse, it looks for its hover labels in vain.
    """
    return [] if "_hoverlayer" in text else [text]


def _outside(request):
    """Return the address asked for, where it is not on this machine."""
    at_home = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    return [] if request.url.startswith(at_home) else [f"asked for {request.url}"]


def _choose(context, theme):
    """Choose *theme* as the settings menu would; frames within a page have no such storage."""
    context.add_init_script(f"""
        if (location.protocol === "http:" && self === top) {{
            localStorage.setItem(`stActiveTheme-${{location.pathname}}-v2`, '"{theme.title()}"')
        }}
    """)


@pytest.fixture(scope="package")
def made(browser, tmp_path_factory):
    """The address of a dashboard on a small lake that does not move: what to look at quickly."""
    folder = tmp_path_factory.mktemp("made") / "data"
    _build(folder)
    with _serving(folder) as address:
        yield address


@pytest.fixture(scope="package")
def empty(browser, tmp_path_factory):
    """The address of a dashboard that nothing was recorded for."""
    with _serving(tmp_path_factory.mktemp("empty")) as address:
        yield address


@pytest.fixture
def growing(browser, tmp_path):
    """The address of a dashboard on a record that the test adds to, and its folder."""
    folder = tmp_path / "data"
    _build(folder)
    with _serving(folder) as address:
        yield address, folder


@pytest.fixture
def ailing(browser, tmp_path):
    """The address of a dashboard on a record that two pages cannot bear, and its log."""
    folder, log = tmp_path / "data", tmp_path / "log"
    _build(folder)
    with Lake(folder) as lake:
        lake.set_info(venues="{")
        lake.publish()
    with log.open("w") as said, _serving(folder, said) as address:
        yield address, log


def _build(folder):
    """Record two venues: two hours of bars, and a cycle that has just ended."""
    now = datetime.now(UTC).replace(microsecond=0)
    mark = now - timedelta(seconds=now.timestamp() % 300)
    known = {"volume_24h_usd": 2e9, "funding_rate": 0.0001, "funding_interval_h": 8.0}
    rows, bars = [], []
    for venue, part in (("binance", 1.0), ("okx", 0.4)):
        for nth, (coin, price) in enumerate(COINS.items(), 1):
            key = {"venue": venue, "symbol": f"{coin}/USDT:USDT", "base": coin}
            oi_usd = part * 9e9 / nth**2
            stated = {**known, "oi_usd": oi_usd, "oi_base": oi_usd / price, "ls_accounts": 1 + part}
            rows.append(
                Snapshot(**key, received_ts=now, price=price, price_24h_ago=price * 0.98, **stated)
            )
            bars += [
                {**key, "ts": mark.replace(tzinfo=None) - timedelta(minutes=5 * back), **stated}
                | _candle(price, back)
                for back in range(24, 0, -1)
                if (coin, venue, back) not in HOLE
            ]
            rows.append(alert(now, venue, coin, "Flush", "crash", "critical"))
        rows.append(cycle(venue, now))
    rows.append(alert(now, "okx", "SOL", "Crowded longs", "crowd", "warning"))
    table = pa.Table.from_pylist([{**bar, "snapshot_count": 10, "origin": "live"} for bar in bars])
    with Lake(folder) as lake:
        lake.append_records(rows)
        lake.append(("bars", table))
        lake.publish()


def alert(now, venue, coin, rule, group, severity):
    """An alert that fires, too old to be told to somebody who looks for the first time."""
    fired = now - timedelta(minutes=40)
    return AlertEvent(
        rule=rule,
        version="1",
        subject=f"{venue} {coin}/USDT:USDT",
        started_ts=fired,
        change="firing",
        ts=fired,
        per="pair",
        venue=venue,
        symbol=f"{coin}/USDT:USDT",
        base=coin,
        timeframe="5m",
        severity=severity,
        alert_group=group,
        condition="z_oi > 2.5",
        message=f"{coin}: OI +3.1 σ in 5m",
        seen_values='{"z_oi": 3.1}',
        seen_ages_s='{"z_oi": 4.0}',
        channels="[]",
    )


def _candle(price, back):
    """A price that swings by a hundredth, up and down in turn."""
    opened, closed = (price * (1 + 0.01 * (n % 2)) for n in (back, back + 1))
    return {"open": opened, "close": closed, "high": price * 1.015, "low": price * 0.995}


def cycle(venue, at):
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


@contextmanager
def _serving(folder, said=subprocess.DEVNULL):
    port = free_port()
    told = {"PERPSCOPE_DATA_DIR": str(folder), "PERPSCOPE_INTERVAL_S": "3600"}
    process = subprocess.Popen(
        [sys.executable, "-m", "perpscope", "serve", "--port", str(port)],
        cwd=ROOT,
        env=environment(told),
        stdout=subprocess.DEVNULL,
        stderr=said,
    )
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


def environment(told):
    """Return the settings *told*, and none of the person who runs the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PERPSCOPE_")}
    return {**own, **told}


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait_until_it_answers(address, process):
    def answers():
        try:
            with urllib.request.urlopen(address, timeout=HANG_S):
                return True
        except OSError:
            return process.poll() is not None

    until(answers, "the dashboard")
    assert process.poll() is None


def end(process):
    process.send_signal(signal.SIGINT)
    try:
        process.wait(HANG_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
