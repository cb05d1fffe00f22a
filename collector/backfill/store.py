"""Bars of a history on their way into the lake: checked, completed, stored in batches."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from analytics import query
from analytics.files.row_checks import validated
from analytics.lake.bars import known_at
from analytics.lake.records import Instrument
from analytics.lake.schema import BAR
from analytics.lake.writer import Lake
from collector.backfill import derived
from collector.runtime.clock import Clock

BATCH = 20_000
"""Rows that go into one commit."""

BATCH_S = 5.0
"""After so long those that wait go into one, however few they are. [wall s]"""

CHUNK = 50_000
"""Rows in one commit at most: what a live cycle may have to wait for."""

DAY = timedelta(days=1)


@dataclass(slots=True)
class BarCounts:
    """What became of the rows so far."""

    added: int = 0
    """New bars."""
    filled: int = 0
    """Bars that were there and had columns of theirs filled."""
    refused: Counter[str] = field(default_factory=Counter)
    """Rows and single values left out, by reason."""


class Store:
    """Takes bars of one venue and stores them in batches; what is in the lake already wins."""

    def __init__(self, lake: Lake, clock: Clock) -> None:
        self._lake = lake
        self._clock = clock
        self._instruments: dict[str, Instrument] = {}
        self._waiting: defaultdict[str, list[pa.Table]] = defaultdict(list)
        self._stored_at = time.monotonic()
        self._turn = asyncio.Lock()
        self.counts = BarCounts()

    async def put(self, what: str, instrument: Instrument, bars: pa.Table) -> None:
        """Take *bars* of *instrument*, as ``rows.table`` makes them; store a batch if it is time.

        Of two rows of *what* for one bar the first counts; those of others complete it.

        Raises:
            LakeError: The batch was not stored; it goes on waiting.
        """
        if bars.num_rows:
            self._instruments[instrument.symbol] = instrument
            self._waiting[what].append(bars)
        count = sum(table.num_rows for tables in self._waiting.values() for table in tables)
        if count >= BATCH or (count and time.monotonic() - self._stored_at >= BATCH_S):
            await self.flush()

    async def flush(self) -> None:
        """Store all that waits, and show it to readers.

        Raises:
            LakeError: It was not stored, and goes on waiting.
        """
        async with self._turn:
            taken = {what: len(tables) for what, tables in self._waiting.items()}
            batch = {what: pa.concat_tables(self._waiting[what]) for what in taken}
            if batch:
                await asyncio.shield(asyncio.to_thread(self._store, batch))
            for what, count in taken.items():
                del self._waiting[what][:count]
                if not self._waiting[what]:
                    del self._waiting[what]
            self._stored_at = time.monotonic()

    def _store(self, batch: dict[str, pa.Table]) -> None:
        """Store what of *batch* can be true, and what follows from it."""
        now = self._clock.now()
        checked = [validated("bars", bars, now) for bars in batch.values()]
        for one in checked:
            self.counts.refused += one.refused + one.values_refused
        fresh = pa.concat_tables([one.rows for one in checked])
        if not fresh.num_rows:
            return
        names = pc.unique(fresh["symbol"]).to_pylist()
        instruments = [self._instruments[name] for name in names]
        stored = self._around(fresh, instruments)
        fresh, contradicted = derived.audited(fresh, stored, instruments)
        self.counts.refused += Counter({"oi_usd: unit": contradicted} if contradicted else {})
        following = derived.following(fresh, stored, instruments)
        whole = pa.concat_tables([fresh, following], promote_options="default")
        whole = known_at(whole, self._clock.now())
        for start in range(0, whole.num_rows, CHUNK):
            added, filled = self._lake.fill_bars(whole.slice(start, CHUNK))
            self.counts.added += added
            self.counts.filled += filled
        self._lake.publish()

    def _around(self, fresh: pa.Table, instruments: list[Instrument]) -> pa.Table:
        """Return what the lake has of *instruments* from a day before *fresh* to a day after."""
        span = pc.min_max(fresh["ts"]).as_py()
        with self._lake.cursor() as cursor:
            return query.table(
                cursor,
                "bars_of_instruments",
                venue=instruments[0].venue,
                symbols=[one.symbol for one in instruments],
                bases=[one.base for one in instruments],
                start=span["min"].replace(tzinfo=UTC) - DAY,
                end=span["max"].replace(tzinfo=UTC) + DAY + BAR,
            )
