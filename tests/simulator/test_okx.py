"""OKX as ccxt reads it: every endpoint, against the state of the market behind it."""

from __future__ import annotations

import ccxt
import numpy as np
import pytest

SLOT = 300_000
HOUR = 12 * SLOT
DAY = 24 * HOUR
BTC, BTC_ID = "BTC/USDT:USDT", "BTC-USDT-SWAP"
PEPE, PEPE_ID = "PEPE/USDT:USDT", "PEPE-USDT-SWAP"
STATISTICS = "publicGetRubikStatContracts"


@pytest.fixture
def now(simulator):
    """The step the simulator stands in."""
    return simulator.now_ms() // 5_000 * 5_000


@pytest.fixture
def client(clients):
    return clients.okx


@pytest.fixture
def quotes(market, now):
    return market.quotes("okx", now)


async def test_markets_have_coin_margined_swaps_beside_the_linear_ones(client, market, now):
    markets = await client.load_markets()

    listings = market.listings("okx", now)
    linear = {one["id"] for one in markets.values() if one["linear"]}
    inverse = {one["id"] for one in markets.values() if one["inverse"]}
    assert linear == {one.symbol for one in listings if one.kind == "perpetual"}
    assert inverse == {"BTC-USD-SWAP", "ETH-USD-SWAP"}
    assert markets[PEPE]["contractSize"] == 1e7
    assert markets[BTC]["contractSize"] == 0.01


async def test_tickers_count_in_contracts(client, quotes, now):
    tickers = await client.fetch_tickers()

    at, detail = quotes.position[PEPE_ID], quotes.detail
    ticker = tickers[PEPE]
    assert ticker["last"] == quotes.last[at]
    assert (ticker["bid"], ticker["ask"]) == (detail.bid[at], detail.ask[at])
    assert ticker["baseVolume"] * 1e7 == pytest.approx(quotes.volume[at])
    assert float(ticker["info"]["volCcy24h"]) == quotes.volume[at]
    assert ticker["timestamp"] == now


async def test_ticker_of_one_contract(client, quotes):
    ticker = await client.fetch_ticker(BTC)

    assert ticker["high"] == quotes.detail.high_24h[quotes.position[BTC_ID]]


async def test_open_interest_in_contracts_base_and_usd(client, quotes):
    everybody = await client.fetch_open_interests()
    one = await client.fetch_open_interest(PEPE)

    at = quotes.position[PEPE_ID]
    held = quotes.open_interest[at]
    assert one["openInterestAmount"] == pytest.approx(held / 1e7)
    assert one["baseVolume"] == held
    assert one["openInterestValue"] == pytest.approx(held * quotes.mark[at])
    assert everybody[PEPE]["openInterestAmount"] == one["openInterestAmount"]
    assert len(everybody) == len(quotes.listings)


async def test_an_inverse_swap_counts_in_contracts_of_fixed_worth(client, quotes):
    found = await client.fetch_open_interests()

    at = quotes.position["BTC-USD-SWAP"]
    worth = quotes.open_interest[at] * quotes.mark[at]
    assert found["BTC/USD:BTC"]["openInterestAmount"] == pytest.approx(worth / 100, abs=0.01)


async def test_marks_and_funding(client, quotes, market, now):
    marks = await client.fetch_mark_prices()
    rates = await client.fetch_funding_rates()
    one = await client.fetch_funding_rate(BTC)

    at = quotes.position[BTC_ID]
    assert marks[BTC]["markPrice"] == quotes.mark[at]
    assert one["fundingRate"] == rates[BTC]["fundingRate"] == quotes.detail.funding_rate[at]
    assert one["fundingTimestamp"] == quotes.detail.next_funding_ms[at]
    hours = {listing.symbol: listing.funding_h for listing in market.listings("okx", now)}
    for rate in rates.values():
        assert rate["interval"] == f"{hours[rate['info']['instId']]}h"


async def test_indices_in_one_currency_or_one_of_them(client, quotes):
    in_usdt = await client.public_get_market_index_tickers({"quoteCcy": "USDT"})
    one = await client.public_get_market_index_tickers({"instId": "BTC-USD"})

    prices = {row["instId"]: float(row["idxPx"]) for row in in_usdt["data"]}
    linear = [symbol for symbol in quotes.position if symbol.endswith("-USDT-SWAP")]
    assert {f"{name}-SWAP" for name in prices} == set(linear)
    assert prices["BTC-USDT"] == quotes.detail.index[quotes.position[BTC_ID]]
    assert [row["instId"] for row in one["data"]] == ["BTC-USD"]
    with pytest.raises(ccxt.BadRequest, match="quoteCcy or instId"):
        await client.public_get_market_index_tickers()


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("LongShortAccountRatioContract", "accounts"),
        ("LongShortAccountRatioContractTopTrader", "top_accounts"),
        ("LongShortPositionRatioContractTopTrader", "top_positions"),
    ],
)
async def test_long_short_ratios_newest_first(client, market, now, method, kind):
    answer = await getattr(client, STATISTICS + method)(
        {"instId": BTC_ID, "period": "5m", "limit": 10}
    )

    expected = market.ratio("okx", BTC_ID, kind, SLOT, now - 10 * SLOT, now)
    assert [int(row[0]) for row in answer["data"]] == expected.time_ms[::-1].tolist()
    assert [float(row[1]) for row in answer["data"]] == expected.value[::-1].tolist()


async def test_unified_histories(client, market, now):
    since = now // HOUR * HOUR - 6 * HOUR
    ratios = await client.fetch_long_short_ratio_history(BTC, "1h", since=since, limit=2)
    held = await client.fetch_open_interest_history(BTC, "5m", since=since, limit=3)

    assert [row["timestamp"] for row in ratios] == [since, since + HOUR]
    expected = market.open_interest("okx", BTC_ID, SLOT, since, since + 2 * SLOT)
    assert [row["baseVolume"] for row in held] == expected.value.tolist()
    assert [row["timestamp"] for row in held] == expected.time_ms.tolist()


async def test_candles(client, market, now):
    candles = await client.fetch_ohlcv(PEPE, "5m", limit=30)
    since = now // HOUR * HOUR - 8 * HOUR
    later = await client.fetch_ohlcv(BTC, "1h", since=since, limit=3)

    bars = market.bars("okx", PEPE_ID, SLOT, now // SLOT * SLOT - 29 * SLOT, now, now)
    found = np.array(candles)
    np.testing.assert_array_equal(found[:, 0], bars.time_ms)
    np.testing.assert_array_equal(found[:, 4], bars.close)
    np.testing.assert_array_equal(found[:, 5], bars.volume)
    assert [row[0] for row in later] == [since, since + HOUR, since + 2 * HOUR]


async def test_only_the_running_candle_is_unconfirmed(client):
    answer = await client.publicGetMarketCandles({"instId": BTC_ID, "bar": "5m", "limit": 3})

    assert [row[8] for row in answer["data"]] == ["0", "1", "1"]


async def test_pages_of_candles_meet(client):
    ask = {"instId": BTC_ID, "bar": "1m", "limit": 5}
    newest = (await client.publicGetMarketHistoryCandles(ask))["data"]
    older = (await client.publicGetMarketHistoryCandles(ask | {"after": newest[-1][0]}))["data"]
    newer = (await client.publicGetMarketHistoryCandles(ask | {"before": older[0][0]}))["data"]

    assert int(newest[-1][0]) - int(older[0][0]) == 60_000
    assert newer == newest


@pytest.mark.parametrize(
    ("method", "more", "time"),
    [
        ("publicGetMarketCandles", {"bar": "5m"}, 0),
        ("publicGetMarketTrades", {}, "ts"),
        ("publicGetPublicFundingRateHistory", {}, "fundingTime"),
        ("publicGetRubikStatContractsOpenInterestHistory", {"period": "5m"}, 0),
    ],
)
async def test_lists_travel_newest_first(client, method, more, time):
    answer = await getattr(client, method)({"instId": BTC_ID, "limit": 20} | more)

    times = [int(row[time]) for row in answer["data"]]
    assert len(times) == 20
    assert times == sorted(times, reverse=True)


async def test_book_sizes_are_contracts(client, market, now):
    book = await client.fetch_order_book(PEPE, 20)

    expected = market.book("okx", PEPE_ID, now, 20)
    assert [level[0] for level in book["bids"]] == expected.bid.tolist()
    sizes = [level[1] * 1e7 for level in book["bids"]]
    assert sizes == pytest.approx(expected.bid_size.tolist())


async def test_trades(client, market, now):
    trades = await client.fetch_trades(BTC, limit=25)

    expected = market.trades("okx", BTC_ID, None, now, 25)
    assert [trade["price"] for trade in trades] == expected.price.tolist()
    sizes = [trade["amount"] * 0.01 for trade in trades]
    assert sizes == pytest.approx(expected.size.tolist())


async def test_funding_history(client, market, now):
    rows = await client.fetch_funding_rate_history(BTC, limit=6)
    later = await client.fetch_funding_rate_history(BTC, since=now - DAY)

    expected = market.funding("okx", BTC_ID, now - 2 * DAY, now)
    assert [row["fundingRate"] for row in rows] == expected.value[-6:].tolist()
    assert [row["timestamp"] for row in later] == expected.time_ms[-3:].tolist()


async def test_time(client, simulator):
    assert await client.fetch_time() == simulator.now_ms()


async def test_refuses_in_the_venues_own_words(client):
    with pytest.raises(ccxt.BadSymbol, match="51001"):
        await client.publicGetMarketTicker({"instId": "NONE-USDT-SWAP"})
    with pytest.raises(ccxt.BadRequest, match="51000"):
        await client.publicGetRubikStatContractsLongShortAccountRatioContract(
            {"instId": BTC_ID, "period": "7m"}
        )
    with pytest.raises(ccxt.BadRequest, match="50014"):
        await client.publicGetMarketBooks()
