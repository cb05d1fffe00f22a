"""The public channels of OKX v5, on ``/public`` and ``/business``.

Amounts are in contracts. Each argument of a request is accepted or refused alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

import orjson

from simulator.market.random_processes import STEP_MS
from simulator.market.source import Quotes, Source
from simulator.rest.okx_rows import contracts, fundings, marks, open_interests, tickers, trade_row
from simulator.rest.rate_limits import SlidingWindow
from simulator.rest.wire_format import Row, decimal
from simulator.streams.connection import Connection, Topic
from simulator.streams.events import (
    SECOND_MS,
    Bursts,
    Liquidated,
    Trade,
    largest_a_second,
    liquidated_between,
    trades_between,
)
from simulator.streams.okx_books import OkxBooks
from simulator.streams.stream_format import Event, Span
from simulator.streams.subscriptions import Subscriptions

_MAX_OPERATIONS = 480
"""Requests to subscribe or unsubscribe of one connection in an hour."""

_HOUR_MS = 3_600_000
_QUIET_MS = 30_000
"""A connection on which nothing goes either way for this long is closed. [ms]"""

_MAX_REQUEST = 65_536
"""The channels of one request. [bytes]"""

_PATH = re.compile(r"/ws/v5/(?P<route>public|business)(?:/.*)?")
_FUNDING_MS = 60_000
_ROUTES = {
    "trades": "public",
    "trades-all": "business",
    "liquidation-orders": "public",
    "books": "public",
    "tickers": "public",
    "mark-price": "public",
    "funding-rate": "public",
    "open-interest": "public",
}
_ROWS: Mapping[str, tuple[Callable[[Quotes, list[int]], list[Row]], int]] = {
    "tickers": (tickers, STEP_MS),
    "mark-price": (marks, STEP_MS),
    "open-interest": (open_interests, STEP_MS),
    "funding-rate": (fundings, _FUNDING_MS),
}
"""What the channels of figures have for rows, and how often. [ms]"""


class OkxStreams:
    """The public channels of OKX in front of *source*."""

    name = "okx"
    handshakes = (3, SECOND_MS)

    def __init__(self, source: Source, bursts: Bursts) -> None:
        """Tell what *source* has, and the liquidations of *bursts*."""
        self._source = source
        self._bursts = bursts
        self._books = OkxBooks(source)

    def find_route(self, path: str) -> str | None:
        """Return ``public`` or ``business``."""
        found = _PATH.fullmatch(path)
        return None if found is None else found["route"]

    def welcome(
        self,
        connection: Connection,
        path: str,
        query: Mapping[str, str],
        subscriptions: Subscriptions,
    ) -> None:
        """Start to count the requests."""
        connection.operations = SlidingWindow(_MAX_OPERATIONS, _HOUR_MS)

    def hear(
        self, connection: Connection, text: str, now_ms: int, subscriptions: Subscriptions
    ) -> None:
        """Answer ``ping``, subscribe and unsubscribe."""
        if text == "ping":
            connection.say(b"pong")
            return
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        args = message.get("args") if isinstance(message, dict) else None
        op = message.get("op") if isinstance(message, dict) else None
        if op not in {"subscribe", "unsubscribe"} or not isinstance(args, list):
            connection.say(_error(connection, "60012", f"Illegal request: {text}"))
            return
        if len(text) > _MAX_REQUEST:
            connection.say(_error(connection, "60012", "Illegal request: over 64 KB"))
            return
        if connection.operations is not None and connection.operations.is_over(now_ms):
            connection.say(_error(connection, "60014", "Requests too frequent"))
            return
        for arg in args:
            self._turn(connection, str(op), arg, now_ms, subscriptions)

    def _turn(
        self, connection: Connection, op: str, arg: Any, now_ms: int, subscriptions: Subscriptions
    ) -> None:
        """Subscribe to or unsubscribe from one channel."""
        topic = self._topic(connection, arg, now_ms)
        if topic is None:
            named = ",".join(f"{key}:{value}" for key, value in _items(arg))
            connection.say(_error(connection, "60018", f"Wrong URL or {named} doesn't exist."))
            return
        connection.say(orjson.dumps({"event": op, "arg": arg, "connId": connection.name}))
        if op == "unsubscribe":
            subscriptions.leave(connection, topic.key)
        elif topic.key not in connection.topics:
            subscriptions.join(connection, topic)
            self._greet(connection, topic, now_ms)

    def _topic(self, connection: Connection, arg: Any, now_ms: int) -> Topic | None:
        """Return what *arg* asks for, or None if there is no such thing on this address."""
        wanted = dict(_items(arg))
        channel = wanted.get("channel", "")
        if _ROUTES.get(channel) != connection.route:
            return None
        if channel == "liquidation-orders":
            if wanted.get("instType") != "SWAP" or not self._source.listings(self.name, now_ms):
                return None
            return Topic(_key({"channel": channel, "instType": "SWAP"}), channel)
        symbol = wanted.get("instId", "")
        if self._source.listing(self.name, symbol, now_ms) is None:
            return None
        return Topic(_key({"channel": channel, "instId": symbol}), channel, symbol)

    def _greet(self, connection: Connection, topic: Topic, now_ms: int) -> None:
        """Send what a channel begins with: the whole book, the latest figures."""
        if topic.channel == "books":
            connection.say(self._books.whole(topic, now_ms))
        elif topic.channel in _ROWS:
            for event in self._figures(topic, now_ms):
                connection.say(event.payload)

    def tend(self, connection: Connection, now_ms: int) -> None:
        """End a connection on which nothing has gone either way for half a minute."""
        if now_ms - max(connection.heard_ms, connection.sent_ms) > _QUIET_MS:
            connection.close(4004, "No data received in 30s.", now_ms)

    def wrapped(self, topic: Topic, payload: bytes) -> bytes:
        """Return the message as it is: it names its channel."""
        return payload

    def events(self, span: Span, subscriptions: Subscriptions) -> Iterator[Event]:
        """Return what happened in *span* about the channels that somebody has."""
        if subscriptions.has("trades", "trades-all"):
            for trade in trades_between(self._source, self.name, span.start_ms, span.end_ms):
                yield from self._traded(trade, subscriptions)
        second = span.crossed(SECOND_MS)
        if second is not None and subscriptions.has("liquidation-orders"):
            first = span.start_ms // SECOND_MS * SECOND_MS
            yield from self._liquidations(first, second, subscriptions)
        yield from self._books.events(span, subscriptions)
        for channel, (_rows, every_ms) in _ROWS.items():
            if span.crossed(every_ms) is not None:
                for topic in subscriptions.every(channel):
                    yield from self._figures(topic, span.end_ms)

    def _traded(self, trade: Trade, subscriptions: Subscriptions) -> Iterator[Event]:
        symbol = trade.listing.symbol
        for topic in subscriptions.of("trades", symbol):
            yield _event(topic, [{**trade_row(*trade), "count": "1", "seqId": trade.id}])
        for topic in subscriptions.of("trades-all", symbol):
            yield _event(topic, [{**trade_row(*trade)}])

    def _liquidations(
        self, start_ms: int, end_ms: int, subscriptions: Subscriptions
    ) -> Iterator[Event]:
        """Tell of each contract one liquidation a second; of a burst that was asked for, all."""
        found = largest_a_second(liquidated_between(self._source, self.name, start_ms, end_ms))
        found += self._bursts.between(self._source, self.name, start_ms, end_ms)
        found.sort(key=lambda one: one.listing.symbol)
        for symbol, group in groupby(found, key=lambda one: one.listing.symbol):
            family = symbol.removesuffix("-SWAP")
            row: Row = {
                "details": [_detail(one) for one in group],
                "instFamily": family,
                "instId": symbol,
                "instType": "SWAP",
                "uly": family,
            }
            for topic in subscriptions.of("liquidation-orders"):
                yield _event(topic, [row])

    def _figures(self, topic: Topic, now_ms: int) -> Iterator[Event]:
        quotes = self._source.quotes(self.name, now_ms)
        at = quotes.position.get(topic.symbol or "")
        if at is not None:
            yield _event(topic, [*_ROWS[topic.channel][0](quotes, [at])])


def _items(arg: Any) -> list[tuple[str, str]]:
    """Return the texts of a request's argument; of one that is no object, nothing."""
    if not isinstance(arg, dict):
        return []
    return [(key, value) for key, value in arg.items() if isinstance(value, str)]


def _key(arg: dict[str, str]) -> str:
    return orjson.dumps(arg).decode()


def _event(topic: Topic, rows: list[Row]) -> Event:
    return Event(topic, b'{"arg":' + topic.key.encode() + b',"data":' + orjson.dumps(rows) + b"}")


def _error(connection: Connection, code: str, message: str) -> bytes:
    return orjson.dumps({"event": "error", "code": code, "msg": message, "connId": connection.name})


def _detail(liquidated: Liquidated) -> Row:
    listing = liquidated.listing
    return {
        "bkLoss": "0",
        "bkPx": decimal(liquidated.price, listing.price_decimals),
        "ccy": "",
        "posSide": "long" if liquidated.is_long else "short",
        "side": "sell" if liquidated.is_long else "buy",
        "sz": contracts(listing, liquidated.size, liquidated.price),
        "ts": str(liquidated.time_ms),
    }
