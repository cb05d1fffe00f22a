"""Streams of Binance USD-M futures.

Trades and liquidations come from one address, books from another. Trades come as Binance
adds them up, all fills of one order at one price; each instrument's are numbered without
gaps. Liquidations are the largest order of each instrument and second, not all. Books are
changes to a state that REST has.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from collector.streams.formats.event_reader import UNREADABLE, LiquidationEvent, Reader
from collector.streams.formats.stream import (
    Ack,
    Channel,
    ChannelName,
    Group,
    Limits,
    Notice,
    Refused,
    Sinks,
    Stream,
    finality,
)
from collector.streams.state.books import Books, Change, Rung, bridged, pairs, sound
from collector.streams.state.flows import Flows
from collector.streams.state.rejects import Kind
from collector.streams.state.seen import Numbers
from collector.venues.json_reading import OtherShape

BOOK_SPEED = "500ms"
"""How often book changes are sent; faster would cost more and add nothing."""


FINAL = re.compile(r"\(-1121\)|invalid (symbol|stream)", re.IGNORECASE)
"""How Binance says that there is no such stream, if it says so: most are accepted silently."""


class AggTrade(msgspec.Struct, tag_field="e", tag="aggTrade", gc=False):
    """Fills of one taker's order at one price; ``m``: the buyer was the maker."""

    s: str
    a: int
    p: float
    q: float
    T: int
    m: bool


class Order(msgspec.Struct, gc=False):
    """A liquidation order: ``z`` was filled so far, at ``ap`` on average."""

    s: str
    S: Literal["BUY", "SELL"]
    ap: float
    z: float
    T: int


class ForceOrder(msgspec.Struct, tag_field="e", tag="forceOrder", gc=False):
    """What tells of a liquidation order."""

    o: Order


class DepthUpdate(msgspec.Struct, tag_field="e", tag="depthUpdate", gc=False):
    """Changes of a book from after ``pu`` up to ``u``."""

    s: str
    T: int
    u: int
    pu: int
    b: list[Rung]
    a: list[Rung]


Event = AggTrade | ForceOrder | DepthUpdate


class Envelope(msgspec.Struct, gc=False):
    """What wraps each event, with the name of its stream."""

    data: Event


class RestBook(msgspec.Struct, gc=False):
    """``/fapi/v1/depth``."""

    lastUpdateId: int
    T: int
    bids: list[Rung]
    asks: list[Rung]


FIELDS: dict[str, tuple[ChannelName, dict[str, Kind]]] = {
    "aggTrade": (
        "trades",
        {"s": "text", "a": "id", "p": "price", "q": "quantity", "T": "time", "m": "flag"},
    ),
    "forceOrder": (
        "liquidations",
        {"s": "text", "S": "side", "ap": "price", "z": "quantity", "T": "time"},
    ),
    "depthUpdate": (
        "depth",
        {"s": "text", "T": "time", "u": "id", "pu": "id", "b": "levels", "a": "levels"},
    ),
}
"""By event: the channel, and what its fields must be."""


class BinanceHandler(Reader):
    """Reads what Binance sends over one connection."""

    def __init__(self, sinks: Sinks) -> None:
        super().__init__(sinks)
        self._decode = msgspec.json.Decoder(Envelope, strict=False).decode

    def take(self, frame: bytes | str, received_ms: int) -> Notice | None:
        """Take one frame; return what it says of the connection."""
        try:
            event = self._decode(frame).data
        except UNREADABLE:
            return self._otherwise(frame, received_ms)
        # Most frames are trades that count: they go no further way than they must.
        if type(event) is AggTrade and event.a >= 0 and (flow := self._flows.get(event.s)):
            why = flow.trade(event.a, event.T, event.p, event.q, not event.m, received_ms)
            if why is None:
                self.heard_ms["trades"] = received_ms
            elif not self.refused(why, received_ms):
                self._count(msgspec.to_builtins(event), received_ms)
        else:
            self._put(event, received_ms)
        return None

    def _put(self, event: Event, received_ms: int) -> None:
        """Put *event* where it belongs, or count what is wrong with it."""
        if isinstance(event, AggTrade):
            good = event.a >= 0 and self.trade(
                event.s, event.a, event.T, event.p, event.q, not event.m, received_ms
            )
        elif isinstance(event, ForceOrder):
            order = event.o
            side: Literal["long", "short"] = "long" if order.S == "SELL" else "short"
            liquidation = LiquidationEvent(order.s, side, order.T, order.ap, order.z)
            good = self.liquidated(liquidation, received_ms, Counter())
        else:
            change = Change(
                before=event.pu,
                number=event.u,
                bids=pairs(event.b),
                asks=pairs(event.a),
                at_ms=event.T,
            )
            good = self.changed(event.s, change, received_ms)
        if not good:
            self._count(msgspec.to_builtins(event), received_ms)

    def _otherwise(self, frame: bytes | str, received_ms: int) -> Notice | None:
        """Take a frame that is no event in its wrapping: a notice, an event without, a bad one."""
        message = self.parsed(frame)
        if message is None:
            return None
        if "data" not in message and "e" not in message:
            return self._notice(message)
        data = message.get("data", message)
        for row in data if isinstance(data, list) else [data]:
            try:
                event = msgspec.convert(row, Event, strict=False)
            except UNREADABLE:
                self._count(row, received_ms)
            else:
                self._put(event, received_ms)
        return None

    def _notice(self, message: dict[str, Any]) -> Notice | None:
        """Read an answer to a request of ours: its number, and what went wrong if anything did."""
        request = message.get("id")
        number = request if isinstance(request, int) else None
        error = message.get("error", message)
        if isinstance(error, dict) and ("code" in error or "msg" in error):
            said = f"{error.get('msg')} ({error.get('code')})"
            return Refused(number, (), said, finality(said, FINAL))
        if number is not None and message.get("result", "absent") is None:
            return Ack(number)
        self._rejects.add("", "unknown_event")
        return None

    def _count(self, row: Any, received_ms: int) -> None:
        """Count why *row*, the event without its wrapping, could not be used."""
        event = row.get("e") if isinstance(row, dict) else None
        if event is None:
            self._rejects.add("", "missing_field" if isinstance(row, dict) else "other_shape")
        elif not isinstance(event, str) or event not in FIELDS:
            self._rejects.add("", "unknown_event")
        else:
            channel, fields = FIELDS[event]
            self.bad(channel, row.get("o") if event == "forceOrder" else row, fields, received_ms)


def subscription(method: str) -> Any:
    """Return what makes the message that asks for, or ends, topics."""

    def message(topics: Sequence[str], request: int) -> str:
        return msgspec.json.encode({"method": method, "params": topics, "id": request}).decode()

    return message


def rest_book(books: Books, venue_id: str, payload: Any, levels: int) -> None:
    """Start a book from ``/fapi/v1/depth``, asked for so many *levels* a side."""
    try:
        state = msgspec.convert(payload, RestBook, strict=False)
    except UNREADABLE as error:
        raise OtherShape("unexpected JSON: no book") from error
    bids, asks = pairs(state.bids), pairs(state.asks)
    if not (sound(bids) and sound(asks)):
        raise OtherShape("unexpected JSON: no price and quantity in a level")
    books.put_first(
        venue_id,
        bids=bids,
        asks=asks,
        number=state.lastUpdateId,
        at_ms=state.T,
        whole=max(len(bids), len(asks)) < levels,
    )


BINANCE = Stream(
    venue="binance",
    groups=(
        Group("market", "wss://fstream.binance.com/market/stream", "/binance/market/stream"),
        Group("public", "wss://fstream.binance.com/public/stream", "/binance/public/stream"),
    ),
    channels=(
        Channel("trades", "market", lambda one: f"{one.lower()}@aggTrade", 30),
        Channel("liquidations", "market", lambda _: "!forceOrder@arr", 900, one_for_all=True),
        Channel("depth", "public", lambda one: f"{one.lower()}@depth@{BOOK_SPEED}", 10),
    ),
    limits=Limits(
        topics=200,
        topics_per_message=100,
        bytes_per_message=4096,
        messages_per_s=5,
        connects_per_s=0.5,
        life_s=24 * 3600,
    ),
    ping=None,
    subscribe=subscription("SUBSCRIBE"),
    unsubscribe=subscription("UNSUBSCRIBE"),
    handler=BinanceHandler,
    flows=lambda: Flows(Numbers),
    books=lambda: Books(bridged, in_band=False),
    rest_book=rest_book,
    numbered=True,
)
