"""Where websockets come in: who may, what they say, and how all of them end."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from simulator.market.listings import VENUES
from simulator.market.source import Source
from simulator.rest.rate_limits import SlidingWindow
from simulator.streams.binance import BinanceVoice
from simulator.streams.bybit import BybitVoice
from simulator.streams.connection import Connection
from simulator.streams.events import Burst, Bursts
from simulator.streams.okx import OkxVoice
from simulator.streams.sender import Pump
from simulator.streams.stream_faults import USUAL_BURST, Mishap, Mishaps
from simulator.streams.true_flows import true_flows

_LARGEST_MESSAGE = 131_072
"""What a client may send at once. [bytes]"""


class Streams:
    """The websockets of all venues in front of one source."""

    def __init__(self, source: Source, now_ms: Callable[[], int]) -> None:
        """Serve *source* at the times of *now_ms*."""
        self._source = source
        self._now_ms = now_ms
        self.mishaps = Mishaps()
        self._bursts = {venue: Bursts() for venue in VENUES}
        voices = (
            BinanceVoice(source, self._bursts["binance"]),
            BybitVoice(source, self._bursts["bybit"]),
            OkxVoice(source, self._bursts["okx"]),
        )
        self.pumps = {voice.name: Pump(voice, self.mishaps, now_ms) for voice in voices}
        self._handshakes = {voice.name: SlidingWindow(*voice.handshakes) for voice in voices}
        self._tasks: list[asyncio.Task[None]] = []
        self._numbers = itertools.count(1)

    def start(self, speed: float) -> None:
        """Begin to send."""
        self._tasks = [
            asyncio.create_task(pump.run(speed), name=f"simulated streams of {venue}")
            for venue, pump in self.pumps.items()
        ]

    async def until_broken(self) -> None:
        """Wait until a venue's streams end, which they never should; raises what ended them."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        task = done.pop()
        error = None if task.cancelled() else task.exception()
        raise RuntimeError(f"{task.get_name()}: it ended") from error

    async def stop(self) -> None:
        """Send nothing more and say goodbye to everybody."""
        for task in self._tasks:
            task.cancel()
        # What one of them ended in, `until_broken` has raised.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pump in self.pumps.values():
            for connection in tuple(pump.audience.connections):
                connection.close(1001, "going away", self._now_ms())

    async def tick(self) -> None:
        """Send everything until now, without waiting for the pumps' next turn."""
        for pump in self.pumps.values():
            await pump.tick()

    async def serve(self, request: web.Request, venue: str, path: str) -> web.StreamResponse:
        """Serve one websocket until it ends."""
        pump, now_ms = self.pumps[venue], self._now_ms()
        route = pump.voice.find_route(path)
        if route is None:
            return web.Response(status=404, text="404 page not found")
        if self._handshakes[venue].is_over(now_ms):
            return web.Response(status=429, text="Too many connections")
        if self.mishaps.refuses(venue, now_ms):
            return web.Response(status=503, text="Service Unavailable")
        socket = web.WebSocketResponse(
            compress=False, autoping=False, max_msg_size=_LARGEST_MESSAGE, timeout=0.2
        )
        await socket.prepare(request)
        transport = request.transport
        if not isinstance(transport, asyncio.Transport):
            return socket
        connection = Connection(f"{next(self._numbers):08x}", route, transport, now_ms)
        pump.audience.connections.add(connection)
        try:
            pump.voice.welcome(connection, path, request.query, pump.audience)
            async for message in socket:
                self._hear(pump, connection, message)
        finally:
            pump.audience.drop(connection)
        return socket

    def _hear(self, pump: Pump, connection: Connection, message: WSMessage) -> None:
        """Take one message of a client. A connection that is half open hears nothing."""
        now_ms = self._now_ms()
        if connection.is_over or connection.is_silent(now_ms):
            return
        connection.heard_ms = now_ms
        match message.type:
            case WSMsgType.TEXT:
                pump.voice.hear(connection, message.data, now_ms, pump.audience)
            case WSMsgType.PING:
                connection.pong(bytes(message.data))
            case WSMsgType.PONG:
                connection.ponged_ms = now_ms
        connection.flush(now_ms)

    def go_wrong(self, wanted: Mapping[str, Any]) -> None:
        """Put a fault in force. ValueError says what is wrong with *wanted*."""
        now_ms = self._now_ms()
        mishap = self.mishaps.add(wanted, now_ms)
        if mishap.kind == "ws_liquidation_burst":
            self._burst(mishap, now_ms)
        elif mishap.kind in {"ws_close", "ws_cut", "ws_silence"}:
            self._hit(mishap, now_ms)

    def _burst(self, mishap: Mishap, now_ms: int) -> None:
        venue, symbol = mishap.venue, mishap.symbol
        quotes = self._source.quotes(venue, now_ms)
        listings = [] if quotes.detail is None else quotes.listings
        if not any(one.kind == "perpetual" and symbol in {None, one.symbol} for one in listings):
            raise ValueError(f"{venue} has no perpetual for a burst of liquidations")
        at_ms = -(-now_ms // 1000) * 1000
        self._bursts[venue].add(Burst(at_ms, mishap.count or USUAL_BURST, symbol))

    def _hit(self, mishap: Mishap, now_ms: int) -> None:
        """Close, cut or silence connections, the oldest first."""
        connections = self.pumps[mishap.venue].audience.connections
        meant = sorted(
            (one for one in connections if mishap.is_about_connection(one)),
            key=lambda one: one.name,
        )
        for connection in meant[: mishap.count]:
            if mishap.kind == "ws_close":
                connection.close(1001, "going away", now_ms)
            elif mishap.kind == "ws_cut":
                connection.cut()
            else:
                connection.silent_until_ms = mishap.until_ms if mishap.seconds else math.inf

    async def flows(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the true flows of a window. ValueError says what is wrong with *query*."""
        venue = query.get("venue", "")
        if venue not in VENUES:
            raise ValueError(f"venue is one of {', '.join(VENUES)}, not {venue!r}")
        try:
            start_ms, end_ms = int(query["from_ms"]), int(query["to_ms"])
        except (KeyError, ValueError) as error:
            raise ValueError("from_ms and to_ms are times in whole Unix milliseconds") from error
        flows = await true_flows(self._source, self._bursts[venue], venue, start_ms, end_ms)
        return {"venue": venue, "from_ms": start_ms, "to_ms": end_ms, "flows": flows}

    def counts(self) -> dict[str, int]:
        """Return how many connections each venue has."""
        return {venue: len(pump.audience.connections) for venue, pump in self.pumps.items()}
