"""A collector's streams at a real simulator, over real sockets, in a time that tests move on."""

import asyncio
import math
import random
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from collector.cycles.venue_collector import VenueCollector
from collector.runtime.clock import Clock
from collector.runtime.guarded_tasks import GuardedTasks
from collector.streams.feed import Feed
from collector.venues import VENUES
from simulator.server import Simulator, synthetic
from tests.waiting import HANG_S

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEP_S = 0.25
TOP = 6
CHANNELS = ("trades", "liquidations", "depth")


class MovedClock:
    """A clock that shows what it is set to; who sleeps wakes when it is there."""

    speed = 1.0

    def __init__(self, start):
        self.shown = start
        self.elapsed_s = 0.0
        self._sleepers = []

    def now(self):
        return self.shown

    def monotonic_s(self):
        return self.elapsed_s

    def wall_s(self, seconds):
        """Limits on the wall are for machines that hang."""
        return max(seconds, 60.0)

    async def sleep(self, seconds):
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.elapsed_s + seconds, woken))
        await woken

    def move(self, seconds):
        self.elapsed_s += seconds
        self.shown += timedelta(seconds=seconds)
        due = [woken for wakes_s, woken in self._sleepers if wakes_s <= self.elapsed_s + 1e-9]
        self._sleepers = [one for one in self._sleepers if one[1] not in due]
        for woken in due:
            if not woken.done():
                woken.set_result(None)


class World:
    """A simulator, and collectors of its venues that hear its streams."""

    def __init__(self, simulator, session):
        self.simulator, self._session = simulator, session
        self.clock = MovedClock(NOON)
        self.tasks = GuardedTasks(self.clock)
        self.collectors = []

    async def collector(self, name, *, top_n=TOP, last_heard=None):
        one = VenueCollector(
            VENUES[name], self.clock, simulator_url=self.simulator.url, top_n=top_n, interval_s=30
        )
        one.feed = Feed(
            one.background_client(),
            self.clock,
            self.tasks,
            simulator_url=self.simulator.url,
            last_heard=last_heard,
            rng=random.Random(1),
        )
        self.collectors.append(one)
        await self.during(one.refresh_universe())
        return one

    def outsider(self, one):
        """Return the largest listed instrument that *one* does not collect."""
        return next(listed for listed in one.universe.records if not listed.in_universe)

    async def step(self, seconds=STEP_S):
        """Move time on, and let everybody do what is to be done then."""
        await self.simulator.advance(seconds)
        self.clock.move(seconds)
        for _ in range(10):
            await asyncio.sleep(0)

    async def run(self, seconds):
        for _ in range(math.ceil(seconds / STEP_S)):
            await self.step()

    async def during(self, work):
        """Move time on until *work* is done; return what it returns."""
        task = asyncio.ensure_future(work)
        await self.until(task.done)
        return task.result()

    async def until(self, condition, within_s=1800.0):
        """Move time on until *condition* holds."""
        end_s = self.clock.elapsed_s + within_s
        while not condition():
            assert self.clock.elapsed_s < end_s, "it never came to be"
            await self.step()

    async def quiet(self):
        """Wait, while time stands still, until all that was sent has been read."""
        before, turns = -1, 0
        while turns < 50:
            now = sum(one.feed.frames(name) for one in self.collectors for name in CHANNELS)
            before, turns = now, turns + 1 if now == before else 0
            await asyncio.sleep(0)

    async def settle(self, condition):
        """Let everybody work on, while time stands still, until *condition* holds."""
        async with asyncio.timeout(HANG_S):
            while not condition():
                await asyncio.sleep(0.001)

    async def fault(self, **wanted):
        url = f"{self.simulator.url}/simulator/faults"
        async with self._session.post(url, json=wanted) as answer:
            assert answer.status == 200, await answer.text()

    async def clear(self):
        async with self._session.delete(f"{self.simulator.url}/simulator/faults") as answer:
            assert answer.status == 200

    @staticmethod
    def standing(one, channel):
        return one.feed.statuses()[channel]

    def is_live(self, one, channel="trades"):
        found = self.standing(one, channel)
        return found.state == "live" and found.instruments == found.of

    @staticmethod
    def gaps(one, channel="trades"):
        """Return what the ledger was told about a channel since this was last asked."""
        stated = [record for record in one.feed.records() if record.table == "gaps"]
        return [gap for gap in stated if gap.channel == channel]

    async def down(self, one, channel="trades"):
        """Have every connection to a venue cut and refused, and wait until that is noticed."""
        await self.fault(venue=one.name, kind="ws_refuse")
        await self.fault(venue=one.name, kind="ws_cut")
        await self.until(lambda: self.standing(one, channel).state == "down")

    async def account(self, one):
        """Open an account when the streams are live and all that was sent by then is taken."""
        await self.until(lambda: self.is_live(one))
        await self.quiet()
        account = Account(self, one)
        account.take()
        assert "partial:trades" in account.flags
        account.flags.clear()
        account.sums = {venue_id: [0.0, 0.0] for venue_id in account.sums}
        return account

    async def ask(self, path):
        """Return what the simulator answers, while time stands still."""
        async with self._session.get(f"{self.simulator.url}{path}") as answer:
            return await answer.json()

    async def truth(self, venue, from_ms, to_ms=None):
        """Return what was really traded and liquidated, by the venue's names."""
        to_ms = to_ms if to_ms is not None else self.simulator.now_ms()
        window = f"venue={venue}&from_ms={from_ms}&to_ms={to_ms}"
        return (await self.ask(f"/simulator/flows?{window}"))["flows"]


class Account:
    """Adds up what a feed gives from now on, and holds it against the market's own account."""

    def __init__(self, world, one):
        self.world, self.one = world, one
        self.since_ms = world.simulator.now_ms()
        self.sums = {instrument.venue_id: [0.0, 0.0] for instrument in one.universe.chosen}
        self.flags = set()

    def take(self):
        """Take what a snapshot would; return how many instruments were withheld."""
        withheld = 0
        for venue_id, sums in self.sums.items():
            fields, flags = self.one.feed.part(venue_id)
            self.flags.update(flags)
            if fields["taker_buy_usd"] is None:
                withheld += 1
            else:
                sums[0] += fields["taker_buy_usd"]
                sums[1] += fields["taker_sell_usd"]
        return withheld

    async def agrees(self):
        """Check that every instrument's sums are the truth."""
        await self.world.quiet()
        self.take()
        truth = await self.world.truth(self.one.name, self.since_ms)
        nothing = {"taker_buy_usd": 0, "taker_sell_usd": 0}
        expected = {
            venue_id: [truth.get(venue_id, nothing)[side] for side in nothing]
            for venue_id in self.sums
        }
        assert self.sums == {one: pytest.approx(sides) for one, sides in expected.items()}


@pytest.fixture(scope="session")
def market():
    return synthetic(12, seed=3)


@pytest.fixture
async def world(market):
    clock = Clock(origin=NOON, speed=0)
    async with Simulator(market, clock) as simulator, aiohttp.ClientSession() as session:
        made = World(simulator, session)
        async with made.tasks:
            yield made
            await asyncio.gather(*(one.feed.close() for one in made.collectors))
            await asyncio.gather(*(one.close() for one in made.collectors))
