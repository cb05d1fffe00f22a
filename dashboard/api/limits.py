"""How much of this machine programs may have: pages are served from the rest.

Answers are computed on two threads; a few more questions wait for one. What takes too long is
interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import anyio
import anyio.to_thread
from fastapi import Request

from analytics.time_limit import TimeLimit
from dashboard.api.problems import unavailable

TIME_LIMIT_S: Final = 10.0
"""For one answer, with the time that it waits for a thread. [s]"""
THREADS: Final = 2
MOST_WAITING: Final = 64
"""Questions beyond that are sent away at once."""

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


def of(request: Request) -> Limits:
    """Return those of the server that got *request*."""
    limits: Limits = request.app.state.limits
    return limits
