"""The synthetic market before any venue: price, flow and open interest of every coin."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from simulator.market.listings import Asset
from simulator.market.noise import Floats, Ints, normal
from simulator.market.random_processes import DAY_SWING, PRICE, SLOTS, STEPS, Grid, Process

OPEN_INTEREST = Process(20, shared=0.4, follows=0.55, by_regime=True)
PREMIUM = Process(21, shared=0.5, follows=0.25)

_CHARACTER = 22
"""The stream of what distinguishes one coin from another for good."""

_DAYS_KEPT = 3
_SLOTS_KEPT = 6
_HOURS_KEPT = 30
_HOUR = 12
"""Slots in an hour."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of every coin on five-minute slots; arrays of shape (coins, slots)."""

    turnover_before: Floats
    """Taker flow of both sides since midnight, at each slot's start and at the end. [USD]"""

    volume_before: Floats
    """The same in coins. [coins]"""


@dataclass(frozen=True, slots=True)
class Slot:
    """Five minutes of every coin; arrays of shape (coins, steps).

    Prices are in USD per coin; what takers bought and sold in each step, and before it
    since the slot began, is in USD.
    """

    price: Floats
    bought: Floats
    sold: Floats
    bought_before: Floats
    sold_before: Floats
    typical: Floats
    """The price at which the slot's flow is counted in coins, one a coin. [USD per coin]"""

    log_interest: Floats
    """Log open interest on all venues at both ends, shape (coins, 2). [log coins]"""

    premium: Floats
    """Perpetual over index as the slot begins, one a coin. [per 8 h]"""


class Coins:
    """The coins of a synthetic market; rows are their numbers, slots count from 1970."""

    def __init__(self, seed: int, assets: tuple[Asset, ...]) -> None:
        """Give each of *assets* its character."""
        self.rows = np.arange(len(assets))
        self.grid = Grid(seed, len(assets))
        self.volume = np.array([asset.volume for asset in assets])
        price = np.array([asset.price for asset in assets])
        character = normal(seed, _CHARACTER, self.rows[:, None], np.arange(3))
        calm = np.clip(np.log10(self.volume / 1e7) / 3.5, 0, 1)
        self._log_price = np.log(price)
        self._price_swing = (0.065 - 0.042 * calm) / DAY_SWING
        share = 0.55 * np.exp(0.3 * character[:, 0])
        self._log_interest = np.log(self.volume * share / price)
        self._interest_swing = 0.3 - 0.2 * calm
        self._premium_swing = (9e-4 - 6e-4 * calm) * np.exp(0.2 * character[:, 1])
        self._days: OrderedDict[int, Day] = OrderedDict()
        self._slots: OrderedDict[int, Slot] = OrderedDict()
        self._hours: OrderedDict[int, tuple[Floats, Floats]] = OrderedDict()

    def log_price(self, rows: Ints, first: int, count: int) -> Floats:
        """Return log prices at the bounds of *count* slots, shape (rows, count + 1)."""
        level = self.grid.level(PRICE, rows, first, count)
        price: Floats = self._log_price[rows, None] + self._price_swing[rows, None] * level
        return price

    def price(self, rows: Ints, first: int, count: int) -> Floats:
        """Return prices at every step, shape (rows, count, steps). [USD per coin]"""
        ends = self.grid.level(PRICE, rows, first, count)
        steps = self.grid.within(ends, rows, np.arange(first, first + count))
        steps *= self._price_swing[rows, None, None]
        steps += self._log_price[rows, None, None]
        return np.exp(steps, out=steps)

    def typical(self, rows: Ints, first: int, count: int) -> Floats:
        """Return the price at which a slot's flow is counted in coins. [USD per coin]"""
        ends = np.exp(self.log_price(rows, first, count))
        return (ends[:, :-1] + ends[:, 1:]) / 2

    def flows(self, rows: Ints, first: int, count: int) -> tuple[Floats, Floats]:
        """Return taker buys and sells of each slot on all venues, shape (rows, count). [USD]"""
        slots = np.arange(first, first + count)
        shocks = self.grid.shocks(rows, slots)
        bought, sold = self.grid.flows(rows, slots, shocks)
        return bought * self.volume[rows, None], sold * self.volume[rows, None]

    def step_flows(self, rows: Ints, first: int, count: int) -> tuple[Floats, Floats]:
        """Return taker buys and sells of every step, shape (rows, count, steps). [USD]"""
        slots = np.arange(first, first + count)
        bought, sold = self.flows(rows, first, count)
        return (
            bought[..., None] * self.grid.lifts(rows, slots, sells=False),
            sold[..., None] * self.grid.lifts(rows, slots, sells=True),
        )

    def log_interest(self, rows: Ints, first: int, count: int) -> Floats:
        """Return log open interest on all venues at the slots' bounds. [log coins]"""
        level = self.grid.level(OPEN_INTEREST, rows, first, count)
        interest: Floats = self._log_interest[rows, None] + self._interest_swing[rows, None] * level
        return interest

    def premium(self, rows: Ints, first: int, count: int) -> Floats:
        """Return by how much perpetuals trade above the index at the slots' bounds. [per 8 h]"""
        level = self.grid.level(PREMIUM, rows, first, count)
        return self._premium_swing[rows, None] * level

    def restlessness(self, rows: Ints) -> Floats:
        """Return the typical change of log price over one slot. [unitless]"""
        change: Floats = self._price_swing[rows] * DAY_SWING / np.sqrt(SLOTS)
        return change

    def day(self, number: int) -> Day:
        """Return day *number* since 1970 of every coin; the last few are kept."""
        if number not in self._days:
            self._days[number] = self._computed_day(number)
            if len(self._days) > _DAYS_KEPT:
                self._days.popitem(last=False)
        return self._days[number]

    def slot(self, number: int) -> Slot:
        """Return slot *number* since 1970 of every coin; the last few are kept."""
        if number not in self._slots:
            self._slots[number] = self._computed_slot(number)
            if len(self._slots) > _SLOTS_KEPT:
                self._slots.popitem(last=False)
        return self._slots[number]

    def extremes(self, first: int, count: int) -> tuple[Floats, Floats]:
        """Return lowest and highest price of every coin in each slot, shape (coins, count).

        Computed and kept by the hour: a whole day at once would hold up a live
        answer for a tenth of a second.
        """
        hours = range(first // _HOUR, (first + count - 1) // _HOUR + 1)
        found = [self._hour(hour) for hour in hours]
        part = slice(first - hours[0] * _HOUR, first - hours[0] * _HOUR + count)
        low = np.concatenate([low for low, _ in found], axis=1)
        high = np.concatenate([high for _, high in found], axis=1)
        return low[:, part], high[:, part]

    def _hour(self, number: int) -> tuple[Floats, Floats]:
        if number not in self._hours:
            price = self.price(self.rows, number * _HOUR, _HOUR)
            self._hours[number] = (price.min(axis=2), price.max(axis=2))
            if len(self._hours) > _HOURS_KEPT:
                self._hours.popitem(last=False)
        return self._hours[number]

    def _computed_day(self, number: int) -> Day:
        first = number * SLOTS
        bought, sold = self.flows(self.rows, first, SLOTS)
        turnover = bought + sold
        return Day(
            turnover_before=_running(turnover),
            volume_before=_running(turnover / self.typical(self.rows, first, SLOTS)),
        )

    def _computed_slot(self, number: int) -> Slot:
        bought, sold = self.step_flows(self.rows, number, 1)
        return Slot(
            price=self.price(self.rows, number, 1)[:, 0],
            bought=bought[:, 0],
            sold=sold[:, 0],
            bought_before=_running(bought[:, 0])[:, :STEPS],
            sold_before=_running(sold[:, 0])[:, :STEPS],
            typical=self.typical(self.rows, number, 1)[:, 0],
            log_interest=self.log_interest(self.rows, number, 1),
            premium=self.premium(self.rows, number, 1)[:, 0],
        )


def _running(flows: Floats) -> Floats:
    """Return running sums along the last axis, starting from 0: one column more."""
    total = np.zeros((*flows.shape[:-1], flows.shape[-1] + 1))
    np.cumsum(flows, axis=-1, out=total[..., 1:])
    return total
