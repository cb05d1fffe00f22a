"""What the wire formats ask of a market, whether it is synthetic or recorded.

Prices are in the venue's quote currency (USDT, taken as USD) per quoted base,
amounts in quoted base unless the name says USD, times in Unix milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.market.listings import Listing
from simulator.market.noise import Floats, Ints

RatioKind = Literal["accounts", "top_accounts", "top_positions"]
"""All accounts; top traders counted by account; top traders weighed by position."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What a full market knows of each contract beside price, volume and open interest."""

    index: Floats
    """Index price. [USD per base]"""

    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats
    open_24h: Floats
    high_24h: Floats
    low_24h: Floats
    open_1h: Floats
    funding_rate: Floats
    """Rate of the running period, to be paid at *next_funding_ms*. [per interval]"""

    next_funding_ms: Ints


@dataclass(frozen=True, slots=True)
class Quotes:
    """What a venue says of its contracts at one moment; arrays in the order of *listings*."""

    listings: Sequence[Listing]
    time_ms: Ints
    """When the venue says it was so."""

    last: Floats
    mark: Floats
    volume: Floats
    """Volume of 24 hours. [base]"""

    turnover: Floats
    """Volume of 24 hours. [USD]"""

    open_interest: Floats
    """[base]"""

    detail: Detail | None
    """None where the source knows no more: the wire then leaves the fields out or empty."""

    position: Mapping[str, int] = field(init=False)
    """Where a symbol stands in the arrays."""

    def __post_init__(self) -> None:
        """Index the symbols."""
        positions = {listing.symbol: at for at, listing in enumerate(self.listings)}
        object.__setattr__(self, "position", positions)


@dataclass(frozen=True, slots=True)
class Series:
    """Values at times, oldest first."""

    time_ms: Ints
    value: Floats


@dataclass(frozen=True, slots=True)
class Bars:
    """Price bars, oldest first; *time_ms* is when a bar opens, the last may still be open."""

    time_ms: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    """[base]"""

    turnover: Floats
    """[USD]"""

    taker_buy: Floats
    """The part of *volume* bought by takers. [base]"""

    taker_buy_turnover: Floats
    """[USD]"""


@dataclass(frozen=True, slots=True)
class Book:
    """An order book, best levels first."""

    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats


@dataclass(frozen=True, slots=True)
class Trades:
    """Single trades, oldest first."""

    id: Ints
    time_ms: Ints
    price: Floats
    size: Floats
    """[base]"""

    is_buy: NDArray[np.bool_]
    """Whether the taker bought."""


@dataclass(frozen=True, slots=True)
class Liquidation:
    """A position closed by force."""

    symbol: str
    time_ms: int
    is_long: bool
    """Whether the position was long; the order that closes it then sells."""

    price: float
    size: float
    """[base]"""

    size_usd: float
    """[USD]"""


@dataclass(frozen=True, slots=True)
class Moves:
    """One contract's book over one step: how it starts, and which level changes when."""

    start: Book
    time_ms: Ints
    """When, in order; the n-th change is of *level* on either side."""

    level: Ints
    bid_size: Floats
    ask_size: Floats


@dataclass(frozen=True, slots=True)
class Prints:
    """Trades of several contracts, oldest first."""

    contract: Ints
    """Where the contract stands in the venue's listings."""

    id: Ints
    time_ms: Ints
    price: Floats
    size: Floats
    """[base]"""

    is_buy: NDArray[np.bool_]
    """Whether the taker bought."""

    def take(self, chosen: Ints | slice) -> Prints:
        """Return some of them."""
        return Prints(*(getattr(self, name)[chosen] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Liquidations:
    """Positions of several contracts that were closed by force, oldest first."""

    contract: Ints
    """Where the contract stands in the venue's listings."""

    time_ms: Ints
    price: Floats
    size: Floats
    """[base]"""

    is_long: NDArray[np.bool_]
    """Whether the position was long; the order that closes it then sells."""

    def take(self, chosen: Ints | slice) -> Liquidations:
        """Return some of them."""
        return Liquidations(*(getattr(self, name)[chosen] for name in self.__slots__))


NO_PRINTS = Prints(*(np.empty(0, np.int64),) * 3, *(np.empty(0),) * 2, is_buy=np.empty(0, np.bool_))
NO_LIQUIDATIONS = Liquidations(
    *(np.empty(0, np.int64),) * 2, *(np.empty(0),) * 2, is_long=np.empty(0, np.bool_)
)


@dataclass(frozen=True, slots=True)
class Tape:
    """What was traded and closed by force on one venue in five minutes."""

    listings: Sequence[Listing]
    prints: Prints
    liquidations: Liquidations


class Source(Protocol):
    """A market that the simulator can serve. The answer depends on the time given, on nothing else.

    History methods return points whose time lies in [*start_ms*, *end_ms*].
    A symbol that is not there at that time is None, or empty where a history is asked.
    """

    @property
    def step_ms(self) -> int:
        """How long its figures stay the same. [ms]"""

    def listings(self, venue: str, now_ms: int) -> Sequence[Listing]:
        """Return every contract that *venue* lists, perpetual or not."""

    def listing(self, venue: str, symbol: str, now_ms: int) -> Listing | None:
        """Return one contract, or None if *venue* does not have it now."""

    def quotes(self, venue: str, now_ms: int) -> Quotes:
        """Return what *venue* says of all its contracts."""

    def book(self, venue: str, symbol: str, now_ms: int, levels: int) -> Book:
        """Return the best *levels* of either side."""

    def bars(
        self, venue: str, symbol: str, bar_ms: int, start_ms: int, end_ms: int, now_ms: int
    ) -> Bars:
        """Return the bars that open at *start_ms* and every *bar_ms*, as they stand at *now_ms*."""

    def open_interest(
        self, venue: str, symbol: str, step_ms: int, start_ms: int, end_ms: int
    ) -> Series:
        """Return open interest at the multiples of *step_ms*. [base]"""

    def mark(self, venue: str, symbol: str, step_ms: int, start_ms: int, end_ms: int) -> Series:
        """Return the mark price at the multiples of *step_ms*."""

    def ratio(
        self, venue: str, symbol: str, kind: RatioKind, step_ms: int, start_ms: int, end_ms: int
    ) -> Series:
        """Return long / short at the multiples of *step_ms*, itself one of 5 minutes."""

    def funding(self, venue: str, symbol: str, start_ms: int, end_ms: int) -> Series:
        """Return the settled fundings. [per interval]"""

    def trades(
        self, venue: str, symbol: str, start_ms: int | None, end_ms: int, limit: int
    ) -> Trades:
        """Return the first *limit* trades from *start_ms* on, or without one the last ones."""

    def numbered_trades(
        self, venue: str, symbol: str, first: int, end_ms: int, limit: int
    ) -> Trades:
        """Return *limit* trades from number *first* on, those before *end_ms*."""

    def tape(self, venue: str, slot: int) -> Tape:
        """Return every trade and liquidation of the five minutes number *slot* since 1970."""

    def moves(self, venue: str, symbol: str, step: int, levels: int) -> Moves:
        """Return how the book changes in the five seconds number *step* since 1970."""
