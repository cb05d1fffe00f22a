"""The processes behind the synthetic market, on slots of five minutes and steps of five seconds.

Every process is built from the outside in, so that any moment can be computed
without the moments before it: a value at each midnight, a bridge of five-minute
slots between two midnights, for the price a bridge of steps inside a slot. The
randomness is hashed from (seed, stream, asset, time), see the noise module.

Levels are standardised: over the years they have mean 0 and variance 1.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from simulator.market.noise import Floats, Ints, bits, normal, uniform

STEP_MS = 5_000
SLOT_MS = 300_000
STEPS = SLOT_MS // STEP_MS
"""Steps in a slot."""

SLOTS = 288
"""Slots in a day."""

_MEMORY = 0.97
"""How much of a midnight's level is left at the next one. [unitless]"""

_DAYS_REMEMBERED = 150

_DAYS_KEPT = 24
"""Days of one process that are held ready: today's and yesterday's of each, with some room."""

DAY_SWING = float(np.sqrt(2 * (1 - _MEMORY)))
"""Standard deviation of a level's change over one day."""

_WHOLE_MARKET = -1
"""The coordinate of the factor that all assets share."""

# Streams: which random number is meant. A new process takes a new number.
_PRICE, _WITHIN, _TURBULENCE, _JUMP, _REGIME, _VOLUME, _TAKER, _LIFT, _SELL_LIFT = range(1, 10)


@dataclass(frozen=True, slots=True)
class Process:
    """One wandering quantity of every asset."""

    stream: int

    shared: float
    """Correlation with the whole market's factor. [unitless]"""

    follows: float = 0.0
    """Correlation of its five-minute changes with those of the price. [unitless]"""

    by_regime: bool = False
    """Whether *follows* changes sign every four hours: positions built up, or given up."""


PRICE = Process(_PRICE, shared=0.88, follows=1.0)


class Grid:
    """The processes of *count* assets; rows are asset numbers, slots count from 1970."""

    def __init__(self, seed: int, count: int) -> None:
        """Prepare for *count* assets; nothing is computed before it is asked for."""
        self._seed = seed
        self._rows = np.arange(count)
        self._midnights: dict[tuple[int, int], Floats] = {}
        self._kept: OrderedDict[tuple[int, int], Floats] = OrderedDict()

    def level(self, process: Process, rows: Ints, first: int, count: int) -> Floats:
        """Return levels at the starts of slots *first* to *first* + *count* inclusive.

        Shape (rows, count + 1), so the columns bound *count* slots.
        """
        days = np.arange(first // SLOTS, (first + count) // SLOTS + 1)
        if len(days) <= 2 and len(rows) == len(self._rows):
            whole = np.concatenate([self._day(process, int(day)) for day in days], axis=1)
        else:
            whole = self._days(process, rows, days).reshape(len(rows), -1)
        offset = first - int(days[0]) * SLOTS
        return whole[:, offset : offset + count + 1]

    def shocks(self, rows: Ints, slots: Ints) -> Floats:
        """Return what hits the prices in *slots*, about 1 in calm and far more in a jump."""
        own = self._shared(_PRICE, PRICE.shared, rows, slots)
        return own * self.turbulence(rows, slots) * self._jumps(rows, slots)

    def turbulence(self, rows: Ints, slots: Ints) -> Floats:
        """Return how restless each asset is in *slots*; changes by the hour. [unitless]"""
        hours, column = np.unique(slots // 12, return_inverse=True)
        restless = 0.42 * normal(self._seed, _TURBULENCE, rows[:, None], hours)
        restless += 0.35 * normal(self._seed, _TURBULENCE, np.array([[_WHOLE_MARKET]]), hours)
        return np.exp(restless - 0.15)[:, column]

    def flows(self, rows: Ints, slots: Ints, shocks: Floats) -> tuple[Floats, Floats]:
        """Return taker buys and sells of *slots*, as a share of a typical day's volume."""
        clock = 2 * np.pi * (slots % SLOTS) / SLOTS
        busy = 0.35 * normal(self._seed, _VOLUME, rows[:, None], slots) - 0.061
        total = np.exp(busy) * (1 + 0.35 * np.sin(clock - 2.0)) / SLOTS
        total *= self.turbulence(rows, slots) * (1 + 0.5 * np.minimum(np.abs(shocks), 8.0)) / 1.5
        push = 0.7 * shocks + 0.6 * normal(self._seed, _TAKER, rows[:, None], slots)
        bought = 0.5 + 0.18 * np.tanh(push)
        return total * bought, total * (1 - bought)

    def lifts(self, rows: Ints, slots: Ints, sells: bool) -> Floats:
        """Return how a slot's buys or sells spread over its steps; sums to 1 along them."""
        stream = _SELL_LIFT if sells else _LIFT
        share = uniform(self._seed, stream, rows[:, None, None], slots[:, None], np.arange(STEPS))
        share = 0.1 + share * share
        spread: Floats = share / share.cumsum(axis=-1)[..., -1:]
        return spread

    def within(self, ends: Floats, rows: Ints, slots: Ints) -> Floats:
        """Return price levels at the start of every step between the *ends* of *slots*.

        Shape (rows, slots, STEPS); the first of a slot is exactly its end on the left.
        """
        noise = normal(self._seed, _WITHIN, rows[:, None, None], slots[:, None], np.arange(STEPS))
        walk = noise.cumsum(axis=-1)
        along = np.arange(STEPS) / STEPS
        bridge = np.empty_like(walk)
        bridge[..., 0] = 0.0
        bridge[..., 1:] = walk[..., :-1] - along[1:] * walk[..., -1:]
        scale = self.turbulence(rows, slots) * (DAY_SWING / np.sqrt(SLOTS * STEPS))
        left, right = ends[:, :-1, None], ends[:, 1:, None]
        path: Floats = left + (right - left) * along + bridge * scale[..., None]
        return path

    def _day(self, process: Process, day: int) -> Floats:
        """Return the levels of all assets on one day, kept while it is likely to be asked again."""
        key = (process.stream, day)
        if key not in self._kept:
            self._kept[key] = self._days(process, self._rows, np.array([day]))[:, 0]
            if len(self._kept) > _DAYS_KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _days(self, process: Process, rows: Ints, days: Ints) -> Floats:
        """Return levels of whole days, shape (rows, days, SLOTS): midnights joined by bridges."""
        slots = (days[:, None] * SLOTS + np.arange(SLOTS)).ravel()
        moves = self._moves(process, rows, slots).reshape(len(rows), len(days), SLOTS)
        walk = moves.cumsum(axis=-1) * (DAY_SWING / np.sqrt(SLOTS))
        nights = np.stack([self._midnight(process, day) for day in (*days, days[-1] + 1)], axis=1)
        left, right = nights[rows, :-1, None], nights[rows, 1:, None]
        along = np.arange(SLOTS) / SLOTS
        level: Floats = np.empty_like(walk)
        level[..., :1] = left
        drift = right - left - walk[..., -1:]
        level[..., 1:] = left + walk[..., :-1] + drift * along[1:]
        return level

    def _moves(self, process: Process, rows: Ints, slots: Ints) -> Floats:
        """Return the five-minute changes of a process before they are bent to the midnights."""
        if process.follows == 1.0:
            return self.shocks(rows, slots)
        own = self._shared(process.stream, process.shared, rows, slots)
        own *= self._jumps(rows, slots)
        if process.follows == 0.0:
            return own
        sign: Floats | float = 1.0
        if process.by_regime:
            coin = bits(self._seed, _REGIME, rows[:, None], slots // 48) & np.uint64(1)
            sign = coin.astype(np.float64) * 2 - 1
        lead = process.follows
        moves: Floats = lead * sign * self.shocks(rows, slots) + np.sqrt(1 - lead * lead) * own
        return moves

    def _shared(self, stream: int, shared: float, rows: Ints, slots: Ints) -> Floats:
        """Return noise of which a part is the same for all assets."""
        own = normal(self._seed, stream, rows[:, None], slots)
        whole = normal(self._seed, stream, np.array([[_WHOLE_MARKET]]), slots)
        noise: Floats = shared * whole + np.sqrt(1 - shared * shared) * own
        return noise

    def _jumps(self, rows: Ints, slots: Ints) -> Floats:
        """Return 1 nearly always and 6 about once in a day and a half."""
        return np.where(uniform(self._seed, _JUMP, rows[:, None], slots) < 0.0025, 6.0, 1.0)

    def _midnight(self, process: Process, day: int) -> Floats:
        """Return the level of every asset at the start of *day*, kept once computed."""
        key = (process.stream, int(day))
        if key not in self._midnights:
            past = np.arange(day - _DAYS_REMEMBERED + 1, day + 1) - 1_000_000
            moves = self._shared(process.stream, process.shared, self._rows, past)
            fading = _MEMORY ** np.arange(_DAYS_REMEMBERED - 1, -1, -1)
            self._midnights[key] = moves @ (fading / np.sqrt((fading * fading).sum()))
        return self._midnights[key]
