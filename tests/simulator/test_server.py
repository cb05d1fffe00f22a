"""The server itself: where it listens, what it says of its clock, how it stops."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from collector.runtime.clock import Clock
from simulator.server import Simulator, serve, synthetic
from tests.waiting import HANG_S

NOON = datetime(2025, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::"])
def test_refuses_to_serve_beyond_loopback(market, host):
    with pytest.raises(ValueError, match="loopback only"):
        Simulator(market, Clock(), host=host)


@pytest.mark.parametrize("speed", [0.5, 601, -1])
def test_refuses_a_speed_it_cannot_keep(market, speed):
    with pytest.raises(ValueError, match="1 to 600"):
        Simulator(market, Clock(speed=speed))


async def test_listens_on_loopback_alone(simulator):
    assert simulator.url.startswith("http://127.0.0.1:")
    port = int(simulator.url.rpartition(":")[2])
    with pytest.raises(OSError, match="refused|unreachable|failed"):
        await asyncio.open_connection("127.0.0.2", port)


async def test_refuses_a_request_under_another_name(http):
    """A page in a browser that resolves its own name to 127.0.0.1 gets nothing."""
    async with http.get("/simulator/health", headers={"Host": "evil.example"}) as response:
        assert response.status == 403
    async with http.get("/simulator/health", headers={"Host": "localhost:80"}) as response:
        assert response.status == 200


async def test_another_process_can_build_the_same_clock(market):
    started = datetime(2026, 1, 5, 7, 30, 12, 345_678, tzinfo=UTC)
    clock = Clock(origin=NOON, speed=60, started_at=started)
    async with (
        Simulator(market, clock) as simulator,
        aiohttp.ClientSession(simulator.url) as http,
        http.get("/simulator/clock") as response,
    ):
        said = await response.json()

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    again = Clock(
        origin=epoch + timedelta(milliseconds=said["origin_ms"]),
        speed=said["speed"],
        started_at=epoch + timedelta(milliseconds=said["started_at_ms"]),
    )
    assert again == clock


async def test_the_next_step_brings_new_answers(market):
    """Answers are written once a step and no longer kept than that."""
    clock = Clock(origin=NOON, speed=600)
    async with (
        Simulator(market, clock) as simulator,
        aiohttp.ClientSession(simulator.url) as http,
    ):
        times = []
        for _ in range(3):
            async with http.get("/binance/fapi/v1/premiumIndex?symbol=BTCUSDT") as response:
                times.append((await response.json())["time"])
            await clock.sleep(6)

    assert times == sorted(set(times))


async def test_health_counts_requests_by_venue(simulator, http):
    for path in ("/okx/api/v5/public/time", "/okx/api/v5/public/time", "/bybit/v5/market/time"):
        async with http.get(path):
            pass

    async with http.get("/simulator/health") as response:
        said = await response.json()

    assert said["status"] == "ok"
    assert said["now_ms"] == simulator.now_ms()
    assert said["requests"] == {"binance": 0, "bybit": 1, "okx": 2}
    assert simulator.requests["okx"]["/api/v5/public/time"] == 2


async def test_a_port_in_use_is_an_error(simulator, market):
    port = int(simulator.url.rpartition(":")[2])

    with pytest.raises(OSError, match="in use"):
        async with Simulator(market, Clock(), port=port):
            pass


async def test_stops_soon_while_requests_hang(market):
    """A server that waited for them would do so for a minute."""
    loop = asyncio.get_running_loop()
    fault = {"venue": "binance", "path": "*", "kind": "hang"}
    async with aiohttp.ClientSession() as http:
        async with Simulator(market, Clock(origin=NOON)) as simulator:
            async with http.post(f"{simulator.url}/simulator/faults", json=fault) as response:
                assert response.status == 200
            hanging = [
                asyncio.ensure_future(http.get(f"{simulator.url}/binance/fapi/v1/ping"))
                for _ in range(20)
            ]
            await asyncio.sleep(0.05)
            assert not any(request.done() for request in hanging)
            started = loop.time()
        assert loop.time() - started < 20
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_serve_runs_until_terminated():
    ready: asyncio.Queue[str] = asyncio.Queue()
    running = asyncio.ensure_future(
        serve(
            source=synthetic(instruments=3, seed=1),
            clock=Clock(origin=NOON),
            port=0,
            ready=lambda simulator: ready.put_nowait(simulator.url),
        )
    )
    url = await ready.get()
    async with aiohttp.ClientSession() as http, http.get(f"{url}/simulator/health") as response:
        assert response.status == 200

    os.kill(os.getpid(), signal.SIGTERM)

    await asyncio.wait_for(running, HANG_S)


async def test_serve_stops_when_cancelled():
    ready = asyncio.Event()
    running = asyncio.ensure_future(
        serve(synthetic(instruments=3), Clock(origin=NOON), ready=lambda _simulator: ready.set())
    )
    await ready.wait()

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
