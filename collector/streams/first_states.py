"""Where the books of a venue get the state that they start from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import structlog

from analytics.errors import VenueError
from collector.runtime.clock import Clock
from collector.streams.formats.stream import Stream
from collector.streams.state.books import Books
from collector.streams.wire.pool import ConnectionPool
from collector.venues.client import VenueClient
from collector.venues.depth import REACH_BPS
from collector.venues.json_reading import OtherShape, entries, number
from collector.venues.venue import Question, Row

log = structlog.get_logger(__name__)

RETRY_S = 60.0
"""A book that lost its state is not given another sooner. [s]"""

DEEP_LEVELS = 1000
"""Levels a side asked for where the usual ones end before all that a snapshot counts."""

DEEP_WEIGHTS = {"weight": 20}

MAX_IN_FLIGHT = 5
"""Books asked for in a row before it is looked anew which ones lack a state."""


class FirstStates:
    """Gives the books of one venue their first states."""

    def __init__(
        self, client: VenueClient, stream: Stream, books: Books, clock: Clock, board: ConnectionPool
    ) -> None:
        self._client, self._stream, self._clock = client, stream, clock
        self._books, self._board = books, board
        self._asked_s: dict[str, float] = {}
        self._shallow: set[str] = set()
        """Those whose usual levels end before all that a snapshot counts."""
        self._wanted_before: set[str] = set()

    def asking(self, question: Question) -> Question:
        """Return *question* for an order book, asked in passing: until the stream tells it.

        Where the stream's book starts from such an answer, the reader starts it too.
        """
        if self._stream.rest_book is None:
            return replace(question, passing=True)
        live, levels = self._board.live("depth"), int(question.params["limit"])

        def read(payload: Any, venue_id: str | None) -> Iterator[Row]:
            yield from question.read(payload, venue_id)
            if venue_id in live and venue_id in self._books.wanting:
                self._start(venue_id, payload, levels)

        return replace(question, read=read, passing=True)

    async def look(self) -> None:
        """Ask for the first states that have been lacking for a while, a few at a time."""
        wanting = set(self._books.wanting) & self._board.live("depth")
        lacking = wanting & self._wanted_before
        self._wanted_before = wanting
        now_s = self._clock.monotonic_s()
        for venue_id in self._asked_s.keys() - self._books.by_id.keys():
            del self._asked_s[venue_id]
        due = [
            venue_id
            for venue_id in self._books.by_id
            if venue_id in lacking and now_s - self._asked_s.get(venue_id, -RETRY_S) >= RETRY_S
        ]
        if self._stream.rest_book is None:
            self._asked_s.update(dict.fromkeys(due, now_s))
            if due:
                self._board.resubscribe("depth", due)
            return
        for venue_id in due[:MAX_IN_FLIGHT]:
            self._asked_s[venue_id] = self._clock.monotonic_s()
            await self._ask(venue_id)

    async def _ask(self, venue_id: str) -> None:
        levels, weights = 100, {"weight": 5}
        if venue_id in self._shallow:
            levels, weights = DEEP_LEVELS, DEEP_WEIGHTS
        try:
            payload = await self._client.fetch_json(
                f"order book of {venue_id}",
                "fapiPublicGetDepth",
                {"symbol": self._client.venue.encoded(venue_id), "limit": levels},
                weights,
            )
            self._start(venue_id, payload, levels)
        except (VenueError, OtherShape) as error:
            log.info("initial order book not loaded", venue=self._stream.venue, reason=str(error))

    def _start(self, venue_id: str, payload: Any, levels: int) -> None:
        if self._stream.rest_book is not None:
            self._stream.rest_book(self._books, venue_id, payload, levels)
            if _reaches(payload, levels):
                self._shallow.discard(venue_id)
            else:
                self._shallow.add(venue_id)


def _reaches(payload: Any, levels: int) -> bool:
    """Whether both sides of a book go as far from the middle as a snapshot counts."""
    bids, asks = entries(payload, "bids"), entries(payload, "asks")
    if not bids or not asks or max(len(bids), len(asks)) < levels:
        return True
    best_bid, best_ask = number(bids[0][0]) or 0.0, number(asks[0][0]) or 0.0
    reach = (best_bid + best_ask) / 2 * REACH_BPS / 10_000
    low, high = number(bids[-1][0]) or 0.0, number(asks[-1][0]) or 0.0
    return best_bid - low >= reach and high - best_ask >= reach
