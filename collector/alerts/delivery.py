"""Delivery of alerts: what waits for a channel is sent to it, all of it as one message.

Each channel has a task of its own, and sends from another process: a slow or dead one holds up
neither a cycle nor another channel. An alert is sent at least once, and twice only where the
collector is killed between a message's arrival and the commit that says so, or where a service
takes a message and does not say so in time.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from pydantic import SecretStr

from analytics.errors import ChannelError, SettingsError
from analytics.untrusted.visible import visible
from collector.alerts import digest, sending
from collector.alerts.channels import Channels
from collector.alerts.delivery_queue import DeliveryQueue, Waiting
from collector.alerts.sending import Service
from collector.runtime.backoff import Backoff
from collector.runtime.guarded_tasks import GuardedTasks
from collector.runtime.published import Published

log = structlog.get_logger(__name__)

GATHER_S: Final = 5.0
"""How long the first alert waits for others, to share a message. [wall s]"""

BURST: Final = 3
"""So many messages go to a channel within `BURST_S`, and no more."""
BURST_S: Final = 180.0
"""[wall s]"""

RETRY: Final = Backoff(first_s=15.0, longest_s=900.0, jitter=0.2)
"""Pauses after a channel failed. [wall s]"""

GIVE_UP: Final = timedelta(hours=6)
"""An alert that is older is given up."""

MAX_WAITING: Final = 5_000
"""Alerts that may wait for a channel; the oldest beyond them are given up."""

CHILDREN: Final = 4
"""Processes of apprise that run at the same time, each of 30 MB; a channel has one at most. What
waits for one is sent once another has ended, after `sending.TIMEOUT_S` at the latest."""

STOP_S: Final = 3.0
"""How long a message may still take once we are asked to stop. [wall s]"""

FACT: Final = "alert_channels"
"""Of the lake: which channels are set up, as JSON by name: service, and fault or null."""

_Say = Callable[[str, Sequence[Waiting]], Awaitable[None]]


class Delivery:
    """Sends the alerts of a queue to their channels."""

    def __init__(
        self,
        queue: DeliveryQueue,
        channels: Callable[[], Channels],
        tasks: GuardedTasks,
        *,
        simulated: bool = False,
    ) -> None:
        """Send nothing yet.

        Args:
            queue: What waits.
            channels: Returns those that are set up now.
            tasks: Where the task of each channel is started.
            simulated: Whether the market is a simulator's, which each message says.
        """
        self._queue, self._channels, self._tasks = queue, channels, tasks
        self._simulated = simulated
        self._couriers: dict[str, _Courier] = {}
        self._running: set[str] = set()
        self._described: Channels | None = None
        self._services: dict[SecretStr, Service] = {}
        self._children = asyncio.Semaphore(CHILDREN)

    async def run(self, passed: Published) -> None:
        """Wake the channels that alerts wait for, each time the rules were *passed*, for ever."""
        while True:
            for name in await self._by_channel():
                courier = self._courier(name)
                if name not in self._running:
                    self._running.add(name)
                    self._tasks.start("alert channel", courier.run, visible(name))
                courier.wake()
            await passed.wait()

    async def once(self) -> None:
        """Try once what waits now, all channels at the same time."""
        rows = await self._by_channel()
        await asyncio.gather(*(self._courier(name).deal_with(rows[name]) for name in rows))

    async def _by_channel(self) -> dict[str, list[Waiting]]:
        if (found := self._channels()) != self._described:
            await self._describe(found)
            self._described = found
        rows: dict[str, list[Waiting]] = defaultdict(list)
        for row in await self._queue.read():
            rows[row.channel].append(row)
        return rows

    def _courier(self, name: str) -> _Courier:
        if name not in self._couriers:
            self._couriers[name] = _Courier(name, self._queue, self._say)
        return self._couriers[name]

    async def _describe(self, found: Channels) -> None:
        """Say which channels are set up and what is wrong with them, in the log and in the lake."""
        for fault in found.faults:
            log.warning("channel of alerts not set up", reason=fault)
        facts: dict[str, dict[str, str | None]] = {}
        async with self._children:
            described = await sending.describe(list(found.addresses.values()))
        for name, what in zip(found.addresses, described, strict=True):
            if isinstance(what, Service):
                self._services[found.addresses[name]] = what
                facts[name] = {"service": what.title, "fault": None}
            else:
                log.warning("channel of alerts cannot be used", channel=name, reason=str(what))
                facts[name] = {"service": None, "fault": str(what)}
        await self._queue.set_fact(FACT, json.dumps(facts, sort_keys=True))

    async def _say(self, name: str, rows: Sequence[Waiting]) -> None:
        """Send *rows* to the channel *name*; raises ChannelError or SettingsError."""
        address = self._channels().address(name)
        async with self._children:
            if address not in self._services:
                (found,) = await sending.describe([address])
                if isinstance(found, ChannelError):
                    raise found
                self._services[address] = found
            message = digest.message(rows, self._services[address], simulated=self._simulated)
            await sending.send(address, message)


class _Courier:
    """Sends what waits for one channel."""

    def __init__(self, name: str, queue: DeliveryQueue, say: _Say) -> None:
        self._name, self._queue, self._say = name, queue, say
        self._woken = asyncio.Event()
        self._failures = 0
        """In a row."""
        self._pause_until_s = 0.0
        """No message goes out before, on the monotonic clock. [s]"""
        self._sent_s: deque[float] = deque(maxlen=BURST)

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Send what waits, and what comes to wait, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self._queue.pace.sleep(GATHER_S)
            while rows := await self._waiting():
                await _to_its_end(self.deal_with(rows))

    async def _waiting(self) -> list[Waiting]:
        """Return what waits once the channel may be sent to, the oldest first."""
        pause_s = self._pause_until_s - self._queue.pace.monotonic_s()
        if pause_s > 0:
            await self._queue.pace.sleep(pause_s)
        return [row for row in await self._queue.read() if row.channel == self._name]

    async def deal_with(self, rows: Sequence[Waiting]) -> None:
        """Store what is not to be sent, and send the rest as one message."""
        await self._put_off([row for row in rows if not row.is_told])
        told = [row for row in rows if row.is_told]
        oldest = self._queue.clock.now() - GIVE_UP
        told.sort(key=lambda row: row.due_ts)
        late = max(sum(row.due_ts < oldest for row in told), len(told) - MAX_WAITING)
        if late > 0:
            await self._queue.store(told[:late], "given up", None)
            told = told[late:]
        if told:
            await self._send(told)

    async def _put_off(self, rows: Sequence[Waiting]) -> None:
        """Store that *rows* are silenced, or inhibited and by which rule."""
        by_reason: dict[str | None, list[Waiting]] = defaultdict(list)
        for row in rows:
            reason = None if row.is_silenced else f"inhibited by {row.inhibited_by}"
            by_reason[reason].append(row)
        for reason, mine in by_reason.items():
            await self._queue.store(mine, "silenced", reason)

    async def _send(self, rows: Sequence[Waiting]) -> None:
        try:
            await self._say(self._name, rows)
        except (ChannelError, SettingsError) as error:
            await self._failed(rows, str(error))
            return
        now_s = self._queue.pace.monotonic_s()
        self._sent_s.append(now_s)
        self._pause_until_s = self._sent_s[0] + BURST_S if len(self._sent_s) == BURST else now_s
        if self._failures:
            log.info("channel of alerts works again", channel=self._name)
        self._failures = 0
        await self._queue.store(rows, "sent", None)

    async def _failed(self, rows: Sequence[Waiting], reason: str) -> None:
        if not self._failures:
            log.warning("alerts not sent; they are retried", channel=self._name, reason=reason)
        self._failures += 1
        self._pause_until_s = self._queue.pace.monotonic_s() + RETRY.pause_s(self._failures)
        await self._queue.store(rows, "failed", reason)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do *work*; when cancelled, let it go on for `STOP_S`, so that what is sent is stored."""
    task = asyncio.create_task(work, name="message to a channel")
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=STOP_S)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
        raise
