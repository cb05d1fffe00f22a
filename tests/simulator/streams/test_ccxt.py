"""Real ccxt.pro clients receive what the simulator sends, and understand it."""

from __future__ import annotations

import asyncio

import ccxt.pro
import pytest

from tests.waiting import HANG_S

BTC = "BTC/USDT:USDT"


@pytest.fixture
async def pro(simulator):
    """A function that returns a ccxt.pro client of a venue; all are closed in the end."""
    url, made = simulator.url, []
    sockets = url.replace("http", "ws", 1)

    def make(venue):
        if venue == "binance":
            paths = {"fapiPublic": f"{url}/binance/fapi/v1", "fapiData": f"{url}/binance/futures"}
            client = ccxt.pro.binanceusdm({"enableRateLimit": False, "urls": {"api": paths}})
            client.urls["api"]["ws"]["linear"] = f"{sockets}/binance/ws"
        elif venue == "bybit":
            client = ccxt.pro.bybit({"enableRateLimit": False})
            client.urls["api"]["public"] = f"{url}/bybit"
            client.urls["api"]["ws"]["public"]["linear"] = f"{sockets}/bybit/v5/public/linear"
            client.options["fetchMarkets"] = {"types": ["linear"]}
        else:
            client = ccxt.pro.okx({"enableRateLimit": False})
            client.urls["api"]["rest"] = f"{url}/okx"
            client.urls["api"]["ws"] = f"{sockets}/okx/ws/v5"
            client.options.update(defaultType="swap", fetchMarkets={"types": ["swap"]})
        client.timeout_on_exit = 0  # ms; ccxt waits a quarter of a second otherwise
        made.append(client)
        return client

    yield make
    for client in made:
        await client.close()


async def watched(simulator, wait, seconds=0.5):
    """Return what a watcher gets while time goes on."""
    task = asyncio.ensure_future(wait)
    for _ in range(400):
        await asyncio.wait([task], timeout=0.02)
        if task.done():
            break
        await simulator.advance(seconds)
    return await asyncio.wait_for(task, HANG_S)


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
async def test_trades(simulator, market, pro, venue):
    client = pro(venue)
    await client.load_markets()
    since = simulator.now_ms()

    trades = await watched(simulator, client.watch_trades(BTC))

    symbol = client.market(BTC)["id"]
    true = market.trades(venue, symbol, since, simulator.now_ms(), 1000)
    by_time = dict(zip(true.time_ms.tolist(), true.price.tolist(), strict=True))
    assert trades
    for trade in trades:
        assert trade["symbol"] == BTC
        assert by_time[trade["timestamp"]] == trade["price"]
        assert trade["side"] in {"buy", "sell"}


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
async def test_order_book(simulator, market, pro, venue):
    client = pro(venue)
    await client.load_markets()

    book = await watched(simulator, client.watch_order_book(BTC))
    for _ in range(5):
        book = await watched(simulator, client.watch_order_book(BTC))

    levels = {"binance": 400, "bybit": 50, "okx": 400}[venue]
    at_ms = book["timestamp"]
    true = market.book(venue, client.market(BTC)["id"], at_ms, levels)
    assert [price for price, _size in book["bids"]][:levels] == true.bid.tolist()
    assert [price for price, _size in book["asks"]][:levels] == true.ask.tolist()


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
async def test_liquidations(simulator, pro, fault, venue):
    client = pro(venue)
    await client.load_markets()
    symbol = client.market(BTC)["id"]
    task = asyncio.ensure_future(client.watch_liquidations(BTC))
    subscriptions = simulator.streams.senders[venue].subscriptions
    while not any(connection.topics for connection in subscriptions.connections):
        await asyncio.sleep(0.01)
    await fault(venue=venue, kind="ws_liquidation_burst", symbol=symbol, count=1)

    found = await watched(simulator, task)

    assert found[0]["symbol"] == BTC
    assert found[0]["price"] > 0
    assert found[0]["side"] in {"buy", "sell"}
