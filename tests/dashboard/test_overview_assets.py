"""Overview by asset: one row a coin over its venues, unfolding into its pairs."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pyarrow as pa
import pytest

from analytics.exports.csv import csv_bytes
from dashboard.overview import asset_rows, overview_exports, pair_table, row_order

BTC = "BTC/USDT:USDT"
SPAN = timedelta(minutes=5)
RATES = {"funding_rate": 0.0001, "funding_interval_h": 8.0}


@pytest.fixture
def market(record):
    """BTC on two venues and a third that is silent, PEPE by the thousand and singly, 1INCH."""
    for at, price, oi in ((record.noon - SPAN, 100.0, 5e9), (record.noon, 110.0, 6e9)):
        coins = {"oi_base": oi / price, "volume_24h_usd": 10e9, "ls_accounts": 2.0}
        record.snapshot(BTC, at=at, price=price, oi_usd=oi, **coins, **RATES)
    record.snapshot(BTC, venue="okx", price=114.0, oi_usd=2e9, **{**RATES, "funding_rate": 0.0003})
    record.instrument(BTC, venue="bybit")
    record.snapshot("1000PEPE/USDT:USDT", price=0.005, oi_usd=3e8, base="PEPE")
    record.snapshot("PEPE/USDT:USDT", venue="okx", price=0.000005, oi_usd=1e8)
    record.instrument("1000PEPE/USDT:USDT", base="PEPE", multiplier=1000.0)
    record.snapshot("1INCH/USDT:USDT", price=0.25, oi_usd=1e6)
    record.publish()


@pytest.fixture
def page(app, market):
    app.query_params["rows"] = "assets"
    app.run()
    assert not app.exception
    return app


def written(app):
    """Return the table as it is written on the screen, by what is in its first column."""
    shown = app.dataframe[0].proto.arrow_data.styler.display_values
    return pa.ipc.open_stream(shown).read_pandas().set_index("pair")


def text(app):
    return "\n".join(one.value for one in (*app.caption, *app.markdown)).replace("\\", "")


def unfold(app, *names):
    """Draw the page with those assets unfolded, and no others."""
    app.session_state["unfolded_assets"] = frozenset(names)
    app.run()
    assert not app.exception


def test_one_row_a_coin_with_one_price_per_coin(page):
    table = written(page)

    assert table.index.tolist() == ["▸ BTC", "▸ PEPE", "▸ 1INCH"]
    assert table.loc["▸ BTC", ["price", "oi_usd"]].tolist() == ["111.000", "$8.00B"]
    assert table.loc["▸ PEPE", "price"] == "0.0₅500"
    assert table.loc["▸ 1INCH", "price"] == "0.250000"
    assert "3 assets on 2 venues" in text(page)


def test_a_change_is_of_the_venues_known_at_both_ends(page):
    """OKX was not there five minutes ago; Bybit is silent, and the row and a sentence say so."""
    btc = written(page).loc["▸ BTC"]

    assert btc[["price_delta_pct", "oi_delta_pct", "oi_delta_usd"]].tolist() == [
        *("+10.00 %", "+20.00 %", "+$1.00B"),
    ]
    assert btc["venue_spread_pp"] == "+0.0200 pp"
    assert btc["venue_count"] == "2 of 3"
    styler = page.dataframe[0].proto.arrow_data.styler
    nth = page.dataframe[0].value.columns.get_loc("venue_count")
    assert re.search(rf"row0_col{nth}\b[^}}]*background-color", styler.styles)
    assert not re.search(rf"row1_col{nth}\b", styler.styles)
    assert "left out of price, spread and changes: Bybit in 1 asset." in text(page)


def test_an_asset_unfolds_into_its_pairs_which_have_their_own_values(page):
    """What is read out and copied of a pair is the pair's, not what its asset is sorted by."""
    unfold(page, "BTC")

    table, values = written(page), page.dataframe[0].value
    assert table.index.tolist() == [
        *("▾ BTC", "└ Binance BTC/USDT", "└ OKX BTC/USDT", "▸ PEPE", "▸ 1INCH"),
    ]
    assert table["oi_usd"].tolist()[:3] == ["$8.00B", "$6.00B", "$2.00B"]
    assert values["oi_usd"].tolist()[:3] == [8e9, 6e9, 2e9]

    unfold(page)
    assert len(page.dataframe[0].value) == 3


def test_pairs_stay_beneath_their_asset_however_rows_are_sorted(page):
    """Upwards, downwards, as at first; pairs among themselves likewise, and so do files."""
    unfold(page, "BTC")
    btc = ["▾ BTC", "└ OKX BTC/USDT", "└ Binance BTC/USDT"]
    upwards = ["▸ 1INCH", "▸ PEPE", *btc]

    for order, sort in (
        (upwards, "oi_usd"),
        ([btc[0], btc[2], btc[1], "▸ PEPE", "▸ 1INCH"], "-oi_usd"),
        # Nobody knows the long/short ratio of OKX, PEPE and 1INCH: they come last.
        ([btc[0], btc[2], btc[1], "▸ PEPE", "▸ 1INCH"], "ls_accounts"),
    ):
        page.selectbox(key="sort").set_value(sort).run()
        assert written(page).index.tolist() == order
    columns = json.loads(page.dataframe[0].proto.columns)
    assert [one["label"] for one in columns.values() if "↑" in one.get("label", "")] == ["↑ L/S"]


def test_the_order_is_in_the_link_and_a_heading_changes_it(app, market, monkeypatch):
    """What is no column of the table sorts nothing."""
    app.query_params["sort"] = "Open interest, lowest first"
    app.query_params["rows"] = "assets"
    app.run()
    assert written(app).index.tolist() == ["▸ 1INCH", "▸ PEPE", "▸ BTC"]

    state = {key: app.session_state[key] for key in ("sort", "sortable_columns")}
    monkeypatch.setattr(row_order.st, "session_state", state)
    seen = []
    for heading in ("OI", "OI", "Nonsense", "Price", "OI"):
        row_order.press(heading)
        seen.append(state["sort"])
    assert seen == ["-oi_usd", None, None, "price", "oi_usd"]


def test_a_press_on_a_name_unfolds_and_one_on_the_row_opens(page, monkeypatch):
    """An asset opens over its venues, a pair as ever; a row that is gone opens nothing."""
    unfold(page, "BTC")
    kept = ("asset_table_rows", "unfolded_assets")
    opened, state = [], {key: page.session_state[key] for key in kept}
    monkeypatch.setattr(pair_table.st, "session_state", state)
    monkeypatch.setattr(pair_table.session, "open_pair", lambda *pair: opened.append(pair))

    pair_table._open_row(("PEPE",), "Asset")
    assert state["unfolded_assets"] == {"BTC", "PEPE"}
    pair_table._open_row(("BTC",), "Asset")
    assert state["unfolded_assets"] == {"PEPE"}
    for name, column in (("BTC", None), ("BTC, BTC/USDT on OKX", "Asset"), ("GONE", None)):
        pair_table._open_row((name,), column)

    assert opened == [("", "BTC"), ("okx", BTC)]


def test_an_asset_opens_over_all_its_venues(app, record, market):
    ended = record.noon
    for venue in ("binance", "okx"):
        record.bar(BTC, venue=venue, ended=ended, close=110.0, oi_usd=1e9)
    record.publish()
    app.session_state["opened_pair"] = ("", "BTC")

    app.run()

    assert not app.exception
    assert app.get("dialog")[0].proto.dialog.title == "BTC on all venues"


def test_the_search_finds_an_asset_by_its_pairs(app, market):
    app.query_params["find"] = "1000pepe"
    app.run()

    assert written(app).index.tolist() == ["▸ PEPE"]


def test_movers_and_files_are_of_assets(page, monkeypatch):
    """The file has what is on the screen, pairs only where an asset is unfolded."""
    unfold(page, "BTC")
    made = {}
    monkeypatch.setattr(
        overview_exports,
        "tables",
        lambda shown: made.update(shown=shown) or {"Assets": lambda: None},
    )
    page.run()
    monkeypatch.undo()
    tables = overview_exports.tables(made["shown"])

    assert list(tables) == ["Assets", "Movers", "Figures"]
    heading, *lines = csv_bytes(tables["Assets"]()).decode("utf-8-sig").splitlines()
    assert heading.startswith("Asset,Pair,Venue,Venues counted,Silent venues,Price")
    assert [line.split(",")[:5] for line in lines] == [
        ["BTC", "", "", "3", "Bybit"],
        ["BTC", "BTC/USDT", "binance", "", ""],
        ["BTC", "BTC/USDT", "okx", "", ""],
        ["PEPE", "", "", "2", ""],
        ["1INCH", "", "", "1", ""],
    ]
    movers = csv_bytes(tables["Movers"]()).decode("utf-8-sig").splitlines()
    assert movers[0].startswith("Measure,Asset,Value")
    assert movers[1].startswith("Price,BTC,10.0")


def test_a_silent_venue_without_a_name_is_none():
    assert asset_rows.split_venues(None) == []
