"""The pages as people use them, on a simulated market that runs.

All of it is in one file, so that however the tests are spread, one demo is started. Those of
the running market come first; then the collector is stopped, and the rest looks at a time
that stands still.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import openpyxl
import pypdf
import pytest

from analytics import formats
from analytics.correlation.ranking import SIZES, known_until, largest
from analytics.correlation.view import SUBJECTS, matrix
from analytics.market.figures import figures
from analytics.market.measures import MEASURES, by_bar
from analytics.market.venue_summary import quoted, venue_summaries
from analytics.pair.pair_figures import pair_figures
from analytics.panels import panel
from tests.browser.conftest import COMPLETE, VENUES
from tests.waiting import until

pytestmark = pytest.mark.browser

TABLE = ".st-key-pair_table [data-testid=stDataFrame]"
ASSET = ".st-key-comparison [data-testid=stDataFrame]"
FUNDING = ".st-key-funding_table [data-testid=stDataFrame]"
CHART = ".st-key-market_chart .chart"
DRAWN = f"{CHART} canvas"
"""What is in the chart's shadow is found by locators alone."""
CELLS_DRAWN = ".st-key-heatmap_chart .js-plotly-plot"
ENDS = f"JSON.stringify(document.querySelector('{CELLS_DRAWN}')?.layout?.xaxis?.range)"
"""Of the heatmap's time; undefined while a refresh replaces the chart."""
DIALOG = "[role=dialog]"
PAGES = {
    "overview": "",
    "market": "market",
    "heatmap": "heatmap",
    "correlation": "correlation",
    "exchanges": "exchanges",
    "alerts": "alerts",
    "health": "health",
    "wallboard": "wallboard",
}
CELLS = """
(selector) => [...document.querySelector(selector).querySelectorAll("tbody tr")]
  .map((row) => [...row.children].map((cell) => cell.innerText))
"""
CLOCK = "document.querySelector('[data-testid=stMain]').innerText.match(/\\d+:\\d+:\\d+ UTC/)?.[0]"


def words(page):
    return re.sub(r"\s+", " ", page.locator("[data-testid=stMain]").inner_text())


def list_pairs(page):
    """List pairs in Overview's table, which lists assets at first."""
    pairs = page.locator(".st-key-rows").get_by_role("radio", name="pairs", exact=True)
    if not pairs.is_checked():
        pairs.click()
    page.wait_for_function(
        "(table) => document.querySelector(`${table} th`)?.innerText.endsWith('Pair')", arg=TABLE
    )


def table(page, selector=TABLE):
    """Return the cells of a table, which stand behind what is painted."""
    if selector == TABLE:
        list_pairs(page)
    page.wait_for_selector(f"{selector} tbody tr", state="attached")
    return page.evaluate(CELLS, selector)


def pair_rows(page):
    """Return the cells of the table of pairs; its first column as pair and venue."""
    ids = {formats.venue(name): name for name in VENUES}
    rows = [(name.split(), rest) for name, *rest in table(page)]
    return [[pair, ids[venue], *rest] for (pair, venue), rest in rows]


def on_venue(pair, venue):
    """Return which pair is meant, as a dialog's title has it."""
    return f"{pair} on {formats.venue(venue)}".casefold()


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


def open_first_pair(page):
    """Click on the first row; return its pair and venue."""
    pair, venue, *_ = pair_rows(page)[0]
    page.locator(TABLE).click(position={"x": 20, "y": 50}, delay=80)
    page.locator(f"{DIALOG} .chart canvas").first.wait_for()
    return pair, venue


# A market that runs


def test_a_row_opens_its_pair_and_then_its_page(visit, demo):
    """Row, dialog, page: each is of the same pair."""
    page = visit(demo.url)

    pair, venue = open_first_pair(page)
    title = page.locator(DIALOG).inner_text()
    page.get_by_role("link", name="Open in Market").click()
    page.wait_for_url("**/market?*")
    page.locator(DRAWN).first.wait_for()

    assert on_venue(pair, venue) in title.casefold()
    assert f"venue={venue}" in page.url
    chosen = page.get_by_role("combobox", name="Asset or pair")
    assert chosen.input_value() == f"{pair} · {formats.venue(venue)}"
    assert page.locator(DIALOG).count() == 0


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
    """Turn the wheel over the chart; return from when to when it shows then."""
    page.locator(DRAWN).first.wait_for()
    before = width(page)
    middle(page)
    for _ in range(8):
        page.mouse.wheel(0, -200)
    until(lambda: width(page) < before / 2, "the zoom")
    return ends(page)


def numbered(page, chart=CHART):
    """Return how many updates a chart was sent."""
    return int(page.locator(chart).get_attribute("data-update"))


def test_a_refresh_leaves_alone_what_somebody_does(visit, demo):
    """Scroll and half a word, a zoom, and a dialog, each on a page of its own.

    The table and the charts change their figures, not themselves.
    """
    typing, zooming, looking = (
        visit(demo.url, size=(1440, 500)),
        visit(f"{demo.url}/market"),
        visit(demo.url),
    )
    search, drawn_up = half_done(typing), zoomed(zooming)
    zooming.locator(CHART).evaluate("(chart) => { chart.mark = 'the same' }")
    pair, venue = open_first_pair(looking)
    dialog = looking.locator(f"{DIALOG} .chart")
    dialog.evaluate("(chart) => { chart.mark = 'the same' }")
    clock, updates = typing.evaluate(CLOCK), numbered(zooming)
    badges = looking.locator(".st-key-live_dialog"), looking.locator(".st-key-live")
    live = [badge.inner_text() for badge in badges]
    drawn = numbered(looking, f"{DIALOG} .chart")

    demo.wait_for_cycles(2)
    typing.wait_for_function(f"(before) => {CLOCK} !== before", arg=clock)
    until(lambda: numbered(zooming) > updates + 1, "two refreshes of the chart")

    assert typing.evaluate(f"document.querySelector('{TABLE}').mark") == "the same"
    assert typing.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 120
    assert search.input_value() == "btc half a wo"
    assert search.evaluate("field => field === document.activeElement")
    assert zooming.locator(CHART).evaluate("(chart) => chart.mark") == "the same"
    assert ends(zooming) == pytest.approx(drawn_up, abs=60)
    # A dialog lives, with the time that it is of; so does the page behind it.
    until(lambda: numbered(looking, f"{DIALOG} .chart") > drawn + 1, "two refreshes of the dialog")
    for badge, before in zip(badges, live, strict=True):
        until(lambda badge=badge, before=before: badge.inner_text() != before, "a later time")
        assert re.search(r"Live \d\d:\d\d:\d\d UTC every 5 s", badge.inner_text())
    assert on_venue(pair, venue) in looking.locator(DIALOG).inner_text().casefold()
    assert dialog.evaluate("(chart) => chart.mark") == "the same"


@pytest.mark.parametrize("path", ["", "wallboard"])
def test_a_page_that_gets_no_refresh_is_not_called_live(visit, demo, path):
    """Without any help of a server that is gone: what is shown turns into a snapshot."""
    page = visit(f"{demo.url}/{path}")
    badge = page.locator(".st-key-live, .wall-live")
    assert "Live" in badge.inner_text()

    page.evaluate("perpscopeOldMs = 1")
    page.locator(".perpscope-old").wait_for()
    said = badge.evaluate("(badge) => getComputedStyle(badge, '::before').content")
    assert re.fullmatch(r'"Snapshot of \d\d:\d\d:\d\d UTC"', said)

    page.evaluate(f"perpscopeOldMs = {3000 * 5}")
    page.locator(".perpscope-old").wait_for(state="detached")
    assert "Live" in badge.inner_text()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_page_has_a_serious_fault_for_keyboard_or_screen_reader(someone, visit, demo, theme):
    """As axe-core finds them."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # The marks of a metric's own curve, which Streamlit has Vega draw without names: no argument
    # of st.metric reaches them, and the value stands beside them in words.
    context = {"exclude": [["[data-testid=stMetricChart]"]]}
    person = someone(theme=theme)

    faults = [
        f"{name}: {fault['id']} {node['html'][:200]}"
        for name, path in PAGES.items()
        for fault in axe.run(visit(f"{demo.url}/{path}", by=person), context).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]

    assert faults == []


def test_a_chart_that_missed_an_update_asks_for_all_of_it(visit, demo):
    """As after a lost connection: what follows what never came is not drawn."""
    page = visit(f"{demo.url}/market")
    page.locator(DRAWN).first.wait_for()
    whole = page.locator(f"{CHART} .title").all_inner_texts()

    page.locator(CHART).evaluate("(chart) => { chart.drawn.number = -7 }")
    until(lambda: page.locator(CHART).evaluate("(chart) => chart.drawn.number") > 0, "all of it")

    assert len(page.locator(f"{CHART} .title").all_inner_texts()) == len(whole)


SLOW_TO_TELL = """
const soon = window.setTimeout
window.setTimeout = (act, ms, ...rest) => soon(act, ms === 400 ? 3000 : ms, ...rest)
"""


def drawn_up(page):
    """Draw up the middle of the heatmap; return where its time begins and ends then."""
    page.wait_for_selector(f"{CELLS_DRAWN} .main-svg")
    whole = page.evaluate(ENDS)
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
        page.wait_for_function(f"(whole) => {ENDS} !== whole", arg=whole, timeout=5000)
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


def test_thresholds_stay_with_who_set_them(visit, someone, demo):
    """Over a reload of the bare address, and in nobody else's browser."""
    me = someone()
    page = visit(demo.url, by=me)
    set_threshold(page, "OI change, %", "7.5")
    page.wait_for_function("localStorage.getItem('perpscope-thresholds')?.includes('7.5')")

    page.goto(demo.url)
    mine = threshold(page, "OI change, %")
    page.wait_for_function("(field) => field.value === '7.50'", arg=mine.element_handle())
    other = threshold(visit(demo.url), "OI change, %")

    assert other.input_value() == "1.00"


def test_the_copied_link_shows_the_same_to_another(visit, someone, demo):
    """Timeframe, venues and thresholds, in a browser that has none of them."""
    me = someone()
    me.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit(f"{demo.url}/?timeframe=1h&venues=bybit", by=me)
    set_threshold(page, "z of OI change", "3.3")
    page.wait_for_url("**z=3.3**")

    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copied", exact=True).wait_for()
    other = visit(page.evaluate("navigator.clipboard.readText()"))

    assert threshold(other, "z of OI change").input_value() == "3.30"
    assert {row[1] for row in pair_rows(other)} == {"bybit"}
    assert timeframe(other, "1h").is_checked()


# A time that stands still


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


def pairs_then(still, span=timedelta(minutes=5)):
    shown = still.shown
    asked = {"now": shown.now, "since": shown.since}
    pairs = still.demo.ask("pairs", **asked, span_s=int(span.total_seconds()))
    seen = {"now": last_mark(shown), "known_by": shown.known_by}
    history = still.demo.ask("market_history", **seen, symbols=None)
    return pairs, history, still.demo.ask("pair_quotes", **asked)


def last_mark(shown):
    return shown.now - timedelta(seconds=shown.now.timestamp() % 300)


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
        ("overview", market_figures),
        ("wallboard", market_figures),
        ("market", pair_on_top),
        ("exchanges", venue_figures),
        ("health", record_figures),
    ],
)
def test_page_writes_what_the_record_says(visit, still, name, expected):
    """The figures are those that analytics reads from the same lake, at the same time."""
    page = visit(f"{still.demo.url}/{PAGES[name]}?{still.at}")

    said = words(page)

    assert [text for text in expected(still) if text not in said] == []
    assert "SIMULATED MARKET" in said


def test_an_asset_is_compared_and_a_rate_opens_its_pair(visit, still):
    """In the table of funding: the first asset that is not compared already."""
    page = visit(f"{still.demo.url}/exchanges?{still.at}")
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


def test_overview_lists_every_pair(visit, still):
    """Row by row: price, open interest, funding."""
    page = visit(f"{still.demo.url}?{still.at}")
    pairs = pairs_then(still)[0]

    shown = {(row[0], row[1]): (float(row[2]), float(row[6])) for row in pair_rows(page)}

    assert shown == {
        (formats.pair(row.symbol), row.venue): (row.price, pytest.approx(row.oi_usd))
        for row in pairs.itertuples()
    }


def test_heatmap_draws_what_the_record_says(visit, still):
    """The newest column is the last bar's change of open interest, pair by pair."""
    page = visit(f"{still.demo.url}/heatmap?{still.at}&rows=pairs&heat_order=Volume")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    bars = load(still, ("oi_usd",), 49)
    changes = by_bar(bars, MEASURES["oi_delta_pct"]).values
    # Just after a mark the bar before it may not be made yet.
    newest = changes[known_until(changes) - 1]

    drawn = page.evaluate("""() => {
        const chart = document.querySelector(".js-plotly-plot")
        // Beneath the cells lies what lets the hatching through, if one has no value.
        const cells = chart.data.findLast((trace) => trace.type === "heatmap").z
        return chart.layout.meta.rows.map((row, n) => [row, [...cells[n]].at(-1) ?? NaN])
    }""")

    assert dict(drawn) == {
        f"{pair.venue} {pair.symbol}": pytest.approx(value, abs=0.01, nan_ok=True)
        for pair, value in zip(bars.instruments, newest, strict=True)
    }


def test_correlation_draws_what_the_record_says(visit, still):
    """Every r of the matrix, over the same day of bars."""
    page = visit(f"{still.demo.url}/correlation?{still.at}&rows=pairs")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    subject = SUBJECTS["price"]
    pairs = largest(load(still, SIZES, 12), 50)
    # A day of returns takes one bar more than a day has.
    expected = matrix(load(still, subject.metrics, 289), pairs, subject, "pearson")

    drawn = page.evaluate("""() => {
        const chart = document.querySelector(".js-plotly-plot")
        return chart.data.find((trace) => trace.type === "heatmap").z.map((row) => [...row])
    }""")

    known = ~np.eye(len(pairs), dtype=bool)
    assert np.allclose(np.array(drawn, dtype=float)[known], expected.r[known], atol=0.006)


def test_the_timeframe_changes_figures_and_address(visit, still):
    """Every change is over an hour then, and a link to it says so."""
    page = visit(f"{still.demo.url}/?{still.at}")
    hour, history, _ = pairs_then(still, timedelta(hours=1))
    first = formats.pct(figures(hour, history, timedelta(hours=1))["global_oi_usd"].change.pct)
    short = [row[2] for row in table(page)]
    assert first not in words(page)

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


def downloaded(page, button):
    # The page may run again for the last download, and would take back what it offers.
    page.wait_for_function(COMPLETE)
    with page.expect_download() as waiting:
        page.get_by_test_id("stPopoverBody").get_by_role("button", name=button).click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def test_downloads_open_and_hold_the_figures(visit, still):
    """CSV, workbook and report of Exchanges say what the page says."""
    page = visit(f"{still.demo.url}/exchanges?{still.at}")
    said, prices = words(page), [float(row[2]) for row in table(page, ASSET)]
    page.get_by_role("button", name="Export").click()

    name, text = downloaded(page, "CSV")
    rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
    assert name.startswith("perpscope_simulated_exchanges_")
    assert [row["Venue"] for row in rows] == ["binance", "bybit"]
    for row in rows:
        assert formats.usd(float(row["Open interest [USD]"])) in said

    _, content = downloaded(page, "XLSX")
    book = openpyxl.load_workbook(io.BytesIO(content))
    headed = {sheet.title: list(sheet.values) for sheet in book}
    asset = next(rows for title, rows in headed.items() if "BTC" in title)
    assert prices == [row[2] for row in asset if isinstance(row[2], int | float)]

    _, content = downloaded(page, "PDF report")
    report = " ".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(content)).pages)
    assert "SIMULATED" in report.upper()
    for row in rows:
        assert formats.usd(float(row["Open interest [USD]"])) in report


@pytest.mark.parametrize("asked", ["venue=binance&symbol=GONE/USDT:USDT", "base=GONE"])
def test_a_pair_that_is_gone_is_a_sentence(visit, still, asked):
    """An old link, of a pair that was delisted."""
    page = visit(f"{still.demo.url}/market?{asked}")

    assert "No data for" in words(page)
    assert page.locator(CHART).count() == 0


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
