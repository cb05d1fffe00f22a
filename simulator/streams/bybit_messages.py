"""How Bybit writes its messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from simulator.rest.bybit_rows import trade_uuid
from simulator.rest.wire_format import Row, decimal
from simulator.streams.book_updates import LiveBook, Sides
from simulator.streams.connection import Connection, Topic
from simulator.streams.events import Liquidated, Trade

CHANGE_MS = 100
"""How often a book is sent. [ms]"""


class NumberedBook:
    """A book that somebody has, and the number of its latest message."""

    def __init__(self, book: LiveBook) -> None:
        """Count the messages of *book* from a number that grows with time."""
        self.book = book
        self.number = book.at_ms // CHANGE_MS


def reply(connection: Connection, message: Mapping[str, Any], is_fine: bool, said: str) -> bytes:
    """Return the answer to a request."""
    return orjson.dumps(
        {
            "success": is_fine,
            "ret_msg": said,
            "conn_id": connection.name,
            "req_id": str(message.get("req_id", "")),
            "op": message.get("op", ""),
        }
    )


def snapshot(topic: Topic, rows: list[dict[str, Any]], now_ms: int) -> bytes:
    """Return a message of rows."""
    return orjson.dumps({"topic": topic.key, "type": "snapshot", "ts": now_ms, "data": rows})


def trade_row(trade: Trade) -> dict[str, Any]:
    """Return one trade."""
    listing = trade.listing
    return {
        "T": trade.time_ms,
        "s": listing.symbol,
        "S": "Buy" if trade.is_buy else "Sell",
        "v": decimal(trade.size, listing.size_decimals),
        "p": decimal(trade.price, listing.price_decimals),
        "L": "PlusTick" if trade.is_buy else "MinusTick",
        "i": str(trade_uuid(listing.symbol, trade.id)),
        "BT": False,
        "RPI": False,
        "seq": trade.id,
    }


def liquidation_row(liquidated: Liquidated) -> dict[str, Any]:
    """Write a liquidation; the side is the position's: ``Buy`` was long."""
    listing = liquidated.listing
    return {
        "T": liquidated.time_ms,
        "s": listing.symbol,
        "S": "Buy" if liquidated.is_long else "Sell",
        "v": decimal(liquidated.size, listing.size_decimals),
        "p": decimal(liquidated.price, listing.price_decimals),
    }


def book_message(topic: Topic, kind: str, sides: Sides, found: NumberedBook, now_ms: int) -> bytes:
    """Return a book, whole or what changed of it."""
    return orjson.dumps(
        {
            "topic": topic.key,
            "type": kind,
            "ts": now_ms,
            "data": {
                "s": topic.symbol,
                "b": sides.bids,
                "a": sides.asks,
                "u": found.number,
                "seq": found.book.at_ms // CHANGE_MS,
            },
            "cts": found.book.at_ms,
        }
    )


def ticker_message(topic: Topic, kind: str, row: Row, now_ms: int) -> bytes:
    """Return a contract's figures, all or what changed of them."""
    cross = now_ms // CHANGE_MS
    return orjson.dumps({"topic": topic.key, "type": kind, "data": row, "cs": cross, "ts": now_ms})
