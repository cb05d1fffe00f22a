"""2,000 alerts that fire in one cycle: messages, times, and what queries of pages take meanwhile.

    python benchmarks/alert_delivery.py [--firings 2000] [--channels 3]

A lake, and webhooks on loopback. Times are from when the alerts are stored; the 5 s in which an
alert waits for others are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from aiohttp import web
from machine import described
from pydantic import SecretStr

from analytics import query
from analytics.lake.reader import Reader
from analytics.lake.records import AlertEvent
from analytics.lake.writer import Lake
from collector.alerts import delivery
from collector.alerts.channels import Channels
from collector.alerts.delivery_queue import DeliveryQueue
from collector.runtime.clock import Clock
from collector.runtime.guarded_tasks import GuardedTasks
from collector.runtime.published import Published

PAIRS = 200


def firings(number: int, channels: int, now: datetime) -> list[AlertEvent]:
    """Return alerts of as many rules and groups as it takes, each for 200 pairs."""
    names = ", ".join(f'"web{n}"' for n in range(channels))
    return [
        AlertEvent(
            rule=(rule := f"Rule {n // PAIRS}"),
            version="v1",
            subject=f"binance C{n % PAIRS}/USDT:USDT",
            started_ts=now,
            change="firing",
            ts=now,
            per="pair",
            venue="binance",
            symbol=f"C{n % PAIRS}/USDT:USDT",
            base=f"C{n % PAIRS}",
            timeframe="5m",
            severity="warning",
            alert_group=rule,
            condition="z_oi > 2.5",
            message=f"C{n % PAIRS} Binance: z of OI change +3.1 (> 2.5)",
            seen_values='{"z_oi": 3.1}',
            seen_ages_s='{"z_oi": 12.0}',
            channels=f"[{names}]",
        )
        for n in range(number)
    ]


async def measured(folder: Path, number: int, channels: int) -> None:
    """Print the figures."""
    arrived: Counter[str] = Counter()
    lengths: list[int] = []

    async def take(request: web.Request) -> web.Response:
        arrived[request.path] += 1
        lengths.append(len((await request.json())["message"]))
        return web.Response()

    app = web.Application()
    app.router.add_post("/{name}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    addresses = {f"web{n}": SecretStr(f"json://127.0.0.1:{port}/web{n}") for n in range(channels)}
    clock = Clock()
    with Lake(folder) as lake, DeliveryQueue(lake, clock, clock) as queue:
        passed, reader = Published(), Reader(folder)
        async with GuardedTasks(clock) as tasks:
            sender = delivery.Delivery(queue, partial(Channels, addresses), tasks)
            tasks.start("alert delivery", partial(sender.run, passed))
            while delivery.FACT not in lake.info():
                await asyncio.sleep(0.1)
            began = time.perf_counter()
            lake.append_records(firings(number, channels, datetime.now(UTC)))
            lake.publish()
            print(f"{number:,} alerts stored: {(time.perf_counter() - began) * 1000:.0f} ms")
            began = time.perf_counter()
            waiting = await queue.read()
            took_ms = (time.perf_counter() - began) * 1000
            print(f"{len(waiting):,} that wait, read: {took_ms:.0f} ms")
            began = time.perf_counter()
            passed.add()
            asked_ms = []
            while await asyncio.to_thread(left, reader):
                await asyncio.sleep(0.5)
                asked_ms.append(await asyncio.to_thread(asked, reader))
            took_s = time.perf_counter() - began - delivery.GATHER_S
        reader.close()
    await runner.cleanup()
    print(f"all sent and stored: {took_s:.1f} s")
    print(f"messages: {dict(arrived)}, of at most {max(lengths):,} characters")
    p50, p95 = np.percentile(asked_ms, (50, 95))
    print(f"alert_episodes and alert_deliveries meanwhile: p50 {p50:.0f}, p95 {p95:.0f} ms")


def left(reader: Reader) -> bool:
    """Return whether some alerts still wait."""
    with reader.cursor() as cursor:
        return bool(len(query.table(cursor, "alerts_waiting", now=datetime.now(UTC))))


def asked(reader: Reader) -> float:
    """Return how long what the Alerts page asks takes. [ms]"""
    began = time.perf_counter()
    now = datetime.now(UTC)
    with reader.cursor() as cursor:
        query.fetch(cursor, "alert_episodes", now=now, since=now)
        query.fetch(cursor, "alert_deliveries", now=now)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--firings", type=int, default=2000)
    parser.add_argument("--channels", type=int, default=3)
    given = parser.parse_args()
    print(described())
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measured(Path(folder), given.firings, given.channels))


if __name__ == "__main__":
    main()
