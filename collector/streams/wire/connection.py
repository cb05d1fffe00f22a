"""A connection of one channel that is kept open: reconnected whenever it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import structlog

from collector.runtime.guarded_tasks import reason
from collector.streams.formats.stream import Channel, Topic
from collector.streams.wire.reconnect import FAILURES, Link, sentence
from collector.streams.wire.session import Fault, Session
from collector.streams.wire.subscriptions import Refusal

log = structlog.get_logger(__name__)

HEALTHY_AFTER_S = 30.0
"""A connection that lived this long is reconnected without extra backoff. [s]"""

State = Literal["connecting", "live", "down"]


class Owner(Protocol):
    """What is notified of a connection's state."""

    def on_live(self, connection: Connection, topics: Sequence[Topic], at_ms: int) -> None:
        """Note that *topics* are acknowledged since *at_ms*, and the channel has data."""

    def on_lost(self, connection: Connection, topics: Sequence[Topic], heard_ms: int) -> None:
        """Note that the connection of *topics* was lost; their last event came at *heard_ms*."""


class Connection:
    """Some topics of one channel."""

    def __init__(self, link: Link, channel: Channel, owner: Owner) -> None:
        self.channel = channel
        self.state: State = "connecting"
        self.since_ms = link.now_ms()
        """Since when it is in this state. [Unix ms]"""
        self.reason: str | None = None
        """Why it is down, or was last."""
        self.failed = 0
        """How often it ended or could not be opened."""
        self.live: dict[str, Topic] = {}
        """Topics that are acknowledged and have data, by text."""
        self.wanted: dict[str, Topic] = {}
        self._link, self._owner = link, owner
        self._session: Session | None = None
        self._in_a_row = 0
        self._live_since_s: float | None = None
        self._frames = 0
        self._heard_ms: int | None = None

    @property
    def frames(self) -> int:
        """How many frames came since the start."""
        return self._frames + (self._session.frames if self._session is not None else 0)

    @property
    def heard_ms(self) -> int | None:
        """When a good event last came, over this connection or one before it. [Unix ms]"""
        heard_ms = self._session.heard_ms if self._session is not None else None
        return self._heard_ms if heard_ms is None else heard_ms

    def want(self, topics: Iterable[Topic]) -> None:
        """Subscribe to *topics* from now on, and to nothing else."""
        wanted = {topic.text: topic for topic in topics}
        self.wanted.clear()
        self.wanted.update(wanted)
        gone = self.live.keys() - wanted.keys()
        for text in gone:
            del self.live[text]
        if self._session is not None:
            # What is wanted again before the session looks begins anew all the same.
            self._session.resubscribe(gone)

    @property
    def refusals(self) -> Mapping[str, Refusal]:
        """Why topics are not subscribed to that should be, by text."""
        return {} if self._session is None else self._session.refusals

    @property
    def suspect(self) -> bool:
        """Whether it has been quiet for longer than usual, so that it may be dead."""
        return self._session is not None and self._session.suspect

    def resubscribe(self, topics: Sequence[str]) -> None:
        """Unsubscribe from *topics* and subscribe again."""
        if self._session is not None:
            self._session.resubscribe(topics)

    async def run(self) -> None:
        """Keep it there, for ever. Raises what no connection ends in: a fault of ours."""
        while True:
            await self._link.dial.turn(self._in_a_row)
            try:
                await self._once()
            except Fault as error:
                self._ended(str(error))
            except FAILURES as error:
                self._ended(sentence(error))
            except BaseException as error:
                if self.wanted:
                    # No data until it runs again: what is marked live would pass for complete.
                    self._ended(f"internal error: {reason(error)}")
                raise

    def give_up(self) -> None:
        """Drop all topics: the end of the connection opens no hole."""
        self.wanted.clear()
        self.live.clear()

    async def _once(self) -> None:
        websocket = await self._link.open(self.channel.name)
        self._session = Session(self._link, self.channel, websocket, self.wanted, self._on_live)
        await self._session.run()

    def _on_live(self, topics: Sequence[Topic], at_ms: int) -> None:
        if self._live_since_s is None:
            self._live_since_s = self._link.clock.monotonic_s()
        self.live.update((topic.text, topic) for topic in topics)
        if self.state != "live":
            self.state, self.since_ms = "live", at_ms
        self._owner.on_live(self, topics, at_ms)

    def _ended(self, reason: str) -> None:
        """Record the end of the session, and notify the owner if a topic was live."""
        self._heard_ms, self._frames = self.heard_ms, self.frames
        self._session = None
        self.failed += 1
        self.reason = reason
        lived_s = 0.0
        if self._live_since_s is not None:
            lived_s = self._link.clock.monotonic_s() - self._live_since_s
        self._in_a_row = 1 if lived_s > HEALTHY_AFTER_S else self._in_a_row + 1
        self._live_since_s = None
        log.info(
            "stream interrupted",
            venue=self._link.stream.venue,
            channel=self.channel.name,
            reason=reason,
        )
        topics = list(self.live.values())
        self.live.clear()
        if self.state != "down":
            self.state, self.since_ms = "down", self._link.now_ms()
        if topics:
            self._owner.on_lost(self, topics, self._heard_ms or self.since_ms)
