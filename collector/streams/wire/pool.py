"""The connections of one venue: opened and given up as what is wanted changes.

Which topics go over which connection is planned so that as few as can be move.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence

from collector.runtime.guarded_tasks import GuardedTask, GuardedTasks
from collector.streams.formats.stream import Channel, ChannelName, Topic
from collector.streams.wire.connection import Connection, Owner
from collector.streams.wire.reconnect import Link


class ConnectionPool:
    """All connections to one venue. Each has one channel, so that none falls with another."""

    def __init__(self, link: Link, owner: Owner, tasks: GuardedTasks) -> None:
        self._link, self._owner, self._guard = link, owner, tasks
        self._tasks: dict[Connection, GuardedTask] = {}
        self.by_channel: dict[ChannelName, list[Connection]] = {
            channel.name: [] for channel in link.stream.channels
        }

        self._frames: Counter[ChannelName] = Counter()
        self._failed: Counter[ChannelName] = Counter()

    def frames(self, name: ChannelName) -> int:
        """Return how many frames came over a channel since the start."""
        return self._frames[name] + sum(one.frames for one in self.by_channel[name])

    def failed(self, name: ChannelName) -> int:
        """Return how often a connection of a channel ended or could not be opened."""
        return self._failed[name] + sum(one.failed for one in self.by_channel[name])

    def follow(self, venue_ids: Sequence[str]) -> None:
        """Have every channel tell of *venue_ids*, and of nothing else."""
        for channel in self._link.stream.channels:
            self._plan(channel, _topics(channel, venue_ids))

    def live(self, name: ChannelName) -> set[str]:
        """Return the instruments whose own topic of a channel is acknowledged and has data."""
        return {
            topic.venue_id
            for connection in self.by_channel[name]
            for topic in connection.live.values()
            if topic.venue_id is not None
        }

    def suspect(self, name: ChannelName, venue_id: str) -> bool:
        """Whether an instrument's connection has been quiet so long that it may be dead."""
        text = self._link.stream.channel(name).topic(venue_id)
        return any(
            text in connection.live and connection.suspect for connection in self.by_channel[name]
        )

    def resubscribe(self, name: ChannelName, venue_ids: Sequence[str]) -> None:
        """Subscribe anew to a channel of *venue_ids*."""
        channel = self._link.stream.channel(name)
        texts = {channel.topic(venue_id) for venue_id in venue_ids}
        for connection in self.by_channel[name]:
            if mine := sorted(texts & connection.live.keys()):
                connection.resubscribe(mine)

    async def close(self) -> None:
        """Close every connection."""
        for connection in self._tasks:
            connection.give_up()
        await asyncio.gather(*(task.end() for task in self._tasks.values()))

    def _plan(self, channel: Channel, topics: dict[str, Topic]) -> None:
        connections = self.by_channel[channel.name]
        current = [list(connection.wanted) for connection in connections]
        plan = planned(current, list(topics), self._link.stream.limits.topics)
        for _ in range(len(plan) - len(connections)):
            connections.append(Connection(self._link, channel, self._owner))
        for connection, texts in zip(list(connections), plan, strict=True):
            connection.want(topics[text] for text in texts)
            if not texts:
                connections.remove(connection)
                self._frames[channel.name] += connection.frames
                self._failed[channel.name] += connection.failed
                self._tasks[connection].cancel()
            elif connection not in self._tasks:
                self._open(connection)

    def _open(self, connection: Connection) -> None:
        over = [one for one, task in self._tasks.items() if task.has_ended]
        for one in over:
            del self._tasks[one]
        of = f"{self._link.stream.venue} {connection.channel.name}"
        self._tasks[connection] = self._guard.start("stream", connection.run, of)


def _topics(channel: Channel, venue_ids: Sequence[str]) -> dict[str, Topic]:
    """Return the topics of *channel* about *venue_ids*, by text."""
    if channel.one_for_all:
        text = channel.topic("")
        return {text: Topic(text, None)} if venue_ids else {}
    texts = {channel.topic(venue_id): venue_id for venue_id in venue_ids}
    return {text: Topic(text, venue_id) for text, venue_id in texts.items()}


def planned(
    current: Sequence[Collection[str]], wanted: Sequence[str], most: int
) -> list[list[str]]:
    """Return the topics of each connection, first those that there are and then new ones.

    What is still wanted stays where it is; what is new goes where there is room, and
    only then to another connection. One left without topics comes back empty.

    Args:
        current: The topics of each connection that there is.
        wanted: All that are wanted, in the order in which they are asked for.
        most: Topics that one connection may have.
    """
    left = dict.fromkeys(wanted)
    plan = []
    for topics in current:
        kept = [topic for topic in topics if topic in left]
        for topic in kept:
            del left[topic]
        plan.append(kept)
    new = list(left)
    # The fullest first: those that empty out may then be given up.
    for topics in sorted(plan, key=len, reverse=True):
        room = max(0, most - len(topics))
        topics.extend(new[:room])
        new = new[room:]
    plan.extend(new[start : start + most] for start in range(0, len(new), most))
    return plan
