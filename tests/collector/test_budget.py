import asyncio
import random
from datetime import timedelta

import pytest

from analytics.errors import RateLimited
from collector.runtime.budget import MAX_IN_FLIGHT, Budget, Limit


async def spend(budget, times, weights, log, clock, label=""):
    for _ in range(times):
        async with budget.turn("question", weights):
            log.append((label, clock.monotonic_s()))


async def test_requests_are_spaced_evenly(clock):
    """Ten a second means at most ten, and one more at its edge, within any second."""
    budget = Budget([], clock, requests_per_s=10, rng=random.Random(1))
    log = []

    await asyncio.gather(*(spend(budget, 5, {}, log, clock) for _ in range(8)))

    times = [at for _, at in log]
    assert len(times) == 40
    assert max(sum(t <= other < t + 1 for other in times) for t in times) <= 11
    assert 3.9 <= times[-1] <= 4.1


async def test_requests_leave_a_little_late_at_random(clock):
    """By up to a fifth of the spacing, so that many collectors do not ask in one beat."""
    budget = Budget([], clock, requests_per_s=10, rng=random.Random(1))
    log = []

    await spend(budget, 40, {}, log, clock)

    late = [at - n / 10 for n, (_, at) in enumerate(log)]
    assert min(late) >= -1e-9
    assert max(late) <= 0.02 + 1e-9
    assert max(late) - min(late) > 0.01


async def test_never_spends_more_than_its_share_in_any_window(clock):
    """60 % of 100 a minute: 12 questions of weight 5, then the window has to slide."""
    limit = Limit("weight", amount=100, per_s=60, ceiling=0.6)
    budget = Budget([limit], clock)
    log = []

    await asyncio.gather(*(spend(budget, 10, {"weight": 5}, log, clock) for _ in range(3)))

    times = [at for _, at in log]
    assert max(sum(t <= other < t + 60 for other in times) for t in times) <= 12
    assert times[11] < 2
    assert times[12] >= 60


async def test_those_who_wait_are_served_in_order(clock):
    """First come, first served, across a window that is full."""
    budget = Budget([Limit("weight", amount=4, per_s=10, ceiling=0.5)], clock)
    log = []

    await asyncio.gather(*(spend(budget, 1, {"weight": 1}, log, clock, label=n) for n in range(7)))

    assert [label for label, _ in log] == [*range(7)]


async def test_waiting_for_one_limit_holds_up_no_other(clock):
    """The ratios' own limit is exhausted for minutes; the cycle goes on all the while."""
    limits = [Limit("ratios", amount=1, per_s=300, ceiling=1), Limit("weight", 1000, 60)]
    budget = Budget(limits, clock)
    log = []

    await asyncio.gather(
        spend(budget, 3, {"ratios": 1}, log, clock, "ratios"),
        spend(budget, 20, {"weight": 1}, log, clock, "cycle"),
    )

    assert max(at for label, at in log if label == "cycle") < 5
    assert max(at for label, at in log if label == "ratios") >= 600


async def test_no_more_than_eight_are_under_way(clock):
    """The ninth request waits for an answer to one of the eight."""
    budget = Budget([], clock, requests_per_s=1000)
    under_way, most = 0, 0

    async def ask():
        nonlocal under_way, most
        async with budget.turn("question", {}):
            under_way += 1
            most = max(most, under_way)
            await clock.sleep(1)
            under_way -= 1

    await asyncio.gather(*(ask() for _ in range(30)))

    assert most == MAX_IN_FLIGHT


async def test_one_who_stops_waiting_has_spent_nothing(clock):
    """Cancelled in the queue, it leaves its weight and its place to the next."""
    budget = Budget([Limit("weight", amount=2, per_s=60, ceiling=1)], clock)
    log = []
    await spend(budget, 2, {"weight": 1}, log, clock)
    leaving = asyncio.create_task(spend(budget, 1, {"weight": 2}, log, clock, "leaving"))
    staying = asyncio.create_task(spend(budget, 1, {"weight": 1}, log, clock, "staying"))
    await asyncio.sleep(0)

    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await staying

    assert leaving.cancelled()
    assert [label for label, _ in log] == ["", "", "staying"]
    assert 60 <= log[-1][1] < 61


async def test_all_places_come_back_when_those_inside_fail(clock):
    """An error or a cancellation inside the turn frees the place."""
    budget = Budget([], clock, requests_per_s=1000)

    for _ in range(2 * MAX_IN_FLIGHT):
        with pytest.raises(ZeroDivisionError):
            async with budget.turn("question", {}):
                raise ZeroDivisionError

    async with budget.turn("question", {}):
        pass


async def test_a_venue_that_asked_for_silence_is_asked_nothing(clock):
    """Until the moment it named, every turn is refused at once; then all is as before."""
    budget = Budget([], clock)
    until = clock.now() + timedelta(seconds=90)
    budget.pause_until(RateLimited("binance", "ticker", "way too many requests", until))

    with pytest.raises(RateLimited, match="binance: order book: way too many") as caught:
        async with budget.turn("order book", {}):
            pytest.fail("was let through")

    assert caught.value.retry_at == until
    assert budget.paused_until == until
    assert clock.elapsed_s == 0
    await clock.sleep(90)
    async with budget.turn("order book", {}):
        assert budget.paused_until is None


async def test_silence_reaches_those_who_wait(clock):
    """A queue that stood before the ban does not march on after it."""
    budget = Budget([Limit("weight", amount=1, per_s=10, ceiling=1)], clock)
    log = []
    waiting = [asyncio.create_task(spend(budget, 1, {"weight": 1}, log, clock)) for _ in range(4)]
    await asyncio.sleep(0)

    until = clock.now() + timedelta(hours=1)
    budget.pause_until(RateLimited("binance", "ticker", "banned", until))
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert log == []
    assert all(isinstance(result, RateLimited) for result in results)


def test_a_pause_is_never_shortened(clock):
    """A later, milder answer does not lift the ban."""
    budget = Budget([], clock)
    ban = clock.now() + timedelta(hours=1)
    budget.pause_until(RateLimited("bybit", "tickers", "banned", ban))

    for retry_at in (clock.now() + timedelta(seconds=5), None):
        budget.pause_until(RateLimited("bybit", "tickers", "slow down", retry_at))

    assert budget.paused_until == ban


async def test_what_the_venue_counted_corrects_upwards_only(clock):
    """Another program on the same address spends too; fewer than ours is a window that began."""
    budget = Budget([Limit("weight", amount=2400, per_s=60, ceiling=0.6)], clock)
    async with budget.turn("ticker", {"weight": 40}):
        pass

    budget.correct("weight", 1200)
    assert budget.used_pct() == pytest.approx(50)

    budget.correct("weight", 3)
    assert budget.used_pct() == pytest.approx(50)
    await clock.sleep(61)
    assert budget.used_pct() == 0


async def test_a_weight_above_the_limit_is_a_mistake_not_a_wait(clock):
    """It would wait for ever."""
    budget = Budget([Limit("weight", amount=10, per_s=60, ceiling=0.5)], clock)

    with pytest.raises(ValueError, match="never fits"):
        async with budget.turn("ticker", {"weight": 6}):
            pass
