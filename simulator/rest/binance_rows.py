"""How Binance writes a contract: one row of its bulk answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from simulator.market.listings import Listing
from simulator.market.source import Quotes
from simulator.rest.spans import DAY_MS
from simulator.rest.wire_format import Json, Row, decimal

Rows: TypeAlias = Callable[[Quotes, Iterable[int]], list[Row]]

STEP_MS = 5_000
TRADES_PER_STEP = 4
"""What the venue's count of trades assumes; ids are made to agree with it."""


_UPDATES = 4
"""Updates of a book in a tenth of a second, of which the numbers of its states are made."""


def update_id(time_ms: int) -> int:
    """Return the number of a book's latest update; REST and streams agree on it."""
    return time_ms // 100 * _UPDATES


def symbol_info(listing: Listing) -> Json:
    """Return the contract's entry in exchangeInfo."""
    price = 8 if listing.price_decimals is None else listing.price_decimals
    size = 8 if listing.size_decimals is None else listing.size_decimals
    tick, lot = decimal(10.0**-price, price), decimal(10.0**-size, size)
    is_dated = listing.kind == "dated"
    perpetual = "TRADIFI_PERPETUAL" if listing.is_stock else "PERPETUAL"
    lots: Row = {"stepSize": lot, "maxQty": "1000000000", "minQty": lot}
    return {
        "symbol": listing.symbol,
        "pair": f"{listing.base}USDT",
        "contractType": "CURRENT_QUARTER" if is_dated else perpetual,
        "deliveryDate": listing.delivery_ms or 4_133_404_800_000,
        "onboardDate": listing.onboard_ms,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": listing.base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": price,
        "quantityPrecision": size,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "EQUITY" if listing.is_stock else "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": "100000000",
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", **lots},
            {"filterType": "MARKET_LOT_SIZE", **lots},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def tickers(quotes: Quotes, chosen: Iterable[int]) -> list[Row]:
    """Return rows of ticker/24hr. Binance states no bid and no ask here."""
    rows: list[Row] = []
    last, volume = quotes.last.tolist(), quotes.volume.tolist()
    turnover, time_ms = quotes.turnover.tolist(), quotes.time_ms.tolist()
    detail = quotes.detail
    for at in chosen:
        listing = quotes.listings[at]
        price, size = listing.price_decimals, listing.size_decimals
        closed = time_ms[at]
        row: Row = {
            "symbol": listing.symbol,
            "lastPrice": decimal(last[at], price),
            "volume": decimal(volume[at], size),
            "quoteVolume": decimal(turnover[at], None if size is None else 2),
            "openTime": closed - DAY_MS,
            "closeTime": closed,
        }
        if detail is not None:
            opened = float(detail.open_24h[at])
            step = closed // STEP_MS
            row |= {
                "priceChange": decimal(last[at] - opened, price),
                "priceChangePercent": f"{(last[at] / opened - 1) * 100:.3f}",
                "weightedAvgPrice": decimal(turnover[at] / volume[at], price),
                "lastQty": decimal(float(detail.bid_size[at]), size),
                "openPrice": decimal(opened, price),
                "highPrice": decimal(float(detail.high_24h[at]), price),
                "lowPrice": decimal(float(detail.low_24h[at]), price),
                "firstId": (step - DAY_MS // STEP_MS) * TRADES_PER_STEP,
                "lastId": step * TRADES_PER_STEP - 1,
                "count": DAY_MS // STEP_MS * TRADES_PER_STEP,
            }
        rows.append(row)
    return rows


def book_tickers(quotes: Quotes, chosen: Iterable[int]) -> list[Row]:
    """Return rows of ticker/bookTicker, or none if the source knows no books."""
    detail = quotes.detail
    if detail is None:
        return []
    rows: list[Row] = []
    for at in chosen:
        listing = quotes.listings[at]
        price, size = listing.price_decimals, listing.size_decimals
        time = int(quotes.time_ms[at])
        rows.append(
            {
                "symbol": listing.symbol,
                "bidPrice": decimal(float(detail.bid[at]), price),
                "bidQty": decimal(float(detail.bid_size[at]), size),
                "askPrice": decimal(float(detail.ask[at]), price),
                "askQty": decimal(float(detail.ask_size[at]), size),
                "time": time,
                "lastUpdateId": update_id(time),
            }
        )
    return rows


def premium_indices(quotes: Quotes, chosen: Iterable[int]) -> list[Row]:
    """Return rows of premiumIndex.

    What is not known is an empty string, as the venue writes the funding of a
    dated contract.
    """
    rows: list[Row] = []
    detail = quotes.detail
    for at in chosen:
        listing = quotes.listings[at]
        places = listing.mark_decimals
        has_funding = detail is not None and listing.kind == "perpetual"
        index = "" if detail is None else decimal(float(detail.index[at]), places)
        rate = f"{float(detail.funding_rate[at]):.8f}" if detail and has_funding else ""
        due = int(detail.next_funding_ms[at]) if detail and has_funding else 0
        rows.append(
            {
                "symbol": listing.symbol,
                "markPrice": decimal(float(quotes.mark[at]), places),
                "indexPrice": index,
                "estimatedSettlePrice": index,
                "lastFundingRate": rate,
                "interestRate": "0.00010000" if has_funding else "",
                "nextFundingTime": due,
                "time": int(quotes.time_ms[at]),
            }
        )
    return rows
