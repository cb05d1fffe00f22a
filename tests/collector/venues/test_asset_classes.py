"""What lies beneath a contract, by each venue's own word."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.runtime.budget import Budget
from collector.runtime.clock import Clock
from collector.venues import VENUES
from collector.venues.client import VenueClient
from simulator.server import Simulator, synthetic


@pytest.mark.parametrize(
    ("venue", "said", "meant"),
    [
        ("binance", {"contractType": "PERPETUAL", "underlyingType": "COIN"}, "coin"),
        ("binance", {"contractType": "TRADIFI_PERPETUAL", "underlyingType": "EQUITY"}, "stock"),
        ("binance", {"contractType": "TRADIFI_PERPETUAL", "underlyingType": "KR_EQUITY"}, "stock"),
        (
            "binance",
            {"contractType": "TRADIFI_PERPETUAL", "underlyingType": "COMMODITY"},
            "commodity",
        ),
        ("binance", {"contractType": "TRADIFI_PERPETUAL", "underlyingType": "PREMARKET"}, "stock"),
        ("binance", {"contractType": "PERPETUAL", "underlyingType": "PREMARKET"}, "coin"),
        ("binance", {"contractType": "PERPETUAL", "underlyingType": "INDEX"}, "index"),
        ("binance", {"contractType": "TRADIFI_PERPETUAL", "underlyingType": "FX"}, "forex"),
        ("binance", {"contractType": "PERPETUAL"}, None),
        ("bybit", {"symbolType": ""}, "coin"),
        ("bybit", {"symbolType": "innovation"}, "coin"),
        ("bybit", {"symbolType": "xstocks"}, "stock"),
        ("bybit", {"symbolType": "stock"}, "stock"),
        ("bybit", {"symbolType": "commodity"}, "commodity"),
        ("bybit", {"symbolType": "a new word"}, None),
        ("bybit", {"symbolType": ["stock"]}, None),
        ("bybit", {}, None),
        ("okx", {"instCategory": "1"}, "coin"),
        ("okx", {"instCategory": "3"}, "stock"),
        ("okx", {"instCategory": "4"}, "commodity"),
        ("okx", {"instCategory": "9"}, None),
        ("okx", {}, None),
        ("hyperliquid", {"name": "BTC"}, None),
    ],
)
def test_reads_what_the_venue_says(venue, said, meant):
    assert VENUES[venue].asset_class({"info": said}) == meant


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
async def test_a_share_is_listed_as_one(venue):
    """Through real ccxt, which takes it for a perpetual like any other."""
    clock = Clock(origin=datetime(2026, 1, 1, tzinfo=UTC), speed=1.0)
    async with Simulator(synthetic(71, seed=1), clock) as simulator:
        budget = Budget(VENUES[venue].limits, clock, requests_per_s=1000)
        client = VenueClient(VENUES[venue], clock, budget, simulator_url=simulator.url)
        try:
            listed = {one.instrument.base: one.instrument for one in await client.listings()}
        finally:
            await client.close()
    assert listed["TSLA"].asset_class == "stock"
    assert {one.asset_class for base, one in listed.items() if base != "TSLA"} == {"coin"}
