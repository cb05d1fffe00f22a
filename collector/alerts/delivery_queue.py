"""The queue of alerts to send, which is the lake: what waits, and what came of each attempt.

An alert waits until an attempt is stored that sent it, gave it up or found it silenced. So a
restart forgets nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal, Self, TypeVar

import prometheus_client
import structlog

from analytics import query
from analytics.errors import LakeError, QueryError
from analytics.lake.records import AlertDelivery
from analytics.lake.writer import Lake
from analytics.untrusted.visible import visible
from collector.runtime.backoff import Backoff
from collector.runtime.clock import Clock

log = structlog.get_logger(__name__)

RETRY: Final = Backoff(first_s=1.0, longest_s=30.0)
"""Pauses while the lake cannot be read or written. [wall s]"""

Outcome = Literal["sent", "failed", "given up", "silenced"]
Change = Literal["firing", "resolved"]
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An alert that waits for a channel; the columns of ``alerts_waiting``."""

    channel: str
    rule: str
    version: str
    subject: str
    started_ts: datetime
    change: Change
    ts: datetime
    due_ts: datetime
    """Since when it could be sent: a silence may have ended after it happened."""
    per: str
    venue: str | None
    symbol: str | None
    base: str | None
    severity: str
    alert_group: str
    message: str
    ended_ts: datetime | None
    attempts: int
    is_silenced: bool
    inhibited_by: str | None

    @property
    def is_told(self) -> bool:
        """Whether it is to be sent: no silence holds for it, and no graver alert says it all."""
        return not self.is_silenced and self.inhibited_by is None


class DeliveryQueue:
    """Reads and writes the lake on a thread of its own: neither waits for the collecting's."""

    def __init__(
        self,
        lake: Lake,
        clock: Clock,
        pace: Clock,
        registry: prometheus_client.CollectorRegistry | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            lake: Holds alerts and attempts.
            clock: The collector's, whose times they have.
            pace: The one that pauses are slept on.
            registry: Where alerts are counted, by channel.
        """
        self.clock, self.pace = clock, pace
        self._lake = lake
        self._thread = ThreadPoolExecutor(1, "alert delivery")
        self._attempted = prometheus_client.Counter(
            "perpscope_alert_deliveries",
            "Alerts sent to a channel or not, one for each attempt",
            ["channel", "outcome"],
            registry=registry,
        )
        self._waiting = prometheus_client.Gauge(
            "perpscope_alerts_waiting", "Alerts still to be sent", ["channel"], registry=registry
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    async def read(self) -> list[Waiting]:
        """Return all that waits, the oldest first, as soon as the lake can be read."""
        found = await self._insisted("alerts to send not read", self._read)
        waiting = Counter(visible(row.channel) for row in found if row.is_told)
        self._waiting.clear()
        for channel, number in waiting.items():
            self._waiting.labels(channel).set(number)
        return found

    async def store(self, rows: Sequence[Waiting], outcome: Outcome, error: str | None) -> None:
        """Store what came of an attempt on *rows* of one channel, as soon as the lake takes it."""
        now = self.clock.now()
        records = [record for row in rows for record in _records(row, now, outcome, error)]
        await self._insisted("deliveries not stored", partial(self._append, records))
        self._attempted.labels(visible(rows[0].channel), outcome).inc(len(rows))

    async def set_fact(self, name: str, value: str) -> None:
        """Store a fact of the lake, as soon as it takes that."""
        await self._insisted(f"{name} not stored", partial(self._set, name, value))

    async def _insisted(self, what: str, work: Callable[[], _Found]) -> _Found:
        """Do *work* on the thread, again and again until the lake lets it."""
        refusals = 0
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
            except (LakeError, QueryError) as error:
                if not refusals:
                    log.warning(what, reason=str(error))
                refusals += 1
                await self.pace.sleep(RETRY.pause_s(refusals))

    def _read(self) -> list[Waiting]:
        with self._lake.cursor() as cursor:
            found = query.table(cursor, "alerts_waiting", now=self.clock.now())
        names = [field.name for field in fields(Waiting)]
        return [Waiting(**_in_utc(row)) for row in found.select(names).to_pylist()]

    def _append(self, records: Sequence[AlertDelivery]) -> None:
        self._lake.append_records(records)
        self._lake.publish()

    def _set(self, name: str, value: str) -> None:
        self._lake.set_info(**{name: value})


def _records(
    row: Waiting, now: datetime, outcome: Outcome, error: str | None
) -> Iterator[AlertDelivery]:
    """Yield what is stored of an attempt; a firing alert that is over is sent with its end."""
    ended = outcome == "sent" and row.ended_ts is not None
    changes: dict[Change, int] = {row.change: row.attempts + 1}
    if ended:
        changes["resolved"] = 1
    for change, attempt in changes.items():
        yield AlertDelivery(
            channel=row.channel,
            rule=row.rule,
            version=row.version,
            subject=row.subject,
            started_ts=row.started_ts,
            change=change,
            attempt=attempt,
            ts=now,
            outcome=outcome,
            error=error,
        )


def _in_utc(row: dict[str, Any]) -> dict[str, Any]:
    """Return a *row* of Arrow, whose times have no zone, with times in UTC."""
    return {
        name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
        for name, value in row.items()
    }
