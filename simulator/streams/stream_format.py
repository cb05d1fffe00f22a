"""What a venue's stream format must provide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from simulator.streams.connection import Connection, Topic
from simulator.streams.subscriptions import Subscriptions


class Event(NamedTuple):
    """One message about a topic."""

    topic: Topic
    payload: bytes


@dataclass(frozen=True, slots=True)
class Span:
    """What one tick of the sender covers: from *start_ms* up to, not including, *end_ms*."""

    start_ms: int
    end_ms: int

    def crossed(self, every_ms: int) -> int | None:
        """Return the last multiple of *every_ms* that was passed, or None."""
        last = self.end_ms // every_ms * every_ms
        return last if last > self.start_ms // every_ms * every_ms else None


class StreamFormat(Protocol):
    """One venue's websocket messages."""

    name: str

    handshakes: tuple[int, int]
    """How many connections may be opened in how many milliseconds."""

    def welcome(
        self,
        connection: Connection,
        path: str,
        query: Mapping[str, str],
        subscriptions: Subscriptions,
    ) -> None:
        """Prepare a fresh connection: its limits, and the topics that its address names."""

    def hear(
        self, connection: Connection, text: str, now_ms: int, subscriptions: Subscriptions
    ) -> None:
        """Answer a message of the client, and let it have what it asks for."""

    def tend(self, connection: Connection, now_ms: int) -> None:
        """Ping, or close what has been quiet for too long."""

    def events(self, span: Span, subscriptions: Subscriptions) -> Iterator[Event]:
        """Return what happened in *span* about the topics that somebody has."""

    def wrapped(self, topic: Topic, payload: bytes) -> bytes:
        """Return the message as a connection gets it that wants the name of its stream."""

    def find_route(self, path: str) -> str | None:
        """Return the name of the address that *path* asks for, or None if it is no websocket's."""
