"""Bybit linear perpetuals, settled in USDT or USDC.

One call has everything but order books and the long/short ratio. Prices and open
interest are per quoted unit: 1 BTC, or 1000 PEPE. ``openInterest`` is the sum of both
sides, longs and shorts; ``singleOpenInterest`` is one of them, which is ours. The ratio
counts holders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from collector.runtime.budget import Limit
from collector.venues.bybit_history import HISTORY
from collector.venues.depth import book_fields
from collector.venues.json_reading import (
    entries,
    moment,
    name,
    number,
    obj,
    one_side,
    quotient,
    rows,
)
from collector.venues.venue import Fields, Offer, Question, Row, Venue

MINUTES = 60


def read_time(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/v5/market/time``."""
    yield None, {"venue_ts": moment(obj(payload).get("time"))}


def read_tickers(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/v5/market/tickers``; dated futures are among them, under names of their own."""
    venue_ts = moment(obj(payload).get("time"))
    for row in rows(payload, "result", "list"):
        yield name(row, "symbol"), {"venue_ts": venue_ts, **ticker_fields(row)}


def ticker_fields(row: Mapping[str, Any]) -> Fields:
    """Return what one ticker says; the websocket's is the same but for its funding interval."""
    fields: Fields = {
        "price": number(row.get("lastPrice")),
        "price_24h_ago": number(row.get("prevPrice24h")),
        "mark": number(row.get("markPrice")),
        "index": number(row.get("indexPrice")),
        "bid": number(row.get("bid1Price")),
        "ask": number(row.get("ask1Price")),
        "volume_24h_usd": number(row.get("turnover24h")),
        "oi_raw": one_side(row, "singleOpenInterest", "openInterest"),
        "oi_venue_usd": one_side(row, "singleOpenInterestValue", "openInterestValue"),
        "funding_rate": number(row.get("fundingRate")),
        "next_funding_ts": moment(row.get("nextFundingTime")),
    }
    if (interval := number(row.get("fundingIntervalHour"))) is not None:
        fields["funding_interval_h"] = interval
    return fields


def listed_terms(market: Mapping[str, Any]) -> Fields:
    """Return the funding interval that the list of instruments states in minutes.

    A figure below 60 can only be hours: nobody pays more often than hourly.
    """
    interval = number(market["info"].get("fundingInterval"))
    if interval is None:
        return {}
    return {"funding_interval_h": interval if interval < MINUTES else interval / MINUTES}


def read_order_book(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/v5/market/orderbook``."""
    result = obj(obj(payload).get("result"))
    book = book_fields(entries(result, "b"), entries(result, "a"))
    yield venue_id, {"venue_ts": moment(result.get("ts")), **book}


def read_account_ratio(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/v5/market/account-ratio``: the shares of holders that are long and short."""
    for row in [*rows(payload, "result", "list")][:1]:
        yield (
            venue_id,
            {
                "ls_ts": moment(row.get("timestamp")),
                "ls_accounts": quotient(number(row.get("buyRatio")), number(row.get("sellRatio"))),
            },
        )


def asset_class(market: Mapping[str, Any]) -> str | None:
    """What lies beneath, by ``symbolType`` of ``/v5/market/instruments-info``.

    Of coins it says nothing, or the zone that they trade in; a list made before it was
    there does not have it.
    """
    kind = name(market["info"], "symbolType")
    if kind in ("", "innovation", "adventure"):
        return "coin"
    known = {"stock": "stock", "xstocks": "stock", "commodity": "commodity", "forex": "forex"}
    return None if kind is None else known.get(kind)


def simulator_urls(base: str) -> dict[str, Any]:
    """Return ccxt's ``urls`` for the simulator at *base*."""
    return {"api": {"public": f"{base}/bybit"}}


def offers() -> Iterator[Offer]:
    """Yield where each metric comes from."""
    for column in ("price", "price_24h_ago", "mark", "index", "bid", "ask"):
        yield Offer(column=column, source="tickers", unit="quote per quoted unit")
    yield Offer(column="volume_24h_usd", source="tickers", unit="quote", remark="turnover24h")
    remark = "one side: singleOpenInterest, else half of openInterest, which counts both"
    yield Offer(column="oi_raw", source="tickers", unit="quoted units", remark=remark)
    remark = "one side: singleOpenInterestValue, else half of openInterestValue"
    yield Offer(column="oi_venue_usd", source="tickers", unit="quote", remark=remark)
    yield Offer(column="funding_rate", source="tickers", unit="ratio per interval")
    yield Offer(column="next_funding_ts", source="tickers", unit="ms")
    remark = "the ticker's, where it has one; else minutes in the list of instruments"
    yield Offer(column="funding_interval_h", source="tickers", unit="h", remark=remark)
    remark = "200 levels per side, those within 25 bps of mid"
    yield Offer(column="book_imbalance", source="order book", unit="ratio", remark=remark)
    yield Offer(column="spread_bps", source="order book", unit="bps")
    remark = "holders long over holders short, from their shares"
    yield Offer(column="ls_accounts", source="long/short accounts", unit="ratio", remark=remark)


BYBIT = Venue(
    name="bybit",
    title="Bybit",
    ccxt_id="bybit",
    options={"fetchMarkets": {"types": ["linear"]}},
    simulator_urls=simulator_urls,
    limits=(Limit("requests", amount=600, per_s=5, ceiling=0.5),),
    busy={"403": 600, "418": 600, "429": 60, "10006": 10, "10009": 600, "10018": 600},
    # Pages of 1000, and one of what is about to be launched.
    listing_weights={"requests": 5},
    oi_unit="quoted units",
    asset_class=asset_class,
    time=Question("time", "publicGetV5MarketTime", read_time, weights={"requests": 1}),
    bulk=(
        Question(
            "tickers",
            "publicGetV5MarketTickers",
            read_tickers,
            columns=(
                *("price", "price_24h_ago", "mark", "index", "bid", "ask", "volume_24h_usd"),
                *("oi_raw", "oi_venue_usd"),
                *("funding_rate", "next_funding_ts", "funding_interval_h"),
            ),
            params={"category": "linear"},
            weights={"requests": 1},
        ),
    ),
    each=(
        Question(
            "order book",
            "publicGetV5MarketOrderbook",
            read_order_book,
            columns=("book_imbalance", "spread_bps"),
            params={"category": "linear", "limit": 200},
            asks_for="symbol",
            weights={"requests": 1},
        ),
    ),
    slow=(
        Question(
            "long/short accounts",
            "publicGetV5MarketAccountRatio",
            read_account_ratio,
            columns=("ls_accounts", "ls_ts"),
            params={"category": "linear", "period": "5min", "limit": 1},
            asks_for="symbol",
            weights={"requests": 1},
            may_be_empty=True,
        ),
    ),
    history=HISTORY,
    listed_terms=listed_terms,
    offers=tuple(offers()),
    encoded=quote,
)
