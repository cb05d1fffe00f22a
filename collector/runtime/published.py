"""Tells what follows a publish, as alerts do, that there was one."""

from __future__ import annotations

import asyncio


class Published:
    """Counts publishes of rows, and wakes whoever waits for the next. Of one event loop."""

    def __init__(self) -> None:
        self.number = 0
        """How often they were."""
        self._changed = asyncio.Event()

    def add(self) -> None:
        """Say that they were once more."""
        self.number += 1
        self._changed.set()

    async def wait(self) -> int:
        """Wait until they were since this returned last, and return how often by then."""
        await self._changed.wait()
        self._changed.clear()
        return self.number
