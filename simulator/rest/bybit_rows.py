"""How Bybit writes a contract: one row of its bulk answers."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from uuid import UUID

from simulator.market.listings import Listing
from simulator.market.source import Quotes
from simulator.rest.wire_format import Row, decimal


def trade_uuid(symbol: str, number: int) -> UUID:
    """Return the name of trade *number*: the venue's trades have no numbers that count up."""
    return UUID(bytes=blake2b(f"{symbol} {number}".encode(), digest_size=16).digest())


def instrument(listing: Listing) -> Row:
    """Return the contract's entry in instruments-info."""
    price = 8 if listing.price_decimals is None else listing.price_decimals
    size = 8 if listing.size_decimals is None else listing.size_decimals
    tick, lot = decimal(10.0**-price, price), decimal(10.0**-size, size)
    return {
        "symbol": listing.symbol,
        "contractType": "LinearFutures" if listing.kind == "dated" else "LinearPerpetual",
        "symbolType": "stock" if listing.is_stock else "",
        "status": "Trading",
        "baseCoin": listing.base,
        "quoteCoin": "USDT",
        "launchTime": str(listing.onboard_ms),
        "deliveryTime": str(listing.delivery_ms),
        "deliveryFeeRate": "0.0005" if listing.kind == "dated" else "",
        "priceScale": str(price),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": "1999999.80", "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": "1000000.000",
            "minOrderQty": lot,
            "qtyStep": lot,
            "postOnlyMaxOrderQty": "1000000.000",
            "maxMktOrderQty": "500000.000",
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": listing.funding_h * 60,
        "settleCoin": "USDT",
        "copyTrading": "both",
        "upperFundingRate": "0.02",
        "lowerFundingRate": "-0.02",
        "isPreListing": False,
        "preListingInfo": None,
    }


def both_sides(held: float, decimals: int | None) -> Row:
    """Return the two ways in which the venue states open interest: of both sides, and of one."""
    return {
        "openInterest": decimal(2 * held, decimals),
        "singleOpenInterest": decimal(held, decimals),
    }


def tickers(quotes: Quotes, chosen: Iterable[int]) -> list[Row]:
    """Return rows of tickers: price, book, open interest and funding in one."""
    detail = quotes.detail
    if detail is None:
        return []
    rows: list[Row] = []
    last, mark = quotes.last.tolist(), quotes.mark.tolist()
    held, index = quotes.open_interest.tolist(), detail.index.tolist()
    opened, rate = detail.open_24h.tolist(), detail.funding_rate.tolist()
    for at in chosen:
        listing = quotes.listings[at]
        price, size = listing.price_decimals, listing.size_decimals
        finer = None if price is None else price + 2
        is_dated = listing.kind == "dated"
        rows.append(
            {
                "symbol": listing.symbol,
                "lastPrice": decimal(last[at], price),
                "indexPrice": decimal(index[at], finer),
                "markPrice": decimal(mark[at], finer),
                "prevPrice24h": decimal(opened[at], price),
                "price24hPcnt": f"{last[at] / opened[at] - 1:.6f}",
                "highPrice24h": decimal(float(detail.high_24h[at]), price),
                "lowPrice24h": decimal(float(detail.low_24h[at]), price),
                "prevPrice1h": decimal(float(detail.open_1h[at]), price),
                **both_sides(held[at], size),
                "openInterestValue": f"{2 * held[at] * mark[at]:.2f}",
                "singleOpenInterestValue": f"{held[at] * mark[at]:.2f}",
                "turnover24h": f"{float(quotes.turnover[at]):.4f}",
                "volume24h": decimal(float(quotes.volume[at]), size),
                "fundingRate": "" if is_dated else f"{rate[at]:.8f}",
                "nextFundingTime": "0" if is_dated else str(int(detail.next_funding_ms[at])),
                "fundingIntervalHour": "" if is_dated else str(listing.funding_h),
                "fundingCap": "" if is_dated else "0.02",
                "predictedDeliveryPrice": "",
                "basisRate": f"{mark[at] / index[at] - 1:.6f}" if is_dated else "",
                "basis": decimal(last[at] - index[at], price) if is_dated else "",
                "deliveryFeeRate": "0.0005" if is_dated else "",
                "deliveryTime": str(listing.delivery_ms),
                "ask1Size": decimal(float(detail.ask_size[at]), size),
                "bid1Price": decimal(float(detail.bid[at]), price),
                "ask1Price": decimal(float(detail.ask[at]), price),
                "bid1Size": decimal(float(detail.bid_size[at]), size),
                "preOpenPrice": "",
                "preQty": "",
                "curPreListingPhase": "",
            }
        )
    return rows
