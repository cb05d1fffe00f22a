"""What REST still tells of trades that a stream missed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from collector.venues.json_reading import OtherShape, entries

MAX_PAGES = 10
"""Answers asked for to fill one instrument's part of a hole."""

SHAPE = "unexpected JSON: no trade with id, time, price, quantity and side"


class PastTrade(NamedTuple):
    """A trade that REST tells of."""

    trade_id: int | str
    at_ms: int
    """[Unix ms, the venue's time]"""
    price: float
    quantity: float
    """As the venue counts trades."""
    buys: bool
    """Whether the taker bought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What was missed of one instrument."""

    venue_id: str
    """The venue's name of it, as it goes into an address."""
    from_ms: int
    """Trades before are known. [Unix ms, the venue's time]"""
    last: int | None = None
    """But where this is given, none after this number."""
    to_ms: int
    """Trades after it are known as well. [Unix ms, the venue's time]"""
    numbers: Sequence[tuple[int, int]] = ()
    """The ranges of numbers missed, first to last, in order, where they are known."""

    def knows(self, trade_id: int | str, at_ms: int) -> bool:
        """Whether a trade is one from before."""
        if at_ms >= self.from_ms:
            return False
        return self.last is None or not isinstance(trade_id, int) or trade_id <= self.last


class OutOfReach(Exception):
    """The venue does not tell of everything that was missed any more."""


Ask = Callable[[str, str, Mapping[str, Any], Mapping[str, float]], Awaitable[Any]]
"""Takes what `VenueClient.fetch_json` takes."""

Trades = Callable[[Ask, Missing], AsyncIterator[list[PastTrade]]]
"""Yields what a venue tells of *missing*, page by page. Raises OutOfReach after the last page
if that is not all, OtherShape, or VenueError."""


class BinanceTrade(msgspec.Struct, gc=False):
    """A row of ``/fapi/v1/aggTrades``."""

    a: int
    p: float
    q: float
    T: int
    m: bool


class BybitTrade(msgspec.Struct, gc=False):
    """A row of ``/v5/market/recent-trade``; its id is that of the stream."""

    execId: str
    price: float
    size: float
    side: str
    time: int
    isBlockTrade: bool = False


class OkxTrade(msgspec.Struct, gc=False):
    """A row of ``/api/v5/market/trades`` and ``history-trades``."""

    tradeId: int
    px: float
    sz: float
    side: str
    ts: int


async def binance(ask: Ask, missing: Missing) -> AsyncIterator[list[PastTrade]]:
    """Binance numbers trades and tells of them from any number on."""
    page = 1000
    params: dict[str, Any] = {"symbol": missing.venue_id, "limit": page}
    if missing.numbers:
        params |= {"fromId": missing.numbers[0][0]}
    else:
        params |= {"startTime": missing.from_ms, "endTime": missing.to_ms}
    for _ in range(MAX_PAGES):
        payload = await ask(
            f"trades of {missing.venue_id}", "fapiPublicGetAggTrades", params, {"weight": 20}
        )
        rows = _rows(payload, list[BinanceTrade])
        yield [PastTrade(row.a, row.T, row.p, row.q, not row.m) for row in rows]
        newest = rows[-1] if rows else None
        if newest is None or len(rows) < page:
            return
        number = _missed_after(newest.a, missing.numbers)
        if number is None if missing.numbers else missing.to_ms < newest.T:
            return
        params = {"symbol": missing.venue_id, "limit": page, "fromId": number or newest.a + 1}
    raise OutOfReach


async def bybit(ask: Ask, missing: Missing) -> AsyncIterator[list[PastTrade]]:
    """Bybit tells of the newest thousand trades, no more."""
    for limit in (100, 1000):
        params = {"category": "linear", "symbol": missing.venue_id, "limit": limit}
        payload = await ask(
            f"trades of {missing.venue_id}",
            "publicGetV5MarketRecentTrade",
            params,
            {"requests": 1},
        )
        rows = _rows(entries(payload, "result", "list"), list[BybitTrade])
        reaches = len(rows) < limit or any(missing.knows(row.execId, row.time) for row in rows)
        if reaches or limit == 1000:
            yield [
                PastTrade(row.execId, row.time, row.price, row.size, row.side == "Buy")
                for row in rows
                if not row.isBlockTrade
            ]
            if not reaches:
                raise OutOfReach
            return


async def okx(ask: Ask, missing: Missing) -> AsyncIterator[list[PastTrade]]:
    """OKX tells of the newest five hundred at once, and of older ones a hundred at a time."""
    call = f"trades of {missing.venue_id}"
    method, weights, limit = "publicGetMarketTrades", {"trades": 1}, 500
    params: dict[str, Any] = {"instId": missing.venue_id, "limit": limit}
    for _ in range(MAX_PAGES):
        payload = await ask(call, method, params, weights)
        rows = _rows(entries(payload, "data"), list[OkxTrade])
        yield [PastTrade(row.tradeId, row.ts, row.px, row.sz, row.side == "buy") for row in rows]
        if len(rows) < limit or any(missing.knows(row.tradeId, row.ts) for row in rows):
            return
        method, weights, limit = "publicGetMarketHistoryTrades", {"history_trades": 1}, 100
        oldest = min(row.tradeId for row in rows)
        params = {"instId": missing.venue_id, "limit": limit, "type": "1", "after": str(oldest)}
    raise OutOfReach


TRADE_HISTORY: dict[str, Trades] = {"binance": binance, "bybit": bybit, "okx": okx}
"""By the venue's name."""


def _missed_after(number: int, missed: Sequence[tuple[int, int]]) -> int | None:
    """Return the first of the numbers *missed* that is higher than *number*; None if none is."""
    return next((max(first, number + 1) for first, last in missed if last > number), None)


def _rows(payload: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(payload, kind, strict=False)
    except msgspec.ValidationError as error:
        raise OtherShape(SHAPE) from error
