"""A live order book of one contract: whole once, then only what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from simulator.market.listings import Listing
from simulator.market.random_processes import STEP_MS
from simulator.market.source import Moves, Source
from simulator.rest.wire_format import decimal

Level: TypeAlias = tuple[str, str]
"""Price and size as the venue writes them; size ``0`` takes a level away."""

WriteSize: TypeAlias = Callable[[Listing, float, float], str]
"""Writes a size, given the contract, the size in base and the price."""


def base_size(listing: Listing, size: float, _price: float) -> str:
    """Write a size in base."""
    return decimal(size, listing.size_decimals)


@dataclass(frozen=True, slots=True)
class Sides:
    """Levels of both sides, best first in a whole book."""

    bids: list[Level]
    asks: list[Level]


class LiveBook:
    """The best levels of one contract's book as of the time it was last moved to."""

    def __init__(
        self, source: Source, listing: Listing, levels: int, write: WriteSize, now_ms: int
    ) -> None:
        """Follow the best *levels* of *listing*, from *now_ms* on."""
        self._source, self._listing, self._levels = source, listing, levels
        self._write = write
        self.at_ms = now_ms
        self._bids: list[Level] = []
        self._asks: list[Level] = []
        self._moves: Moves
        self._done = 0
        self._begin(now_ms // STEP_MS)
        self._advance(now_ms)

    @property
    def is_empty(self) -> bool:
        """Whether the source knows no book of the contract, as a recording does not."""
        return not self._bids

    def whole(self) -> Sides:
        """Return every level."""
        return Sides(list(self._bids), list(self._asks))

    def until(self, now_ms: int) -> Sides:
        """Move to *now_ms* and return the levels that changed on the way."""
        is_same_step = now_ms // STEP_MS == self.at_ms // STEP_MS
        self.at_ms = now_ms
        if is_same_step:
            touched = self._advance(now_ms)
            return Sides([self._bids[at] for at in touched], [self._asks[at] for at in touched])
        before = self.whole()
        self._begin(now_ms // STEP_MS)
        self._advance(now_ms)
        return Sides(_changes(before.bids, self._bids), _changes(before.asks, self._asks))

    def _begin(self, step: int) -> None:
        """Take the book that a step begins with."""
        venue, symbol = self._listing.venue, self._listing.symbol
        self._moves = moves = self._source.moves(venue, symbol, step, self._levels)
        self._done = 0
        self._bids = self._side(moves.start.bid.tolist(), moves.start.bid_size.tolist())
        self._asks = self._side(moves.start.ask.tolist(), moves.start.ask_size.tolist())

    def _side(self, prices: list[float], sizes: list[float]) -> list[Level]:
        listing, places, write = self._listing, self._listing.price_decimals, self._write
        return [
            (decimal(price, places), write(listing, size, price))
            for price, size in zip(prices, sizes, strict=True)
        ]

    def _advance(self, now_ms: int) -> list[int]:
        """Make the changes of the running step until *now_ms*; return the levels touched."""
        moves, touched = self._moves, set()
        while self._done < len(moves.time_ms) and moves.time_ms[self._done] <= now_ms:
            at = int(moves.level[self._done])
            for side, stands, sizes in (
                (self._bids, moves.start.bid, moves.bid_size),
                (self._asks, moves.start.ask, moves.ask_size),
            ):
                size = self._write(self._listing, float(sizes[self._done]), float(stands[at]))
                side[at] = (side[at][0], size)
            touched.add(at)
            self._done += 1
        return sorted(touched)


def _changes(before: list[Level], after: list[Level]) -> list[Level]:
    """Return what turns one side into another."""
    old, new = dict(before), dict(after)
    gone = [(price, "0") for price in old if price not in new]
    return gone + [(price, size) for price, size in after if old.get(price) != size]
