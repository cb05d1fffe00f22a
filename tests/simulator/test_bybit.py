"""Bybit as ccxt reads it: every endpoint, against the state of the market behind it."""

from __future__ import annotations

import ccxt
import numpy as np
import pytest

SLOT = 300_000
HOUR = 12 * SLOT
DAY = 24 * HOUR
BTC = "BTC/USDT:USDT"


@pytest.fixture
def now(simulator):
    """The step the simulator stands in."""
    return simulator.now_ms() // 5_000 * 5_000


@pytest.fixture
def client(clients):
    return clients.bybit


@pytest.fixture
def quotes(market, now):
    return market.quotes("bybit", now)


async def test_markets(client, market, now):
    markets = await client.load_markets()

    listings = {one.symbol: one for one in market.listings("bybit", now)}
    swaps = [one for one in markets.values() if one["swap"]]
    assert {one["id"] for one in swaps} == {
        name for name, one in listings.items() if one.kind == "perpetual"
    }
    assert [one["id"] for one in markets.values() if one["future"]] == [
        "BTCUSDT-26DEC25",
        "ETHUSDT-26DEC25",
    ]
    for one in swaps:
        assert int(one["info"]["fundingInterval"]) == listings[one["id"]].funding_h * 60
    assert markets["SHIB1000/USDT:USDT"]["id"] == "SHIB1000USDT"


async def test_instruments_come_in_pages(client):
    ask = {"category": "linear", "limit": 10}
    found, cursor = [], ""
    while True:
        page = (await client.publicGetV5MarketInstrumentsInfo(ask | {"cursor": cursor}))["result"]
        found += [row["symbol"] for row in page["list"]]
        cursor = page["nextPageCursor"]
        if not cursor:
            break

    assert len(found) == len(set(found)) > 20


async def test_one_call_has_price_book_interest_and_funding(client, quotes, now):
    tickers = await client.fetch_tickers()
    rates = await client.fetch_funding_rates()

    at, detail = quotes.position["SHIB1000USDT"], quotes.detail
    ticker, row = tickers["SHIB1000/USDT:USDT"], tickers["SHIB1000/USDT:USDT"]["info"]
    assert ticker["last"] == quotes.last[at]
    assert (ticker["bid"], ticker["ask"]) == (detail.bid[at], detail.ask[at])
    assert ticker["baseVolume"] == quotes.volume[at]
    assert ticker["quoteVolume"] == pytest.approx(quotes.turnover[at])
    assert float(row["singleOpenInterest"]) == quotes.open_interest[at]
    assert float(row["openInterest"]) == 2 * quotes.open_interest[at]
    value = quotes.open_interest[at] * quotes.mark[at]
    assert float(row["singleOpenInterestValue"]) == pytest.approx(value, abs=0.01)
    assert float(row["openInterestValue"]) == pytest.approx(2 * value, abs=0.01)
    rate = rates["SHIB1000/USDT:USDT"]
    assert rate["fundingRate"] == detail.funding_rate[at]
    assert rate["markPrice"] == quotes.mark[at]
    assert rate["fundingTimestamp"] == detail.next_funding_ms[at]
    assert rate["interval"] == "8h"


async def test_the_envelope_says_the_time(client, simulator, now):
    answer = await client.publicGetV5MarketTickers({"category": "linear", "symbol": "BTCUSDT"})

    assert int(answer["time"]) == now
    assert await client.fetch_time() == simulator.now_ms()


async def test_other_categories_are_empty(client):
    answer = await client.publicGetV5MarketTickers({"category": "inverse"})

    assert answer["result"]["list"] == []


async def test_open_interest_newest_first_in_pages(client, market, now):
    ask = {"category": "linear", "symbol": "BTCUSDT", "intervalTime": "5min", "limit": 30}
    first = (await client.publicGetV5MarketOpenInterest(ask))["result"]
    second = (
        await client.publicGetV5MarketOpenInterest(ask | {"cursor": first["nextPageCursor"]})
    )["result"]

    expected = market.open_interest("bybit", "BTCUSDT", SLOT, now - 60 * SLOT, now)
    rows = [*first["list"], *second["list"]]
    assert [int(row["timestamp"]) for row in rows] == expected.time_ms[::-1].tolist()
    assert [float(row["singleOpenInterest"]) for row in rows] == expected.value[::-1].tolist()
    assert [float(row["openInterest"]) for row in rows] == (2 * expected.value[::-1]).tolist()


async def test_unified_open_interest_is_of_the_last_hour(client, market, now):
    found = await client.fetch_open_interest(BTC)
    history = await client.fetch_open_interest_history(BTC, "1h", since=now - 5 * HOUR, limit=3)

    expected = market.open_interest("bybit", "BTCUSDT", HOUR, now - 5 * HOUR, now)
    # What ccxt reads is the sum of both sides, as at the venue.
    assert found["openInterestAmount"] == 2 * expected.value[-1]
    assert [row["openInterestAmount"] for row in history] == (2 * expected.value[:3]).tolist()


async def test_long_short_ratio(client, market, now):
    rows = await client.fetch_long_short_ratio_history(BTC, "5min", limit=5)

    expected = market.ratio("bybit", "BTCUSDT", "accounts", SLOT, now - 5 * SLOT, now)
    assert [row["timestamp"] for row in rows] == expected.time_ms.tolist()
    ratios = [row["longShortRatio"] for row in rows]
    assert ratios == pytest.approx(expected.value.tolist(), rel=2e-3)


async def test_candles(client, market, now):
    candles = await client.fetch_ohlcv("1000PEPE/USDT:USDT", "15m", limit=20)
    since = now // HOUR * HOUR - 4 * HOUR
    later = await client.fetch_ohlcv(BTC, "1h", since=since, limit=2)

    first = now // (3 * SLOT) * 3 * SLOT - 19 * 3 * SLOT
    bars = market.bars("bybit", "1000PEPEUSDT", 3 * SLOT, first, now, now)
    expected = np.column_stack(
        [bars.time_ms, bars.open, bars.high, bars.low, bars.close, bars.volume]
    )
    np.testing.assert_array_equal(np.array(candles), expected)
    assert [row[0] for row in later] == [since, since + HOUR]


@pytest.mark.parametrize(
    ("method", "more", "time"),
    [
        ("publicGetV5MarketKline", {"interval": "5"}, 0),
        ("publicGetV5MarketRecentTrade", {}, "time"),
        ("publicGetV5MarketFundingHistory", {}, "fundingRateTimestamp"),
        ("publicGetV5MarketAccountRatio", {"period": "5min"}, "timestamp"),
    ],
)
async def test_lists_travel_newest_first(client, method, more, time):
    answer = await getattr(client, method)(
        {"category": "linear", "symbol": "BTCUSDT", "limit": 20} | more
    )

    times = [int(row[time]) for row in answer["result"]["list"]]
    assert len(times) == 20
    assert times == sorted(times, reverse=True)


async def test_book(client, market, now):
    book = await client.fetch_order_book(BTC, 20)

    expected = market.book("bybit", "BTCUSDT", now, 20)
    assert [level[0] for level in book["asks"]] == expected.ask.tolist()
    assert [level[1] for level in book["bids"]] == expected.bid_size.tolist()
    assert book["timestamp"] == now


async def test_trades(client, market, now):
    trades = await client.fetch_trades(BTC, limit=30)

    expected = market.trades("bybit", "BTCUSDT", None, now, 30)
    assert sorted(int(trade["info"]["seq"]) for trade in trades) == expected.id.tolist()
    assert len({trade["id"] for trade in trades}) == 30
    bought = sum(trade["amount"] for trade in trades if trade["side"] == "buy")
    assert bought == pytest.approx(expected.size[expected.is_buy].sum())


async def test_funding_history(client, market, now):
    rows = await client.fetch_funding_rate_history(BTC, limit=5)
    later = await client.fetch_funding_rate_history(BTC, since=now - 2 * DAY)

    expected = market.funding("bybit", "BTCUSDT", now - 2 * DAY, now)
    assert [row["fundingRate"] for row in rows] == expected.value[-5:].tolist()
    assert [row["timestamp"] for row in later] == expected.time_ms.tolist()


@pytest.mark.parametrize(
    ("method", "ask"),
    [
        ("publicGetV5MarketTickers", {"category": "linear", "symbol": "NONEUSDT"}),
        ("publicGetV5MarketTickers", {}),
        (
            "publicGetV5MarketAccountRatio",
            {"category": "linear", "symbol": "BTCUSDT", "period": "5m"},
        ),
        (
            "publicGetV5MarketFundingHistory",
            {"category": "linear", "symbol": "BTCUSDT", "startTime": 1},
        ),
    ],
)
async def test_refuses_in_the_venues_own_words(client, method, ask):
    with pytest.raises(ccxt.BadRequest, match="10001"):
        await getattr(client, method)(ask)
