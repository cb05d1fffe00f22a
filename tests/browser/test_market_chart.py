"""The chart of Market under a hand: wheel, crosshair, keys, panes, and what stays of it."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from analytics.quantities import QUANTITIES
from dashboard.pair_chart.panes import PANES
from dashboard.pair_chart.scales import scale
from tests.browser.conftest import HOLE
from tests.browser.on_pages import CHART, DRAWN, PAINTED, ends, middle, width, zoomed
from tests.browser.test_looks import choose
from tests.waiting import until

pytestmark = pytest.mark.browser

ETH = "market?venue=binance&symbol=ETH/USDT:USDT&panes=oi.oi-change.long-short.funding"


@pytest.fixture
def chart(visit, someone, made):
    """A function that opens Market on a pair, as one person, and waits for the chart."""
    me = someone()

    def opened(address=ETH, **look):
        page = visit(f"{made}/{address}", **look) if look else visit(f"{made}/{address}", by=me)
        page.locator(DRAWN).first.wait_for()
        return page

    return opened


def order(page):
    """Return the panes from top to bottom, each where it goes."""
    places = page.locator(f"{CHART} .title").evaluate_all(
        f"async (titles) => {{ await {PAINTED}\n"
        "return titles.map((one) => [one.offsetTop, one.dataset.pane]) }"
    )
    return [label for _, label in sorted(places)]


def drag(page, pane, onto):
    """Drag a pane by its title to the place of another one, both in sight."""
    of = f"{CHART} .title[data-pane='{{}}']".format
    page.locator(of(onto)).scroll_into_view_if_needed()
    held = page.locator(f"{of(pane)} .name").bounding_box()
    below = page.locator(of(onto)).bounding_box()
    page.mouse.move(held["x"] + 10, held["y"] + held["height"] / 2)
    page.mouse.down()
    page.mouse.move(below["x"] + 60, below["y"] + 8, steps=6)
    assert page.locator(f"{CHART} .target").get_attribute("data-pane") == onto
    page.mouse.up()


def title(page, pane="Price"):
    return page.locator(f"{CHART} .title[data-pane='{pane}']").inner_text()


def at_bar(page, bar):
    """Return where on the screen a bar is drawn. [px]"""
    box = page.locator(CHART).bounding_box()
    x = page.locator(CHART).evaluate(
        "(chart, bar) => chart.drawn.time.logicalToCoordinate(bar)", bar
    )
    return box["x"] + x, box["y"] + 120


def test_the_wheel_zooms_in_time_and_a_double_click_shows_all(chart):
    """The page stays where it is; over the price's axis the wheel is the page's."""
    page = chart()
    whole = ends(page)

    zoomed(page)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0
    page.mouse.dblclick(*middle(page))
    until(lambda: ends(page) == whole, "all bars")

    box = page.locator(CHART).bounding_box()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + 150)
    page.mouse.wheel(0, 120)
    page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop > 0")
    assert ends(page) == whole


def test_the_same_bars_are_in_sight_whatever_the_width(chart):
    """Of the window, and of the price axis, which grows with its labels at a refresh."""
    page = chart()
    plot = "({ drawn }) => drawn.time.width()"
    axis = """({ drawn }, minimumWidth) =>
        drawn.api.applyOptions({ rightPriceScale: { minimumWidth } })"""

    def resized(act):
        before = page.locator(CHART).evaluate(plot)
        act()
        until(lambda: page.locator(CHART).evaluate(plot) != before, "another width")
        return ends(page)

    for see in (ends, zoomed):
        shown = see(page)
        for px in (70, 120):
            assert resized(lambda px=px: page.locator(CHART).evaluate(axis, px)) == shown
        for px in (800, 1440):
            size = {"width": px, "height": 900}
            assert resized(lambda size=size: page.set_viewport_size(size)) == shown


def test_titles_follow_the_crosshair(chart):
    """And say the last values when it leaves."""
    page = chart()
    last = title(page)

    page.mouse.move(*at_bar(page, 3))
    until(lambda: title(page) != last, "the bar under the crosshair")
    under, volume = title(page), title(page, "OI")

    assert "O 3,434.00 H 3,451.00 L 3,383.00 C 3,400.00" in under
    assert "$2.25B" in volume
    page.mouse.move(5, 5)
    until(lambda: title(page) == last, "the last values")


def test_a_fill_of_a_simulated_trade_says_what_it_is_under_the_crosshair(chart):
    """Elsewhere the title has what the trades come to; it is all text, no markup."""
    page = chart()
    fill = {"bar": 3, "price": 3400, "color": "#fff", "text": "RSI reversal: <b>long</b> at 3,400"}
    fill |= {"shape": "arrowUp", "position": "atPriceBottom"}
    sums = [{"name": "RSI reversal", "color": "#fff", "value": "1 trade, +$2.00"}]

    page.locator(CHART).evaluate(
        """({ drawn }, [fill, beside]) => {
          const { number, times, parts: { titles } } = drawn
          const said = { ...titles, Price: { ...titles.Price, beside } }
          const parts = { trades: [fill], titles: said }
          drawn.take({ number: number + 1, after: number, times, lines: {}, parts })
        }""",
        [fill, sums],
    )

    assert "RSI reversal 1 trade, +$2.00" in title(page)
    page.mouse.move(*at_bar(page, 3))
    until(lambda: fill["text"] in title(page), "the words of the fill")
    assert "1 trade" not in title(page)
    page.mouse.move(*at_bar(page, 5))
    until(lambda: "long" not in title(page), "a bar without a fill")


def test_a_chart_that_two_updates_leave_at_once_is_closed_once(chart):
    """Each update of a chart has an end of its own, and a page that goes ends both."""
    page = chart()

    page.locator(CHART).evaluate(
        """async (chart) => {
          const draw = await perpscopeChart.promise
          const parentElement = chart.getRootNode()
          const data = { number: chart.drawn.number }
          const ends = [1, 2].map(() => draw({ data, parentElement, setTriggerValue() {} }))
          parentElement.host.remove()
          for (const end of ends) end()
          await new Promise((go) => setTimeout(go))
        }"""
    )

    # What went wrong in the page fails the test at its end.
    assert page.locator(CHART).count() == 0


INK = """
(chart, [label, bar]) => {
  const { drawn } = chart
  const picture = drawn.api.takeScreenshot(false, false)
  const [{ pane }] = [drawn.panes.get(label)]
  const row = pane.getHTMLElement().getBoundingClientRect()
  const ratio = picture.width / drawn.plot.clientWidth
  const x = Math.round(drawn.time.logicalToCoordinate(bar) * ratio)
  const top = Math.round((row.top - chart.getBoundingClientRect().top + 22) * ratio)
  const { data } = picture.getContext("2d").getImageData(x, top, 1, (row.height - 30) * ratio)
  const line = drawn.parts.colors.line
  const wanted = [1, 3, 5].map((at) => parseInt(line.slice(at, at + 2), 16))
  let count = 0
  for (let at = 0; at < data.length; at += 4)
    if (wanted.every((one, n) => Math.abs(one - data[at + n]) < 60)) count += 1
  return count
}
"""


def test_a_gap_is_a_gap(chart):
    """No line runs over bars that were not recorded."""
    page = chart()
    bars = page.locator(CHART).evaluate("(chart) => chart.drawn.times.bars")
    # The last bar may be the one under way.
    closed = bars - bars % 24
    first, *_, last = [closed - back for _, _, back in HOLE]

    inked = [
        page.locator(CHART).evaluate(INK, ["OI", bar]) > 0
        for bar in (first - 2, first, first + 1, last, last + 2)
    ]

    assert inked == [True, False, False, False, True]


def test_panes_are_moved_and_stay_where_they_are(chart):
    """Over a reload, and their sizes with them."""
    page = chart()
    assert order(page) == ["Price", "OI", "OI change", "Long/short", "Funding"]

    page.get_by_role("button", name="Move Funding up").click()
    until(lambda: order(page)[3] == "Funding", "the pane to move")
    page.get_by_role("button", name="Move Price down").click()
    until(lambda: order(page)[1] == "Price", "the price to move")
    # By its title down to the lowest pane, and back up between two others.
    for onto, there in (("Long/short", 4), ("Funding", 2)):
        drag(page, "OI change", onto)
        until(lambda at=there: order(page)[at] == "OI change", "the pane to be dragged")
    moved = order(page)
    lower = page.locator(f"{CHART} .title[data-pane='OI change']")
    down = "(title) => title.offsetTop"
    box, before = lower.bounding_box(), lower.evaluate(down)
    # The separator is above the title.
    page.mouse.move(box["x"] + 300, box["y"] - 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] - 62, steps=6)
    page.mouse.up()
    until(lambda: "shares" in (page.evaluate("localStorage['perpscope-chart']") or ""), "sizes")
    page.evaluate(PAINTED)
    dragged = lower.evaluate(down)
    page.reload()
    page.locator(DRAWN).first.wait_for()

    assert moved == ["OI", "Price", "OI change", "Funding", "Long/short"]
    until(lambda: order(page) == moved, "the panes where they were")
    assert dragged < before - 30
    until(lambda: lower.evaluate(down) == pytest.approx(dragged, abs=3), "their sizes")


def test_a_log_scale_stays(chart):
    """It is this person's wish, for every pair."""
    page = chart()
    mode = "(chart) => chart.drawn.api.priceScale('right', 0).options().mode"

    page.get_by_role("button", name="Log").click()
    assert page.locator(CHART).evaluate(mode) == 1
    page = chart("market?venue=okx&symbol=BTC/USDT:USDT")

    assert page.locator(CHART).evaluate(mode) == 1
    assert page.get_by_role("button", name="Log").get_attribute("aria-pressed") == "true"


DATA = """
(chart) => Object.fromEntries([...chart.drawn.panes]
  .sort(([, one], [, other]) => one.pane.paneIndex() - other.pane.paneIndex())
  .map(([label, { series }]) => [label, [...series.values()]
    .map(({ api }) => api.data().filter((row) => Object.keys(row).length > 1).length)
    .reduce((sum, count) => sum + count)]))
"""
"""How many bars of each pane have data, from the topmost pane down."""


def test_the_zoom_stays_over_a_change_of_panes_and_of_theme(chart):
    """The chart stays as well, with other panes and in other colours."""
    page = chart()
    shown = zoomed(page)
    page.locator(CHART).evaluate("(chart) => { chart.mark = 'the same' }")

    page.get_by_role("radio", name="Funding").click()
    until(lambda: order(page) == ["Price", "OI", "Long/short", "Funding"], "the other panes")
    assert ends(page) == pytest.approx(shown, abs=1)

    before = page.locator(CHART).evaluate(DATA)
    page.get_by_role("radio", name="All").click()
    until(lambda: len(order(page)) > 8, "more panes than before")
    after = page.locator(CHART).evaluate(DATA)
    assert set(after) > set(before)
    # The price has its bands, too.
    assert before == {label: after[label] for label in before} | {"Price": before["Price"]}
    assert after["Price"] > before["Price"]
    assert min(after.values()) > 0
    assert list(after) == order(page)
    assert ends(page) == pytest.approx(shown, abs=1)

    choose(page, "Light")
    until(
        lambda: (
            page.locator(CHART).evaluate("(c) => c.style.getPropertyValue('--background')")
            == "#FFFFFF"
        ),
        "the light ground",
    )

    assert page.locator(CHART).evaluate("(chart) => chart.mark") == "the same"
    assert ends(page) == pytest.approx(shown, abs=1)


def test_the_chart_is_worked_by_keys(chart):
    """Bar by bar, zoom, and all of it."""
    page = chart()
    whole = width(page)
    page.locator(f"{CHART} .plot").focus()

    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert "O 3," in title(page)
    page.keyboard.press("+")
    until(lambda: width(page) < whole, "the zoom")
    page.keyboard.press("0")
    until(lambda: width(page) == whole, "all bars")


def test_values_are_written_as_on_the_page(chart):
    """Every kind of value that a pane has, small and large, above zero and below it."""
    page = chart()
    sizes = [
        0.0,
        0.0000123,
        0.000471,
        0.0349,
        0.4567,
        1.0,
        2.3461,
        12.3,
        98_123.4,
        999_999.0,
        6.42e9,
    ]
    values = [sign * size for size in sizes for sign in (1, -1)]
    panes = [pane for pane in PANES if pane.lines]
    ways = [asdict(scale(pane, [np.array(values)])) for pane in panes]

    said = page.locator(CHART).evaluate(
        """(chart, [ways, values]) =>
            ways.map((how) => values.map((one) => chart.drawn.words.written(one, how)))""",
        [ways, values],
    )

    for pane, words in zip(panes, said, strict=True):
        assert words == [QUANTITIES[pane.lines[0]].write(value) for value in values], pane.label


def test_a_name_is_no_markup(chart):
    """Whoever lists a coin must not put an element onto the page."""
    page = chart()
    name = "<img src=x onerror=alert(1)> on Binance"

    page.locator(CHART).evaluate(
        """(chart, name) => {
            Object.assign(chart.drawn.parts.titles.Price, { name, value: name, after: name })
            chart.drawn.writeTitles()
        }""",
        name,
    )

    assert title(page).count(name) == 3
    assert page.locator(f"{CHART} img").count() == 0
