"""Clients of the simulated websockets. The clock stands still and is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import orjson
import pytest

from tests.waiting import HANG_S

PATHS = {
    "market": "/binance/market/ws",
    "public": "/binance/public/ws",
    "combined": "/binance/market/stream",
    "bybit": "/bybit/v5/public/linear",
    "okx": "/okx/ws/v5/public",
    "business": "/okx/ws/v5/business",
}


class Client:
    """A websocket, and what came over it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.close_code: int | None = None

    async def texts(self) -> list[str]:
        """Return every message until now: those before the answer to a ping."""
        await self.socket.ping(b"until here")
        found = []
        while True:
            message = await self.socket.receive(timeout=HANG_S)
            if message.type is aiohttp.WSMsgType.TEXT:
                found.append(message.data)
            elif message.type is aiohttp.WSMsgType.PONG:
                return found
            elif message.type is not aiohttp.WSMsgType.PING:
                self.close_code = self.socket.close_code
                return found

    async def heard(self) -> list[Any]:
        """Return every message until now, read."""
        return [orjson.loads(text) for text in await self.texts()]

    async def say(self, message: object) -> list[Any]:
        """Send a request and return what came until its answer."""
        await self.socket.send_str(orjson.dumps(message).decode())
        return await self.heard()

    async def subscribe(self, *names: str) -> list[Any]:
        """Ask Binance for streams."""
        return await self.say({"method": "SUBSCRIBE", "params": names, "id": 1})

    async def ask(self, *args: object) -> list[Any]:
        """Ask Bybit or OKX for topics."""
        return await self.say({"op": "subscribe", "args": args})

    async def ended(self) -> int | None:
        """Wait for the end and return the code it came with."""
        while True:
            message = await self.socket.receive(timeout=HANG_S)
            if message.type is aiohttp.WSMsgType.CLOSE:
                return int(message.data)
            if message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}:
                return None


Dial = Callable[[str], Awaitable[Client]]


@pytest.fixture
async def dial(http) -> AsyncIterator[Dial]:
    """A function that opens a websocket, by name or by path."""
    opened: list[Client] = []

    async def connect(where: str) -> Client:
        opened.append(Client(await http.ws_connect(PATHS.get(where, where), autoping=False)))
        return opened[-1]

    yield connect
    await asyncio.gather(*(client.socket.close() for client in opened))


@pytest.fixture
def fault(http):
    """A function that asks for a fault."""

    async def ask(**wanted: object) -> None:
        async with http.post("/simulator/faults", json=wanted) as response:
            assert response.status == 200, await response.text()

    return ask


@pytest.fixture
def flows(http):
    """A function that returns the true flows of a window by symbol."""

    async def ask(venue: str, start_ms: int, end_ms: int) -> dict[str, Any]:
        window = {"venue": venue, "from_ms": start_ms, "to_ms": end_ms}
        async with http.get("/simulator/flows", params=window) as response:
            return dict((await response.json())["flows"])

    return ask
