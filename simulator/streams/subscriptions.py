"""Which connection is subscribed to which topics of one venue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from simulator.streams.connection import NOTHING, Connection, Topic


class Subscriptions:
    """The open connections of a venue and their topics."""

    def __init__(self) -> None:
        """Start without anybody."""
        self.connections: set[Connection] = set()
        self._listeners: dict[str, set[Connection]] = {}
        self._topics: defaultdict[tuple[str, str | None], dict[str, Topic]] = defaultdict(dict)

    def join(self, connection: Connection, topic: Topic) -> None:
        """Let *connection* have *topic* from now on."""
        connection.topics[topic.key] = topic
        if topic.channel == NOTHING:
            return
        self._listeners.setdefault(topic.key, set()).add(connection)
        self._topics[topic.channel, topic.symbol][topic.key] = topic

    def leave(self, connection: Connection, key: str) -> None:
        """Take the topic called *key* away from *connection*; nothing happens if it has none."""
        topic = connection.topics.pop(key, None)
        if topic is None or topic.channel == NOTHING:
            return
        listeners = self._listeners[key]
        listeners.discard(connection)
        if not listeners:
            del self._listeners[key]
            same = self._topics[topic.channel, topic.symbol]
            del same[key]
            if not same:
                del self._topics[topic.channel, topic.symbol]

    def drop(self, connection: Connection) -> None:
        """Forget *connection*."""
        for key in list(connection.topics):
            self.leave(connection, key)
        self.connections.discard(connection)

    def listeners(self, key: str) -> Collection[Connection]:
        """Return who has the topic called *key*."""
        return self._listeners.get(key, ())

    def has(self, *channels: str) -> bool:
        """Whether anybody has a topic of one of *channels*."""
        return any(channel in channels for channel, _symbol in self._topics)

    def of(self, channel: str, symbol: str | None = None) -> Iterable[Topic]:
        """Return the topics of *channel* about *symbol* that somebody has."""
        found = self._topics.get((channel, symbol))
        return () if found is None else tuple(found.values())

    def every(self, *channels: str) -> list[Topic]:
        """Return all topics of *channels* that somebody has."""
        return [
            topic
            for (channel, _symbol), topics in self._topics.items()
            if channel in channels
            for topic in topics.values()
        ]
