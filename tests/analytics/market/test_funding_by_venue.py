"""Funding of every asset on every venue, on a real lake, by values computed by hand."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from analytics.lake.reader import Reader
from analytics.lake.records import Snapshot
from analytics.lake.schema import arrow_schema
from analytics.lake.writer import Lake
from analytics.panels.bases import Bases, bases
from analytics.query import fetch

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def rate(venue, symbol, base, percent, interval_h, oi_usd=1e6, **more):
    """A snapshot with a rate of so many percent per interval."""
    given = {"received_ts": NOON, "next_funding_ts": NOON + timedelta(hours=interval_h), **more}
    return Snapshot(
        venue=venue,
        symbol=symbol,
        base=base,
        funding_rate=percent / 100,
        funding_interval_h=interval_h,
        oi_usd=oi_usd,
        **given,
    )


@pytest.fixture
def table(tmp_path):
    """Return a function that stores rows and asks for the table of all assets at noon."""

    def stored(*rows, bars=(), counted=None, venues=None):
        with Lake(tmp_path, origin="live") as lake:
            lake.append_records(rows)
            if bars:
                names = {name for bar in bars for name in bar}
                fields = [field for field in arrow_schema("bars") if field.name in names]
                lake.append(("bars", pa.Table.from_pylist(list(bars), schema=pa.schema(fields))))
            lake.publish()
        with closing(Reader(tmp_path)) as reader, reader.cursor() as cursor:
            found = bases(cursor, NOON) if counted is None else counted
            return fetch(
                cursor,
                "funding_by_venue",
                now=NOON,
                since=NOON - 10 * MINUTE,
                silent_before=NOON - MINUTE,
                venues=venues,
                symbols=None,
                **found.params,
            )

    return stored


def of(rows, base):
    return rows[rows["base"] == base].set_index("venue")


def test_rates_of_1_4_and_8_hours_are_compared_per_8(table):
    """0.01 % an hour is 0.08 % in eight, -0.02 % in four is -0.04 %: 0.12 points apart."""
    rows = table(
        rate("hyperliquid", "BTC/USDC:USDC", "BTC", 0.01, 1.0),
        rate("bybit", "BTC/USDT:USDT", "BTC", -0.02, 4.0),
        rate("binance", "BTC/USDT:USDT", "BTC", 0.03, 8.0),
    )

    btc = of(rows, "BTC")
    assert btc["funding_8h_pct"].to_dict() == pytest.approx(
        {"binance": 0.03, "bybit": -0.04, "hyperliquid": 0.08}
    )
    assert btc["funding_apr_pct"].to_dict() == pytest.approx(
        {"binance": 32.85, "bybit": -43.8, "hyperliquid": 87.6}
    )
    assert btc["venue_spread_pp"].tolist() == pytest.approx(3 * [0.12])
    assert btc["venue_spread_apr_pct"].tolist() == pytest.approx(3 * [131.4])
    assert set(btc["highest_venue"]) == {"hyperliquid"}
    assert set(btc["lowest_venue"]) == {"bybit"}
    assert btc.loc["bybit", "next_funding_ts"] == NOON + timedelta(hours=4)


def test_a_thousand_coins_to_a_contract_are_the_same_asset(table):
    """And of two instruments on one venue the one with the most open interest stands for it."""
    rows = table(
        rate("binance", "1000PEPE/USDT:USDT", "PEPE", 0.05, 8.0),
        rate("okx", "PEPE/USDT:USDT", "PEPE", 0.01, 8.0, oi_usd=9e6),
        rate("okx", "PEPE/USDC:USDC", "PEPE", -0.5, 8.0, oi_usd=8e6),
    )

    pepe = of(rows, "PEPE")
    assert pepe["symbol"].to_dict() == {"binance": "1000PEPE/USDT:USDT", "okx": "PEPE/USDT:USDT"}
    assert pepe["venue_spread_pp"].tolist() == pytest.approx(2 * [0.04])


def test_the_widest_spread_comes_first_and_what_has_none_last(table):
    """An asset on one venue has no spread, and level rates have no highest."""
    rows = table(
        rate("binance", "ETH/USDT:USDT", "ETH", 0.01, 8.0, oi_usd=9e9),
        rate("okx", "ETH/USDT:USDT", "ETH", 0.005, 4.0),
        rate("binance", "SOL/USDT:USDT", "SOL", 0.01, 8.0),
        rate("okx", "SOL/USDT:USDT", "SOL", -0.02, 8.0),
        rate("okx", "ADA/USDT:USDT", "ADA", 0.3, 8.0, oi_usd=9e12),
    )

    assert list(dict.fromkeys(rows["base"])) == ["SOL", "ETH", "ADA"]
    assert of(rows, "ETH")["venue_spread_pp"].tolist() == pytest.approx([0, 0], abs=1e-12)
    assert of(rows, "ETH")["highest_venue"].isna().all()
    assert of(rows, "ADA")["venue_spread_pp"].isna().all()


def test_a_silent_venue_shows_its_last_rate_and_is_no_part_of_the_spread(table):
    """Two minutes old among fresh ones; where all are old they are compared with each other."""
    old = {"received_ts": NOON - 2 * MINUTE}
    rows = table(
        rate("binance", "BTC/USDT:USDT", "BTC", 0.01, 8.0),
        rate("bybit", "BTC/USDT:USDT", "BTC", 0.02, 8.0),
        rate("okx", "BTC/USDT:USDT", "BTC", 0.5, 8.0, **old),
        rate("bybit", "ETH/USDT:USDT", "ETH", 0.02, 8.0, **old),
        rate("okx", "ETH/USDT:USDT", "ETH", 0.05, 8.0, **old),
    )

    btc, eth = of(rows, "BTC"), of(rows, "ETH")
    assert btc["is_silent"].to_dict() == {"binance": False, "bybit": False, "okx": True}
    assert btc.loc["okx", "funding_8h_pct"] == pytest.approx(0.5)
    assert btc["venue_spread_pp"].tolist() == pytest.approx(3 * [0.01])
    assert eth["venue_spread_pp"].tolist() == pytest.approx(2 * [0.03])
    assert not eth["is_silent"].any()


def test_a_rate_without_its_interval_is_absent(table):
    """It cannot be normalised, and no older interval is put beside it."""
    rows = table(
        rate("binance", "BTC/USDT:USDT", "BTC", 0.01, 8.0),
        Snapshot(
            venue="okx",
            symbol="BTC/USDT:USDT",
            base="BTC",
            received_ts=NOON,
            funding_rate=0.5,
            oi_usd=1.0,
        ),
    )

    assert rows["venue"].tolist() == ["binance"]
    assert rows["venue_spread_pp"].isna().all()


def test_without_snapshots_the_rate_is_the_last_bar_s(table):
    """Which says nothing of the next payment."""
    bar = {
        "venue": "okx",
        "symbol": "BTC/USDT:USDT",
        "base": "BTC",
        "ts": (NOON - 5 * MINUTE).replace(tzinfo=None),
        "snapshot_count": 10,
        "origin": "live",
        "funding_rate": 0.0002,
        "funding_interval_h": 8.0,
    }
    rows = table(rate("binance", "BTC/USDT:USDT", "BTC", 0.01, 8.0), bars=[bar])

    btc = of(rows, "BTC")
    assert btc.loc["okx", "funding_8h_pct"] == pytest.approx(0.02)
    assert btc["next_funding_ts"].isna().to_dict() == {"binance": False, "okx": True}
    assert btc["venue_spread_pp"].tolist() == pytest.approx(2 * [0.01])


def test_only_the_chosen_venues_are_compared(table):
    rows = table(
        *(
            rate(venue, "BTC/USDT:USDT", "BTC", percent, 8.0)
            for venue, percent in (("binance", 0.01), ("bybit", 0.02), ("okx", 0.5))
        ),
        counted=Bases(),
        venues=["binance", "bybit"],
    )

    assert rows["venue"].tolist() == ["binance", "bybit"]
    assert rows["venue_spread_pp"].tolist() == pytest.approx(2 * [0.01])


def test_two_coins_of_one_name_are_two_assets(table):
    """As ``bases`` has found them to be."""
    counted = Bases({("bybit", "GAS/USDT:USDT"): "GAS (bybit)"})
    rows = table(
        rate("binance", "GAS/USDT:USDT", "GAS", 0.01, 8.0),
        rate("bybit", "GAS/USDT:USDT", "GAS", 0.02, 8.0),
        counted=counted,
    )

    assert sorted(rows["base"]) == ["GAS", "GAS (bybit)"]
    assert rows["venue_spread_pp"].isna().all()
