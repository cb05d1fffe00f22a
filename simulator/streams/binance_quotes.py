"""Binance's streams of prices: mark price, tickers, best bid and ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import orjson

from simulator.market.random_processes import STEP_MS
from simulator.market.source import Source
from simulator.rest.binance_rows import Rows, book_tickers, premium_indices, tickers
from simulator.rest.wire_format import Row
from simulator.streams.connection import Topic
from simulator.streams.stream_format import Event, Span
from simulator.streams.subscriptions import Subscriptions

_VENUE = "binance"


def quote_events(source: Source, span: Span, subscriptions: Subscriptions) -> Iterator[Event]:
    """Return the prices that are due in *span*."""
    for channel, (rows, write, every_ms) in _KINDS.items():
        for topic in subscriptions.every(channel):
            if span.crossed(1000 if topic.option.endswith("1s") else every_ms) is not None:
                yield from _events(source, topic, span.end_ms, rows, write)


def _events(
    source: Source, topic: Topic, now_ms: int, rows: Rows, write: _Write
) -> Iterator[Event]:
    """Return messages about the topic's contract, or about all of them."""
    quotes = source.quotes(_VENUE, now_ms)
    at = quotes.position.get(topic.symbol or "")
    chosen = range(len(quotes.listings)) if topic.symbol is None else [] if at is None else [at]
    written = [write(row, now_ms) for row in rows(quotes, chosen)]
    if topic.option.startswith("arr"):
        yield Event(topic, orjson.dumps(written))
    else:
        for one in written:
            yield Event(topic, orjson.dumps(one))


def _mark_price(row: Row, now_ms: int) -> dict[str, Any]:
    return {
        "e": "markPriceUpdate",
        "E": now_ms,
        "s": row["symbol"],
        "p": row["markPrice"],
        "i": row["indexPrice"],
        "P": row["estimatedSettlePrice"],
        "r": row["lastFundingRate"],
        "T": row["nextFundingTime"],
        "st": 1,
    }


_TICKER = {
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}


def _ticker(row: Row, now_ms: int) -> dict[str, Any]:
    """Write a day's figures; a recording does not have all of them."""
    found = {short: row[long] for short, long in _TICKER.items() if long in row}
    return {"e": "24hrTicker", "E": now_ms, "s": row["symbol"], **found, "st": 1}


def _mini_ticker(row: Row, now_ms: int) -> dict[str, Any]:
    found = {short: row[_TICKER[short]] for short in "cohlvq" if _TICKER[short] in row}
    return {"e": "24hrMiniTicker", "E": now_ms, "s": row["symbol"], **found}


def _book_ticker(row: Row, now_ms: int) -> dict[str, Any]:
    return {
        "e": "bookTicker",
        "u": row["lastUpdateId"],
        "E": now_ms,
        "T": row["time"],
        "s": row["symbol"],
        "b": row["bidPrice"],
        "B": row["bidQty"],
        "a": row["askPrice"],
        "A": row["askQty"],
        "st": 1,
        "ps": row["symbol"],
    }


_Write: TypeAlias = Callable[[Row, int], dict[str, Any]]
_KINDS: Mapping[str, tuple[Rows, _Write, int]] = {
    "markPrice": (premium_indices, _mark_price, 3000),
    "!markPrice": (premium_indices, _mark_price, 3000),
    "ticker": (tickers, _ticker, 1000),
    "!ticker": (tickers, _ticker, 1000),
    "miniTicker": (tickers, _mini_ticker, 1000),
    "!miniTicker": (tickers, _mini_ticker, 1000),
    "bookTicker": (book_tickers, _book_ticker, STEP_MS),
    "!bookTicker": (book_tickers, _book_ticker, STEP_MS),
}
"""What a channel's rows are, how they are written, and how often. [ms]"""
