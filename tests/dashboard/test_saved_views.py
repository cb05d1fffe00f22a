"""Watch lists and saved views: what a file may say, and what they do to pages."""

from __future__ import annotations

import base64
import zlib

import pytest

from dashboard.frame.browser_storage import Many
from dashboard.frame.saved_views import Saved, WrongViews, read, written
from dashboard.overview.column_layout import optional_columns

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
SAVED = Saved({"Majors": ("BTC", "ETH")}, {"Hours": "?timeframe=1h", "BTC": "market?base=BTC"})
HEAD = '"perpscope_views": 1'


def test_a_file_is_read_as_it_was_written():
    assert read(written(SAVED)) == SAVED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", '"perpscope_views" must be 1'),
        ('{"perpscope_views": 2}', '"perpscope_views" must be 1'),
        (f'{{{HEAD}, "panes": {{}}}}', '"panes" is unknown: use "lists" and "views"'),
        (f'{{{HEAD}, "lists": []}}', '"lists" must be an object'),
        (f'{{{HEAD}, "lists": {{"Majors": "BTC"}}}}', 'list "Majors" must be a list of assets'),
        (f'{{{HEAD}, "lists": {{"": []}}}}', 'a name in "lists" is empty'),
        (f'{{{HEAD}, "views": {{"a": 1}}}}', 'view "a" must be the path and query of a page'),
        (f'{{{HEAD}, "views": {{"a": "//evil.example/?b"}}}}', 'view "a" must be the path'),
        (f'{{{HEAD}, "views": {{"a": "javascript:alert(1)?"}}}}', 'view "a" must be the path'),
    ],
)
def test_a_wrong_file_is_refused_with_its_fault(text, said):
    """It says what is wrong, and what would be right."""
    with pytest.raises(WrongViews) as refused:
        read(text)
    assert said in str(refused.value)


def test_more_than_can_be_kept_is_refused():
    many = Saved({f"list {nth}": ("BTC",) for nth in range(51)})
    with pytest.raises(WrongViews, match="51 names, of at most 50"):
        read(written(many))


@pytest.fixture
def page(app, record):
    """Overview of three assets."""
    for symbol in (BTC, ETH, SOL):
        record.snapshot(symbol, price=1.0, oi_usd=1e9)
    record.publish()
    app.query_params["rows"] = "pairs"
    return app


def shown(page):
    return sorted(name.partition("/")[0] for name in page.dataframe[0].value["pair"])


def test_a_watch_list_filters_and_is_saved_from_the_field(page):
    """All without a list; a list that was saved sets the field, and none again shows all."""
    page.run()
    assert shown(page) == ["BTC", "ETH", "SOL"]

    page.multiselect(key="assets").set_value(["BTC", "SOL"]).run()
    assert shown(page) == ["BTC", "SOL"]
    page.text_input(key="saved_name").set_value("Mine").run()
    next(button for button in page.button if button.label == "Save list").click().run()
    page.multiselect(key="assets").set_value([]).run()
    assert shown(page) == ["BTC", "ETH", "SOL"]

    page.selectbox(key="watch_list").set_value("Mine").run()
    assert page.multiselect(key="assets").value == ["BTC", "SOL"]
    assert shown(page) == ["BTC", "SOL"]
    page.selectbox(key="saved_delete").set_value("Mine").run()
    assert not [one for one in page.selectbox if one.key == "watch_list"]


def test_a_view_is_the_address_without_its_time(page):
    """It holds timeframe and filters, and leads to its page."""
    page.query_params["timeframe"] = "1h"
    page.query_params["assets"] = "ETH"
    page.run()

    page.text_input(key="saved_name").set_value("<Hours>").run()
    next(button for button in page.button if button.label == "Save view").click().run()

    (links,) = [html.proto.body for html in page.get("html") if "&lt;Hours&gt;" in html.proto.body]
    assert "timeframe=1h" in links
    assert "assets=ETH" in links
    assert "at=" not in links


def packed(query):
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    whole = squeeze.compress(query.encode()) + squeeze.flush()
    return base64.urlsafe_b64encode(whole).decode().rstrip("=")


def test_a_packed_link_shows_what_it_holds(page):
    page.query_params.clear()
    page.query_params["v"] = packed("rows=pairs&assets=BTC&assets=ETH&timeframe=4h")

    page.run()

    assert shown(page) == ["BTC", "ETH"]
    assert page.segmented_control(key="timeframe").value == "4h"
    assert "v" not in page.query_params


def test_a_packed_link_says_which_columns_differ(page):
    """By name, as links of before did; all others are those that are shown at first."""
    page.query_params.clear()
    page.query_params["v"] = packed("rows=pairs&less.columns=RSI&more.columns=Basis")

    page.run()

    names = set(page.dataframe[0].value.columns)
    assert {"z_oi", "basis_pct", "price_24h_pct"} < names
    assert "rsi_14" not in names


@pytest.mark.parametrize("rows", ["pairs", "assets"])
def test_a_column_has_a_code_of_its_own(rows):
    """For good: a link that was sent must not show another column in a later version."""
    codes = Many([one.label for one in optional_columns(rows).values()], []).codes

    assert len(set(codes.values())) == len(codes)
    assert (codes["RSI"], codes["Basis"], codes["Price"]) == ("Vr", "ZO", "D3")


def test_a_link_says_by_codes_which_columns_differ(page):
    codes = Many(["RSI", "Basis", "Next funding"], []).codes
    page.query_params.clear()
    more = codes["Basis"] + codes["Next funding"] + "zz"
    page.query_params["v"] = packed(f"rows=pairs&-columns={codes['RSI']}&*columns={more}")

    page.run()

    names = set(page.dataframe[0].value.columns)
    assert {"z_oi", "basis_pct", "next_funding_s", "price_24h_pct"} < names
    assert "rsi_14" not in names


@pytest.mark.parametrize("text", ["x", "!", packed("a" * 9_000)])
def test_a_damaged_link_says_so(page, text):
    """One that was cut off, or that holds more than any page has."""
    page.query_params["v"] = text

    page.run()

    assert not page.exception
    assert "The link is damaged" in page.sidebar.warning[0].value


def test_a_star_puts_the_asset_on_a_watch_list(page):
    """And takes it off again; the dialog stays open. Without assets there is no such list."""
    page.session_state["opened_pair"] = ("binance", BTC, None)
    page.run()

    page.button(key="star").click().run()
    assert page.get("dialog")
    assert page.button(key="star").label == "Starred"
    assert page.selectbox(key="watch_list").options == ["Starred"]
    page.selectbox(key="watch_list").set_value("Starred").run()
    assert shown(page) == ["BTC"]

    page.button(key="star").click().run()
    assert page.button(key="star").label == "Star"
    assert "saved_views" in page.session_state
    assert not page.session_state["saved_views"].lists
