"""One websocket from its opening to its end: subscribed, read, watched.

That a venue acknowledges a subscription proves nothing: a channel is there once it is
heard, and gone once it is silent for longer than it ever should be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp
import structlog

from collector.streams.link import Link, Websocket
from collector.streams.patience import expected_gap_s, life_s, strange_gap_s
from collector.streams.stream import Ack, Channel, Leaving, Notice, Refused

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
"""How often a session looks whether all is well. [s]"""

LOOK_EVERY_WALL_S = 0.05

ACK_WITHIN_S = 15.0
"""How long a venue may take to acknowledge a subscription. [s]"""

PING_EVERY_S = 20.0
"""How often a venue is pinged that does not want it in words. [s]"""

ANSWER_WITHIN_S = 10.0
"""How long everything may be silent after a ping. [s]"""

OVERSLEPT_WALL_S = 1.0
"""One who wakes so much too late has no say about anybody's silence. [wall s]"""

BUSY_WALL_S = 5.0
"""No silence is a fault that is shorter: it may be ours. [wall s]"""

DOUBT_WALL_S = 1.0
"""No silence is strange that is shorter: what came may still be unread. [wall s]"""

REMEMBERED_REQUESTS = 50
"""Of so many requests of ours the answer is known as what it is, however late it comes."""

_OVER = frozenset({aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED})
_DATA = frozenset({aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY})


@dataclass(frozen=True, slots=True)
class Topic:
    """What is subscribed to."""

    text: str
    """As the venue calls it."""
    venue_id: str | None
    """The instrument; None where it tells of all of them."""


@dataclass(frozen=True, slots=True)
class Request:
    """A message of ours that is not answered yet."""

    topics: tuple[str, ...]
    subscribes: bool
    sent_s: float


class Fault(Exception):
    """A session is of no use any more; the message says why."""


class Session:
    """One websocket of one channel."""

    def __init__(
        self,
        link: Link,
        channel: Channel,
        websocket: Websocket,
        wanted: Mapping[str, Topic],
        came: Callable[[Sequence[Topic], int], None],
    ) -> None:
        """Keep to what is *wanted*, by text, as it changes.

        Args:
            link: The way to the venue.
            channel: The one channel that is told here.
            websocket: Open; the session closes it.
            wanted: The caller changes it and then calls `again`.
            came: Is told which topics are acknowledged and heard, and since when. [Unix ms]
        """
        self._link, self._channel, self._websocket = link, channel, websocket
        self._wanted, self._came = wanted, came
        self._handler = link.handler()
        self._took: dict[str, int] = {}
        """Topics that the venue acknowledged, and when. [Unix ms]"""
        self._asked: set[str] = set()
        self._again: set[str] = set()
        self._alone: set[str] = set()
        self._given_up: set[str] = set()
        self._unheard: list[str] = []
        self._requests: dict[int, Request] = {}
        self._request = 0
        self._first_heard_ms: int | None = None
        self._changed = asyncio.Event()
        self._changed.set()
        self._opened_s = self._sign_s = link.clock.monotonic_s()
        self._life_s = life_s(link.stream.limits, link.rng)
        self.frames = 0
        self._notices = 0
        """Frames that told nothing of the channel."""

    @property
    def heard_ms(self) -> int | None:
        """When a good event last came, None if none did. [Unix ms]"""
        return self._handler.heard_ms.get(self._channel.name)

    @property
    def doubtful(self) -> bool:
        """Whether nothing came for so long that it may be dead, though that is no fault yet."""
        if (heard_ms := self.heard_ms) is None:
            return False
        lived_s = self._link.clock.monotonic_s() - self._opened_s
        gap_s = strange_gap_s(self._channel, lived_s, self.frames - self._notices)
        silent_s = (self._link.now_ms() - heard_ms) / 1000
        return silent_s > self._link.patience_s(gap_s, DOUBT_WALL_S)

    def again(self, topics: Iterable[str]) -> None:
        """Bring the subscriptions in line with what is wanted now; ask for *topics* anew."""
        self._again.update(topics)
        self._changed.set()

    async def run(self) -> None:
        """Serve until the connection is of no use any more; raises Fault, which says why."""
        tasks = [asyncio.create_task(work) for work in (self._read(), self._tend(), self._watch())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._websocket.close()

    async def _read(self) -> None:
        """Take what comes; nearly all that a collector does, it does here."""
        receive, take, now_ms = self._websocket.receive, self._handler.take, self._link.now_ms
        while True:
            message = await receive()
            if message.type in _DATA:
                self.frames += 1
                if (notice := take(message.data, now_ms())) is not None:
                    self._heed(notice)
                if self._unheard:
                    self._tell_who_came()
            elif message.type is aiohttp.WSMsgType.PING:
                await self._websocket.pong(message.data)
            elif message.type in _OVER:
                code = self._websocket.close_code
                raise Fault(f"the venue closed the connection ({code})")
            elif message.type is aiohttp.WSMsgType.ERROR:
                raise Fault(f"the connection broke ({message.data or 'no reason'})")
            self._sign_s = self._link.clock.monotonic_s()

    def _heed(self, notice: Notice) -> None:
        """Take note of what the venue says of our requests, or of itself."""
        self._notices += 1
        if isinstance(notice, Leaving):
            raise Fault(f"the venue is leaving: {notice.reason}")
        if not isinstance(notice, Ack | Refused):
            return
        request = self._requests.get(notice.request) if notice.request is not None else None
        topics = notice.topics or (request.topics if request is not None else ())
        if isinstance(notice, Refused):
            self._put_off(topics or self._named(notice.reason), notice.reason)
        elif request is None or request.subscribes:
            at_ms = self._link.now_ms()
            for topic in topics:
                if topic in self._asked and topic not in self._took:
                    self._took[topic] = at_ms
                    self._unheard.append(topic)

    def _named(self, reason: str) -> list[str]:
        """Return the topics that a refusal must mean which only says why."""
        waiting = [text for text in self._asked if text not in self._took]
        ids = {text: topic.venue_id for text, topic in self._wanted.items()}
        return [text for text in waiting if (ids.get(text) or text) in reason] or waiting

    def _put_off(self, topics: Sequence[str], reason: str) -> None:
        """Ask for refused *topics* one by one; for one refused alone, not again."""
        if not topics:
            raise Fault(f"the venue refused: {reason}")
        log.warning(
            "subscription refused", venue=self._link.stream.venue, topics=topics[:3], reason=reason
        )
        refused = set(topics) & self._asked
        if len(refused) == 1:
            self._given_up |= refused
        self._alone |= refused
        self._asked -= refused
        self._changed.set()

    def _tell_who_came(self) -> None:
        """Tell of the topics that are acknowledged, once their channel is heard.

        What was acknowledged and silent until then may have had something to say.
        """
        if (heard_ms := self.heard_ms) is None:
            return
        if self._first_heard_ms is None:
            self._first_heard_ms = heard_ms
        by_time: dict[int, list[Topic]] = {}
        for text in self._unheard:
            if (topic := self._wanted.get(text)) is not None and text in self._took:
                since_ms = max(self._took[text], self._first_heard_ms)
                by_time.setdefault(since_ms, []).append(topic)
        self._unheard.clear()
        for at_ms, topics in by_time.items():
            self._came(topics, at_ms)

    async def _tend(self) -> None:
        """Keep the subscriptions in line with what is wanted."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            again, self._again = self._again & self._took.keys(), set()
            unwanted = [text for text in self._asked if text not in self._wanted or text in again]
            self._asked.difference_update(unwanted)
            for text in unwanted:
                self._took.pop(text, None)
            for batch in self._link.stream.batches(unwanted):
                await self._send(batch, subscribes=False)
            missing = [text for text in self._wanted if text not in self._asked | self._given_up]
            together = [text for text in missing if text not in self._alone]
            alone = [[text] for text in missing if text in self._alone]
            for batch in [*self._link.stream.batches(together), *alone]:
                self._asked.update(batch)
                await self._send(batch, subscribes=True)

    async def _send(self, topics: Sequence[str], *, subscribes: bool) -> None:
        """Send one request, and leave the venue the time that it wants until the next."""
        stream, clock = self._link.stream, self._link.clock
        self._request += 1
        self._requests[self._request] = Request(tuple(topics), subscribes, clock.monotonic_s())
        message = stream.subscribe if subscribes else stream.unsubscribe
        await self._websocket.send_str(message(topics, self._request))
        await clock.sleep(1 / stream.limits.messages_per_s)

    async def _watch(self) -> None:
        """Ping, and raise Fault where something is missing that should have come."""
        clock, ping = self._link.clock, self._link.stream.ping
        every_s = PING_EVERY_S if ping is None else ping.every_s
        pinged_s = quiet_since_s = self._opened_s
        last_heard_ms = None
        planned_s = self._link.patience_s(LOOK_EVERY_S, LOOK_EVERY_WALL_S)
        slept_at_s = self._opened_s
        while True:
            await clock.sleep(planned_s)
            now_s = clock.monotonic_s()
            if now_s - slept_at_s > planned_s + self._link.patience_s(0.0, OVERSLEPT_WALL_S):
                # We were kept from hearing: what came meanwhile is still to be read.
                quiet_since_s = pinged_s = now_s
            slept_at_s = now_s
            if self.heard_ms != last_heard_ms:
                last_heard_ms, quiet_since_s = self.heard_ms, now_s
            self._check_silence(now_s, quiet_since_s)
            self._check_signs(now_s, pinged_s)
            if now_s - pinged_s >= every_s:
                pinged_s = now_s
                if ping is None:
                    await self._websocket.ping()
                else:
                    await self._websocket.send_str(ping.text)

    def _check_silence(self, now_s: float, quiet_since_s: float) -> None:
        lived_s = now_s - self._opened_s
        gap_s = expected_gap_s(self._channel, lived_s, self.frames - self._notices)
        patience_s = self._link.patience_s(gap_s, BUSY_WALL_S)
        if self._took and now_s - quiet_since_s > patience_s:
            raise Fault(
                f"no {self._channel.name} for {now_s - quiet_since_s:.0f} s, "
                "though the subscription was acknowledged"
            )
        asked_s = min((request.sent_s for request in self._waiting()), default=now_s)
        if now_s - asked_s > self._link.patience_s(ACK_WITHIN_S, BUSY_WALL_S):
            raise Fault("a subscription was not acknowledged")
        if now_s - self._opened_s > self._life_s:
            raise Fault("renewed, before the venue ends it")

    def _check_signs(self, now_s: float, pinged_s: float) -> None:
        patience_s = self._link.patience_s(ANSWER_WITHIN_S, BUSY_WALL_S)
        if self._sign_s < pinged_s and now_s - pinged_s > patience_s:
            raise Fault("nothing came any more, not even an answer to a ping")

    def _waiting(self) -> list[Request]:
        """Forget the requests that are settled; return those that wait for an answer."""
        waits = [request for request in self._requests.values() if self._is_open(request)]
        # An end of a subscription may be acknowledged late, and must be known as that.
        self._requests = {
            number: request
            for number, request in self._requests.items()
            if request in waits or number > self._request - REMEMBERED_REQUESTS
        }
        return waits

    def _is_open(self, request: Request) -> bool:
        return request.subscribes and any(
            topic in self._asked and topic not in self._took for topic in request.topics
        )
