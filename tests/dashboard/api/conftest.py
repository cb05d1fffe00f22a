"""The API as it is mounted beside the pages, on a lake that a test fills."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
import streamlit as st

from dashboard.api.application import application
from dashboard.server.api_mount import ApiMount

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


@pytest.fixture
def market(record):
    """Three pairs on two venues; of one hardly anything is known."""
    for minutes in range(5, 180, 5):
        ended = record.noon.replace(minute=40) - timedelta(minutes=minutes - 5)
        for symbol, price in ((BTC, 100.0), (ETH, 50.0)):
            flows = {"taker_buy_usd": 3e6, "taker_sell_usd": 1e6, "liq_long_usd": 5.0 * minutes}
            known = {"close": price + minutes / 50, "oi_usd": 9e9 + 1e7 * minutes, **flows}
            record.bar(symbol, ended=ended, **known, oi_base=9e7, ls_accounts=2.0)
    known = {"price": 101.0, "price_24h_ago": 100.0, "volume_24h_usd": 2e9, "oi_usd": 9.9e9}
    known |= {"oi_base": 9.1e7, "mark": 101.0, "index": 100.9, "spread_bps": 0.5}
    record.snapshot(BTC, **known, funding_rate=0.0001, funding_interval_h=8.0, ls_accounts=2.5)
    record.snapshot(ETH, venue="okx", price=49.0, oi_usd=1e9)
    record.snapshot(ETH, price=49.5)
    for venue in ("binance", "okx"):
        record.cycle(venue=venue)
    record.publish()


@pytest.fixture
def mounted(record):
    """A function that returns a client of the API, with *limits* of its own where given."""

    def client(limits=None, **options):
        mount = ApiMount(page)
        mount._api = application(limits)
        transport = httpx.ASGITransport(mount, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8501", **options)

    yield client
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def client(mounted):
    """A client of the API of a dashboard on loopback."""
    return mounted()


async def page(scope, receive, send):
    """Stand where Streamlit answers."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})
