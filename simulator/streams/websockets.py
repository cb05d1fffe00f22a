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
from simulator.streams.binance import BinanceStreams
from simulator.streams.bybit import BybitStreams
from simulator.streams.connection import Connection
from simulator.streams.events import Burst, Bursts
from simulator.streams.okx import OkxStreams
from simulator.streams.sender import Sender
from simulator.streams.stream_faults import USUAL_BURST, StreamFault, StreamFaults
from simulator.streams.true_flows import true_flows

_MAX_MESSAGE = 131_072
"""What a client may send at once. [bytes]"""


class Streams:
    """The websockets of all venues in front of one source."""

    def __init__(self, source: Source, now_ms: Callable[[], int]) -> None:
        """Serve *source* at the times of *now_ms*."""
        self._source = source
        self._now_ms = now_ms
        self.faults = StreamFaults()
        self._bursts = {venue: Bursts() for venue in VENUES}
        stream_formats = (
            BinanceStreams(source, self._bursts["binance"]),
            BybitStreams(source, self._bursts["bybit"]),
            OkxStreams(source, self._bursts["okx"]),
        )
        self.senders = {
            stream_format.name: Sender(stream_format, self.faults, now_ms)
            for stream_format in stream_formats
        }
        self._handshakes = {
            stream_format.name: SlidingWindow(*stream_format.handshakes)
            for stream_format in stream_formats
        }
        self._tasks: list[asyncio.Task[None]] = []
        self._numbers = itertools.count(1)

    def start(self, speed: float) -> None:
        """Begin to send."""
        self._tasks = [
            asyncio.create_task(sender.run(speed), name=f"simulated streams of {venue}")
            for venue, sender in self.senders.items()
        ]

    async def until_broken(self) -> None:
        """Wait until a venue's streams end, which they never should; raises what ended them."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        task = done.pop()
        error = None if task.cancelled() else task.exception()
        raise RuntimeError(f"{task.get_name()}: it ended") from error

    async def stop(self) -> None:
        """Send nothing more and close all connections."""
        for task in self._tasks:
            task.cancel()
        # What one of them ended in, `until_broken` has raised.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sender in self.senders.values():
            for connection in tuple(sender.subscriptions.connections):
                connection.close(1001, "going away", self._now_ms())

    async def tick(self) -> None:
        """Send everything until now, without waiting for the pumps' next turn."""
        for sender in self.senders.values():
            await sender.tick()

    async def serve(self, request: web.Request, venue: str, path: str) -> web.StreamResponse:
        """Serve one websocket until it ends."""
        sender, now_ms = self.senders[venue], self._now_ms()
        route = sender.stream_format.find_route(path)
        if route is None:
            return web.Response(status=404, text="404 page not found")
        if self._handshakes[venue].is_over(now_ms):
            return web.Response(status=429, text="Too many connections")
        if self.faults.refuses(venue, now_ms):
            return web.Response(status=503, text="Service Unavailable")
        socket = web.WebSocketResponse(
            compress=False, autoping=False, max_msg_size=_MAX_MESSAGE, timeout=0.2
        )
        await socket.prepare(request)
        transport = request.transport
        if not isinstance(transport, asyncio.Transport):
            return socket
        connection = Connection(f"{next(self._numbers):08x}", route, transport, now_ms)
        sender.subscriptions.connections.add(connection)
        try:
            sender.stream_format.welcome(connection, path, request.query, sender.subscriptions)
            async for message in socket:
                self._hear(sender, connection, message)
        finally:
            sender.subscriptions.drop(connection)
        return socket

    def _hear(self, sender: Sender, connection: Connection, message: WSMessage) -> None:
        """Take one message of a client. A connection that is half open hears nothing."""
        now_ms = self._now_ms()
        if connection.is_over or connection.is_silent(now_ms):
            return
        connection.heard_ms = now_ms
        match message.type:
            case WSMsgType.TEXT:
                sender.stream_format.hear(connection, message.data, now_ms, sender.subscriptions)
            case WSMsgType.PING:
                connection.pong(bytes(message.data))
            case WSMsgType.PONG:
                connection.ponged_ms = now_ms
        connection.flush(now_ms)

    def add_fault(self, wanted: Mapping[str, Any]) -> None:
        """Put a fault in force. ValueError says what is wrong with *wanted*."""
        now_ms = self._now_ms()
        fault = self.faults.add(wanted, now_ms)
        if fault.kind == "ws_liquidation_burst":
            self._burst(fault, now_ms)
        elif fault.kind in {"ws_close", "ws_cut", "ws_silence"}:
            self._hit(fault, now_ms)

    def _burst(self, fault: StreamFault, now_ms: int) -> None:
        venue, symbol = fault.venue, fault.symbol
        quotes = self._source.quotes(venue, now_ms)
        listings = [] if quotes.detail is None else quotes.listings
        if not any(one.kind == "perpetual" and symbol in {None, one.symbol} for one in listings):
            raise ValueError(f"{venue} has no perpetual for a burst of liquidations")
        at_ms = -(-now_ms // 1000) * 1000
        self._bursts[venue].add(Burst(at_ms, fault.count or USUAL_BURST, symbol))

    def _hit(self, fault: StreamFault, now_ms: int) -> None:
        """Close, cut or silence connections, the oldest first."""
        connections = self.senders[fault.venue].subscriptions.connections
        meant = sorted(
            (one for one in connections if fault.is_about_connection(one)),
            key=lambda one: one.name,
        )
        for connection in meant[: fault.count]:
            if fault.kind == "ws_close":
                connection.close(1001, "going away", now_ms)
            elif fault.kind == "ws_cut":
                connection.cut()
            else:
                connection.silent_until_ms = fault.until_ms if fault.seconds else math.inf

    async def flows(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the true flows of a window. ValueError says what is wrong with *query*."""
        venue = query.get("venue", "")
        if venue not in VENUES:
            raise ValueError(f"venue must be one of {', '.join(VENUES)}, not {venue!r}")
        try:
            start_ms, end_ms = int(query["from_ms"]), int(query["to_ms"])
        except (KeyError, ValueError) as error:
            raise ValueError("from_ms and to_ms must be whole Unix milliseconds") from error
        flows = await true_flows(self._source, self._bursts[venue], venue, start_ms, end_ms)
        return {"venue": venue, "from_ms": start_ms, "to_ms": end_ms, "flows": flows}

    def counts(self) -> dict[str, int]:
        """Return how many connections each venue has."""
        return {
            venue: len(sender.subscriptions.connections) for venue, sender in self.senders.items()
        }
