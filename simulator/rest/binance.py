"""The REST interface of Binance USD-M futures, as the venue documents and answers it.

Numbers travel as strings, times as integers, histories oldest first.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.market.listings import Listing
from simulator.market.source import Source
from simulator.rest.binance_queries import (
    INTERVALS,
    UNKNOWN_SYMBOL,
    VENUE,
    error,
    listing_of,
    refusal,
    span_of,
)
from simulator.rest.binance_rows import (
    STEP_MS,
    TRADES_PER_STEP,
    Rows,
    book_tickers,
    premium_indices,
    symbol_info,
    tickers,
    update_id,
)
from simulator.rest.binance_statistics import endpoints
from simulator.rest.spans import HOUR_MS, MONDAY_MS, WEEK_MS, Span, earliest, latest
from simulator.rest.wire_format import Answer, Endpoint, Json, Query, RefusedError, Row, decimal

_DEPTHS = {str(depth): depth for depth in (5, 10, 20, 50, 100, 500, 1000)}


class Binance:
    """Binance USD-M futures in front of *source*."""

    name = VENUE
    live_paths = frozenset(
        {"/fapi/v1/time", "/fapi/v1/ping", "/fapi/v1/depth", "/fapi/v1/aggTrades"}
    )

    def __init__(self, source: Source) -> None:
        """Serve *source*."""
        self._source = source
        self._endpoints: dict[str, Endpoint] = {
            "/fapi/v1/ping": lambda _query, _now_ms: {},
            "/fapi/v1/time": lambda _query, now_ms: {"serverTime": now_ms},
            "/fapi/v1/exchangeInfo": self._exchange_info,
            "/fapi/v1/ticker/24hr": self._ticker,
            "/fapi/v1/ticker/bookTicker": self._book_ticker,
            "/fapi/v1/premiumIndex": self._premium_index,
            "/fapi/v1/fundingInfo": self._funding_info,
            "/fapi/v1/fundingRate": self._funding_rate,
            "/fapi/v1/openInterest": self._open_interest,
            "/fapi/v1/klines": self._klines,
            "/fapi/v1/depth": self._depth,
            "/fapi/v1/aggTrades": self._trades,
            **endpoints(source),
        }

    def answer(self, path: str, query: Mapping[str, str], now_ms: int) -> Answer:
        """Answer one request."""
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            return error(-5000, f"Path {path}, Method GET is invalid", 404)
        try:
            return Answer(endpoint(Query(query, refusal), now_ms))
        except RefusedError as refused:
            return refused.answer

    def unknown_symbol(self) -> Answer:
        """Return what the venue says when it does not know the symbol."""
        return UNKNOWN_SYMBOL

    def _exchange_info(self, _query: Query, now_ms: int) -> Json:
        return {
            "timezone": "UTC",
            "serverTime": now_ms,
            "futuresType": "U_MARGINED",
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": 2400,
                }
            ],
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
            "symbols": [
                symbol_info(listing) for listing in self._source.listings(self.name, now_ms)
            ],
        }

    def _ticker(self, query: Query, now_ms: int) -> Json:
        return self._of_one_or_all(query, now_ms, tickers)

    def _book_ticker(self, query: Query, now_ms: int) -> Json:
        return self._of_one_or_all(query, now_ms, book_tickers)

    def _premium_index(self, query: Query, now_ms: int) -> Json:
        return self._of_one_or_all(query, now_ms, premium_indices)

    def _funding_info(self, _query: Query, now_ms: int) -> Json:
        """Return the contracts whose funding was adjusted; the others pay every 8 hours.

        The venue's list is never empty: there are always some that pay every 8 hours
        and had their cap adjusted. One stands for them where there is no other.
        """
        listings = self._source.listings(self.name, now_ms)
        perpetuals = [listing for listing in listings if listing.kind == "perpetual"]
        adjusted = [listing for listing in perpetuals if listing.funding_h not in {0, 8}]
        return [
            {
                "symbol": listing.symbol,
                "adjustedFundingRateCap": "0.02000000",
                "adjustedFundingRateFloor": "-0.02000000",
                "fundingIntervalHours": listing.funding_h or 8,
                "disclaimer": False,
            }
            for listing in adjusted or perpetuals[:1]
        ]

    def _funding_rate(self, query: Query, now_ms: int) -> Json:
        limit = query.limit(100, 1000)
        start, end = query.number("startTime"), query.number("endTime")
        end = min(now_ms, end if end is not None else now_ms)
        if query.text("symbol") is None:
            listings = self._source.listings(self.name, now_ms)
            chosen = [listing for listing in listings if listing.kind == "perpetual"]
        else:
            chosen = [listing_of(self._source, query, now_ms)]
        rows: list[tuple[int, Row]] = []
        for listing in chosen:
            period = max(listing.funding_h, 1) * HOUR_MS
            if start is None:
                span = latest(period, 0, end, limit)
            else:
                span = earliest(period, start, end, limit)
            rows += self._settled(listing, span)
        rows.sort(key=lambda row: row[0])
        found: list[Json] = [row for _time, row in rows]
        return found[:limit] if start is not None else found[-limit:]

    def _settled(self, listing: Listing, span: Span) -> list[tuple[int, Row]]:
        if span.is_empty:
            return []
        name, symbol = self.name, listing.symbol
        funding = self._source.funding(name, symbol, span.first_ms, span.last_ms)
        if len(funding.time_ms) == 0:
            return []
        period = max(listing.funding_h, 1) * HOUR_MS
        mark = self._source.mark(name, symbol, period, span.first_ms, span.last_ms)
        columns = (funding.time_ms, funding.value, mark.value)
        return [
            (
                time,
                {
                    "symbol": symbol,
                    "fundingTime": time,
                    "fundingRate": f"{rate:.8f}",
                    "markPrice": decimal(price, listing.mark_decimals),
                },
            )
            for time, rate, price in zip(*(column.tolist() for column in columns), strict=True)
        ]

    def _open_interest(self, query: Query, now_ms: int) -> Json:
        listing = listing_of(self._source, query, now_ms)
        quotes = self._source.quotes(self.name, now_ms)
        at = quotes.position[listing.symbol]
        return {
            "symbol": listing.symbol,
            "openInterest": decimal(float(quotes.open_interest[at]), listing.size_decimals),
            "time": int(quotes.time_ms[at]),
        }

    def _klines(self, query: Query, now_ms: int) -> Json:
        listing = listing_of(self._source, query, now_ms)
        bar_ms = query.choice("interval", INTERVALS)
        offset = MONDAY_MS if bar_ms == WEEK_MS else 0
        span = span_of(query, bar_ms, now_ms, query.limit(500, 1500), offset)
        if span.is_empty:
            return []
        bars = self._source.bars(
            self.name, listing.symbol, bar_ms, span.first_ms, span.last_ms, now_ms
        )
        size = listing.size_decimals
        prices = (bars.open, bars.high, bars.low, bars.close)
        flows = (bars.volume, bars.turnover, bars.taker_buy, bars.taker_buy_turnover)
        count = bar_ms // STEP_MS * TRADES_PER_STEP
        rows: list[Json] = []
        for time, *candle, volume, turnover, bought, bought_usd in zip(
            *(column.tolist() for column in (bars.time_ms, *prices, *flows)), strict=True
        ):
            written = [decimal(price, listing.price_decimals) for price in candle]
            traded = [decimal(volume, size), time + bar_ms - 1, f"{turnover:.2f}", count]
            rows.append([time, *written, *traded, decimal(bought, size), f"{bought_usd:.2f}", "0"])
        return rows

    def _depth(self, query: Query, now_ms: int) -> Json:
        listing = listing_of(self._source, query, now_ms)
        levels = query.choice("limit", _DEPTHS, "500")
        book = self._source.book(self.name, listing.symbol, now_ms, levels)
        price, size = listing.price_decimals, listing.size_decimals

        def side(prices: list[float], sizes: list[float]) -> list[Json]:
            return [
                [decimal(level, price), decimal(amount, size)]
                for level, amount in zip(prices, sizes, strict=True)
            ]

        return {
            "lastUpdateId": update_id(now_ms),
            "E": now_ms,
            "T": now_ms,
            "bids": side(book.bid.tolist(), book.bid_size.tolist()),
            "asks": side(book.ask.tolist(), book.ask_size.tolist()),
        }

    def _trades(self, query: Query, now_ms: int) -> Json:
        listing = listing_of(self._source, query, now_ms)
        start, end = query.number("startTime"), query.number("endTime")
        first, limit = query.number("fromId"), query.limit(500, 1000)
        if start is not None and end is not None and end - start > HOUR_MS:
            raise RefusedError(error(-1127, "More than 1 hours between startTime and endTime."))
        end = now_ms if end is None else min(end + 1, now_ms)
        if first is not None:
            trades = self._source.numbered_trades(self.name, listing.symbol, first, end, limit)
        else:
            trades = self._source.trades(self.name, listing.symbol, start, end, limit)
        price, size = listing.price_decimals, listing.size_decimals
        columns = (trades.id, trades.time_ms, trades.price, trades.size, trades.is_buy)
        return [
            {
                "a": number,
                "p": decimal(paid, price),
                "q": decimal(amount, size),
                "f": number,
                "l": number,
                "T": time,
                "m": not is_buy,
            }
            for number, time, paid, amount, is_buy in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]

    def _of_one_or_all(self, query: Query, now_ms: int, rows: Rows) -> Json:
        """Return one row as an object if a symbol is given, else all of them as a list."""
        if query.text("symbol") is None:
            quotes = self._source.quotes(self.name, now_ms)
            found: list[Json] = [*rows(quotes, range(len(quotes.listings)))]
            return found
        listing = listing_of(self._source, query, now_ms)
        quotes = self._source.quotes(self.name, now_ms)
        chosen = rows(quotes, [quotes.position[listing.symbol]])
        return chosen[0] if chosen else {}
