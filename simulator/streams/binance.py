"""The market streams of Binance USD-M futures, raw and combined, on their routed addresses.

Since April 2026 the venue sends a stream on its own route only: ``/public`` has books
and single trades, ``/market`` the rest. A subscription on the wrong one is
acknowledged, and nothing comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from simulator.market.listings import Listing
from simulator.market.source import Source
from simulator.rest.binance_rows import update_id
from simulator.rest.rate_limits import SlidingWindow
from simulator.rest.wire_format import decimal
from simulator.streams.binance_quotes import quote_events
from simulator.streams.book_updates import Level, LiveBook, base_size
from simulator.streams.connection import NOTHING, Connection, Topic
from simulator.streams.events import (
    SECOND_MS,
    Bursts,
    Liquidated,
    Trade,
    largest_a_second,
    liquidated_between,
    trades_between,
)
from simulator.streams.stream_format import Event, Span
from simulator.streams.subscriptions import Subscriptions

MAX_STREAMS = 1024
_MAX_MESSAGES = 10
"""Messages of a client in a second; one more and it is thrown out."""

_PING_MS = 180_000
_PING_TIMEOUT_MS = 600_000
"""How long a ping may stay unanswered. [ms]"""

_MAX_MS = 86_400_000
"""A connection's life. [ms]"""

_PUBLIC = {"depth", "bookTicker", "!bookTicker", "trade"}
_OPTIONS = {
    "aggTrade": {""},
    "trade": {""},
    "forceOrder": {""},
    "bookTicker": {""},
    "miniTicker": {""},
    "ticker": {""},
    "depth": {"", "100ms", "250ms", "500ms"},
    "markPrice": {"", "1s"},
    "!forceOrder": {"arr"},
    "!bookTicker": {""},
    "!miniTicker": {"arr"},
    "!ticker": {"arr"},
    "!markPrice": {"arr", "arr@1s"},
}
_LEVELS = 400
_PATH = re.compile(r"/(?:(?P<route>market|public|private)/)?(?P<mode>ws|stream)(?:/(?P<names>.*))?")


class BinanceStreams:
    """The streams of Binance in front of *source*."""

    name = "binance"
    handshakes = (300, 300_000)

    def __init__(self, source: Source, bursts: Bursts) -> None:
        """Tell what *source* has, and the liquidations of *bursts*."""
        self._source = source
        self._bursts = bursts
        self._books: dict[str, LiveBook] = {}

    def find_route(self, path: str) -> str | None:
        """Return ``market`` or ``public``; an address without a route gets the latter's streams."""
        found = _PATH.fullmatch(path)
        return None if found is None else found["route"] or "public"

    def welcome(
        self,
        connection: Connection,
        path: str,
        query: Mapping[str, str],
        subscriptions: Subscriptions,
    ) -> None:
        """Give a connection the streams that its address names."""
        found = _PATH.fullmatch(path)
        connection.is_combined = found is not None and found["mode"] == "stream"
        connection.messages = SlidingWindow(_MAX_MESSAGES, SECOND_MS)
        named = query.get("streams") or (found["names"] if found is not None else None) or ""
        for name in [name for name in named.split("/") if name][:MAX_STREAMS]:
            subscriptions.join(connection, self._topic(name, connection))

    def hear(
        self, connection: Connection, text: str, now_ms: int, subscriptions: Subscriptions
    ) -> None:
        """Answer SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS."""
        if connection.messages is not None and connection.messages.is_over(now_ms):
            connection.close(1008, "Too many requests", now_ms)
            return
        answer = self._answer(connection, text, subscriptions)
        connection.say(orjson.dumps(answer))

    def _answer(
        self, connection: Connection, text: str, subscriptions: Subscriptions
    ) -> dict[str, Any]:
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return _error(3, f"Invalid JSON: {error}", None)
        if not isinstance(message, dict) or "method" not in message:
            return _error(2, "Invalid request: missing field `method`", None)
        number, names = message.get("id"), message.get("params", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return _error(2, "Invalid request: params must be a list of strings", number)
        match message["method"]:
            case "SUBSCRIBE":
                return self._subscribe(connection, names, number, subscriptions)
            case "UNSUBSCRIBE":
                for name in names:
                    subscriptions.leave(connection, name)
                return {"result": None, "id": number}
            case "LIST_SUBSCRIPTIONS":
                return {"result": list(connection.topics), "id": number}
            case method:
                return _error(2, f"Invalid request: unknown variant `{method}`", number)

    def _subscribe(
        self, connection: Connection, names: list[str], number: Any, subscriptions: Subscriptions
    ) -> dict[str, Any]:
        if len(connection.topics.keys() | names) > MAX_STREAMS:
            return _error(2, f"Invalid request: more than {MAX_STREAMS} streams", number)
        for name in names:
            subscriptions.join(connection, self._topic(name, connection))
        return {"result": None, "id": number}

    def _topic(self, name: str, connection: Connection) -> Topic:
        """Return a stream; of one that does not exist or is another route's nothing will come."""
        subject, _, rest = name.partition("@")
        channel, _, option = (subject, "", rest) if subject[:1] == "!" else rest.partition("@")
        route = "public" if channel in _PUBLIC else "market"
        # Names are in lower case; another spelling is acknowledged like anything else.
        is_name = subject == subject.lower() or channel.startswith("!")
        if option not in _OPTIONS.get(channel, ()) or route != connection.route or not is_name:
            return Topic(name, NOTHING, name)
        symbol = None if channel.startswith("!") else subject.upper()
        return Topic(name, channel, symbol, option)

    def tend(self, connection: Connection, now_ms: int) -> None:
        """Ping every three minutes, and end what does not answer or is a day old."""
        if now_ms - connection.ponged_ms > _PING_TIMEOUT_MS or now_ms - connection.opened_ms > (
            _MAX_MS
        ):
            connection.close(1008, "Pong timeout", now_ms)
        elif now_ms - connection.pinged_ms >= _PING_MS:
            connection.pinged_ms = now_ms
            connection.ping(str(now_ms).encode())

    def wrapped(self, topic: Topic, payload: bytes) -> bytes:
        """Return the message in the envelope of a combined stream."""
        return b'{"stream":"' + topic.key.encode() + b'","data":' + payload + b"}"

    def events(self, span: Span, subscriptions: Subscriptions) -> Iterator[Event]:
        """Return what happened in *span* about the streams that somebody has."""
        if subscriptions.has("aggTrade", "trade"):
            yield from self._trades(span, subscriptions)
        second = span.crossed(SECOND_MS)
        if second is not None and subscriptions.has("forceOrder", "!forceOrder"):
            first = span.start_ms // SECOND_MS * SECOND_MS
            yield from self._liquidations(first, second, span.end_ms, subscriptions)
        yield from self._diffs(span, subscriptions)
        yield from quote_events(self._source, span, subscriptions)

    def _trades(self, span: Span, subscriptions: Subscriptions) -> Iterator[Event]:
        now_ms = span.end_ms
        for trade in trades_between(self._source, self.name, span.start_ms, now_ms):
            symbol = trade.listing.symbol
            for topic in subscriptions.of("aggTrade", symbol):
                yield Event(topic, _agg_trade(trade, now_ms))
            for topic in subscriptions.of("trade", symbol):
                yield Event(topic, _trade(trade, now_ms))

    def _liquidations(
        self, start_ms: int, end_ms: int, now_ms: int, subscriptions: Subscriptions
    ) -> Iterator[Event]:
        """Tell of each contract the largest of a second; of a burst that was asked for, all."""
        found = largest_a_second(liquidated_between(self._source, self.name, start_ms, end_ms))
        found += self._bursts.between(self._source, self.name, start_ms, end_ms)
        for liquidated in found:
            payload = _force_order(liquidated, now_ms)
            for topic in subscriptions.of("forceOrder", liquidated.listing.symbol):
                yield Event(topic, payload)
            for topic in subscriptions.of("!forceOrder"):
                yield Event(topic, payload)

    def _diffs(self, span: Span, subscriptions: Subscriptions) -> Iterator[Event]:
        topics = subscriptions.every("depth")
        kept = {topic.key for topic in topics}
        self._books = {key: book for key, book in self._books.items() if key in kept}
        for topic in topics:
            every = int(topic.option.removesuffix("ms") or 250)
            at_ms = span.crossed(every)
            listing = self._source.listing(self.name, topic.symbol or "", span.end_ms)
            if at_ms is None or listing is None:
                continue
            book = self._books.get(topic.key)
            if book is None:
                before = span.start_ms // every * every
                book = LiveBook(self._source, listing, _LEVELS, base_size, before)
                self._books[topic.key] = book
            if not book.is_empty:
                yield Event(topic, _depth_update(listing, book, at_ms, span.end_ms))


def _error(code: int, message: str, number: Any) -> dict[str, Any]:
    return {"error": {"code": code, "msg": message}, "id": number}


def _agg_trade(trade: Trade, now_ms: int) -> bytes:
    listing = trade.listing
    price, size = listing.price_decimals, listing.size_decimals
    return (
        f'{{"e":"aggTrade","E":{now_ms},"a":{trade.id},"s":"{listing.symbol}",'
        f'"p":"{decimal(trade.price, price)}","q":"{decimal(trade.size, size)}",'
        f'"f":{trade.id},"l":{trade.id},"T":{trade.time_ms},'
        f'"m":{"false" if trade.is_buy else "true"},"st":1}}'
    ).encode()


def _trade(trade: Trade, now_ms: int) -> bytes:
    listing = trade.listing
    price, size = listing.price_decimals, listing.size_decimals
    return (
        f'{{"e":"trade","E":{now_ms},"s":"{listing.symbol}","t":{trade.id},'
        f'"p":"{decimal(trade.price, price)}","q":"{decimal(trade.size, size)}",'
        f'"T":{trade.time_ms},"m":{"false" if trade.is_buy else "true"},"X":"MARKET"}}'
    ).encode()


def _force_order(liquidated: Liquidated, now_ms: int) -> bytes:
    """Write an order that closed a position: sold where it was long.

    ``l`` is its last fill alone, ``p`` the price it was sent with, far from the one it got.
    """
    listing = liquidated.listing
    price, size = listing.price_decimals, listing.size_decimals
    whole = decimal(liquidated.size, size)
    sent_at = liquidated.price * (0.995 if liquidated.is_long else 1.005)
    order = {
        "s": listing.symbol,
        "S": "SELL" if liquidated.is_long else "BUY",
        "o": "LIMIT",
        "f": "IOC",
        "q": whole,
        "p": decimal(sent_at, price),
        "ap": decimal(liquidated.price, price),
        "X": "FILLED",
        "l": decimal(max(liquidated.size * 0.4, 10.0 ** -(size or 0)), size),
        "z": whole,
        "T": liquidated.time_ms,
    }
    return orjson.dumps({"e": "forceOrder", "E": now_ms, "o": order})


def _depth_update(listing: Listing, book: LiveBook, at_ms: int, now_ms: int) -> bytes:
    before = update_id(book.at_ms)
    changed = book.until(at_ms)

    def written(side: list[Level]) -> list[list[str]]:
        return [[price, size] for price, size in side]

    return orjson.dumps(
        {
            "e": "depthUpdate",
            "E": now_ms,
            "T": at_ms,
            "s": listing.symbol,
            "ps": listing.symbol,
            "st": 1,
            "U": before + 1,
            "u": update_id(at_ms),
            "pu": before,
            "b": written(changed.bids),
            "a": written(changed.asks),
        }
    )
