"""The venues whose streams are read, and what those offer, for people to read in a table."""

from __future__ import annotations

from collections.abc import Iterator

from collector.streams.formats.binance import BINANCE
from collector.streams.formats.bybit import BYBIT
from collector.streams.formats.okx import OKX
from collector.streams.formats.stream import Stream
from collector.venues.venue import Offer

STREAMS: dict[str, Stream] = {stream.venue: stream for stream in (BINANCE, BYBIT, OKX)}
"""The venues whose streams are read, by name."""

CADENCE = "real time, websocket"

BOOK_CADENCE = "real time, websocket; every cycle while that is down"

TRADES = {
    "binance": "aggregate trades; gaps are filled over REST",
    "bybit": "trades; gaps are filled over REST, up to the newest 1000",
    "okx": "all trades; gaps are filled over REST",
}
LIQUIDATIONS = {
    "binance": "partial: the largest per instrument and second",
    "bybit": "all",
    "okx": "partial: the venue does not say how many are missing",
}


def offered(venue: str) -> Iterator[Offer]:
    """Yield what the streams of *venue* offer beside its answers."""
    if venue not in STREAMS:
        return
    for column in ("taker_buy_usd", "taker_sell_usd"):
        yield Offer(column=column, source="trades stream", unit="quote", remark=TRADES[venue])
    for column in ("liq_long_usd", "liq_short_usd"):
        remark = LIQUIDATIONS[venue]
        yield Offer(column=column, source="liquidations stream", unit="quote", remark=remark)
