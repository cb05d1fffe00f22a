"""Overview in a real browser, from a real server on a real lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from dashboard.overview.column_layout import optional_columns, shown_columns, usual_labels
from dashboard.overview.pair_table import ROW_PX
from tests.browser.conftest import COMPLETE, arrive
from tests.browser.on_pages import set_threshold, table, threshold, timeframe
from tests.waiting import until

pytestmark = pytest.mark.browser

HEADING_PX = 33
"""Of the table."""
BACKGROUND = {"dark": "rgb(11, 14, 20)", "light": "rgb(255, 255, 255)"}
USUAL = [name for name, one in optional_columns("pairs").items() if one.is_usual("pairs")]
SHOWN = shown_columns(USUAL, compare=False)
PLACE = [column.name for column in SHOWN].index("oi_usd")
OPEN_INTEREST = f"""
    [...document.querySelectorAll("[data-testid=stDataFrame] tbody tr")]
        .map((row) => Number(row.children[{PLACE}].innerText))
"""


OWN = [("ABC", 1.5), ("XYZ", 20.0)]
"""Coins of a person's own file, and their prices."""
OPEN = ".st-key-studio_open button"


@pytest.fixture
def homes(tmp_path_factory):
    """A function that returns the folders of the records that are open on the made lake."""
    return lambda: [*tmp_path_factory.getbasetemp().glob("made[0-9]*/data/uploads/*/*")]


@pytest.fixture
def overview(visit, made):
    """A function that opens Overview, mostly as a new visitor, and waits for its table."""

    def opened(asked="rows=pairs", **look):
        page = visit(f"{made}/?{asked}", **look)
        page.wait_for_selector("[data-testid=stDataFrame] tbody tr", state="attached")
        return page

    return opened


def background(page):
    app = "document.querySelector('[data-testid=stApp]')"
    return page.evaluate(f"getComputedStyle({app}).backgroundColor")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
def test_overview_is_whole(overview, size, theme):
    """Cards, curves and table, in the colours of the theme."""
    page = overview(size=size, theme=theme)

    assert page.locator(".kpis li").count() == 8
    assert page.get_by_text("$17.94B").is_visible()
    page.wait_for_function(
        """() => [...document.querySelectorAll(".kpis li")]
            .some((card) => getComputedStyle(card).backgroundImage.includes("svg"))"""
    )
    assert page.locator("[data-testid=stDataFrame] tbody tr").count() == 8
    cut_off = """() => [...document.querySelectorAll(".kpis li")]
        .filter((note) => note.scrollWidth > note.clientWidth + 1).map((note) => note.innerText)"""
    assert page.evaluate(cut_off) == []
    assert background(page) == BACKGROUND[theme]


def test_the_usual_columns_need_no_scrolling(overview):
    """Beside the sidebar, on a desk's usual screen; on a phone, the price and how it moved."""
    scrolled = """() => {
        const box = document.querySelector("[data-testid=stDataFrame] .dvn-scroller")
        return box.scrollWidth - box.clientWidth
    }"""
    names = [column.name for column in SHOWN]

    assert overview().evaluate(scrolled) == 0
    assert overview("rows=assets").evaluate(scrolled) == 0
    assert sum(column.width for column in SHOWN[: names.index("price_delta_pct") + 1]) < 366


@pytest.mark.parametrize("size", [(1440, 900), (1920, 1080)])
def test_twenty_rows_are_seen_on_opening(overview, size):
    """One strip of cards, movers in a line: the rest of the window is the table's, to its end."""
    page = overview(size=size)
    table = page.locator("[data-testid=stDataFrame]").bounding_box()
    cards = [card.bounding_box() for card in page.locator(".kpis li").all()]
    notes = page.get_by_test_id("stCaptionContainer").last.bounding_box()
    scrolls = "({ scrollHeight, clientHeight }) => scrollHeight > clientHeight"

    assert (table["height"] - HEADING_PX) // ROW_PX >= 20
    assert {card["y"] for card in cards} == {cards[0]["y"]}
    assert max(card["height"] for card in cards) <= 64
    assert table["y"] + table["height"] <= notes["y"]
    assert size[1] - 16 <= notes["y"] + notes["height"] <= size[1]
    assert not page.get_by_test_id("stMain").evaluate(scrolls)


def test_movers_unfold(overview):
    """And stay so in this browser; the line alone opens a pair as well."""
    page = overview()
    lists, fold = page.locator(".lists"), page.get_by_role("button", name="Movers")
    # Before it says so, it is not known what a press does.
    page.get_by_role("button", name="Movers", expanded=False).wait_for()
    assert not lists.is_visible()

    fold.click()
    lists.wait_for()
    again = overview(by=page.context)

    again.get_by_role("button", name="Movers", expanded=True).wait_for()
    assert again.locator(".lists").is_visible()


def test_a_phone_shows_the_pairs_soon(overview):
    """Low cards without a hole, movers side by side: the table follows after a screen or so."""
    page = overview(size=(390, 844))

    cards = [card.bounding_box() for card in page.locator(".kpis li").all()]
    assert len({round(card["x"] + card["width"]) for card in cards[::2]}) == 1
    assert page.locator("[data-testid=stDataFrame]").bounding_box()["y"] < 1.2 * 844


def press(page, hold_ms, x, y):
    """Press a point of the table with a mouse for *hold_ms*, or tap it with a finger (None)."""
    # Waits until the table stands still: a dialog that closes moves the page of a phone.
    table, at = page.locator("[data-testid=stDataFrame]"), {"x": x, "y": y}
    if hold_ms is None:
        table.tap(position=at)
    else:
        table.click(position=at, delay=hold_ms)


ROW = "[data-testid=stDataFrame] tbody tr"
OI_PX = 300
"""Where the heading of open interest is in the comparison of venues."""
COMPARED = ".st-key-comparison [data-testid=stDataFrame]"
PRICES = f"[...document.querySelectorAll('{ROW}')].map((row) => Number(row.children[1].innerText))"


WATCH = """
() => {
  window.places = new Set()
  const look = () => {
    const table = document.querySelector("[data-testid=stDataFrame]").getBoundingClientRect()
    window.places.add(`${table.top} ${table.height}`)
    requestAnimationFrame(look)
  }
  look()
}
"""
"""Where the table is, frame by frame."""


def opens(page, row, press):
    """Do *press*, which is on the *row*, and wait until its pair's dialog is there; close it."""
    pair, venue = page.locator(ROW).nth(row).locator("td").first.inner_text().split()
    press()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("link", name="Open in Market").wait_for()
    assert f"{pair} on {venue}".casefold() in dialog.inner_text().casefold()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


@pytest.mark.parametrize("hold_ms", [0, 80, None], ids=["click", "press", "tap"])
def test_a_heading_only_sorts_and_a_row_opens_its_pair(overview, hold_ms):
    """98000 comes after 3400, whatever the letters say; a heading opens no dialog.

    A table that gets the focus marks its first row: a short press on a heading does it, too.
    """
    finger = hold_ms is None
    page = overview(size=(390, 844) if finger else (1440, 900), finger=finger)
    page.locator("[data-testid=stDataFrame]").scroll_into_view_if_needed()
    before = page.evaluate(PRICES)
    beside_names = sum(column.width for column in SHOWN[:1]) + 20

    lowest_first = sorted(before)
    # All of the order: BTC comes first by open interest as well as by price.
    for order in (lowest_first, lowest_first[::-1], before, lowest_first):
        press(page, hold_ms, beside_names, 15)
        page.wait_for_function(f"(order) => {PRICES}.join() === order.join()", arg=order)
    assert len({tuple(order) for order in (lowest_first, lowest_first[::-1], before)}) == 3

    # The second row's dialog, and no other that a heading might have opened. Whoever closes it and
    # presses the next row at once finds the table where it was.
    page.evaluate(WATCH)
    for _ in range(2):
        opens(page, 1, lambda: press(page, hold_ms, 20, HEADING_PX + 1.5 * ROW_PX))
    assert len(page.evaluate("[...places]")) == 1


def test_a_press_at_once_opens_the_row_that_is_drawn(visit, made):
    """Right after the first draw, and right after a sort: what screen readers are told lags."""
    page = visit(f"{made}/exchanges?asset=BTC")
    grid, dialog = page.locator(COMPARED), page.get_by_role("dialog")
    heading, first = {"x": OI_PX, "y": 15}, {"x": 20, "y": HEADING_PX + ROW_PX / 2}

    for presses, venue in ((0, "Binance"), (1, "OKX"), (1, "Binance")):
        # The first press waits until the table stands still, the others follow at once.
        grid.click(position=[first, heading][presses > 0], delay=80)
        box = grid.bounding_box()
        for at in [*[heading] * (presses - 1), *[first] * (presses > 0)]:
            page.mouse.click(box["x"] + at["x"], box["y"] + at["y"], delay=80)
        dialog.get_by_role("link", name="Open in Market").wait_for()
        assert f"BTC/USDT on {venue}" in dialog.inner_text()
        page.keyboard.press("Escape")
        dialog.wait_for(state="detached")


def test_a_press_on_a_cell_opens_the_row_that_it_began_on(visit, made):
    """A refresh may draw the rows in another order before the button is up again."""
    page = visit(f"{made}/heatmap?rows=pairs")
    chart = "document.querySelector('.js-plotly-plot')"
    page.wait_for_function(f"{chart}?._fullLayout?.yaxis._length")
    rows = page.evaluate(f"JSON.parse({chart}.layout.meta).rows")
    at = page.evaluate(f"""(() => {{
        const {{ left, top }} = {chart}.getBoundingClientRect()
        const {{ xaxis, yaxis }} = {chart}._fullLayout
        return [left + xaxis._offset + 30, top + yaxis._offset + yaxis.l2p(1)]
    }})()""")

    page.mouse.move(*at)
    page.mouse.down()
    page.evaluate(f"{chart}.layout.meta = JSON.stringify({{ rows: {rows[::-1]} }})")
    page.mouse.up()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("link", name="Open in Market").wait_for()

    assert rows[1] == "okx BTC/USDT:USDT"
    assert "BTC/USDT on OKX" in dialog.inner_text()


ROWS = f"[...document.querySelectorAll('{ROW}')]"
NAMES = f"{ROWS}.map((row) => row.children[0].innerText)"
ASSETS_OI = [
    one.name
    for one in shown_columns([*optional_columns("assets")], compare=False, rows="assets")
    if one.always or one.is_usual("assets")
].index("oi_usd")


@pytest.mark.parametrize("hold_ms", [80, None], ids=["press", "tap"])
def test_a_press_on_an_assets_name_shows_its_pairs_which_sort_with_it(overview, hold_ms):
    """Beneath the asset, whichever way the table is sorted; another press folds them again."""
    finger = hold_ms is None
    page = overview("", size=(390, 844) if finger else (1440, 900), finger=finger)
    page.locator("[data-testid=stDataFrame]").scroll_into_view_if_needed()
    assets = page.evaluate(NAMES)
    first = assets[0]
    pairs = [f"{first}, {first}/USDT on {venue}" for venue in ("Binance", "OKX")]

    press(page, hold_ms, 20, HEADING_PX + ROW_PX / 2)
    page.wait_for_function(
        f"(rows) => {NAMES}.join() === rows", arg=",".join([first, *pairs, *assets[1:]])
    )
    own = f"{ROWS}.filter((row) => row.children[0].innerText.startsWith({first!r}))"
    if not finger:  # A phone shows fewer columns.
        told = f"{own}.map((row) => Number(row.children[{ASSETS_OI}].innerText))"
        assert page.evaluate(told) == [12.6e9, 9e9, 3.6e9]
    for _ in range(2):
        before = page.evaluate(NAMES)
        press(page, hold_ms, 148 + 40, 15)
        page.wait_for_function(f"(rows) => {NAMES}.join() !== rows", arg=",".join(before))
        now = page.evaluate(NAMES)
        assert now[now.index(first) :][:3] == [first, *pairs]
    assert page.get_by_role("dialog").count() == 0

    press(page, hold_ms, 20, HEADING_PX + (now.index(first) + 0.5) * ROW_PX)
    page.wait_for_function(f"{NAMES}.length === {len(assets)}")


def test_keys_walk_through_the_table_and_enter_opens(overview):
    """By Tab and arrows alone nothing opens."""
    page = overview()
    page.locator("[data-testid=data-grid-canvas]").focus()
    marked = page.locator("tbody td[aria-selected=true]")

    for row in (0, 1, 2):
        page.wait_for_function(
            "(row) => document.activeElement.id.endsWith(`-${row}`)"
            " && document.activeElement.getAttribute('aria-selected') === 'true'",
            arg=row,
        )
        page.keyboard.press("ArrowDown")
    page.wait_for_function("document.activeElement.id.endsWith('-3')")

    assert marked.count() == 1
    opens(page, 3, lambda: page.keyboard.press("Enter"))


def test_the_choice_of_venues_lives_in_the_url(overview):
    """A link to a view shows that view."""
    page = overview()
    page.get_by_role("button", name="OKX", exact=True).click()
    page.wait_for_url("**venues=OKX")
    page.wait_for_function(f"{OPEN_INTEREST}.length === 4")

    other = overview("rows=pairs&venues=okx")
    assert len(other.evaluate(OPEN_INTEREST)) == 4


def test_a_view_goes_along_from_page_to_page(visit, made):
    """The time looked at, timeframe and venues: by the links at the top, by the way out of the
    wallboard, through the dialog, and by the browser's way back."""
    seen = {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "timeframe": "1h", "venues": "OKX"}
    seen["rows"] = "pairs"
    page = visit(f"{made}/?{urlencode({**seen, 'venues': 'okx'})}")

    def arrive_at(title, note="Showing the market as known at"):
        page.get_by_role("heading", name=title, exact=True).wait_for()
        page.get_by_text(note).wait_for()
        page.wait_for_function(COMPLETE)
        asked = dict(parse_qsl(urlsplit(page.url).query))
        assert {name: asked.get(name) for name in seen} == seen

    page.get_by_role("link", name="Health", exact=True).click()
    arrive_at("Health")
    page.get_by_role("link", name="Market", exact=True).click()
    arrive_at("BTC/USDT · Binance")
    page.get_by_role("link", name="Wallboard", exact=True).click()
    arrive_at("BTC", "as known then")
    page.get_by_role("link", name="Exit wallboard").click()
    arrive_at("Overview")
    page.locator("[data-testid=stDataFrame] tbody tr").first.wait_for(state="attached")
    press(page, 80, 20, 50)
    page.get_by_role("link", name="Open in Market").click()
    arrive_at("BTC/USDT · OKX")
    page.go_back()
    arrive_at("Overview")
    assert page.get_by_role("dialog").count() == 0
    page.get_by_role("button", name="Back to live").click()
    page.get_by_text("Showing the market as known at").wait_for(state="detached")
    page.wait_for_url(lambda address: "at=" not in address)


def test_the_systems_theme_comes_first_and_what_was_chosen_stays(overview):
    """A system that prefers light gets light; its next visit keeps the dark that was chosen."""
    page = overview(prefers="light")
    assert background(page) == BACKGROUND["light"]

    page.evaluate("localStorage.setItem('stActiveTheme-/-v2', '\"Dark\"')")
    page.reload()
    page.wait_for_selector("[data-testid=stDataFrame] canvas")

    assert background(page) == BACKGROUND["dark"]


def open_saved(page):
    """Open what a press elsewhere closes: the watch lists and views; return the field of a name."""
    name = page.get_by_label("Name", exact=True)
    if not name.is_visible():
        page.get_by_role("button", name="Watch lists and views").click()
    return name


def copied_link(page):
    """Press what copies the link; before, beside an open panel, which may lie over it."""
    page.get_by_role("heading", name="Overview").click()
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copied", exact=True).wait_for()
    return page.evaluate("navigator.clipboard.readText()")


def test_watch_lists_and_views_stay_with_who_saved_them(someone, visit, made):
    """In a new tab and over a reload; their link is short, and shows the same to another."""
    me = someone()
    me.grant_permissions(["clipboard-read", "clipboard-write"])
    usual = usual_labels("pairs")
    others = [one.label for one in optional_columns("pairs").values() if one.label not in usual]
    columns = [*usual[2:], *others[:20]]
    more = [one.label for one in optional_columns("assets").values()]
    asked = [("columns", name) for name in columns] + [("asset_columns", name) for name in more]
    asked += [("assets", "BTC"), ("assets", "ETH")]
    page = visit(f"{made}/?{urlencode([*asked, ('timeframe', '1h'), ('rows', 'pairs')])}", by=me)
    for what in ("list", "view"):
        open_saved(page).fill(f"My {what}")
        open_saved(page).press("Enter")
        page.get_by_role("button", name=f"Save {what}").click()
        page.wait_for_function(
            "(name) => localStorage.getItem('perpscope-views')?.includes(name)", arg=f"My {what}"
        )
    link = copied_link(page)

    tab = visit(made, by=me)
    tab.get_by_role("combobox", name="Watch list").click()
    tab.get_by_role("option", name="My list").click()
    tab.wait_for_url("**assets=BTC&assets=ETH**")
    # What one tab saves, the other has, and so does not lose it when it saves something itself.
    for one, name in ((tab, "Other list"), (page, "Third list")):
        open_saved(one).fill(name)
        open_saved(one).press("Enter")
        one.get_by_role("button", name="Save list").click()
        open_saved(page)
        page.get_by_role("combobox", name="Delete").click()
        page.get_by_role("option", name=name).wait_for()
        page.keyboard.press("Escape")
    saved = tab.evaluate("localStorage.getItem('perpscope-views')")
    assert all(f"{one} list" in saved for one in ("My", "Other", "Third"))

    open_saved(tab)
    tab.get_by_role("link", name="My view").click()
    tab.wait_for_url("**timeframe=1h**")
    other = visit(link)

    assert len(link) < 300
    other.wait_for_url("**timeframe=1h**")
    assert set(parse_qsl(urlsplit(other.url).query)) == set(parse_qsl(urlsplit(page.url).query))
    assert other.get_by_role("combobox", name="Watch list").count() == 0


def test_thresholds_stay_with_who_set_them_and_go_along_in_a_link(someone, visit, made):
    """Over a reload of the bare address, and in nobody else's browser; the copied link shows the
    same to one that has none: timeframe, venues and thresholds."""
    me = someone()
    me.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit(f"{made}/?timeframe=1h&venues=okx&rows=pairs", by=me)
    set_threshold(page, "z of OI change", "3.3")
    page.wait_for_url("**z=3.3**")
    link = copied_link(page)

    kept = "localStorage.getItem('perpscope-thresholds')?.includes('7.5')"
    # Typed again as a person would, where a refresh drew the field anew meanwhile.
    until(lambda: set_threshold(page, "OI change, %", "7.5") and page.evaluate(kept), "what is set")
    page.goto(made)
    until(lambda: threshold(page, "OI change, %").input_value() == "7.50", "what was set")
    other = visit(link)
    until(lambda: threshold(other, "z of OI change").input_value() == "3.30", "what the link says")
    assert timeframe(other, "1h").is_checked()
    assert [row[0].endswith("OKX") for row in table(other)] == [True] * 4
    other.goto(made)
    other.wait_for_function(COMPLETE)
    assert threshold(other, "OI change, %").input_value() == "1.00"


def choose(page, label, text):
    """Choose in the field *label* what reads *text*, as a keyboard does."""
    field = page.get_by_role("combobox", name=label)
    field.fill(text)
    page.get_by_role("option", name=text, exact=True).first.wait_for()
    field.press("Enter")


def test_a_file_of_ones_own_is_looked_at_on_every_page_and_deleted(visit, made, tmp_path, homes):
    """A column is corrected and the time zone answered first. What is live stays what it was."""
    start = datetime(2024, 5, 1, 10, tzinfo=UTC)
    lines = ["when,pair,exchange,worth"]
    for minute in range(90):
        at = start + timedelta(minutes=minute)
        lines += [f"{at:%Y-%m-%d %H:%M:%S},{coin}/USDT:USDT,okx,{price}" for coin, price in OWN]
    own = tmp_path / "own.csv"
    own.write_text("\n".join(lines))

    page = visit(f"{made}/studio")
    page.locator("input[type=file]").set_input_files(own)
    page.get_by_text("own.csv").wait_for()
    page.get_by_role("button", name="Read", exact=True).click()
    page.get_by_text("Open own.csv").wait_for()
    choose(page, "Meaning of worth", "Price (price)")
    page.get_by_text("chosen by hand").wait_for()
    opening = page.get_by_role("button", name="Open record")
    assert opening.is_disabled()
    choose(page, "Times carry no zone. Which is it?", "Asia/Tokyo")
    page.wait_for_function("(name) => !document.querySelector(name).disabled", arg=OPEN)
    opening.click()
    page.get_by_text("180 rows read").wait_for()
    page.get_by_text("No alert of the live record's rules would have fired").wait_for()

    card = page.locator("[class*=st-key-upload_]")
    card.get_by_role("link", name="Overview").click()
    arrive(page, "Overview")
    page.get_by_text("Uploaded record: own.csv").wait_for()
    # Half past ten in Tokyo is half past one here.
    page.get_by_text("shown at its end, 2024-05-01 02:30").wait_for()
    page.wait_for_function(f"{ROWS}.length === 2")
    assert {row[0].strip("▸ ")[:3] for row in table(page)} == {"ABC", "XYZ"}
    page.reload()
    page.get_by_text("Uploaded record: own.csv").wait_for()
    page.get_by_role("link", name="Market", exact=True).click()
    page.get_by_role("heading", name="ABC").wait_for()
    page.get_by_text("Uploaded record: own.csv").wait_for()

    other = visit(made)
    other.wait_for_function(f"{ROWS}.length > 2")
    assert other.get_by_text("Uploaded record").count() == 0

    page.get_by_role("link", name="Studio", exact=True).click()
    arrive(page, "Studio")
    (home,) = homes()
    page.get_by_role("button", name="Close and delete").click()
    page.get_by_text("No uploaded record is open here.").wait_for()
    page.get_by_text("Uploaded record: own.csv").wait_for(state="detached")
    assert not home.exists()
