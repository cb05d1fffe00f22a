"""What tests of the collector share: a clock without waiting, a cut wire."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from collector.runtime.budget import Budget
from collector.runtime.clock import Clock
from collector.runtime.guarded_tasks import GuardedTasks
from collector.service.app import opened
from collector.settings import Settings
from collector.venues import VENUES
from collector.venues.client import VenueClient
from simulator.server import Simulator, synthetic


class VirtualClock:
    """A clock whose sleepers wake in order, those of one time as they came, without any waiting."""

    speed = 1.0

    def __init__(self):
        self.start = datetime(2026, 1, 1, tzinfo=UTC)
        self.elapsed_s = 0.0
        self._wakes = []
        self._numbers = count()

    def now(self):
        return self.start + timedelta(seconds=self.elapsed_s)

    def monotonic_s(self):
        return self.elapsed_s

    def wall_s(self, seconds):
        return seconds

    async def sleep(self, seconds):
        wake = (self.elapsed_s + max(seconds, 0.0), next(self._numbers))
        heapq.heappush(self._wakes, wake)
        try:
            while True:
                for _ in range(5):
                    await asyncio.sleep(0)
                if self._wakes[0] == wake:
                    break
            self.elapsed_s = max(self.elapsed_s, wake[0])
        finally:
            self._wakes.remove(wake)
            heapq.heapify(self._wakes)


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
async def tasks(clock):
    """Tasks that run as long as a test does."""
    async with GuardedTasks(clock) as running:
        yield running


@pytest.fixture
async def program(tmp_path):
    """The parts of a collector of OKX, simulated, on 2026-01-01 from half past twelve on."""
    clock = Clock(origin=datetime(2026, 1, 1, 12, 30, tzinfo=UTC), speed=1.0)
    async with Simulator(synthetic(4, seed=1), clock) as simulator:
        settings = Settings(
            data_dir=tmp_path,
            simulator=simulator.url,
            venues=("okx",),
            top_n=3,
            interval_s=60,
            requests_per_s=50,
            request_timeout_s=7,
            snapshot_days=90,
            min_free_mb=1,
        )
        async with opened(settings) as running:
            yield running


@pytest.fixture
def cut_client():
    """Makes real ccxt clients of a venue whose wire is cut: every call gets *reply*."""

    def make(name, reply, clock=None):
        clock = clock if clock is not None else Clock()
        client = VenueClient(VENUES[name], clock, Budget(VENUES[name].limits, clock))

        async def fetch(url, method="GET", headers=None, body=None):
            client.urls.append(url)
            if isinstance(reply, Exception):
                raise reply
            return reply(url) if callable(reply) else reply

        client.urls = []
        client.exchange.fetch = fetch
        return client

    return make
