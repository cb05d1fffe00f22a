"""Waiting times of the dashboard's users, against a minimal Streamlit app.

    python benchmarks/dashboard.py LAKE [--visits 5] [--changes 20] [--refreshes 4]
        [--sessions 20] [--minutes 10] [--only visits|changes|bytes|sessions]

LAKE is one made by ``big_lake.py``. Cycles are appended to a copy of it meanwhile, so that
each one invalidates the caches as in production. Visits and changes are made by a real
Chromium, each page in turn with the bare app; sessions are websocket clients (see
``dashboard_sessions.py``) on a lake with a cycle of 5 s. CPU is that of the server. A first
visit lasts from navigation in an empty browser profile until the page is complete: no
script running, no stale element, skeleton or spinner, and its last elements present.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dashboard_browser as browsing
from dashboard_sessions import Told, sessions
from living_lake import living
from machine import described, free_port

ROOT = Path(__file__).parents[1]
PAGES = (
    *("overview", "market", "heatmap", "correlation", "exchanges", "alerts", "health", "wallboard"),
)
MAX_TIMES = {"overview": 1.5, "market": 2.0}
"""Limit of a first visit as a multiple of the bare app's; 2.5 for other pages."""
LEAST_ROWS = 20
CHANGE_P95_MS = 500.0
DIALOG_MS = (300.0, 800.0)
"""To its figures, to its chart."""
REFRESH_P95_MS = 1000.0
REFRESH_BYTES = {"overview": 150_000, "market": 20_000}
CYCLE_S = 30.0
FAST_CYCLE_S = 5.0
CHANGES = (
    ("overview", "timeframe", ("1h", "4h", "15m", "1d", "30m", "5m")),
    ("overview", "venues", ("OKX", "Bybit", "Binance", "OKX", "Bybit", "Binance")),
    ("market", "pane_preset", ("Flow", "Funding", "All", "Positioning")),
    ("market", "span", ("3 d", "7 d", "24 h")),
    ("market", "next_pair", ("Next",)),
)
"""What is clicked: the page, the key of a group of buttons, and the buttons in turn."""


class Server:
    """A Streamlit server as a process."""

    def __init__(self, script: Path, port: int, **environment: str) -> None:
        """Start it."""
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "streamlit", "run", str(script)]
        options = ["--server.port", str(port), "--server.headless", "true"]
        log = subprocess.DEVNULL
        self.process = subprocess.Popen(
            [*command, *options], cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log
        )
        self._ready()

    def _ready(self) -> None:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise SystemExit(f"{self.url} does not answer")

    def cpu_s(self) -> float:
        """Return its CPU time. [s]"""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Return its resident memory. [MB]"""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)


@contextmanager
def serving(script: Path, **environment: str) -> Iterator[Server]:
    """A server for the length of the block."""
    server = Server(script, free_port(), **environment)
    try:
        yield server
    finally:
        server.stop()


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile of *values*."""
    ordered = sorted(values)
    return ordered[min(int(0.95 * len(ordered)), len(ordered) - 1)]


def address(server: Server, page: str) -> str:
    """Return the address of *page*."""
    return server.url if page in ("overview", "bare") else f"{server.url}/{page}"


def rows(browser: browsing.Browser, app: Server) -> bool:
    """Count the rows of Overview's table that are seen without scrolling."""
    seen = browsing.rows_seen(browser, app.url)
    fits = seen >= LEAST_ROWS
    print(
        f"rows seen at 1440 x 900 on opening: {seen:.1f} (at least {LEAST_ROWS})  "
        f"{'ok' if fits else 'TOO FEW'}",
        flush=True,
    )
    return fits


def visits(browser: browsing.Browser, app: Server, bare: Server, count: int) -> bool:
    """Measure the first visit of every page in turn with the bare app's."""
    waited: dict[str, list[float]] = {name: [] for name in ("bare", *PAGES)}
    cpu: dict[str, list[float]] = {name: [] for name in waited}
    for nth in range(count + 1):
        for name in waited:
            server = bare if name == "bare" else app
            before = server.cpu_s()
            took = browsing.first_visit(browser, address(server, name), name)
            if nth or count == 0:
                waited[name].append(took)
                cpu[name].append(1000 * (server.cpu_s() - before))
            else:
                print(f"first visit of {name} after the server's start: {took:,.0f} ms", flush=True)
    least, good = statistics.median(waited["bare"]), True
    for name, times in waited.items():
        median, most = statistics.median(times), MAX_TIMES.get(name, 2.5)
        fits = name == "bare" or median <= most * least
        good &= fits
        print(
            f"first visit, {name:12} {median:6,.0f} ms ({min(times):,.0f}-{max(times):,.0f}), "
            f"{median / least:4.2f}x bare (at most {most:g}x)  {'ok' if fits else 'TOO SLOW'}; "
            f"server {statistics.median(cpu[name]):4,.0f} ms CPU",
            flush=True,
        )
    return good


def changes(browser: browsing.Browser, app: Server, count: int) -> bool:
    """Measure how long a change takes, of what Overview and Market show."""
    good = True
    for name, group, buttons in CHANGES:
        with browsing.opened(browser, address(app, name), name) as page:
            times: list[float] = []
            before = app.cpu_s()
            for nth in range(count):
                button = buttons[nth % len(buttons)]
                times.append(browsing.change(page, name, group, button))
            cpu = 1000 * (app.cpu_s() - before) / count
            fits = p95(times) <= CHANGE_P95_MS
            good &= fits
            print(
                f"{name}, change of {group:14} median {statistics.median(times):5,.0f} "
                f"ms, p95 {p95(times):5,.0f} ms (at most {CHANGE_P95_MS:g} ms) "
                f"{'ok' if fits else 'TOO SLOW'}; server {cpu:,.0f} ms CPU each; "
                f"by button {_by_button(buttons, times)}",
                flush=True,
            )
    return good


def dialogs(browser: browsing.Browser, app: Server, count: int) -> bool:
    """Measure how long a row's dialog takes, each row's for the first time."""
    with browsing.opened(browser, f"{address(app, 'overview')}?rows=pairs", "overview") as page:
        # A press in the first moment after the table is drawn can be lost.
        page.wait_for_timeout(1000)
        times = [browsing.dialog(page, row) for row in range(min(count, LEAST_ROWS))]
    good = True
    for what, took, most in zip(
        ("figures", "chart"), zip(*times, strict=True), DIALOG_MS, strict=True
    ):
        fits = statistics.median(took) <= most
        good &= fits
        print(
            f"row to dialog with its {what:8} median {statistics.median(took):5,.0f} ms, "
            f"p95 {p95(took):5,.0f} ms (median at most {most:g} ms) {'ok' if fits else 'TOO SLOW'}",
            flush=True,
        )
    return good


def _by_button(buttons: Sequence[str], times: Sequence[float]) -> str:
    """Print the time of the last click of each of *buttons*."""
    last = {buttons[nth % len(buttons)]: took for nth, took in enumerate(times)}
    return ", ".join(f"{button} {took:,.0f}" for button, took in last.items())


def weight(browser: browsing.Browser, app: Server, count: int) -> bool:
    """Count the bytes that a refresh of Overview and of Market sends to the browser."""
    good = True
    for name, most in REFRESH_BYTES.items():
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        received = browsing.Received(page)
        page.goto(address(app, name))
        browsing.complete(page, name)
        since = time.monotonic() + 1
        page.wait_for_timeout(1000 * (FAST_CYCLE_S * count + 2))
        sizes = received.bursts(since)
        page.close()
        median = statistics.median(sizes)
        fits = median <= most
        good &= fits
        print(
            f"a refresh of {name} sends {median / 1000:,.1f} kB (median of {len(sizes)}, at most "
            f"{max(sizes) / 1000:,.1f}; target {most / 1000:g} kB)  {'ok' if fits else 'TOO MUCH'}",
            flush=True,
        )
    return good


def crowd(app: Server, count: int, minutes: float) -> bool:
    """Open many sessions of Overview at once."""
    memory: list[float] = [app.memory_mb()]
    before, began = app.cpu_s(), time.monotonic()
    address = app.url.replace("http", "ws", 1)
    told: Told = asyncio.run(
        sessions(address, count, 60 * minutes, lambda: memory.append(app.memory_mb()))
    )
    cpu = (app.cpu_s() - before) / (time.monotonic() - began)
    times = told.refresh_ms
    if not times:
        print(f"no session refreshed: {told.errors[:3]}")
        return False
    # The first tenth fills the caches and the allocator's pools.
    growth = memory[-1] - memory[min(2, len(memory) - 1)]
    fits = p95(times) <= REFRESH_P95_MS and not told.errors
    print(
        f"{count} sessions for {minutes:g} min, a refresh every {FAST_CYCLE_S:g} s: "
        f"{len(times):,} refreshes, median {statistics.median(times):,.0f} ms, "
        f"p95 {p95(times):,.0f} ms (at most {REFRESH_P95_MS:g} ms), {len(told.errors)} errors  "
        f"{'ok' if fits else 'TOO SLOW'}; first runs {statistics.median(told.first_ms):,.0f} ms; "
        f"{statistics.median(told.refresh_bytes) / 1000:,.0f} kB each; server {cpu:.2f} cores, "
        f"{1000 * cpu * (time.monotonic() - began) / len(times):,.0f} ms CPU each; memory "
        f"{', '.join(f'{one:,.0f}' for one in memory)} MB ({growth:+,.0f} MB after the second)",
        flush=True,
    )
    for error in told.errors[:5]:
        print(f"  {error}")
    return fits


def main() -> None:
    """Run the chosen measurements; exit with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=Path)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--refreshes", type=int, default=4)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", choices=("visits", "changes", "bytes", "sessions"))
    asked = parser.parse_args()
    wanted = {asked.only} if asked.only else {"visits", "changes", "bytes", "sessions"}
    print(described(), flush=True)
    good = True
    if wanted & {"visits", "changes"}:
        with (
            living(asked.lake.absolute(), CYCLE_S) as lake,
            serving(ROOT / "dashboard/server/app.py", PERPSCOPE_DATA_DIR=str(lake.folder)) as app,
            serving(ROOT / "benchmarks/bare_app.py") as bare,
            browsing.chromium() as browser,
        ):
            if "visits" in wanted:
                good &= rows(browser, app)
                good &= visits(browser, app, bare, asked.visits)
            if "changes" in wanted:
                good &= changes(browser, app, asked.changes)
                good &= dialogs(browser, app, asked.changes)
    if wanted & {"bytes", "sessions"}:
        fast = {"PERPSCOPE_INTERVAL_S": f"{FAST_CYCLE_S:g}"}
        with (
            living(asked.lake.absolute(), FAST_CYCLE_S) as lake,
            serving(
                ROOT / "dashboard/server/app.py", PERPSCOPE_DATA_DIR=str(lake.folder), **fast
            ) as app,
        ):
            if "bytes" in wanted:
                with browsing.chromium() as browser:
                    good &= weight(browser, app, asked.refreshes)
            if "sessions" in wanted:
                good &= crowd(app, asked.sessions, asked.minutes)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
