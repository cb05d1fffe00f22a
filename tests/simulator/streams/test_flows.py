"""What the streams tell, what REST tells of the same time, and what truly happened."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from simulator.market.listings import VENUES
from simulator.streams.events import Bursts
from simulator.streams.true_flows import true_flows

START = 1_763_640_220_000
"""Where the clock of the tests stands."""


def summed(trades):
    """Return bought and sold USD and the number of trades by symbol."""
    found = defaultdict(lambda: [0.0, 0.0, 0])
    for symbol, is_buy, usd in trades:
        found[symbol][0 if is_buy else 1] += usd
        found[symbol][2] += 1
    return found


def binance_trades(frames):
    for frame in frames:
        yield frame["s"], not frame["m"], float(frame["p"]) * float(frame["q"])


def bybit_trades(frames):
    for frame in frames:
        for row in frame.get("data", []):
            yield row["s"], row["S"] == "Buy", float(row["p"]) * float(row["v"])


def okx_trades(sizes):
    def read(frames):
        for frame in frames:
            for row in frame.get("data", []):
                usd = float(row["px"]) * float(row["sz"]) * sizes[row["instId"]]
                yield row["instId"], row["side"] == "buy", usd

    return read


async def subscribed(venue, dial, symbols):
    """Return a connection that has the trades of *symbols*, and how its frames are read."""
    if venue == "binance":
        client = await dial("market")
        await client.subscribe(*[f"{symbol.lower()}@aggTrade" for symbol in symbols])
        return client, binance_trades
    if venue == "bybit":
        client = await dial("bybit")
        await client.ask(*[f"publicTrade.{symbol}" for symbol in symbols])
        return client, bybit_trades
    client = await dial("business")
    await client.ask(*[{"channel": "trades-all", "instId": symbol} for symbol in symbols])
    return client, okx_trades(symbols)


@pytest.mark.parametrize("venue", VENUES)
async def test_streamed_trades_add_up_to_the_true_flows(simulator, market, dial, flows, venue):
    """Ticks of any length lose nothing and tell nothing twice, across a five-minute bound too."""
    symbols = {
        listing.symbol: listing.contract_size
        for listing in market.listings(venue, START)
        if listing.kind == "perpetual"
    }
    client, read = await subscribed(venue, dial, symbols)
    frames = []
    for seconds in (0.1, 0.25, 0.001, 3, 17.3, 40, 25, 0.05):
        await simulator.advance(seconds)
        frames += await client.heard()

    truth = await flows(venue, START, simulator.now_ms())
    found = summed(read(frames))
    assert set(found) == {symbol for symbol in symbols if truth[symbol]["trades"]}
    for symbol, (bought, sold, count) in found.items():
        true = truth[symbol]
        assert count == true["trades"] == true["last_id"] - true["first_id"] + 1
        assert bought == pytest.approx(true["taker_buy_usd"], rel=1e-9)
        assert sold == pytest.approx(true["taker_sell_usd"], rel=1e-9)


async def test_windows_of_true_flows_add_up(flows):
    whole = await flows("okx", START, START + 600_000)
    halves = [
        await flows("okx", START, START + 123_457),
        await flows("okx", START + 123_457, START + 600_000),
    ]

    for symbol, flow in whole.items():
        for name in ("taker_buy_usd", "short_liquidated_usd", "trades", "published"):
            assert sum(half[symbol][name] for half in halves) == pytest.approx(flow[name])


@pytest.mark.parametrize("query", ["venue=mtgox", "venue=okx", "venue=okx&from_ms=9&to_ms=3"])
async def test_a_window_that_makes_no_sense_is_refused(http, query):
    async with http.get(f"/simulator/flows?{query}") as response:
        assert response.status == 400


async def test_binance_rest_repairs_a_hole_trade_by_trade(simulator, dial, http):
    client = await dial("market")
    await client.subscribe("btcusdt@aggTrade")
    await simulator.advance(30)
    told = [{key: frame[key] for key in "apqflTm"} for frame in await client.heard()]

    pages, first = [], told[0]["a"]
    while len(pages) < len(told):
        query = {"symbol": "BTCUSDT", "fromId": first, "limit": 100}
        async with http.get("/binance/fapi/v1/aggTrades", params=query) as response:
            pages += await response.json()
        first = pages[-1]["a"] + 1
    window = {"symbol": "BTCUSDT", "startTime": START, "endTime": simulator.now_ms()}
    async with http.get("/binance/fapi/v1/aggTrades", params=window) as response:
        by_time = await response.json()

    assert pages == told
    assert by_time == told


async def test_binance_searches_an_hour_at_most(http):
    window = {"symbol": "BTCUSDT", "startTime": START - 3_600_001, "endTime": START}
    async with http.get("/binance/fapi/v1/aggTrades", params=window) as response:
        assert (response.status, (await response.json())["code"]) == (400, -1127)


async def test_bybit_rest_tells_the_latest_thousand_by_the_same_names(simulator, dial, http):
    client = await dial("bybit")
    await client.ask("publicTrade.BTCUSDT")
    await simulator.advance(30)
    told = [row["i"] for frame in await client.heard() for row in frame["data"]]

    query = {"category": "linear", "symbol": "BTCUSDT", "limit": 1000}
    async with http.get("/bybit/v5/market/recent-trade", params=query) as response:
        rows = (await response.json())["result"]["list"]

    assert len(rows) == 1000
    assert [row["execId"] for row in rows[: len(told)]] == told[::-1]


async def test_okx_rest_pages_back_by_number_a_hundred_at_a_time(simulator, dial, http):
    client = await dial("okx")
    await client.ask({"channel": "trades", "instId": "BTC-USDT-SWAP"})
    await simulator.advance(80)
    told = [frame["data"][0] for frame in await client.heard()]

    rows, query = [], {"instId": "BTC-USDT-SWAP", "limit": 100}
    before = int(told[0]["tradeId"]) - 1
    after = int(told[-1]["tradeId"]) + 1
    while not rows or int(rows[-1]["tradeId"]) > before + 1:
        page = query | {"before": before, "after": after}
        async with http.get("/okx/api/v5/market/history-trades", params=page) as response:
            found = (await response.json())["data"]
        assert 0 < len(found) <= 100
        rows += found
        after = int(rows[-1]["tradeId"])
    query |= {"type": 2, "after": told[50]["ts"]}
    async with http.get("/okx/api/v5/market/history-trades", params=query) as response:
        older = (await response.json())["data"]

    assert len(told) > 200
    assert rows == [{key: row[key] for key in rows[0]} for row in told[::-1]]
    assert all(int(row["ts"]) < int(told[50]["ts"]) for row in older)
    assert older[0]["tradeId"] == told[49]["tradeId"]


async def test_okx_allows_twenty_pages_of_old_trades_in_two_seconds(simulator, http):
    async def status():
        query = {"instId": "BTC-USDT-SWAP", "limit": 1}
        async with http.get("/okx/api/v5/market/history-trades", params=query) as response:
            return response.status

    assert [await status() for _ in range(21)] == [200] * 20 + [429]
    await simulator.advance(3)
    assert await status() == 200


async def liquidations(venue, simulator, dial, symbols):
    """Return a connection that has every liquidation of the venue."""
    if venue == "binance":
        client = await dial("market")
        await client.subscribe("!forceOrder@arr")
    elif venue == "bybit":
        client = await dial("bybit")
        await client.ask(*[f"allLiquidation.{symbol}" for symbol in symbols])
    else:
        client = await dial("okx")
        await client.ask({"channel": "liquidation-orders", "instType": "SWAP"})
    return client


def closed(venue, frames, sizes):
    """Return symbol, whether it was long, and USD, of every liquidation told."""
    for frame in frames:
        if venue == "binance":
            order = frame["o"]
            yield order["s"], order["S"] == "SELL", float(order["z"]) * float(order["ap"])
        elif venue == "bybit":
            for row in frame["data"]:
                yield row["s"], row["S"] == "Buy", float(row["v"]) * float(row["p"])
        else:
            for row in frame["data"]:
                for one in row["details"]:
                    usd = float(one["sz"]) * float(one["bkPx"]) * sizes[row["instId"]]
                    assert (one["side"] == "sell") == (one["posSide"] == "long")
                    yield row["instId"], one["posSide"] == "long", usd


@pytest.mark.parametrize("venue", VENUES)
async def test_liquidations_told_are_those_published(simulator, market, dial, fault, flows, venue):
    """Ten minutes, with a burst of 5,000 in one of its seconds, every one of them told."""
    sizes = {one.symbol: one.contract_size for one in market.listings(venue, START)}
    client = await liquidations(venue, simulator, dial, sizes)
    frames = []
    for number in range(30):
        await simulator.advance(20)
        frames += await client.heard()
        if venue == "bybit":
            await client.say({"op": "ping"})
        elif venue == "okx":
            await client.socket.send_str("ping")
            await client.texts()
        if number == 10:
            await fault(venue=venue, kind="ws_liquidation_burst", count=5000)

    truth = await flows(venue, START, simulator.now_ms())
    told = list(closed(venue, frames, sizes))

    assert len(told) == sum(flow["published"] for flow in truth.values()) > 5000
    for is_long, name in ((True, "long_published_usd"), (False, "short_published_usd")):
        usd = sum(worth for _symbol, was_long, worth in told if was_long == is_long)
        assert usd == pytest.approx(sum(flow[name] for flow in truth.values()), rel=1e-6)
    assert all(flow["published"] <= flow["liquidations"] for flow in truth.values())


@pytest.mark.parametrize(("venue", "symbol"), [("binance", "BTCUSDT"), ("bybit", "BTCUSDT")])
async def test_binance_publishes_one_a_second_and_bybit_all(market, venue, symbol):
    """In the steepest five minutes of a week, when there are several in a second."""
    slot = 300_000
    start = START // slot * slot - 7 * 288 * slot
    bars = market.bars(venue, symbol, slot, start, START - slot, START)
    at = int(bars.time_ms[np.argmin(bars.close / bars.open)])

    truth = await true_flows(market, Bursts(), venue, at, at + slot)

    events = market.liquidations(venue, symbol, at, at + slot)
    largest = defaultdict(float)
    for event in events:
        second = event.time_ms // 1000
        largest[second] = max(largest[second], event.size_usd)
    flow = truth[symbol]
    published = flow["long_published_usd"] + flow["short_published_usd"]
    assert flow["liquidations"] == len(events) > len(largest)
    if venue == "bybit":
        assert flow["published"] == len(events)
        assert published == pytest.approx(sum(event.size_usd for event in events))
    else:
        assert flow["published"] == len(largest)
        assert published == pytest.approx(sum(largest.values()))


async def test_no_two_liquidations_of_a_burst_are_alike(simulator, dial, fault):
    client = await dial("market")
    await client.subscribe("btcusdt@forceOrder")
    await fault(venue="binance", kind="ws_liquidation_burst", symbol="BTCUSDT", count=5000)
    await simulator.advance(2)

    orders = [frame["o"] for frame in await client.heard()]

    assert len({(order["T"], order["z"], order["S"]) for order in orders}) == 5000
    assert max(order["T"] for order in orders) - min(order["T"] for order in orders) < 1000
