"""Measurements in Chromium: first visits, changes, and the bytes of a refresh."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright
from screenshots import CHROMIUM, FLAGS

Milliseconds = float

HEADING_PX = 33
"""Height of a table's headings."""
ROW_PX = 24
"""Of its rows, as in ``dashboard/overview/pair_table.py``: as an import, ``dashboard`` would be the
script beside this one."""

_PLOTLY = ".js-plotly-plot .main-svg"
_LINKED = ".st-key-market_chart [data-testid=stBidiComponentIsolated] >>> canvas"
"""Within a shadow, which stands before the arrows."""
_TABLE = "[data-testid=stDataFrame] canvas"
_NOTES = "[data-testid=stCaptionContainer]"
_DRAWN = ":is(canvas, svg)"
LAST = {
    "overview": (_TABLE, ".kpis li", _NOTES),
    "market": (_LINKED, _NOTES),
    "heatmap": (_PLOTLY, _NOTES),
    "correlation": (_PLOTLY, "[data-testid=stHeading]"),
    "exchanges": (f"[data-testid=stVegaLiteChart] {_DRAWN}", "[data-testid=stExpander]"),
    "alerts": ("[data-testid=stHeading]", "[data-testid=stTextInput]"),
    "health": (_TABLE, "[data-testid=stMetric]"),
    "wallboard": (".wall-lists", "[data-testid=stPageLink]"),
    "bare": (_TABLE,),
}
"""By page, the selectors that a complete page has, all of them."""

_COMPLETE = """
    (wanted) => {
      const found = (selector) => {
        const [outer, inner] = selector.split(" >>> ")
        const there = document.querySelector(outer)
        return inner ? there?.shadowRoot?.querySelector(inner) : there
      }
      const app = document.querySelector("[data-testid=stApp]")
      const there = app && app.dataset.testScriptState === "notRunning"
        && !document.querySelector("[data-stale=true], [data-testid=stSkeleton]")
        && !document.querySelector("[data-testid=stSpinner]")
        && wanted.every(found)
      if (!there) { window.completeSince = undefined; return false }
      window.completeSince ??= performance.now()
      // A redraw or a rerun in between means that it was not complete.
      return performance.now() - window.completeSince > 250 ? window.completeSince : false
    }
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def complete(page: Page, name: str) -> Milliseconds:
    """Wait until the page *name* is complete; return the time since its navigation."""
    found = page.wait_for_function(_COMPLETE, arg=list(LAST[name]), polling=16, timeout=60_000)
    return float(found.json_value())


def first_visit(browser: Browser, url: str, name: str) -> Milliseconds:
    """Return the time to load a page in an empty browser profile."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    try:
        page.goto(url, wait_until="commit")
        return complete(page, name)
    finally:
        context.close()


def rows_seen(browser: Browser, url: str) -> float:
    """Return how many rows of Overview's table are seen on opening at 1440 x 900."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(url)
    complete(page, "overview")
    table = page.locator("[data-testid=stDataFrame]").bounding_box()
    page.close()
    if table is None:
        return 0.0
    seen = min(table["y"] + table["height"], 900) - table["y"]
    return (seen - HEADING_PX) / ROW_PX


@contextmanager
def opened(browser: Browser, url: str, name: str) -> Iterator[Page]:
    """A page that is complete."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    page.goto(url, wait_until="commit")
    complete(page, name)
    yield page
    context.close()


def dialog(page: Page, row: int) -> tuple[Milliseconds, Milliseconds]:
    """Press Overview's *row*; return the time to the dialog's figures and to its chart."""
    table = page.locator("[data-testid=stDataFrame]").bounding_box()
    assert table is not None
    began = time.perf_counter()
    # On the change of the price: a press on the name unfolds an asset.
    page.mouse.click(table["x"] + 400, table["y"] + HEADING_PX + (row + 0.5) * ROW_PX, delay=80)
    began += 0.08
    page.locator("[role=dialog] [data-testid=stMetricValue]").first.wait_for()
    figures = 1000 * (time.perf_counter() - began)
    page.locator("[role=dialog] .chart canvas").first.wait_for()
    chart = 1000 * (time.perf_counter() - began)
    page.keyboard.press("Escape")
    page.locator("[role=dialog]").wait_for(state="detached")
    complete(page, "overview")
    return figures, chart


def change(page: Page, name: str, key: str, button: str) -> Milliseconds:
    """Click *button* of the widget *key*; return the time until the page is complete again."""
    named = page.get_by_text(button, exact=True)
    chosen = page.locator(f".st-key-{key} button:visible").filter(has=named)
    page.evaluate(
        """() => { window.completeSince = undefined; window.clickedAt = undefined
          addEventListener("click", () => { window.clickedAt = performance.now() },
            { once: true, capture: true }) }"""
    )
    chosen.click()
    # The browser sends the click to the server in the same turn of its event loop or a later one.
    page.wait_for_function(
        "document.querySelector('[data-testid=stApp]').dataset.testScriptState !== 'notRunning'"
        " || performance.now() - window.clickedAt > 150",
        polling="raf",
    )
    return complete(page, name) - float(page.evaluate("window.clickedAt"))


class Received:
    """Counts the bytes that a page receives over its websocket, as decompressed payload."""

    def __init__(self, page: Page) -> None:
        """Start counting; the page must not be open yet."""
        self.frames: list[tuple[float, int]] = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._note))

    def _note(self, content: str | bytes) -> None:
        self.frames.append((time.monotonic(), len(content)))

    def bursts(self, since: float, gap_s: float = 1.0) -> list[int]:
        """Return the bytes of each burst of messages after *since*; pauses part the bursts."""
        sizes: list[int] = []
        last = -1e9
        for at, size in self.frames:
            if at < since:
                continue
            if at - last > gap_s:
                sizes.append(0)
            sizes[-1] += size
            last = at
        return sizes
