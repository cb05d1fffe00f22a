"""CPU of one full cycle, 3 venues × 200 instruments, against the same ccxt calls alone.

    python benchmarks/cycle_cpu.py [--cycles 5] [--instruments 200]

Both sides run in turn in this process against a simulator in another. A full cycle
sends paced requests, translates, validates, appends and publishes. The other side
repeats the calls of the cycle before as fast as possible and drops the responses.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from machine import described

from analytics.lake.writer import Lake
from collector.cycles.venue_collector import VenueCollector
from collector.service.app import GATHER_S, simulator_clock
from collector.service.write_queue import WriteQueue
from collector.venues import VENUES

SPEED = 100.0
INTERVAL_S = 3000.0
AT_ONCE = 8
WINDOWS_PASS_S = 1.0
"""Pause between the sides, so that the first does not use up the second's rate limit. [wall s]"""
NAMES = ("binance", "bybit", "okx")

Call = tuple[str, dict[str, Any]]


class Listening:
    """Records each implicit API call of a venue's ccxt client."""

    def __init__(self, one: VenueCollector) -> None:
        self.calls: list[Call] = []
        self._exchange = one.client.exchange
        for question in (*one.venue.bulk, *one.venue.each, *one.venue.slow, *one.venue.terms):
            self._wrap(question.method)

    def _wrap(self, method: str) -> None:
        real = getattr(self._exchange, method)

        async def noted(params: dict[str, Any]) -> Any:
            self.calls.append((method, dict(params)))
            return await real(params)

        setattr(self._exchange, method, noted)


async def bare(exchange: Any, calls: Iterable[Call]) -> None:
    """Make *calls* with a venue's usual concurrency, and drop the responses."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def make(method: str, params: dict[str, Any]) -> None:
        async with slots:
            await getattr(exchange, method)(params)

    await asyncio.gather(*(make(method, params) for method, params in calls))


async def full(one: VenueCollector, queue: WriteQueue) -> None:
    """Make one complete cycle, as the collector's job does."""
    snapshots, cycle = await one.cycle()
    queue.put([*snapshots, cycle])


async def compare(cycles: int, instruments: int, url: str, folder: Path) -> None:
    clock = await simulator_clock(url)
    ours = [
        VenueCollector(
            VENUES[name],
            clock,
            simulator_url=url,
            top_n=instruments,
            interval_s=INTERVAL_S,
            requests_per_s=100,
        )
        for name in NAMES
    ]
    theirs = [
        VenueCollector(VENUES[name], clock, simulator_url=url).client.exchange for name in NAMES
    ]
    heard = [Listening(one) for one in ours]
    ratios: list[float] = []
    with Lake(folder, origin="simulator") as lake:
        queue = WriteQueue(lake, GATHER_S)
        storing = asyncio.create_task(queue.run())
        await asyncio.gather(*(one.refresh_universe() for one in ours))
        await asyncio.gather(*(one.cycle() for one in ours))
        for _ in range(cycles):
            for one in heard:
                one.calls.clear()
            began, rows = time.process_time(), queue.rows_stored
            await asyncio.gather(*(full(one, queue) for one in ours))
            while queue.waiting:
                await asyncio.sleep(0.05)
            full_s = time.process_time() - began
            rows = queue.rows_stored - rows
            await asyncio.sleep(WINDOWS_PASS_S)
            began = time.process_time()
            await asyncio.gather(
                *(bare(exchange, one.calls) for exchange, one in zip(theirs, heard, strict=True))
            )
            bare_s = time.process_time() - began
            ratios.append(full_s / bare_s)
            calls = sum(len(one.calls) for one in heard)
            print(
                f"{calls} calls, {rows} rows: full {full_s:.2f} s, bare {bare_s:.2f} s CPU, "
                f"ratio {full_s / bare_s:.2f}"
            )
        storing.cancel()
    for one in ours:
        await one.close()
    for exchange in theirs:
        await exchange.close()
    print(described())
    print(f"median ratio {statistics.median(ratios):.2f} (must be at most 1.5)")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--instruments", type=int, default=200)
    asked = parser.parse_args()
    simulator = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "perpscope",
        "simulate",
        "--port",
        "0",
        "--speed",
        str(SPEED),
        "--instruments",
        str(asked.instruments + 20),
        stdout=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    try:
        url = (await simulator.stdout.readline()).decode().strip()
        with tempfile.TemporaryDirectory() as folder:
            await compare(asked.cycles, asked.instruments, url, Path(folder))
    finally:
        simulator.send_signal(signal.SIGTERM)
        await simulator.wait()


if __name__ == "__main__":
    asyncio.run(main())
