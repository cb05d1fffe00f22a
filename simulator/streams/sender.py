"""Sends each event to all its subscribers: computed once, encoded once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from simulator.streams.connection import Connection
from simulator.streams.frames import text_frame
from simulator.streams.stream_faults import StreamFaults
from simulator.streams.stream_format import Event, Span, StreamFormat
from simulator.streams.subscriptions import Subscriptions

TICK_S = 0.1
"""How often it is checked what there is to send. [s of the wall clock]"""

_LATEST_S = 10.0
"""A venue that is further behind has lost its clients. [s of the wall clock]"""

_AT_ONCE_S = 0.01
"""How long a sender writes before other tasks get their turn. [s of the wall clock]"""


class Sender:
    """One venue's task that sends."""

    def __init__(
        self, stream_format: StreamFormat, faults: StreamFaults, now_ms: Callable[[], int]
    ) -> None:
        """Send what *stream_format* says, corrupted by *faults*, at the times of *now_ms*."""
        self.stream_format = stream_format
        self.subscriptions = Subscriptions()
        self._faults = faults
        self._now_ms = now_ms
        self._at_ms = now_ms()
        self._turn = asyncio.Lock()

    async def run(self, speed: float) -> None:
        """Send until cancelled. A clock that stands still is moved from outside."""
        while True:
            if (self._now_ms() - self._at_ms) > _LATEST_S * 1000 * max(speed, 1) and speed > 0:
                self.give_up()
            await self.tick()
            await asyncio.sleep(TICK_S)

    def give_up(self) -> None:
        """Close all connections and go on from now, as a venue does that cannot keep up."""
        now_ms = self._at_ms = self._now_ms()
        for connection in tuple(self.subscriptions.connections):
            connection.close(1012, "the service restarts", now_ms)

    async def tick(self) -> None:
        """Send everything until now."""
        async with self._turn:
            now_ms = self._now_ms()
            span = Span(self._at_ms, now_ms)
            if now_ms > self._at_ms:
                self._at_ms = now_ms
                events = self.stream_format.events(span, self.subscriptions)
                corrupted = self._faults.corrupted(self.stream_format.name, events, now_ms)
                rest_s = time.monotonic() + _AT_ONCE_S
                for event in corrupted:
                    self._pass_on(event)
                    if time.monotonic() > rest_s:
                        self._flush(now_ms)
                        await asyncio.sleep(0)
                        rest_s = time.monotonic() + _AT_ONCE_S
            self._flush(now_ms)
            self._tend(now_ms)
            self._flush(now_ms)

    def _pass_on(self, event: Event) -> None:
        plain = wrapped = b""
        for connection in self.subscriptions.listeners(event.topic.key):
            if not connection.is_combined:
                plain = plain or text_frame(event.payload)
                connection.pass_on(plain)
            else:
                wrapped = wrapped or text_frame(
                    self.stream_format.wrapped(event.topic, event.payload)
                )
                connection.pass_on(wrapped)

    def _tend(self, now_ms: int) -> None:
        for connection in self._open():
            if not connection.is_silent(now_ms):
                self.stream_format.tend(connection, now_ms)

    def _flush(self, now_ms: int) -> None:
        for connection in self._open():
            connection.flush(now_ms)

    def _open(self) -> list[Connection]:
        return [one for one in self.subscriptions.connections if not one.is_over]
