"""Trades per second from frames to flows per instrument, against ccxt.pro and cryptofeed.

    python benchmarks/streams.py [--captures FOLDER] [--cryptofeed PYTHON] [--trades 50000]

The aggTrade frames of a capture are looped with ids that go on, so that every trade is new.
The same bytes go to each side, in turn, several times:

- ours: the handler, which adds to the instrument's flows;
- ccxt.pro: the message path of its client and of binanceusdm, with its cache of trades;
- cryptofeed: the message handler of its BinanceFutures, with a callback that only counts.

First from memory, in CPU seconds; then over a loopback socket from a process that sends as
fast as its client reads, in seconds from a side's first trade to its last. cryptofeed is not
a dependency: PYTHON is an interpreter that has it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import gzip
import hashlib
import json
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.pro
from machine import described

from analytics.lake.records import Instrument
from collector.streams.formats.binance import BINANCE
from collector.streams.formats.stream import Handler, Sinks
from collector.streams.state.rejects import Rejects

CAPTURES = Path(__file__).resolve().parents[2] / "shared" / "real" / "captures"
"""Where recorded data lies beside this checkout."""

CAPTURE = "BINANCE_FUTURES.ws.1.0.gz"
LISTING = "BINANCE_FUTURES.0.gz"
BLOCK = 64 * 1024
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""The GUID of a websocket handshake (RFC 6455)."""

CLOSE = b"\x88\x00"
"""A close frame without a status code."""

Outcome = tuple[int, float]
"""Trades handled, and the seconds it took."""


def looped(folder: Path, trades: int) -> list[bytes]:
    """Return that many trade frames, with consecutive ids per instrument."""
    text = gzip.decompress((folder / CAPTURE).read_bytes())
    captured = [line.split(b": ", 1)[1] for line in text.splitlines() if b'"aggTrade"' in line]
    captured = [frame for frame in captured if frame.startswith(b"{")]
    numbers: dict[str, int] = {}
    frames = []
    while len(frames) < trades:
        for frame in captured:
            data = json.loads(frame)["data"]
            number = numbers[data["s"]] = numbers.get(data["s"], data["a"] - 1) + 1
            frames.append(re.sub(rb'"a":\d+', b'"a":%d' % number, frame))
    return frames[:trades]


def listing(folder: Path) -> dict[str, Any]:
    """Return the captured list of all instruments."""
    text = gzip.decompress((folder / LISTING).read_bytes()).decode()
    found: dict[str, Any] = json.loads(text.split(": ", 1)[1].splitlines()[0])
    return found


def ours(ids: set[str]) -> tuple[Handler, Callable[[], int]]:
    """Return our handler, and a function that counts its trades."""
    now = datetime.now(UTC)
    flows = BINANCE.flows()
    flows.follow(
        Instrument(
            venue="binance",
            symbol=venue_id,
            venue_id=venue_id,
            base=venue_id.removesuffix("USDT"),
            multiplier=1.0,
            contract_size=1.0,
            linear=True,
            quote="USDT",
            oi_unit="quoted units",
            in_universe=True,
            first_seen_ts=now,
            last_seen_ts=now,
        )
        for venue_id in ids
    )
    sinks = Sinks(flows=flows, books=BINANCE.books(), rejects=Rejects(), liquidation=print)
    return BINANCE.handler(sinks), lambda: sum(flow.trades.events for flow in flows.by_id.values())


class Counting(ccxt.pro.binanceusdm):
    """ccxt.pro with a count of the trades it handled."""

    def __init__(self, listed: dict[str, Any]) -> None:
        super().__init__({"newUpdates": True})
        self.set_markets(self.parse_markets(listed["symbols"]))
        self.handled = 0
        self.first = self.last = 0.0

    def handle_trade(self, client: Any, message: Any) -> None:
        """Handle one as usual, and count it."""
        super().handle_trade(client, message)
        self.handled += 1
        self.last = time.perf_counter()
        self.first = self.first or self.last


async def ours_from_memory(side: Sides) -> Outcome:
    handler, counted = ours(side.ids)
    take = handler.take
    began = time.process_time()
    for frame in side.frames:
        take(frame, time.time_ns() // 1_000_000)
    return counted(), time.process_time() - began


async def ccxt_from_memory(side: Sides) -> Outcome:
    exchange = Counting(side.listed)
    client = exchange.client("wss://fstream.binance.com/market/ws/1")
    take = client.handle_text_or_binary_message
    began = time.process_time()
    for frame in side.frames:
        take(frame.decode())
    seconds = time.process_time() - began
    await exchange.close()
    return exchange.handled, seconds


async def ours_over_socket(side: Sides) -> Outcome:
    handler, counted = ours(side.ids)
    first = 0.0
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{side.url}/market/stream", decode_text=False) as socket,
    ):
        await socket.send_str(BINANCE.subscribe(["all"], 1))
        for _ in side.frames:
            message = await socket.receive()
            first = first or time.perf_counter()
            handler.take(message.data, time.time_ns() // 1_000_000)
        last = time.perf_counter()
    return counted(), last - first


async def ccxt_over_socket(side: Sides) -> Outcome:
    exchange = Counting(side.listed)
    exchange.urls["api"]["ws"]["linear"] = f"{side.url}/market/stream"
    symbols = [exchange.safe_symbol(venue_id, None, None, "contract") for venue_id in side.ids]
    told = 0
    while exchange.handled < len(side.frames):
        told += len(await exchange.watch_trades_for_symbols(symbols, params={"name": "aggTrade"}))
    await exchange.close()
    if told < exchange.handled:
        print(f"  ccxt.pro handled {exchange.handled} trades and returned {told} of them")
    return exchange.handled, exchange.last - exchange.first


class Sides:
    """The input of all sides."""

    def __init__(self, folder: Path, trades: int, scratch: Path, cryptofeed: Path | None) -> None:
        self.frames = looped(folder, trades)
        self.listed = listing(folder)
        self.ids = {json.loads(frame)["data"]["s"] for frame in self.frames[:1000]}
        self.cryptofeed = cryptofeed
        self.url = ""
        self._listing, self._frames = scratch / "listing.json", scratch / "frames"
        self._listing.write_text(json.dumps(self.listed))
        self._frames.write_bytes(b"\n".join(self.frames))

    async def cryptofeed_from_memory(self) -> Outcome:
        """Let cryptofeed handle the frames in a process of its own."""
        return self._cryptofeed()

    async def cryptofeed_over_socket(self) -> Outcome:
        """Let cryptofeed receive the frames in a process of its own."""
        return self._cryptofeed(self.url)

    def _cryptofeed(self, *url: str) -> Outcome:
        script = Path(__file__).with_name("streams_cryptofeed.py")
        done = subprocess.run(
            [str(self.cryptofeed), str(script), str(self._listing), str(self._frames), *url],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "IDS": ",".join(self.ids)},
            check=False,
        )
        if not done.stdout:
            sys.exit(f"cryptofeed failed: {done.stderr[-2000:]}")
        told = json.loads(done.stdout.splitlines()[-1])
        return told["trades"], told["seconds"]


def framed(payload: bytes) -> bytes:
    """Return *payload* as a websocket server's text frame."""
    size = len(payload)
    head = bytes([0x81, size]) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
    return head + payload


def blocks(frames: list[bytes]) -> list[bytes]:
    """Return *frames* in large chunks, since the server's sending is not measured."""
    stream = b"".join(framed(frame) for frame in frames)
    return [stream[start : start + BLOCK] for start in range(0, len(stream), BLOCK)]


def serve(frames: list[bytes], ports: Any) -> None:
    """Send all *frames* to each client that connects, as fast as it reads them."""
    told = blocks(frames)

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"sec-websocket-key: *(\S+)", request, re.IGNORECASE)
        key = found[1] if found else b""
        accepted = base64.b64encode(hashlib.sha1(key + MAGIC, usedforsecurity=False).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accepted + b"\r\n\r\n"
        )
        await asyncio.sleep(0.3)
        try:
            for block in told:
                writer.write(block)
                await writer.drain()
            writer.write(CLOSE)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(send, "127.0.0.1", 0)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


async def measured(run: Callable[[], Any], trades: int) -> float:
    """Return the trades per second of one run; all trades must have been handled."""
    gc.collect()
    handled, seconds = await run()
    if handled != trades:
        sys.exit(f"{handled} of {trades} trades were handled")
    return float(handled / seconds)


def tell(title: str, rates: dict[str, list[float]]) -> None:
    """Print medians, ranges and ratios to ours."""
    print(f"\n{title}")
    own = statistics.median(rates["perpscope"])
    for name, found in rates.items():
        middle = statistics.median(found)
        print(
            f"  {name:<11} {middle:>11,.0f} trades/s  ({min(found):,.0f} to {max(found):,.0f})"
            f"   ours is {own / middle:.1f} times that"
        )


async def compare(side: Sides, repetitions: int) -> None:
    memory: dict[str, Callable[[], Any]] = {
        "perpscope": lambda: ours_from_memory(side),
        "ccxt.pro": lambda: ccxt_from_memory(side),
    }
    socket: dict[str, Callable[[], Any]] = {
        "perpscope": lambda: ours_over_socket(side),
        "ccxt.pro": lambda: ccxt_over_socket(side),
    }
    if side.cryptofeed is not None:
        memory["cryptofeed"] = side.cryptofeed_from_memory
        socket["cryptofeed"] = side.cryptofeed_over_socket
    for title, sides in (
        ("from memory (CPU time)", memory),
        ("over a loopback socket (wall time)", socket),
    ):
        rates: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(repetitions):
            for name, run in sides.items():
                rates[name].append(await measured(run, len(side.frames)))
        tell(f"{len(side.frames):,} trades {title}, {repetitions} times in turn", rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captures", type=Path, default=CAPTURES, help="folder of the capture")
    parser.add_argument("--cryptofeed", type=Path, help="a Python that has cryptofeed")
    parser.add_argument("--trades", type=int, default=50_000)
    parser.add_argument("--repetitions", type=int, default=5)
    asked = parser.parse_args()
    if not (asked.captures / CAPTURE).exists():
        sys.exit(f"no capture at {asked.captures / CAPTURE}: there are no frames to measure with")
    with tempfile.TemporaryDirectory() as scratch:
        side = Sides(asked.captures, asked.trades, Path(scratch), asked.cryptofeed)
        context = multiprocessing.get_context("spawn")
        ports = context.Queue()
        server = context.Process(target=serve, args=(side.frames, ports), daemon=True)
        server.start()
        side.url = f"ws://127.0.0.1:{ports.get(timeout=30)}"
        try:
            asyncio.run(compare(side, asked.repetitions))
        finally:
            server.terminate()
            server.join()
    print(f"\n{described()}, {len(side.ids)} instruments")
    if asked.cryptofeed is None:
        print("cryptofeed was not measured: --cryptofeed names a Python that has it")


if __name__ == "__main__":
    main()
