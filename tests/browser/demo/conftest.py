"""One demo for all the tests here, which one process runs: see ``tests/conftest.py``."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import psutil
import pytest

from analytics import formats, query
from analytics.lake.reader import Reader
from dashboard.state.as_of import Moment
from tests.browser.conftest import ROOT, end, environment, free_port, go
from tests.browser.on_pages import table
from tests.waiting import until

VENUES = ("binance", "bybit")
CYCLE_S = 5
"""Of the demo. The shortest there can be."""


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

    def moment(self):
        """Return the present of the record, as a page that is asked for it (``at=``) sees it."""
        now = self.newest_cycle().replace(microsecond=0)
        return Moment(now, "asked", "simulator", timedelta(seconds=CYCLE_S), timedelta())


@pytest.fixture(scope="package")
def demo(browser, tmp_path_factory):
    """A simulated market as ``perpscope demo`` shows it, once a day of it is filled in."""
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
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
        env=environment(told),
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
        end(process)
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


def known_then(demo):
    """Return a moment of the demo that knows the history filled in before it, and its address."""

    def now():
        shown = demo.moment()
        return SimpleNamespace(demo=demo, shown=shown, at=f"at={shown.now:%Y-%m-%dT%H:%M:%SZ}")

    # The cycle after the history was filled in has to end.
    until(lambda: pairs_then(now(), timedelta(hours=1))[0]["oi_usd_then"].notna().any())
    return now()


@pytest.fixture(scope="module")
def still(demo):
    """The demo with its collector held, and what its record knows at its end."""
    found = known_then(demo)
    demo.collector.suspend()
    yield found
    demo.collector.resume()
    until(lambda: demo.newest_cycle() > found.shown.now, "the next cycle")


@pytest.fixture
def then(stay, still):
    """A function that goes to the page called so, as of the time that stands still."""
    return lambda name: go(stay(f"{still.demo.url}/?{still.at}"), name)


def pairs_then(still, span=timedelta(minutes=5)):
    shown = still.shown
    asked = {"now": shown.now, "since": shown.since}
    pairs = still.demo.ask("pairs", **asked, span_s=int(span.total_seconds()))
    seen = {"now": last_mark(shown), "known_by": shown.known_by}
    history = still.demo.ask("market_history", **seen, symbols=None)
    return pairs, history, still.demo.ask("pair_quotes", **asked)


def last_mark(shown):
    return shown.now - timedelta(seconds=shown.now.timestamp() % 300)


def pair_rows(page):
    """Return the cells of the table of pairs; its first column as pair and venue."""
    ids = {formats.venue(name): name for name in VENUES}
    rows = [(name.split(), rest) for name, *rest in table(page)]
    return [[pair, ids[venue], *rest] for (pair, venue), rest in rows]
