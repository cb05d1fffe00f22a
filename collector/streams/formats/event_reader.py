"""What the handlers of all venues share: where a good event goes, and when it is a good one."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec

from analytics.lake.records import Liquidation
from collector.streams.formats.stream import ChannelName, Notice, Sinks
from collector.streams.state.books import Change, sound
from collector.streams.state.flows import Flow
from collector.streams.state.rejects import FUTURE_MS, Kind, fault, unreadable, usable
from collector.streams.state.seen import Known

MAX_NUMBER_DIGITS = 18
"""Digits of a request's number; what has more is none of ours."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError)
"""What msgspec raises where a frame, or a part of it, is not what it should be."""


class LiquidationEvent(NamedTuple):
    """A liquidation, as any venue tells of it."""

    venue_id: str
    side: Literal["long", "short"]
    """Whose position was closed."""
    at_ms: int
    """[Unix ms, the venue's time]"""
    price: float
    quantity: float
    """As the venue counts trades."""

    def name(self, ordinal: int) -> str:
        """Return an id made of all that is said, and of which of several alike it is."""
        return hashlib.blake2b(repr((*self, ordinal)).encode(), digest_size=12).hexdigest()


def request_number(text: object) -> int | None:
    """Return the number of our request that a venue repeats as *text*; None if it is none."""
    if isinstance(text, str) and text.isdecimal() and len(text) <= MAX_NUMBER_DIGITS:
        return int(text)
    return None


class Reader:
    """Puts the events of one connection where they belong; a venue's handler builds on it.

    Each method that takes an event returns whether it was a good one. What is good and not
    wanted all the same (known already, of an instrument that nobody follows) it counts.
    """

    def __init__(self, sinks: Sinks) -> None:
        self.heard_ms: dict[ChannelName, int] = {}
        """When a good event of each channel last came over this connection. [Unix ms]"""
        self.broken: list[str] = []
        """Instruments whose book missed a change, until the session resubscribes them."""
        self._flows = sinks.flows.by_id
        self._books = sinks.books
        self._rejects = sinks.rejects
        self._liquidation = sinks.liquidation

    def take(self, frame: bytes | str, received_ms: int) -> Notice | None:
        """Take one frame that came at *received_ms*; return what it says of the connection.

        Never raises because of what is in the frame.
        """
        raise NotImplementedError

    def trade(
        self,
        venue_id: str,
        trade_id: int | str,
        at_ms: int,
        price: float,
        quantity: float,
        buys: bool,
        received_ms: int,
    ) -> bool:
        """Count a trade; *buys* is whether its taker bought."""
        flow = self._flows.get(venue_id)
        if flow is None:
            if not usable(price, quantity, at_ms, received_ms):
                return False
            self._rejects.add("trades", "unknown_instrument")
        else:
            refused = flow.trade(trade_id, at_ms, price, quantity, buys, received_ms)
            if refused is not None:
                return self.refused(refused, received_ms)
        self.heard_ms["trades"] = received_ms
        return True

    def refused(self, why: Known | Literal["unusable"], received_ms: int) -> bool:
        """Count a trade that a flow refused; return whether it was a good one all the same."""
        if why == "unusable":
            return False
        self._rejects.add("trades", why)
        self.heard_ms["trades"] = received_ms
        return True

    def liquidated(
        self, event: LiquidationEvent, received_ms: int, alike: Counter[LiquidationEvent]
    ) -> bool:
        """Count a liquidation and pass it on.

        Venues give these no id. Events of one frame that are *alike* in everything are
        several; an event like one of an earlier frame is the same one, sent again.
        """
        if not usable(event.price, event.quantity, event.at_ms, received_ms):
            return False
        self.heard_ms["liquidations"] = received_ms
        flow = self._flows.get(event.venue_id)
        if flow is None:
            self._rejects.add("liquidations", "unknown_instrument")
            return True
        event_id = event.name(alike[event])
        alike[event] += 1
        usd = flow.usd(event.price, event.quantity)
        known = flow.liquidation(event_id, event.at_ms, usd, event.side, received_ms)
        if known is None:
            self._liquidation(_record(flow, event, usd, received_ms, event_id))
        else:
            self._rejects.add("liquidations", known)
        return True

    def changed(self, venue_id: str, change: Change, received_ms: int) -> bool:
        """Apply a change to a book."""
        if not (
            0 < change.at_ms <= received_ms + FUTURE_MS
            and sound(change.bids)
            and sound(change.asks)
        ):
            return False
        self.heard_ms["depth"] = received_ms
        book = self._books.by_id.get(venue_id)
        if book is None:
            self._rejects.add("depth", "unknown_instrument")
            return True
        verdict = book.put(change)
        if verdict == "gap":
            self.broken.append(venue_id)
            self._rejects.add("depth", "out_of_sequence")
        elif verdict == "known":
            self._rejects.add("depth", "duplicate")
        return True

    def started(self, venue_id: str, state: Change, received_ms: int) -> bool:
        """Start a book from a first state that came over the socket."""
        if not (
            0 < state.at_ms <= received_ms + FUTURE_MS and sound(state.bids) and sound(state.asks)
        ):
            return False
        self.heard_ms["depth"] = received_ms
        if venue_id not in self._books.by_id:
            self._rejects.add("depth", "unknown_instrument")
            return True
        self._books.put_first(
            venue_id,
            bids=state.bids,
            asks=state.asks,
            number=state.number,
            at_ms=state.at_ms,
            whole=True,
        )
        return True

    def bad(self, channel: str, row: Any, fields: Mapping[str, Kind], received_ms: int) -> None:
        """Count why *row* of *channel* could not be used."""
        self._rejects.add(channel, fault(row, fields, received_ms))

    def bad_part(
        self, channel: str, part: msgspec.Raw, fields: Mapping[str, Kind], received_ms: int
    ) -> None:
        """Count why *part* of a frame, a row that is not read yet, could not be used."""
        try:
            row = msgspec.json.decode(part)
        except UNREADABLE:
            self._rejects.add(channel, "not_a_text")
        else:
            self.bad(channel, row, fields, received_ms)

    def parsed(self, frame: bytes | str) -> dict[str, Any] | None:
        """Return *frame* as an object of plain JSON; None, and count why, if it is none."""
        try:
            message = msgspec.json.decode(frame)
        except UNREADABLE:
            self._rejects.add("", unreadable(frame))
            return None
        if isinstance(message, dict):
            return message
        self._rejects.add("", "other_shape")
        return None


def _record(
    flow: Flow, event: LiquidationEvent, usd: float, received_ms: int, event_id: str
) -> Liquidation:
    instrument = flow.instrument
    return Liquidation(
        venue=instrument.venue,
        symbol=instrument.symbol,
        base=instrument.base,
        side=event.side,
        price=event.price,
        quantity_base=event.quantity * flow.size * instrument.multiplier,
        usd=usd,
        venue_ts=datetime.fromtimestamp(event.at_ms / 1000, tz=UTC),
        received_ts=datetime.fromtimestamp(received_ms / 1000, tz=UTC),
        id=event_id,
    )
