"""Delivers the alerts of a lake to a channel, and can be killed while doing it.

Run as a process by test_kill_delivery.py: ``python delivery_to_kill.py <lake>``, with the
channel's address in the environment.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

import duckdb

from analytics.lake.writer import Lake
from collector.alerts import channels
from collector.alerts.delivery import Delivery
from collector.alerts.delivery_queue import DeliveryQueue
from collector.runtime.clock import Clock
from collector.runtime.guarded_tasks import GuardedTasks
from collector.runtime.published import Published
from collector.settings import channel_addresses
from tests import extension


async def main(folder: Path) -> None:
    """Deliver for ever; pauses pass a hundred times as fast as they would."""
    clock, pace = Clock(), Clock(speed=100)
    found = partial(channels.read, folder, channel_addresses())
    with Lake(folder, reserve_bytes=0) as lake, DeliveryQueue(lake, clock, pace) as queue:
        async with GuardedTasks(clock) as tasks:
            await Delivery(queue, found, tasks).run(Published())


if __name__ == "__main__":
    duckdb.connect = extension.trusting(duckdb.connect)
    asyncio.run(main(Path(sys.argv[1])))
