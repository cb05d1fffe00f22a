"""Every fault on request, and the truth beside it."""

from __future__ import annotations

import aiohttp
import orjson
import pytest

VENUES = {
    # venue: socket, channel, symbol
    "binance": ("market", "aggTrade", "BTCUSDT"),
    "bybit": ("bybit", "publicTrade", "BTCUSDT"),
    "okx": ("okx", "trades", "BTC-USDT-SWAP"),
}
every_venue = pytest.mark.parametrize("venue", VENUES)


async def subscribe(client, venue, symbol):
    if venue == "binance":
        await client.subscribe(f"{symbol.lower()}@aggTrade")
    elif venue == "bybit":
        await client.ask(f"publicTrade.{symbol}")
    else:
        await client.ask({"channel": "trades", "instId": symbol})


async def trading(dial, venue):
    """Return a connection that has the trades of BTC."""
    socket, _channel, symbol = VENUES[venue]
    client = await dial(socket)
    await subscribe(client, venue, symbol)
    return client


async def told(simulator, client, ticks=10):
    """Return what comes in *ticks* of half a second."""
    texts = []
    for _ in range(ticks):
        await simulator.advance(0.5)
        texts += await client.texts()
    return texts


def numbers(venue, texts):
    """Return the numbers of the trades, a message each."""
    frames = [orjson.loads(text) for text in texts]
    if venue == "binance":
        return [frame["a"] for frame in frames]
    if venue == "bybit":
        return [[row["seq"] for row in frame["data"]] for frame in frames]
    return [int(frame["data"][0]["tradeId"]) for frame in frames]


@every_venue
async def test_close_says_goodbye_to_as_many_as_asked(simulator, dial, fault, venue):
    first, second = await trading(dial, venue), await trading(dial, venue)
    await fault(venue=venue, kind="ws_close", count=1)

    assert await first.ended() == 1001
    assert await told(simulator, second)


async def test_cut_ends_without_a_word_those_that_have_a_topic(simulator, dial, fault):
    btc, eth = await dial("market"), await dial("market")
    await subscribe(btc, "binance", "BTCUSDT")
    await subscribe(eth, "binance", "ETHUSDT")
    await fault(venue="binance", kind="ws_cut", symbol="ETHUSDT")

    assert await eth.ended() is None
    assert await told(simulator, btc)


@every_venue
async def test_silence_leaves_the_socket_and_answers_nothing(simulator, dial, fault, venue):
    client = await trading(dial, venue)
    await fault(venue=venue, kind="ws_silence", seconds=20)
    await client.socket.ping(b"anybody?")
    await client.socket.send_str("ping" if venue == "okx" else '{"op":"ping"}')
    await simulator.advance(10)

    with pytest.raises(TimeoutError):
        await client.socket.receive(timeout=0.15)

    assert not client.socket.closed
    later = await trading(dial, venue)
    assert await told(simulator, later)
    await simulator.advance(15)
    assert await client.texts()


async def test_what_is_said_into_silence_is_not_heard(simulator, dial, fault):
    client = await trading(dial, "binance")
    await fault(venue="binance", kind="ws_silence", seconds=2)
    await client.socket.send_str('{"method":"SUBSCRIBE","params":["ethusdt@aggTrade"],"id":2}')
    late = await trading(dial, "binance")
    await simulator.advance(3)
    await late.heard()

    *_trades, listed = await client.say({"method": "LIST_SUBSCRIPTIONS", "id": 3})

    assert listed["result"] == ["btcusdt@aggTrade"]


@every_venue
async def test_mute_acknowledges_and_sends_no_data(simulator, dial, fault, venue):
    _socket, channel, symbol = VENUES[venue]
    await fault(venue=venue, kind="ws_mute", channel=channel, symbol=symbol, seconds=6)
    client = await trading(dial, venue)

    assert await told(simulator, client) == []
    await simulator.advance(2)
    assert await told(simulator, client)


@every_venue
async def test_drop_loses_as_many_messages_as_asked(simulator, dial, fault, venue):
    whole, holed = await trading(dial, venue), None
    complete = numbers(venue, await told(simulator, whole))
    await fault(venue=venue, kind="ws_drop", count=2)
    holed = numbers(venue, await told(simulator, whole))

    flat = [*complete, *holed]
    if venue == "bybit":
        flat = [number for rows in flat for number in rows]
    missing = set(range(flat[0], flat[-1] + 1)) - set(flat)
    assert missing
    assert venue == "bybit" or len(missing) == 2


@every_venue
async def test_duplicate_sends_twice(simulator, dial, fault, venue):
    client = await trading(dial, venue)
    await fault(venue=venue, kind="ws_duplicate", count=3)

    texts = await told(simulator, client)

    assert len(texts) - len(set(texts)) == 3
    assert texts[0] == texts[1]


@every_venue
async def test_reorder_sends_a_message_after_the_next_of_its_topic(simulator, dial, fault, venue):
    client = await trading(dial, venue)
    await fault(venue=venue, kind="ws_reorder", count=1)

    found = numbers(venue, await told(simulator, client))

    assert found != sorted(found)
    assert found[:2] == sorted(found)[1::-1]
    assert found[2:] == sorted(found)[2:]


def leaf(venue, frame):
    """Return the trade in a message."""
    return frame if venue == "binance" else frame["data"][0]


PRICE = {"binance": "p", "bybit": "p", "okx": "px"}
TIME = {"binance": "T", "bybit": "T", "okx": "ts"}


@every_venue
@pytest.mark.parametrize(
    "kind",
    ["ws_unknown_event", "ws_missing_field", "ws_text_number", "ws_zero_price", "ws_future_time"],
)
async def test_a_spoiled_copy_goes_before_the_true_message(simulator, dial, fault, venue, kind):
    client = await trading(dial, venue)
    await fault(venue=venue, kind=kind, count=1)

    bad, good, *others = [orjson.loads(text) for text in await told(simulator, client)]

    assert len({len(frame) for frame in (good, *others)}) == 1
    wrong, right = leaf(venue, bad), leaf(venue, good)
    price, time = PRICE[venue], TIME[venue]
    match kind:
        case "ws_unknown_event":
            assert bad != good
            named = bad.get("e") or bad.get("topic") or bad["arg"]["channel"]
            assert named.startswith("unheard")
        case "ws_missing_field":
            assert {key: right[key] for key in right if key != price} == wrong
        case "ws_text_number":
            assert wrong == right | {price: "n/a"}
        case "ws_zero_price":
            assert wrong == right | {price: "0"}
        case _:
            assert int(wrong[time]) - int(right[time]) == 3_600_000


@every_venue
async def test_truncated_ends_in_the_middle(simulator, dial, fault, venue):
    client = await trading(dial, venue)
    await fault(venue=venue, kind="ws_truncated", count=1)

    bad, good, *_others = await told(simulator, client)

    assert bad == good[: len(good) // 2]
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(bad)


async def test_a_spoiled_book_has_a_level_without_a_price(simulator, dial, fault):
    client = await dial("public")
    await client.subscribe("btcusdt@depth@100ms")
    await fault(venue="binance", kind="ws_zero_price", channel="depth", count=1)

    bad, good = await simulator.advance(0.1) or await client.heard()

    assert bad["b"][0][0] == "0"
    assert bad["b"][1:] == good["b"][1:]


async def test_a_fault_of_another_channel_or_symbol_changes_nothing(simulator, dial, fault):
    client = await trading(dial, "binance")
    await fault(venue="binance", kind="ws_drop", channel="depth")
    await fault(venue="binance", kind="ws_drop", symbol="ETHUSDT")
    await fault(venue="bybit", kind="ws_drop")

    found = numbers("binance", await told(simulator, client))

    assert found == list(range(found[0], found[0] + len(found)))


async def test_refuse_turns_new_connections_away(dial, fault):
    await fault(venue="bybit", kind="ws_refuse", count=2)
    for _ in range(2):
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await dial("bybit")

    await dial("bybit")


async def test_faults_are_listed_and_cleared(http, fault, simulator, dial):
    client = await trading(dial, "okx")
    await fault(venue="okx", kind="ws_mute", channel="trades")
    async with http.get("/simulator/faults") as response:
        (listed,) = (await response.json())["faults"]
    assert await told(simulator, client) == []

    async with http.delete("/simulator/faults") as response:
        assert (await response.json())["faults"] == []

    assert (listed["kind"], listed["channel"], listed["count"]) == ("ws_mute", "trades", None)
    assert await told(simulator, client)


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"venue": "mtgox"}, "venue must be one of"),
        ({"kind": "ws_explode"}, "kind must be one of ws_close"),
        ({"count": 0}, "count must be a whole number"),
        ({"seconds": -1}, "seconds must be a number"),
        ({"channel": 5}, "channel must be a venue's word"),
        ({"symbol": 5}, "symbol must be a venue's name"),
        ({"path": "/fapi"}, "unknown keys: path"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(http, wanted, complaint):
    body = {"venue": "okx", "kind": "ws_mute"} | wanted
    async with http.post("/simulator/faults", json=body) as response:
        assert response.status == 400
        assert complaint in (await response.json())["error"]


async def test_a_burst_needs_a_contract(http):
    body = {"venue": "okx", "kind": "ws_liquidation_burst", "symbol": "NOBODY"}
    async with http.post("/simulator/faults", json=body) as response:
        assert response.status == 400
