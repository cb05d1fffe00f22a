"""One Chromium and one demo for all the tests here, and pages that must be faultless."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from analytics import query
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake
from analytics.records import AlertEvent, Cycle, Snapshot
from dashboard.as_of import Moment
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
VENUES = ("binance", "bybit")
CYCLE_S = 5
"""Of the demo. The shortest there can be."""
COINS = {"BTC": 98_000.0, "ETH": 3_400.0, "SOL": 187.0, "DOGE": 0.22}
"""What is on both venues of the made lake, and at what price."""
HOLE = [("ETH", "binance", back) for back in (8, 7, 6)]
"""Bars that were not recorded there, by how many bars ago they began."""

COMPLETE = """
() => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
  && document.querySelector("[data-testid=stHeading], .wall-top, [data-testid=stAlert]")
  && !document.querySelector("[data-testid=stSkeleton], [data-testid=stSpinner]")
"""


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
    contexts, wrong = [], []

    def made(*, size=(1440, 900), theme=None, prefers="dark", zone="UTC", finger=False):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=prefers,
            timezone_id=zone,
            accept_downloads=True,
            has_touch=finger,
            is_mobile=finger,
            user_agent=PHONE if finger else None,
        )
        context.set_default_timeout(1000 * HANG_S)
        contexts.append(context)
        context.on("console", lambda line: wrong.extend(_complaint(line)))
        context.on("weberror", lambda error: wrong.extend(_error(str(error.error))))
        context.on("request", lambda request: wrong.extend(_outside(request)))
        if theme is not None:
            _choose(context, theme)
        return context

    yield made
    tracebacks = [
        box.inner_text()
        for context in contexts
        for page in context.pages
        for box in page.locator("[data-testid=stException]").all()
    ]
    for context in contexts:
        context.close()
    assert tracebacks == []
    assert wrong == []


@pytest.fixture
def visit(someone):
    """A function that opens an address, mostly as a new visitor, and waits until all is there."""

    def opened(address, *, by=None, **look):
        page = (by or someone(**look)).new_page()
        page.goto(address)
        page.wait_for_function(COMPLETE)
        return page

    return opened


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
            rows.append(_alert(now, venue, coin, "Flush", "crash", "critical"))
        rows.append(_cycle(venue, now))
    rows.append(_alert(now, "okx", "SOL", "Crowded longs", "crowd", "warning"))
    table = pa.Table.from_pylist([{**bar, "snapshot_count": 10, "origin": "live"} for bar in bars])
    with Lake(folder) as lake:
        lake.append_records(rows)
        lake.append(("bars", table))
        lake.publish()


def _alert(now, venue, coin, rule, group, severity):
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


@contextmanager
def _serving(folder, said=subprocess.DEVNULL):
    port = _free_port()
    told = {"PERPSCOPE_DATA_DIR": str(folder), "PERPSCOPE_INTERVAL_S": "3600"}
    process = subprocess.Popen(
        [sys.executable, "-m", "perpscope", "serve", "--port", str(port)],
        cwd=ROOT,
        env=_environment(told),
        stdout=subprocess.DEVNULL,
        stderr=said,
    )
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        _end(process)


@dataclass
class Demo:
    """A demo that runs, and the lake that it writes."""

    url: str
    lake: Reader
    collector: psutil.Process

    def ask(self, name, **params):
        """Return what the query called *name* answers from the newest published state."""
        with self.lake.cursor() as cursor:
            return query.fetch(cursor, name, **params)

    def newest_cycle(self):
        """Return when the newest cycle was over."""
        return self.ask("newest_cycle", now=datetime.now(UTC)).iloc[0, 0].to_pydatetime()

    def wait_for_cycles(self, count):
        """Wait until *count* cycles more were published: a page has refreshed as often."""
        wanted = self.newest_cycle() + timedelta(seconds=CYCLE_S * count)
        until(lambda: self.newest_cycle() >= wanted, "the next cycle")

    def moment(self):
        """Return the present of the record, as a page that is asked for it (``at=``) sees it."""
        now = self.newest_cycle().replace(microsecond=0)
        return Moment(now, "asked", "simulator", timedelta(seconds=CYCLE_S), timedelta())


@pytest.fixture(scope="package")
def demo(browser, tmp_path_factory):
    """A simulated market as ``perpscope demo`` shows it, once a day of it is filled in."""
    folder, port = tmp_path_factory.mktemp("demo"), _free_port()
    told = {
        "PERPSCOPE_DATA_DIR": str(folder),
        "PERPSCOPE_COLLECTOR_PORT": "0",
        "PERPSCOPE_VENUES": ",".join(VENUES),
        "PERPSCOPE_TOP_N": "6",
        "PERPSCOPE_INTERVAL_S": str(CYCLE_S),
        "PERPSCOPE_REQUESTS_PER_S": "100",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "perpscope", "demo", "--port", str(port), "--seed", "7"],
        cwd=ROOT,
        env=_environment(told),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_until_it_shows_a_day(process)
        # What it says from now on is read by nobody, but must not fill the pipe.
        rest = threading.Thread(target=lambda: list(process.stderr), daemon=True)
        rest.start()
        family = psutil.Process(process.pid).children(recursive=True)
        collector = next(child for child in family if "collect" in child.cmdline())
        lake = Reader(folder / "demo")
        yield Demo(f"http://127.0.0.1:{port}", lake, collector)
        lake.close()
    finally:
        _end(process)
    rest.join()
    process.stderr.close()


def _wait_until_it_shows_a_day(process):
    """Read what the demo says until it gives its address and every venue's history is there."""
    said = []
    for line in process.stderr:
        said.append(line)
        text = "".join(said)
        if "perpscope is at" in text and text.count("history backfilled") == len(VENUES):
            return
    pytest.fail("the demo ended: " + "".join(said))


def _environment(told):
    """Return the settings *told*, and none of the person who runs the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PERPSCOPE_")}
    return {**own, **told}


def _free_port():
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


def _end(process):
    process.send_signal(signal.SIGINT)
    try:
        process.wait(HANG_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
