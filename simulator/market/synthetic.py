"""The synthetic market: three venues that trade the same coins.

Its state at a time depends on the seed and that time alone, so a price polled
live is the price a candle shows later, and two processes that ask different
questions in a different order see the same market.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from simulator.market import listings
from simulator.market.coins import Coins
from simulator.market.contract_table import Table, table
from simulator.market.history import History, multiples
from simulator.market.listings import VENUES, Listing
from simulator.market.quotes import Exchange
from simulator.market.random_processes import SLOT_MS, SLOTS, STEP_MS
from simulator.market.source import (
    NO_PRINTS,
    Bars,
    Book,
    Liquidation,
    Moves,
    Prints,
    Quotes,
    RatioKind,
    Series,
    Tape,
    Trades,
)
from simulator.market.tape import Printer

USUAL_ASSETS = 70

_DAY_MS = SLOTS * SLOT_MS
_TAPES_KEPT = 3


class SyntheticMarket:
    """A market made of hashed random numbers; a Source."""

    def __init__(self, instruments: int = USUAL_ASSETS, seed: int = 0) -> None:
        """Trade *instruments* assets; another *seed* is another market."""
        self._count = instruments
        self._seed = seed
        assets = listings.assets(instruments)
        self._numbers = {asset.name: number for number, asset in enumerate(assets)}
        self._coins = Coins(seed, assets)
        self._exchanges = {
            venue: Exchange(seed, self._coins, number) for number, venue in enumerate(VENUES)
        }
        self._histories = {
            venue: History(seed, self._coins, self._exchanges[venue], number)
            for number, venue in enumerate(VENUES)
        }
        self._printers = {
            venue: Printer(seed, self._coins, self._exchanges[venue], number)
            for number, venue in enumerate(VENUES)
        }
        self._tapes: dict[str, OrderedDict[int, Tape]] = {venue: OrderedDict() for venue in VENUES}
        self._deliveries: dict[int, int] = {}
        self._tables: dict[tuple[str, int], Table] = {}
        self._single: dict[tuple[str, str], Table] = {}
        self._quotes: dict[str, tuple[int, Quotes]] = {}

    @property
    def step_ms(self) -> int:
        """How long its figures stay the same. [ms]"""
        return STEP_MS

    def listings(self, venue: str, now_ms: int) -> Sequence[Listing]:
        """Return every contract that *venue* lists, perpetual or not."""
        return self._table(venue, now_ms).listings

    def listing(self, venue: str, symbol: str, now_ms: int) -> Listing | None:
        """Return one contract, or None if *venue* does not have it."""
        whole = self._table(venue, now_ms)
        at = whole.position.get(symbol)
        return None if at is None else whole.listings[at]

    def quotes(self, venue: str, now_ms: int) -> Quotes:
        """Return what *venue* says of all its contracts; the same object within a step."""
        step = now_ms // STEP_MS
        kept = self._quotes.get(venue)
        if kept is None or kept[0] != step:
            quotes = self._exchanges[venue].quotes(self._table(venue, now_ms), step * STEP_MS)
            kept = self._quotes[venue] = (step, quotes)
        return kept[1]

    def imbalance_pct(self, venue: str, symbol: str, now_ms: int) -> float:
        """Return what the book's depth within 25 bps of mid gives: (bid - ask) / (bid + ask). [%]

        Of the book as served the rounding of sizes moves it by less than 0.1.
        """
        one = self._one(venue, symbol, now_ms)
        return float(self._exchanges[venue].imbalance_pct(one, now_ms)[0])

    def book(self, venue: str, symbol: str, now_ms: int, levels: int) -> Book:
        """Return the best *levels* of either side."""
        one, exchange = self._one(venue, symbol, now_ms), self._exchanges[venue]
        books = exchange.books(one, exchange.last(one, now_ms), now_ms, levels)
        return Book(books.bid[0], books.bid_size[0], books.ask[0], books.ask_size[0])

    def bars(
        self, venue: str, symbol: str, bar_ms: int, start_ms: int, end_ms: int, now_ms: int
    ) -> Bars:
        """Return the bars that open at *start_ms* and every *bar_ms* until *end_ms*."""
        one = self._one(venue, symbol, now_ms)
        return self._histories[venue].bars(one, bar_ms, start_ms, min(end_ms, now_ms), now_ms)

    def open_interest(
        self, venue: str, symbol: str, step_ms: int, start_ms: int, end_ms: int
    ) -> Series:
        """Return open interest at the multiples of *step_ms*, itself one of 5 minutes. [base]"""
        time_ms = multiples(step_ms, start_ms, end_ms)
        one = self._one(venue, symbol, end_ms)
        return Series(time_ms, self._histories[venue].open_interest(one, time_ms))

    def mark(self, venue: str, symbol: str, step_ms: int, start_ms: int, end_ms: int) -> Series:
        """Return the mark price at the multiples of *step_ms*, itself one of 5 minutes."""
        time_ms = multiples(step_ms, start_ms, end_ms)
        one = self._one(venue, symbol, end_ms)
        return Series(time_ms, self._histories[venue].mark(one, time_ms))

    def ratio(
        self, venue: str, symbol: str, kind: RatioKind, step_ms: int, start_ms: int, end_ms: int
    ) -> Series:
        """Return long / short at the multiples of *step_ms*, itself one of 5 minutes."""
        time_ms = multiples(step_ms, start_ms, end_ms)
        one = self._one(venue, symbol, end_ms)
        return Series(time_ms, self._histories[venue].ratio(one, kind, time_ms))

    def funding(self, venue: str, symbol: str, start_ms: int, end_ms: int) -> Series:
        """Return the settled fundings. [per interval]"""
        return self._histories[venue].funding(self._one(venue, symbol, end_ms), start_ms, end_ms)

    def trades(
        self, venue: str, symbol: str, start_ms: int | None, end_ms: int, limit: int
    ) -> Trades:
        """Return the first *limit* trades from *start_ms* on, or without one the last."""
        one = self._one(venue, symbol, end_ms)
        reach_ms = self._reach_ms(venue, one, limit)
        first_ms = end_ms - reach_ms if start_ms is None else start_ms
        last_ms = end_ms if start_ms is None else min(end_ms, start_ms + reach_ms)
        found = self._prints(venue, one, first_ms, last_ms)
        return _trades(found, slice(-limit, None) if start_ms is None else slice(limit))

    def numbered_trades(
        self, venue: str, symbol: str, first: int, end_ms: int, limit: int
    ) -> Trades:
        """Return *limit* trades from number *first* on, those before *end_ms*."""
        one = self._one(venue, symbol, end_ms)
        rhythm = self._printers[venue].rhythms(one)[0]
        start_ms = max(first, 0) // rhythm.count * rhythm.period_ms
        last_ms = min(end_ms, start_ms + self._reach_ms(venue, one, limit))
        found = self._prints(venue, one, start_ms, last_ms)
        skipped = int(np.searchsorted(found.id, first))
        return _trades(found, slice(skipped, skipped + limit))

    def tape(self, venue: str, slot: int) -> Tape:
        """Return every trade and liquidation of slot number *slot*; the last few are kept."""
        kept = self._tapes[venue]
        if slot not in kept:
            whole, printer = self._table(venue, slot * SLOT_MS), self._printers[venue]
            prints, liquidations = (
                printer.prints(whole, slot, 1),
                printer.liquidations(whole, slot, 1),
            )
            kept[slot] = Tape(whole.listings, prints, liquidations)
            if len(kept) > _TAPES_KEPT:
                kept.popitem(last=False)
        kept.move_to_end(slot)
        return kept[slot]

    def moves(self, venue: str, symbol: str, step: int, levels: int) -> Moves:
        """Return how the book changes in step number *step*."""
        at_ms = step * STEP_MS
        one, exchange = self._one(venue, symbol, at_ms), self._exchanges[venue]
        return exchange.moves(one, exchange.last(one, at_ms), at_ms, levels)

    def flow(self, venue: str, symbol: str, start_ms: int, end_ms: int) -> tuple[float, float]:
        """Return taker buys and sells over the whole steps of [start_ms, end_ms). [USD]"""
        return self._histories[venue].flow(self._one(venue, symbol, end_ms), start_ms, end_ms)

    def liquidations(
        self, venue: str, symbol: str, start_ms: int, end_ms: int
    ) -> list[Liquidation]:
        """Return the positions closed by force in [start_ms, end_ms)."""
        one = self._one(venue, symbol, end_ms)
        first = start_ms // SLOT_MS
        found = self._printers[venue].liquidations(one, first, -(-end_ms // SLOT_MS) - first)
        inside = np.searchsorted(found.time_ms, (start_ms, end_ms))
        found = found.take(slice(*inside.tolist()))
        columns = (found.time_ms, found.is_long, found.price, found.size)
        return [
            Liquidation(symbol, time_ms, is_long, price, size, price * size)
            for time_ms, is_long, price, size in zip(
                *(column.tolist() for column in columns), strict=True
            )
        ]

    def _prints(self, venue: str, one: Table, start_ms: int, end_ms: int) -> Prints:
        """Return the trades of a single contract in [start_ms, end_ms)."""
        first = start_ms // SLOT_MS
        count = -(-end_ms // SLOT_MS) - first
        if count < 1:
            return NO_PRINTS
        found = self._printers[venue].prints(one, first, count)
        inside = np.searchsorted(found.time_ms, (start_ms, end_ms))
        return found.take(slice(*inside.tolist()))

    def _reach_ms(self, venue: str, one: Table, limit: int) -> int:
        """Return a time in which a contract trades more than *limit* times. [ms]"""
        rhythm = self._printers[venue].rhythms(one)[0]
        return (limit // rhythm.count + 2) * rhythm.period_ms

    def _table(self, venue: str, now_ms: int) -> Table:
        """Return the venue's contracts; they change when a quarter is delivered."""
        day = now_ms // _DAY_MS
        if day not in self._deliveries:
            self._deliveries[day] = listings.quarter_end_ms(day * _DAY_MS)
        delivery_ms = self._deliveries[day]
        if (venue, delivery_ms) not in self._tables:
            found = listings.listings(venue, self._count, delivery_ms)
            made = table(self._seed, found, self._numbers, self._coins.volume)
            self._tables[venue, delivery_ms] = made
        return self._tables[venue, delivery_ms]

    def _one(self, venue: str, symbol: str, time_ms: int) -> Table:
        """Return the table of a single contract. StopIteration if *venue* never had it.

        A dated contract has a past from before it was listed: any table that
        has been used and knows the symbol will do, they agree on it.
        """
        if (venue, symbol) not in self._single:
            likely = self._table(venue, time_ms)
            others = [made for (name, _), made in self._tables.items() if name == venue]
            whole = next(made for made in (likely, *others) if symbol in made.position)
            self._single[venue, symbol] = whole.take(np.array([whole.position[symbol]]))
        return self._single[venue, symbol]


def _trades(prints: Prints, part: slice) -> Trades:
    found = prints.take(part)
    return Trades(found.id, found.time_ms, found.price, found.size, found.is_buy)
