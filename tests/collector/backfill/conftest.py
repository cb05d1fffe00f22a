"""A simulated market, a real lake, and histories of the simulated venues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from analytics.lake.records import Instrument
from analytics.lake.writer import Lake
from collector.backfill.filling import VenueHistory
from collector.backfill.plan import Stretch
from collector.cycles.venue_collector import VenueCollector
from collector.runtime.clock import Clock
from collector.venues import VENUES
from simulator.server import Simulator, synthetic

SPEED = 60.0
NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
"""Where stretches end; the simulated market's clock stands two minutes later."""


@pytest.fixture(scope="session")
def market():
    return synthetic(40, seed=3)


@pytest.fixture
async def simulator(market):
    clock = Clock(origin=NOON + timedelta(minutes=2), speed=SPEED)
    async with Simulator(market, clock) as running:
        yield running


@pytest.fixture
def refusals(simulator):
    """What the simulator's limits refused; empty where every budget was kept."""
    refused = []

    def watch(venue, limits):
        charge = limits.charge

        def watched(path, query, now_ms):
            verdict = charge(path, query, now_ms)
            if verdict.refusal is not None:
                refused.append((venue, path))
            return verdict

        limits.charge = watched

    for name, venue in simulator._venues.items():
        watch(name, venue.limits)
    return refused


@pytest.fixture
def lake(tmp_path):
    with Lake(tmp_path / "data", origin="simulator", reserve_bytes=0) as opened:
        yield opened


@pytest.fixture
async def histories(simulator, lake):
    """Makes the history of a venue, of these base assets or of the largest."""
    made = []

    async def make(name, *bases, lake=lake, top_n=2):
        collected = VenueCollector(
            VENUES[name],
            simulator.clock,
            simulator_url=simulator.url,
            top_n=300 if bases else top_n,
            # Long, so that a cycle's wall seconds are never short on a busy machine.
            interval_s=1800.0,
            timeout_s=60.0,
        )
        await collected.refresh_universe()
        if bases:
            chosen = {one.base: one for one in collected.universe.chosen}
            collected.universe.chosen = tuple(chosen[base] for base in bases)
        history = VenueHistory(collected, simulator.clock, lake)
        made.append(history)
        return history

    yield make
    for history in made:
        await history.close()
        await history.collected.close()


@pytest.fixture
def day():
    """The 24 h before noon."""
    return Stretch(NOON - timedelta(days=1), NOON)


@pytest.fixture
def fill():
    """Fills in and returns how it went; how far it came is not asked."""

    async def fill(history, stretch, archive=None):
        return await history.fill(stretch, lambda *_: None, archive)

    return fill


@pytest.fixture
def rows(lake):
    """What a query finds in the lake, as dictionaries."""

    def rows(statement, lake=lake):
        with lake.cursor() as cursor:
            return cursor.execute(statement).to_arrow_table().to_pylist()

    return rows


@pytest.fixture
def instrument():
    """Makes an instrument: BTC on Binance, but for what is said otherwise."""

    def make(**changes):
        usual = {
            "venue": "binance",
            "symbol": "BTC/USDT:USDT",
            "venue_id": "BTCUSDT",
            "base": "BTC",
            "multiplier": 1.0,
            "contract_size": 1.0,
            "linear": True,
            "quote": "USDT",
            "oi_unit": "quoted units",
            "in_universe": True,
            "first_seen_ts": NOON,
            "last_seen_ts": NOON,
        }
        return Instrument(**usual | changes)

    return make
