"""What holds on every page: nothing recorded, a phone, and colours that can be read."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from statistics import median

import pytest

from dashboard.pair_chart.panes import LABELS
from tests.browser.conftest import arrive, go
from tests.browser.on_pages import CHART, DRAWN, NAMES, ends, faint, swipe
from tests.waiting import until

pytestmark = pytest.mark.browser

WIDTH = """
() => Math.max(
  document.documentElement.scrollWidth, document.querySelector("[data-testid=stMain]").scrollWidth
)
"""


def test_an_empty_record_is_a_sentence_from_the_first_visit_on(visit, empty):
    """It says what to do, on every page, and no page fails.

    The first of all visits gets the frame on its page, too: Streamlit takes the folder called
    pages for pages of its older kind until told otherwise. No other test may ask this server.
    """
    page = visit(f"{empty}/health")
    assert page.title() == "Health · perpscope"
    assert page.get_by_role("link", name="Overview").is_visible()

    for name in ("Health", *NAMES):
        go(page, name)
        if name == "Studio":
            # Files of one's own can be looked at without a collector.
            page.get_by_role("button", name="Read", exact=True).wait_for()
            continue
        page.get_by_text("No data yet").wait_for()
        page.get_by_text("perpscope demo").wait_for()
        assert page.get_by_test_id("stException").count() == 0
        assert faint(page) == {}


def test_a_page_that_fails_says_so_and_the_log_why(ailing, visit, someone):
    """One sentence for who looks, the traceback for who mends, and the other pages go on."""
    address, log = ailing
    me = someone()

    page = visit(f"{address}/exchanges", by=me)
    page.get_by_text("This page failed").wait_for()
    page.get_by_text("The error is in the dashboard's log").wait_for()
    page.get_by_role("link", name="Overview", exact=True).click()
    page.get_by_text("$17.94B").wait_for()

    said = log.read_text()
    assert "page Exchanges failed" in said
    assert "in offers" in said
    assert "JSONDecodeError" in said


LATE = """() => performance.getEntriesByType("resource")
  .filter(({ name, initiatorType }) => name.endsWith(".js") && initiatorType === "script")
  .map(({ name }) => name.split("/").pop()).filter((name) => !name.startsWith("index."))"""


@pytest.mark.parametrize("name", ["", "heatmap", "exchanges"])
def test_a_page_names_all_the_code_that_it_draws_with(visit, made, name):
    """So that the browser fetches it while the server works, and not only once it is told."""
    page = visit(f"{made}/{name}")

    assert page.evaluate(LATE) == []


MEASURED = """() => {
  const text = document.createElement("span")
  const column = document.querySelector("[data-testid=stMain] [data-testid=stVerticalBlock]")
  for (const place of [document.body, column, document.body, column]) {
    place.append(text)
    text.getBoundingClientRect()
    text.remove()
    place.getBoundingClientRect()
  }
}"""


def test_the_browser_measures_a_text_without_looking_at_the_rest_of_the_page(stay, browser, made):
    """Charts put hundreds of texts on a page to see how wide they are, and take them away again.

    A style for ``:root:has(…)`` had the browser find the style of every element again each time.
    """
    page, restyled = stay(made), {}
    for name in ("Overview", "Market", "Heatmap"):
        go(page, name)
        browser.start_tracing(page=page, categories=["devtools.timeline"])
        page.evaluate(MEASURED)
        events = json.loads(browser.stop_tracing())["traceEvents"]
        found = [event["args"] for event in events if event["name"] == "UpdateLayoutTree"]
        # Not the most: the page may have changed by itself just before.
        restyled[name] = median(each["elementCount"] for each in found if "elementCount" in each)

    assert {name: count for name, count in restyled.items() if count > 50} == {}


def test_a_phone_reaches_every_page_and_none_is_wider(visit, made):
    """Behind the sign at the top stand the links. Cards wrap and charts shrink; only a table
    scrolls, in itself. And all can be read in the sun."""
    page = visit(made, size=(390, 844), theme="light")
    widths, unread = {}, {}
    links = page.get_by_test_id("stSidebar").get_by_role("link")
    page.get_by_test_id("stExpandSidebarButton").click()
    links.first.wait_for()
    assert [link.inner_text().splitlines()[-1] for link in links.all()] == list(NAMES)

    for name in NAMES:
        if not links.first.is_visible():
            page.get_by_test_id("stExpandSidebarButton").click()
        page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
        arrive(page, name)
        widths[name] = page.evaluate(WIDTH)
        unread |= {(name, text): contrast for text, contrast in faint(page).items()}

    assert widths == dict.fromkeys(NAMES, 390)
    assert unread == {}


# Where the middles of the title and of a control beside it are, and where the bar above ends.
LEVELS = """
() => [".st-key-headline h2", ".st-key-toolbar [data-testid=stButtonGroup]:last-child"]
  .map((selector) => [...document.querySelectorAll(selector)].at(-1)?.getBoundingClientRect())
  .map((box) => box && (box.top + box.bottom) / 2)
"""


def test_title_and_timeframe_are_in_one_line(stay, made):
    """At the same height on every page that has both."""
    levels = {name: go(stay(made), name).evaluate(LEVELS) for name in NAMES}
    both = {name: two for name, two in levels.items() if all(two)}

    assert set(both) == set(NAMES) - {"Alerts", "Studio", "Health", "Wallboard"}
    assert max(abs(title - timeframe) for title, timeframe in both.values()) <= 1
    assert len({round(title) for title, _ in levels.values() if title}) == 1


def test_every_pane_of_market_can_be_seen_to_be_there(visit, made):
    """Behind one button, none of them beyond the edge; and the axis of time at the window's lower
    edge, though the chart goes on below it."""
    page = visit(f"{made}/market?base=BTC&panes=all")
    page.locator(DRAWN).first.wait_for()
    axis = page.locator(f"{CHART} tr").last
    lower = page.evaluate("innerHeight")

    def end():
        box = axis.bounding_box()
        return box["y"] + box["height"]

    for top in (0, 200):
        page.evaluate(f"document.querySelector('[data-testid=stMain]').scrollTop = {top}")
        until(lambda: end() == pytest.approx(lower, abs=2), "the axis at the window's lower edge")

    page.get_by_role("button", name="Panes").click()
    page.locator(".st-key-panes_on button").first.wait_for()
    buttons = page.locator(".st-key-panes_on button").all()
    assert [button.inner_text() for button in buttons] == list(LABELS)
    assert max(box["x"] + box["width"] for b in buttons for box in [b.bounding_box()]) <= 1440


def test_on_a_phone_markets_chart_comes_first_and_a_finger_scrolls_past_it(visit, made):
    """Three fifths of the first screen, and the figures after it; the price is on the chart."""
    page = visit(f"{made}/market?base=BTC", size=(390, 844))
    page.locator(DRAWN).first.wait_for()

    chart = page.locator(".st-key-market_chart").bounding_box()
    figures = page.locator(".st-key-market_figures").bounding_box()
    assert chart["y"] <= 0.4 * 844
    assert chart["height"] >= 0.6 * 844
    assert figures["y"] >= chart["y"] + chart["height"]

    box, whole = page.locator(CHART).bounding_box(), ends(page)
    swipe(page, (150, min(box["y"] + 100, 780)), (0, -200))
    page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop > 50")
    assert ends(page) == whole


LISTENS = """
() => {
  const key = new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true })
  const isTaken = !document.body.dispatchEvent(key)
  document.activeElement.blur()
  return isTaken
}
"""
"""Whether the page takes keys; its code for them comes after what is drawn."""


def test_keys_go_to_the_neighbours_and_to_the_search_and_panes_are_kept(visit, made, someone):
    """As a hand presses them, and not while somebody types; the tab's title follows."""
    visitor = someone()
    page = visit(f"{made}/market?venue=binance&symbol=BTC/USDT:USDT", by=visitor)
    title = page.locator("h2").first
    first = title.inner_text()
    page.wait_for_function(LISTENS)

    page.keyboard.press("]", delay=80)
    page.wait_for_function("(was) => document.querySelector('h2').innerText !== was", arg=first)
    second = title.inner_text()
    page.wait_for_function(
        "(base) => document.title.startsWith(`${base} `)", arg=second.partition("/")[0]
    )
    page.keyboard.press("[", delay=80)
    page.wait_for_function("(was) => document.querySelector('h2').innerText === was", arg=first)

    page.keyboard.press("/", delay=80)
    search = page.locator(".st-key-market_pair input")
    assert search.evaluate("(one) => one === document.activeElement")
    page.keyboard.type("eth]")
    assert search.input_value() == "eth]"
    assert title.inner_text() == first
    page.keyboard.press("Escape")

    page.get_by_role("radio", name="Flow").click()
    page.wait_for_url("**panes=flow**")
    page.wait_for_function("() => localStorage.getItem('perpscope-panes') === 'flow'")
    page.close()
    again = visit(f"{made}/market", by=visitor)
    again.wait_for_url("**panes=flow**")


def test_the_wallboard_fits_its_screen(stay, made):
    """Nobody scrolls it: prices on top, three lists side by side, figures to its lower edge."""
    page = go(stay(made), "Wallboard")

    lists = [one.bounding_box() for one in page.locator(".wall-list").all()]
    assert len({round(box["y"]) for box in lists}) == 1
    price = page.locator(".wall-price b").first.bounding_box()
    assert price["height"] > page.locator(".wall-top strong").bounding_box()["height"]
    cards = page.locator(".wall-cards").bounding_box()
    assert 900 - (cards["y"] + cards["height"]) < 45
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight") == 900


# While a page loads anew it has no app yet, and so no ground.
GROUND = (
    "((app) => app && getComputedStyle(app).backgroundColor)"
    "(document.querySelector('[data-testid=stApp]'))"
)


def choose(page, look):
    """Choose *look* in the menu of the frame."""
    page.get_by_test_id("stMainMenu").click()
    page.get_by_test_id(f"stMainMenuItem-theme-{look}").click()


def wait_for_ground(page, color):
    page.wait_for_function(f"() => {GROUND} === '{color}'")


def wait_for_cells_on(page, color):
    cells = "document.querySelector('.js-plotly-plot .main-svg')"
    page.wait_for_function(f"() => {cells}?.style.background === '{color}'")


def test_a_chosen_look_holds_on_every_page(visit, someone, made):
    """The system's is the first one, also when it changes; then what was chosen last, anywhere."""
    me, dark, light = someone(prefers="light"), "rgb(11, 14, 20)", "rgb(255, 255, 255)"
    page, loads = me.new_page(), []
    page.on("load", lambda _: loads.append(1))

    page.goto(f"{made}/heatmap")
    wait_for_cells_on(page, light)
    wait_for_ground(page, light)
    page.emulate_media(color_scheme="dark")
    wait_for_ground(page, dark)
    wait_for_cells_on(page, dark)
    choose(page, "Light")
    wait_for_ground(page, light)
    wait_for_cells_on(page, light)
    assert len(loads) == 1
    page.goto(f"{made}/exchanges")
    wait_for_ground(page, light)
    page.get_by_role("link", name="Overview", exact=True).click()
    page.get_by_role("heading", name="Overview").wait_for()
    page.emulate_media(color_scheme="light")
    choose(page, "Dark")
    wait_for_ground(page, dark)

    # Streamlit looks for it by page, when one is loaded.
    page.wait_for_function(
        """(paths) => paths.every(
            (path) => localStorage.getItem(`stActiveTheme-/${path}-v2`)?.includes("Dark")
        )""",
        arg=["", *(name.lower() for name in NAMES[1:])],
    )
    for path in ("", "market"):
        page.goto(f"{made}/{path}")
        wait_for_ground(page, dark)


def minutes(text):
    return int(text[:2]) * 60 + int(text[3:5])


def test_the_market_is_in_utc_wherever_the_browser_is(visit, made):
    """And beside it stands the time of who looks. India is 5:30 ahead."""
    page = visit(f"{made}/market", zone="Asia/Kolkata")
    chart = page.locator(".chart")
    chart.locator("canvas").first.wait_for()

    at = re.search(r"at (\d\d:\d\d)(:\d\d)? UTC", chart.locator(".title").first.inner_text())[1]
    first, last = (int(chart.get_attribute(f"data-{end}")) for end in ("from", "to"))
    newest = datetime.fromtimestamp(last, UTC)
    words = chart.evaluate("(chart) => chart.drawn.words.pointedAt(1761136740)")

    # Two bars of room at the right edge.
    assert 0 <= (newest.hour * 60 + newest.minute - minutes(at)) % 1440 <= 15
    assert last - first < 2.5 * 3600
    assert words == "Wed 22 Oct 2025 12:39 UTC · Wed 18:09 Asia/Calcutta"
