"""Binance as ccxt reads it: every endpoint, against the state of the market behind it."""

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
    return clients.binance


@pytest.fixture
def quotes(market, now):
    return market.quotes("binance", now)


def of(quotes, symbol, name):
    """Return one figure of one contract."""
    source = quotes.detail if hasattr(quotes.detail, name) else quotes
    return getattr(source, name)[quotes.position[symbol]]


async def test_markets_have_the_perpetuals_and_what_is_not_one(client, market, now):
    markets = await client.load_markets()

    linear = [one for one in markets.values() if one["swap"] and one["linear"]]
    dated = [one["id"] for one in markets.values() if one["future"]]
    listings = market.listings("binance", now)
    assert len(linear) == sum(1 for listing in listings if listing.kind == "perpetual")
    assert dated == ["BTCUSDT_251226", "ETHUSDT_251226"]
    assert markets["币安人生/USDT:USDT"]["baseId"] == "币安人生"
    assert markets["1000PEPE/USDT:USDT"]["contractSize"] == 1


async def test_tickers_of_all_contracts(client, quotes, now):
    tickers = await client.fetch_tickers()

    assert len(tickers) == len(quotes.listings)
    ticker = tickers["1000PEPE/USDT:USDT"]
    assert ticker["last"] == of(quotes, "1000PEPEUSDT", "last")
    assert ticker["baseVolume"] == of(quotes, "1000PEPEUSDT", "volume")
    assert ticker["quoteVolume"] == of(quotes, "1000PEPEUSDT", "turnover")
    assert ticker["open"] == of(quotes, "1000PEPEUSDT", "open_24h")
    assert ticker["high"] == of(quotes, "1000PEPEUSDT", "high_24h")
    assert ticker["low"] == of(quotes, "1000PEPEUSDT", "low_24h")
    assert ticker["timestamp"] == now
    assert "bidPrice" not in ticker["info"]


async def test_ticker_of_one_contract(client, quotes):
    ticker = await client.fetch_ticker("币安人生/USDT:USDT")

    assert ticker["last"] == of(quotes, "币安人生USDT", "last")


async def test_bids_and_asks(client, quotes):
    found = await client.fetch_bids_asks()

    assert found[BTC]["bid"] == of(quotes, "BTCUSDT", "bid")
    assert found[BTC]["ask"] == of(quotes, "BTCUSDT", "ask")
    assert found[BTC]["bidVolume"] == of(quotes, "BTCUSDT", "bid_size")


async def test_funding_mark_and_index(client, quotes, now):
    rates = await client.fetch_funding_rates()
    one = await client.fetch_funding_rate(BTC)

    assert one["markPrice"] == rates[BTC]["markPrice"] == of(quotes, "BTCUSDT", "mark")
    assert one["indexPrice"] == of(quotes, "BTCUSDT", "index")
    assert one["fundingRate"] == of(quotes, "BTCUSDT", "funding_rate")
    assert one["fundingTimestamp"] == of(quotes, "BTCUSDT", "next_funding_ms")
    assert one["timestamp"] == now
    dated = rates["BTC/USDT:USDT-251226"]
    assert dated["fundingRate"] is None
    assert dated["markPrice"] > one["markPrice"]


async def test_funding_info_lists_only_what_was_adjusted(client, market, now):
    await client.load_markets()
    intervals = await client.fetch_funding_intervals()

    listings = market.listings("binance", now)
    adjusted = {one.symbol: one.funding_h for one in listings if one.funding_h in {1, 4}}
    found = {
        row["info"]["symbol"]: row["info"]["fundingIntervalHours"] for row in intervals.values()
    }
    assert found == adjusted
    assert len(found) > 0


async def test_open_interest_now_and_before(client, market, quotes, now):
    live = await client.fetch_open_interest(BTC)
    history = await client.fetch_open_interest_history(BTC, "5m", limit=500)

    assert live["openInterestAmount"] == of(quotes, "BTCUSDT", "open_interest")
    assert live["timestamp"] == now
    expected = market.open_interest("binance", "BTCUSDT", SLOT, now - 500 * SLOT, now)
    assert [row["timestamp"] for row in history] == expected.time_ms.tolist()
    assert [row["openInterestAmount"] for row in history] == expected.value.tolist()
    ratio = history[-1]["openInterestValue"] / history[-1]["openInterestAmount"]
    assert ratio == pytest.approx(of(quotes, "BTCUSDT", "mark"), rel=0.01)


async def test_history_honours_start_end_and_limit(client, now):
    start = now // HOUR * HOUR - 10 * HOUR

    forward = await client.fetch_open_interest_history(BTC, "1h", since=start, limit=3)
    bounded = await client.fapiDataGetOpenInterestHist(
        {"symbol": "BTCUSDT", "period": "1h", "startTime": start, "endTime": start + HOUR}
    )
    backward = await client.fapiDataGetOpenInterestHist(
        {"symbol": "BTCUSDT", "period": "1h", "endTime": start, "limit": 2}
    )

    assert [row["timestamp"] for row in forward] == [start, start + HOUR, start + 2 * HOUR]
    assert [int(row["timestamp"]) for row in bounded] == [start, start + HOUR]
    assert [int(row["timestamp"]) for row in backward] == [start - HOUR, start]


async def test_statistics_go_back_thirty_days(client, now):
    ask = {"symbol": "BTCUSDT", "period": "1d", "limit": 500}
    rows = await client.fapiDataGetOpenInterestHist(ask)

    assert len(rows) == 30
    with pytest.raises(ccxt.ExchangeError, match="startTime"):
        await client.fapiDataGetOpenInterestHist(ask | {"startTime": now - 40 * DAY})


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("fapiDataGetGlobalLongShortAccountRatio", "accounts"),
        ("fapiDataGetTopLongShortAccountRatio", "top_accounts"),
        ("fapiDataGetTopLongShortPositionRatio", "top_positions"),
    ],
)
async def test_long_short_ratios(client, market, now, method, kind):
    rows = await getattr(client, method)({"symbol": "ETHUSDT", "period": "5m", "limit": 20})

    expected = market.ratio("binance", "ETHUSDT", kind, SLOT, now - 20 * SLOT, now)
    assert [float(row["longShortRatio"]) for row in rows] == expected.value.tolist()
    assert float(rows[-1]["longAccount"]) + float(rows[-1]["shortAccount"]) == pytest.approx(1)


async def test_unified_long_short_ratio(client, market, now):
    rows = await client.fetch_long_short_ratio_history(BTC, "5m", limit=1)

    expected = market.ratio("binance", "BTCUSDT", "accounts", SLOT, now - SLOT, now)
    assert rows[0]["longShortRatio"] == expected.value[-1]
    assert rows[0]["timestamp"] == expected.time_ms[-1] == now // SLOT * SLOT


async def test_taker_volumes_are_those_of_whole_periods(client, market, now):
    rows = await client.fapiDataGetTakerlongshortRatio(
        {"symbol": "BTCUSDT", "period": "5m", "limit": 3}
    )

    first = int(rows[0]["timestamp"])
    bars = market.bars("binance", "BTCUSDT", SLOT, first, first + 2 * SLOT, now)
    assert [float(row["buyVol"]) for row in rows] == pytest.approx(bars.taker_buy.tolist())
    assert int(rows[-1]["timestamp"]) + SLOT <= now


async def test_candles(client, market, now):
    candles = await client.fetch_ohlcv(BTC, "5m", limit=100)
    since = now // HOUR * HOUR - 5 * HOUR
    later = await client.fetch_ohlcv(BTC, "1h", since=since, limit=2)

    first = now // SLOT * SLOT - 99 * SLOT
    bars = market.bars("binance", "BTCUSDT", SLOT, first, now, now)
    expected = np.column_stack(
        [bars.time_ms, bars.open, bars.high, bars.low, bars.close, bars.volume]
    )
    np.testing.assert_array_equal(np.array(candles), expected)
    assert [row[0] for row in later] == [since, since + HOUR]


async def test_weeks_begin_on_monday(client):
    weeks = await client.fetch_ohlcv(BTC, "1w", limit=3)

    assert {
        np.datetime64(row[0], "ms").astype("datetime64[D]").astype(int) % 7 for row in weeks
    } == {4}


async def test_book(client, market, now):
    book = await client.fetch_order_book("1000PEPE/USDT:USDT", 50)

    expected = market.book("binance", "1000PEPEUSDT", now, 50)
    assert [level[0] for level in book["bids"]] == expected.bid.tolist()
    assert [level[1] for level in book["asks"]] == expected.ask_size.tolist()
    assert book["timestamp"] == now


async def test_trades(client, market, now):
    trades = await client.fetch_trades(BTC, limit=50)
    since = now - 10 * 60_000
    older = await client.fetch_trades(BTC, since=since, limit=5)

    expected = market.trades("binance", "BTCUSDT", None, now, 50)
    assert [trade["price"] for trade in trades] == expected.price.tolist()
    assert [trade["amount"] for trade in trades] == expected.size.tolist()
    assert [trade["side"] == "buy" for trade in trades] == expected.is_buy.tolist()
    assert all(since <= trade["timestamp"] < since + 60_000 for trade in older)


async def test_funding_history(client, market, now):
    rows = await client.fetch_funding_rate_history(BTC, limit=10)
    since = now - 3 * DAY
    later = await client.fetch_funding_rate_history(BTC, since=since, limit=1000)
    everybody = await client.fapiPublicGetFundingRate({"limit": 50})

    expected = market.funding("binance", "BTCUSDT", now - 4 * DAY, now)
    assert [row["fundingRate"] for row in rows] == expected.value[-10:].tolist()
    assert [row["timestamp"] for row in rows] == expected.time_ms[-10:].tolist()
    assert len(later) == 9
    assert len(everybody) == 50
    assert len({row["symbol"] for row in everybody}) > 1


async def test_time_and_ping(client, simulator):
    assert await client.fetch_time() == simulator.now_ms()
    assert await client.fapiPublicGetPing() == {}


@pytest.mark.parametrize(
    ("method", "ask", "error", "code"),
    [
        ("fapiPublicGetOpenInterest", {"symbol": "NONEUSDT"}, ccxt.BadSymbol, "-1121"),
        ("fapiPublicGetTicker24hr", {"symbol": "NONEUSDT"}, ccxt.BadSymbol, "-1121"),
        ("fapiPublicGetOpenInterest", {}, ccxt.BadRequest, "-1102"),
        ("fapiPublicGetKlines", {"symbol": "BTCUSDT", "interval": "7m"}, ccxt.BadRequest, "-1120"),
        ("fapiPublicGetDepth", {"symbol": "BTCUSDT", "limit": 7}, ccxt.ExchangeError, "-4021"),
        (
            "fapiDataGetOpenInterestHist",
            {"symbol": "BTCUSDT", "period": "7m"},
            ccxt.BadRequest,
            "-1130",
        ),
    ],
)
async def test_refuses_in_the_venues_own_words(client, method, ask, error, code):
    with pytest.raises(error, match=code):
        await getattr(client, method)(ask)


async def test_refuses_a_path_that_does_not_exist(http):
    async with http.get("/binance/fapi/v1/nothing") as response:
        assert response.status == 404
        assert (await response.json())["code"] == -5000
