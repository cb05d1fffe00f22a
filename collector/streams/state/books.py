"""Order books kept from a first state and what changed since.

Each venue numbers its changes in its own way. A book that missed one is no book any more:
it says so, tells nothing, and waits for a new first state.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from collector.venues.depth import REACH_BPS, book_fields
from collector.venues.venue import Fields

MAX_WAITING = 4
"""Changes kept while the first state is on its way: those of the seconds that it takes."""

REMEMBERED = 16
"""How many changes are remembered, to know one that is sent again."""

MAX_LEVELS = 5000
"""Levels a side; a book with more has gone wrong."""

Level = tuple[float, float]
"""Price and quantity as the venue counts it; quantity 0 takes the level away."""


class Rung(msgspec.Struct, array_like=True, gc=False):
    """A level as a venue sends it: its price, its quantity, and whatever comes after them."""

    price: float
    quantity: float


Verdict = Literal["follows", "known", "gap"]
"""Whether a change follows the state, is in it already, or something is missing between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a frame says changed in a book."""

    before: int
    """The number of the state that it changes, as the venue gives it."""
    number: int
    """The number of the state after it."""
    bids: Sequence[Level]
    asks: Sequence[Level]
    at_ms: int
    """[Unix ms, the venue's time]"""


Succession = Callable[[int, Change, bool], Verdict]
"""From the number of the state, a change, and whether the state is a first one, to a verdict."""


class Book:
    """The order book of one instrument."""

    __slots__ = (
        "_applied", "_asks", "_bids", "_first", "_high", "_low", "_number", "_span",
        "_succession", "_waiting", "at_ms", "valid",
    )  # fmt: skip

    def __init__(self, succession: Succession, most_waiting: int = MAX_WAITING) -> None:
        self._succession = succession
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._number = 0
        self._first = False
        self._applied: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)
        """Which changes came last, by the numbers before and after them."""
        self._low, self._high = 0.0, math.inf
        self._span = (math.inf, math.inf)
        self._waiting: deque[Change] = deque(maxlen=most_waiting)
        self.valid = False
        """Whether it has a first state and every change since."""
        self.at_ms: int | None = None
        """Of when it is, as the venue says. [Unix ms]"""

    def put_first(
        self, bids: Sequence[Level], asks: Sequence[Level], number: int, at_ms: int, *, whole: bool
    ) -> None:
        """Start from a state of the book, and apply the changes that waited for it.

        Args:
            bids: In any order.
            asks: In any order.
            number: The venue's number of this state.
            at_ms: Of when it is. [Unix ms]
            whole: Whether later changes keep it as deep as it is now, or it is all that there
                is. Otherwise levels beyond its last ones are not known, and are left out.
        """
        self._bids, self._asks = dict(bids), dict(asks)
        self._number, self._first, self.at_ms = number, True, at_ms
        self._low, self._high = 0.0, math.inf
        if not whole and bids and asks:
            self._low, self._high = min(self._bids), max(self._asks)
        mid = self._mid()
        self._span = (mid - self._low, self._high - mid)
        self.valid = True
        waiting = sorted(self._waiting, key=lambda change: change.number)
        self._waiting.clear()
        for change in waiting:
            # What came no later than the first state is in it already.
            if change.number > number:
                self.put(change)

    def put(self, change: Change) -> Verdict | None:
        """Apply *change* and return how it stood to the state; None where there is no state yet."""
        if not self.valid:
            self._waiting.append(change)
            return None
        verdict = self._succession(self._number, change, self._first)
        if verdict == "gap" and (change.before, change.number) in self._applied:
            return "known"
        if verdict == "gap":
            self.lose()
            self._waiting.append(change)
        elif verdict == "follows":
            self._apply(change)
        return verdict

    def lose(self) -> None:
        """Forget the state: something was missed."""
        self.valid = False
        self._bids, self._asks = {}, {}
        self._waiting.clear()
        self._applied.clear()

    def fields(self) -> Fields:
        """Return ``book_imbalance`` and ``spread_bps`` as `book_fields` does; nothing if not known.

        Where the price has left most of the depth of the first state behind, or the sides
        cross, the book gives itself up instead.
        """
        if not self.valid or not self._bids or not self._asks:
            return {}
        mid = self._mid()
        reach = mid * REACH_BPS / 10_000
        below, above = mid - self._low, self._high - mid
        if below < min(reach, self._span[0] / 2) or above < min(reach, self._span[1] / 2):
            self.lose()
            return {}
        bids = sorted(([p, q] for p, q in self._bids.items() if p >= mid - reach), reverse=True)
        asks = sorted([p, q] for p, q in self._asks.items() if p <= mid + reach)
        best_bid, best_ask = max(self._bids), min(self._asks)
        if best_bid >= best_ask:
            self.lose()
            return {}
        return book_fields(
            bids or [[best_bid, self._bids[best_bid]]], asks or [[best_ask, self._asks[best_ask]]]
        )

    def _mid(self) -> float:
        if not self._bids or not self._asks:
            return math.nan
        return (max(self._bids) + min(self._asks)) / 2

    def _apply(self, change: Change) -> None:
        self._number, self._first, self.at_ms = change.number, False, change.at_ms
        self._applied.append((change.before, change.number))
        for side, levels in ((self._bids, change.bids), (self._asks, change.asks)):
            for price, quantity in levels:
                if quantity == 0:
                    side.pop(price, None)
                elif self._low <= price <= self._high:
                    side[price] = quantity
            if len(side) > MAX_LEVELS:
                self.lose()


class Books:
    """The order books of one venue's instruments."""

    def __init__(self, succession: Succession, *, in_band: bool) -> None:
        """Keep none yet.

        Args:
            succession: The venue's rule.
            in_band: Whether first states come among the changes, in order with them; what
                came before is void then. Otherwise changes wait for a state from elsewhere.
        """
        self._succession = succession
        self._most_waiting = 0 if in_band else MAX_WAITING
        self.by_id: dict[str, Book] = {}
        """By the venue's name of the instrument; handlers keep this very dict."""

    def follow(self, venue_ids: Iterable[str]) -> None:
        """Keep the books of *venue_ids* from now on and forget all others."""
        wanted = set(venue_ids)
        for venue_id in self.by_id.keys() - wanted:
            del self.by_id[venue_id]
        for venue_id in wanted - self.by_id.keys():
            self.by_id[venue_id] = Book(self._succession, self._most_waiting)

    def put_first(
        self,
        venue_id: str,
        *,
        bids: Sequence[Level],
        asks: Sequence[Level],
        number: int,
        at_ms: int,
        whole: bool,
    ) -> None:
        """Start the book of *venue_id* anew; see `Book.put_first`."""
        if (book := self.by_id.get(venue_id)) is not None:
            book.put_first(bids, asks, number, at_ms, whole=whole)

    def lose(self, venue_ids: Iterable[str]) -> None:
        """Forget the state of some books: their socket went down."""
        for venue_id in venue_ids:
            if (book := self.by_id.get(venue_id)) is not None:
                book.lose()

    @property
    def wanting(self) -> list[str]:
        """The instruments whose book waits for a first state."""
        return [venue_id for venue_id, book in self.by_id.items() if not book.valid]

    def fields(self, venue_id: str) -> Fields:
        """Return the book's part of a snapshot; nothing where the book is not known."""
        book = self.by_id.get(venue_id)
        return {} if book is None else book.fields()


def chained(number: int, change: Change, first: bool) -> Verdict:
    """Each change names the state before it. Numbers may start again from below.

    So a lower number does not make a change an old one: something may be missing all the same.
    """
    return "follows" if change.before == number else "gap"


def bridged(number: int, change: Change, first: bool) -> Verdict:
    """The same, but the first state comes from elsewhere and may lie within a change."""
    if not first:
        return chained(number, change, first)
    if change.number < number:
        return "known"
    return "follows" if change.before <= number else "gap"


def pairs(levels: Sequence[Rung]) -> list[Level]:
    """Return *levels* as plain pairs of price and quantity."""
    return [(level.price, level.quantity) for level in levels]


def sound(levels: Sequence[Level]) -> bool:
    """Return whether every level has a price above 0 and a quantity of 0 or more."""
    return all(0 < price < math.inf and 0 <= quantity < math.inf for price, quantity in levels)
