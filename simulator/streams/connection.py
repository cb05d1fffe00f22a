"""One client's websocket, seen from the venue."""

from __future__ import annotations

import asyncio
import math
import socket
from dataclasses import dataclass

from simulator.rest.rate_limits import SlidingWindow
from simulator.streams.frames import close_frame, ping_frame, pong_frame, text_frame

MAX_WAITING_BYTES = 8_388_608
"""What may wait for a client that does not read. One that lets more pile up is cut off."""

NOTHING = "nothing"
"""The channel of a topic that is acknowledged and never has anything."""

_SOCKET_BYTES = 262_144
_GOODBYE_S = 0.2
"""How long the client may take to answer a close frame. [s of the wall clock]"""


@dataclass(frozen=True, slots=True)
class Topic:
    """What can be subscribed to."""

    key: str
    """As the venue writes it."""

    channel: str
    """The venue's word for the kind of data, such as ``aggTrade`` or ``publicTrade``."""

    symbol: str | None = None
    """The contract; None where one topic is about all of them."""

    option: str = ""
    """What the venue lets choose: an interval, a depth."""


class Connection:
    """One websocket; what is sent waits until it is flushed."""

    def __init__(self, name: str, route: str, transport: asyncio.Transport, now_ms: int) -> None:
        """Serve the client at the other end of *transport*, which came in on *route*."""
        self.name = name
        self.route = route
        self.topics: dict[str, Topic] = {}
        self.is_combined = False
        """Whether frames are wrapped with the name of their stream, as Binance can do."""

        self.opened_ms = self.heard_ms = self.sent_ms = self.pinged_ms = self.ponged_ms = now_ms
        self.silent_until_ms: float = -math.inf
        """Until then nothing is sent and nothing answered, though the socket is open."""

        self.messages: SlidingWindow | None = None
        self.operations: SlidingWindow | None = None
        self._transport = transport
        self._waiting: list[bytes] = []
        self.is_over = False
        link = transport.get_extra_info("socket")
        if link is not None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)

    def is_silent(self, now_ms: int) -> bool:
        """Whether it is half open: there, and dead."""
        return now_ms < self.silent_until_ms

    def say(self, payload: bytes) -> None:
        """Send one message."""
        self.pass_on(text_frame(payload))

    def pass_on(self, frame: bytes) -> None:
        """Send a frame that was made for several connections."""
        if not self.is_over:
            self._waiting.append(frame)

    def ping(self, payload: bytes) -> None:
        """Ask for a sign of life."""
        self.pass_on(ping_frame(payload))

    def pong(self, payload: bytes) -> None:
        """Give the sign of life that the client asked for."""
        self.pass_on(pong_frame(payload))

    def flush(self, now_ms: int) -> None:
        """Hand over what waits; in silence it is lost. Cut off a client that does not read."""
        waiting, self._waiting = self._waiting, []
        if not waiting or self.is_over or self.is_silent(now_ms):
            return
        self.sent_ms = now_ms
        self._transport.write(b"".join(waiting))
        if self._transport.get_write_buffer_size() > MAX_WAITING_BYTES:
            self.cut()

    def close(self, code: int, reason: str, now_ms: int) -> None:
        """Send a close frame, and cut the connection if the client does not close it."""
        if self.is_over:
            return
        self.flush(now_ms)
        self.is_over = True
        self._transport.write(close_frame(code, reason))
        asyncio.get_running_loop().call_later(_GOODBYE_S, self._transport.abort)

    def cut(self) -> None:
        """End it without a word."""
        self.is_over = True
        self._transport.abort()
