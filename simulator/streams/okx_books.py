"""OKX's channel ``books``: 400 levels whole, then what changed, chained by sequence numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Any
from zlib import crc32

import orjson

from simulator.market.listings import Listing
from simulator.market.source import Source
from simulator.rest.okx_rows import contracts
from simulator.streams.book_updates import Level, LiveBook, Sides
from simulator.streams.connection import Topic
from simulator.streams.stream_format import Event, Span
from simulator.streams.subscriptions import Subscriptions

_VENUE = "okx"
_LEVELS = 400
_CHANGE_MS = 100
_CHECKED = 25
"""Levels of either side that the checksum covers."""


class OkxBooks:
    """The books that somebody has."""

    def __init__(self, source: Source) -> None:
        """Follow the books of *source*."""
        self._source = source
        self._books: dict[str, LiveBook] = {}

    def whole(self, topic: Topic, now_ms: int) -> bytes:
        """Return the message that a subscription begins with."""
        book = self._book(topic, now_ms)
        return _message(topic, "snapshot", book.whole(), book, -1)

    def events(self, span: Span, subscriptions: Subscriptions) -> Iterator[Event]:
        """Return what changed in *span*."""
        if span.crossed(_CHANGE_MS) is None:
            return
        topics = subscriptions.every("books")
        kept = {topic.key for topic in topics}
        self._books = {key: book for key, book in self._books.items() if key in kept}
        at_ms = span.end_ms // _CHANGE_MS * _CHANGE_MS
        for topic in topics:
            book = self._book(topic, span.start_ms)
            if at_ms <= book.at_ms:
                continue
            before = sequence(book.at_ms)
            changed = book.until(at_ms)
            yield Event(topic, _message(topic, "update", changed, book, before))

    def _book(self, topic: Topic, now_ms: int) -> LiveBook:
        book = self._books.get(topic.key)
        if book is None:
            listing = self._source.listing(_VENUE, topic.symbol or "", now_ms)
            assert listing is not None, "a channel is checked before it is joined"
            at_ms = now_ms // _CHANGE_MS * _CHANGE_MS
            book = LiveBook(self._source, listing, _LEVELS, _size, at_ms)
            self._books[topic.key] = book
        return book


def sequence(time_ms: int) -> int:
    """Return the sequence number of a book at a time; REST and channel agree on it."""
    return time_ms // _CHANGE_MS


def _size(listing: Listing, size: float, price: float) -> str:
    return contracts(listing, size, price)


def _message(topic: Topic, action: str, sides: Sides, book: LiveBook, before: int) -> bytes:
    def written(side: list[Level]) -> list[list[str]]:
        return [[price, size, "0", "0" if size == "0" else "4"] for price, size in side]

    data: dict[str, Any] = {
        "asks": written(sides.asks),
        "bids": written(sides.bids),
        "ts": str(book.at_ms),
        "checksum": _checksum(book.whole()),
        "prevSeqId": before,
        "seqId": sequence(book.at_ms),
    }
    rows = orjson.dumps([data])
    head = b'{"arg":' + topic.key.encode() + b',"action":"' + action.encode()
    return head + b'","data":' + rows + b"}"


def _checksum(sides: Sides) -> int:
    """Return the venue's check of the best levels: bid and ask in turn, as a signed number."""
    best = zip_longest(sides.bids[:_CHECKED], sides.asks[:_CHECKED], fillvalue=())
    text = ":".join(chain.from_iterable(chain.from_iterable(best)))
    number = crc32(text.encode())
    return number - 2**32 if number >= 2**31 else number
