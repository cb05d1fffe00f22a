"""What holds on every page: nothing recorded, a phone, and colours that can be read."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from dashboard.market.panes import LABELS

pytestmark = pytest.mark.browser

PAGES = {
    "Overview": "",
    "Market": "market",
    "Heatmap": "heatmap",
    "Correlation": "correlation",
    "Exchanges": "exchanges",
    "Alerts": "alerts",
    "Health": "health",
    "Wallboard": "wallboard",
}

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
WIDTH = """
() => Math.max(
  document.documentElement.scrollWidth, document.querySelector("[data-testid=stMain]").scrollWidth
)
"""


def each_page(visit, address, visitor):
    """Give each page's name, and the page, opened one after the other by one *visitor*."""
    for name, path in PAGES.items():
        page = visit(f"{address}/{path}", by=visitor)
        yield name, page
        page.close()


def test_the_first_visitor_of_a_page_gets_its_frame(visit, empty):
    """Streamlit takes the folder called pages for pages of its older kind until told otherwise.

    Stands first of all that look at the empty record: it must be the first visit to its server.
    """
    page = visit(f"{empty}/health")

    assert page.title() == "Health · perpscope"
    assert page.get_by_role("link", name="Overview").is_visible()


def test_an_empty_record_is_a_sentence(visit, someone, empty):
    """It says what to do, on every page, and no page fails."""
    for _, page in each_page(visit, empty, someone()):
        page.get_by_text("No data yet").wait_for()
        page.get_by_text("perpscope demo").wait_for()
        assert page.get_by_test_id("stException").count() == 0


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


def test_nothing_is_wider_than_a_phone(visit, someone, made):
    """Cards wrap and charts shrink; only a table scrolls, in itself."""
    widths = {
        name: page.evaluate(WIDTH)
        for name, page in each_page(visit, made, someone(size=(390, 844)))
    }

    assert widths == dict.fromkeys(PAGES, 390)


# Where the middles of the title and of a control beside it are, and where the bar above ends.
LEVELS = """
() => [".st-key-headline h2", ".st-key-toolbar [data-testid=stButtonGroup]:last-child"]
  .map((selector) => [...document.querySelectorAll(selector)].at(-1)?.getBoundingClientRect())
  .map((box) => box && (box.top + box.bottom) / 2)
"""


def test_title_and_timeframe_are_in_one_line(visit, someone, made):
    """At the same height on every page that has both."""
    levels = {name: page.evaluate(LEVELS) for name, page in each_page(visit, made, someone())}
    both = {name: two for name, two in levels.items() if all(two)}

    assert set(both) == set(PAGES) - {"Alerts", "Health", "Wallboard"}
    assert max(abs(title - timeframe) for title, timeframe in both.values()) <= 1
    assert len({round(title) for title, _ in levels.values() if title}) == 1


def test_every_pane_of_market_can_be_seen_to_be_there(visit, made):
    """Behind one button, none of them beyond the edge."""
    page = visit(f"{made}/market?base=BTC")

    page.get_by_role("button", name="Panes").click()
    page.locator(".st-key-panes_on button").first.wait_for()
    buttons = page.locator(".st-key-panes_on button").all()
    assert [button.inner_text() for button in buttons] == list(LABELS)
    assert max(box["x"] + box["width"] for b in buttons for box in [b.bounding_box()]) <= 1440


def test_on_a_phone_markets_chart_comes_first(visit, made):
    """Three fifths of the first screen, and the figures after it; the price is on the chart."""
    page = visit(f"{made}/market?base=BTC", size=(390, 844))

    chart = page.locator(".st-key-market_chart").bounding_box()
    figures = page.locator(".st-key-market_figures").bounding_box()
    assert chart["y"] <= 0.4 * 844
    assert chart["height"] >= 0.6 * 844
    assert figures["y"] >= chart["y"] + chart["height"]


def test_keys_go_to_the_neighbours_and_to_the_search_and_panes_are_kept(visit, made, someone):
    """As a hand presses them, and not while somebody types; the tab's title follows."""
    visitor = someone()
    page = visit(f"{made}/market?venue=binance&symbol=BTC/USDT:USDT", by=visitor)
    title = page.locator("h2").first
    first = title.inner_text()

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


def test_the_wallboard_fits_its_screen(visit, made):
    """Nobody scrolls it: prices on top, three lists side by side, figures to its lower edge."""
    page = visit(f"{made}/wallboard")

    lists = [one.bounding_box() for one in page.locator(".wall-list").all()]
    assert len({round(box["y"]) for box in lists}) == 1
    price = page.locator(".wall-price b").first.bounding_box()
    assert price["height"] > page.locator(".wall-top strong").bounding_box()["height"]
    cards = page.locator(".wall-cards").bounding_box()
    assert 900 - (cards["y"] + cards["height"]) < 45
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight") == 900


def test_a_phone_reaches_every_page(visit, made):
    """Behind the sign at the top stand the same links."""
    page = visit(f"{made}/", size=(390, 844))

    page.get_by_test_id("stExpandSidebarButton").click()
    links = page.get_by_test_id("stSidebar").get_by_role("link")
    links.first.wait_for()
    assert [link.inner_text().splitlines()[-1] for link in links.all()] == list(PAGES)
    links.filter(has_text="Health").click()

    page.get_by_role("heading", name="Health").wait_for()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_text_can_be_read(visit, someone, made, theme):
    """Rises, falls and side notes as well, on whatever lies behind them."""
    faint = {}
    for name, page in each_page(visit, made, someone(theme=theme)):
        found = page.evaluate(CONTRASTS)
        assert len(found) > 20
        faint |= {(name, text): round(value, 2) for text, value in found if value < AA}

    assert faint == {}


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

    for path in PAGES.values():
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
