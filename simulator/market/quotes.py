"""What one venue of the synthetic market says of its contracts at a moment."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from simulator.market.coins import Coins
from simulator.market.contract_table import Table
from simulator.market.noise import Floats, Ints, normal, uniform
from simulator.market.order_books import Ladder, Rungs, rungs
from simulator.market.random_processes import SLOT_MS, SLOTS, STEP_MS, STEPS, Process
from simulator.market.source import Book, Detail, Moves, Quotes

_BASIS, _FUNDING, _LEANING, _TILTING, _DEPTH, _COUNTING = 40, 43, 46, 49, 52, 55
"""Streams; the venue's number is added to each."""

_CHANGING = 115
_INTEREST_STREAM = 60
CHANGE_MS = 100
"""How often a level of a book changes. [ms]"""

_CHANGES = STEP_MS // CHANGE_MS - 1
_LIVELY_LEVELS = 45
"""Levels further from the middle change only from step to step."""

MAX_LEVELS = 400
"""Levels on either side of a book."""

_HOUR_MS = 3_600_000
_RESTING_RATE = 1e-4
_DEAD_ZONE = 5e-4
"""Premiums closer than this to the resting rate leave funding at the resting rate. [per 8 h]"""

_HIGHEST_RATE = 0.02
_WINDOWS_KEPT = 6


class Exchange:
    """One venue's view of the *coins*."""

    def __init__(self, seed: int, coins: Coins, venue: int) -> None:
        """Prepare venue number *venue*."""
        self._seed = seed
        self._coins = coins
        self._venue = venue
        self._drift = Process(_INTEREST_STREAM + venue, shared=0.2)
        self._windows: OrderedDict[int, tuple[Floats, Floats]] = OrderedDict()

    def basis(self, table: Table, slots: Ints) -> Floats:
        """Return this venue's price over the coin's, shape (contracts, slots). [unitless]"""
        away = normal(self._seed, _BASIS + self._venue, table.row[:, None], slots)
        return np.exp(1.2e-4 * away)

    def funding_rate(self, table: Table, premium: Floats, slots: Ints) -> Floats:
        """Return what the contracts' funding stands at in *slots*. [per interval]

        The usual formula: the premium, pulled towards 0.01 % per 8 h by at most
        0.05 %, so that most contracts rest at exactly 0.01 % most of the time.
        """
        noise = normal(self._seed, _FUNDING + self._venue, table.row[:, None], slots)
        premium = premium * (1 + 0.1 * self._venue) + 2e-5 * noise
        rate = premium + np.clip(_RESTING_RATE - premium, -_DEAD_ZONE, _DEAD_ZONE)
        rate = rate * table.funding_h[:, None] / 8
        return np.rint(np.clip(rate, -_HIGHEST_RATE, _HIGHEST_RATE) * 1e8) / 1e8

    def open_interest(self, table: Table, log_coins: Floats, drift: Floats, step: Ints) -> Floats:
        """Return open interest, shape (contracts, steps). [base]

        *log_coins* is that of all venues and *drift* this venue's departure from its
        share of it, both (contracts, steps).
        """
        count = normal(self._seed, _COUNTING + self._venue, table.row[:, None], step)
        coins = np.exp(log_coins + 0.1 * drift + 1.5e-4 * count)
        share = table.interest_share / table.multiplier
        return table.sizes.round(coins * share[:, None])

    def interest_drift(self, rows: Ints, first: int, count: int) -> Floats:
        """Return how far this venue's open interest is from its usual share, at slots' bounds."""
        return self._coins.grid.level(self._drift, rows, first, count)

    def imbalance_pct(self, table: Table, now_ms: int) -> Floats:
        """Return (bids - asks) / (bids + asks) within 25 bps of mid, of each contract. [%]"""
        step = np.array([now_ms // STEP_MS])
        row = table.row[:, None]
        leaning = 11.0 * normal(self._seed, _LEANING + self._venue, row, step // STEPS)
        leaning += 7.0 * normal(self._seed, _TILTING + self._venue, row, step)
        return np.clip(leaning[:, 0], -70.0, 70.0)

    def books(self, table: Table, mid: Floats, now_ms: int, levels: int) -> Ladder:
        """Return the books of the contracts around *mid*."""
        depth = self._depth(table, now_ms, levels)
        level, factor = self._changes(table, now_ms // STEP_MS)
        factors = np.ones_like(depth)
        for number in range(now_ms % STEP_MS // CHANGE_MS):
            is_seen = level[:, number] < levels
            factors[is_seen, level[is_seen, number]] = factor[is_seen, number]
        return self._rungs(table, mid, now_ms, levels).filled(depth * factors, table.sizes)

    def moves(self, table: Table, mid: Floats, at_ms: int, levels: int) -> Moves:
        """Return how the book of one contract changes in the step that begins at *at_ms*."""
        level, factor = self._changes(table, at_ms // STEP_MS)
        seen = np.flatnonzero(level[0] < levels)
        depth, stands = self._depth(table, at_ms, levels), self._rungs(table, mid, at_ms, levels)
        start = stands.filled(depth, table.sizes)
        moved = level[0, seen]
        new = stands.take(moved).filled(depth[:, moved] * factor[:, seen], table.sizes)
        return Moves(
            start=Book(start.bid[0], start.bid_size[0], start.ask[0], start.ask_size[0]),
            time_ms=at_ms + (seen + 1) * CHANGE_MS,
            level=moved,
            bid_size=new.bid_size[0],
            ask_size=new.ask_size[0],
        )

    def _rungs(self, table: Table, mid: Floats, now_ms: int, levels: int) -> Rungs:
        imbalance = self.imbalance_pct(table, now_ms)
        return rungs(mid, table.half_spread_bps, imbalance, min(levels, MAX_LEVELS), table.prices)

    def _depth(self, table: Table, now_ms: int, levels: int) -> Floats:
        """Return what stands on each level as a step begins, both sides together. [USD]"""
        level = np.arange(min(levels, MAX_LEVELS))
        step = np.array([[[now_ms // STEP_MS]]])
        row = table.row[:, None, None]
        uneven = uniform(self._seed, _DEPTH + self._venue, row, step, level)[:, 0]
        depth: Floats = table.depth_usd[:, None] * (0.6 + 0.8 * uneven) * (1 + 0.03 * level)
        return depth

    def _changes(self, table: Table, step: int) -> tuple[Ints, Floats]:
        """Return which level changes at each tenth of a second after a step began, and to what.

        Shape (contracts, changes). The new depth is a multiple of the step's, the same
        on both sides, so that the imbalance stays; the best level never changes.
        """
        who = (table.row[:, None, None], np.array([[[step]]]), np.arange(_CHANGES)[:, None])
        draw = uniform(self._seed, _CHANGING + self._venue, *who, np.arange(2))
        level: Ints = 1 + (draw[..., 0] ** 2 * _LIVELY_LEVELS).astype(np.int64)
        return level, 0.5 + draw[..., 1]

    def last(self, table: Table, now_ms: int) -> Floats:
        """Return the last price of each contract."""
        slot, step = divmod(now_ms // STEP_MS, STEPS)
        price = self._coins.slot(slot).price[table.row, step]
        at = np.array([slot * SLOT_MS])
        return table.prices.round(price * (table.unit(at) * self.basis(table, at // SLOT_MS))[:, 0])

    def quotes(self, table: Table, now_ms: int) -> Quotes:
        """Return everything that the venue says of its contracts at *now_ms*."""
        slot, step = divmod(now_ms // STEP_MS, STEPS)
        at_ms = (slot * STEPS + step) * STEP_MS
        now = self._coins.slot(slot)
        unit = table.unit(np.array([slot * SLOT_MS]))[:, 0]
        off = np.power(self.basis(table, np.array([slot]))[:, 0], 0.3)
        index = now.price[table.row, step] * unit
        turnover, coins = self._day_volume(table, slot, step)
        along = step / STEPS
        drift = self.interest_drift(self._coins.rows, slot, 1)[table.row]
        interest = now.log_interest[table.row]
        return Quotes(
            listings=table.listings,
            time_ms=np.full(len(table.listings), at_ms),
            last=self.last(table, at_ms),
            mark=table.marks.round(index * off),
            volume=table.sizes.round(coins / table.multiplier),
            turnover=np.rint(turnover * 100) / 100,
            open_interest=self.open_interest(
                table,
                interest[:, :1] * (1 - along) + interest[:, 1:] * along,
                drift[:, :1] * (1 - along) + drift[:, 1:] * along,
                np.array([at_ms // STEP_MS]),
            )[:, 0],
            detail=self._detail(table, at_ms, table.marks.round(index)),
        )

    def _detail(self, table: Table, at_ms: int, index: Floats) -> Detail:
        slot, step = divmod(at_ms // STEP_MS, STEPS)
        last = self.last(table, at_ms)
        touch = self.books(table, last, at_ms, 1)
        premium = self._coins.slot(slot).premium[table.row]
        low, high = self._extremes(table, slot, step)
        period = np.maximum(table.funding_h, 1) * _HOUR_MS
        return Detail(
            index=index,
            bid=touch.bid[:, 0],
            ask=touch.ask[:, 0],
            bid_size=touch.bid_size[:, 0],
            ask_size=touch.ask_size[:, 0],
            open_24h=self.last(table, at_ms - 24 * _HOUR_MS),
            high_24h=high,
            low_24h=low,
            open_1h=self.last(table, at_ms - _HOUR_MS),
            funding_rate=self.funding_rate(table, premium[:, None], np.array([slot]))[:, 0],
            next_funding_ms=(at_ms // period + 1) * period,
        )

    def _day_volume(self, table: Table, slot: int, step: int) -> tuple[Floats, Floats]:
        """Return the trade of the last 24 hours. [USD, coins]"""
        day, within = divmod(slot, SLOTS)
        today, yesterday = self._coins.day(day), self._coins.day(day - 1)
        now, then = self._coins.slot(slot), self._coins.slot(slot - SLOTS)
        new = now.bought_before[:, step] + now.sold_before[:, step]
        old = then.bought_before[:, step] + then.sold_before[:, step]
        turnover = today.turnover_before[:, within] + new - old
        turnover += yesterday.turnover_before[:, -1] - yesterday.turnover_before[:, within]
        coins = today.volume_before[:, within] + new / now.typical - old / then.typical
        coins += yesterday.volume_before[:, -1] - yesterday.volume_before[:, within]
        share = table.volume_share
        return turnover[table.row] * share, coins[table.row] * share

    def _extremes(self, table: Table, slot: int, step: int) -> tuple[Floats, Floats]:
        """Return lowest and highest price of the last 24 hours."""
        if slot not in self._windows:
            self._windows[slot] = self._extremes_between(table, slot)
            if len(self._windows) > _WINDOWS_KEPT:
                self._windows.popitem(last=False)
        low, high = self._windows[slot]
        for number, steps in ((slot, slice(0, step + 1)), (slot - SLOTS, slice(step, STEPS))):
            seen = self._coins.slot(number).price[table.row, steps]
            at = np.array([number])
            scale = (table.unit(at * SLOT_MS) * self.basis(table, at))[:, 0]
            low = np.minimum(low, seen.min(axis=1) * scale)
            high = np.maximum(high, seen.max(axis=1) * scale)
        return table.prices.round(low), table.prices.round(high)

    def _extremes_between(self, table: Table, slot: int) -> tuple[Floats, Floats]:
        """Return the extremes of the whole slots after the one a day ago and before *slot*."""
        slots = np.arange(slot - SLOTS + 1, slot)
        scale = table.unit(slots * SLOT_MS) * self.basis(table, slots)
        low, high = self._coins.extremes(slot - SLOTS + 1, SLOTS - 1)
        return (low[table.row] * scale).min(axis=1), (high[table.row] * scale).max(axis=1)
