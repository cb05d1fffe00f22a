"""A venue's ban outlives the collector that met it."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import pytest

from collector.runtime.clock import Clock
from collector.service import timetable
from collector.service.app import opened
from collector.settings import Settings
from simulator.server import Simulator, synthetic


@pytest.fixture
async def simulator():
    clock = Clock(origin=datetime(2026, 1, 1, 12, 2, tzinfo=UTC), speed=1.0)
    async with Simulator(synthetic(4, seed=1), clock) as running:
        yield running


async def test_a_restart_leaves_a_venue_alone_that_banned_us(simulator, tmp_path):
    """Asked before its time, it would ban the address for longer; the other venues go on."""
    settings = Settings(
        data_dir=tmp_path, simulator=simulator.url, venues=("binance", "okx"), min_free_mb=0
    )
    fault = {"venue": "binance", "path": "*", "kind": "status", "status": 418}
    async with aiohttp.ClientSession() as session, opened(settings) as program:
        async with session.post(f"{simulator.url}/simulator/faults", json=fault) as added:
            assert added.status == 200
        for one in program.venues:
            await timetable.run_cycle(program, one)
        until = program.venues[0].budget.paused_until
    asked = simulator.requests["binance"].total()

    async with opened(settings) as again:
        banned, other = again.venues
        _, record = await banned.cycle()

        assert banned.budget.paused_until == until
        assert other.budget.paused_until is None
        assert "no requests until" in (await timetable.run_cycle(again, banned)).error
        assert record.requests == 0
    assert simulator.requests["binance"].total() == asked
