"""Steps of a replay in Chromium: from the key to the painted page, and how many a second it plays.

    python benchmarks/replay_browser.py LAKE [--steps 40] [--seconds 20] [--pages overview market]

LAKE is one made by ``big_lake.py``; it is only read. A step lasts from the key until the page has
drawn all of that time. The server's share is from the request to the last message of its answer.
Playing is measured at speeds that ask for three steps a second and more, with reads ahead of it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import dashboard_browser as browsing
from machine import described
from playwright.sync_api import Page

from analytics.lake.reader import Reader
from analytics.query import fetch
from dashboard import ROOT, Server, address, p95, serving

STEP_P95_MS = 300.0
SERVER_P95_MS = 50.0
LEAST_PER_S = 3.0
SPEEDS = (300, 900, 3600)
PAGES = ("overview", "market", "heatmap", "exchanges", "alerts")

_WATCH = """
    () => {
      const bar = document.querySelector(".transport")
      let last = bar.dataset.at
      window.drawn = []
      new MutationObserver(() => {
        if (bar.dataset.at === last) return
        last = bar.dataset.at
        requestAnimationFrame(() => setTimeout(() => window.drawn.push(performance.now())))
      }).observe(bar, { attributes: true })
    }
"""
_SEND = """
    () => {
      window.drawn.length = 0
      document.body.focus()
      window.pressedAt = performance.now()
      document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }))
    }
"""


class Messages:
    """When a page last sent and received over its websocket."""

    def __init__(self, page: Page) -> None:
        """Begin; the page must not be open yet."""
        self.sent, self.received = 0.0, 0.0
        page.on("websocket", self._watch)

    def _watch(self, socket: object) -> None:
        socket.on("framesent", lambda _: self._note("sent"))  # type: ignore[attr-defined]
        socket.on("framereceived", lambda _: self._note("received"))  # type: ignore[attr-defined]

    def _note(self, what: str) -> None:
        setattr(self, what, time.perf_counter())


def steps(page: Page, messages: Messages, count: int) -> tuple[list[float], list[float]]:
    """Step *count* times; return each step's time, and the server's share of it. [ms]"""
    whole, server = [], []
    for _ in range(count):
        page.evaluate(_SEND)
        page.wait_for_function("window.drawn.length", polling=4)
        whole.append(page.evaluate("window.drawn[0] - window.pressedAt"))
        server.append(1000 * (messages.received - messages.sent))
        # As fast as a hand goes on, and before the sidebar follows.
        page.wait_for_timeout(350)
    return whole, server


def playing(page: Page, speed: int, seconds: float) -> list[float]:
    """Play at *speed*; return the pauses between the steps that were drawn. [ms]"""
    page.locator(".transport .speed").select_option(str(speed))
    page.wait_for_timeout(1500)
    page.evaluate("window.drawn.length = 0")
    page.keyboard.press("Space")
    page.wait_for_timeout(1000 * seconds)
    page.keyboard.press("Space")
    drawn = page.evaluate("window.drawn")
    page.wait_for_timeout(2500)
    return [later - sooner for sooner, later in zip(drawn, drawn[1:], strict=False)]


def measured(
    app: Server, page: Page, name: str, messages: Messages, asked: argparse.Namespace
) -> bool:
    """Measure *page* and print it; return whether it is within the bounds."""
    page.evaluate(_WATCH)
    steps(page, messages, 3)
    before = app.cpu_s()
    whole, server = steps(page, messages, asked.steps)
    cpu = 1000 * (app.cpu_s() - before) / asked.steps
    fits = p95(whole) <= STEP_P95_MS and p95(server) <= SERVER_P95_MS
    print(
        f"{name}: a step median {statistics.median(whole):,.0f} ms, p95 {p95(whole):,.0f} ms (at "
        f"most {STEP_P95_MS:g}); server {statistics.median(server):,.0f} and {p95(server):,.0f} ms "
        f"(at most {SERVER_P95_MS:g}), {cpu:,.0f} ms CPU with what it reads ahead  "
        f"{'ok' if fits else 'TOO SLOW'}",
        flush=True,
    )
    for speed in SPEEDS:
        before = app.cpu_s()
        pauses = playing(page, speed, asked.seconds)
        cpu = 1000 * (app.cpu_s() - before) / (len(pauses) + 1)
        rate = 1000 / statistics.mean(pauses) if pauses else 0.0
        is_fast = rate >= LEAST_PER_S or name != "overview"
        fits &= is_fast
        print(
            f"{name}: plays {rate:.1f} steps/s at {speed:,} x, p95 {_p95(pauses):,.0f} ms apart, "
            f"{cpu:,.0f} ms CPU each "
            f"(Overview at least {LEAST_PER_S:g})  {'ok' if is_fast else 'TOO SLOW'}",
            flush=True,
        )
    return fits


def _p95(values: Sequence[float]) -> float:
    return p95(values) if values else 0.0


def main() -> None:
    """Measure the chosen pages; exit with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=Path)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=["overview"])
    asked = parser.parse_args()
    lake = asked.lake.absolute()
    print(described(), flush=True)
    with Reader(lake).cursor() as cursor:
        end = fetch(cursor, "newest_row", wall=None).iloc[0, 0]
    good = True
    with (
        serving(ROOT / "dashboard/server/app.py", PERPSCOPE_DATA_DIR=str(lake)) as app,
        browsing.chromium() as browser,
    ):
        for name in asked.pages:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            messages = Messages(page)
            page.goto(f"{address(app, name)}?at={end.floor('D'):%Y-%m-%dT%H:%MZ}")
            browsing.complete(page, name)
            good &= measured(app, page, name, messages, asked)
            page.close()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
