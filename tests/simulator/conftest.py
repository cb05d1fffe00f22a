"""A simulator whose clock stands still, and real ccxt clients in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import ccxt.async_support as ccxt
import pytest

from collector.runtime.clock import Clock
from simulator.market.synthetic import SyntheticMarket
from simulator.server import Simulator

NOON = datetime(2025, 11, 20, 12, 3, 40, tzinfo=UTC)


@dataclass(frozen=True)
class Clients:
    """The venues as the collector reaches them."""

    binance: Any
    bybit: Any
    okx: Any


def clients_of(url: str) -> Clients:
    """Return ccxt clients of a simulator. Their own throttle would only slow the tests down."""
    home = f"{url}/binance"
    paths = {"fapiPublic": f"{home}/fapi/v1", "fapiData": f"{home}/futures/data"}
    common = {"enableRateLimit": False}
    return Clients(
        ccxt.binanceusdm(common | {"urls": {"api": paths}}),
        ccxt.bybit(
            common
            | {
                "urls": {"api": {"public": f"{url}/bybit"}},
                "options": {"fetchMarkets": {"types": ["linear"]}},
            }
        ),
        ccxt.okx(
            common
            | {
                "urls": {"api": {"rest": f"{url}/okx"}},
                "options": {"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}},
            }
        ),
    )


@pytest.fixture(scope="session")
def market() -> SyntheticMarket:
    """One market for all tests: its answers do not depend on what was asked before."""
    return SyntheticMarket(instruments=24, seed=7)


@pytest.fixture
async def simulator(market: SyntheticMarket) -> AsyncIterator[Simulator]:
    async with Simulator(market, Clock(origin=NOON, speed=0)) as running:
        yield running


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[str], Clients]]:
    """A function that makes clients of the simulator at a URL; they are closed in the end."""
    made: list[Clients] = []

    def make(url: str) -> Clients:
        made.append(clients_of(url))
        return made[-1]

    yield make
    for clients in made:
        for client in (clients.binance, clients.bybit, clients.okx):
            client.timeout_on_exit = 0  # ms; ccxt waits a quarter of a second otherwise
            await client.close()


@pytest.fixture
def clients(simulator: Simulator, connect: Callable[[str], Clients]) -> Clients:
    return connect(simulator.url)


@pytest.fixture
async def http(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(simulator.url) as session:
        yield session
