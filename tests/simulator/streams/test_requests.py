"""Requests, acknowledgements and refusals in each venue's words, and its limits."""

from __future__ import annotations

from collections import Counter

import aiohttp
import pytest

from simulator.streams.bybit import MAX_ARGS_CHARACTERS
from tests.waiting import HANG_S

BTC = "btcusdt"
OKX_TRADES = {"channel": "trades", "instId": "BTC-USDT-SWAP"}


async def test_binance_acknowledges_lists_and_forgets(simulator, dial):
    client = await dial("market")

    assert await client.subscribe(f"{BTC}@aggTrade", "ethusdt@aggTrade") == [
        {"result": None, "id": 1}
    ]
    listed = await client.say({"method": "LIST_SUBSCRIPTIONS", "id": 2})
    assert listed == [{"result": [f"{BTC}@aggTrade", "ethusdt@aggTrade"], "id": 2}]
    await client.say({"method": "UNSUBSCRIBE", "params": [f"{BTC}@aggTrade"], "id": 3})
    await simulator.advance(5)
    assert {frame["s"] for frame in await client.heard()} == {"ETHUSDT"}


async def test_binance_takes_streams_from_the_address(simulator, dial):
    raw = await dial(f"/binance/market/ws/{BTC}@aggTrade")
    combined = await dial(f"/binance/market/stream?streams={BTC}@aggTrade/ethusdt@aggTrade")
    await simulator.advance(2)

    assert {frame["s"] for frame in await raw.heard()} == {"BTCUSDT"}
    streams = {frame["stream"] for frame in await combined.heard()}
    assert streams == {f"{BTC}@aggTrade", "ethusdt@aggTrade"}


@pytest.mark.parametrize(
    ("where", "stream"),
    [
        ("public", f"{BTC}@aggTrade"),
        ("/binance/ws", f"{BTC}@aggTrade"),
        ("market", f"{BTC}@depth@100ms"),
        ("market", f"{BTC}@trade"),
        ("market", "BTCUSDT@aggTrade"),
        ("market", "nosuchcoin@aggTrade"),
        ("market", f"{BTC}@nosuchstream"),
    ],
)
async def test_binance_acknowledges_what_it_will_not_send(simulator, dial, where, stream):
    """A wrong route or name is no error there, and nothing comes; somebody else gets it."""
    client, other = await dial(where), await dial("market")
    await other.subscribe(f"{BTC}@aggTrade")

    assert await client.subscribe(stream) == [{"result": None, "id": 1}]
    await simulator.advance(6)

    assert await client.heard() == []
    assert len(await other.heard()) > 10


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{oops", 3),
        ("[]", 2),
        ('{"method":"DANCE","id":9}', 2),
        ('{"method":"SUBSCRIBE","params":5}', 2),
    ],
)
async def test_binance_refuses_what_it_does_not_understand(dial, sent, code):
    client = await dial("market")
    await client.socket.send_str(sent)

    (answer,) = await client.heard()

    assert answer["error"]["code"] == code


@pytest.mark.parametrize(
    ("where", "stream", "times"),
    [
        ("market", "btcusdt@markPrice@1s", 9),
        ("market", "btcusdt@markPrice", 3),
        ("market", "!markPrice@arr@1s", 9),
        ("market", "!markPrice@arr", 3),
        ("market", "!miniTicker@arr", 9),
        ("market", "!ticker@arr", 9),
        ("public", "btcusdt@bookTicker", 1),
        ("public", "!bookTicker", 26),
        ("public", "btcusdt@depth@500ms", 18),
        ("public", "btcusdt@depth", 36),
    ],
)
async def test_binance_sends_as_often_as_it_says(simulator, dial, where, stream, times):
    """In nine seconds; the best prices of the 26 contracts change with the market's step."""
    client = await dial(where)
    await client.subscribe(stream)
    for _ in range(90):
        await simulator.advance(0.1)

    assert len(await client.heard()) == times


async def test_okx_tells_figures_at_once_and_with_every_step(simulator, market, dial):
    client = await dial("okx")
    channels = ("tickers", "mark-price", "open-interest", "funding-rate")
    first = await client.ask(*[{"channel": name, "instId": "BTC-USDT-SWAP"} for name in channels])
    for _ in range(12):
        await simulator.advance(5)

    later = await client.heard()

    names = [frame["arg"]["channel"] for frame in first if "data" in frame]
    assert names == list(channels)
    counts = Counter(frame["arg"]["channel"] for frame in later)
    assert counts == {"tickers": 12, "mark-price": 12, "open-interest": 12, "funding-rate": 1}
    quotes = market.quotes("okx", simulator.now_ms())
    last = [frame["data"][0]["last"] for frame in later if frame["arg"]["channel"] == "tickers"]
    assert float(last[-1]) == quotes.last[quotes.position["BTC-USDT-SWAP"]]


async def test_bybit_tells_the_whole_ticker_and_then_what_changed(simulator, dial, http):
    client = await dial("bybit")
    _ack, first = await client.ask("tickers.BTCUSDT")
    for _ in range(6):
        await simulator.advance(5)

    deltas = await client.heard()

    assert {frame["type"] for frame in deltas} == {"delta"}
    assert all(len(frame["data"]) < len(first["data"]) for frame in deltas)
    merged = dict(first["data"])
    for frame in deltas:
        merged |= frame["data"]
    query = {"category": "linear", "symbol": "BTCUSDT"}
    async with http.get("/bybit/v5/market/tickers", params=query) as response:
        (whole,) = (await response.json())["result"]["list"]
    assert {key: merged[key] for key in whole} == whole


async def test_binance_allows_1024_streams(simulator, dial):
    client = await dial("market")
    names = [f"coin{number}@aggTrade" for number in range(1024)]
    await client.subscribe(*names)

    (answer,) = await client.subscribe("one@aggTrade")

    assert answer["error"]["code"] == 2
    assert await client.subscribe("coin7@aggTrade") == [{"result": None, "id": 1}]


async def test_binance_throws_out_who_says_more_than_ten_things_a_second(simulator, dial):
    client = await dial("market")
    for _ in range(11):
        await client.socket.send_str('{"method":"LIST_SUBSCRIPTIONS","id":1}')

    assert await client.ended() == 1008


async def test_binance_pings_and_ends_what_does_not_answer(simulator, dial):
    deaf, alive = await dial("market"), await dial("market")
    pings = 0
    for _ in range(16):
        await simulator.advance(45)
        await alive.socket.pong()
        await alive.heard()
    while (message := await deaf.socket.receive(timeout=HANG_S)).type is aiohttp.WSMsgType.PING:
        pings += 1

    assert pings == 3
    assert message.type is aiohttp.WSMsgType.CLOSE
    assert simulator.streams.counts()["binance"] <= 2
    assert not alive.socket.closed


async def test_bybit_accepts_or_refuses_a_request_as_a_whole(simulator, dial):
    client = await dial("bybit")

    (fine,) = await client.say({"op": "subscribe", "req_id": "a7", "args": ["publicTrade.BTCUSDT"]})
    (unknown,) = await client.ask("publicTrade.ETHUSDT", "nosuch.BTCUSDT")
    (nobody,) = await client.ask("publicTrade.ETHUSDT", "publicTrade.NOBODYUSDT")
    await simulator.advance(5)

    assert (fine["success"], fine["req_id"], fine["op"]) == (True, "a7", "subscribe")
    assert (unknown["success"], "handler not found" in unknown["ret_msg"]) == (False, True)
    assert (nobody["success"], "Invalid symbol" in nobody["ret_msg"]) == (False, True)
    assert {frame["topic"] for frame in await client.heard()} == {"publicTrade.BTCUSDT"}


async def test_bybit_bounds_the_characters_of_the_topics(dial, market, simulator):
    client = await dial("bybit")
    (answer,) = await client.ask("publicTrade." + "X" * MAX_ARGS_CHARACTERS)

    assert "21000 characters" in answer["ret_msg"]


async def test_bybit_answers_pings_and_ends_a_connection_without_any(simulator, dial):
    quiet, lively = await dial("bybit"), await dial("bybit")
    for _ in range(4):
        await simulator.advance(20)
        (answer,) = await lively.say({"op": "ping", "req_id": "5"})
        assert (answer["ret_msg"], answer["req_id"]) == ("pong", "5")

    assert await quiet.ended() == 1000


async def test_okx_answers_each_channel_alone(simulator, dial):
    client = await dial("okx")
    wrong = {"channel": "trades", "instId": "NOBODY-USDT-SWAP"}
    elsewhere = {"channel": "trades-all", "instId": "BTC-USDT-SWAP"}

    fine, unknown, misplaced = await client.ask(OKX_TRADES, wrong, elsewhere)

    assert (fine["event"], fine["arg"]) == ("subscribe", OKX_TRADES)
    assert (unknown["event"], unknown["code"]) == ("error", "60018")
    assert "channel:trades,instId:NOBODY-USDT-SWAP" in unknown["msg"]
    assert misplaced["code"] == "60018"
    (gone,) = await client.say({"op": "unsubscribe", "args": [OKX_TRADES]})
    assert gone["event"] == "unsubscribe"
    await simulator.advance(5)
    assert await client.heard() == []


@pytest.mark.parametrize("sent", ["hello", '{"op":"dance"}', "[1]", '{"op":"subscribe","args":5}'])
async def test_okx_refuses_what_it_does_not_understand(dial, sent):
    client = await dial("okx")
    await client.socket.send_str(sent)

    (answer,) = await client.heard()

    assert (answer["event"], answer["code"]) == ("error", "60012")


async def test_okx_sends_every_single_trade_on_business(simulator, dial):
    client = await dial("business")
    await client.ask({"channel": "trades-all", "instId": "BTC-USDT-SWAP"})
    await simulator.advance(5)

    frames = await client.heard()

    assert all(len(frame["data"]) == 1 for frame in frames)
    numbers = [int(frame["data"][0]["tradeId"]) for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_okx_ends_a_connection_after_30_quiet_seconds(simulator, dial):
    quiet, lively = await dial("okx"), await dial("okx")
    for _ in range(4):
        await simulator.advance(10)
        await lively.socket.send_str("ping")
        assert await lively.texts() == ["pong"]

    assert await quiet.ended() == 4004


async def test_okx_allows_480_requests_an_hour(simulator, dial):
    client = await dial("okx")
    request = {"op": "subscribe", "args": [OKX_TRADES]}
    for _ in range(240):
        await client.socket.send_json(request)
        await client.socket.send_json(request | {"op": "unsubscribe"})
    await client.heard()

    (refused,) = await client.say(request)

    assert (refused["event"], refused["code"]) == ("error", "60014")


async def test_okx_takes_three_new_connections_a_second(simulator, dial):
    for _ in range(3):
        await dial("okx")
    with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
        await dial("okx")
    await simulator.advance(1)
    await dial("business")


async def test_no_websocket_where_the_venue_has_none(dial):
    for path in ("/binance/market/nothing", "/bybit/v5/private", "/okx/ws/v5/private"):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
            await dial(path)
