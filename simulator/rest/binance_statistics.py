"""The trading statistics of Binance, under /futures/data: the last 30 days, oldest first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from simulator.market.listings import Listing
from simulator.market.source import RatioKind, Source
from simulator.rest.binance_queries import PERIODS, VENUE, listing_of, refusal, span_of
from simulator.rest.spans import DAY_MS, Span
from simulator.rest.wire_format import Endpoint, Json, Query

_DAYS = 30
"""How far back the statistics go. [days]"""


def endpoints(source: Source) -> Mapping[str, Endpoint]:
    """Return what answers each path under /futures/data."""
    return {
        "/futures/data/openInterestHist": partial(_open_interest, source),
        "/futures/data/globalLongShortAccountRatio": partial(_ratio, source, "accounts"),
        "/futures/data/topLongShortAccountRatio": partial(_ratio, source, "top_accounts"),
        "/futures/data/topLongShortPositionRatio": partial(_ratio, source, "top_positions"),
        "/futures/data/takerlongshortRatio": partial(_taker_ratio, source),
    }


def _open_interest(source: Source, query: Query, now_ms: int) -> Json:
    listing, period, span = _asked(source, query, now_ms)
    if span.is_empty:
        return []
    ask = (VENUE, listing.symbol, period, span.first_ms, span.last_ms)
    held, mark = source.open_interest(*ask), source.mark(*ask)
    columns = (held.time_ms, held.value, held.value * mark.value)
    return [
        {
            "symbol": listing.symbol,
            "sumOpenInterest": f"{amount:.8f}",
            "sumOpenInterestValue": f"{value:.8f}",
            "CMCCirculatingSupply": "0.00000000",
            "timestamp": time,
        }
        for time, amount, value in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _ratio(source: Source, kind: RatioKind, query: Query, now_ms: int) -> Json:
    listing, period, span = _asked(source, query, now_ms)
    if span.is_empty:
        return []
    found = source.ratio(VENUE, listing.symbol, kind, period, span.first_ms, span.last_ms)
    return [
        {
            "symbol": listing.symbol,
            "longAccount": f"{ratio / (1 + ratio):.4f}",
            "longShortRatio": f"{ratio:.4f}",
            "shortAccount": f"{1 / (1 + ratio):.4f}",
            "timestamp": time,
        }
        for time, ratio in zip(found.time_ms.tolist(), found.value.tolist(), strict=True)
    ]


def _taker_ratio(source: Source, query: Query, now_ms: int) -> Json:
    """Return taker volumes of whole periods, each under the time at which it began."""
    listing, period, span = _asked(source, query, now_ms - query.choice("period", PERIODS))
    if span.is_empty:
        return []
    bars = source.bars(VENUE, listing.symbol, period, span.first_ms, span.last_ms, now_ms)
    columns = (bars.time_ms, bars.taker_buy, bars.volume - bars.taker_buy)
    return [
        {
            "buySellRatio": f"{bought / sold:.4f}" if sold > 0 else "0.0000",
            "sellVol": f"{sold:.4f}",
            "buyVol": f"{bought:.4f}",
            "timestamp": time,
        }
        for time, bought, sold in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _asked(source: Source, query: Query, now_ms: int) -> tuple[Listing, int, Span]:
    listing = listing_of(source, query, now_ms)
    period = query.choice("period", PERIODS)
    oldest = now_ms - _DAYS * DAY_MS
    start = query.number("startTime")
    # A day of grace: clients work out "30 days ago" before the request travels.
    if start is not None and start < oldest - DAY_MS:
        raise refusal("startTime")
    span = span_of(query, period, now_ms, query.limit(30, 500), oldest_ms=oldest)
    return listing, period, span
