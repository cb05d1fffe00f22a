"""How a venue's streams are described: as data, with pure functions that read frames.

A venue file says at which addresses it streams, under which topics, in which words
it is asked for them and within which limits. Its handler reads what comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from analytics.lake.records import Liquidation
from collector.streams.state.books import Books
from collector.streams.state.flows import Flows
from collector.streams.state.rejects import Rejects

ChannelName = Literal["trades", "liquidations", "depth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a venue allows on one connection."""

    topics: int
    """Topics on one connection, at most."""
    topics_per_message: int
    bytes_per_message: int
    """Of a subscription message with all its topics."""
    messages_per_s: float
    """Messages that we may send. [1/s]"""
    connects_per_s: float
    """New connections from one address. [1/s]"""
    life_s: float | None = None
    """How long the venue lets a connection live; None where it says nothing. [s]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """What we must say for a connection to stay."""

    text: str
    """A text frame, as the venue wants it."""
    every_s: float
    """[s]"""


@dataclass(frozen=True, slots=True)
class Group:
    """Channels that share an address."""

    name: str
    url: str
    simulator_path: str
    """Where the simulator serves it, beneath its own address."""

    def address(self, simulator_url: str | None) -> str:
        """Return the address, at a simulator where one is given."""
        if simulator_url is None:
            return self.url
        return simulator_url.replace("http", "ws", 1) + self.simulator_path


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of data that a venue streams."""

    name: ChannelName
    group: str
    topic: Callable[[str], str]
    """From the venue's name of an instrument to its topic."""
    expected_gap_s: float
    """Silence of the whole channel on one connection beyond which something is wrong. [s]"""
    one_for_all: bool = False
    """Whether one topic covers every instrument; its name does not depend on any then."""


@dataclass(frozen=True, slots=True)
class Ack:
    """The venue took a subscription, or an end of one."""

    request: int | None
    """The number of our request; None where the venue names the topics instead."""
    topics: tuple[str, ...] = ()
    """The topics, where the venue names them."""
    ends: bool = False
    """Whether the venue says that it is the end of a subscription."""


Finality = Literal["passing", "final", "unknown"]
"""Whether a refusal holds for now, for good, or the venue's words do not tell."""

_PASSING = re.compile(
    r"frequent|too many|rate.?limit|busy|time.?out|timed out|try again|temporar|internal|"
    r"service|maintenance|upgrad|system error",
    re.IGNORECASE,
)
"""Words by which venues say that something does not work now."""


def finality(reason: str, final: re.Pattern[str]) -> Finality:
    """Return what kind of refusal a *reason* is, by the venue's words for *final* ones."""
    if final.search(reason):
        return "final"
    return "passing" if _PASSING.search(reason) else "unknown"


@dataclass(frozen=True, slots=True)
class Topic:
    """What is subscribed to."""

    text: str
    """As the venue calls it."""
    venue_id: str | None
    """The instrument; None where it tells of all of them."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue refused something that we asked for over the socket."""

    request: int | None
    topics: tuple[str, ...]
    """The topics, where the venue names them."""
    reason: str
    """In the venue's words, with its code."""
    kind: Finality


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """The venue says that it will close this connection soon."""

    reason: str


Notice = Ack | Refused | Pong | Leaving
"""What a frame says of the connection itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sinks:
    """Where a venue's handlers put what they read; shared by all its connections."""

    flows: Flows
    books: Books
    rejects: Rejects
    liquidation: Callable[[Liquidation], None]
    """Gets each liquidation of an instrument that is followed, once."""


class Handler(Protocol):
    """Reads the frames of one connection."""

    heard_ms: dict[ChannelName, int]
    """When a good event of each channel last came over this connection. [Unix ms]"""
    broken: list[str]
    """Instruments whose book missed a change, until somebody sees to them and clears it."""

    def take(self, frame: bytes | str, received_ms: int) -> Notice | None:
        """Take one frame that came at *received_ms*; return what it says of the connection.

        Never raises because of what is in the frame: what cannot be used is counted by
        reason in the tally and skipped, row by row.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The streams of one venue."""

    venue: str
    """The name of the venue."""
    groups: tuple[Group, ...]
    channels: tuple[Channel, ...]
    limits: Limits
    ping: Ping | None
    """None where the venue pings us, which the websocket client answers."""
    subscribe: Callable[[Sequence[str], int], str]
    """From topics and the number of the request to the message that asks for them."""
    unsubscribe: Callable[[Sequence[str], int], str]
    handler: Callable[[Sinks], Handler]
    flows: Callable[[], Flows]
    """Makes the sums for this venue, with its way to know a trade again."""
    books: Callable[[], Books]
    """Makes the books for this venue, with its rule of succession."""
    rest_book: Callable[[Books, str, Any, int], None] | None = None
    """Starts a book from REST's JSON; given also how many levels a side were asked for.
    Raises OtherShape. None where a topic newly subscribed brings the first state."""
    answers_each: bool = False
    """Whether each topic of a request is answered on its own; else all with one answer."""
    numbered: bool = False
    """Whether an instrument's trades are numbered without gaps, so that one missed is known."""

    def channel(self, name: ChannelName) -> Channel:
        """Return the channel called *name*."""
        return next(channel for channel in self.channels if channel.name == name)

    def group(self, name: str) -> Group:
        """Return the group called *name*."""
        return next(group for group in self.groups if group.name == name)

    def batches(self, topics: Sequence[str]) -> Iterator[list[str]]:
        """Yield *topics* in parts that each fit into one message."""
        batch: list[str] = []
        for topic in topics:
            if batch and not self._fits([*batch, topic]):
                yield batch
                batch = []
            batch.append(topic)
        if batch:
            yield batch

    def _fits(self, topics: Sequence[str]) -> bool:
        if len(topics) > self.limits.topics_per_message:
            return False
        return len(self.subscribe(topics, 10**9).encode()) <= self.limits.bytes_per_message
