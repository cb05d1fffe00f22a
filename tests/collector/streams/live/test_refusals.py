"""What a venue refuses for now is asked again; what does not exist is given up, and nothing else.

The venue is a websocket that answers as a test says, over a real socket.
"""

import asyncio
import json
import random
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from collector.streams.formats.stream import Sinks, Topic
from collector.streams.registry import STREAMS
from collector.streams.state.rejects import Rejects
from collector.streams.wire.reconnect import Dial, Link, opened
from collector.streams.wire.session import Fault, Session

NAMES = ("BTC", "ETH", "GONE", "SOL")


class Venue:
    """What a session asks for, and what it gets to hear."""

    def __init__(self, answer, clock):
        self.answer, self.clock = answer, clock
        """What it says to each request; None among that is a pause."""
        self.asked = []
        """Each request, as its words and the names of its topics."""

    async def serve(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.data == "ping":
                await socket.send_str("pong")
                continue
            asked = json.loads(message.data)
            if asked["op"] == "ping":
                await socket.send_json({"success": True, "ret_msg": "pong", "op": "ping"})
                continue
            self.asked.append((asked["op"], asked["args"]))
            for said in self.answer(asked, len(self.asked)):
                if said is None:
                    await self.clock.sleep(2)
                else:
                    await socket.send_json(said)
        return socket

    def subscribed(self):
        """The names in each request to subscribe, in order."""
        return [[_name(arg) for arg in args] for op, args in self.asked if op == "subscribe"]


def _name(arg):
    if isinstance(arg, str):
        return arg.rsplit(".", 1)[-1].removesuffix("USDT")
    return arg.get("instId", arg.get("instType")).removesuffix("-USDT-SWAP")


class Talk:
    """A session with such a venue."""

    def __init__(self, session, venue, clock):
        self.session, self.venue, self.clock = session, venue, clock
        self.work = asyncio.create_task(session.run())

    async def until(self, condition, within_s=900, step_s=0.25):
        """Move time on until *condition* holds; one that ends before is a failure."""
        end_s = self.clock.elapsed_s + within_s
        while not condition():
            assert not self.work.done(), self.work.exception()
            assert self.clock.elapsed_s < end_s, "it never came to be"
            self.clock.move(step_s)
            await asyncio.sleep(0.001)

    async def run(self, seconds, step_s=0.25):
        end_s = self.clock.elapsed_s + seconds
        await self.until(lambda: self.clock.elapsed_s >= end_s, seconds + step_s, step_s)


@pytest.fixture
def talk(world):
    """Opens a session with a venue that answers so; *channel* is asked for of *names*."""

    @asynccontextmanager
    async def open_session(venue_name, channel_name, answer, names=NAMES):
        stream, venue = STREAMS[venue_name], Venue(answer, world.clock)
        flows, books = stream.flows(), stream.books()
        ends = {"okx": "-USDT-SWAP", "bybit": "USDT"}[venue_name]
        books.follow([name + ends for name in names])
        channel = stream.channel(channel_name)
        wanted = {}
        for name in names:
            text = channel.topic(name + ends)
            wanted[text] = Topic(text, None if channel.one_for_all else name + ends)
        app = web.Application()
        app.router.add_get("/", venue.serve)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as http:
            rng = random.Random(1)
            sinks = Sinks(flows=flows, books=books, rejects=Rejects(), liquidation=[].append)
            link = Link(stream, world.clock, sinks, http, Dial(1, world.clock, rng), rng)
            websocket = await opened(http, f"ws://127.0.0.1:{port}/")
            session = Session(link, channel, websocket, wanted, lambda topics, at_ms: None)
            one = Talk(session, venue, world.clock)
            one.books = books
            try:
                yield one
            finally:
                one.work.cancel()
                await asyncio.gather(one.work, return_exceptions=True)
                await runner.cleanup()

    return open_session


def taken(arg):
    return {"event": "subscribe", "arg": arg, "connId": "x"}


def trade(of):
    row = {"instId": of, "tradeId": "1", "px": "1", "sz": "1", "side": "buy"}
    arg = {"channel": "trades-all", "instId": of}
    return {"arg": arg, "data": [{**row, "ts": "1767268800000"}]}


async def test_a_venue_that_is_busy_is_asked_again_later_and_later(talk):
    """OKX's 60014 names no topic and no request; the third time it takes the topic."""

    def answer(asked, count):
        if count < 3:
            return [{"event": "error", "code": "60014", "msg": "Requests too frequent."}]
        return [taken(asked["args"][0])]

    async with talk("okx", "liquidations", answer) as one:
        began_s, times_s = one.clock.elapsed_s, []
        for count in (1, 2, 3):
            await one.until(lambda count=count: len(one.venue.asked) >= count)
            times_s.append(one.clock.elapsed_s - began_s)
            if count < 3:
                await one.until(lambda: one.session.refusals)
                [refusal] = one.session.refusals.values()
                assert refusal.reason == "Requests too frequent. (60014)"
                assert refusal.retry_at_s is not None
        await one.until(lambda: not one.session.refusals)
        await one.run(20)

        assert one.venue.subscribed() == [["SWAP"]] * 3
        first_s, second_s = times_s[1] - times_s[0], times_s[2] - times_s[1]
        # Two and four seconds, each by half more or less, at the next look of a second.
        assert 1 <= first_s <= 4.5
        assert 2 <= second_s <= 7.5


async def test_a_venue_that_stays_busy_is_asked_for_ever_and_seldom(talk):
    """It is never given up: 300 s and half of it more lie between two requests at most."""

    def answer(asked, count):
        return [{"event": "error", "code": "60014", "msg": "Requests too frequent."}]

    async with talk("okx", "liquidations", answer) as one:
        await one.run(1800, 1)
        within_half_an_hour = len(one.venue.asked)
        await one.run(900, 1)

        assert len(one.venue.asked) > within_half_an_hour
        # OKX allows 480 in an hour.
        assert within_half_an_hour < 20


async def test_only_the_instrument_that_a_refusal_names_is_given_up(talk):
    """OKX answers each topic on its own: those that it takes are not asked for again."""

    def answer(asked, count):
        for arg in asked["args"]:
            if _name(arg) == "GONE":
                words = f"channel:trades-all,instId:{arg['instId']} doesn't exist."
                said = {"event": "error", "code": "60018", "msg": f"Wrong URL or {words}"}
            else:
                said = taken(arg)
            yield {"id": asked["id"], **said}
            yield None

    async with talk("okx", "trades", answer) as one:
        await one.until(lambda: len(one.session._subscriptions.took) == 3)
        await one.run(10)

        assert one.venue.subscribed() == [["BTC", "ETH", "GONE", "SOL"]]
        [(topic, refusal)] = one.session.refusals.items()
        assert topic == "trades-all:GONE-USDT-SWAP"
        assert refusal.retry_at_s is None
        assert "doesn't exist" in refusal.reason


async def test_the_others_of_a_refused_batch_are_asked_for_together_at_once(talk):
    """Bybit refuses a whole request for one wrong topic, and names it."""

    def answer(asked, count):
        wrong = [topic for topic in asked["args"] if "GONE" in topic]
        said = f"Invalid symbol :[{wrong[0]}]" if wrong else ""
        return [
            {"success": not wrong, "ret_msg": said, "req_id": asked["req_id"], "op": "subscribe"}
        ]

    async with talk("bybit", "trades", answer) as one:
        began_s = one.clock.elapsed_s
        await one.until(lambda: len(one.session._subscriptions.took) == 3)

        assert one.clock.elapsed_s - began_s < 2
        assert one.venue.subscribed() == [["BTC", "ETH", "GONE", "SOL"], ["BTC", "ETH", "SOL"]]
        assert [refusal.retry_at_s for refusal in one.session.refusals.values()] == [None]


async def test_a_name_within_another_is_not_meant(talk):
    """``BTCUSDT`` stands in ``1000BTCUSDT`` as well: that one alone is refused."""

    def answer(asked, count):
        wrong = [topic for topic in asked["args"] if "1000BTC" in topic]
        said = f"Invalid symbol :[{wrong[0]}]" if wrong else ""
        return [
            {"success": not wrong, "ret_msg": said, "req_id": asked["req_id"], "op": "subscribe"}
        ]

    async with talk("bybit", "trades", answer, ("BTC", "1000BTC")) as one:
        await one.until(lambda: one.session._subscriptions.took)

        assert one.venue.subscribed() == [["BTC", "1000BTC"], ["BTC"]]


async def test_words_that_nobody_knows_are_narrowed_down_and_asked_again(talk):
    """Of a batch one by one; what is still refused alone, later: it may be for now only."""

    def answer(asked, count):
        wrong = count < 7 and any("GONE" in topic for topic in asked["args"])
        said = "error:no" if wrong else ""
        return [
            {"success": not wrong, "ret_msg": said, "req_id": asked["req_id"], "op": "subscribe"}
        ]

    async with talk("bybit", "trades", answer) as one:
        await one.until(lambda: len(one.session._subscriptions.took) == 4)

        first, *alone = one.venue.subscribed()
        assert first == ["BTC", "ETH", "GONE", "SOL"]
        assert alone == [["BTC"], ["ETH"], ["GONE"], ["SOL"], ["GONE"], ["GONE"]]


async def test_a_topic_without_an_answer_is_asked_once_more_beside_those_that_are_heard(talk):
    """The connection goes on; where the same is not answered twice, it is of no use."""

    def answer(asked, count):
        if count == 2:
            yield trade("BTC-USDT-SWAP")
        for arg in asked["args"]:
            if _name(arg) != "GONE":
                yield {"id": asked["id"], **taken(arg)}

    async with talk("okx", "trades", answer) as one:
        await one.until(lambda: one.session.refusals)
        assert not one.work.done()

        await one.until(one.work.done)

        with pytest.raises(Fault, match="was not acknowledged"):
            one.work.result()
        assert one.venue.subscribed() == [["BTC", "ETH", "GONE", "SOL"], ["GONE"]]


def book(action, before, number, bid="100.0"):
    row = {
        "bids": [[bid, "5", "0", "1"]],
        "asks": [["100.1", "4", "0", "1"]],
        "ts": "1767268800000",
    }
    arg = {"channel": "books", "instId": "BTC-USDT-SWAP"}
    return {"arg": arg, "action": action, "data": [{**row, "seqId": number, "prevSeqId": before}]}


async def test_a_book_that_does_not_chain_is_subscribed_anew_at_once(talk):
    """Also where its numbers went down: a reset that nobody heard of."""

    def answer(asked, count):
        if asked["op"] == "unsubscribe":
            # Without the number of the request, as OKX may leave it out.
            yield {**taken(asked["args"][0]), "event": "unsubscribe"}
            return
        yield taken(asked["args"][0])
        if count == 1:
            yield from (book("snapshot", -1, 1000), book("update", 3, 5), book("update", 5, 7))
        else:
            yield from (book("snapshot", -1, 7), book("update", 7, 9))

    async with talk("okx", "depth", answer, ("BTC",)) as one:
        began_s = one.clock.elapsed_s
        await one.until(lambda: len(one.venue.asked) == 3)
        await one.until(lambda: one.books.by_id["BTC-USDT-SWAP"].valid)

        assert one.clock.elapsed_s - began_s < 2
        assert [op for op, _ in one.venue.asked] == ["subscribe", "unsubscribe", "subscribe"]
