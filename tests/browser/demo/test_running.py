"""The pages as people use them, on a simulated market that runs."""

from __future__ import annotations

import re

import pytest

from analytics import formats
from tests.browser.conftest import go
from tests.browser.demo.conftest import pair_rows
from tests.browser.on_pages import (
    CHART,
    DIALOG,
    DRAWN,
    TABLE,
    ends,
    faint,
    serious,
    set_threshold,
    table,
    zoomed,
)
from tests.waiting import until

pytestmark = pytest.mark.browser

CELLS_DRAWN = ".st-key-heatmap_chart .js-plotly-plot"
ENDS = f"JSON.stringify(document.querySelector('{CELLS_DRAWN}')?.layout?.xaxis?.range)"
"""Of the heatmap's time; undefined while a refresh replaces the chart."""
CLOCK = "document.querySelector('[data-testid=stMain]').innerText.match(/\\d+:\\d+:\\d+ UTC/)?.[0]"


def on_venue(pair, venue):
    """Return which pair is meant, as a dialog's title has it."""
    return f"{pair} on {formats.venue(venue)}".casefold()


def open_first_pair(page):
    """Click on the first row; return its pair and venue."""
    pair, venue, *_ = pair_rows(page)[0]
    page.locator(TABLE).click(position={"x": 20, "y": 50}, delay=80)
    page.locator(f"{DIALOG} .chart canvas").first.wait_for()
    return pair, venue


def half_done(page):
    """Scroll, and type a search that is not finished; return the field."""
    table(page)
    search = page.get_by_role("textbox", name="Search pairs")
    search.click()
    search.press_sequentially("btc half a wo")
    page.evaluate(f"""() => {{
        document.querySelector("{TABLE}").mark = "the same"
        document.querySelector("[data-testid=stMain]").scrollTop = 120
    }}""")
    return search


def is_live(badge):
    """Return whether a badge says so, and since when; not where refreshes take long."""
    return re.search(r"Live \d\d:\d\d:\d\d UTC every 5 s", badge.inner_text())


def numbered(page, chart=CHART):
    """Return how many updates a chart was sent."""
    return int(page.locator(chart).get_attribute("data-update"))


def test_a_refresh_leaves_alone_what_somebody_does(visit, stay, demo):
    """Scroll and half a word, a zoom, and a dialog, each on a page of its own.

    The table and the charts change their figures, not themselves. The dialog lives, with the time
    that it is of, and so does the page behind it; it leads to the page of its pair.
    """
    typing, zooming = visit(demo.url, size=(1440, 500)), go(stay(demo.url), "Market")
    looking = visit(demo.url, by=typing.context)
    search, drawn_up = half_done(typing), zoomed(zooming)
    zooming.locator(CHART).evaluate("(chart) => { chart.mark = 'the same' }")
    pair, venue = open_first_pair(looking)
    dialog = looking.locator(f"{DIALOG} .chart")
    dialog.evaluate("(chart) => { chart.mark = 'the same' }")
    updates, drawn = numbered(zooming), numbered(looking, f"{DIALOG} .chart")
    badges = looking.locator(".st-key-live_dialog"), looking.locator(".st-key-live")
    live = [badge.inner_text() for badge in badges]

    for _ in range(2):
        clock = typing.evaluate(CLOCK)
        typing.wait_for_function(f"(before) => {CLOCK} !== before", arg=clock)
    until(lambda: numbered(zooming) > updates + 1, "two refreshes of the chart")
    until(lambda: numbered(looking, f"{DIALOG} .chart") > drawn + 1, "two refreshes of the dialog")

    assert typing.evaluate(f"document.querySelector('{TABLE}').mark") == "the same"
    assert typing.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 120
    assert search.input_value() == "btc half a wo"
    assert search.evaluate("field => field === document.activeElement")
    assert zooming.locator(CHART).evaluate("(chart) => chart.mark") == "the same"
    assert ends(zooming) == pytest.approx(drawn_up, abs=1)
    for badge, before in zip(badges, live, strict=True):
        until(lambda badge=badge, before=before: is_live(badge) and badge.inner_text() != before)
    assert on_venue(pair, venue) in looking.locator(DIALOG).inner_text().casefold()
    assert dialog.evaluate("(chart) => chart.mark") == "the same"

    looking.get_by_role("link", name="Open in Market").click()
    looking.wait_for_url("**/market?*")
    looking.locator(DRAWN).first.wait_for()
    assert f"venue={venue}" in looking.url
    chosen = looking.get_by_role("combobox", name="Asset or pair")
    assert chosen.input_value() == f"{pair} · {formats.venue(venue)}"
    assert looking.locator(DIALOG).count() == 0


def test_a_chart_that_missed_an_update_asks_for_all_of_it(stay, demo):
    """As after a lost connection: what follows what never came is not drawn."""
    page = go(stay(demo.url), "Market")
    page.locator(DRAWN).first.wait_for()
    whole = page.locator(f"{CHART} .title").all_inner_texts()

    page.locator(CHART).evaluate("(chart) => { chart.drawn.number = -7 }")
    until(lambda: page.locator(CHART).evaluate("(chart) => chart.drawn.number") > 0, "all of it")

    assert len(page.locator(f"{CHART} .title").all_inner_texts()) == len(whole)


SAID_OF_OLD = """() => {
  const badge = document.querySelector(".perpscope-old")
  return badge && getComputedStyle(badge, "::before").content
}"""


@pytest.mark.parametrize("name", ["Overview", "Wallboard"])
def test_a_page_that_gets_no_refresh_is_not_called_live(stay, demo, name):
    """Without any help of a server that is gone: what is shown turns into a snapshot."""
    page = go(stay(demo.url), name)
    badge = page.locator(".st-key-live, .wall-live")
    until(lambda: "Live" in badge.inner_text(), "a refresh")

    page.evaluate("perpscopeOldMs = 1")
    # A refresh may take it back at once.
    said = page.wait_for_function(SAID_OF_OLD).json_value()
    assert re.fullmatch(r'"Snapshot of \d\d:\d\d:\d\d UTC"', said)

    page.evaluate(f"perpscopeOldMs = {3000 * 5}")
    until(lambda: "Live" in badge.inner_text(), "a refresh")


SLOW_TO_TELL = """
const soon = window.setTimeout
window.setTimeout = (act, ms, ...rest) => soon(act, ms === 400 ? 3000 : ms, ...rest)
"""


def drawn_up(page):
    """Draw up the middle of the heatmap; return where its time begins and ends then."""
    page.wait_for_selector(f"{CELLS_DRAWN} .main-svg")
    whole = page.wait_for_function(f"() => {ENDS}").json_value()
    # A refresh may take the chart away under the mouse.
    assert any(drag(page, whole) for _ in range(10))
    return page.wait_for_function(f"() => {ENDS}").json_value()


def drag(page, whole):
    """Draw over a fifth of the heatmap; return whether it shows another time then."""
    from playwright.sync_api import TimeoutError as NotInTime

    box = page.locator(f"{CELLS_DRAWN} .nsewdrag").first.bounding_box()
    level = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.4 * box["width"], level)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], level, steps=5)
    page.mouse.up()
    try:
        page.wait_for_function(
            f"(whole) => ![undefined, whole].includes({ENDS})", arg=whole, timeout=5000
        )
    except NotInTime:
        return False
    return True


def test_a_zoom_just_before_a_chart_of_cells_is_drawn_anew_stays(visit, someone, demo):
    """The browser tells of the zoom when the chart that was zoomed is gone."""
    me = someone()
    me.add_init_script(SLOW_TO_TELL)
    page = visit(f"{demo.url}/heatmap", by=me)
    shown = drawn_up(page)

    page.evaluate(f"document.querySelector('{CELLS_DRAWN}').mark = 'the first'")
    set_threshold(page, "OI change, %", "0.05")
    page.wait_for_function(
        f"() => {{ const chart = document.querySelector('{CELLS_DRAWN}')\n"
        " return chart && !chart.mark }"
    )
    page.wait_for_function(f"(shown) => {ENDS} === shown", arg=shown)


def test_a_live_page_has_no_serious_fault(stay, demo):
    """With its badge, and alerts to act on; all pages are looked at as of one moment."""
    page = go(stay(demo.url), "Alerts")

    assert serious(page) == []
    assert faint(page) == {}
