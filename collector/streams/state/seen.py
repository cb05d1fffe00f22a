"""Which trades were counted already, in memory that does not grow with time.

Venues send some trades twice, most of all around a reconnection, and late ones after
newer ones. Both ways to know a trade again take the same trades in any order to the same
sums; where they had to forget, they rather refuse a trade than count it twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import Literal, Protocol

MAX_RANGES = 1000
"""Ranges of missing numbers that are remembered per instrument."""

SLICE_MS = 1_000
"""Names are remembered in slices of the time that the venue states. [ms]"""

WINDOW_MS = 120_000
"""How long a name is remembered. [ms of the venue's time]"""

MAX_NAMES = 20_000
"""Names of one instrument that are remembered, but for those of its newest slice."""

Known = Literal["duplicate", "too_old"]


BEFORE_ANY = -(2**100)
"""Stands for the last number before any trade was received; no number follows it."""


class Seen(Protocol):
    """Remembers trades by the venue's id."""

    kept: bool
    """Whether nothing is to be forgotten for its age: a hole is open that will be filled."""

    def refuses(self, trade_id: int | str, at_ms: int) -> Known | None:
        """Return why the trade is not to be counted; None, and note it, if it is new."""


class Numbers:
    """For ids that count up by one: what is remembered are the numbers that are missing.

    Where a venue leaves numbers out, they stay missing until too many are; the oldest
    are then given up.
    """

    __slots__ = ("_given_up", "_last", "_missing", "kept")

    def __init__(self) -> None:
        self.kept = False
        self._last = BEFORE_ANY
        self._given_up = -1
        """Numbers up to this one are not counted any more."""
        self._missing: list[tuple[int, int]] = []
        """Missing ranges, first to last, in order; the first one is from before the connection."""

    def refuses(self, trade_id: int | str, at_ms: int) -> Known | None:
        """Return why the trade is not to be counted; None, and note it, if it is new."""
        if trade_id == self._last + 1:
            self._last = trade_id
            return None
        return self._out_of_turn(int(trade_id))

    @property
    def holes(self) -> list[tuple[int, int]]:
        """The ranges of numbers missed since the first trade received, first to last."""
        return [(first, last) for first, last in self._missing if first > 0]

    @property
    def last(self) -> int | None:
        """The highest number received; None before there is one."""
        return None if self._last == BEFORE_ANY else self._last

    def skip(self) -> None:
        """Ignore the numbers from here to the next trade: they are not to be repaired."""
        self._given_up = max(self._given_up, self._last)
        self._last = BEFORE_ANY
        self._missing.clear()

    def _out_of_turn(self, number: int) -> Known | None:
        if number <= self._given_up:
            return "too_old"
        if number > self._last:
            self._missing.append((0 if self._last < 0 else self._last + 1, number - 1))
            self._last = number
            self._give_up_oldest()
            return None
        where = bisect_right(self._missing, number, key=lambda span: span[0]) - 1
        if where < 0 or number > self._missing[where][1]:
            return "duplicate"
        first, last = self._missing[where]
        parts = [(first, number - 1), (number + 1, last)]
        self._missing[where : where + 1] = [part for part in parts if part[0] <= part[1]]
        self._give_up_oldest()
        return None

    def _give_up_oldest(self) -> None:
        while len(self._missing) > MAX_RANGES:
            self._given_up = self._missing.pop(0)[1]


class Events:
    """For ids made of all fields of an event: however late it comes, it is a new one.

    As many as are remembered are recognised when they are sent again.
    """

    __slots__ = ("_known", "_names")

    def __init__(self, most: int = MAX_NAMES) -> None:
        self._names: deque[str] = deque(maxlen=most)
        self._known: set[str] = set()

    def refuses(self, event_id: str) -> Known | None:
        """Return why the event is not to be counted; None, and note it, if it is new."""
        if event_id in self._known:
            return "duplicate"
        if len(self._names) == self._names.maxlen:
            self._known.discard(self._names[0])
        self._names.append(event_id)
        self._known.add(event_id)
        return None


class Names:
    """For ids without an order: names are remembered for a while of the venue's time."""

    __slots__ = ("_forgotten", "_newest", "_slices", "count", "kept")

    def __init__(self) -> None:
        self.kept = False
        self.count = 0
        """Names remembered."""
        self._newest = 0
        self._forgotten = -1
        """The last slice that was forgotten: nothing from there or before is counted."""
        self._slices: dict[int, set[int | str]] = {}

    def refuses(self, trade_id: int | str, at_ms: int) -> Known | None:
        """Return why the trade is not to be counted; None, and note it, if it is new."""
        when = at_ms // SLICE_MS
        names = self._slices.get(when)
        if names is None:
            if when <= self._forgotten:
                return "too_old"
            self._slices[when] = {trade_id}
            self.count += 1
            self._newest = max(self._newest, when)
            self._forget_aged()
        elif trade_id in names:
            return "duplicate"
        else:
            names.add(trade_id)
            self.count += 1
        # The newest slice stays, however much is traded in it: its trades are still coming.
        while self.count > MAX_NAMES and len(self._slices) > 1:
            self._forget(min(self._slices))
        return None

    @property
    def newest_ms(self) -> int:
        """About when the newest trade was that is remembered. [Unix ms, the venue's time]"""
        return self._newest * SLICE_MS

    def _forget_aged(self) -> None:
        if not self.kept:
            aged = self._newest - WINDOW_MS // SLICE_MS
            for when in [when for when in self._slices if when < aged]:
                self._forget(when)

    def _forget(self, when: int) -> None:
        self.count -= len(self._slices.pop(when))
        self._forgotten = max(self._forgotten, when)
