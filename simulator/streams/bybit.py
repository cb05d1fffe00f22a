"""The public linear topics of Bybit v5.

One request is accepted or refused as a whole. A book comes whole first, then by what
changed, with numbers ``u`` that count up by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import orjson

from simulator.market.random_processes import STEP_MS
from simulator.market.source import Source
from simulator.rest.bybit_rows import tickers
from simulator.rest.wire_format import Row
from simulator.streams.book_updates import LiveBook, base_size
from simulator.streams.bybit_messages import (
    CHANGE_MS,
    NumberedBook,
    book_message,
    liquidation_row,
    reply,
    snapshot,
    ticker_message,
    trade_row,
)
from simulator.streams.connection import NOTHING, Connection, Topic
from simulator.streams.events import Bursts, Trade, liquidated_between, trades_between
from simulator.streams.stream_format import Event, Span
from simulator.streams.subscriptions import Subscriptions

MAX_ARGS_CHARACTERS = 21_000
_PING_TIMEOUT_MS = 60_000
"""How long a client may say nothing, not even a ping. Ours: the venue gives no figure. [ms]"""

_FORCED_MS = 500
_PATH = "/v5/public/linear"
_MAX_ROWS = 1024
"""Trades in one message."""

_DEPTHS = {"1", "50", "200"}


class BybitStreams:
    """The linear topics of Bybit in front of *source*."""

    name = "bybit"
    handshakes = (500, 300_000)

    def __init__(self, source: Source, bursts: Bursts) -> None:
        """Tell what *source* has, and the liquidations of *bursts*."""
        self._source = source
        self._bursts = bursts
        self._books: dict[str, NumberedBook] = {}
        self._tickers: dict[str, Row] = {}

    def find_route(self, path: str) -> str | None:
        """Return ``linear`` for the one address there is."""
        return "linear" if path == _PATH else None

    def welcome(
        self,
        connection: Connection,
        path: str,
        query: Mapping[str, str],
        subscriptions: Subscriptions,
    ) -> None:
        """Do nothing: everything is asked for by message."""

    def hear(
        self, connection: Connection, text: str, now_ms: int, subscriptions: Subscriptions
    ) -> None:
        """Answer subscribe, unsubscribe and ping."""
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict):
            connection.say(reply(connection, {}, False, "error:invalid json"))
            return
        args = message.get("args", [])
        match message.get("op"):
            case "ping":
                connection.say(reply(connection, message, True, "pong"))
            case "subscribe" if _is_texts(args):
                self._subscribe(connection, message, args, now_ms, subscriptions)
            case "unsubscribe" if _is_texts(args):
                for key in args:
                    subscriptions.leave(connection, key)
                connection.say(reply(connection, message, True, ""))
            case op:
                connection.say(reply(connection, message, False, f"error:unknown op {op}"))

    def _subscribe(
        self,
        connection: Connection,
        message: dict[str, Any],
        args: list[str],
        now_ms: int,
        subscriptions: Subscriptions,
    ) -> None:
        complaint = self._complaint(connection, args, now_ms)
        if complaint is not None:
            connection.say(reply(connection, message, False, complaint))
            return
        connection.say(reply(connection, message, True, ""))
        for key in args:
            topic = _topic(key)
            if key not in connection.topics:
                subscriptions.join(connection, topic)
                self._greet(connection, topic, now_ms)

    def _complaint(self, connection: Connection, args: list[str], now_ms: int) -> str | None:
        if sum(len(key) for key in {*connection.topics, *args}) > MAX_ARGS_CHARACTERS:
            return f"error:args length over {MAX_ARGS_CHARACTERS} characters"
        for key in args:
            topic = _topic(key)
            if topic.channel == NOTHING:
                return f"error:handler not found,topic:{key}"
            if self._source.listing(self.name, topic.symbol or "", now_ms) is None:
                return f"Invalid symbol :[{key}]"
        return None

    def _greet(self, connection: Connection, topic: Topic, now_ms: int) -> None:
        """Send what a topic begins with: the whole book, the whole ticker."""
        if topic.channel == "orderbook":
            found = self._book(topic, now_ms)
            sides = found.book.whole()
            connection.say(book_message(topic, "snapshot", sides, found, now_ms))
        elif topic.channel == "tickers":
            row = self._ticker(topic, now_ms)
            row = self._tickers.setdefault(topic.key, row | {"tickDirection": "ZeroPlusTick"})
            connection.say(ticker_message(topic, "snapshot", row, now_ms))

    def _book(self, topic: Topic, now_ms: int) -> NumberedBook:
        found = self._books.get(topic.key)
        if found is None:
            listing = self._source.listing(self.name, topic.symbol or "", now_ms)
            assert listing is not None, "a topic is checked before it is joined"
            at_ms = now_ms // CHANGE_MS * CHANGE_MS
            levels = int(topic.option)
            book = LiveBook(self._source, listing, levels, base_size, at_ms)
            found = self._books[topic.key] = NumberedBook(book)
        return found

    def _ticker(self, topic: Topic, now_ms: int) -> Row:
        quotes = self._source.quotes(self.name, now_ms)
        at = quotes.position.get(topic.symbol or "")
        return {} if at is None else tickers(quotes, [at])[0]

    def tend(self, connection: Connection, now_ms: int) -> None:
        """End a connection whose client has said nothing for too long."""
        if now_ms - connection.heard_ms > _PING_TIMEOUT_MS:
            connection.close(1000, "no ping", now_ms)

    def wrapped(self, topic: Topic, payload: bytes) -> bytes:
        """Return the message as it is: it names its topic."""
        return payload

    def events(self, span: Span, subscriptions: Subscriptions) -> Iterator[Event]:
        """Return what happened in *span* about the topics that somebody has."""
        if subscriptions.has("publicTrade"):
            yield from self._trades(span, subscriptions)
        half = span.crossed(_FORCED_MS)
        if half is not None and subscriptions.has("allLiquidation"):
            first = span.start_ms // _FORCED_MS * _FORCED_MS
            yield from self._liquidations(first, half, span.end_ms, subscriptions)
        if span.crossed(CHANGE_MS) is not None:
            yield from self._changes(span, subscriptions)
        yield from self._ticks(span, subscriptions)

    def _trades(self, span: Span, subscriptions: Subscriptions) -> Iterator[Event]:
        found = trades_between(self._source, self.name, span.start_ms, span.end_ms)
        by_symbol: dict[str, list[Trade]] = {}
        for trade in found:
            by_symbol.setdefault(trade.listing.symbol, []).append(trade)
        for symbol, trades in by_symbol.items():
            for topic in subscriptions.of("publicTrade", symbol):
                for first in range(0, len(trades), _MAX_ROWS):
                    rows = [trade_row(one) for one in trades[first : first + _MAX_ROWS]]
                    yield Event(topic, snapshot(topic, rows, span.end_ms))

    def _liquidations(
        self, start_ms: int, end_ms: int, now_ms: int, subscriptions: Subscriptions
    ) -> Iterator[Event]:
        found = [
            *liquidated_between(self._source, self.name, start_ms, end_ms),
            *self._bursts.between(self._source, self.name, start_ms, end_ms),
        ]
        found.sort(key=lambda one: one.listing.symbol)
        for symbol, liquidated in groupby(found, key=lambda one: one.listing.symbol):
            rows = [liquidation_row(one) for one in liquidated]
            for topic in subscriptions.of("allLiquidation", symbol):
                yield Event(topic, snapshot(topic, rows, now_ms))

    def _changes(self, span: Span, subscriptions: Subscriptions) -> Iterator[Event]:
        topics = subscriptions.every("orderbook")
        kept = {topic.key for topic in topics}
        self._books = {key: book for key, book in self._books.items() if key in kept}
        at_ms = span.end_ms // CHANGE_MS * CHANGE_MS
        for topic in topics:
            found = self._book(topic, span.start_ms)
            if at_ms <= found.book.at_ms:
                continue
            changed = found.book.until(at_ms)
            if not changed.bids and not changed.asks:
                continue
            found.number += 1
            # The best level alone is always sent whole.
            kind = "snapshot" if topic.option == "1" else "delta"
            sides = found.book.whole() if kind == "snapshot" else changed
            yield Event(topic, book_message(topic, kind, sides, found, span.end_ms))

    def _ticks(self, span: Span, subscriptions: Subscriptions) -> Iterator[Event]:
        """Return what changed of the tickers; their figures are those of the market's step."""
        if span.crossed(STEP_MS) is None:
            return
        topics = subscriptions.every("tickers")
        kept = {topic.key for topic in topics}
        self._tickers = {key: row for key, row in self._tickers.items() if key in kept}
        for topic in topics:
            row, before = self._ticker(topic, span.end_ms), self._tickers.get(topic.key, {})
            row |= {"tickDirection": _direction(row, before)}
            changed = {name: row[name] for name in row if row[name] != before.get(name)}
            self._tickers[topic.key] = row
            if changed:
                changed = {"symbol": topic.symbol, **changed}
                yield Event(topic, ticker_message(topic, "delta", changed, span.end_ms))


def _direction(row: Row, before: Row) -> str:
    """Return which way the last price went."""
    new, old = float(str(row.get("lastPrice", 0))), float(str(before.get("lastPrice", 0)))
    return "ZeroPlusTick" if new == old else "PlusTick" if new > old else "MinusTick"


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _topic(key: str) -> Topic:
    channel, *rest = key.split(".")
    if channel in {"publicTrade", "allLiquidation", "tickers"} and len(rest) == 1:
        return Topic(key, channel, rest[0])
    if channel == "orderbook" and len(rest) == 2 and rest[0] in _DEPTHS:
        return Topic(key, channel, rest[1], rest[0])
    return Topic(key, NOTHING)
