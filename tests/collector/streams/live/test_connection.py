"""A connection: what it does about refusals, failures and age."""

import asyncio
import random
import socket
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from collector.runtime import http_session
from collector.streams.wire.reconnect import FAILURES, MAX_FRAME_BYTES, Dial, opened, sentence

SIMULATED = ("binance", "bybit", "okx")


@pytest.fixture
def waited(world):
    """Returns how long a turn to dial takes after some failures. [s]"""

    async def measure(dial, failures):
        began_s = world.clock.elapsed_s
        turn = asyncio.ensure_future(dial.turn(failures))
        await asyncio.sleep(0)
        while not turn.done():
            world.clock.move(0.01)
            await asyncio.sleep(0)
        return world.clock.elapsed_s - began_s

    return measure


async def test_each_failure_in_a_row_waits_longer_and_never_the_same(world, waited):
    """Jitter keeps many from coming back together; a cap keeps the wait from becoming a day."""
    dial = Dial(1000, world.clock, random.Random(5))

    waits = [await waited(dial, failures) for failures in (1, 3, 5, 7)]
    longest = [await waited(dial, 50) for _ in range(4)]

    assert waits == sorted(waits)
    assert waits[0] < 0.5
    assert all(30 <= one <= 91 for one in longest)
    assert len({round(one, 1) for one in longest}) == 4


async def test_connections_are_spaced_as_the_venue_wants_it(world, waited):
    dial = Dial(0.5, world.clock, random.Random(5))

    assert await waited(dial, 0) < 0.1
    assert await waited(dial, 0) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("headers", "silence_s"),
    [
        pytest.param({"Retry-After": "7"}, 7, id="seconds"),
        pytest.param({"retry-after": "Thu, 01 Jan 2026 12:00:09 GMT"}, 9, id="a date, any case"),
        pytest.param({"Retry-After": "Thu, 01 Jan 2026 11:00:00 GMT"}, 60, id="a date gone by"),
        pytest.param({}, 60, id="nothing"),
    ],
)
async def test_a_venue_that_refuses_connections_is_left_alone(world, waited, headers, silence_s):
    dial = Dial(1000, world.clock, random.Random(5))

    dial.refused(headers)

    assert await waited(dial, 0) == pytest.approx(silence_s, abs=0.2)


async def test_a_misprinted_silence_ends_after_a_day(world, waited):
    dial = Dial(1000, world.clock, random.Random(5))

    dial.refused({"Retry-After": "9" * 400})
    world.clock.move(86_399.9)

    assert await waited(dial, 0) == pytest.approx(0.1, abs=0.02)


async def test_why_a_websocket_does_not_open_is_said_in_words(world):
    """They stand in the record of holes, where the same trouble must read the same."""
    said = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with aiohttp.ClientSession() as session:
        for address in (
            f"wss://127.0.0.1:{port}",
            world.simulator.url.replace("http", "wss"),
            world.simulator.url.replace("http", "ws") + "/okx/nowhere",
        ):
            with pytest.raises(FAILURES) as caught:
                await opened(session, address)
            said.append(sentence(caught.value))

    assert said == [
        "connection refused",
        "TLS failed",
        "the venue refused the connection (HTTP 404)",
    ]


@pytest.mark.parametrize("name", SIMULATED)
async def test_one_topic_that_is_refused_takes_no_other_down(world, name):
    """Bybit refuses a whole request for one wrong topic: the others are asked for one by one."""
    one = await world.collector(name, top_n=3)
    unknown = replace(one.universe.chosen[0], venue_id="NOSUCH", symbol="NO/USDT:USDT")

    one.feed.follow([unknown, *one.universe.chosen])

    await world.until(lambda: one.feed.statuses()["trades"].instruments >= 3)
    await world.run(5)
    for instrument in one.universe.chosen:
        assert one.feed.part(instrument.venue_id)[0]["taker_buy_usd"] is not None


async def test_an_old_connection_is_renewed_before_the_venue_ends_it(world, monkeypatch):
    monkeypatch.setattr("collector.streams.wire.idle_limits.MAX_LIFE_S", 60.0)
    one = await world.collector("bybit")

    await world.until(lambda: one.feed.statuses()["trades"].reconnects > 0)
    await world.until(lambda: one.feed.statuses()["trades"].state == "live")

    assert world.clock.elapsed_s < 120
    gaps = [gap for gap in one.feed.records() if gap.channel == "trades"]
    assert [(gap.reason, gap.outcome) for gap in gaps] == [
        ("reconnected before the venue's time limit", "repaired")
    ]


async def test_much_traffic_shortens_the_silence_that_is_a_fault(world):
    """Where something is told many times a second, ten seconds of nothing are enough."""
    one = await world.collector("okx", top_n=12)
    await world.until(lambda: one.feed.statuses()["trades"].state == "live")
    await world.run(40)
    await world.fault(venue="okx", kind="ws_mute", channel="trades-all", seconds=60)
    began_s = world.clock.elapsed_s

    await world.until(lambda: one.feed.statuses()["trades"].reconnects > 0)

    assert 9 < world.clock.elapsed_s - began_s < 25


@pytest.mark.parametrize("part", ["stream", "read", "subscribe", "watch"])
@pytest.mark.parametrize("name", SIMULATED)
async def test_a_part_that_is_killed_is_told_and_costs_no_trade(world, name, part):
    """Nobody hears what is live until it runs again: that is a hole, and it is filled."""
    one = await world.collector(name)
    account = await world.account(one)
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == f"{part} {name} trades"]

    task.cancel()
    await world.settle(world.tasks.troubles)
    withheld = account.take()
    stated = world.tasks.troubles()
    await world.until(lambda: world.is_live(one))

    assert withheld == len(account.sums)
    assert [(task, end["reason"]) for task, end in stated.items()] == [
        (f"stream {name} trades", "it was cancelled")
    ]
    await account.agrees()
    gaps = [gap for gap in one.feed.records() if gap.table == "gaps"]
    assert [(gap.channel, gap.reason, gap.outcome) for gap in gaps] == [
        ("trades", "internal error: it was cancelled", "repaired")
    ]


async def test_a_fault_of_ours_in_what_a_frame_leads_to_is_told(world, monkeypatch):
    """With its traceback; the connection is opened anew and the others go on."""
    one = await world.collector("okx")
    account = await world.account(one)
    [connection] = one.feed._running.board.by_channel["trades"]

    def stumble(_frame, _now_ms):
        raise ZeroDivisionError("injected")

    monkeypatch.setattr(connection._session._handler, "take", stumble)
    with capture_logs() as lines:
        await world.until(world.tasks.troubles)
    await world.until(lambda: world.is_live(one))

    [line] = [line for line in lines if line["event"] == "task ended unexpectedly"]
    assert isinstance(line["exc_info"], ZeroDivisionError)
    assert one.feed.statuses()["liquidations"].reconnects == 0
    await account.agrees()


async def test_closing_in_order_is_no_end_and_no_hole(world):
    """What a stop ends was asked for."""
    one = await world.collector("okx")
    await world.until(lambda: world.is_live(one))

    with capture_logs() as lines:
        await one.feed.close()

    assert world.tasks.troubles() == {}
    assert [gap for gap in one.feed.records() if gap.table == "gaps" and gap.symbol != "*"] == []
    assert [line for line in lines if "interrupted" in line["event"]] == []


async def test_answers_to_requests_are_no_traffic(world):
    """OKX acknowledges each topic on its own: that tells nothing of how often it has news."""
    one = await world.collector("okx", top_n=12)
    await world.until(lambda: world.is_live(one))
    await world.run(45)
    await world.quiet()

    [connection] = one.feed._running.board.by_channel["trades"]
    session = connection._session

    assert session.frames - session._notices == sum(
        flow.trades.events for flow in one.feed.flows.by_id.values()
    )


async def test_a_frame_beyond_the_bound_ends_the_connection():
    """Compression is not offered, so that a frame is as large as it says."""

    async def telling(request):
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        assert "Sec-WebSocket-Extensions" not in request.headers
        await websocket.send_bytes(b" " * (MAX_FRAME_BYTES + 1))
        async for _ in websocket:
            pass
        return websocket

    app = web.Application()
    app.router.add_get("/", telling)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with http_session.new_session() as session:
            address = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
            websocket = await opened(session, address)
            frame = await websocket.receive()
            assert (frame.type, frame.data.code) == (aiohttp.WSMsgType.ERROR, 1009)
            await websocket.close()
    finally:
        await runner.cleanup()
