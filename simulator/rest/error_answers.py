"""How each venue refuses: region blocks, bans, overload, in its own words.

A body that is a string is sent as a page, anything else as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.rest.rate_limits import binance_refusal, okx_refusal
from simulator.rest.wire_format import Answer

_BINANCE_REGION = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms. Please contact customer service if you believe you "
    "received this message in error."
)
_CLOUDFRONT = "The Amazon CloudFront distribution is configured to block access from your country"


def _page(status: int, reason: str) -> Answer:
    title = f"{status} {reason}"
    return Answer(
        f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>", status
    )


def refusal(venue: str, status: int, now_ms: int) -> Answer:
    """Return what *venue* answers with *status* at *now_ms*."""
    return {"binance": _binance, "bybit": _bybit, "okx": _okx}[venue](status, now_ms)


def headers(status: int) -> Mapping[str, str]:
    """Return what goes with *status*: how long to wait, where venues say so."""
    return {"Retry-After": {418: "120", 429: "30"}[status]} if status in {418, 429} else {}


def _binance(status: int, now_ms: int) -> Answer:
    match status:
        case 418:
            until = now_ms + 120_000
            return binance_refusal(
                418, f"Way too many requests; IP(127.0.0.1) banned until {until}."
            )
        case 429:
            return binance_refusal(429, "Too many requests; current limit is 2400 per 1 MINUTE.")
        case 451:
            return Answer({"code": 0, "msg": _BINANCE_REGION}, 451)
        case 500:
            return Answer({"code": -1000, "msg": "An unknown error occurred."}, 500)
        case 503:
            message = "Server is currently overloaded with other requests. Please try again later."
            return Answer({"code": -1008, "msg": message}, 503)
        case _:
            return _page(403, "Forbidden")


def _bybit(status: int, _now_ms: int) -> Answer:
    match status:
        case 403:
            return Answer({"error": _CLOUDFRONT}, 403)
        case 429:
            return Answer("429, too many requests", 429)
        case 451:
            return _page(451, "Unavailable For Legal Reasons")
        case 500:
            return _page(500, "Internal Server Error")
        case 503:
            return _page(503, "Service Temporarily Unavailable")
        case _:
            return _page(418, "I'm a teapot")


def _okx(status: int, _now_ms: int) -> Answer:
    match status:
        case 429:
            return okx_refusal()
        case 451:
            return _page(451, "Unavailable For Legal Reasons")
        case 500:
            return Answer({"code": "50026", "msg": "System error.", "data": []}, 500)
        case 503:
            message = "Service temporarily unavailable, please try again later."
            return Answer({"code": "50001", "msg": message, "data": []}, 503)
        case 418:
            return _page(418, "I'm a teapot")
        case _:
            return _page(403, "Forbidden")
