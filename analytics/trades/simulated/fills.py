"""When and at what price the trades of one pair would begin and end.

A signal of a bar is filled at the open of the next. An exit whose next bar is not recorded waits
for the first open after the gap. Within a bar the order of prices is not known: a stop comes
before a target (the pessimistic order), and neither before the bar's open. A price that opens
beyond a stop or target is the price of that fill.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np

from analytics.indicators.arrays import Floats
from analytics.trades.simulated.signals import Flags

ExitReason = Literal["signal", "stop", "target", "time", "end"]

_TRUE: Final = b"\x01"
_FIRST_LOOK: Final = 32
"""Bars that are looked at together for a stop or target; doubled until one is found."""


class Fill(NamedTuple):
    """The end of a trade."""

    bar: int
    """The bar that it lies in; the number of bars while the trade is open."""
    price: float
    """Before slippage; NaN while the trade is open. [quote currency]"""
    reason: ExitReason
    signal: int
    """The bar that signalled it; -1 without a signal."""

    @property
    def at_open(self) -> bool:
        """Whether it is at the bar's open, not at a time within it that is not known."""
        return self.reason in ("signal", "time")


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a trade without a signal."""

    stop_pct: float | None
    target_pct: float | None
    bars: int | None
    """The time limit."""

    @property
    def within_bars(self) -> bool:
        """Whether a trade can end within a bar."""
        return self.stop_pct is not None or self.target_pct is not None


class Lane:
    """One pair's prices and signals. Flags are bytes, in which the next is found in no time."""

    __slots__ = ("_exits", "_high", "_known", "_low", "_longs", "_signals", "bars", "open")

    def __init__(
        self,
        open_: Floats,
        high_low: tuple[Floats, Floats] | None,
        entries: tuple[Flags, Flags],
        exits: tuple[Flags, Flags],
    ) -> None:
        """Take the columns of a pair; entries and exits of longs and of shorts."""
        self.bars = len(open_)
        self.open = open_
        self._high, self._low = high_low or (open_, open_)
        self._known = np.isfinite(open_).tobytes()
        self._longs = entries[0].tobytes()
        self._signals = (entries[0] | entries[1]).tobytes()
        self._exits = {1: exits[0].tobytes(), -1: exits[1].tobytes()}

    def next_entry(self, bar: int) -> int:
        """Return the first bar from *bar* on that signals an entry; -1: none does."""
        return self._signals.find(_TRUE, bar)

    def sign(self, bar: int) -> int:
        """Return 1 where the entry that *bar* signals is of a long, else -1."""
        return 1 if self._longs[bar] else -1

    def is_open(self, bar: int) -> bool:
        """Return whether a fill at the open of *bar* is possible."""
        return self._known[bar] == 1

    def exit(self, entry: int, price: float, sign: int, limits: Limits) -> Fill:
        """Return how a trade ends that began at the open of bar *entry* at *price*."""
        found = self._exit_at_open(entry, sign, limits.bars)
        if not limits.within_bars:
            return found
        return self._exit_within(entry, found.bar, price, sign, limits) or found

    def _exit_at_open(self, entry: int, sign: int, limit: int | None) -> Fill:
        signal = self._exits[sign].find(_TRUE, entry)
        by_signal = self._opens(signal + 1) if signal >= 0 else self.bars
        by_time = self._opens(entry + limit) if limit is not None else self.bars
        bar = min(by_signal, by_time)
        if bar == self.bars:
            return Fill(bar, np.nan, "end", signal)
        reason: ExitReason = "signal" if by_signal <= by_time else "time"
        return Fill(bar, float(self.open[bar]), reason, signal if reason == "signal" else -1)

    def _opens(self, bar: int) -> int:
        """Return the first bar from *bar* on with an open; the number of bars if none has."""
        found = self._known.find(_TRUE, bar)
        return found if found >= 0 else self.bars

    def _exit_within(
        self, entry: int, until: int, price: float, sign: int, limits: Limits
    ) -> Fill | None:
        """Return the stop or target that was reached in the bars before *until*."""
        against, for_it = (self._low, self._high) if sign > 0 else (self._high, self._low)
        stop = None if limits.stop_pct is None else price * (1 - sign * limits.stop_pct / 100)
        target = None if limits.target_pct is None else price * (1 + sign * limits.target_pct / 100)
        first, width = entry, _FIRST_LOOK
        while first < until:
            last = min(first + width, until)
            at_stop = _first_beyond(against[first:last], stop, -sign)
            at_target = _first_beyond(for_it[first:last], target, sign)
            if stop is not None and at_stop >= 0 and not 0 <= at_target < at_stop:
                return self._within(first + at_stop, stop, -sign, "stop")
            if target is not None and at_target >= 0:
                return self._within(first + at_target, target, sign, "target")
            first, width = last, 2 * width
        return None

    def _within(self, bar: int, level: float, beyond: int, reason: ExitReason) -> Fill:
        """Return a fill at *level*, or at the open if that is already *beyond* it."""
        opened = float(self.open[bar])
        price = opened if beyond * (opened - level) > 0 else level
        return Fill(bar, price, reason, -1)


def _first_beyond(prices: Floats, level: float | None, sign: int) -> int:
    """Return the first place where a price is at *level* or beyond it; -1: nowhere."""
    if level is None:
        return -1
    reached = prices >= level if sign > 0 else prices <= level
    place = int(reached.argmax())
    return place if reached[place] else -1
