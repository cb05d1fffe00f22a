"""The write queue between collecting and the lake: one queue, one task that empties it.

A batch leaves the queue only when the lake has acknowledged it. Venues that finish
their cycles within moments of each other share a commit: it costs hardly more than
that of one, and readers find fewer files. While the lake refuses (a full disk), batches
wait, up to a bound; what comes beyond that is dropped, counted and said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from analytics.errors import LakeError
from analytics.lake.records import Record, Snapshot
from analytics.lake.writer import Lake
from collector.runtime.backoff import Backoff
from collector.runtime.published import Published

log = structlog.get_logger(__name__)

MAX_QUEUE = 240
"""Batches that may wait: 40 minutes of three venues at the default pace."""

RETRY = Backoff(first_s=1.0, longest_s=5.0)
"""The pauses while the lake refuses. [wall s]"""

HURRIED_RETRY_S = 0.2
"""The same once we are asked to finish. [wall s]"""


class WriteQueue:
    """Takes batches of records from jobs and stores each exactly once, in order."""

    def __init__(self, lake: Lake, gather_s: float = 0.0) -> None:
        """Store into *lake*, each first batch after it waited *gather_s* for others. [wall s]"""
        self._lake = lake
        self._gather_s = gather_s
        self._waiting: list[Sequence[Record]] = []
        self._arrived = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self.published = Published()
        """That batches were, to readers."""
        self.dropped = 0
        """Batches lost, because too many waited or the lake could not take them."""
        self.rows_stored = 0
        self.fault: str | None = None
        """Why the lake refuses at the moment, or None."""
        self._earliest: dict[str, datetime] = {}
        self._hurry = asyncio.Event()

    def bars_from(self, venue: str, moment: datetime) -> None:
        """Have the bars of *venue* from *moment* on made anew the next time."""
        self._earliest[venue] = min(self._earliest.get(venue, moment), moment)

    def earliest_since_last_asked(self) -> dict[str, datetime]:
        """Return, by venue, the earliest snapshot stored since this was last asked for.

        Bars from there on are to be made anew: batches that waited come late.
        """
        earliest, self._earliest = self._earliest, {}
        return earliest

    @property
    def waiting(self) -> int:
        """How many batches are not stored yet."""
        return len(self._waiting)

    def put(self, batch: Sequence[Record]) -> None:
        """Take *batch* to be stored with the next commit."""
        if len(self._waiting) >= MAX_QUEUE:
            self.dropped += 1
            log.error("batch dropped: write queue is full", rows=len(batch))
            return
        self._waiting.append(batch)
        self._emptied.clear()
        self._arrived.set()

    async def run(self) -> None:
        """Store what arrives, for ever; all that waits goes into one commit.

        Begun anew, it goes on with what waits: what the lake took meanwhile it takes no second
        time.
        """
        refusals = 0
        while True:
            if not self._waiting:
                await self._arrived.wait()
            self._arrived.clear()
            await self._hurried(self._gather_s)
            while self._waiting:
                taken = list(self._waiting)
                dealt_with = await asyncio.shield(asyncio.to_thread(self._store, taken))
                del self._waiting[:dealt_with]
                if dealt_with:
                    self.published.add()
                refusals = 0 if dealt_with else refusals + 1
                await self._pause(refusals)
            self._emptied.set()

    async def finish(self, patience_s: float) -> bool:
        """Wait until all is stored, at most *patience_s* wall seconds; say whether it was."""
        self._hurry.set()
        try:
            async with asyncio.timeout(patience_s):
                await self._emptied.wait()
        except TimeoutError:
            return False
        return True

    async def _pause(self, refusals: int) -> None:
        """Wait before the lake is tried again; hardly at all once we are asked to finish."""
        if refusals and await self._hurried(RETRY.pause_s(refusals)):
            await asyncio.sleep(HURRIED_RETRY_S)

    async def _hurried(self, patience_s: float) -> bool:
        """Wait for *patience_s*, or until we are asked to finish; say whether we were. [wall s]"""
        try:
            async with asyncio.timeout(patience_s):
                await self._hurry.wait()
        except TimeoutError:
            return False
        return True

    def _store(self, batches: list[Sequence[Record]]) -> int:
        """Store *batches* in one commit; return how many are dealt with: all, the first or none."""
        rows = [record for batch in batches for record in batch]
        try:
            self.rows_stored += sum(self._lake.append_records(rows).values())
            self._lake.publish()
        except LakeError as error:
            if self.fault is None:
                log.error("lake write failed; batches are queued", reason=str(error))  # noqa: TRY400
            self.fault = str(error)
            return 0
        except Exception:
            # A row that no lake would take is a bug; it must not hold up all others for ever.
            if len(batches) > 1:
                return self._store(batches[:1])
            log.exception("batch dropped: its rows cannot be stored", rows=len(rows))
            self.dropped += 1
            return 1
        self._note_stored(rows)
        return len(batches)

    def _note_stored(self, rows: Sequence[Record]) -> None:
        for record in rows:
            if isinstance(record, Snapshot):
                self.bars_from(record.venue, record.received_ts)
        if self.fault is not None:
            log.info("lake writes succeed again", waiting=len(self._waiting))
            self.fault = None
