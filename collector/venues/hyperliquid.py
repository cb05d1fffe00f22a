"""Hyperliquid's own perpetuals, settled in USDC; not those of other DEXes on its chain.

One call has everything but order books. A small ``k`` before a name means thousands:
kPEPE is quoted and counted per 1000 PEPE. Funding is paid hourly. There is no
long/short ratio, and no last trade in bulk: the mid price stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collector.runtime.budget import Limit
from collector.venues.depth import book_fields
from collector.venues.hyperliquid_history import HISTORY
from collector.venues.json_reading import entries, moment, name, number, obj, rows
from collector.venues.venue import Fields, Offer, Question, Row, Venue


def read_time(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``exchangeStatus``."""
    yield None, {"venue_ts": moment(obj(payload).get("time"))}


def read_contexts(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``metaAndAssetCtxs``: names in the first part, figures in the same order in the second."""
    listed = rows(payload, 0, "universe") if isinstance(payload, list) else iter(())
    for asset, context in zip(listed, rows(payload, 1), strict=False):
        yield (
            name(asset, "name"),
            {
                "price": number(context.get("midPx")),
                "price_24h_ago": number(context.get("prevDayPx")),
                "mark": number(context.get("markPx")),
                "index": number(context.get("oraclePx")),
                "volume_24h_usd": number(context.get("dayNtlVlm")),
                "oi_raw": number(context.get("openInterest")),
                "funding_rate": number(context.get("funding")),
            },
        )


def listed_terms(market: Mapping[str, Any]) -> Fields:
    """Return the funding interval, which is an hour for all of them."""
    return {"funding_interval_h": 1.0}


def read_l2_book(payload: Any, venue_id: str | None) -> Iterator[Row]:
    """``l2Book``: 20 levels a side, bids first."""
    sides = entries(obj(payload), "levels")
    bids, asks = ([_level(row) for row in rows(sides, side)] for side in (0, 1))
    yield venue_id, {"venue_ts": moment(payload.get("time")), **book_fields(bids, asks)}


def _level(row: dict[str, Any]) -> list[Any]:
    return [row.get("px"), row.get("sz")]


def offers() -> Iterator[Offer]:
    """Yield where each metric comes from."""
    for column, remark in (
        ("price", "midPx: the venue has no last trade in bulk"),
        ("price_24h_ago", "prevDayPx"),
        ("mark", ""),
        ("index", "oraclePx"),
    ):
        unit = "quote per quoted unit"
        yield Offer(column=column, source="asset contexts", unit=unit, remark=remark)
    yield Offer(column="volume_24h_usd", source="asset contexts", unit="USD", remark="dayNtlVlm")
    yield Offer(column="oi_raw", source="asset contexts", unit="quoted units")
    yield Offer(column="funding_rate", source="asset contexts", unit="ratio per interval")
    remark = "one hour for all instruments"
    yield Offer(column="funding_interval_h", source="listing", unit="h", remark=remark)
    remark = "20 levels per side, those within 25 bps of mid"
    yield Offer(column="book_imbalance", source="order book", unit="ratio", remark=remark)
    yield Offer(column="spread_bps", source="order book", unit="bps")


HYPERLIQUID = Venue(
    name="hyperliquid",
    title="Hyperliquid",
    ccxt_id="hyperliquid",
    options={"fetchMarkets": {"types": ["swap"]}},
    simulator_urls=None,
    limits=(Limit("weight", amount=1200, per_s=60, ceiling=0.6),),
    busy={"418": 120, "429": 60},
    listing_weights={"weight": 20},
    oi_unit="quoted units",
    time=Question(
        "time",
        "publicPostInfo",
        read_time,
        params={"type": "exchangeStatus"},
        weights={"weight": 2},
    ),
    bulk=(
        Question(
            "asset contexts",
            "publicPostInfo",
            read_contexts,
            columns=(
                *("price", "price_24h_ago", "mark", "index", "volume_24h_usd"),
                *("oi_raw", "funding_rate"),
            ),
            params={"type": "metaAndAssetCtxs"},
            weights={"weight": 20},
        ),
    ),
    each=(
        Question(
            "order book",
            "publicPostInfo",
            read_l2_book,
            columns=("book_imbalance", "spread_bps"),
            params={"type": "l2Book"},
            asks_for="coin",
            weights={"weight": 2},
        ),
    ),
    history=HISTORY,
    listed_terms=listed_terms,
    offers=tuple(offers()),
    id_key="baseName",
    base_key="baseName",
    kilo_prefix=True,
)
