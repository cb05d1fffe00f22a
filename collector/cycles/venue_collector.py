"""One venue's collector: what it asks and when, and how that went.

A cycle asks in bulk first, then instrument by instrument in order of volume, as
far as the budget and the time allow. What fails leaves its columns empty and is
named in the cycle's record; the rest still counts. The lake is the caller's.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from analytics.errors import VenueError, VenueForbidden, VenueUnavailable
from analytics.lake.records import Cycle, Instrument, Snapshot
from collector.cycles.snapshot_builder import SnapshotBuilder
from collector.cycles.universe import Universe
from collector.runtime.background_budget import BackgroundBudget
from collector.runtime.budget import Budget
from collector.runtime.clock import Clock
from collector.streams.feed import Feed
from collector.venues.client import Answer, VenueClient, fault
from collector.venues.round import Request, Round
from collector.venues.venue import Venue

log = structlog.get_logger(__name__)

SHARE_OF_INTERVAL = 0.8
"""After this share of the interval a cycle ends, whatever is still missing."""

RATIOS_TIMEOUT_S = 270.0
"""How long asking for the long/short ratios may take before the next round is due. [s]"""

REFRESH_TIMEOUT_S = 240.0
"""How long a refresh of the universe may take. [s]"""

REFRESH_RETRY_S = 60.0
"""While nothing is chosen, a refresh that failed is not tried again sooner. [s]"""


@dataclass(frozen=True, slots=True)
class RatiosOutcome:
    """How asking for the long/short ratios went."""

    asked: int
    answered: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Refresh:
    """How the newest refresh of the universe went."""

    ended_s: float
    """On the collector's clock, as ``monotonic_s`` counts. [s]"""
    error: VenueError | None


class VenueCollector:
    """Collects one venue; close it after use."""

    def __init__(
        self,
        venue: Venue,
        clock: Clock,
        *,
        simulator_url: str | None = None,
        top_n: int = 20,
        interval_s: float = 30.0,
        requests_per_s: float = 10.0,
        timeout_s: float = 10.0,
        known: Iterable[Instrument] = (),
        rng: random.Random | None = None,
    ) -> None:
        self.venue = venue
        self.feed: Feed | None = None
        """The venue's streams, if they are read."""
        self.universe = Universe(top_n, known)
        self.budget = Budget(venue.limits, clock, requests_per_s=requests_per_s, rng=rng)
        self._new_client = partial(
            VenueClient, venue, clock, simulator_url=simulator_url, timeout_s=timeout_s
        )
        self.client = self._new_client(self.budget)
        self.forbidden: VenueForbidden | None = None
        """Set for good once the venue refuses this host; nothing is asked after that."""
        self._clock = clock
        self._interval_s = interval_s
        self._builder = SnapshotBuilder(venue, self.universe)
        self._ratios_error: str | None = None
        self._refreshing = asyncio.Lock()
        self._refresh: Refresh | None = None
        self._unreadable = 0

    @property
    def name(self) -> str:
        """The venue's name."""
        return self.venue.name

    def background_client(self) -> VenueClient:
        """Return another client of the venue, whose requests wait for all of the cycle's."""
        return self._new_client(BackgroundBudget(self.budget))

    async def close(self) -> None:
        """Close the connections."""
        await self.client.close()

    async def refresh_universe(self) -> list[Instrument]:
        """Load what the venue lists and choose anew; return the records of all instruments.

        One that is wanted while another is under way is the same one. Raises
        VenueError; the universe is then what it was.
        """
        if self.forbidden is not None:
            raise self.forbidden
        before = self._refresh
        async with self._refreshing:
            done = self._refresh
            if done is None or (done is before and not self._failed_just_now(done)):
                error = await self._try_to_choose()
                done = self._refresh = Refresh(self._clock.monotonic_s(), error)
        if done.error is not None:
            raise done.error
        return self.universe.records

    def _failed_just_now(self, refresh: Refresh) -> bool:
        """Whether *refresh* left nothing chosen, and it is too soon for another."""
        age_s = self._clock.monotonic_s() - refresh.ended_s
        return refresh.error is not None and not self.universe.chosen and age_s < REFRESH_RETRY_S

    async def _try_to_choose(self) -> VenueError | None:
        """Choose the universe anew, or return why it stays what it was."""
        try:
            async with asyncio.timeout(self._clock.wall_s(REFRESH_TIMEOUT_S)):
                await self._choose()
        except TimeoutError:
            reason = f"not done within {REFRESH_TIMEOUT_S:g} s"
            error: VenueError = VenueUnavailable(self.name, "refresh of the universe", reason)
        except VenueError as raised:
            error = raised
        except Exception as raised:
            log.exception("universe refresh failed", venue=self.name)
            error = VenueUnavailable(self.name, "refresh of the universe", fault(raised))
        else:
            return None
        self.universe.refresh_failed()
        if isinstance(error, VenueForbidden):
            self.forbidden = error
        return error

    async def _choose(self) -> None:
        """Ask for the list of instruments, their volumes and their terms; take them all over."""
        listings = await self.client.listings()
        ranking = await self.client.ask(self.venue.bulk[0])
        round_ = Round(self.client)
        await round_.ask_all(self.venue.terms)
        self._unreadable = self.client.unreadable
        self._builder.take_listings(listings)
        self._builder.learn_terms(self.venue.terms, round_.answers)
        instruments = [listed.instrument for listed in listings]
        self.universe.refresh(instruments, _volumes(ranking), self._clock.now())
        if self.feed is not None:
            self.feed.follow(self.universe.chosen)

    async def refresh_long_short(self) -> RatiosOutcome:
        """Ask for the newest long/short ratios of the universe, for the next cycles to stamp.

        All ratios of an instrument are asked together, so that they are of one mark.
        """
        if self.forbidden is not None:
            return RatiosOutcome(0, 0, str(self.forbidden))
        requests: list[Request] = [
            (question, instrument.venue_id)
            for rank, instrument in enumerate(self.universe.chosen)
            for question in self.venue.slow
            if question.top is None or rank < question.top
        ]
        round_ = Round(self.client)
        try:
            async with asyncio.timeout(self._clock.wall_s(RATIOS_TIMEOUT_S)):
                await round_.ask_each(requests)
        except TimeoutError:
            pass
        self.forbidden = self.forbidden or round_.forbidden
        self._builder.keep_ratios(round_.answers)
        self._ratios_error = round_.sentence()
        return RatiosOutcome(len(requests), len(round_.answers), self._ratios_error)

    async def cycle(self) -> tuple[list[Snapshot], Cycle]:
        """Ask the venue what a cycle asks; return its rows and how it went.

        Raises nothing but cancellation: whatever a venue answers, everything else received in
        the cycle is kept, and its record says what went wrong.
        """
        started_ts = self._clock.now()
        round_ = Round(self.client)
        if self.forbidden is not None:
            round_.errors["venue"] = str(self.forbidden)
        elif not self.universe.chosen:
            round_.errors["universe"] = f"no instruments chosen: {self._why_empty()}"
        else:
            await self._ask(round_)
        received_ts = self._clock.now()
        refused: Counter[str] = Counter()
        if self._unreadable:
            refused["instrument:unreadable"], self._unreadable = self._unreadable, 0
        try:
            snapshots = self._builder.rows(round_.answers, received_ts, self.feed, refused)
        except Exception as error:
            snapshots = []
            log.exception("rows of the cycle could not be built", venue=self.name)
            self._note_fault(round_, "rows", error)
        if (apart := _clocks_apart(refused, len(snapshots))) is not None:
            round_.errors["clock"] = f"{self.name}: {apart}"
        if round_.stats.faults:
            refused["answer:fault"] = round_.stats.faults
        return snapshots, self._record(round_, started_ts, snapshots, refused)

    def _note_fault(self, round_: Round, what: str, error: Exception) -> None:
        """Record an unexpected *error* under *what*, in the cycle's errors and fault count."""
        round_.stats.faults += 1
        round_.errors.setdefault(what, str(VenueUnavailable(self.name, what, fault(error))))

    def _why_empty(self) -> str:
        if self._refresh is None:
            return "list of instruments not loaded yet"
        return str(self._refresh.error)

    async def _ask(self, round_: Round) -> None:
        """Ask in bulk, then of each instrument in order of volume, the most important first."""
        requests = self._requests()
        if self._ratios_error is not None:
            round_.errors["long/short"], self._ratios_error = self._ratios_error, None
        try:
            async with asyncio.timeout(self._clock.wall_s(self._interval_s * SHARE_OF_INTERVAL)):
                terms = self._builder.terms_missing
                await round_.ask_all(self.venue.bulk + terms)
                self._builder.learn_terms(terms, round_.answers)
                await round_.ask_each(requests)
        except TimeoutError:
            self._name_unanswered(round_)
        except Exception as error:
            log.exception("requests of the cycle failed", venue=self.name)
            self._note_fault(round_, "requests", error)
        self.forbidden = self.forbidden or round_.forbidden

    def _requests(self) -> list[Request]:
        """Return what is asked of single instruments: what the streams do not tell already."""
        requests: list[Request] = []
        for question in self.venue.each:
            ids = [instrument.venue_id for instrument in self.universe.chosen[: question.top]]
            asked = question
            if self.feed is not None:
                ids, asked = self.feed.asks(question, ids), self.feed.asking(question)
            requests += [(asked, venue_id) for venue_id in ids]
        return requests

    def _name_unanswered(self, round_: Round) -> None:
        """Name the bulk questions that a cycle ran out of time for."""
        answered = {answer.question.name for answer in round_.answers}
        for question in self.venue.bulk:
            if question.name not in answered:
                late = VenueUnavailable(self.name, question.name, "no answer within the cycle")
                round_.failed(question.name, late)

    def _record(
        self,
        round_: Round,
        started_ts: datetime,
        snapshots: list[Snapshot],
        refused: Counter[str],
    ) -> Cycle:
        latencies = round_.stats.latencies_ms
        return Cycle(
            venue=self.venue.name,
            started_ts=started_ts,
            finished_ts=self._clock.now(),
            asked=len(self.universe.chosen),
            answered=len(snapshots),
            skipped=round_.skipped,
            refused=refused.total(),
            refused_reasons=json.dumps(dict(sorted(refused.items()))) if refused else None,
            latency_ms=statistics.median(latencies) if latencies else None,
            requests=round_.stats.requests,
            budget_used_pct=self.budget.used_pct(),
            error=round_.sentence(),
            streams=None if self.feed is None else self.feed.to_json(),
        )


def _clocks_apart(refused: Counter[str], rows: int) -> str | None:
    """Return the clock's fault if the venue's times ruled out the price of every one of *rows*."""
    for reason, words in (
        ("ahead", "in the future; this machine's clock may be slow"),
        ("stale", "over five minutes old; this machine's clock may be fast"),
    ):
        if rows and refused[f"price:{reason}"] == rows:
            return f"all prices rejected: by the venue's own times they are {words}"
    return None


def _volumes(ranking: Answer) -> dict[str, float | None]:
    """Return the 24 h volumes in *ranking* by the venue's names; of two the first counts."""
    volumes: dict[str, float | None] = {}
    for venue_id, fields in ranking.rows:
        volume = fields.get("volume_24h_usd")
        if venue_id is not None:
            volumes.setdefault(venue_id, volume if isinstance(volume, float) else None)
    return volumes
