"""The REST interface of Bybit v5 for linear contracts, as the venue documents and answers it.

Every number and time travels as a string, lists newest first, in one envelope.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.market.listings import Listing
from simulator.market.source import Source
from simulator.rest.bybit_rows import both_sides, instrument, tickers, trade_uuid
from simulator.rest.spans import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    MONDAY_MS,
    WEEK_MS,
    Span,
    earliest,
    latest,
)
from simulator.rest.wire_format import Answer, Endpoint, Json, Query, RefusedError, Row, decimal

_PERIODS = {
    "5min": 5 * MINUTE_MS,
    "15min": 15 * MINUTE_MS,
    "30min": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "4h": 4 * HOUR_MS,
    "1d": DAY_MS,
}
_INTERVALS = {
    str(minutes): minutes * MINUTE_MS for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)
} | {"D": DAY_MS, "W": WEEK_MS}

_CATEGORIES = {name: name for name in ("linear", "inverse", "spot", "option")}

_UNKNOWN_SYMBOL = "params error: symbol invalid"


def error(code: int, message: str, now_ms: int = 0) -> Answer:
    """Return the venue's error body; it comes with status 200."""
    return Answer(
        {"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": now_ms}
    )


class Bybit:
    """Bybit v5 in front of *source*; categories other than linear are empty."""

    name = "bybit"
    live_paths = frozenset({"/v5/market/time", "/v5/market/orderbook", "/v5/market/recent-trade"})

    def __init__(self, source: Source) -> None:
        """Serve *source*."""
        self._source = source
        self._endpoints: dict[str, Endpoint] = {
            "/v5/market/time": _time,
            "/v5/market/instruments-info": self._instruments,
            "/v5/market/tickers": self._tickers,
            "/v5/market/open-interest": self._open_interest,
            "/v5/market/account-ratio": self._ratio,
            "/v5/market/funding/history": self._funding,
            "/v5/market/kline": self._klines,
            "/v5/market/orderbook": self._book,
            "/v5/market/recent-trade": self._trades,
        }

    def answer(self, path: str, query: Mapping[str, str], now_ms: int) -> Answer:
        """Answer one request."""
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            return Answer("404 page not found", 404)
        try:
            result = endpoint(Query(query, _refusal), now_ms)
        except RefusedError as refused:
            return refused.answer
        return Answer(
            {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now_ms}
        )

    def unknown_symbol(self) -> Answer:
        """Return what the venue says when it does not know the symbol."""
        return error(10001, _UNKNOWN_SYMBOL)

    def _instruments(self, query: Query, now_ms: int) -> Json:
        category = query.choice("category", _CATEGORIES)
        symbol = query.text("symbol")
        start = query.number("cursor") or 0
        stop = start + query.limit(500, 1000)
        found: list[Listing] = []
        if category == "linear" and (query.text("status") or "Trading") == "Trading":
            listings = self._source.listings(self.name, now_ms)
            found = [one for one in listings if symbol in {None, one.symbol}]
        rows: list[Json] = [instrument(listing) for listing in found[start:stop]]
        cursor = str(stop) if stop < len(found) else ""
        return {"category": category, "list": rows, "nextPageCursor": cursor}

    def _tickers(self, query: Query, now_ms: int) -> Json:
        category = query.choice("category", _CATEGORIES)
        rows: list[Row] = []
        if query.text("symbol") is not None:
            listing = self._listing(query, now_ms)
            quotes = self._source.quotes(self.name, now_ms)
            rows = tickers(quotes, [quotes.position[listing.symbol]])
        elif category == "linear":
            quotes = self._source.quotes(self.name, now_ms)
            rows = tickers(quotes, range(len(quotes.listings)))
        return {"category": category, "list": [*rows]}

    def _open_interest(self, query: Query, now_ms: int) -> Json:
        listing = self._listing(query, now_ms)
        period = query.choice("intervalTime", _PERIODS)
        limit = query.limit(50, 200)
        span = _page(query, period, now_ms, limit)
        rows: list[Json] = []
        if not span.is_empty:
            held = self._source.open_interest(
                self.name, listing.symbol, period, span.first_ms, span.last_ms
            )
            rows = [
                {**both_sides(amount, listing.size_decimals), "timestamp": str(time)}
                for time, amount in zip(held.time_ms.tolist(), held.value.tolist(), strict=True)
            ]
        return {
            "symbol": listing.symbol,
            "category": "linear",
            "list": rows[::-1],
            "nextPageCursor": _cursor(span, len(rows), limit),
        }

    def _ratio(self, query: Query, now_ms: int) -> Json:
        listing = self._listing(query, now_ms)
        period = query.choice("period", _PERIODS)
        limit = query.limit(50, 500)
        span = _page(query, period, now_ms, limit)
        rows: list[Json] = []
        if not span.is_empty:
            found = self._source.ratio(
                self.name, listing.symbol, "accounts", period, span.first_ms, span.last_ms
            )
            for time, ratio in zip(found.time_ms.tolist(), found.value.tolist(), strict=True):
                long = round(ratio / (1 + ratio), 4)
                rows.append(
                    {
                        "symbol": listing.symbol,
                        "buyRatio": f"{long:.4f}",
                        "sellRatio": f"{1 - long:.4f}",
                        "timestamp": str(time),
                    }
                )
        return {"list": rows[::-1], "nextPageCursor": _cursor(span, len(rows), limit)}

    def _funding(self, query: Query, now_ms: int) -> Json:
        listing = self._listing(query, now_ms)
        start, end = query.number("startTime"), query.number("endTime")
        if start is not None and end is None:
            raise RefusedError(error(10001, "The endTime is required when startTime is given."))
        last = now_ms if end is None else min(end, now_ms)
        period = max(listing.funding_h, 1) * HOUR_MS
        span = latest(period, start or 0, last, query.limit(200, 200))
        rows: list[Json] = []
        if not span.is_empty:
            funding = self._source.funding(self.name, listing.symbol, span.first_ms, span.last_ms)
            rows = [
                {
                    "symbol": listing.symbol,
                    "fundingRate": f"{rate:.8f}",
                    "fundingRateTimestamp": str(time),
                }
                for time, rate in zip(funding.time_ms.tolist(), funding.value.tolist(), strict=True)
            ]
        return {"category": "linear", "list": rows[::-1]}

    def _klines(self, query: Query, now_ms: int) -> Json:
        listing = self._listing(query, now_ms)
        bar_ms = query.choice("interval", _INTERVALS)
        offset = MONDAY_MS if bar_ms == WEEK_MS else 0
        start, end = query.number("start"), query.number("end")
        last = now_ms if end is None else min(end, now_ms)
        limit = query.limit(200, 1000)
        if start is None:
            span = latest(bar_ms, 0, last, limit, offset)
        else:
            # The candle that contains the start is part of the answer.
            held = (start - offset) // bar_ms * bar_ms + offset
            reach = earliest if end is None else latest
            span = reach(bar_ms, held, last, limit, offset)
        rows: list[Json] = []
        if not span.is_empty:
            bars = self._source.bars(
                self.name, listing.symbol, bar_ms, span.first_ms, span.last_ms, now_ms
            )
            prices = (bars.open, bars.high, bars.low, bars.close)
            columns = (bars.time_ms, *prices, bars.volume, bars.turnover)
            for time, *candle, volume, turnover in zip(
                *(column.tolist() for column in columns), strict=True
            ):
                written = [decimal(price, listing.price_decimals) for price in candle]
                amount = decimal(volume, listing.size_decimals)
                rows.append([str(time), *written, amount, f"{turnover:.2f}"])
        return {"symbol": listing.symbol, "category": "linear", "list": rows[::-1]}

    def _book(self, query: Query, now_ms: int) -> Json:
        listing = self._listing(query, now_ms)
        book = self._source.book(self.name, listing.symbol, now_ms, query.limit(25, 1000))
        price, size = listing.price_decimals, listing.size_decimals

        def side(prices: list[float], sizes: list[float]) -> list[Json]:
            return [
                [decimal(level, price), decimal(amount, size)]
                for level, amount in zip(prices, sizes, strict=True)
            ]

        return {
            "s": listing.symbol,
            "b": side(book.bid.tolist(), book.bid_size.tolist()),
            "a": side(book.ask.tolist(), book.ask_size.tolist()),
            "ts": now_ms,
            "u": now_ms // 100,
            "seq": now_ms // 100,
            "cts": now_ms,
        }

    def _trades(self, query: Query, now_ms: int) -> Json:
        listing = self._listing(query, now_ms)
        trades = self._source.trades(
            self.name, listing.symbol, None, now_ms, query.limit(500, 1000)
        )
        columns = (trades.id, trades.time_ms, trades.price, trades.size, trades.is_buy)
        rows: list[Json] = [
            {
                "execId": str(trade_uuid(listing.symbol, number)),
                "symbol": listing.symbol,
                "price": decimal(price, listing.price_decimals),
                "size": decimal(size, listing.size_decimals),
                "side": "Buy" if is_buy else "Sell",
                "time": str(time),
                "isBlockTrade": False,
                "isRPITrade": False,
                "seq": str(number),
            }
            for number, time, price, size, is_buy in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]
        return {"category": "linear", "list": rows[::-1]}

    def _listing(self, query: Query, now_ms: int) -> Listing:
        category = query.choice("category", _CATEGORIES, "linear")
        symbol = query.text("symbol")
        found = None
        if category == "linear" and symbol is not None:
            found = self._source.listing(self.name, symbol, now_ms)
        if found is None:
            raise RefusedError(self.unknown_symbol())
        return found


def _time(_query: Query, now_ms: int) -> Json:
    return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}


def _page(query: Query, period_ms: int, now_ms: int, limit: int) -> Span:
    """Return one page, counted back from the end: a start alone does not move it."""
    start, end = query.number("startTime"), query.number("endTime")
    last = now_ms if end is None else min(end, now_ms)
    cursor = query.number("cursor")
    if cursor is not None:
        last = min(last, cursor - 1)
    return latest(period_ms, start or 0, last, limit)


def _cursor(span: Span, found: int, limit: int) -> str:
    """Return where the next, older page starts; empty when this one was not full."""
    return str(span.first_ms) if found == limit else ""


def _refusal(parameter: str) -> RefusedError:
    return RefusedError(error(10001, f"Request parameter error: {parameter} is invalid"))
