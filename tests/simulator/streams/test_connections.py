"""Ends, slow clients, recordings, and clocks that run."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp
import pytest

from collector.runtime.clock import Clock
from simulator.market.recording import Reading, Recording
from simulator.server import Simulator, serve
from simulator.streams.connection import MAX_WAITING_BYTES
from tests.waiting import HANG_S

NOON = datetime(2025, 11, 20, 12, 3, 40, tzinfo=UTC)


async def test_stops_soon_whatever_its_clients_do(market):
    """A server that waited for them would do so for a minute."""
    async with aiohttp.ClientSession() as session:
        simulator = Simulator(market, Clock(origin=NOON, speed=1))
        async with simulator:
            await session.ws_connect(f"{simulator.url}/binance/market/ws/btcusdt@aggTrade")
            mute = await session.ws_connect(f"{simulator.url}/okx/ws/v5/public")
            body = {"venue": "okx", "kind": "ws_silence"}
            await session.post(f"{simulator.url}/simulator/faults", json=body)
            started = time.monotonic()
        # Waiting for them takes 60 s alone; without it, seconds on the busiest machine.
        assert time.monotonic() - started < 55
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{simulator.url}/simulator/health")
        await mute.close()
    senders = [task for task in asyncio.all_tasks() if "simulated streams" in task.get_name()]
    assert senders == []


async def test_a_market_of_which_a_venue_ends_is_ended_whole(market, monkeypatch):
    """A simulator that goes on with two venues of three looks like one that works."""
    ready = asyncio.Event()

    async def fail():
        await ready.wait()
        raise ZeroDivisionError("injected")

    def break_okx(simulator):
        monkeypatch.setattr(simulator.streams.senders["okx"], "tick", fail)
        ready.set()

    with pytest.raises(RuntimeError, match="simulated streams of okx") as caught:
        await serve(market, Clock(origin=NOON, speed=1), 0, break_okx)

    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def test_a_clock_that_runs_sends_by_itself(market):
    async with (
        Simulator(market, Clock(origin=NOON, speed=60)) as simulator,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{simulator.url}/binance/market/ws/btcusdt@aggTrade") as socket,
    ):
        frames = [await socket.receive_json(timeout=HANG_S) for _ in range(20)]
        with pytest.raises(ValueError, match="stopped clock"):
            await simulator.advance(1)

    numbers = [frame["a"] for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + 20))


async def test_a_venue_too_far_behind_throws_everybody_out(simulator, dial):
    client = await dial("market")
    await client.subscribe("btcusdt@aggTrade")
    await client.heard()

    simulator.streams.senders["binance"].give_up()

    assert await client.ended() == 1012


async def test_a_client_that_does_not_read_is_cut_off(simulator, dial, market):
    """What waits for it is bounded; the others get everything."""
    listings = market.listings("binance", simulator.now_ms())
    names = "/".join(f"{listing.symbol.lower()}@depth@500ms" for listing in listings)
    address = simulator.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(*address)
    handshake = (
        f"GET /binance/public/ws/{quote(names)} HTTP/1.1\r\nHost: localhost\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    writer.write(handshake.encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.pause_reading()
    other = await dial(f"/binance/public/ws/{names}")

    received = 0
    for _ in range(60):
        await simulator.advance(5)
        received += sum(map(len, await other.texts()))
        if simulator.streams.counts()["binance"] == 1:
            break

    assert simulator.streams.counts()["binance"] == 1
    assert received > MAX_WAITING_BYTES
    assert not other.socket.closed
    writer.transport.abort()


def recorded():
    start = int(NOON.timestamp() * 1000)
    return Recording([Reading("BTCUSDT", start, 110298.5, 9e9, 15e9, True)])


async def test_a_recording_tells_its_price_and_makes_nothing_up():
    async with (
        Simulator(recorded(), Clock(origin=NOON, speed=0)) as simulator,
        aiohttp.ClientSession(simulator.url) as session,
    ):
        market = await session.ws_connect("/binance/market/ws")
        public = await session.ws_connect("/binance/public/ws")
        names = ["btcusdt@aggTrade", "!forceOrder@arr", "btcusdt@markPrice@1s", "btcusdt@ticker"]
        await market.send_json({"method": "SUBSCRIBE", "params": names, "id": 1})
        books = ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade"]
        await public.send_json({"method": "SUBSCRIBE", "params": books, "id": 1})
        acks = [await market.receive_json(), await public.receive_json()]
        for _ in range(7):
            await simulator.advance(1)
        said = [await market.receive_json() for _ in range(14)]
        with pytest.raises(TimeoutError):
            await public.receive(timeout=0.1)

    assert acks == [{"result": None, "id": 1}] * 2
    assert {frame["e"] for frame in said} == {"markPriceUpdate", "24hrTicker"}
    assert {frame.get("p") for frame in said if frame["e"] == "markPriceUpdate"} == {"110298.5"}
    assert all("o" not in frame for frame in said)


async def test_a_recording_of_binance_has_nothing_of_the_others():
    async with (
        Simulator(recorded(), Clock(origin=NOON, speed=0)) as simulator,
        aiohttp.ClientSession(simulator.url) as session,
    ):
        bybit = await session.ws_connect("/bybit/v5/public/linear")
        await bybit.send_json({"op": "subscribe", "args": ["publicTrade.BTCUSDT"]})
        okx = await session.ws_connect("/okx/ws/v5/public")
        args = [
            {"channel": "trades", "instId": "BTC-USDT-SWAP"},
            {"channel": "liquidation-orders", "instType": "SWAP"},
        ]
        await okx.send_json({"op": "subscribe", "args": args})
        refusals = [await bybit.receive_json(), await okx.receive_json(), await okx.receive_json()]
        body = {"venue": "binance", "kind": "ws_liquidation_burst"}
        async with session.post("/simulator/faults", json=body) as response:
            status = response.status

    assert refusals[0]["success"] is False
    assert [refusal["code"] for refusal in refusals[1:]] == ["60018", "60018"]
    assert status == 400
