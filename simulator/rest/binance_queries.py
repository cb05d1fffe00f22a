"""What the requests to Binance have in common: periods, errors, which contract, which span."""

from __future__ import annotations

from simulator.market.listings import Listing
from simulator.market.source import Source
from simulator.rest.spans import DAY_MS, HOUR_MS, MINUTE_MS, WEEK_MS, Span, earliest, latest
from simulator.rest.wire_format import Answer, Query, RefusedError

VENUE = "binance"

PERIODS = {
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
}
INTERVALS = PERIODS | {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "8h": 8 * HOUR_MS,
    "3d": 3 * DAY_MS,
    "1w": WEEK_MS,
}


def error(code: int, message: str, status: int = 400) -> Answer:
    """Return the venue's error body."""
    return Answer({"code": code, "msg": message}, status)


UNKNOWN_SYMBOL = error(-1121, "Invalid symbol.")

_NO_SYMBOL = error(
    -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."
)


def refusal(parameter: str) -> RefusedError:
    """Return the venue's error about a parameter."""
    if parameter == "interval":
        return RefusedError(error(-1120, "Invalid interval."))
    if parameter == "limit":
        return RefusedError(error(-4021, "Invalid limit."))
    return RefusedError(error(-1130, f"Data sent for parameter '{parameter}' is not valid."))


def listing_of(source: Source, query: Query, now_ms: int) -> Listing:
    """Return the contract that a request names, or refuse it."""
    symbol = query.text("symbol")
    if symbol is None:
        raise RefusedError(_NO_SYMBOL)
    listing = source.listing(VENUE, symbol, now_ms)
    if listing is None:
        raise RefusedError(UNKNOWN_SYMBOL)
    return listing


def span_of(
    query: Query, step_ms: int, now_ms: int, limit: int, offset_ms: int = 0, oldest_ms: int = 0
) -> Span:
    """Return what a history request asks for: from its start on, or else up to its end."""
    start, end = query.number("startTime"), query.number("endTime")
    end = now_ms if end is None else min(end, now_ms)
    if start is None:
        return latest(step_ms, oldest_ms, end, limit, offset_ms)
    return earliest(step_ms, max(start, oldest_ms), end, limit, offset_ms)
