"""Filling in what the lake lacks of one venue: request by request, behind the live ones."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from analytics.errors import RateLimited, VenueError, VenueForbidden, VenueUnavailable
from analytics.lake.writer import Lake
from collector.backfill import coverage
from collector.backfill.archive import Archive, together
from collector.backfill.outcome import Outcome, Progress
from collector.backfill.plan import Piece, Stretch, Wanted, known, pieces, stamps
from collector.backfill.rows import bars_of, table
from collector.backfill.store import Store
from collector.cycles.bars_from_snapshots import write_finished_bars
from collector.cycles.venue_collector import VenueCollector
from collector.runtime.clock import Clock
from collector.venues.client import VenueClient, fault
from collector.venues.venue import Row

log = structlog.get_logger(__name__)

WORKERS = 2
"""Requests that may be under way for the same limits: few, so that live ones find a place."""

FAILURES_IN_A_ROW = 8
"""So many failures of a history in a row, and it is asked of no further instruments."""

MAX_PAUSE = timedelta(minutes=15)
"""A venue that asks for a longer one is asked no further."""

MAX_PAUSES = 3
"""So many are waited out for one request."""

LATEST = datetime.max.replace(tzinfo=UTC)
"""Stands for a pause without an end."""


class VenueHistory:
    """Fills in the history of one venue that is collected; close it after use."""

    def __init__(self, collected: VenueCollector, clock: Clock, lake: Lake) -> None:
        self.collected = collected
        self._clock = clock
        self._lake = lake
        self._client = collected.background_client()
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def fill(
        self, stretch: Stretch, progress: Progress, archive: Archive | None = None
    ) -> Outcome:
        """Fill in what the lake lacks of *stretch*, of the instruments collected now.

        Cancelled, it stores what it has received. A second call at the same time waits, and
        then asks only for what the first did not get.

        Raises:
            LakeError: The lake took no more; what was stored stays.
        """
        async with self._turn:
            wanted = Wanted(
                venue=self.collected.venue,
                instruments=self.collected.universe.chosen,
                stretch=stretch,
                now=self._clock.now(),
                archived=archive is not None,
            )
            run = _Run(self._client, self._lake, self._clock, wanted)
            if self.collected.forbidden is not None:
                run.outcome.stopped = str(self.collected.forbidden)
            try:
                await run.all(progress, archive)
            finally:
                await asyncio.shield(run.store.flush())
            return await asyncio.to_thread(run.summed_up)


class _Run:
    """One filling in."""

    def __init__(self, client: VenueClient, lake: Lake, clock: Clock, wanted: Wanted) -> None:
        self._client, self._lake, self._clock = client, lake, clock
        self._wanted = wanted
        self._before = coverage.Counted()
        self._in_a_row: Counter[str] = Counter()
        self.store = Store(lake, clock)
        self.outcome = Outcome(self.store.counts)

    async def all(self, progress: Progress, archive: Archive | None) -> None:
        """Ask for all that is missing: the archive first, then the venue, prices first."""
        lanes = await asyncio.to_thread(self._prepare)
        if archive is not None:
            await archive.fill(self._lake, self._wanted, self.store, self.outcome, progress)
            if self.outcome.files:
                await self.store.flush()
                lanes, _ = await asyncio.to_thread(self._survey)
        total = sum(map(len, lanes))
        progress("requests", 0, total)
        # Open interest is held against prices, so those are stored before.
        for group in (lanes[:1], lanes[1:]):
            queues = [deque(lane) for lane in group]
            await together(
                self._work(todo, lambda: progress("requests", self.outcome.requests, total))
                for todo in queues
                for _ in range(WORKERS)
            )
            await self.store.flush()

    def summed_up(self) -> Outcome:
        """Return how it went."""
        _, after = self._survey()
        self.outcome.covered = coverage.compared(self._wanted, self._before, after)
        return self.outcome

    def _prepare(self) -> list[list[Piece]]:
        """Write the live bars that are due, so that none is filled in instead; then plan."""
        write_finished_bars(self._lake, self._wanted.venue.name, self._wanted.now, None)
        lanes, self._before = self._survey()
        return lanes

    def _survey(self) -> tuple[list[list[Piece]], coverage.Counted]:
        """Return what is to be asked for, and how much is known.

        Asked for in lanes that do not wait for each other's limits; in each one history
        after the other, and of each the instruments in order of volume.
        """
        wanted = self._wanted
        counted = coverage.Counted()
        missing: defaultdict[str, list[Piece]] = defaultdict(list)
        for instrument, histories in wanted.each():
            found = known(self._lake, instrument, wanted.stretch)
            counted.add(found, histories, wanted)
            for history in histories:
                missing[history.question.name] += pieces(found, instrument, history, wanted)
        lanes: defaultdict[frozenset[str], list[Piece]] = defaultdict(list)
        for history in wanted.venue.history:
            lanes[frozenset(history.question.weights)] += missing[history.question.name]
        return [*lanes.values()], counted

    async def _work(self, todo: deque[Piece], done: Callable[[], None]) -> None:
        while todo:
            piece = todo.popleft()
            if not self._gave_up(piece):
                await self._take(piece)
            self.outcome.requests += 1
            done()

    async def _take(self, piece: Piece) -> None:
        """Ask for *piece* and hand its bars on."""
        what = piece.history.question.name
        try:
            bars = table(bars_of(piece, await self._rows(piece)))
        except VenueError as error:
            self._in_a_row[what] += 1
            self.outcome.failed(what, error)
            if isinstance(error, VenueForbidden | RateLimited):
                self.outcome.stopped = f"{error}; stopped asking {self._wanted.venue.title}"
        except Exception as error:
            self._in_a_row[what] += 1
            venue = self._wanted.venue.name
            log.exception("history page could not be parsed", venue=venue, what=what)
            self.outcome.failed(what, VenueUnavailable(venue, what, fault(error)))
        else:
            self._in_a_row[what] = 0
            self.outcome.answered += 1
            await self.store.put(what, piece.instrument, bars)

    def _gave_up(self, piece: Piece) -> bool:
        """Return whether there is no use in asking for *piece*; it counts as failed then."""
        what = piece.history.question.name
        if self.outcome.stopped is not None:
            return True
        if self._in_a_row[what] >= FAILURES_IN_A_ROW:
            sentence = f"{what}: given up after {FAILURES_IN_A_ROW} failures in a row"
            self.outcome.failed(f"{what} of other instruments", sentence)
            return True
        return False

    async def _rows(self, piece: Piece) -> list[Row]:
        """Return the venue's answer; a pause that it asks for is waited out."""
        history, venue_id = piece.history, piece.instrument.venue_id
        first_ms, last_ms = (round(stamp.timestamp() * 1000) for stamp in stamps(piece))
        params = {**history.question.params, **history.asked(venue_id, first_ms, last_ms)}
        question = replace(history.question, params=params)
        for _ in range(MAX_PAUSES):
            try:
                return (await self._client.ask(question, venue_id)).rows
            except RateLimited as error:
                pause = (error.retry_at or LATEST) - self._clock.now()
                if pause > MAX_PAUSE:
                    raise
                await self._clock.sleep(pause.total_seconds())
        return (await self._client.ask(question, venue_id)).rows
