"""What can go wrong with a venue's websockets, on request."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from simulator.market.listings import VENUES
from simulator.streams.connection import Connection, Topic
from simulator.streams.corrupt_messages import CORRUPTIONS
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

IMMEDIATE = {"ws_close", "ws_cut", "ws_silence", "ws_liquidation_burst"}
"""Kinds that happen when they are asked for, and are over then."""

USUAL_BURST = 5_000
_MAX_S = 86_400
_NAMES = ("venue", "kind", "channel", "symbol", "count", "seconds")


@dataclass(slots=True)
class StreamFault:
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


class StreamFaults:
    """The faults in force, the oldest first."""

    def __init__(self) -> None:
        """Start without any."""
        self._faults: list[StreamFault] = []
        self._late: dict[str, Event] = {}

    def add(self, wanted: Mapping[str, Any], now_ms: int) -> StreamFault:
        """Put a fault in force. ValueError says what is wrong with *wanted*."""
        fault = _fault(wanted)
        if fault.seconds is not None:
            fault.until_ms = now_ms + fault.seconds * 1000
        if fault.kind not in IMMEDIATE:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Take every fault away."""
        self._faults.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Return the faults in force, as JSON."""
        return [{name: getattr(one, name) for name in _NAMES} for one in self._faults]

    def refuses(self, venue: str, now_ms: int) -> bool:
        """Whether a new connection is turned away, and count it."""
        found = [
            one
            for one in self._faults
            if one.venue == venue and one.kind == "ws_refuse" and now_ms < one.until_ms
        ]
        for one in found:
            self._count(one)
        return bool(found)

    def corrupted(self, venue: str, events: Iterable[Event], now_ms: int) -> Iterator[Event]:
        """Return what is sent in place of *events*."""
        self._faults = [one for one in self._faults if now_ms < one.until_ms]
        for event in events:
            found = [
                one
                for one in self._faults
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

    def _changed(self, fault: StreamFault, sent: list[Event]) -> list[Event]:
        spoil = CORRUPTIONS.get(fault.kind)
        if spoil is not None:
            # The true message follows the spoiled one, so what is true stays known.
            return [Event(one.topic, spoil(one.payload)) for one in sent[:1]] + sent
        return _ORDERS[fault.kind](self, sent)

    def _hold_back(self, sent: list[Event]) -> list[Event]:
        """Keep a message until the next of its topic has been sent."""
        if not sent or sent[0].topic.key in self._late:
            return sent
        self._late[sent[0].topic.key] = sent[0]
        return sent[1:]

    def _count(self, fault: StreamFault) -> None:
        if fault.count is not None:
            fault.count -= 1
            if fault.count == 0:
                self._faults.remove(fault)


_ORDERS: Mapping[str, Callable[[StreamFaults, list[Event]], list[Event]]] = {
    "ws_mute": lambda _faults, _sent: [],
    "ws_drop": lambda _faults, _sent: [],
    "ws_duplicate": lambda _faults, sent: [*sent, *sent],
    "ws_reorder": StreamFaults._hold_back,
}


def _fault(wanted: Mapping[str, Any]) -> StreamFault:
    unknown = set(wanted) - set(_NAMES)
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    fault = StreamFault(**({"venue": None} | dict(wanted)))
    count, seconds = fault.count, fault.seconds
    checks = [
        (fault.venue in VENUES, f"venue must be one of {', '.join(VENUES)}, not {fault.venue!r}"),
        (fault.kind in KINDS, f"kind must be one of {', '.join(KINDS)}, not {fault.kind!r}"),
        (
            count is None or (isinstance(count, int) and count >= 1),
            f"count must be a whole number from 1, not {count!r}",
        ),
        (
            seconds is None or (isinstance(seconds, int | float) and 0 < seconds <= _MAX_S),
            f"seconds must be a number up to {_MAX_S}, not {seconds!r}",
        ),
        (_is_name(fault.channel), f"channel must be a venue's word, not {fault.channel!r}"),
        (_is_name(fault.symbol), f"symbol must be a venue's name, not {fault.symbol!r}"),
    ]
    wrong = [complaint for is_fine, complaint in checks if not is_fine]
    if wrong:
        raise ValueError("; ".join(wrong))
    return fault


def _is_name(value: object) -> bool:
    return value is None or isinstance(value, str)
