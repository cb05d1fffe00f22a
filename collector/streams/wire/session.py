"""One websocket from its opening to its end: subscribe, read, watch.

A subscription that is acknowledged proves nothing: a channel is live once it has
data, and lost once it is silent for longer than `idle_limits` allow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import aiohttp
import structlog

from collector.streams.formats.stream import Ack, Channel, Leaving, Notice, Refused, Topic
from collector.streams.wire.idle_limits import expected_gap_s, life_s, suspect_gap_s
from collector.streams.wire.reconnect import Link, Websocket
from collector.streams.wire.subscriptions import Refusal, Subscriptions

log = structlog.get_logger(__name__)

POLL_S = 1.0
"""How often a session checks its timeouts. [s]"""

POLL_WALL_S = 0.05

ACK_TIMEOUT_S = 15.0
"""How long a venue may take to acknowledge a subscription. [s]"""

PING_EVERY_S = 20.0
"""How often to ping a venue that has no text ping. [s]"""

PONG_TIMEOUT_S = 10.0
"""How long the venue may take to answer a ping. [s]"""

OVERSLEPT_WALL_S = 1.0
"""If the watch wakes later than this, the process was busy and its timeouts start anew. [wall s]"""

BUSY_WALL_S = 5.0
"""No shorter silence is a fault: this process may be busy. [wall s]"""

SUSPECT_WALL_S = 1.0
"""No shorter silence is suspect: messages may still be unread. [wall s]"""

BOOK_RETRY_S = 60.0
"""A book that missed a change is resubscribed at most once within this time. [s]"""

_OVER = frozenset({aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED})
_DATA = frozenset({aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY})


class Fault(Exception):
    """The session must end; the message says why."""


class Session:
    """One websocket of one channel."""

    def __init__(
        self,
        link: Link,
        channel: Channel,
        websocket: Websocket,
        wanted: Mapping[str, Topic],
        on_live: Callable[[Sequence[Topic], int], None],
    ) -> None:
        """Keep to what is *wanted*, by text, as it changes.

        Args:
            link: The way to the venue.
            channel: The channel of this connection.
            websocket: Open; the session closes it.
            wanted: The caller changes it and then calls `resubscribe`.
            on_live: Called with topics that are acknowledged and have data, and since when. [ms]
        """
        self._link, self._channel, self._websocket = link, channel, websocket
        self._wanted, self._on_live = wanted, on_live
        self._handler = link.handler()
        self._subscriptions = Subscriptions(link, wanted)
        self._resubscribe: set[str] = set()
        self._acknowledged: list[str] = []
        self._resubscribed_s: dict[str, float] = {}
        """When books that missed a change were subscribed anew, by topic. [s]"""
        self._first_heard_ms: int | None = None
        self._heard_s: float | None = None
        """When a good event last came, on the clock that no step moves. [s]"""
        self._changed = asyncio.Event()
        self._changed.set()
        self._opened_s = self._received_s = link.clock.monotonic_s()
        self._life_s = life_s(link.stream.limits, link.rng)
        self.frames = 0
        self._notices = 0
        """Frames without data of the channel."""

    @property
    def heard_ms(self) -> int | None:
        """When a good event last came, None if none did. [Unix ms]"""
        return self._handler.heard_ms.get(self._channel.name)

    @property
    def refusals(self) -> Mapping[str, Refusal]:
        """Why topics are not subscribed to that should be, by text."""
        return self._subscriptions.refusals

    @property
    def suspect(self) -> bool:
        """Whether it has been quiet for longer than usual, though not yet a fault."""
        if self._heard_s is None:
            return False
        now_s = self._link.clock.monotonic_s()
        gap_s = suspect_gap_s(self._channel, now_s - self._opened_s, self.frames - self._notices)
        return now_s - self._heard_s > self._link.timeout_s(gap_s, SUSPECT_WALL_S)

    def resubscribe(self, topics: Iterable[str]) -> None:
        """Bring the subscriptions in line with what is wanted now; ask for *topics* anew."""
        self._resubscribe.update(topics)
        self._changed.set()

    async def run(self) -> None:
        """Serve until the connection is of no use any more; raises Fault, which says why.

        Raises whatever else one of its three parts ends in: they are to go on for ever.
        """
        of = f"{self._link.stream.venue} {self._channel.name}"
        tasks = [
            asyncio.create_task(work, name=f"{name} {of}")
            for name, work in (
                ("read", self._read()),
                ("subscribe", self._keep_subscribed()),
                ("watch", self._watch()),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            raise RuntimeError(f"{done.pop().get_name()}: it returned")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._websocket.close()

    async def _read(self) -> None:
        """Take what comes; nearly all that a collector does, it does here."""
        receive, take = self._websocket.receive, self._take
        while True:
            message = await receive()
            if message.type in _DATA:
                take(message.data)
            elif message.type is aiohttp.WSMsgType.PING:
                await self._websocket.pong(message.data)
            elif message.type in _OVER:
                code = self._websocket.close_code
                raise Fault(f"the venue closed the connection ({code})")
            elif message.type is aiohttp.WSMsgType.ERROR:
                raise Fault(f"the connection broke ({message.data or 'no reason'})")
            self._received_s = self._link.clock.monotonic_s()

    def _take(self, frame: bytes | str) -> None:
        """Take one frame, and what follows from it for the connection."""
        self.frames += 1
        now_ms = self._link.now_ms()
        if (notice := self._handler.take(frame, now_ms)) is not None:
            self._handle_notice(notice)
        if self.heard_ms == now_ms:
            self._heard_s = self._link.clock.monotonic_s()
        if self._acknowledged:
            self._report_live()
        if self._handler.broken:
            self._resubscribe_books()

    def _handle_notice(self, notice: Notice) -> None:
        """Take note of what the venue says of our requests, or of itself."""
        self._notices += 1
        if isinstance(notice, Leaving):
            raise Fault(f"the venue announced a disconnect: {notice.reason}")
        if isinstance(notice, Ack):
            self._acknowledged += self._subscriptions.acknowledged(notice)
        elif isinstance(notice, Refused):
            if not self._subscriptions.refused(notice):
                raise Fault(f"the venue refused: {notice.reason}")
            self._changed.set()

    def _resubscribe_books(self) -> None:
        """Subscribe anew to books that missed a change, where that brings a new state.

        At once, but not one book again and again: then `FirstStates` does it, in its time.
        """
        broken, self._handler.broken = self._handler.broken, []
        if self._link.stream.rest_book is not None:
            return
        now_s = self._link.clock.monotonic_s()
        for venue_id in broken:
            text = self._channel.topic(venue_id)
            if now_s - self._resubscribed_s.get(text, -BOOK_RETRY_S) >= BOOK_RETRY_S:
                self._resubscribed_s[text] = now_s
                self.resubscribe([text])

    def _report_live(self) -> None:
        """Report acknowledged topics as live once their channel has data.

        Before its first data an acknowledged topic may have missed events.
        """
        if (heard_ms := self.heard_ms) is None:
            return
        if self._first_heard_ms is None:
            self._first_heard_ms = heard_ms
        by_time: dict[int, list[Topic]] = {}
        for text in self._acknowledged:
            took_ms = self._subscriptions.took.get(text)
            if (topic := self._wanted.get(text)) is not None and took_ms is not None:
                since_ms = max(took_ms, self._first_heard_ms)
                by_time.setdefault(since_ms, []).append(topic)
        self._acknowledged.clear()
        for at_ms, topics in by_time.items():
            self._on_live(topics, at_ms)

    async def _keep_subscribed(self) -> None:
        """Keep the subscriptions in line with what is wanted."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            resubscribe, self._resubscribe = self._resubscribe, set()
            for batch in self._link.stream.batches(self._subscriptions.to_end(resubscribe)):
                await self._send(batch, subscribes=False)
            for batch in self._subscriptions.due():
                await self._send(batch, subscribes=True)

    async def _send(self, topics: Sequence[str], *, subscribes: bool) -> None:
        """Send one request, and leave the venue the time that it wants until the next."""
        stream = self._link.stream
        number = self._subscriptions.sent(topics, subscribes=subscribes)
        message = stream.subscribe if subscribes else stream.unsubscribe
        await self._websocket.send_str(message(topics, number))
        await self._link.clock.sleep(1 / stream.limits.messages_per_s)

    async def _watch(self) -> None:
        """Ping, and raise Fault where something is missing that should have come."""
        clock, ping = self._link.clock, self._link.stream.ping
        every_s = PING_EVERY_S if ping is None else ping.every_s
        pinged_s = quiet_since_s = self._opened_s
        last_heard_ms = None
        planned_s = self._link.timeout_s(POLL_S, POLL_WALL_S)
        slept_at_s = self._opened_s
        while True:
            await clock.sleep(planned_s)
            now_s = clock.monotonic_s()
            if now_s - slept_at_s > planned_s + self._link.timeout_s(0.0, OVERSLEPT_WALL_S):
                # We were kept from hearing: what came meanwhile is still to be read.
                quiet_since_s = pinged_s = now_s
            slept_at_s = now_s
            if self.heard_ms != last_heard_ms:
                last_heard_ms, quiet_since_s = self.heard_ms, now_s
            if self._subscriptions.due():
                self._changed.set()
            self._check_silence(now_s, quiet_since_s)
            self._check_pong(now_s, pinged_s)
            if now_s - pinged_s >= every_s:
                pinged_s = now_s
                if ping is None:
                    await self._websocket.ping()
                else:
                    await self._websocket.send_str(ping.text)

    def _check_silence(self, now_s: float, quiet_since_s: float) -> None:
        lived_s = now_s - self._opened_s
        gap_s = expected_gap_s(self._channel, lived_s, self.frames - self._notices)
        timeout_s = self._link.timeout_s(gap_s, BUSY_WALL_S)
        if self._subscriptions.took and now_s - quiet_since_s > timeout_s:
            raise Fault(
                f"no {self._channel.name} for {now_s - quiet_since_s:.0f} s, "
                "though the subscription was acknowledged"
            )
        if self._subscriptions.unanswered(self._link.timeout_s(ACK_TIMEOUT_S, BUSY_WALL_S)):
            raise Fault("a subscription was not acknowledged in time")
        if now_s - self._opened_s > self._life_s:
            raise Fault("reconnected before the venue's time limit")

    def _check_pong(self, now_s: float, pinged_s: float) -> None:
        timeout_s = self._link.timeout_s(PONG_TIMEOUT_S, BUSY_WALL_S)
        if self._received_s < pinged_s and now_s - pinged_s > timeout_s:
            raise Fault("no data and no answer to a ping")
