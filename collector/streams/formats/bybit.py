"""Streams of Bybit's linear perpetuals.

One address tells of everything. Frames hold several trades or liquidations each. Trades
have names without an order. A liquidation's side is that of the position, not of the order
that closes it. A book's first state comes with its subscription.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import msgspec

from collector.streams.formats.event_reader import (
    UNREADABLE,
    LiquidationEvent,
    Reader,
    request_number,
)
from collector.streams.formats.stream import (
    Ack,
    Channel,
    ChannelName,
    Group,
    Limits,
    Notice,
    Ping,
    Pong,
    Refused,
    Sinks,
    Stream,
    finality,
)
from collector.streams.state.books import Books, Change, Rung, chained, pairs
from collector.streams.state.flows import Flows
from collector.streams.state.rejects import Kind
from collector.streams.state.seen import Names

RESTARTED = 1
"""The number of a state that Bybit sends after a restart of its own, whatever its type."""


FINAL = re.compile(r"handler not found|invalid symbol|invalid topic|not exist", re.IGNORECASE)
"""How Bybit says that there is no such topic or instrument."""


class Trade(msgspec.Struct, gc=False):
    """One trade; ``S`` is the taker's side, ``BT`` says that it was agreed off the book."""

    T: int
    s: str
    S: Literal["Buy", "Sell"]
    v: float
    p: float
    i: str
    BT: bool = False


class Liquidated(msgspec.Struct, gc=False):
    """One liquidation; ``S`` is ``Buy`` where a long position was closed."""

    T: int
    s: str
    S: Literal["Buy", "Sell"]
    v: float
    p: float


class Depth(msgspec.Struct, gc=False):
    """A book's state or changes."""

    s: str
    u: int
    b: list[Rung]
    a: list[Rung]


class Envelope(msgspec.Struct, gc=False):
    """What wraps the rows of a topic."""

    topic: str
    data: msgspec.Raw
    ts: Any = None
    """Only books need it: of whatever kind it is, it does not spoil the rest."""
    type: Any = None


CHANNELS: dict[str, tuple[ChannelName, dict[str, Kind]]] = {
    "publicTrade": (
        "trades",
        {"T": "time", "s": "text", "S": "side", "p": "price", "v": "quantity", "i": "text"},
    ),
    "allLiquidation": (
        "liquidations",
        {"T": "time", "s": "text", "S": "side", "p": "price", "v": "quantity"},
    ),
    "orderbook": ("depth", {"s": "text", "u": "id", "b": "levels", "a": "levels"}),
}
"""By the first word of a topic: the channel, and what the fields of its rows must be."""

RowType = TypeVar("RowType", Trade, Liquidated)


class BybitHandler(Reader):
    """Reads what Bybit sends over one connection."""

    def __init__(self, sinks: Sinks) -> None:
        super().__init__(sinks)
        self._envelope = msgspec.json.Decoder(Envelope, strict=False)
        self._trades = msgspec.json.Decoder(list[Trade], strict=False)
        self._liquidations = msgspec.json.Decoder(list[Liquidated], strict=False)
        self._depth = msgspec.json.Decoder(Depth, strict=False)

    def take(self, frame: bytes | str, received_ms: int) -> Notice | None:
        """Take one frame; return what it says of the connection."""
        try:
            envelope = self._envelope.decode(frame)
        except UNREADABLE:
            return self._otherwise(frame)
        kind = envelope.topic.partition(".")[0]
        if kind == "publicTrade":
            for trade in self._rows(kind, self._trades, Trade, envelope.data, received_ms):
                self._put_trade(trade, received_ms)
        elif kind == "orderbook":
            self._put_depth(envelope, received_ms)
        elif kind == "allLiquidation":
            alike: Counter[LiquidationEvent] = Counter()
            for row in self._rows(kind, self._liquidations, Liquidated, envelope.data, received_ms):
                self._put_liquidation(row, received_ms, alike)
        else:
            self._rejects.add("", "unknown_event")
        return None

    def _put_trade(self, trade: Trade, received_ms: int) -> None:
        if trade.BT:
            # A block trade: not from the book.
            self._rejects.add("trades", "block_trade")
        elif not trade.i or not self.trade(
            trade.s, trade.i, trade.T, trade.p, trade.v, trade.S == "Buy", received_ms
        ):
            self.bad("trades", msgspec.to_builtins(trade), CHANNELS["publicTrade"][1], received_ms)

    def _put_liquidation(
        self, row: Liquidated, received_ms: int, alike: Counter[LiquidationEvent]
    ) -> None:
        side: Literal["long", "short"] = "long" if row.S == "Buy" else "short"
        event = LiquidationEvent(row.s, side, row.T, row.p, row.v)
        if not self.liquidated(event, received_ms, alike):
            fields = CHANNELS["allLiquidation"][1]
            self.bad("liquidations", msgspec.to_builtins(row), fields, received_ms)

    def _put_depth(self, envelope: Envelope, received_ms: int) -> None:
        try:
            depth = self._depth.decode(envelope.data)
        except UNREADABLE:
            self.bad_part("depth", envelope.data, CHANNELS["orderbook"][1], received_ms)
            return
        at_ms = envelope.ts if isinstance(envelope.ts, int) else 0
        change = Change(
            before=depth.u - 1,
            number=depth.u,
            bids=pairs(depth.b),
            asks=pairs(depth.a),
            at_ms=at_ms,
        )
        first = envelope.type == "snapshot" or depth.u == RESTARTED
        put = self.started if first else self.changed
        if not put(depth.s, change, received_ms):
            row = {**msgspec.to_builtins(depth), "ts": envelope.ts}
            fields: dict[str, Kind] = {"ts": "time", **CHANNELS["orderbook"][1]}
            self.bad("depth", row, fields, received_ms)

    def _rows(
        self,
        kind: str,
        decoder: msgspec.json.Decoder[list[RowType]],
        row_type: type[RowType],
        data: msgspec.Raw,
        received_ms: int,
    ) -> list[RowType]:
        """Return the rows of a frame; where one cannot be read, the others all the same."""
        try:
            return decoder.decode(data)
        except UNREADABLE:
            return self._good_rows(kind, row_type, data, received_ms)

    def _good_rows(
        self, kind: str, row_type: type[RowType], data: msgspec.Raw, received_ms: int
    ) -> list[RowType]:
        try:
            parts = msgspec.json.decode(data, type=list[msgspec.Raw])
        except UNREADABLE:
            parts = [data]
        good = []
        for part in parts:
            try:
                good.append(msgspec.json.decode(part, type=row_type, strict=False))
            except UNREADABLE:  # noqa: PERF203
                channel, fields = CHANNELS[kind]
                self.bad_part(channel, part, fields, received_ms)
        return good

    def _otherwise(self, frame: bytes | str) -> Notice | None:
        """Take a frame that is not of a topic: an answer to something we sent, or a bad one."""
        message = self.parsed(frame)
        if message is None:
            return None
        if "topic" in message:
            self._rejects.add("", "missing_field" if "data" not in message else "other_shape")
            return None
        return self._notice(message)

    def _notice(self, message: dict[str, Any]) -> Notice | None:
        said, op = message.get("ret_msg"), message.get("op")
        if said == "pong" or op == "pong":
            return Pong()
        number = request_number(message.get("req_id"))
        if message.get("success") is True and op in ("subscribe", "unsubscribe"):
            return Ack(number, ends=op == "unsubscribe")
        if message.get("success") is False:
            return Refused(number, (), str(said), finality(str(said), FINAL))
        self._rejects.add("", "unknown_event")
        return None


def subscription(op: str) -> Any:
    """Return what makes the message that asks for, or ends, topics."""

    def message(topics: Sequence[str], request: int) -> str:
        return msgspec.json.encode({"op": op, "req_id": str(request), "args": topics}).decode()

    return message


BYBIT = Stream(
    venue="bybit",
    groups=(Group("linear", "wss://stream.bybit.com/v5/public/linear", "/bybit/v5/public/linear"),),
    channels=(
        Channel("trades", "linear", lambda one: f"publicTrade.{one}", 30),
        Channel("liquidations", "linear", lambda one: f"allLiquidation.{one}", 1800),
        Channel("depth", "linear", lambda one: f"orderbook.200.{one}", 10),
    ),
    # All topics of one connection together may have 21,000 characters.
    limits=Limits(
        topics=400,
        topics_per_message=100,
        bytes_per_message=21_000,
        messages_per_s=5,
        connects_per_s=1,
    ),
    ping=Ping(text='{"op":"ping"}', every_s=20),
    subscribe=subscription("subscribe"),
    unsubscribe=subscription("unsubscribe"),
    handler=BybitHandler,
    flows=lambda: Flows(Names),
    books=lambda: Books(chained, in_band=True),
)
