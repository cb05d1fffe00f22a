"""Opening websockets to a venue, and opening them again: pauses, refusals, spacing."""

from __future__ import annotations

import asyncio
import functools
import random
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import aiohttp
import certifi

from collector.runtime.backoff import Backoff
from collector.runtime.clock import Clock
from collector.runtime.http_session import why_no_answer
from collector.runtime.retry_after import retry_after
from collector.streams.formats.stream import ChannelName, Handler, Sinks, Stream

REDIAL = Backoff(first_s=0.25, longest_s=60.0, jitter=0.5)
"""The pauses after the end of a connection until it is dialled again."""

MIN_RETRY_S = 0.05
"""None is shorter than this, on a simulator's clock that runs fast. [wall s]"""

REFUSED_S = 60.0
"""How long nothing is dialled after a venue refused a connection for there being too many. [s]"""

MAX_REFUSED_S = 24 * 3600.0
"""And at most, whatever it says. [s]"""

TOO_MANY = frozenset({403, 418, 429})
"""HTTP statuses of a handshake by which the venue pauses the whole address."""

CONNECT_TIMEOUT_S = 10.0
"""How long a connection may take to open. [wall s]"""

GOODBYE_S = 0.4
"""How long the venue may take to answer a close frame. [wall s]"""

MAX_FRAME_BYTES = 16 * 2**20
"""A longer frame ends the connection. [bytes]"""

FAILURES = (aiohttp.ClientError, OSError, TimeoutError)
"""What opening a websocket may end in."""

Websocket = aiohttp.ClientWebSocketResponse[Literal[False]]


class Dial:
    """Spaces the connections to one venue, and waits longer where they keep failing."""

    def __init__(self, connects_per_s: float, clock: Clock, rng: random.Random) -> None:
        self._spacing_s = 1 / connects_per_s
        self._clock = clock
        self._rng = rng
        self._next_s = 0.0
        self._queue = asyncio.Lock()

    async def turn(self, failures: int) -> None:
        """Wait for a turn, after so many *failures* in a row; 0 for a first connection."""
        if failures:
            least_s = MIN_RETRY_S * self._clock.speed
            await self._clock.sleep(max(REDIAL.pause_s(failures, self._rng), least_s))
        async with self._queue:
            while (wait_s := self._next_s - self._clock.monotonic_s()) > 0:
                await self._clock.sleep(wait_s)
            self._next_s = self._clock.monotonic_s() + self._spacing_s

    def refused(self, headers: Mapping[str, str] | None) -> None:
        """Dial nobody for a while: the venue refused, and may have said for how long."""
        now = self._clock.now()
        until = retry_after(headers or {}, now)
        wait_s = REFUSED_S if until is None else (until - now).total_seconds()
        until_s = self._clock.monotonic_s() + min(wait_s, MAX_REFUSED_S)
        self._next_s = max(self._next_s, until_s)


@dataclass(frozen=True, slots=True)
class Link:
    """The way to one venue's streams."""

    stream: Stream
    clock: Clock
    sinks: Sinks
    session: aiohttp.ClientSession
    dial: Dial
    rng: random.Random
    simulator_url: str | None = None

    def now_ms(self) -> int:
        """Return the time on the collector's clock. [Unix ms]"""
        return round(self.clock.now().timestamp() * 1000)

    def handler(self) -> Handler:
        """Return a new reader of frames."""
        return self.stream.handler(self.sinks)

    def timeout_s(self, seconds: float, wall_s: float) -> float:
        """Return *seconds* of the clock, or more where it runs so fast that they are no time.

        Args:
            seconds: What would do at the speed of the wall clock. [s]
            wall_s: What a busy computer may need, whatever the clock says. [wall s]
        """
        return max(seconds, wall_s * self.clock.speed)

    async def open(self, channel: ChannelName) -> Websocket:
        """Open a new websocket to the address of *channel*.

        Raises one of FAILURES; after a refusal for being too many, nobody is dialled
        for a while.
        """
        group = self.stream.group(self.stream.channel(channel).group)
        try:
            return await opened(self.session, group.address(self.simulator_url))
        except aiohttp.WSServerHandshakeError as error:
            if error.status in TOO_MANY:
                self.dial.refused(error.headers)
            raise


async def opened(session: aiohttp.ClientSession, address: str) -> Websocket:
    """Return a new websocket to *address*. Raises one of FAILURES."""
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        return await session.ws_connect(
            address,
            autoping=False,
            decode_text=False,
            max_msg_size=MAX_FRAME_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=GOODBYE_S),
            ssl=_certificates() if address.startswith("wss") else True,
        )


@functools.cache
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def sentence(error: Exception) -> str:
    """Return why a websocket could not be opened or ended, in words."""
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return f"the venue refused the connection (HTTP {error.status})"
    return why_no_answer(error)
