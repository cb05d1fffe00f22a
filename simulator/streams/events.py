"""What happened on a venue between two moments, ready to be written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from simulator.market.listings import Listing
from simulator.market.noise import uniform
from simulator.market.random_processes import SLOT_MS
from simulator.market.source import Liquidations, Prints, Source

_BURST = 118
_BURSTS_KEPT = 64
_MAX_USD = 20_000.0
_APART = 64
"""Liquidations in a row of a burst that differ in size for certain."""

SECOND_MS = 1000


class Trade(NamedTuple):
    """One trade."""

    listing: Listing
    id: int
    time_ms: int
    price: float
    size: float
    """[base]"""

    is_buy: bool


class Liquidated(NamedTuple):
    """One position closed by force."""

    listing: Listing
    time_ms: int
    price: float
    size: float
    """[base]"""

    is_long: bool

    @property
    def usd(self) -> float:
        """What it was worth. [USD]"""
        return self.price * self.size


@dataclass(frozen=True, slots=True)
class Burst:
    """Liquidations that were asked for: *count* of them in the second from *at_ms* on."""

    at_ms: int
    count: int
    symbol: str | None


@dataclass(slots=True)
class Bursts:
    """The bursts that one venue was asked for; the latest few are remembered."""

    _kept: list[Burst] = field(default_factory=list)

    def add(self, burst: Burst) -> None:
        """Remember *burst*."""
        self._kept = [*self._kept[1 - _BURSTS_KEPT :], burst]

    def between(self, source: Source, venue: str, start_ms: int, end_ms: int) -> list[Liquidated]:
        """Return their liquidations in [start_ms, end_ms)."""
        found: list[Liquidated] = []
        for burst in self._kept:
            if burst.at_ms < end_ms and burst.at_ms + SECOND_MS > start_ms:
                found += [
                    one
                    for one in _of_burst(source, venue, burst)
                    if start_ms <= one.time_ms < end_ms
                ]
        return found


def _of_burst(source: Source, venue: str, burst: Burst) -> Iterator[Liquidated]:
    """Make a burst's liquidations: no two of them alike, over all contracts or one."""
    quotes = source.quotes(venue, burst.at_ms)
    chosen = [
        at
        for at, listing in enumerate(quotes.listings)
        if listing.kind == "perpetual" and burst.symbol in {None, listing.symbol}
    ]
    draws = uniform(burst.at_ms, _BURST, np.arange(burst.count)[:, None], np.arange(2)).tolist()
    for number, (large, side) in enumerate(draws):
        at = chosen[number % len(chosen)]
        listing = quotes.listings[at]
        lot = 10.0 ** -(listing.size_decimals or 0)
        price = float(quotes.last[at])
        # Neighbours have another number of lots, so that no two events are alike.
        coarse = round(_MAX_USD * large * large / (lot * price * _APART))
        lots = coarse * _APART + number % _APART + 1
        yield Liquidated(
            listing=listing,
            time_ms=burst.at_ms + number * SECOND_MS // burst.count,
            price=price,
            size=round(lots * lot, max(listing.size_decimals or 0, 0)),
            is_long=side < 0.5,
        )


def _slices(start_ms: int, end_ms: int) -> Iterator[tuple[int, int, int]]:
    """Split [start_ms, end_ms) at the bounds of slots."""
    for slot in range(start_ms // SLOT_MS, -(-end_ms // SLOT_MS)):
        yield slot, max(start_ms, slot * SLOT_MS), min(end_ms, (slot + 1) * SLOT_MS)


def prints_between(
    source: Source, venue: str, start_ms: int, end_ms: int
) -> Iterator[tuple[Sequence[Listing], Prints]]:
    """Return the trades in [start_ms, end_ms), a slot at a time."""
    for slot, first_ms, last_ms in _slices(start_ms, end_ms):
        tape = source.tape(venue, slot)
        inside = np.searchsorted(tape.prints.time_ms, (first_ms, last_ms)).tolist()
        yield tape.listings, tape.prints.take(slice(*inside))


def liquidations_between(
    source: Source, venue: str, start_ms: int, end_ms: int
) -> Iterator[tuple[Sequence[Listing], Liquidations]]:
    """Return the liquidations in [start_ms, end_ms), a slot at a time."""
    for slot, first_ms, last_ms in _slices(start_ms, end_ms):
        tape = source.tape(venue, slot)
        inside = np.searchsorted(tape.liquidations.time_ms, (first_ms, last_ms)).tolist()
        yield tape.listings, tape.liquidations.take(slice(*inside))


def trades_between(source: Source, venue: str, start_ms: int, end_ms: int) -> Iterator[Trade]:
    """Return the trades in [start_ms, end_ms), oldest first."""
    for listings, prints in prints_between(source, venue, start_ms, end_ms):
        columns = (prints.contract, prints.id, prints.time_ms, prints.price, prints.size)
        for contract, *rest in zip(
            *(column.tolist() for column in (*columns, prints.is_buy)), strict=True
        ):
            yield Trade(listings[contract], *rest)


def liquidated_between(
    source: Source, venue: str, start_ms: int, end_ms: int
) -> Iterator[Liquidated]:
    """Return the liquidations in [start_ms, end_ms), oldest first."""
    for listings, liquidations in liquidations_between(source, venue, start_ms, end_ms):
        columns = (
            liquidations.contract,
            liquidations.time_ms,
            liquidations.price,
            liquidations.size,
            liquidations.is_long,
        )
        for contract, *rest in zip(*(column.tolist() for column in columns), strict=True):
            yield Liquidated(listings[contract], *rest)


def largest_a_second(liquidated: Iterator[Liquidated]) -> list[Liquidated]:
    """Return of each contract and second only the largest, as two of the venues publish them."""
    best: dict[tuple[str, int], Liquidated] = {}
    for one in liquidated:
        key = (one.listing.symbol, one.time_ms // SECOND_MS)
        if key not in best or one.usd > best[key].usd:
            best[key] = one
    return sorted(best.values(), key=lambda one: one.time_ms)
