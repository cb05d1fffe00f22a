"""How OKX writes a contract: one row of its bulk answers, amounts in contracts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from simulator.market.listings import Listing
from simulator.market.source import Quotes
from simulator.rest.spans import HOUR_MS
from simulator.rest.wire_format import Row, decimal

Rows: TypeAlias = Callable[[Quotes, Iterable[int]], list[Row]]


def contracts(listing: Listing, base: float, price: float) -> str:
    """Write an amount of base as contracts; those of an inverse swap are worth fixed dollars."""
    worth = base * price if listing.kind == "inverse" else base
    return f"{worth / listing.contract_size:.2f}"


def written_base(listing: Listing, base: float) -> str:
    """Write an amount of base coins."""
    return decimal(base, listing.size_decimals)


def trade_row(
    listing: Listing, number: int, time_ms: int, price: float, size: float, is_buy: bool
) -> dict[str, str]:
    """Return a trade of *size* base, as REST and the channels of trades write it."""
    return {
        "instId": listing.symbol,
        "side": "buy" if is_buy else "sell",
        "sz": contracts(listing, size, price),
        "source": "0",
        "px": decimal(price, listing.price_decimals),
        "tradeId": str(number),
        "ts": str(time_ms),
    }


def instrument(listing: Listing) -> Row:
    """Return the contract's entry in public/instruments."""
    is_inverse = listing.kind == "inverse"
    family = listing.symbol.removesuffix("-SWAP")
    size = listing.contract_size
    return {
        "alias": "",
        "baseCcy": "",
        "category": "1",
        "ctMult": "1",
        "ctType": "inverse" if is_inverse else "linear",
        "ctVal": f"{size:.8f}".rstrip("0").rstrip("."),
        "ctValCcy": "USD" if is_inverse else listing.base,
        "expTime": "",
        "instCategory": "3" if listing.is_stock else "1",
        "instFamily": family,
        "instId": listing.symbol,
        "instType": "SWAP",
        "lever": "100",
        "listTime": str(listing.onboard_ms),
        "lotSz": "0.01",
        "maxLmtSz": "100000000",
        "maxMktSz": "1000000",
        "minSz": "0.01",
        "optType": "",
        "quoteCcy": "",
        "ruleType": "normal",
        "settleCcy": listing.base if is_inverse else "USDT",
        "state": "live",
        "stk": "",
        "tickSz": decimal(10.0 ** -(listing.price_decimals or 0), listing.price_decimals),
        "uly": family,
    }


def tickers(quotes: Quotes, chosen: Iterable[int]) -> list[Row]:
    """Return rows of market/tickers."""
    detail = quotes.detail
    if detail is None:
        return []
    rows: list[Row] = []
    last, volume = quotes.last.tolist(), quotes.volume.tolist()
    for at in chosen:
        listing, price = quotes.listings[at], last[at]
        places = listing.price_decimals
        rows.append(
            {
                "instType": "SWAP",
                "instId": listing.symbol,
                "last": decimal(price, places),
                "lastSz": contracts(listing, float(detail.bid_size[at]), price),
                "askPx": decimal(float(detail.ask[at]), places),
                "askSz": contracts(listing, float(detail.ask_size[at]), price),
                "bidPx": decimal(float(detail.bid[at]), places),
                "bidSz": contracts(listing, float(detail.bid_size[at]), price),
                "open24h": decimal(float(detail.open_24h[at]), places),
                "high24h": decimal(float(detail.high_24h[at]), places),
                "low24h": decimal(float(detail.low_24h[at]), places),
                "volCcy24h": written_base(listing, volume[at]),
                "vol24h": contracts(listing, volume[at], price),
                "ts": str(int(quotes.time_ms[at])),
            }
        )
    return rows


def open_interests(quotes: Quotes, chosen: Iterable[int]) -> list[Row]:
    """Return rows of public/open-interest: in contracts, in base and in USD."""
    rows: list[Row] = []
    mark, held = quotes.mark.tolist(), quotes.open_interest.tolist()
    for at in chosen:
        listing = quotes.listings[at]
        rows.append(
            {
                "instId": listing.symbol,
                "instType": "SWAP",
                "oi": contracts(listing, held[at], mark[at]),
                "oiCcy": written_base(listing, held[at]),
                "oiUsd": f"{held[at] * mark[at]:.4f}",
                "ts": str(int(quotes.time_ms[at])),
            }
        )
    return rows


def marks(quotes: Quotes, chosen: Iterable[int]) -> list[Row]:
    """Return rows of public/mark-price."""
    rows: list[Row] = []
    for at in chosen:
        listing = quotes.listings[at]
        rows.append(
            {
                "instId": listing.symbol,
                "instType": "SWAP",
                "markPx": decimal(float(quotes.mark[at]), listing.mark_decimals),
                "ts": str(int(quotes.time_ms[at])),
            }
        )
    return rows


def indices(quotes: Quotes, chosen: Iterable[int]) -> list[Row]:
    """Return rows of market/index-tickers: what the contracts follow."""
    detail = quotes.detail
    if detail is None:
        return []
    rows: list[Row] = []
    for at in chosen:
        listing = quotes.listings[at]
        rows.append(
            {
                "instId": listing.symbol.removesuffix("-SWAP"),
                "idxPx": decimal(float(detail.index[at]), listing.mark_decimals),
                "ts": str(int(quotes.time_ms[at])),
            }
        )
    return rows


def fundings(quotes: Quotes, chosen: Iterable[int]) -> list[Row]:
    """Return rows of public/funding-rate; the interval is the difference of the two times."""
    detail = quotes.detail
    if detail is None:
        return []
    rows: list[Row] = []
    for at in chosen:
        listing = quotes.listings[at]
        due = int(detail.next_funding_ms[at])
        rate = float(detail.funding_rate[at])
        rows.append(
            {
                "formulaType": "withRate",
                "fundingRate": f"{rate:.8f}",
                "fundingTime": str(due),
                "impactValue": "20000",
                "instId": listing.symbol,
                "instType": "SWAP",
                "interestRate": "0.0001",
                "maxFundingRate": "0.02",
                "method": "current_period",
                "minFundingRate": "-0.02",
                "nextFundingRate": "",
                "nextFundingTime": str(due + listing.funding_h * HOUR_MS),
                "premium": f"{float(quotes.mark[at] / detail.index[at] - 1):.10f}",
                "settFundingRate": "",
                "settState": "processing",
                "ts": str(int(quotes.time_ms[at])),
            }
        )
    return rows
