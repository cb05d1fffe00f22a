"""What the pages say of one moment: the figures that analytics reads from the same lake.

The collector is held, so that the time stands still.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import numpy as np
import pytest

from analytics import formats
from analytics.correlation.ranking import SIZES, known_until, largest
from analytics.correlation.view import SUBJECTS, matrix
from analytics.market.figures import figures
from analytics.market.measures import MEASURES, by_bar
from analytics.market.pair_figures import pair_figures
from analytics.market.venue_summary import quoted, venue_summaries
from analytics.panels import panel
from tests.browser.conftest import go
from tests.browser.demo.conftest import last_mark, pair_rows, pairs_then
from tests.browser.on_pages import (
    CELLS,
    DIALOG,
    NAMES,
    TABLE,
    choose_rows,
    ends,
    faint,
    serious,
    table,
    timeframe,
    words,
    zoomed,
)
from tests.waiting import until

pytestmark = pytest.mark.browser

FUNDING = ".st-key-funding_table [data-testid=stDataFrame]"


def load(still, metrics, bars):
    with still.demo.lake.cursor() as cursor:
        now, known_by = last_mark(still.shown), still.shown.known_by
        return panel.load(cursor, metrics, "5m", now=now, known_by=known_by, bars=bars)


def market_figures(still):
    """What Overview and Wallboard write of the whole market."""
    market = figures(*pairs_then(still)[:2], timedelta(minutes=5))
    usd = ("global_oi_usd", "volume_24h_usd")
    return [
        *(formats.usd(market[name].value) for name in usd),
        formats.pct(market["funding_8h_pct"].value, 4),
        formats.ratio(market["ls_accounts"].value),
        formats.share(market["breadth_pct"].value),
    ]


def pair_on_top(still):
    """What Market writes of the largest pair."""
    pairs, _, quotes = pairs_then(still)
    top = pair_figures(pairs.iloc[:1], quotes, still.shown.now)
    return [
        formats.price(top.price.value),
        formats.usd(top.oi_usd.value),
        formats.pct(top.funding_8h_pct.value, 4),
        formats.countdown(top.next_funding_ts - still.shown.now),
        formats.usd(top.volume_24h_usd.value),
    ]


def venue_figures(still):
    """What Exchanges writes of each venue."""
    pairs, history, quotes = pairs_then(still)
    nobody = pairs.iloc[:0]
    return [
        text
        for one in venue_summaries(quoted(pairs, quotes), history, timedelta(minutes=5), nobody)
        for text in (
            formats.venue(one.venue),
            formats.usd(one.figures["global_oi_usd"].value),
            f"{one.oi_share_pct:.1f} %",
            formats.usd(one.figures["volume_24h_usd"].value),
        )
    ]


def record_figures(still):
    """What Health writes of the record."""
    sizes = still.demo.ask("table_rows").set_index("table_name")
    return [f"{sizes['row_count'][name]:,}" for name in ("snapshots", "bars", "cycles")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Overview", market_figures),
        ("Market", pair_on_top),
        ("Exchanges", venue_figures),
        ("Health", record_figures),
        ("Wallboard", market_figures),
    ],
)
def test_page_writes_what_the_record_says(then, still, name, expected):
    """The figures are those that analytics reads from the same lake, at the same time."""
    said = words(then(name))

    assert [text for text in expected(still) if text not in said] == []
    assert "SIMULATED MARKET" in said


def test_an_asset_is_compared_and_a_rate_opens_its_pair(then):
    """In the table of funding: the first asset that is not compared already."""
    page = then("Exchanges")
    rows = table(page, FUNDING)
    row = next(nth for nth, cells in enumerate(rows) if cells[0] != "BTC")
    asset = page.get_by_role("combobox", name="Asset", exact=True)
    height = 29 * (row + 1.5)

    page.locator(FUNDING).click(position={"x": 20, "y": height}, delay=80)
    page.wait_for_function(
        "([field, asset]) => field.value === asset", arg=[asset.element_handle(), rows[row][0]]
    )
    page.locator(FUNDING).click(position={"x": 120, "y": height}, delay=80)
    page.wait_for_selector(DIALOG)

    assert f"{rows[row][0]}/USDT on" in page.locator(DIALOG).inner_text()
    page.keyboard.press("Escape")
    page.locator(DIALOG).wait_for(state="detached")


def test_overview_lists_every_pair(then, still):
    """Row by row: price, open interest, funding."""
    page = then("Overview")
    pairs = pairs_then(still)[0]

    shown = {(row[0], row[1]): (float(row[2]), float(row[6])) for row in pair_rows(page)}

    assert shown == {
        (formats.pair(row.symbol), row.venue): (row.price, pytest.approx(row.oi_usd))
        for row in pairs.itertuples()
    }


def test_heatmap_draws_what_the_record_says(then, still):
    """The newest column is the last bar's change of open interest, pair by pair."""
    page = then("Heatmap")
    choose_rows(page, "pairs")
    page.wait_for_function(
        "JSON.parse(document.querySelector('.js-plotly-plot')?.layout?.meta ?? 'null')"
        "?.rows[0].includes(' ')"
    )
    bars = load(still, ("oi_usd",), 49)
    changes = by_bar(bars, MEASURES["oi_delta_pct"]).values
    # Just after a mark the bar before it may not be made yet.
    newest = changes[known_until(changes) - 1]

    drawn = page.evaluate("""() => {
        const chart = document.querySelector(".js-plotly-plot")
        // Beneath the cells lies what lets the hatching through, if one has no value.
        const cells = chart.data.findLast((trace) => trace.type === "heatmap").z
        const { rows } = JSON.parse(chart.layout.meta)
        return rows.map((row, n) => [row, [...cells[n]].at(-1) ?? NaN])
    }""")

    assert dict(drawn) == {
        f"{pair.venue} {pair.symbol}": pytest.approx(value, abs=0.01, nan_ok=True)
        for pair, value in zip(bars.instruments, newest, strict=True)
    }


def test_correlation_draws_what_the_record_says(then, still):
    """Every r of the matrix, over the same day of bars."""
    page = then("Correlation")
    choose_rows(page, "pairs")
    subject = SUBJECTS["price"]
    pairs = largest(load(still, SIZES, 12), 50)
    # A day of returns takes one bar more than a day has.
    expected = matrix(load(still, subject.metrics, 289), pairs, subject, "pearson")

    drawn = page.wait_for_function(
        """(count) => {
            const chart = document.querySelector(".js-plotly-plot")
            const cells = chart?.data?.find((trace) => trace.type === "heatmap").z
            return cells?.length === count && cells.map((row) => [...row])
        }""",
        arg=len(pairs),
    ).json_value()

    known = ~np.eye(len(pairs), dtype=bool)
    assert np.allclose(np.array(drawn, dtype=float)[known], expected.r[known], atol=0.006)


def test_the_timeframe_changes_figures_and_address(then, still):
    """Every change is over an hour then, and a link to it says so."""
    page = then("Overview")
    hour, history, _ = pairs_then(still, timedelta(hours=1))
    first = formats.pct(figures(hour, history, timedelta(hours=1))["global_oi_usd"].change.pct)
    short = [row[2] for row in table(page)]
    # Another figure of the page may be the same by chance.
    assert first not in page.locator(".kpis li").first.inner_text()

    timeframe(page, "1h").click()
    page.wait_for_url("**timeframe=1h**")
    page.get_by_text(first).first.wait_for()
    page.wait_for_function(
        f"([selector, short]) => ({CELLS})(selector).some((row, n) => row[2] !== short[n])",
        arg=[TABLE, short],
    )

    changes = {(row[0], row[1]): float(row[3]) for row in pair_rows(page)}
    assert changes == {
        (formats.pair(row.symbol), row.venue): pytest.approx(row.price_delta_pct, abs=1e-4)
        for row in hour.itertuples()
    }
    timeframe(page, "5m").click()
    page.wait_for_url(lambda address: "timeframe" not in address)


@pytest.mark.parametrize(("theme", "asked"), [("dark", None), ("light", ["color-contrast"])])
def test_no_page_has_a_serious_fault_for_eyes_keyboard_or_screen_reader(stay, still, theme, asked):
    """As axe-core finds them; what of it is no matter of colours is the same in both themes.

    Rises, falls and side notes have the contrast of a text, on whatever lies behind them.
    """
    address = f"{still.demo.url}/?{still.at}"
    page = stay(address) if theme == "dark" else stay(address, theme=theme)
    faults, unread = [], {}

    for name in NAMES:
        go(page, name)
        faults += [f"{name}: {fault}" for fault in serious(page, asked)]
        unread |= {(name, text): contrast for text, contrast in faint(page).items()}

    assert faults == []
    assert unread == {}


def test_a_stopped_collector_is_a_banner_and_nothing_else(visit, still):
    """With its age; what was recorded is there, and whoever looks can go on working."""
    page = visit(f"{still.demo.url}/")
    page.get_by_text("No collector is running").wait_for()
    assert re.search(r"Showing data as of .* \(age \d+ (s|min)\)", words(page))
    assert len(table(page)) == 12

    timeframe(page, "4h").click()
    # The nearest end of a bar may be up to 2.5 minutes off.
    page.get_by_text(re.compile(r"in (4 h|3 h 5\d min)")).first.wait_for()
    for name in ("Market", "Heatmap", "Exchanges", "Health"):
        page.get_by_role("link", name=name, exact=True).click()
        title = "BTC/USDT · Binance" if name == "Market" else name
        page.get_by_role("heading", name=title, exact=True).wait_for()
        page.get_by_text("No collector is running").wait_for()

    still.demo.collector.resume()
    page.get_by_text("No collector is running").wait_for(state="hidden")


BAR = ".transport"
TIMES = """
    () => {
      const bar = document.querySelector(".transport")
      window.times = [bar.dataset.at]
      new MutationObserver(() => {
        if (bar.dataset.at !== window.times.at(-1)) window.times.push(bar.dataset.at)
      }).observe(bar, { attributes: true })
    }
"""


def bar(page, name):
    """Return what the transport bar says of itself: ``at``, ``playing``, ``replay``."""
    return page.locator(BAR).get_attribute(f"data-{name}")


def played(page):
    """Play until three more times were drawn, pause, and return all times in their order."""
    page.evaluate(TIMES)
    page.keyboard.press("Space")
    page.wait_for_function("window.times.length > 3")
    page.keyboard.press("Space")
    page.wait_for_selector(f"{BAR}[data-playing=false]")
    settled(page)
    return page.evaluate("window.times")


def settled(page):
    """Wait until sidebar and address say the time of the bar."""
    page.wait_for_function(
        """() => {
          const { at } = document.querySelector(".transport").dataset
          const field = document.querySelector("[aria-label='As of (UTC)']")
          return field.value === at && new URL(location).searchParams.get("at") === at
        }"""
    )


def test_the_record_is_played_stepped_and_left(visit, still):
    """One clock on every page; what is scrolled and zoomed stays as it is, and so does typing."""
    begin = last_mark(still.shown) - timedelta(hours=5)
    asked = f"at={begin:%Y-%m-%dT%H:%M:%SZ}&later=true&speed=120&rows=pairs"
    page = visit(f"{still.demo.url}/?{asked}", size=(900, 800))
    page.wait_for_selector(f"{BAR}[data-replay=true]")
    scroller = page.locator(f"{TABLE} .dvn-scroller")
    scroller.evaluate("(one) => { one.scrollLeft = 150 }")

    page.get_by_placeholder("Search pairs").press("Space")
    assert bar(page, "playing") == "false"
    page.get_by_placeholder("Search pairs").fill("")
    page.keyboard.press("Escape")
    page.locator("h2").click()
    times = played(page)
    assert times == sorted(set(times))
    assert scroller.evaluate("(one) => one.scrollLeft") == 150
    at = bar(page, "at")
    page.get_by_text(f"Showing stored data at {at[:10]} {at[11:16]} UTC").wait_for()
    until(lambda: f"REPLAY {at[11:16]}" in page.title(), "the tab's title")

    page.locator(f"{BAR} .unit").select_option("5m")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("(at) => document.querySelector('.transport').dataset.at < at", arg=at)
    assert datetime.fromisoformat(bar(page, "at")) == datetime.fromisoformat(at) - timedelta(
        minutes=5
    )
    settled(page)

    at = bar(page, "at")
    page = go(page, "Market")
    assert bar(page, "at") == at
    seen = zoomed(page)
    times = played(page)
    assert times[0] == at
    assert times == sorted(set(times))
    assert ends(page) == seen

    page.keyboard.press("Home")
    page.wait_for_function("(at) => document.querySelector('.transport').dataset.at < at", arg=at)
    page.keyboard.press("End")
    page.wait_for_selector(f"{BAR}[data-replay=false]", state="attached")
    page.wait_for_url(lambda address: "at=" not in address)
    until(lambda: "REPLAY" not in page.title(), "the tab's title")
