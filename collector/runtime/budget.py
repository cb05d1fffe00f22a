"""What may be asked of one venue, how often and how many at once.

A venue publishes limits on weight or requests per window. A budget keeps to a
share of each of them, spaces requests evenly, lets few be under way at once,
and sends nothing while the venue has asked for a pause. What can wait, such as
history, goes after live requests. All waiting is on the collector's clock.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from analytics.errors import RateLimited
from collector.runtime.clock import Clock

MAX_IN_FLIGHT = 8
"""Requests of one venue that may be under way together."""

JITTER = 0.2
"""Random delay of a request, as a share of the spacing between requests."""

MIN_WAIT_S = 0.001

POLL_S = 0.25
"""How often a background request checks whether live requests still wait. [s]"""

SHORT_WINDOW_S = 10.0
"""In a window no longer than this nothing is reserved for live requests. [s]"""

PEAK_PERIOD_S = 600.0
"""How long the peak use of live requests is remembered, up to twice as long. [s]"""

FIRST_SPARE, KNOWN_SPARE = 2.0, 1.25
"""What is reserved for them, as a multiple of the peak: at first, and once it is known."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that a venue publishes, and how much of it we allow ourselves."""

    name: str
    amount: float
    """What the venue allows within a window: weight, or requests. [units of the limit]"""
    per_s: float
    """Length of the window. [s]"""
    ceiling: float = 0.8
    """Our share of it; the rest is for other programs on the same address. [0 to 1]"""


@dataclass(slots=True)
class _Spending:
    at_s: float
    weight: float
    lasting: bool = True
    """Whether the live questions need as much again, cycle by cycle."""


class Window:
    """How much of one limit was spent within its last *per_s* seconds.

    The window slides, so the spending never exceeds our share in any stretch of
    that length, wherever the venue lets its own windows begin.
    """

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.queue = asyncio.Lock()
        self.waiting = 0
        """How many live requests wait for it."""
        self._spent: deque[_Spending] = deque()
        self._used = 0.0
        self._used_lasting = 0.0
        self._first_s: float | None = None
        self._peaks: dict[int, float] = {}

    def used(self, now_s: float) -> float:
        """Return what was spent within the window that ends at *now_s*."""
        while self._spent and self._spent[0].at_s <= now_s - self.limit.per_s:
            old = self._spent.popleft()
            self._used -= old.weight
            self._used_lasting -= old.weight * old.lasting
        if not self._spent:
            self._used = self._used_lasting = 0.0
        return self._used

    def spend(self, weight: float, now_s: float, *, lasting: bool = True) -> _Spending:
        """Count *weight* as spent at *now_s*, on what is asked again in every cycle or not."""
        self._first_s = now_s if self._first_s is None else self._first_s
        spending = _Spending(now_s, weight, lasting)
        self._spent.append(spending)
        self._used += weight
        self._used_lasting += weight * lasting
        return spending

    def note_peak(self, now_s: float) -> None:
        """Remember the most that the lasting questions spent within a window."""
        period = int(now_s // PEAK_PERIOD_S)
        peak = max(self._peaks.get(period, 0.0), self._used_lasting)
        # What a start needed once must not keep the others waiting for ever.
        before = self._peaks.get(period - 1, 0.0)
        self._peaks = {period - 1: before, period: peak}

    def _kept(self, now_s: float) -> float:
        """Return how much the lasting questions are left for their next window."""
        if self.limit.per_s <= SHORT_WINDOW_S:
            return 0.0
        known = self._first_s is not None and now_s - self._first_s > 2 * self.limit.per_s
        return (KNOWN_SPARE if known else FIRST_SPARE) * max(self._peaks.values(), default=0.0)

    def wait_s(self, weight: float, now_s: float) -> float:
        """Return how long until *weight* fits. [s of the clock]"""
        excess = self.used(now_s) + weight - self._ours
        return self._until_freed_s(excess, now_s, self._spent)

    def wait_behind_s(self, weight: float, now_s: float) -> float:
        """Return how long until *weight* fits behind what is lasting. [s of the clock]

        That is left a quarter more than the most that it spent within a window lately,
        and at first, when its bursts are not all known, twice as much; so the next one
        fits wherever it falls. But never is it left more than three quarters, and never
        so much that a single request does not fit.
        """
        fits_s = self.wait_s(weight, now_s)
        kept = self._kept(now_s)
        others = self._used - self._used_lasting
        excess = others + weight - max(self._ours - kept, self._ours / 4, weight)
        spent = [spending for spending in self._spent if not spending.lasting]
        return max(fits_s, self._until_freed_s(excess, now_s, spent))

    @property
    def _ours(self) -> float:
        return self.limit.amount * self.limit.ceiling

    def _until_freed_s(self, excess: float, now_s: float, spent: Iterable[_Spending]) -> float:
        """Return how long until *excess* of what was *spent* has left the window."""
        if excess <= 0:
            return 0.0
        for spending in spent:
            excess -= spending.weight
            if excess <= 0:
                return max(spending.at_s + self.limit.per_s - now_s, MIN_WAIT_S)
        raise ValueError(f"{self.limit.name}: a weight never fits the limit, by {excess:g}")


class RequestBudget(Protocol):
    """What a client asks before each request: a `Budget`, or one that goes behind it."""

    def turn(
        self, call: str, weights: Mapping[str, float], *, passing: bool = False
    ) -> AbstractAsyncContextManager[None]:
        """Wait until *weights* may be spent on *call*; the request belongs inside."""

    def pause_until(self, error: RateLimited) -> None:
        """Let nothing through until the moment that *error* names."""

    @property
    def paused_until(self) -> datetime | None:
        """When the running pause ends, None where there is none."""

    def correct(self, name: str, used: float) -> None:
        """Count up to what the venue itself says was *used* of the limit *name*."""


class Budget:
    """The rate limiter in front of one venue: first come, first served.

    Requests that need the same limit queue for it; others pass by, so a
    request that waits minutes for its own limit holds up no other. A waiter that is
    cancelled leaves the queue and has spent nothing.
    """

    def __init__(
        self,
        limits: Iterable[Limit],
        clock: Clock,
        *,
        requests_per_s: float = 10.0,
        rng: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._windows = {limit.name: Window(limit) for limit in limits}
        self._spacing_s = 1 / requests_per_s
        self._next_slot_s = 0.0
        self._at_once = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._rng = rng if rng is not None else random.Random()
        self._pause: RateLimited | None = None
        self._paused_until_s = 0.0

    @asynccontextmanager
    async def turn(
        self,
        call: str,
        weights: Mapping[str, float],
        *,
        behind: bool = False,
        passing: bool = False,
    ) -> AsyncIterator[None]:
        """Wait until *weights* may be spent on *call*; the request belongs inside.

        A request that goes *behind* waits until no other waits for the same limits, for a
        slot or for a place. One at a time may do so. A request in *passing* queues like
        all others, but no room is reserved for it afterwards.

        Raises RateLimited at once while the venue is paused: what cannot be requested
        now should be known as such, not queue up.
        """
        if behind:
            await self._nobody_in_front(call, weights)
        with self._in_line(weights, behind=behind):
            spendings = await self._queue(call, weights, lasting=not (behind or passing))
            try:
                await self._slot()
                self._check_pause(call)
            except BaseException:
                self._at_once.release()
                raise
        try:
            for spending in spendings:
                spending.at_s = self._clock.monotonic_s()
            yield
        finally:
            self._at_once.release()

    def pause_until(self, error: RateLimited) -> None:
        """Let nothing through until the moment that *error* names; never shortens a pause."""
        if error.retry_at is None:
            return
        # Counted down on the monotonic clock: a step of the other makes no pause an hour longer.
        wait_s = (error.retry_at - self._clock.now()).total_seconds()
        until_s = self._clock.monotonic_s() + wait_s
        if self._pause is None or until_s > self._paused_until_s:
            self._pause, self._paused_until_s = error, until_s

    @property
    def paused_until(self) -> datetime | None:
        """When the running pause ends, None where there is none."""
        if self._pause is None or self._clock.monotonic_s() >= self._paused_until_s:
            return None
        return self._pause.retry_at

    def correct(self, name: str, used: float) -> None:
        """Count up to what the venue itself says was *used* of the limit *name*.

        More than all of it cannot be used: a larger figure means all of it.
        """
        window = self._windows[name]
        now_s = self._clock.monotonic_s()
        if (missing := min(used, window.limit.amount) - window.used(now_s)) > 0:
            window.spend(missing, now_s)

    def used_pct(self) -> float:
        """Return how full the fullest of the published limits is. [%]"""
        now_s = self._clock.monotonic_s()
        shares = [window.used(now_s) / window.limit.amount for window in self._windows.values()]
        return 100 * max(shares, default=0.0)

    async def _nobody_in_front(self, call: str, weights: Mapping[str, float]) -> None:
        """Wait until a background request can be sent without delaying a live one."""
        wanted = [(self._windows[name], weight) for name, weight in weights.items()]
        while True:
            self._check_pause(call)
            now_s = self._clock.monotonic_s()
            waits = [window.wait_behind_s(weight, now_s) for window, weight in wanted]
            if self._at_once.locked() or any(window.waiting for window, _ in wanted):
                waits.append(POLL_S)
            wait_s = max([self._next_slot_s - now_s, *waits])
            if wait_s <= 0:
                return
            await self._clock.sleep(wait_s)

    @contextmanager
    def _in_line(self, weights: Mapping[str, float], *, behind: bool) -> Iterator[None]:
        """Count one more who waits for the limits of *weights*, unless it goes behind."""
        windows = [] if behind else [self._windows[name] for name in weights]
        for window in windows:
            window.waiting += 1
        try:
            yield
        finally:
            for window in windows:
                window.waiting -= 1

    async def _queue(
        self, call: str, weights: Mapping[str, float], *, lasting: bool
    ) -> list[_Spending]:
        """Wait in the queue of each limit, spend, and take one of the places.

        What is spent counts from here on, and is dated anew when the request leaves.
        """
        wanted = [(self._windows[name], weights[name]) for name in sorted(weights)]
        queues: list[asyncio.Lock] = []
        try:
            for window, _ in wanted:
                await window.queue.acquire()
                queues.append(window.queue)
            while True:
                self._check_pause(call)
                now_s = self._clock.monotonic_s()
                wait_s = max((window.wait_s(weight, now_s) for window, weight in wanted), default=0)
                if wait_s == 0:
                    break
                await self._clock.sleep(wait_s)
            await self._at_once.acquire()
            now_s = self._clock.monotonic_s()
            spendings = [window.spend(weight, now_s, lasting=lasting) for window, weight in wanted]
            for window, _ in wanted:
                window.note_peak(now_s)
            return spendings
        finally:
            for queue in queues:
                queue.release()

    async def _slot(self) -> None:
        """Wait for the next slot of the even spacing, a little late at random."""
        now_s = self._clock.monotonic_s()
        slot_s = max(now_s, self._next_slot_s)
        self._next_slot_s = slot_s + self._spacing_s
        late_s = self._rng.random() * JITTER * self._spacing_s
        await self._clock.sleep(slot_s - now_s + late_s)

    def _check_pause(self, call: str) -> None:
        pause, until = self._pause, self.paused_until
        if pause is not None and until is not None:
            reason = f"{pause.reason}; no requests until {until:%H:%M:%S} UTC"
            raise RateLimited(pause.venue, call, reason, until)
