"""The query of assets, on the real tables, against values worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pandas as pd
import pytest

from analytics import query
from analytics.lake.attach import MACROS
from analytics.lake.schema import TABLES, definition
from analytics.panels.bases import Bases

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SPAN = 5 * MINUTE
ASKED = {
    "now": NOON,
    "since": NOON - 10 * MINUTE,
    "silent_before": NOON - 1.5 * MINUTE,
    "span_s": 300,
    "is_past": False,
    "venues": None,
    "symbols": None,
    "least_known": 0.75,
}


class Market:
    """A database with the real tables, to which rows are added."""

    def __init__(self, cursor):
        self.cursor = cursor

    def insert(self, table, **columns):
        given = {
            name: value.replace(tzinfo=None) if isinstance(value, datetime) else value
            for name, value in columns.items()
        }
        selected = ", ".join(f"${name} as {name}" for name in given)
        self.cursor.execute(f"insert into {table} by name select {selected}", given)

    def snapshot(self, venue, base="BTC", *, symbol=None, at=NOON, **values):
        key = {"venue": venue, "symbol": symbol or f"{base}/USDT:USDT", "base": base}
        self.insert("snapshots", **key, received_ts=at, **values)

    def both(self, venue, base="BTC", *, until=NOON, symbol=None, **values):
        """Insert what was before and what is now: each value is a pair."""
        for nth, at in enumerate((until - SPAN, until)):
            ends = {name: value[nth] for name, value in values.items()}
            self.snapshot(venue, base, symbol=symbol, at=at, **ends)

    def bar(self, venue, base="BTC", *, ended=NOON, **values):
        key = {"venue": venue, "symbol": f"{base}/USDT:USDT", "base": base}
        self.insert("bars", **key, ts=ended - SPAN, snapshot_count=10, origin="live", **values)

    def listed(self, venue, base="BTC", *, symbol=None, multiplier=1.0):
        self.insert(
            "instruments",
            venue=venue,
            symbol=symbol or f"{base}/USDT:USDT",
            venue_id=base,
            base=base,
            multiplier=multiplier,
            contract_size=1.0,
            linear=True,
            quote="USDT",
            oi_unit="contracts",
            in_universe=True,
            first_seen_ts=NOON - timedelta(days=9),
            last_seen_ts=NOON,
        )

    def assets(self, counted=None, **asked):
        params = {**ASKED, **(counted or Bases()).params, **asked}
        return query.fetch(self.cursor, "assets", **params).set_index("base")


@pytest.fixture
def market():
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for table in TABLES:
            connection.execute(definition(table).partition("alter table")[0])
        yield Market(connection)


def three_venues(market):
    """Two venues that know everything, and one that publishes no open interest."""
    market.both(
        "binance",
        price=(90.0, 100.0),
        oi_usd=(180.0, 300.0),
        oi_base=(2.0, 3.0),
        ls_accounts=(1.0, 3.0),
        funding_rate=(0.0001, 0.0003),
        funding_interval_h=(8.0, 8.0),
        volume_24h_usd=(1000.0, 1000.0),
        price_24h_ago=(80.0, 80.0),
    )
    market.both(
        "bybit",
        price=(91.0, 104.0),
        oi_usd=(91.0, 100.0),
        oi_base=(1.0, 1.0),
        ls_accounts=(1.0, 1.0),
        funding_rate=(0.0001, 0.0001),
        funding_interval_h=(4.0, 4.0),
        volume_24h_usd=(3000.0, 3000.0),
        price_24h_ago=(84.0, 84.0),
    )
    market.both("okx", price=(1.0, 999.0), volume_24h_usd=(500.0, 600.0))


def test_sums_and_means_are_over_the_venues_that_know_them(market):
    three_venues(market)

    btc = market.assets().loc["BTC"]

    assert btc["price"] == pytest.approx((300 * 100 + 100 * 104) / 400)
    assert btc["oi_usd"] == 400
    assert btc["oi_base"] == 4
    assert btc["volume_24h_usd"] == 4600
    assert btc["funding_8h_pct"] == pytest.approx((300 * 0.03 + 100 * 0.02) / 400)
    assert btc["funding_8h_volume_pct"] == pytest.approx((1000 * 0.03 + 3000 * 0.02) / 4000)
    assert btc["venue_spread_pp"] == pytest.approx(0.01)
    assert (btc["highest_venue"], btc["lowest_venue"]) == ("binance", "bybit")
    share = (300 * 3 / 4 + 100 * 1 / 2) / 400
    assert btc["ls_accounts"] == pytest.approx(share / (1 - share))
    assert (btc["venue_count"], btc["pair_count"], btc["expected_pairs"]) == (3, 3, 3)
    assert (btc["oi_pairs"], btc["volume_pairs"], btc["funding_pairs"], btc["ls_pairs"]) == (
        *(2, 3, 2, 2),
    )
    assert pd.isna(btc["silent_venues"])
    assert pd.isna(btc["cvd_usd"])
    assert btc["cvd_coverage_pct"] == 0


def test_changes_compare_the_same_venues_with_the_weights_of_now(market):
    three_venues(market)

    btc = market.assets().loc["BTC"]

    then = (300 * 90 + 100 * 91) / 400
    assert btc["price_delta_pct"] == pytest.approx(100 * (101 / then - 1))
    assert btc["price_24h_pct"] == pytest.approx(100 * (101 / 81 - 1))
    assert btc["oi_delta_usd"] == 400 - 271
    assert btc["oi_delta_pct"] == pytest.approx(100 * (400 / 271 - 1))
    assert btc["oi_base_delta"] == 1
    assert btc["oi_base_delta_pct"] == pytest.approx(100 / 3)
    assert btc["funding_delta_pp"] == pytest.approx(300 * 0.02 / 400)
    assert btc["ls_delta_pct"] == pytest.approx(100 * ((0.6875 / 0.3125) / 1 - 1))
    assert btc["compared"] == 2


def test_a_silent_venue_is_left_out_at_both_ends(market):
    """Its open interest counts for ten minutes, as on the cards; a sum without it says so."""
    market.both("binance", price=(90.0, 100.0), oi_usd=(270.0, 300.0), oi_base=(3.0, 3.0))
    gone = NOON - 3 * MINUTE
    market.both("okx", until=gone, price=(50.0, 60.0), oi_usd=(500.0, 100.0), oi_base=(9.0, 2.0))
    market.listed("bybit")

    btc = market.assets().loc["BTC"]

    assert btc["silent_venues"] == "bybit, okx"
    assert (btc["venue_count"], btc["pair_count"], btc["expected_pairs"]) == (3, 2, 3)
    assert btc["price"] == 100
    assert btc["price_delta_pct"] == pytest.approx(100 / 9)
    assert btc["oi_usd"] == 400
    assert (btc["oi_delta_usd"], btc["compared"]) == (30, 1)
    assert btc["oi_delta_pct"] == pytest.approx(100 / 9)
    assert btc["oi_base_delta"] == 0
    assert btc["received_ts"] == NOON


def test_where_all_venues_are_silent_their_last_values_stay(market):
    for venue in ("binance", "okx"):
        market.both(venue, until=NOON - 4 * MINUTE, price=(99.0, 100.0), oi_usd=(1.0, 2.0))

    btc = market.assets().loc["BTC"]

    assert (btc["price"], btc["oi_delta_usd"]) == (100, 2)
    assert btc["silent_venues"] == "binance, okx"


def test_one_that_joins_does_not_move_what_was_there(market):
    """Listed a minute ago: part of the sum, and of no change."""
    market.both("binance", oi_usd=(100.0, 110.0), oi_base=(10.0, 10.0), price=(10.0, 11.0))
    market.snapshot("okx", oi_usd=900.0, oi_base=80.0, price=11.0)

    btc = market.assets().loc["BTC"]

    assert btc["oi_usd"] == 1010
    assert btc["oi_delta_usd"] == 10
    assert btc["oi_delta_pct"] == pytest.approx(10)
    assert btc["compared"] == 1


def test_an_asset_that_venues_quote_by_the_thousand_has_one_price(market):
    """A coin whose name begins with a digit keeps its name, listed or not."""
    quoted = {
        "binance": ("1000PEPE/USDT:USDT", 1000.0, 0.005),
        "okx": ("PEPE/USDT:USDT", 1.0, 0.000005),
        "hyperliquid": ("kPEPE/USDC:USDC", 1000.0, 0.005),
    }
    for venue, (symbol, multiplier, price) in quoted.items():
        market.listed(venue, "PEPE", symbol=symbol, multiplier=multiplier)
        market.both(
            venue, "PEPE", symbol=symbol, price=(price / 2, price), oi_usd=(5.0, 10.0),
            oi_base=(2e6, 2e6),
        )  # fmt: skip
    market.listed("bybit", "MOG", symbol="1000000MOG/USDT:USDT", multiplier=1e6)
    market.snapshot("bybit", "MOG", symbol="1000000MOG/USDT:USDT", price=0.9, oi_usd=9.0)
    market.snapshot("okx", "1INCH", price=0.25, oi_usd=3.0)
    market.snapshot("okx", "ODD", symbol="1000ODD/USDT:USDT", price=0.25, oi_usd=2.0)

    found = market.assets()

    assert found.index.tolist() == ["PEPE", "MOG", "1INCH", "ODD"]
    assert found["price"].tolist()[:3] == pytest.approx([0.000005, 9e-7, 0.25])
    assert pd.isna(found.loc["ODD", "price"]), "nobody says how many coins that is the price of"
    assert found.loc["PEPE", "price_delta_pct"] == pytest.approx(100)
    assert found.loc["PEPE", "oi_base"] == 6e6
    assert found.loc["PEPE", "venue_count"] == 3


def test_assets_are_what_instruments_are_counted_under(market):
    """Two coins of one name stay two, silent ones as well."""
    for venue in ("binance", "bybit"):
        market.snapshot(venue, "GAS", price=2.0, oi_usd=1.0)
    market.listed("okx", "GAS")
    names = {("bybit", "GAS/USDT:USDT"): "GAS (bybit)", ("okx", "GAS/USDT:USDT"): "GAS (bybit)"}

    found = market.assets(Bases(names=names))

    assert sorted(found.index) == ["GAS", "GAS (bybit)"]
    assert found["silent_venues"].dropna().to_dict() == {"GAS (bybit)": "okx"}


def test_only_the_venues_and_symbols_that_are_asked_for_count(market):
    three_venues(market)
    market.snapshot("okx", "ETH", price=1.0)

    assert market.assets(venues=["bybit", "okx"]).loc["BTC", "oi_usd"] == 100
    assert market.assets(symbols=["ETH/USDT:USDT"]).index.tolist() == ["ETH"]


def test_flows_are_summed_over_what_is_known_and_say_how_much(market):
    """Of an hour: one venue whole, one with nine of twelve bars, one with eight, one without."""
    for venue, bars in (("binance", 12), ("bybit", 9), ("okx", 8), ("hyperliquid", 0)):
        market.snapshot(venue, oi_usd=1.0)
        for back in range(12):
            known = {"taker_buy_usd": 3.0, "taker_sell_usd": 1.0, "liq_long_usd": 2.0}
            market.bar(venue, ended=NOON - back * SPAN, **(known if back < bars else {}))
        market.bar(venue, ended=NOON - 12 * SPAN, taker_buy_usd=99.0, taker_sell_usd=0.0)

    btc = market.assets(span_s=3600).loc["BTC"]

    assert btc["cvd_usd"] == 12 * 2 + 9 * 2
    assert btc["cvd_coverage_pct"] == pytest.approx(100 * (12 + 9 + 8) / 48)
    assert btc["liq_long_usd"] == 12 * 2 + 9 * 2
    assert pd.isna(btc["liq_short_usd"])
    assert btc["liq_short_coverage_pct"] == 0


def test_rows_that_are_at_hand_are_not_read_again(market):
    """The same answer, from rows of other queries as they were returned."""
    three_venues(market)
    market.listed("okx", "ETH")
    market.bar("okx", taker_buy_usd=3.0, taker_sell_usd=1.0)
    given = {}
    for name in ("pairs", "silent_pairs", "pair_flows"):
        params = {key: ASKED[key] for key in query.parameters(name) & ASKED.keys()}
        given[name] = query.fetch(market.cursor, name, **params)
    asked = {key: ASKED.get(key, []) for key in query.parameters("assets", frozenset(given))}

    found = query.fetch(market.cursor, "assets", given, **asked)

    assert asked.keys() == {
        *("silent_before", "venues", "symbols", "counted_pairs", "counted_names")
    }
    pd.testing.assert_frame_equal(found.set_index("base"), market.assets())
