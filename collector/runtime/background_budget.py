"""The budget of history: it spends the venue's budget too, and lets everything live go first."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from analytics.errors import RateLimited
from collector.runtime.budget import Budget


class BackgroundBudget:
    """The budget of *live*, for requests that can wait until nothing live does."""

    def __init__(self, live: Budget) -> None:
        self._live = live
        self._first: defaultdict[frozenset[str], asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def turn(
        self, call: str, weights: Mapping[str, float], *, passing: bool = False
    ) -> AsyncIterator[None]:
        """Wait behind everything live, one by one; the request belongs inside."""
        async with AsyncExitStack() as turn:
            async with self._first[frozenset(weights)]:
                live = self._live.turn(call, weights, behind=True, passing=passing)
                await turn.enter_async_context(live)
            yield

    def pause_until(self, error: RateLimited) -> None:
        """Let nothing through, live or not, until the moment that *error* names."""
        self._live.pause_until(error)

    @property
    def paused_until(self) -> datetime | None:
        """When the running pause ends, None where there is none."""
        return self._live.paused_until

    def correct(self, name: str, used: float) -> None:
        """Count up to what the venue itself says was *used* of the limit *name*."""
        self._live.correct(name, used)
