"""What tests of the collector share: recordings, a clock without waiting, a cut wire."""

import asyncio
import gzip
import heapq
import json
from datetime import UTC, datetime, timedelta

import pytest

from collector.budget import Budget
from collector.clock import Clock
from collector.venues import VENUES
from collector.venues.client import VenueClient


@pytest.fixture
def recorded(recordings):
    """Reads a recorded payload; skips the test where the recordings are not at hand."""

    def read(name):
        path = recordings / name
        if not path.exists():
            pytest.skip(f"the recording {name} is not among the recorded real data")
        if path.suffix == ".gz":
            return gzip.decompress(path.read_bytes()).decode()
        return json.loads(path.read_text())

    return read


class VirtualClock:
    """A clock whose sleepers wake in order without anybody waiting."""

    speed = 1.0

    def __init__(self):
        self.start = datetime(2026, 1, 1, tzinfo=UTC)
        self.elapsed_s = 0.0
        self._wakes = []

    def now(self):
        return self.start + timedelta(seconds=self.elapsed_s)

    def monotonic_s(self):
        return self.elapsed_s

    def wall_s(self, seconds):
        return seconds

    async def sleep(self, seconds):
        wake = (self.elapsed_s + max(seconds, 0.0), object.__hash__(object()))
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
