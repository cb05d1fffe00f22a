"""A recorded market: its own figures at its own times, and its holes left as they are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import ccxt
import pytest

from collector.runtime.clock import Clock
from simulator.market.recording import MAX_AGE_MS, Reading, Recording, read_recording
from simulator.server import Simulator, recording

START = 1_760_983_390_630
"""2025-10-20 18:03:10.630 UTC."""


@pytest.fixture(scope="module")
def recorded(recordings):
    return recording(recordings / "series" / "futuresboard_2025-10-20_22.sqlite")


def clock_at(time_ms):
    """Return a clock that stands at *time_ms*."""
    return Clock(origin=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms), speed=0)


def small():
    """Return two pairs, one of them with a hole, and a dated contract."""
    return Recording(
        [
            Reading("BTCUSDT", START, 110298.5, 9145563700.175499, 15426771831.95, True),
            Reading("币安人生USDT", START + 700, 0.37, 51234567.890123, 812345678.9, True),
            Reading("BTCUSDT", START + 60_000, 110300.1, 9145585098.0845, 15426771931.95, True),
            Reading("BTCUSDT_251226", START, 111500.2, 312345678.25, 45678901.5, False),
        ]
    )


async def test_a_reading_travels_unchanged(connect):
    """The price digit for digit, the open interest as base coins that give its USD back."""
    async with Simulator(small(), clock_at(START)) as simulator:
        client = connect(simulator.url).binance
        tickers, rates = await client.fetch_tickers(), await client.fetch_funding_rates()
        held = await client.fetch_open_interest("BTC/USDT:USDT")

    ticker, rate = tickers["BTC/USDT:USDT"], rates["BTC/USDT:USDT"]
    assert ticker["last"] == rate["markPrice"] == 110298.5
    assert ticker["quoteVolume"] == 15426771831.95
    assert held["openInterestAmount"] * 110298.5 == pytest.approx(9145563700.175499, rel=1e-12)
    assert ticker["timestamp"] == rate["timestamp"] == held["timestamp"] == START


async def test_what_was_not_recorded_is_not_made_up(connect):
    async with Simulator(small(), clock_at(START)) as simulator:
        client = connect(simulator.url).binance
        rates = await client.fetch_funding_rates()
        quotes = await client.fapiPublicGetTickerBookTicker()
        candles = await client.fetch_ohlcv("BTC/USDT:USDT", "5m")
        ratios = await client.fetch_long_short_ratio_history("BTC/USDT:USDT", "5m")
        settled = await client.fetch_funding_rate_history("BTC/USDT:USDT")

    assert rates["BTC/USDT:USDT"]["fundingRate"] is None
    assert rates["BTC/USDT:USDT"]["indexPrice"] is None
    assert quotes == candles == ratios == settled == []


async def test_the_funding_terms_are_never_an_empty_list(connect):
    """As at the venue: one that pays every 8 hours like all others stands in it."""
    async with Simulator(small(), clock_at(START)) as simulator:
        (row,) = await connect(simulator.url).binance.fapiPublicGetFundingInfo()

    assert (row["symbol"], int(row["fundingIntervalHours"])) == ("BTCUSDT", 8)


async def test_other_venues_are_empty(connect):
    async with Simulator(small(), clock_at(START)) as simulator:
        clients = connect(simulator.url)
        assert await clients.bybit.load_markets() == {}
        assert await clients.okx.load_markets() == {}
        assert await clients.okx.fetch_tickers() == {}
        assert await clients.bybit.fetch_tickers() == {}


@pytest.mark.parametrize(
    ("offset", "price"),
    [
        (-1, None),
        (0, 110298.5),
        (59_999, 110298.5),
        (60_000, 110300.1),
        (60_000 + MAX_AGE_MS, 110300.1),
        (60_001 + MAX_AGE_MS, None),
    ],
)
async def test_a_hole_is_a_hole(connect, offset, price):
    """Served from its own time until five minutes later or the next one; else not at all."""
    async with Simulator(small(), clock_at(START + offset)) as simulator:
        client = connect(simulator.url).binance
        rows = {row["symbol"]: row for row in await client.fapiPublicGetTicker24hr()}
        if price is None:
            assert "BTCUSDT" not in rows
            with pytest.raises(ccxt.BadSymbol, match="-1121"):
                await client.fapiPublicGetOpenInterest({"symbol": "BTCUSDT"})
        else:
            assert rows["BTCUSDT"]["lastPrice"] == repr(price)


async def test_the_listing_has_every_pair_even_in_a_hole(connect):
    async with Simulator(small(), clock_at(START - 60_000)) as simulator:
        markets = await connect(simulator.url).binance.load_markets()

    assert set(markets) == {"BTC/USDT:USDT", "币安人生/USDT:USDT", "BTC/USDT:USDT-251226"}
    assert markets["BTC/USDT:USDT-251226"]["future"]


async def test_a_pair_named_in_chinese(connect):
    async with Simulator(small(), clock_at(START + 700)) as simulator:
        held = await connect(simulator.url).binance.fetch_open_interest("币安人生/USDT:USDT")

    assert held["openInterestAmount"] == 51234567.890123 / 0.37


def test_reads_the_database_without_its_mock_rows(tmp_path):
    """The mock generator filled two columns that the recorder never did."""
    path = tmp_path / "series.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE metrics (symbol TEXT, timestamp TEXT, price REAL, volume_24h REAL,"
            " oi_usd REAL, oi_abs_usd REAL, vol_usd REAL)"
        )
        database.executemany(
            "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                ("BTC", "2025-10-20 16:50:52.401134", 115150.05, 102.0, 51.0, 51.4, 102.8),
                ("BTC", "2025-10-20 18:03:10.630435", 110298.5, None, None, 9.1e9, 1.5e10),
                ("BOME", "2025-10-20 18:04:11.050682", 0.0, None, None, 8.1e6, 4.5e7),
                ("ETH-251226", "2025-10-20 18:04:10.535545", 4010.25, None, None, 9e7, 1e7),
            ],
        )

    found = read_recording(path).readings

    assert found == (
        Reading("BTCUSDT", START, 110298.5, 9.1e9, 1.5e10, True),
        Reading("ETHUSDT_251226", START + 59_905, 4010.25, 9e7, 1e7, False),
    )


def test_reads_csv_and_leaves_out_rows_with_a_gap(tmp_path):
    path = tmp_path / "series.csv"
    path.write_text(
        "timestamp,symbol,price,oi_usd,volume_24h\n"
        "2025-10-14 04:10:23,BTC,,8693533996.0,\n"
        "2025-10-14 05:43:50,BTC,112407.0,8661785092.0,24502319088.0\n",
        encoding="utf-8",
    )

    (reading,) = read_recording(path).readings

    assert reading.symbol == "BTCUSDT"
    assert reading.time_ms == 1_760_420_630_000
    assert reading.oi_base * reading.price == pytest.approx(8661785092.0, rel=1e-15)


def test_says_what_is_wrong_with_a_recording(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no recording at"):
        read_recording(tmp_path / "absent.sqlite")
    empty = tmp_path / "empty.csv"
    empty.write_text("timestamp,symbol,price,oi_usd,volume_24h\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has no reading"):
        read_recording(empty)


async def test_serves_every_pair_of_the_real_recording_exactly(recorded, connect):
    """At a moment when the recorder had just swept the whole venue."""
    now = START + 25 * 60_000
    expected = {
        symbol: reading
        for symbol in {reading.symbol for reading in recorded.readings}
        if (reading := recorded.at(symbol, now)) is not None
    }

    async with Simulator(recorded, clock_at(now)) as simulator:
        client = connect(simulator.url).binance
        markets = await client.load_markets()
        tickers = await client.fapiPublicGetTicker24hr()
        indices = {row["symbol"]: row for row in await client.fapiPublicGetPremiumIndex()}
        for symbol, reading in list(expected.items())[:40]:
            held = await client.fapiPublicGetOpenInterest({"symbol": symbol})
            value = float(held["openInterest"]) * reading.price
            assert value == pytest.approx(reading.oi_usd, rel=1e-12)
            assert int(held["time"]) == reading.time_ms

    assert len(expected) > 200
    assert {row["symbol"] for row in tickers} == set(expected)
    for row in tickers:
        reading = expected[row["symbol"]]
        assert float(row["lastPrice"]) == reading.price
        assert float(row["quoteVolume"]) == reading.volume_24h_usd
        assert int(row["closeTime"]) == reading.time_ms
        assert float(indices[row["symbol"]]["markPrice"]) == reading.price
    assert [one["id"] for one in markets.values() if one["future"]]
    assert all("_" not in one["id"] for one in markets.values() if one["swap"])


def test_the_real_recording_has_no_mock_row(recorded):
    """23,006 rows less 20 mock ones and 56 whose price was rounded to 0."""
    assert len(recorded.readings) == 22_930
    assert recorded.readings[0].time_ms >= 1_760_983_389_000
    assert recorded.at("币安人生USDT", START) is not None
    assert recorded.at("MATICUSDT", START) is None


def test_the_real_csv_reads(recordings):
    found = read_recording(recordings / "series" / "futuresboard_2025-10-14_18.csv")

    assert len(found.readings) == 309
    assert {reading.symbol for reading in found.readings} == {"BTCUSDT", "ETHUSDT", "SOLUSDT"}
