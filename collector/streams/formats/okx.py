"""Streams of OKX's perpetual swaps.

Trades come one by one at the address for business, as REST tells them too; the channel of
the public address adds several up under the last one's number. Quantities are in contracts.
One topic tells of the liquidations of all swaps, several to a frame. A book's first state
comes with its subscription.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

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
    Leaving,
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
from collector.streams.state.seen import Numbers

LIQUIDATIONS = "liquidation-orders"
"""The one channel that is asked for by the type of instrument."""


FINAL = re.compile(r"\(60018\)|doesn't exist|does not exist", re.IGNORECASE)
"""How OKX says that there is no such channel or instrument."""


class Trade(msgspec.Struct, gc=False):
    """One trade; ``side`` is the taker's."""

    instId: str
    tradeId: int
    px: float
    sz: float
    side: Literal["buy", "sell"]
    ts: int


class Detail(msgspec.Struct, gc=False):
    """One liquidation of an instrument; ``side`` is that of the order that closes."""

    side: Literal["buy", "sell"]
    posSide: str
    bkPx: float
    sz: float
    ts: int


class Liquidated(msgspec.Struct, gc=False):
    """The liquidations of one instrument."""

    instId: str
    details: list[msgspec.Raw]


class Depth(msgspec.Struct, gc=False):
    """A book's state or changes; a level has its price, contracts, and more."""

    ts: int
    seqId: int
    prevSeqId: int
    bids: list[Rung]
    asks: list[Rung]


class Arg(msgspec.Struct, gc=False):
    """What was subscribed."""

    channel: str
    instId: Any = None


class Envelope(msgspec.Struct, gc=False):
    """What wraps the rows of a channel."""

    arg: Arg
    data: list[msgspec.Raw]
    action: Any = None


CHANNELS: dict[str, tuple[ChannelName, dict[str, Kind]]] = {
    "trades-all": (
        "trades",
        {
            **{"instId": "text", "tradeId": "id", "px": "price"},
            **{"sz": "quantity", "side": "side", "ts": "time"},
        },
    ),
    LIQUIDATIONS: (
        "liquidations",
        {"side": "side", "posSide": "text", "bkPx": "price", "sz": "quantity", "ts": "time"},
    ),
    "books": (
        "depth",
        {"ts": "time", "seqId": "id", "prevSeqId": "number", "bids": "levels", "asks": "levels"},
    ),
}
"""By OKX's channel: ours, and what the fields of its rows must be."""

OF_ONE_INSTRUMENT: dict[str, Kind] = {"instId": "text", "details": "levels"}
"""What the fields must be of what wraps an instrument's liquidations."""


class OkxHandler(Reader):
    """Reads what OKX sends over one connection."""

    def __init__(self, sinks: Sinks) -> None:
        super().__init__(sinks)
        self._envelope = msgspec.json.Decoder(Envelope, strict=False)
        self._trade = msgspec.json.Decoder(Trade, strict=False)
        self._depth = msgspec.json.Decoder(Depth, strict=False)
        self._liquidated = msgspec.json.Decoder(Liquidated, strict=False)
        self._detail = msgspec.json.Decoder(Detail, strict=False)

    def take(self, frame: bytes | str, received_ms: int) -> Notice | None:
        """Take one frame; return what it says of the connection."""
        try:
            envelope = self._envelope.decode(frame)
        except UNREADABLE:
            return self._otherwise(frame)
        channel = envelope.arg.channel
        if channel == "trades-all":
            for data in envelope.data:
                self._put_trade(data, received_ms)
        elif channel == "books":
            for data in envelope.data:
                self._put_depth(envelope, data, received_ms)
        elif channel == LIQUIDATIONS:
            alike: Counter[LiquidationEvent] = Counter()
            for data in envelope.data:
                self._put_liquidations(data, received_ms, alike)
        else:
            self._rejects.add("", "unknown_event")
        return None

    def _put_trade(self, data: msgspec.Raw, received_ms: int) -> None:
        try:
            row = self._trade.decode(data)
        except UNREADABLE:
            self._count("trades-all", data, received_ms)
            return
        if row.tradeId < 0 or not self.trade(
            row.instId, row.tradeId, row.ts, row.px, row.sz, row.side == "buy", received_ms
        ):
            self._count("trades-all", data, received_ms)

    def _put_liquidations(
        self, data: msgspec.Raw, received_ms: int, alike: Counter[LiquidationEvent]
    ) -> None:
        """Take all liquidations of one instrument."""
        try:
            row = self._liquidated.decode(data)
        except UNREADABLE:
            self.bad_part("liquidations", data, OF_ONE_INSTRUMENT, received_ms)
            return
        for part in row.details:
            try:
                detail = self._detail.decode(part)
            except UNREADABLE:
                self._count(LIQUIDATIONS, part, received_ms)
                continue
            side = position(detail)
            if side is None:
                self._rejects.add("liquidations", "unknown_side")
                continue
            event = LiquidationEvent(row.instId, side, detail.ts, detail.bkPx, detail.sz)
            if not self.liquidated(event, received_ms, alike):
                self._count(LIQUIDATIONS, part, received_ms)

    def _put_depth(self, envelope: Envelope, data: msgspec.Raw, received_ms: int) -> None:
        try:
            depth = self._depth.decode(data)
        except UNREADABLE:
            self._count("books", data, received_ms)
            return
        change = Change(
            before=depth.prevSeqId,
            number=depth.seqId,
            bids=pairs(depth.bids),
            asks=pairs(depth.asks),
            at_ms=depth.ts,
        )
        put = self.started if envelope.action == "snapshot" else self.changed
        of = envelope.arg.instId
        if not isinstance(of, str):
            self._rejects.add("depth", "missing_field" if of is None else "not_a_text")
        elif not put(of, change, received_ms):
            self._count("books", data, received_ms)

    def _count(self, name: str, part: msgspec.Raw, received_ms: int) -> None:
        """Count why a row of OKX's channel *name* could not be used."""
        channel, fields = CHANNELS[name]
        self.bad_part(channel, part, fields, received_ms)

    def _otherwise(self, frame: bytes | str) -> Notice | None:
        """Take a frame that is not of a channel: an answer to something we sent, or a bad one."""
        if frame in (b"pong", "pong"):
            return Pong()
        message = self.parsed(frame)
        if message is None:
            return None
        if "event" in message:
            return self._notice(message)
        missing = "arg" not in message or "data" not in message
        self._rejects.add("", "missing_field" if missing else "other_shape")
        return None

    def _notice(self, message: dict[str, Any]) -> Notice | None:
        """Read an answer to a request of ours; each topic is answered on its own."""
        event = message["event"]
        number = request_number(message.get("id"))
        topics = topic_of(message.get("arg"))
        said = f"{message.get('msg')} ({message.get('code')})"
        if event in ("subscribe", "unsubscribe"):
            return Ack(number, topics, ends=event == "unsubscribe")
        if event == "error":
            return Refused(number, topics, said, finality(said, FINAL))
        if event == "notice":
            return Leaving(said)
        if event != "channel-conn-count":
            self._rejects.add("", "unknown_event")
        return None


def position(detail: Detail) -> Literal["long", "short"] | None:
    """Return whose position was closed; None where the order could not have closed it.

    Accounts that keep one position for both directions say ``net``: the order tells then.
    """
    side: Literal["long", "short"] = "long" if detail.side == "sell" else "short"
    return side if detail.posSide in (side, "net", "") else None


def topic_of(arg: Any) -> tuple[str, ...]:
    """Return the topic that OKX's *arg* names, as we write topics; nothing if it names none."""
    if not isinstance(arg, dict) or not isinstance(arg.get("channel"), str):
        return ()
    of = arg.get("instId", arg.get("instType"))
    return (f"{arg['channel']}:{of}",)


def subscription(op: str) -> Any:
    """Return what makes the message that asks for, or ends, topics ``channel:instrument``."""

    def arg(topic: str) -> dict[str, str]:
        channel, _, of = topic.partition(":")
        return {"channel": channel, "instType" if channel == LIQUIDATIONS else "instId": of}

    def message(topics: Sequence[str], request: int) -> str:
        args = [arg(topic) for topic in topics]
        return msgspec.json.encode({"id": str(request), "op": op, "args": args}).decode()

    return message


OKX = Stream(
    venue="okx",
    groups=(
        Group("public", "wss://ws.okx.com:8443/ws/v5/public", "/okx/ws/v5/public"),
        Group("business", "wss://ws.okx.com:8443/ws/v5/business", "/okx/ws/v5/business"),
    ),
    channels=(
        Channel("trades", "business", lambda one: f"trades-all:{one}", 30),
        Channel("liquidations", "public", lambda _: f"{LIQUIDATIONS}:SWAP", 1800, one_for_all=True),
        Channel("depth", "public", lambda one: f"books:{one}", 10),
    ),
    # It also allows 480 subscriptions and ends of such an hour on one connection.
    limits=Limits(
        topics=200,
        topics_per_message=100,
        bytes_per_message=64 * 1024,
        messages_per_s=3,
        connects_per_s=2,
    ),
    ping=Ping(text="ping", every_s=20),
    subscribe=subscription("subscribe"),
    unsubscribe=subscription("unsubscribe"),
    handler=OkxHandler,
    flows=lambda: Flows(Numbers),
    books=lambda: Books(chained, in_band=True),
    answers_each=True,
)
