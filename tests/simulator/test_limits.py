"""Rate limits as the venues count, word and escalate them, on the simulator's clock."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import ccxt
import pytest

from collector.runtime.clock import Clock
from simulator.rest.rate_limits import (
    BinanceLimits,
    BybitLimits,
    OkxLimits,
    SlidingWindow,
    binance_weight,
)
from simulator.server import Simulator

MINUTE = 60_000
NOON = 1_763_640_000_000
"""2025-11-20 12:00:00 UTC."""

TICKERS = "/fapi/v1/ticker/24hr"
RATIO = "/futures/data/globalLongShortAccountRatio"


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [
        (TICKERS, {}, 40),
        (TICKERS, {"symbol": "BTCUSDT"}, 1),
        ("/fapi/v1/premiumIndex", {}, 10),
        ("/fapi/v1/premiumIndex", {"symbol": "BTCUSDT"}, 1),
        ("/fapi/v1/ticker/bookTicker", {}, 5),
        ("/fapi/v1/openInterest", {"symbol": "BTCUSDT"}, 1),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "limit": "99"}, 1),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT"}, 5),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "limit": "1500"}, 10),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "20"}, 2),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT"}, 10),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "1000"}, 20),
        ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT"}, 20),
        (RATIO, {"symbol": "BTCUSDT"}, 0),
        ("/fapi/v1/exchangeInfo", {}, 1),
    ],
)
def test_binance_charges_what_the_venue_charges(path, query, weight):
    """Not what ccxt believes: premiumIndex of everybody costs 10, depth without limit 10."""
    assert binance_weight(path, query) == weight


def test_binance_refuses_over_2400_a_minute_and_forgives_in_the_next():
    limits = BinanceLimits()
    passed = [limits.charge(TICKERS, {}, NOON + 20_000) for _ in range(60)]

    over = limits.charge(TICKERS, {}, NOON + 20_000)
    later = limits.charge(TICKERS, {}, NOON + MINUTE)

    assert all(verdict.refusal is None for verdict in passed)
    assert passed[-1].headers["X-MBX-USED-WEIGHT-1M"] == "2400"
    assert over.refusal is not None
    assert over.refusal.status == 429
    assert over.refusal.body["code"] == -1003
    assert over.headers["Retry-After"] == "40"
    assert later.refusal is None
    assert later.headers["X-MBX-USED-WEIGHT-1M"] == "40"


def test_binance_bans_who_goes_on_and_longer_the_second_time():
    limits = BinanceLimits()

    def status_after(count, now):
        found = [limits.charge(TICKERS, {}, now) for _ in range(count)][-1]
        return found.refusal.status if found.refusal else 200, found

    assert status_after(70, NOON)[0] == 429
    banned, verdict = status_after(1, NOON)
    assert banned == 418
    assert verdict.headers["Retry-After"] == "120"
    assert f"banned until {NOON + 2 * MINUTE}" in verdict.refusal.body["msg"]
    assert status_after(1, NOON + 2 * MINUTE - 1)[0] == 418
    assert status_after(1, NOON + 2 * MINUTE)[0] == 200
    _, verdict = status_after(71, NOON + 2 * MINUTE)
    assert verdict.headers["Retry-After"] == "240"


def test_binance_counts_statistics_by_requests_in_five_minutes():
    limits = BinanceLimits()
    passed = [limits.charge(RATIO, {}, NOON + number) for number in range(1000)]

    over = limits.charge(RATIO, {}, NOON + 2000)
    other = limits.charge(TICKERS, {}, NOON + 2000)
    later = limits.charge(RATIO, {}, NOON + 5 * MINUTE + 2000)

    assert all(verdict.refusal is None for verdict in passed)
    assert over.refusal is not None
    assert over.refusal.status == 429
    assert other.refusal is None
    assert later.refusal is None


def test_binance_counts_both_funding_calls_together():
    limits = BinanceLimits()
    for _ in range(250):
        limits.charge("/fapi/v1/fundingRate", {}, NOON)
        limits.charge("/fapi/v1/fundingInfo", {}, NOON)

    assert limits.charge("/fapi/v1/fundingRate", {}, NOON).refusal.status == 429


def test_bybit_blocks_the_address_for_ten_minutes():
    limits = BybitLimits()
    paths = ["/v5/market/tickers", "/v5/market/kline"]
    passed = [limits.charge(paths[number % 2], {}, NOON) for number in range(600)]

    over = limits.charge("/v5/market/time", {}, NOON + 1)

    assert all(verdict.refusal is None for verdict in passed)
    assert over.refusal.status == 403
    assert "too frequent" in over.refusal.body
    assert limits.charge("/v5/market/time", {}, NOON + 9 * MINUTE).refusal.status == 403
    assert limits.charge("/v5/market/time", {}, NOON + 10 * MINUTE + 1).refusal is None


def test_bybit_refuses_a_single_path_in_the_body():
    limits = BybitLimits()
    for _ in range(400):
        limits.charge("/v5/market/account-ratio", {}, NOON)

    over = limits.charge("/v5/market/account-ratio", {}, NOON)

    assert over.refusal.status == 200
    assert over.refusal.body["retCode"] == 10006


def test_okx_counts_by_endpoint_and_some_by_instrument():
    limits = OkxLimits()
    ratio = "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract"
    btc, eth = {"instId": "BTC-USDT-SWAP"}, {"instId": "ETH-USDT-SWAP"}

    statuses = [limits.charge(ratio, btc, NOON).refusal for _ in range(6)]
    bulk = [limits.charge("/api/v5/market/tickers", {}, NOON).refusal for _ in range(21)]

    assert statuses[:5] == [None] * 5
    assert statuses[5].status == 429
    assert statuses[5].body["code"] == "50011"
    assert limits.charge(ratio, eth, NOON).refusal is None
    assert limits.charge(ratio, btc, NOON + 2001).refusal is None
    assert bulk[:20] == [None] * 20
    assert bulk[20] is not None


def test_refused_requests_keep_a_window_full():
    """Hammering at a closed door does not open it."""
    window = SlidingWindow(limit=2, window_ms=1000)

    found = [window.is_over(now) for now in (0, 0, 500, 1100, 1200, 2300)]

    assert found == [False, False, True, False, True, False]


async def test_the_wire_carries_the_refusals(simulator, http):
    for _ in range(60):
        async with http.get("/binance" + TICKERS) as passed:
            assert passed.status == 200
    async with http.get("/binance" + TICKERS) as refused:
        body = await refused.json()

    assert passed.headers["X-MBX-USED-WEIGHT-1M"] == "2400"
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) == 20
    assert refused.headers["X-MBX-USED-WEIGHT-1M"] == "2440"
    assert body["code"] == -1003
    assert simulator.requests["binance"][TICKERS] == 61


async def test_ccxt_sees_its_own_error_classes(clients):
    async def until_refused(call):
        for _ in range(80):
            await call()

    with pytest.raises(ccxt.DDoSProtection, match="-1003"):
        await until_refused(clients.binance.fapiPublicGetTicker24hr)
    with pytest.raises(ccxt.RateLimitExceeded, match="50011"):
        await until_refused(lambda: clients.okx.publicGetMarketTickers({"instType": "SWAP"}))


async def test_a_fast_clock_gives_the_budget_back_sooner(market):
    """At 600 times the speed a minute's weight is back after a tenth of a second."""
    clock = Clock(origin=datetime(2025, 11, 20, 12, tzinfo=UTC), speed=600)
    async with (
        Simulator(market, clock) as simulator,
        aiohttp.ClientSession(simulator.url) as http,
    ):
        for _ in range(61):
            async with http.get("/binance" + TICKERS):
                pass
        await clock.sleep(61)
        async with http.get("/binance" + TICKERS) as response:
            assert response.status == 200
            assert response.headers["X-MBX-USED-WEIGHT-1M"] == "40"
