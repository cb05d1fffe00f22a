"""The lane of history: it spends what is left over, and is never in anybody's way."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from analytics.errors import RateLimited
from collector.runtime.background_budget import BackgroundBudget
from collector.runtime.budget import Budget, Limit


async def spend(budget, times, weights, log, clock):
    for _ in range(times):
        async with budget.turn("question", weights):
            log.append(clock.monotonic_s())


async def test_history_waits_while_a_cycle_is_asked(clock):
    """A cycle that arrives late still goes first: the queue of history stands still."""
    live = Budget([Limit("weight", 10_000, 60)], clock)
    history, cycle = [], []
    waiting = asyncio.create_task(spend(BackgroundBudget(live), 40, {"weight": 1}, history, clock))
    await clock.sleep(1)

    began = clock.monotonic_s()
    await asyncio.gather(*(spend(live, 4, {"weight": 1}, cycle, clock) for _ in range(8)))
    ended = clock.monotonic_s()
    await waiting

    # Thirty-two questions, ten a second, and at most one of history that was on its way.
    assert ended - began < 3.5
    assert len([at for at in history if began + 0.3 < at < ended - 0.3]) == 0
    assert len(history) == 40


async def test_a_limit_that_nobody_waits_for_is_open_to_history(clock):
    """The ratios trickle for minutes through a limit of their own; candles go on beside them."""
    live = Budget([Limit("ratios", 2, 10, 1), Limit("candles", 1000, 60)], clock)
    ratios, candles = [], []

    await asyncio.gather(
        spend(live, 10, {"ratios": 1}, ratios, clock),
        spend(BackgroundBudget(live), 20, {"candles": 1}, candles, clock),
    )

    assert max(ratios) >= 40
    assert max(candles) < 5


async def test_what_a_cycle_needs_of_a_minute_stays_free(clock):
    """A minute's weight is not eaten up between two cycles: each finds what it needs at once."""
    live = Budget([Limit("weight", 100, 60, 1)], clock, requests_per_s=100)
    history = []
    waits = []
    asking = asyncio.create_task(spend(BackgroundBudget(live), 400, {"weight": 1}, history, clock))

    for _ in range(6):
        began = clock.monotonic_s()
        await spend(live, 15, {"weight": 1}, [], clock)
        waits.append(clock.monotonic_s() - began)
        await clock.sleep(30)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    # The first cycle tells what one needs; from then on none waits for the window.
    assert max(waits) < 2
    assert len(history) > 100


async def test_what_was_asked_in_passing_is_not_kept_free_afterwards(clock):
    """Books asked for while a stream was down hold up nothing once it is back."""
    live = Budget([Limit("weight", 100, 60, 1)], clock, requests_per_s=100)
    await spend(live, 10, {"weight": 1}, [], clock)
    for _ in range(80):
        async with live.turn("order book", {"weight": 1}, passing=True):
            pass
    await clock.sleep(121)
    history = []

    await spend(BackgroundBudget(live), 80, {"weight": 1}, history, clock)

    assert history[-1] - history[0] < 5


async def test_a_limit_that_the_live_questions_use_up_still_has_a_quarter_for_history(clock):
    """Behind, but not for ever."""
    live = Budget([Limit("weight", 100, 60, 1)], clock, requests_per_s=100)
    await spend(live, 90, {"weight": 1}, [], clock)
    await clock.sleep(61)
    history = []

    await spend(BackgroundBudget(live), 25, {"weight": 1}, history, clock)

    assert history[-1] - history[0] < 5


async def test_a_pause_is_of_the_venue_not_of_the_lane(clock):
    """A ban that history met stops the live questions too, and the other way round."""
    live = Budget([], clock)
    lane = BackgroundBudget(live)
    until = clock.now() + timedelta(seconds=60)

    lane.pause_until(RateLimited("okx", "klines", "too many requests", until))

    assert live.paused_until == lane.paused_until == until
    for budget in (live, lane):
        with pytest.raises(RateLimited):
            async with budget.turn("question", {}):
                pytest.fail("was let through")


async def test_what_the_venue_counted_is_counted_once(clock):
    """The headers of history's answers correct the one budget there is."""
    live = Budget([Limit("weight", 2400, 60)], clock)

    BackgroundBudget(live).correct("weight", 240)

    assert live.used_pct() == 10


async def test_one_who_is_cancelled_holds_up_nobody(clock):
    """A lane that was waited in is free again."""
    live = Budget([Limit("weight", 1, 60, 1)], clock)
    lane = BackgroundBudget(live)
    await spend(live, 1, {"weight": 1}, [], clock)
    leaving = asyncio.create_task(spend(lane, 1, {"weight": 1}, [], clock))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    log = []

    await clock.sleep(61)
    await spend(lane, 1, {"weight": 1}, log, clock)

    assert len(log) == 1
