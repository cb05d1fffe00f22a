"""Binance USD-M futures.

Everything comes in bulk but open interest, order books and the long/short
ratios. Prices and open interest are per quoted unit: 1 BTC, or 1000 PEPE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collector.runtime.budget import Limit
from collector.venues.binance_history import HISTORY, TOP_TRADERS_OF, long_short_ratio
from collector.venues.depth import book_fields
from collector.venues.json_reading import entries, moment, name, number, obj, rows
from collector.venues.venue import Offer, Question, Row, Venue


def read_time(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/fapi/v1/time``."""
    yield None, {"venue_ts": moment(obj(payload, "serverTime")["serverTime"])}


def read_ticker(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/fapi/v1/ticker/24hr``."""
    for row in rows(payload):
        yield (
            name(row, "symbol"),
            {
                "venue_ts": moment(row.get("closeTime")),
                "price": number(row.get("lastPrice")),
                "price_24h_ago": number(row.get("openPrice")),
                "volume_24h_usd": number(row.get("quoteVolume")),
            },
        )


def read_premium_index(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/fapi/v1/premiumIndex``; ``lastFundingRate`` is the running period's rate."""
    for row in rows(payload):
        yield (
            name(row, "symbol"),
            {
                "venue_ts": moment(row.get("time")),
                "mark": number(row.get("markPrice")),
                "index": number(row.get("indexPrice")),
                "funding_rate": number(row.get("lastFundingRate")),
                "next_funding_ts": moment(row.get("nextFundingTime")),
            },
        )


def read_book_ticker(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/fapi/v1/ticker/bookTicker``."""
    for row in rows(payload):
        yield (
            name(row, "symbol"),
            {
                "venue_ts": moment(row.get("time")),
                "bid": number(row.get("bidPrice")),
                "ask": number(row.get("askPrice")),
            },
        )


def read_open_interest(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/fapi/v1/openInterest``, in quoted units."""
    row = obj(payload, "openInterest")
    yield (
        venue_id,
        {"venue_ts": moment(row.get("time")), "oi_raw": number(row.get("openInterest"))},
    )


def read_depth(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/fapi/v1/depth``."""
    book = book_fields(entries(payload, "bids"), entries(payload, "asks"))
    yield venue_id, {"venue_ts": moment(payload.get("E")), **book}


def read_funding_info(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/fapi/v1/fundingInfo``: the instruments with terms of their own; others pay every 8 hours.

    It always names some. A list that names none says nothing of anybody's terms.
    """
    for row in rows(payload):
        if (symbol := name(row, "symbol")) is not None:
            yield symbol, {"funding_interval_h": number(row.get("fundingIntervalHours"))}


def read_ratio(column: str) -> Any:
    """Return the reader of one of the long/short ratios under ``/futures/data``."""

    def read(payload: Any, venue_id: str | None) -> Iterator[Row]:
        if found := [row for row in rows(payload) if row]:
            newest = max(found, key=lambda row: number(row.get("timestamp")) or 0.0)
            yield (
                venue_id,
                {"ls_ts": moment(newest.get("timestamp")), column: long_short_ratio(newest)},
            )

    return read


def asset_class(market: Mapping[str, Any]) -> str | None:
    """What lies beneath, by ``underlyingType`` of ``/fapi/v1/exchangeInfo``.

    Shares of every country end in EQUITY; PREMARKET is of a coin or of a company, which
    ``contractType`` tells: what is no coin is a TRADIFI_PERPETUAL.
    """
    kind = name(market["info"], "underlyingType") or ""
    if kind.endswith("EQUITY"):
        return "stock"
    if kind == "PREMARKET":
        return "stock" if name(market["info"], "contractType") == "TRADIFI_PERPETUAL" else "coin"
    return {"COIN": "coin", "COMMODITY": "commodity", "FX": "forex", "INDEX": "index"}.get(kind)


def simulator_urls(base: str) -> dict[str, Any]:
    """Return ccxt's ``urls`` for the simulator at *base*."""
    return {
        "api": {
            "fapiPublic": f"{base}/binance/fapi/v1",
            "fapiPublicV2": f"{base}/binance/fapi/v2",
            "fapiPublicV3": f"{base}/binance/fapi/v3",
            "fapiData": f"{base}/binance/futures/data",
        }
    }


def ratio_question(title: str, method: str, column: str, top: int | None) -> Question:
    """Return the question for the newest five-minute mark of a long/short ratio."""
    return Question(
        title,
        method,
        read_ratio(column),
        columns=(column, "ls_ts"),
        params={"period": "5m", "limit": 1},
        asks_for="symbol",
        weights={"futures_data": 1},
        may_be_empty=True,
        top=top,
    )


BINANCE = Venue(
    name="binance",
    title="Binance USD-M",
    ccxt_id="binanceusdm",
    options={},
    simulator_urls=simulator_urls,
    limits=(
        Limit("weight", amount=2400, per_s=60, ceiling=0.6),
        Limit("funding", amount=500, per_s=300, ceiling=0.5),
        Limit("futures_data", amount=1000, per_s=300, ceiling=0.8),
    ),
    used_headers={"x-mbx-used-weight-1m": "weight"},
    # 403 is the firewall, which counts as well.
    busy={"403": 300, "418": 120, "429": 60, "-1003": 60},
    listing_weights={"weight": 1},
    oi_unit="quoted units",
    asset_class=asset_class,
    time=Question("time", "fapiPublicGetTime", read_time, weights={"weight": 1}),
    bulk=(
        Question(
            "ticker",
            "fapiPublicGetTicker24hr",
            read_ticker,
            columns=("price", "price_24h_ago", "volume_24h_usd"),
            weights={"weight": 40},
        ),
        Question(
            "premium index",
            "fapiPublicGetPremiumIndex",
            read_premium_index,
            columns=("mark", "index", "funding_rate", "next_funding_ts"),
            weights={"weight": 10},
        ),
        Question(
            "best bid and ask",
            "fapiPublicGetTickerBookTicker",
            read_book_ticker,
            columns=("bid", "ask"),
            weights={"weight": 5},
        ),
    ),
    each=(
        Question(
            "open interest",
            "fapiPublicGetOpenInterest",
            read_open_interest,
            columns=("oi_raw",),
            asks_for="symbol",
            weights={"weight": 1},
        ),
        Question(
            "order book",
            "fapiPublicGetDepth",
            read_depth,
            columns=("book_imbalance", "spread_bps"),
            params={"limit": 100},
            asks_for="symbol",
            weights={"weight": 5},
        ),
    ),
    slow=(
        ratio_question(
            "long/short accounts", "fapiDataGetGlobalLongShortAccountRatio", "ls_accounts", None
        ),
        ratio_question(
            "top traders' accounts",
            "fapiDataGetTopLongShortAccountRatio",
            "ls_top_accounts",
            TOP_TRADERS_OF,
        ),
        ratio_question(
            "top traders' positions",
            "fapiDataGetTopLongShortPositionRatio",
            "ls_top_positions",
            TOP_TRADERS_OF,
        ),
    ),
    history=HISTORY,
    terms=(
        Question(
            "funding terms",
            "fapiPublicGetFundingInfo",
            read_funding_info,
            columns=("funding_interval_h",),
            weights={"weight": 1, "funding": 1},
            otherwise={"funding_interval_h": 8.0},
        ),
    ),
    offers=(
        Offer(column="price", source="ticker", unit="quote per quoted unit"),
        Offer(column="price_24h_ago", source="ticker", unit="quote per quoted unit"),
        Offer(column="volume_24h_usd", source="ticker", unit="quote", remark="quoteVolume"),
        Offer(column="mark", source="premium index", unit="quote per quoted unit"),
        Offer(column="index", source="premium index", unit="quote per quoted unit"),
        Offer(
            column="funding_rate",
            source="premium index",
            unit="ratio per interval",
            remark="lastFundingRate, which is the running period's rate",
        ),
        Offer(column="next_funding_ts", source="premium index", unit="ms"),
        Offer(
            column="funding_interval_h",
            source="funding terms",
            unit="h",
            remark="lists exceptions; all others pay every 8 hours",
        ),
        Offer(column="bid", source="best bid and ask", unit="quote per quoted unit"),
        Offer(column="ask", source="best bid and ask", unit="quote per quoted unit"),
        Offer(column="oi_raw", source="open interest", unit="quoted units"),
        Offer(
            column="book_imbalance",
            source="order book",
            unit="ratio",
            remark="100 levels per side, those within 25 bps of mid",
        ),
        Offer(column="spread_bps", source="order book", unit="bps"),
        Offer(column="ls_accounts", source="long/short accounts", unit="ratio"),
        Offer(
            column="ls_top_accounts",
            source="top traders' accounts",
            unit="ratio",
            remark=f"the {TOP_TRADERS_OF} largest by volume",
        ),
        Offer(
            column="ls_top_positions",
            source="top traders' positions",
            unit="ratio",
            remark=f"the {TOP_TRADERS_OF} largest by volume",
        ),
    ),
)
