"""Filling the holes of a stream from what REST still tells, and saying what came of it.

While a hole of trades is open, the flows of its instruments are withheld, and nothing is
lost by that: what is filled in goes into the first snapshot after. An instrument whose
next trade has the next number missed nothing, and is not asked about.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import structlog

from analytics.errors import RateLimited, VenueError, VenueUnavailable
from collector.runtime.backoff import Backoff
from collector.runtime.clock import Clock
from collector.streams.holes.hole import Hole, Mark, has_traded, missed_nothing, numbers_missed
from collector.streams.holes.rest_history import TRADE_HISTORY, Missing, OutOfReach, PastTrade
from collector.streams.state.flows import Flow, Flows
from collector.streams.state.seen import Numbers
from collector.venues.client import VenueClient
from collector.venues.json_reading import OtherShape

log = structlog.get_logger(__name__)

SETTLE_S = 2.0
"""How far REST may lag behind the stream. [s]"""

QUIET_S = 20.0
"""How long the trade may be awaited that tells whether one before it was missed. [s]"""

POLL_S = 1.0

REPAIR_TIMEOUT_S = 900.0
"""After so long a hole is given up: flows are not withheld for ever. [s]"""

ATTEMPTS = 3
"""How often an instrument is asked about where the answers fail or lack something."""

RETRY = Backoff(first_s=5.0, longest_s=60.0)
"""The pauses after an answer about an instrument failed, in which nothing is asked. [s]"""

MARGIN_MS = 3000
"""How much earlier than the last event a hole may begin, by the venue's clock. [ms]"""


class Repairs:
    """Fills the holes in one venue's trades."""

    def __init__(
        self,
        client: VenueClient,
        flows: Flows,
        clock: Clock,
        began_ms: Mapping[str, int],
        *,
        numbered: bool,
        settled: Callable[[Hole, str], None],
    ) -> None:
        """Ask *client*, whose budget lets all that is live go first.

        Args:
            client: Of the venue.
            flows: Where what is missed belongs.
            clock: The collector's.
            began_ms: Since when each instrument is received; nothing earlier is filled. [Unix ms]
            numbered: Whether a number that is missing is a trade that is missing.
            settled: Called for each instrument of a hole that is settled.
        """
        self._client, self._flows, self._clock = client, flows, clock
        self._began_ms, self._settled = began_ms, settled
        self._numbered = numbered
        self._trades = TRADE_HISTORY[client.venue.name]
        self._asking = asyncio.Lock()
        self._wants: dict[Hole, bool] = {}
        """The holes being filled, the eldest first, and whether there is something to ask now."""

    async def fill(self, hole: Hole) -> None:
        """Fill *hole* as its instruments have data again; give up the rest at the end."""
        try:
            await self._fill(hole)
        except Exception:
            # A fault of ours must not withhold flows for ever; its traceback is in the log.
            log.exception("hole not filled", venue=self._client.venue.name)
        finally:
            self._wants.pop(hole, None)
        self.give_up(hole)

    async def wait(self, hole: Hole) -> None:
        """Give up the instruments of *hole* without data after `REPAIR_TIMEOUT_S`."""
        deadline_s = self._clock.monotonic_s() + REPAIR_TIMEOUT_S
        while hole.open and self._clock.monotonic_s() < deadline_s:
            await self._clock.sleep(POLL_S)
        self.give_up(hole)

    async def _fill(self, hole: Hole) -> None:
        since_s = self._clock.monotonic_s()
        deadline_s = since_s + REPAIR_TIMEOUT_S
        await self._clock.sleep(SETTLE_S)
        while hole.open and self._clock.monotonic_s() < deadline_s:
            # The eldest first, alone: what is filled in for it is all that later ones miss too.
            async with self._asking:
                self._settle_untouched(hole)
                quiet_too_long = self._clock.monotonic_s() - since_s > QUIET_S
                venue_id = next(iter(self._askable(hole, quiet_too_long=quiet_too_long)), None)
                self._wants[hole] = venue_id is not None
                its_turn = next((one for one, wants in self._wants.items() if wants), None) is hole
                if venue_id is not None and its_turn:
                    await self._attempt(hole, venue_id, deadline_s)
            if not its_turn:
                await self._clock.sleep(POLL_S)

    def settle(self, hole: Hole, venue_id: str, *, complete: bool) -> None:
        """Close the part of *hole* that is about one instrument."""
        rows = hole.rows.get(venue_id, 0)
        hole.outcomes[venue_id] = "repaired" if complete else "partly" if rows else "lost"
        self._flows.release(hole.channel, [venue_id], complete=complete)
        self._settled(hole, venue_id)

    def give_up(self, hole: Hole) -> None:
        """Settle what is left of *hole*, as far as it was filled."""
        for venue_id in hole.open:
            if venue_id in hole.absent:
                # It has no data at all: unknown, not 0.
                self._flows.end(hole.channel, [venue_id])
            self.settle(hole, venue_id, complete=False)

    def _settle_untouched(self, hole: Hole) -> None:
        """Settle instruments whose own trade numbers show that they missed nothing."""
        for venue_id in hole.open:
            flow = self._flows.by_id[venue_id]
            if venue_id not in hole.absent and missed_nothing(flow, hole.marks[venue_id]):
                self.settle(hole, venue_id, complete=True)

    def _askable(self, hole: Hole, *, quiet_too_long: bool) -> Iterable[str]:
        """Yield the instruments that it is time to ask about, quiet ones at last.

        While others are asked about, these may tell themselves that they missed nothing.
        """
        heard = [venue_id for venue_id in hole.open if venue_id not in hole.absent]
        for venue_id in heard:
            flow = self._flows.by_id[venue_id]
            if not isinstance(flow.seen, Numbers) or has_traded(flow, hole.marks[venue_id]):
                yield venue_id
        if quiet_too_long:
            yield from heard

    async def _attempt(self, hole: Hole, venue_id: str, deadline_s: float) -> None:
        """Ask about one instrument once, and settle it if that tells all or nothing more will."""
        hole.attempts[venue_id] = hole.attempts.get(venue_id, 0) + 1
        last = hole.attempts[venue_id] >= ATTEMPTS
        try:
            complete = await self._fill_one(hole, venue_id)
        except OutOfReach:
            complete, last = False, True
        except RateLimited as error:
            hole.attempts[venue_id] -= 1
            last = False
            complete = False
            await self._wait_out_pause(error.retry_at, deadline_s)
        except (VenueUnavailable, OtherShape) as error:
            log.info("hole not filled yet", venue=self._client.venue.name, reason=str(error))
            complete = False
            await self._clock.sleep(RETRY.pause_s(hole.attempts[venue_id]))
        except VenueError as error:
            log.info("hole not filled", venue=self._client.venue.name, reason=str(error))
            complete, last = False, True
        if venue_id in hole.outcomes:
            # It left the universe meanwhile.
            return
        if complete or last:
            self.settle(hole, venue_id, complete=complete)
        elif venue_id in hole.marks:
            # To the end of the queue.
            hole.marks[venue_id] = hole.marks.pop(venue_id)

    async def _fill_one(self, hole: Hole, venue_id: str) -> bool:
        """Count what REST tells of an instrument; return whether that is all that was missed."""
        flow = self._flows.by_id[venue_id]
        before = hole.marks[venue_id]
        numbers = numbers_missed(flow, before) if self._numbered else ()
        missing = Missing(
            venue_id=self._client.venue.encoded(venue_id),
            from_ms=max(_known_ms(hole, before) - MARGIN_MS, self._began_ms.get(venue_id, 0)),
            last=before.last,
            to_ms=(hole.ended_ms or hole.started_ms) + MARGIN_MS,
            numbers=numbers,
        )
        async for page in self._trades(self._client.fetch_json, missing):
            counted = sum(self._counts(flow, missing, trade) for trade in sorted(page, key=_order))
            hole.rows[venue_id] = hole.rows.get(venue_id, 0) + counted
        return not self._numbered or not numbers_missed(flow, before)

    def _counts(self, flow: Flow, missing: Missing, trade: PastTrade) -> bool:
        """Count *trade* if it was missed; say whether it was."""
        if not missing.numbers and missing.knows(trade.trade_id, trade.at_ms):
            return False
        now_ms = round(self._clock.now().timestamp() * 1000)
        return flow.trade(*trade, received_ms=now_ms) is None

    async def _wait_out_pause(self, retry_at: datetime | None, deadline_s: float) -> None:
        wait_s = RETRY.first_s
        if retry_at is not None:
            wait_s = max(wait_s, (retry_at - self._clock.now()).total_seconds())
        await self._clock.sleep(min(wait_s, deadline_s - self._clock.monotonic_s()))


def _known_ms(hole: Hole, before: Mark) -> int:
    """Return up to when trades were received: the venue's clock may be behind ours. [Unix ms]"""
    return min(hole.started_ms, before.newest_ms or hole.started_ms)


def _order(trade: PastTrade) -> tuple[int, int]:
    return (trade.at_ms, trade.trade_id if isinstance(trade.trade_id, int) else 0)
