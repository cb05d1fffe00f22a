"""OKX perpetual swaps, settled in USDT or USDC.

Five bulk calls have everything but order books and the long/short ratios. Open
interest is in contracts of ``ctVal`` coins each; prices are of one coin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from collector.runtime.budget import Limit
from collector.venues.depth import book_fields
from collector.venues.json_reading import NONSENSE, entries, moment, name, number, product, rows
from collector.venues.okx_history import HISTORY, TOP_TRADERS_OF
from collector.venues.venue import Offer, Question, Read, Row, Value, Venue


def read_time(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/api/v5/public/time``."""
    for row in rows(payload, "data"):
        yield None, {"venue_ts": moment(row.get("ts"))}


def read_tickers(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/api/v5/market/tickers``; ``volCcy24h`` is in coins, ``vol24h`` in contracts."""
    for row in rows(payload, "data"):
        last = number(row.get("last"))
        yield (
            name(row, "instId"),
            {
                "venue_ts": moment(row.get("ts")),
                "price": last,
                "price_24h_ago": number(row.get("open24h")),
                "bid": number(row.get("bidPx")),
                "ask": number(row.get("askPx")),
                "volume_24h_usd": product(number(row.get("volCcy24h")), last),
            },
        )


def read_open_interest(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/api/v5/public/open-interest``; ``oi`` is in contracts."""
    for row in rows(payload, "data"):
        yield (
            name(row, "instId"),
            {
                "venue_ts": moment(row.get("ts")),
                "oi_raw": number(row.get("oi")),
                "oi_venue_usd": number(row.get("oiUsd")),
            },
        )


def read_funding_rates(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/api/v5/public/funding-rate``: the running period is paid at ``fundingTime``."""
    for row in rows(payload, "data"):
        paid, following = moment(row.get("fundingTime")), moment(row.get("nextFundingTime"))
        yield (
            name(row, "instId"),
            {
                "venue_ts": moment(row.get("ts")),
                "funding_rate": number(row.get("fundingRate")),
                "next_funding_ts": paid,
                "funding_interval_h": hours_between(paid, following),
            },
        )


def hours_between(earlier: Value, later: Value) -> float | None:
    """Return the hours from *earlier* to *later*, None where either is absent, else NaN."""
    if earlier is None or later is None:
        return None
    if isinstance(earlier, datetime) and isinstance(later, datetime):
        return (later - earlier).total_seconds() / 3600
    return NONSENSE


def read_mark_prices(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/api/v5/public/mark-price``."""
    for row in rows(payload, "data"):
        fields = {"venue_ts": moment(row.get("ts")), "mark": number(row.get("markPx"))}
        yield name(row, "instId"), fields


def read_indices(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/api/v5/market/index-tickers``: an index is called like its swap, without the ending."""
    for row in rows(payload, "data"):
        index = name(row, "instId")
        fields = {"venue_ts": moment(row.get("ts")), "index": number(row.get("idxPx"))}
        yield None if index is None else f"{index}-SWAP", fields


def read_books(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``/api/v5/market/books``; sizes are in contracts, which the imbalance does not mind."""
    for row in rows(payload, "data"):
        book = book_fields(entries(row, "bids"), entries(row, "asks"))
        yield venue_id, {"venue_ts": moment(row.get("ts")), **book}


def read_ratio(column: str) -> Read:
    """Return the reader of one of the ratios under ``/api/v5/rubik/stat/contracts``."""

    def read(payload: Any, venue_id: str | None) -> Iterator[Row]:
        marks = [mark for mark in entries(payload, "data") if isinstance(mark, list)]
        if marks := [mark for mark in marks if len(mark) >= 2]:
            newest = max(marks, key=lambda mark: number(mark[0]) or 0.0)
            yield venue_id, {"ls_ts": moment(newest[0]), column: number(newest[1])}

    return read


def asset_class(market: Mapping[str, Any]) -> str | None:
    """What lies beneath, by ``instCategory`` of ``/api/v5/public/instruments``."""
    kinds = {"1": "coin", "3": "stock", "4": "commodity", "5": "forex", "6": "bond"}
    return kinds.get(name(market["info"], "instCategory") or "")


def simulator_urls(base: str) -> dict[str, Any]:
    """Return ccxt's ``urls`` for the simulator at *base*."""
    return {"api": {"rest": f"{base}/okx"}}


def ratio_question(title: str, ending: str, column: str, top: int | None) -> Question:
    """Return the question for the newest five-minute mark of a long/short ratio."""
    return Question(
        title,
        f"publicGetRubikStatContracts{ending}",
        read_ratio(column),
        columns=(column, "ls_ts"),
        params={"period": "5m", "limit": 1},
        asks_for="instId",
        weights={"rubik": 1},
        may_be_empty=True,
        top=top,
    )


def offers() -> Iterator[Offer]:
    """Yield where each metric comes from."""
    for column in ("price", "price_24h_ago", "bid", "ask"):
        yield Offer(column=column, source="tickers", unit="quote per coin")
    remark = "volCcy24h times last"
    yield Offer(column="volume_24h_usd", source="tickers", unit="coins", remark=remark)
    yield Offer(column="mark", source="mark prices", unit="quote per coin")
    remark = "of swaps in USDT"
    yield Offer(column="index", source="indices", unit="quote per coin", remark=remark)
    yield Offer(column="oi_raw", source="open interest", unit="contracts", remark="oi")
    yield Offer(column="oi_venue_usd", source="open interest", unit="USD", remark="oiUsd")
    yield Offer(column="funding_rate", source="funding rates", unit="ratio per interval")
    yield Offer(column="next_funding_ts", source="funding rates", unit="ms", remark="fundingTime")
    remark = "nextFundingTime minus fundingTime"
    yield Offer(column="funding_interval_h", source="funding rates", unit="ms", remark=remark)
    remark = "400 levels per side, those within 25 bps of mid"
    yield Offer(column="book_imbalance", source="order book", unit="ratio", remark=remark)
    yield Offer(column="spread_bps", source="order book", unit="bps")
    yield Offer(column="ls_accounts", source="long/short accounts", unit="ratio")
    remark = f"the {TOP_TRADERS_OF} largest by volume"
    for column, kind in (("ls_top_accounts", "accounts"), ("ls_top_positions", "positions")):
        yield Offer(column=column, source=f"top traders' {kind}", unit="ratio", remark=remark)


def swap_question(
    title: str, method: str, read: Read, columns: tuple[str, ...], limit: str, **params: str
) -> Question:
    """Return a question about all swaps at once."""
    return Question(
        title,
        method,
        read,
        columns=columns,
        params=params or {"instType": "SWAP"},
        weights={limit: 1},
    )


OKX = Venue(
    name="okx",
    title="OKX",
    ccxt_id="okx",
    options={"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}},
    simulator_urls=simulator_urls,
    limits=(
        Limit("tickers", amount=20, per_s=2, ceiling=0.5),
        Limit("indices", amount=20, per_s=2, ceiling=0.5),
        Limit("public", amount=10, per_s=2, ceiling=0.8),
        Limit("books", amount=40, per_s=2, ceiling=0.8),
        # The rest documented per address and instrument, and asked as if it were per address.
        Limit("rubik", amount=5, per_s=2, ceiling=0.8),
        Limit("oi_history", amount=10, per_s=2, ceiling=0.5),
        Limit("funding_history", amount=10, per_s=2, ceiling=0.5),
        Limit("history_candles", amount=20, per_s=2, ceiling=0.5),
        Limit("trades", amount=100, per_s=2, ceiling=0.5),
        Limit("history_trades", amount=20, per_s=2, ceiling=0.5),
    ),
    busy={"418": 120, "429": 10, "50011": 5, "50061": 10},
    listing_weights={"public": 1},
    oi_unit="contracts",
    asset_class=asset_class,
    time=swap_question("time", "publicGetPublicTime", read_time, (), "public"),
    bulk=(
        swap_question(
            "tickers",
            "publicGetMarketTickers",
            read_tickers,
            ("price", "price_24h_ago", "bid", "ask", "volume_24h_usd"),
            "tickers",
        ),
        swap_question(
            "open interest",
            "publicGetPublicOpenInterest",
            read_open_interest,
            ("oi_raw", "oi_venue_usd"),
            "public",
        ),
        swap_question(
            "funding rates",
            "publicGetPublicFundingRate",
            read_funding_rates,
            ("funding_rate", "next_funding_ts", "funding_interval_h"),
            "public",
            instId="ANY",
        ),
        swap_question(
            "mark prices", "publicGetPublicMarkPrice", read_mark_prices, ("mark",), "public"
        ),
        # Spot markets have an index too, and so has a swap that was just delisted.
        Question(
            "indices",
            "publicGetMarketIndexTickers",
            read_indices,
            columns=("index",),
            params={"quoteCcy": "USDT"},
            weights={"indices": 1},
            completes=True,
        ),
    ),
    each=(
        Question(
            "order book",
            "publicGetMarketBooks",
            read_books,
            columns=("book_imbalance", "spread_bps"),
            params={"sz": 400},
            asks_for="instId",
            weights={"books": 1},
        ),
    ),
    slow=(
        ratio_question("long/short accounts", "LongShortAccountRatioContract", "ls_accounts", None),
        ratio_question(
            "top traders' accounts",
            "LongShortAccountRatioContractTopTrader",
            "ls_top_accounts",
            TOP_TRADERS_OF,
        ),
        ratio_question(
            "top traders' positions",
            "LongShortPositionRatioContractTopTrader",
            "ls_top_positions",
            TOP_TRADERS_OF,
        ),
    ),
    history=HISTORY,
    offers=tuple(offers()),
)
