"""How much of this machine programs may have: pages are served from the rest.

Answers are computed on two threads; a few more questions wait for one. What takes too long is
interrupted. Beyond loopback whoever knows the token may ask so often and no more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final, TypeVar

import anyio
import anyio.to_thread
from fastapi import Request

from analytics.time_limit import TimeLimit
from dashboard.api.problems import Problem, unavailable

TIME_LIMIT_S: Final = 10.0
"""For one answer, with the time that it waits for a thread. [s]"""
THREADS: Final = 2
MOST_WAITING: Final = 64
"""Questions beyond that are sent away at once."""

PER_S: Final = 20.0
"""Requests beyond loopback. [1/s]"""
BURST: Final = 200
"""So many at once, where few were made before."""

T = TypeVar("T")


class Limits:
    """The threads that answers are computed on, of one server."""

    def __init__(self, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._time_limit_s = time_limit_s
        self._threads = anyio.CapacityLimiter(THREADS)

    async def run(self, compute: Callable[[], T]) -> T:
        """Return what *compute* returns, on a thread.

        Raises:
            Problem: Too many wait, or it took too long; its queries are interrupted.
        """
        if self._threads.statistics().tasks_waiting >= MOST_WAITING:
            raise unavailable("too many questions at once", 1)
        limit = TimeLimit()

        def watched() -> T:
            with limit.watching():
                return compute()

        try:
            with anyio.fail_after(self._time_limit_s):
                return await anyio.to_thread.run_sync(
                    watched, abandon_on_cancel=True, limiter=self._threads
                )
        except TimeoutError as error:
            limit.end()
            raise unavailable(
                f"not answered in {self._time_limit_s:g} s: ask for less, or again later", 5
            ) from error


class Rate:
    """How often may be asked: ``burst`` times at once, and ``per_s`` times a second after."""

    def __init__(self, per_s: float = PER_S, burst: int = BURST) -> None:
        self._per_s, self._burst = per_s, burst
        self._left, self._at = float(burst), time.monotonic()

    def take(self) -> None:
        """Count one request.

        Raises:
            Problem: It comes too early; when to come is said.
        """
        now = time.monotonic()
        self._left = min(self._left + (now - self._at) * self._per_s, self._burst)
        self._at = now
        if self._left < 1:
            wait_s = str(math.ceil((1 - self._left) / self._per_s))
            said = f"more than {self._per_s:g} requests a second with this token"
            raise Problem(429, said, headers={"Retry-After": wait_s})
        self._left -= 1


def of(request: Request) -> Limits:
    """Return those of the server that got *request*."""
    limits: Limits = request.app.state.limits
    return limits
