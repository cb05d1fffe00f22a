"""What can go wrong with a venue's websockets, on request."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from simulator.market.listings import VENUES
from simulator.streams.connection import Connection, Topic
from simulator.streams.corrupt_messages import SPOILERS
from simulator.streams.stream_format import Event

Kind = Literal[
    "ws_close",
    "ws_cut",
    "ws_refuse",
    "ws_silence",
    "ws_mute",
    "ws_drop",
    "ws_duplicate",
    "ws_reorder",
    "ws_truncated",
    "ws_unknown_event",
    "ws_missing_field",
    "ws_text_number",
    "ws_zero_price",
    "ws_future_time",
    "ws_liquidation_burst",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

AT_ONCE = {"ws_close", "ws_cut", "ws_silence", "ws_liquidation_burst"}
"""Kinds that happen when they are asked for, and are over then."""

USUAL_BURST = 5_000
_LONGEST_S = 86_400
_NAMES = ("venue", "kind", "channel", "symbol", "count", "seconds")


@dataclass(slots=True)
class Mishap:
    """One fault of a venue's websockets."""

    venue: str
    kind: Kind
    channel: str | None = None
    """The venue's word, such as ``aggTrade``; None for all channels."""

    symbol: str | None = None
    """The venue's name of a contract; None for all."""

    count: int | None = None
    """How many messages, connections or liquidations; None for all until cleared."""

    seconds: float | None = None
    """How long it lasts on the simulator's clock; None until cleared. [s]"""

    until_ms: float = math.inf

    def is_about(self, topic: Topic) -> bool:
        """Whether it concerns messages of *topic*."""
        return self.channel in {None, topic.channel} and self.symbol in {None, topic.symbol}

    def is_about_connection(self, connection: Connection) -> bool:
        """Whether it concerns *connection*: any, or one that has a topic it is about."""
        if self.channel is None and self.symbol is None:
            return True
        return any(self.is_about(topic) for topic in connection.topics.values())


class Mishaps:
    """The faults in force, the oldest first."""

    def __init__(self) -> None:
        """Start without any."""
        self._mishaps: list[Mishap] = []
        self._late: dict[str, Event] = {}

    def add(self, wanted: Mapping[str, Any], now_ms: int) -> Mishap:
        """Put a fault in force. ValueError says what is wrong with *wanted*."""
        mishap = _mishap(wanted)
        if mishap.seconds is not None:
            mishap.until_ms = now_ms + mishap.seconds * 1000
        if mishap.kind not in AT_ONCE:
            self._mishaps.append(mishap)
        return mishap

    def clear(self) -> None:
        """Take every fault away."""
        self._mishaps.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Return the faults in force, as JSON."""
        return [{name: getattr(one, name) for name in _NAMES} for one in self._mishaps]

    def refuses(self, venue: str, now_ms: int) -> bool:
        """Whether a new connection is turned away, and count it."""
        found = [
            one
            for one in self._mishaps
            if one.venue == venue and one.kind == "ws_refuse" and now_ms < one.until_ms
        ]
        for one in found:
            self._count(one)
        return bool(found)

    def spoiled(self, venue: str, events: Iterable[Event], now_ms: int) -> Iterator[Event]:
        """Return what is sent in place of *events*."""
        self._mishaps = [one for one in self._mishaps if now_ms < one.until_ms]
        for event in events:
            found = [
                one
                for one in self._mishaps
                if one.venue == venue and one.kind != "ws_refuse" and one.is_about(event.topic)
            ]
            sent = [event]
            for one in found:
                self._count(one)
                sent = self._changed(one, sent)
            yield from sent
            late = self._late.get(event.topic.key)
            if late is not None and late is not event:
                yield self._late.pop(event.topic.key)

    def _changed(self, mishap: Mishap, sent: list[Event]) -> list[Event]:
        spoil = SPOILERS.get(mishap.kind)
        if spoil is not None:
            # The true message follows the spoiled one, so what is true stays known.
            return [Event(one.topic, spoil(one.payload)) for one in sent[:1]] + sent
        return _ORDERS[mishap.kind](self, sent)

    def _hold_back(self, sent: list[Event]) -> list[Event]:
        """Keep a message until the next of its topic has been sent."""
        if not sent or sent[0].topic.key in self._late:
            return sent
        self._late[sent[0].topic.key] = sent[0]
        return sent[1:]

    def _count(self, mishap: Mishap) -> None:
        if mishap.count is not None:
            mishap.count -= 1
            if mishap.count == 0:
                self._mishaps.remove(mishap)


_ORDERS: Mapping[str, Callable[[Mishaps, list[Event]], list[Event]]] = {
    "ws_mute": lambda _mishaps, _sent: [],
    "ws_drop": lambda _mishaps, _sent: [],
    "ws_duplicate": lambda _mishaps, sent: [*sent, *sent],
    "ws_reorder": Mishaps._hold_back,
}


def _mishap(wanted: Mapping[str, Any]) -> Mishap:
    unknown = set(wanted) - set(_NAMES)
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    mishap = Mishap(**({"venue": None} | dict(wanted)))
    count, seconds = mishap.count, mishap.seconds
    checks = [
        (mishap.venue in VENUES, f"venue is one of {', '.join(VENUES)}, not {mishap.venue!r}"),
        (mishap.kind in KINDS, f"kind is one of {', '.join(KINDS)}, not {mishap.kind!r}"),
        (
            count is None or (isinstance(count, int) and count >= 1),
            f"count is a whole number from 1, not {count!r}",
        ),
        (
            seconds is None or (isinstance(seconds, int | float) and 0 < seconds <= _LONGEST_S),
            f"seconds is a number up to {_LONGEST_S}, not {seconds!r}",
        ),
        (_is_name(mishap.channel), f"channel is a venue's word, not {mishap.channel!r}"),
        (_is_name(mishap.symbol), f"symbol is a venue's name, not {mishap.symbol!r}"),
    ]
    wrong = [complaint for is_fine, complaint in checks if not is_fine]
    if wrong:
        raise ValueError("; ".join(wrong))
    return mishap


def _is_name(value: object) -> bool:
    return value is None or isinstance(value, str)
