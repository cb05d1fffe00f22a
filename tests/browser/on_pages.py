"""What tests find on pages, and do there as people do."""

from __future__ import annotations

import re

import pytest

from tests.waiting import until

NAMES = (
    "Overview",
    "Market",
    "Heatmap",
    "Correlation",
    "Exchanges",
    "Alerts",
    "Monitor",
    "Replay",
    "Studio",
    "Health",
    "Wallboard",
)
TABLE = ".st-key-pair_table [data-testid=stDataFrame]"
CHART = ".st-key-market_chart .chart"
DRAWN = f"{CHART} canvas"
"""What is in the chart's shadow is found by locators alone."""
DIALOG = "[role=dialog]"
PAINTED = """new Promise((go) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(go))))"""
"""Whatever was on its way to the screen is there then."""
CELLS = """
(selector) => [...document.querySelector(selector).querySelectorAll("tbody tr")]
  .map((row) => [...row.children].map((cell) => cell.innerText))
"""

# Every visible text with the contrast to what lies behind it, colours laid over one another.
CONTRASTS = """
() => {
  const brush = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true })
  const rgba = (color) => {
    brush.clearRect(0, 0, 1, 1)
    brush.fillStyle = color
    brush.fillRect(0, 0, 1, 1)
    const [red, green, blue, alpha] = brush.getImageData(0, 0, 1, 1).data
    return [red, green, blue, alpha / 255]
  }
  const over = ([r, g, b, a], under) => [r, g, b].map((c, n) => a * c + (1 - a) * under[n])
  const above = (element) => element.parentElement || element.getRootNode().host
  const ancestors = (element) => element ? [...ancestors(above(element)), element] : []
  const light = (color) => color
    .map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0)
  const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a)
    return (high + 0.05) / (low + 0.05)
  }
  const texts = (root) => [...root.querySelectorAll("*")].flatMap((element) => [
    ...(element.shadowRoot ? texts(element.shadowRoot) : []),
    ...([...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) ? [element] : []),
  ])
  const left_out = "style, script, svg, canvas *, [data-testid=stIconMaterial], [disabled]"
  return texts(document)
    .filter((one) => !one.matches(left_out) && !one.closest("svg, canvas, :disabled"))
    .filter((one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .map((one) => {
      const line = ancestors(one)
      const behind = line.reduce(
        (under, it) => over(rgba(getComputedStyle(it).backgroundColor), under), [255, 255, 255]
      )
      const ink = rgba(getComputedStyle(one).color)
      ink[3] *= line.reduce((part, it) => part * Number(getComputedStyle(it).opacity), 1)
      return [one.innerText.trim().slice(0, 40), contrast(over(ink, behind), behind)]
    })
}
"""
AA = 4.5
"""What text must have, or more."""


def faint(page):
    """Return the texts that are too faint to be read, with their contrast.

    Nothing is dimmed while a refresh is under way.
    """
    page.add_style_tag(
        content="[data-stale] { opacity: 1 !important; transition: none !important }"
    )
    found = page.evaluate(CONTRASTS)
    assert len(found) > 5
    return {text: round(value, 2) for text, value in found if value < AA}


def words(page):
    return re.sub(r"\s+", " ", page.locator("[data-testid=stMain]").inner_text())


def serious(page, asked=None):
    """Return the serious faults that axe-core finds, by all its rules or those *asked* for."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # The marks of a metric's own curve, which Streamlit has Vega draw without names: no argument
    # of st.metric reaches them, and the value stands beside them in words.
    context = {"exclude": [["[data-testid=stMetricChart]"]]}
    found = axe.run(page, context, {"runOnly": asked} if asked else None).response
    return [
        f"{fault['id']} {node['html'][:200]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def choose_rows(page, name):
    """Choose what rows are of beside the page's title: assets, at first, or pairs."""
    choice = page.locator(".st-key-rows").get_by_role("radio", name=name, exact=True)
    if not choice.is_checked():
        choice.click()


def list_pairs(page):
    """List pairs in Overview's table."""
    choose_rows(page, "pairs")
    page.wait_for_function(
        "(table) => document.querySelector(`${table} th`)?.innerText.endsWith('Pair')", arg=TABLE
    )


def table(page, selector=TABLE):
    """Return the cells of a table, which stand behind what is painted."""
    if selector == TABLE:
        list_pairs(page)
    page.wait_for_selector(f"{selector} tbody tr", state="attached")
    return page.evaluate(CELLS, selector)


def timeframe(page, name):
    """Return the button of a timeframe beside the page's title."""
    return page.locator(".st-key-timeframe").get_by_role("radio", name=name, exact=True)


def threshold(page, label):
    """Return the field of a threshold, which is folded at first."""
    field = page.get_by_role("spinbutton", name=label)
    if not field.is_visible():
        page.get_by_test_id("stSidebar").get_by_text("Thresholds", exact=True).click()
    return field


def set_threshold(page, label, value):
    field = threshold(page, label)
    field.fill(value)
    field.press("Enter")
    return field


def ends(page):
    """Return from when to when the chart shows. [s since 1970]"""
    shown = page.locator(CHART).evaluate("(chart) => [chart.dataset.from, chart.dataset.to]")
    return [int(end) for end in shown]


def width(page):
    first, last = ends(page)
    return last - first


def middle(page):
    """Point at the middle of the price; return where."""
    box = page.locator(CHART).bounding_box()
    at = box["x"] + box["width"] / 2, box["y"] + 150
    page.mouse.move(*at)
    return at


def zoomed(page):
    """Turn the wheel over the chart; return from when to when it shows once it stands still."""
    page.locator(DRAWN).first.wait_for()
    before = width(page)
    middle(page)

    def turn():
        # A busy browser may take several turns for one.
        page.mouse.wheel(0, -200)
        page.evaluate(PAINTED)
        return width(page) < before / 2

    until(turn, "the zoom")
    shown = None
    while shown != (shown := ends(page)):
        page.evaluate(PAINTED)
    return shown


def swipe(page, at, way):
    """Draw a finger over the screen."""
    client = page.context.new_cdp_session(page)

    def touch(kind, *points):
        told = [dict(zip("xy", point, strict=True)) for point in points]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": told})

    touch("touchStart", at)
    for part in range(1, 11):
        touch("touchMove", [start + move * part / 10 for start, move in zip(at, way, strict=True)])
    touch("touchEnd")
