"""The venues' rate limits, counted on the simulator's clock and enforced in their own words.

All clients of a simulator share one address, so the limits per address are
limits on everybody. Refused requests count too, as they do at the venues.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from simulator.rest.wire_format import Answer, Json

_MINUTE_MS = 60_000

_BINANCE_WEIGHT = 2_400
"""Weight in a minute."""

_BINANCE_DATA = 1_000
"""Requests under /futures/data in five minutes."""

_BINANCE_FUNDING = 500
"""Requests for fundingRate and fundingInfo together in five minutes."""

_BINANCE_REFUSALS_BEFORE_BAN = 10
"""Requests after the first 429 of a minute that are still only refused; then a ban."""

_BINANCE_FIRST_BAN_MS = 2 * _MINUTE_MS
_BINANCE_MAX_BAN_MS = 3 * 86_400_000

_BYBIT_REQUESTS, _BYBIT_WINDOW_MS = 600, 5_000
_BYBIT_PER_PATH = 400
"""Requests for one path in five seconds. Ours: the venue states none for public data."""

_BYBIT_BLOCK_MS = 10 * _MINUTE_MS

_OKX_WINDOW_MS = 2_000
_OKX_STATISTICS = "/api/v5/rubik/stat/contracts/"
_OKX_LIMITS = {
    # path: requests in two seconds, whether each instrument has its own count
    "/api/v5/market/tickers": (20, False),
    "/api/v5/market/ticker": (20, False),
    "/api/v5/market/index-tickers": (20, False),
    "/api/v5/public/open-interest": (20, True),
    "/api/v5/public/funding-rate": (10, True),
    "/api/v5/public/funding-rate-history": (10, True),
    "/api/v5/public/mark-price": (10, True),
    "/api/v5/public/instruments": (20, False),
    "/api/v5/public/time": (10, False),
    "/api/v5/market/candles": (40, False),
    "/api/v5/market/history-candles": (20, False),
    "/api/v5/market/books": (40, False),
    "/api/v5/market/trades": (100, False),
    "/api/v5/market/history-trades": (20, False),
    f"{_OKX_STATISTICS}long-short-account-ratio-contract": (5, True),
    f"{_OKX_STATISTICS}long-short-account-ratio-contract-top-trader": (5, True),
    f"{_OKX_STATISTICS}long-short-position-ratio-contract-top-trader": (5, True),
    f"{_OKX_STATISTICS}open-interest-history": (10, True),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass."""

    refusal: Answer | None = None
    """What to answer instead; a body of type str is text, not JSON."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """To be sent with whatever is answered."""


class SlidingWindow:
    """Counts what happened in the last *window_ms*."""

    def __init__(self, limit: int, window_ms: int) -> None:
        """Allow *limit* events in *window_ms*."""
        self._limit = limit
        self._window_ms = window_ms
        self._times: deque[int] = deque()

    def is_over(self, now_ms: int) -> bool:
        """Count one event and return whether it was too many."""
        while self._times and self._times[0] <= now_ms - self._window_ms:
            self._times.popleft()
        self._times.append(now_ms)
        if len(self._times) > self._limit + 1:
            self._times.popleft()
        return len(self._times) > self._limit


def binance_weight(path: str, query: Mapping[str, str]) -> int:
    """Return what Binance charges for a request, whatever a client believes. [weight]"""
    is_all = "symbol" not in query
    limit = int(query["limit"]) if query.get("limit", "").isdigit() else 500
    match path.removeprefix("/fapi/v1/"):
        case "ticker/24hr":
            return 40 if is_all else 1
        case "ticker/bookTicker":
            return 5 if is_all else 2
        case "premiumIndex":
            return 10 if is_all else 1
        case "aggTrades":
            return 20
        case "klines":
            return _stepped(limit, ((99, 1), (499, 2), (1000, 5)), 10)
        case "depth":
            return _stepped(limit, ((50, 2), (100, 5), (500, 10)), 20)
        case "fundingRate" | "fundingInfo":
            return 0
        case _:
            return 0 if path.startswith("/futures/data/") else 1


def _stepped(value: int, steps: tuple[tuple[int, int], ...], above: int) -> int:
    return next((charge for most, charge in steps if value <= most), above)


class BinanceLimits:
    """2400 weight a minute; 429 over it, and a ban with 418 for whoever goes on."""

    def __init__(self) -> None:
        """Start with nothing used."""
        self._minute = -1
        self._used = 0
        self._refused = 0
        self._banned_until_ms = 0
        self._next_ban_ms = _BINANCE_FIRST_BAN_MS
        self._data = SlidingWindow(_BINANCE_DATA, 5 * _MINUTE_MS)
        self._funding = SlidingWindow(_BINANCE_FUNDING, 5 * _MINUTE_MS)

    def charge(self, path: str, query: Mapping[str, str], now_ms: int) -> Verdict:
        """Charge one request and say whether it passes."""
        if now_ms < self._banned_until_ms:
            return self._banned(now_ms)
        if now_ms // _MINUTE_MS != self._minute:
            self._minute, self._used, self._refused = now_ms // _MINUTE_MS, 0, 0
        self._used += binance_weight(path, query)
        if self._used > _BINANCE_WEIGHT:
            wait_ms = (self._minute + 1) * _MINUTE_MS - now_ms
            return self._refuse(f"{_BINANCE_WEIGHT} request weight per 1 MINUTE", wait_ms, now_ms)
        is_funding = path in {"/fapi/v1/fundingRate", "/fapi/v1/fundingInfo"}
        if path.startswith("/futures/data/") and self._data.is_over(now_ms):
            return self._refuse(f"{_BINANCE_DATA} requests per 5 MINUTE", _MINUTE_MS, now_ms)
        if is_funding and self._funding.is_over(now_ms):
            return self._refuse(f"{_BINANCE_FUNDING} requests per 5 MINUTE", _MINUTE_MS, now_ms)
        return Verdict(headers=self._headers())

    def _headers(self) -> dict[str, str]:
        return {"X-MBX-USED-WEIGHT-1M": str(self._used)}

    def _refuse(self, limit: str, wait_ms: int, now_ms: int) -> Verdict:
        self._refused += 1
        if self._refused > _BINANCE_REFUSALS_BEFORE_BAN:
            self._banned_until_ms = now_ms + self._next_ban_ms
            self._next_ban_ms = min(self._next_ban_ms * 2, _BINANCE_MAX_BAN_MS)
            return self._banned(now_ms)
        message = (
            f"Too many requests; current limit of IP(127.0.0.1) is {limit}. "
            "Please use the websocket for live updates to avoid polling the API."
        )
        return Verdict(binance_refusal(429, message), self._headers() | retry_after(wait_ms))

    def _banned(self, now_ms: int) -> Verdict:
        message = (
            f"Way too many requests; IP(127.0.0.1) banned until {self._banned_until_ms}. "
            "Please use the websocket for live updates to avoid bans."
        )
        wait = retry_after(self._banned_until_ms - now_ms)
        return Verdict(binance_refusal(418, message), self._headers() | wait)


def binance_refusal(status: int, message: str) -> Answer:
    """Return Binance's body for too many requests."""
    return Answer({"code": -1003, "msg": message}, status)


def retry_after(wait_ms: int) -> dict[str, str]:
    """Return the header that says how long to wait, in whole seconds of the simulator's clock."""
    return {"Retry-After": str(max(1, -(-wait_ms // 1000)))}


class BybitLimits:
    """600 requests in 5 s; over that the address gets 403 for ten minutes."""

    def __init__(self) -> None:
        """Start with nothing used."""
        self._all = SlidingWindow(_BYBIT_REQUESTS, _BYBIT_WINDOW_MS)
        self._paths: defaultdict[str, SlidingWindow] = defaultdict(
            lambda: SlidingWindow(_BYBIT_PER_PATH, _BYBIT_WINDOW_MS)
        )
        self._blocked_until_ms = 0

    def charge(self, path: str, query: Mapping[str, str], now_ms: int) -> Verdict:
        """Charge one request and say whether it passes."""
        if self._all.is_over(now_ms) and now_ms >= self._blocked_until_ms:
            self._blocked_until_ms = now_ms + _BYBIT_BLOCK_MS
        if now_ms < self._blocked_until_ms:
            return Verdict(Answer("403, access too frequent", 403))
        if self._paths[path].is_over(now_ms):
            body: Json = {
                "retCode": 10006,
                "retMsg": "Too many visits!",
                "result": {},
                "retExtInfo": {},
                "time": now_ms,
            }
            return Verdict(Answer(body))
        return Verdict()


class OkxLimits:
    """A limit per endpoint over two seconds, of some per instrument as well."""

    def __init__(self) -> None:
        """Start with nothing used."""
        self._windows: dict[tuple[str, str], SlidingWindow] = {}

    def charge(self, path: str, query: Mapping[str, str], now_ms: int) -> Verdict:
        """Charge one request and say whether it passes."""
        limit, is_per_instrument = _OKX_LIMITS.get(path, (20, False))
        key = (path, query.get("instId", "") if is_per_instrument else "")
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = SlidingWindow(limit, _OKX_WINDOW_MS)
        if window.is_over(now_ms):
            return Verdict(okx_refusal())
        return Verdict()


def okx_refusal() -> Answer:
    """Return OKX's body for too many requests."""
    return Answer({"code": "50011", "msg": "Too Many Requests", "data": []}, 429)


class Limits(Protocol):
    """The rate limits of one venue."""

    def charge(self, path: str, query: Mapping[str, str], now_ms: int) -> Verdict:
        """Charge one request and say whether it passes."""


def limits_of(venue: str) -> Limits:
    """Return fresh limits of *venue*."""
    kinds: dict[str, type[Limits]] = {
        "binance": BinanceLimits,
        "bybit": BybitLimits,
        "okx": OkxLimits,
    }
    return kinds[venue]()
