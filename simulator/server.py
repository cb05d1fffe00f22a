"""The simulator: three venues on loopback, one market, one clock.

Binance answers under ``/binance``, Bybit under ``/bybit``, OKX under ``/okx``, each
with the paths, websockets, limits and errors of the real one. ``/simulator`` is its
own door: clock, health, faults of REST and of websockets, and the true flows.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from simulator.clock import MarketClock
from simulator.market.listings import VENUES
from simulator.market.recording import Recording, read_recording
from simulator.market.source import Source
from simulator.market.synthetic import USUAL_ASSETS, SyntheticMarket
from simulator.rest.binance import Binance
from simulator.rest.bybit import Bybit
from simulator.rest.faults import Fault, Faults
from simulator.rest.okx import Okx
from simulator.rest.rate_limits import limits_of
from simulator.rest.replies import Reply, Venue, refusal_of
from simulator.streams.websockets import Streams

FASTEST = 600.0
"""The highest speed of a simulator's clock. [unitless]"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OF_STREAMS = "ws_"
"""How the names of faults begin that websockets have."""

_STOP_S = 0.3
"""How long running requests may still take when the simulator stops. [s]"""


def synthetic(instruments: int = USUAL_ASSETS, seed: int = 0) -> SyntheticMarket:
    """Return a made-up market of *instruments* base assets, 1 to 300."""
    return SyntheticMarket(instruments, seed)


def recording(path: Path) -> Recording:
    """Return the market recorded in *path*, a futuresboard database or CSV file."""
    return read_recording(path)


class Simulator:
    """A simulator that serves while it is entered with ``async with``."""

    def __init__(
        self, source: Source, clock: MarketClock, port: int = 0, host: str = "127.0.0.1"
    ) -> None:
        """Serve *source* at the times of *clock*; port 0 takes a free one.

        ValueError if *host* is not a loopback address, or the clock faster than
        600. A clock of speed 0 stands still, which suits tests.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the simulator serves on loopback only, not on {host}")
        if clock.speed != 0 and not 1 <= clock.speed <= FASTEST:
            raise ValueError(f"the simulator runs at speed 1 to {FASTEST:g}, not {clock.speed:g}")
        self.clock = clock
        self.requests: dict[str, Counter[str]] = {venue: Counter() for venue in VENUES}
        """How often each path of each venue was asked, refused requests included."""

        self._source = source
        self._host, self._port = host, port
        self._faults = Faults()
        self._venues = {
            wire.name: Venue(wire, limits_of(wire.name), source.step_ms)
            for wire in (Binance(source), Bybit(source), Okx(source))
        }
        self.streams = Streams(source, self.now_ms)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Start to serve. The first figures are computed before, so no client waits for them."""
        for venue in VENUES:
            self._source.quotes(venue, self.now_ms())
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=_STOP_S,
        )
        await runner.setup()
        self._runner = runner
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._port = int(runner.addresses[0][1])
        self.streams.start(self.clock.speed)
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Stop; requests that hang are cut off after a moment."""
        await self.streams.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def advance(self, seconds: float) -> None:
        """Move a clock that stands still, and send what the streams have until then.

        ValueError if the clock runs by itself.
        """
        if self.clock.speed != 0:
            raise ValueError("only a stopped clock can be advanced")
        self.clock = self.clock.ahead(seconds)
        await self.streams.tick()

    def now_ms(self) -> int:
        """Return the time on the simulator's clock. [Unix ms]"""
        return (self.clock.now() - _EPOCH) // timedelta(milliseconds=1)

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[_only_for_loopback])
        for venue in VENUES:
            application.router.add_get(f"/{venue}{{path:/.*}}", self._serve)
        application.router.add_get("/simulator/clock", self._show_clock)
        application.router.add_get("/simulator/health", self._show_health)
        application.router.add_get("/simulator/flows", self._show_flows)
        application.router.add_get("/simulator/faults", self._show_faults)
        application.router.add_post("/simulator/faults", self._add_fault)
        application.router.add_delete("/simulator/faults", self._clear_faults)
        return application

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        name = request.path[1:].partition("/")[0]
        path, query = request.match_info["path"], request.query
        venue, now_ms = self._venues[name], self.now_ms()
        self.requests[name][path] += 1
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.streams.serve(request, name, path)
        verdict = venue.limits.charge(path, query, now_ms)
        if verdict.refusal is not None:
            return Reply.of(verdict.refusal, verdict.headers).sent()
        asked = query.get("symbol") or query.get("instId")
        faults = self._faults.take(name, path, asked)
        if faults:
            corrupted = await self._corrupted(venue, path, query, faults)
            return replace(corrupted, headers={**verdict.headers, **corrupted.headers}).sent()
        reply = venue.reply(path, query, request.path_qs, now_ms)
        return replace(reply, headers=verdict.headers).sent()

    async def _corrupted(
        self, venue: Venue, path: str, query: Mapping[str, str], faults: list[Fault]
    ) -> Reply:
        """Answer under *faults*, one after another."""
        for fault in faults:
            if fault.kind in {"delay", "hang"}:
                await asyncio.sleep(fault.seconds if fault.kind == "delay" else math.inf)
            other = refusal_of(venue.wire.name, fault, self.now_ms())
            if other is not None:
                return other
        return venue.corrupted_reply(path, query, faults, self.now_ms())

    async def _show_clock(self, _request: web.Request) -> web.Response:
        """Return what another process needs to build the same clock."""
        millisecond = timedelta(milliseconds=1)
        return _json(
            {
                "origin_ms": (self.clock.origin - _EPOCH) / millisecond,
                "started_at_ms": (self.clock.started_at - _EPOCH) / millisecond,
                "speed": self.clock.speed,
            }
        )

    async def _show_health(self, _request: web.Request) -> web.Response:
        requests = {venue: counter.total() for venue, counter in self.requests.items()}
        sockets = self.streams.counts()
        body = {"status": "ok", "now_ms": self.now_ms(), "requests": requests, "sockets": sockets}
        return _json(body)

    async def _show_flows(self, request: web.Request) -> web.Response:
        """Return what truly was traded and closed by force in a window."""
        try:
            return _json(await self.streams.flows(request.query))
        except ValueError as error:
            return _json({"error": str(error)}, 400)

    async def _show_faults(self, _request: web.Request) -> web.Response:
        return _json({"faults": self._listed()})

    def _listed(self) -> list[dict[str, Any]]:
        return self._faults.listed() + self.streams.faults.listed()

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            wanted = orjson.loads(await request.read())
            if not isinstance(wanted, dict):
                return _json({"error": "a fault is a JSON object"}, 400)
            if str(wanted.get("kind")).startswith(_OF_STREAMS):
                self.streams.add_fault(wanted)
            else:
                self._faults.add(wanted)
        except ValueError as error:
            return _json({"error": str(error)}, 400)
        return _json({"faults": self._listed()})

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        self._faults.clear()
        self.streams.faults.clear()
        return _json({"faults": []})


async def serve(
    source: Source,
    clock: MarketClock,
    port: int = 0,
    ready: Callable[[Simulator], None] | None = None,
) -> None:
    """Serve until cancelled or SIGTERM; *ready* is called once it answers.

    Raises RuntimeError where a venue's streams end: a market that is half there looks whole.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Only the main thread may set a handler; elsewhere cancellation is the way to stop.
    with suppress(RuntimeError, ValueError):
        loop.add_signal_handler(signal.SIGTERM, stop.set)
    try:
        async with Simulator(source, clock, port) as simulator:
            if ready is not None:
                ready(simulator)
            ends = [
                asyncio.create_task(stop.wait()),
                asyncio.create_task(simulator.streams.until_broken()),
            ]
            try:
                done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for end in done:
                    end.result()
            finally:
                for end in ends:
                    end.cancel()
    finally:
        with suppress(RuntimeError, ValueError):
            loop.remove_signal_handler(signal.SIGTERM)


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


@web.middleware
async def _only_for_loopback(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse a request that came under another name, as a web page in a browser could send it."""
    host = request.url.host
    if host != "localhost" and not _is_loopback(host):
        raise web.HTTPForbidden(text=f"the simulator serves on loopback only, not on {host}")
    return await handler(request)


def _is_loopback(host: str | None) -> bool:
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
