"""The REST interface of OKX for swaps, as the venue documents and answers it.

Every number and time travels as a string, lists newest first, in one envelope.
Amounts are in contracts unless the name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from simulator.market.listings import Listing
from simulator.market.source import RatioKind, Source, Trades
from simulator.rest.okx_rows import (
    Rows,
    contracts,
    fundings,
    indices,
    instrument,
    marks,
    open_interests,
    tickers,
    trade_row,
    written_base,
)
from simulator.rest.spans import HOUR_MS, MINUTE_MS, MONDAY_MS, WEEK_MS, Span, latest
from simulator.rest.wire_format import Answer, Endpoint, Json, Query, RefusedError, decimal

_HOURS = {"1H": 1, "2H": 2, "4H": 4, "6H": 6, "12H": 12, "1D": 24, "2D": 48, "3D": 72}
_PERIODS = (
    {f"{minutes}m": minutes * MINUTE_MS for minutes in (5, 15, 30)}
    | {name: hours * HOUR_MS for name, hours in _HOURS.items()}
    | {f"{name}utc": hours * HOUR_MS for name, hours in _HOURS.items() if hours >= 6}
)
_BARS = _PERIODS | {"1m": MINUTE_MS, "3m": 3 * MINUTE_MS, "1W": WEEK_MS, "1Wutc": WEEK_MS}

_TYPES = {name: name for name in ("SWAP", "FUTURES", "SPOT", "MARGIN", "OPTION")}

_PAGINGS = {"1": False, "2": True}
"""Of old trades: by their number, or by their time."""

_DATA_ROWS = 1440
"""How many periods back the trading statistics go."""


def error(code: str, message: str, status: int = 400) -> Answer:
    """Return the venue's error body."""
    return Answer({"code": code, "msg": message, "data": []}, status)


class Okx:
    """OKX in front of *source*; instrument types other than SWAP are empty."""

    name = "okx"
    live_paths = frozenset(
        {"/api/v5/public/time", "/api/v5/market/books"}
        | {"/api/v5/market/trades", "/api/v5/market/history-trades"}
    )

    def __init__(self, source: Source) -> None:
        """Serve *source*."""
        self._source = source
        statistics = "/api/v5/rubik/stat/contracts"
        ratio = f"{statistics}/long-short-account-ratio-contract"
        self._endpoints: dict[str, Endpoint] = {
            "/api/v5/public/time": lambda _query, now_ms: [{"ts": str(now_ms)}],
            "/api/v5/public/instruments": self._instruments,
            "/api/v5/market/tickers": partial(self._bulk, tickers),
            "/api/v5/market/ticker": partial(self._single, tickers),
            "/api/v5/market/index-tickers": self._indices,
            "/api/v5/public/open-interest": partial(self._bulk, open_interests),
            "/api/v5/public/mark-price": partial(self._bulk, marks),
            "/api/v5/public/funding-rate": self._funding_rate,
            "/api/v5/public/funding-rate-history": self._funding_history,
            "/api/v5/market/candles": self._candles,
            "/api/v5/market/history-candles": self._candles,
            "/api/v5/market/books": self._book,
            "/api/v5/market/trades": self._trades,
            "/api/v5/market/history-trades": self._history_trades,
            ratio: partial(self._ratio, "accounts"),
            f"{ratio}-top-trader": partial(self._ratio, "top_accounts"),
            f"{statistics}/long-short-position-ratio-contract-top-trader": partial(
                self._ratio, "top_positions"
            ),
            f"{statistics}/open-interest-history": self._open_interest_history,
        }

    def answer(self, path: str, query: Mapping[str, str], now_ms: int) -> Answer:
        """Answer one request."""
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            return error("50000", "Not Found", 404)
        try:
            data = endpoint(Query(query, _refusal), now_ms)
        except RefusedError as refused:
            return refused.answer
        return Answer({"code": "0", "msg": "", "data": data})

    def unknown_symbol(self) -> Answer:
        """Return what the venue says when it does not know the symbol."""
        return error("51001", "Instrument ID doesn't exist.")

    def _instruments(self, query: Query, now_ms: int) -> Json:
        if query.choice("instType", _TYPES) != "SWAP":
            return []
        if query.text("instId") is not None:
            return [instrument(self._listing(query, now_ms))]
        return [instrument(listing) for listing in self._source.listings(self.name, now_ms)]

    def _bulk(self, rows: Rows, query: Query, now_ms: int) -> Json:
        """Return all swaps, or those of one underlying, or one of them."""
        if query.choice("instType", _TYPES) != "SWAP":
            return []
        if query.text("instId") is not None:
            return self._single(rows, query, now_ms)
        family = query.text("uly") or query.text("instFamily")
        quotes = self._source.quotes(self.name, now_ms)
        chosen = [
            at
            for at, listing in enumerate(quotes.listings)
            if family is None or listing.symbol == f"{family}-SWAP"
        ]
        return [*rows(quotes, chosen)]

    def _single(self, rows: Rows, query: Query, now_ms: int) -> Json:
        listing = self._listing(query, now_ms)
        quotes = self._source.quotes(self.name, now_ms)
        return [*rows(quotes, [quotes.position[listing.symbol]])]

    def _indices(self, query: Query, now_ms: int) -> Json:
        """Return the indices in one currency, or one of them."""
        index, currency = query.text("instId"), query.text("quoteCcy")
        if index is None and currency is None:
            raise RefusedError(error("50014", "Parameter quoteCcy or instId can not be empty."))
        quotes = self._source.quotes(self.name, now_ms)
        chosen = [
            at
            for at, listing in enumerate(quotes.listings)
            if index is None or listing.symbol == f"{index}-SWAP"
            if currency is None or listing.symbol.endswith(f"-{currency}-SWAP")
        ]
        return [*indices(quotes, chosen)]

    def _funding_rate(self, query: Query, now_ms: int) -> Json:
        if query.text("instId") != "ANY":
            return self._single(fundings, query, now_ms)
        quotes = self._source.quotes(self.name, now_ms)
        return [*fundings(quotes, range(len(quotes.listings)))]

    def _funding_history(self, query: Query, now_ms: int) -> Json:
        listing = self._listing(query, now_ms)
        span = _before_after(query, listing.funding_h * HOUR_MS, now_ms, query.limit(100, 400))
        if span.is_empty:
            return []
        funding = self._source.funding(self.name, listing.symbol, span.first_ms, span.last_ms)
        rows: list[Json] = [
            {
                "formulaType": "withRate",
                "fundingRate": f"{rate:.8f}",
                "fundingTime": str(time),
                "instId": listing.symbol,
                "instType": "SWAP",
                "method": "current_period",
                "realizedRate": f"{rate:.8f}",
            }
            for time, rate in zip(funding.time_ms.tolist(), funding.value.tolist(), strict=True)
        ]
        return rows[::-1]

    def _candles(self, query: Query, now_ms: int) -> Json:
        listing = self._listing(query, now_ms)
        bar_ms = query.choice("bar", _BARS, "1m")
        offset = MONDAY_MS if bar_ms == WEEK_MS else 0
        span = _before_after(query, bar_ms, now_ms, query.limit(100, 300), offset)
        if span.is_empty:
            return []
        bars = self._source.bars(
            self.name, listing.symbol, bar_ms, span.first_ms, span.last_ms, now_ms
        )
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.turnover)
        rows: list[Json] = []
        for time, *candle, volume, turnover in zip(
            bars.time_ms.tolist(), *(column.tolist() for column in columns), strict=True
        ):
            is_over = "1" if time + bar_ms <= now_ms else "0"
            prices = [decimal(price, listing.price_decimals) for price in candle]
            amount = contracts(listing, volume, candle[-1])
            base = written_base(listing, volume)
            rows.append([str(time), *prices, amount, base, f"{turnover:.2f}", is_over])
        return rows[::-1]

    def _book(self, query: Query, now_ms: int) -> Json:
        """Return one book. The third field of a level is no longer used by the venue."""
        listing = self._listing(query, now_ms)
        levels = min(max(query.number("sz") or 1, 1), 400)
        book = self._source.book(self.name, listing.symbol, now_ms, levels)

        def side(prices: list[float], sizes: list[float]) -> list[Json]:
            return [
                [decimal(price, listing.price_decimals), contracts(listing, size, price), "0", "4"]
                for price, size in zip(prices, sizes, strict=True)
            ]

        return [
            {
                "asks": side(book.ask.tolist(), book.ask_size.tolist()),
                "bids": side(book.bid.tolist(), book.bid_size.tolist()),
                "ts": str(now_ms),
                "seqId": now_ms // 100,
            }
        ]

    def _trades(self, query: Query, now_ms: int) -> Json:
        listing = self._listing(query, now_ms)
        trades = self._source.trades(self.name, listing.symbol, None, now_ms, query.limit(100, 500))
        return _written(listing, trades)

    def _history_trades(self, query: Query, now_ms: int) -> Json:
        """Return one page: older than ``after``, newer than ``before``, by number or by time."""
        listing, limit = self._listing(query, now_ms), query.limit(100, 100)
        before, after = query.number("before"), query.number("after")
        by_time = query.choice("type", _PAGINGS, "1")
        ask = (self.name, listing.symbol)
        if by_time:
            end_ms = now_ms if after is None else min(after, now_ms)
            trades = self._source.trades(*ask, None, end_ms, limit)
            rows = _written(listing, trades)
            return [row for row in rows if before is None or int(row["ts"]) > before]
        if after is None:
            trades = self._source.trades(*ask, None, now_ms, limit)
        else:
            trades = self._source.numbered_trades(*ask, after - limit, now_ms, limit)
        rows = _written(listing, trades)
        return [row for row in rows if before is None or int(row["tradeId"]) > before]

    def _ratio(self, kind: RatioKind, query: Query, now_ms: int) -> Json:
        listing, period, span = self._data_span(query, now_ms)
        if span.is_empty:
            return []
        found = self._source.ratio(
            self.name, listing.symbol, kind, period, span.first_ms, span.last_ms
        )
        rows: list[Json] = [
            [str(time), f"{ratio:.4f}"]
            for time, ratio in zip(found.time_ms.tolist(), found.value.tolist(), strict=True)
        ]
        return rows[::-1]

    def _open_interest_history(self, query: Query, now_ms: int) -> Json:
        listing, period, span = self._data_span(query, now_ms)
        if span.is_empty:
            return []
        ask = (self.name, listing.symbol, period, span.first_ms, span.last_ms)
        held, mark = self._source.open_interest(*ask), self._source.mark(*ask)
        columns = (held.time_ms, held.value, mark.value)
        rows: list[Json] = [
            [
                str(time),
                contracts(listing, amount, price),
                written_base(listing, amount),
                f"{amount * price:.2f}",
            ]
            for time, amount, price in zip(*(column.tolist() for column in columns), strict=True)
        ]
        return rows[::-1]

    def _listing(self, query: Query, now_ms: int) -> Listing:
        symbol = query.text("instId")
        if symbol is None:
            raise RefusedError(error("50014", "Parameter instId can not be empty."))
        listing = self._source.listing(self.name, symbol, now_ms)
        if listing is None:
            raise RefusedError(self.unknown_symbol())
        return listing

    def _data_span(self, query: Query, now_ms: int) -> tuple[Listing, int, Span]:
        """Return what a request for trading statistics asks for; both bounds are exclusive."""
        listing = self._listing(query, now_ms)
        period = query.choice("period", _PERIODS, "5m")
        begin, end = query.number("begin"), query.number("end")
        start = now_ms - _DATA_ROWS * period if begin is None else begin + 1
        last = now_ms if end is None else min(end - 1, now_ms)
        return listing, period, latest(period, start, last, query.limit(100, 100))


def _written(listing: Listing, trades: Trades) -> list[dict[str, str]]:
    """Return trades as rows, the newest first."""
    columns = (trades.id, trades.time_ms, trades.price, trades.size, trades.is_buy)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [trade_row(listing, *row) for row in rows][::-1]


def _before_after(query: Query, step_ms: int, now_ms: int, limit: int, offset_ms: int = 0) -> Span:
    """Return one page: older than ``after``, newer than ``before``, the newest first."""
    before, after = query.number("before"), query.number("after")
    last = now_ms if after is None else min(after - 1, now_ms)
    return latest(step_ms, 0 if before is None else before + 1, last, limit, offset_ms)


def _refusal(parameter: str) -> RefusedError:
    return RefusedError(error("51000", f"Parameter {parameter} error"))
