"""What one venue of the synthetic market can tell of one contract's past.

Computed from the same processes as the live figures, for one coin and as many
slots as are asked for, so nothing has to be kept.
"""

from __future__ import annotations

import numpy as np

from simulator.market.coins import Coins
from simulator.market.contract_table import Table
from simulator.market.noise import Floats, Ints, normal
from simulator.market.quotes import Exchange
from simulator.market.random_processes import SLOT_MS, STEP_MS, STEPS, Process
from simulator.market.source import Bars, RatioKind, Series

_HOUR_MS = 3_600_000
_RATIO_STREAM, _TASTE = 70, 90

_RATIOS: dict[RatioKind, tuple[int, float, float, float]] = {
    # kind: number, follows the price by, usual log ratio, swing of the log ratio
    "accounts": (0, -0.4, 0.55, 0.3),
    "top_accounts": (1, -0.3, 0.45, 0.25),
    "top_positions": (2, 0.35, 0.2, 0.15),
}

_STEPS_PER_BATCH = 600_000
"""Candles over longer spans are built in pieces, to bound memory. [steps]"""


class History:
    """The past of the contracts of one venue; every table given to it has one contract."""

    def __init__(self, seed: int, coins: Coins, exchange: Exchange, venue: int) -> None:
        """Prepare venue number *venue*."""
        self._seed = seed
        self._coins = coins
        self._exchange = exchange
        self._venue = venue

    def open_interest(self, table: Table, time_ms: Ints) -> Floats:
        """Return open interest at *time_ms*, which are starts of slots in order. [base]"""
        first, chosen, count = _span(time_ms)
        log_coins = self._coins.log_interest(table.row, first, count)[:, chosen]
        drift = self._exchange.interest_drift(table.row, first, count)[:, chosen]
        steps = time_ms // STEP_MS
        held: Floats = self._exchange.open_interest(table, log_coins, drift, steps)[0]
        return held

    def mark(self, table: Table, time_ms: Ints) -> Floats:
        """Return the mark price at *time_ms*, which are starts of slots in order."""
        first, chosen, count = _span(time_ms)
        index = np.exp(self._coins.log_price(table.row, first, count)[:, chosen])
        off = np.power(self._exchange.basis(table, time_ms // SLOT_MS), 0.3)
        price: Floats = table.marks.round(index * table.unit(time_ms) * off)[0]
        return price

    def ratio(self, table: Table, kind: RatioKind, time_ms: Ints) -> Floats:
        """Return long / short at *time_ms*, which are starts of slots in order. [unitless]"""
        number, follows, usual, swing = _RATIOS[kind]
        stream = _RATIO_STREAM + 3 * self._venue + number
        first, chosen, count = _span(time_ms)
        process = Process(stream, shared=0.3, follows=follows)
        level = self._coins.grid.level(process, table.row, first, count)[0, chosen]
        taste = 0.2 * normal(self._seed, _TASTE, table.row, np.array([number]))
        found: Floats = np.rint(np.exp(usual + taste + swing * level) * 1e4) / 1e4
        return found

    def funding(self, table: Table, start_ms: int, end_ms: int) -> Series:
        """Return the settled fundings of the span: what the rate stood at before each."""
        period = int(table.funding_h[0]) * _HOUR_MS
        if period == 0:
            return Series(np.empty(0, np.int64), np.empty(0))
        time_ms = multiples(period, start_ms, end_ms)
        if len(time_ms) == 0:
            return Series(time_ms, np.empty(0))
        before = time_ms - SLOT_MS
        first, chosen, count = _span(before)
        premium = self._coins.premium(table.row, first, count)[:, chosen]
        return Series(time_ms, self._exchange.funding_rate(table, premium, before // SLOT_MS)[0])

    def bars(self, table: Table, bar_ms: int, first_ms: int, last_ms: int, now_ms: int) -> Bars:
        """Return the bars that open at *first_ms*, every *bar_ms* until *last_ms*."""
        at_once = max(1, _STEPS_PER_BATCH * STEP_MS // bar_ms) * bar_ms
        pieces = [
            self._bars(table, bar_ms, at, min(at + at_once, last_ms + bar_ms), now_ms)
            for at in range(first_ms, last_ms + 1, at_once)
        ]
        joined = {
            name: np.concatenate([getattr(piece, name) for piece in pieces])
            for name in Bars.__dataclass_fields__
        }
        return Bars(**joined)

    def _bars(self, table: Table, bar_ms: int, start_ms: int, end_ms: int, now_ms: int) -> Bars:
        current = now_ms // STEP_MS
        steps = np.arange(start_ms // STEP_MS, min(end_ms // STEP_MS, current + 1))
        price, bought, sold, typical = self._steps(table, steps)
        # What is still being traded in the running step is in no figure yet.
        is_over = steps < current
        bought, sold = bought * is_over, sold * is_over
        starts = np.arange(0, len(steps), bar_ms // STEP_MS)

        def sums(flow: Floats) -> Floats:
            return np.add.reduceat(flow, starts)

        def amounts(flow: Floats) -> Floats:
            amount: Floats = table.sizes.round(sums(flow / typical)[None])[0]
            return amount

        return Bars(
            time_ms=steps[starts] * STEP_MS,
            open=price[starts],
            high=np.maximum.reduceat(price, starts),
            low=np.minimum.reduceat(price, starts),
            close=price[np.append(starts[1:], len(price)) - 1],
            volume=amounts(bought + sold),
            turnover=np.rint(sums(bought + sold) * 100) / 100,
            taker_buy=amounts(bought),
            taker_buy_turnover=np.rint(sums(bought) * 100) / 100,
        )

    def _steps(self, table: Table, steps: Ints) -> tuple[Floats, Floats, Floats, Floats]:
        """Return price, buys, sells [USD] and the price that turns USD into base, at *steps*."""
        first = int(steps[0]) // STEPS
        count = int(steps[-1]) // STEPS - first + 1
        slots = np.arange(first, first + count)
        part = slice(int(steps[0]) - first * STEPS, int(steps[-1]) - first * STEPS + 1)
        unit = table.unit(slots * SLOT_MS)
        scale = (unit * self._exchange.basis(table, slots))[..., None]
        price = self._coins.price(table.row, first, count) * scale
        bought, sold = self._coins.step_flows(table.row, first, count)
        typical = self._coins.typical(table.row, first, count)[0] * table.multiplier[0]
        share = table.volume_share[0]
        return (
            table.prices.round(price.reshape(1, -1)[:, part])[0],
            bought.ravel()[part] * share,
            sold.ravel()[part] * share,
            np.repeat(typical, STEPS)[part],
        )

    def flow(self, table: Table, start_ms: int, end_ms: int) -> tuple[float, float]:
        """Return taker buys and sells over the whole steps of [start_ms, end_ms). [USD]"""
        steps = np.arange(-(-start_ms // STEP_MS), end_ms // STEP_MS)
        if len(steps) == 0:
            return 0.0, 0.0
        _, bought, sold, _ = self._steps(table, steps)
        return float(bought.sum()), float(sold.sum())


def multiples(step_ms: int, start_ms: int, end_ms: int) -> Ints:
    """Return the multiples of *step_ms* in [start_ms, end_ms]."""
    return np.arange(-(-start_ms // step_ms), end_ms // step_ms + 1) * step_ms


def _span(time_ms: Ints) -> tuple[int, Ints, int]:
    """Return the first slot of *time_ms*, where each of them is from there, and how many slots."""
    slots = time_ms // SLOT_MS
    first = int(slots[0])
    return first, slots - first, int(slots[-1]) - first + 1
