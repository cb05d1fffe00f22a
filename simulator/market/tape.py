"""Every trade and every liquidation of one venue, as a function of the seed and the time.

The trades of a contract come in periods: of five seconds where it trades often,
of a minute where it does not. A period has a number of trades that never changes
for the contract, so a trade's number tells its period and its time, and numbers
have no holes. The trades of a period add up to its taker flow, the one that
candles state, to within a lot on either side: each is at least one lot.

Nothing is kept here, so it does not matter who asked what before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.market.coins import Coins
from simulator.market.contract_table import Table
from simulator.market.noise import Floats, Ints, normal, uniform
from simulator.market.order_books import Precision
from simulator.market.quotes import Exchange
from simulator.market.random_processes import SLOT_MS, STEP_MS, STEPS
from simulator.market.source import Liquidations, Prints

_WHEN, _WHO, _HOW_MUCH, _FORCED = 100, 103, 106, 112
"""Streams; the venue's number is added to each."""

_BUSIEST = 8.0
"""Trades in a second of a contract that trades 18.7 billion USD a day."""

_BY_STEP = (4, 6, 10, 16, 24, 40)
_BY_MINUTE = (3, 5, 8, 12, 20, 30, 42)
"""How many trades a period may have."""

_MINUTE_STEPS = 12
_SPREAD = 1.1
"""Standard deviation of the log of a trade's size. [unitless]"""

_MAX_LIQUIDATIONS = 3
"""Liquidations of one contract in one step."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a contract trades: *count* trades in every period of *steps* steps."""

    steps: int
    count: int

    @property
    def period_ms(self) -> int:
        """How long a period lasts. [ms]"""
        return self.steps * STEP_MS


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What the market gives for some slots: arrays of shape (contracts, steps)."""

    first_step: int
    price: Floats
    bought: Floats
    """[USD]"""

    sold: Floats


class Printer:
    """Makes the trades and liquidations of venue number *venue*."""

    def __init__(self, seed: int, coins: Coins, exchange: Exchange, venue: int) -> None:
        """Prepare the venue; nothing is computed before it is asked for."""
        self._seed = seed
        self._coins = coins
        self._exchange = exchange
        self._venue = venue

    def rhythms(self, table: Table) -> list[Rhythm]:
        """Return how often each contract of *table* trades."""
        traded = self._coins.volume[table.row] * table.volume_share
        return [_rhythm(rate) for rate in _BUSIEST * (traded / 18.7e9) ** 0.6]

    def prints(self, table: Table, first: int, count: int) -> Prints:
        """Return the trades of *count* slots from slot *first* on."""
        stretch = self._stretch(table, first, count)
        rhythms = self.rhythms(table)
        found = []
        for rhythm in sorted(set(rhythms), key=lambda one: (one.steps, one.count)):
            members = np.array([at for at, one in enumerate(rhythms) if one == rhythm])
            found.append(self._of_rhythm(table, members, rhythm, stretch))
        joined = [np.concatenate(column) for column in zip(*found, strict=True)]
        order = np.argsort(joined[2], kind="stable")
        return Prints(*(column[order] for column in joined))

    def liquidations(self, table: Table, first: int, count: int) -> Liquidations:
        """Return the positions closed by force in *count* slots from slot *first* on.

        Rare in calm, and in bursts while a slot's price runs away: longs when it falls.
        """
        stretch = self._stretch(table, first, count)
        steps = stretch.first_step + np.arange(count * STEPS)
        ends = self._coins.log_price(self._rows(table), first, count)[self._places(table)]
        run = np.diff(ends) / self._coins.restlessness(table.row)[:, None]
        run = np.repeat(run, STEPS, axis=1)
        chance = np.clip(0.015 * np.maximum(np.abs(run) - 1.0, 0.0) ** 2, 0.00015, 0.6)
        who = (_key(table)[:, None, None, None], steps[:, None, None])
        draws = uniform(
            self._seed,
            _FORCED + self._venue,
            *who,
            np.arange(_MAX_LIQUIDATIONS)[:, None],
            np.arange(3),
        )
        size_usd = (stretch.bought + stretch.sold)[..., None] * (0.01 + 0.25 * draws[..., 1] ** 3)
        size = table.sizes.round(size_usd / stretch.price[..., None])
        is_there = (draws[..., 0] < chance[..., None]) & (size > 0)
        contract, step, _ = place = np.nonzero(is_there)
        coin = draws[..., 1][place] < 0.5
        strong = run[contract, step]
        found = Liquidations(
            contract=contract,
            time_ms=steps[step] * STEP_MS + (draws[..., 2][place] * STEP_MS).astype(np.int64),
            price=stretch.price[contract, step],
            size=size[place],
            is_long=np.where(np.abs(strong) > 1, strong < 0, coin),
        )
        return found.take(np.argsort(found.time_ms, kind="stable"))

    def _of_rhythm(
        self, table: Table, members: Ints, rhythm: Rhythm, stretch: _Stretch
    ) -> tuple[NDArray[np.generic], ...]:
        """Return the columns of Prints for the contracts that trade in one rhythm."""
        count = rhythm.count
        part = table.take(members)
        shape = (len(members), -1, rhythm.steps)
        bought = stretch.bought[members].reshape(shape).sum(axis=2)[..., None]
        sold = stretch.sold[members].reshape(shape).sum(axis=2)[..., None]
        period = stretch.first_step // rhythm.steps + np.arange(bought.shape[1])
        who = (_key(part)[:, None, None], period[:, None], np.arange(count))
        when = np.sort(uniform(self._seed, _WHEN + self._venue, *who), axis=2)
        when_ms = (period[:, None] + when) * rhythm.period_ms
        time_ms = np.minimum(when_ms.astype(np.int64), (period[:, None] + 1) * rhythm.period_ms - 1)
        buys = np.clip(np.rint(count * bought / (bought + sold)), 1, count - 1)
        drawn = uniform(self._seed, _WHO + self._venue, *who)
        is_buy = drawn.argsort(axis=2).argsort(axis=2) < buys
        row = np.arange(len(members))[:, None, None]
        price = stretch.price[members][row, time_ms // STEP_MS - stretch.first_step]
        cross = np.where(is_buy, 1.0, -1.0) * part.half_spread_bps[:, None, None] / 1e4
        paid = part.prices.round(price * (1 + cross))
        weight = np.exp(_SPREAD * normal(self._seed, _HOW_MUCH + self._venue, *who))
        size = side_sizes(part.sizes, weight, is_buy, bought / paid)
        size += side_sizes(part.sizes, weight, ~is_buy, sold / paid)
        number = period[:, None] * count + np.arange(count)
        contract = np.broadcast_to(members[:, None, None], is_buy.shape)
        number = np.broadcast_to(number, is_buy.shape)
        return tuple(column.ravel() for column in (contract, number, time_ms, paid, size, is_buy))

    def _stretch(self, table: Table, first: int, count: int) -> _Stretch:
        """Return prices and flows as this venue's candles have them."""
        slots = np.arange(first, first + count)
        rows, places = self._rows(table), self._places(table)
        if len(rows) > 1 and count == 1:
            slot = self._coins.slot(first)
            price, bought, sold = slot.price[:, None], slot.bought[:, None], slot.sold[:, None]
        else:
            price = self._coins.price(rows, first, count)
            bought, sold = self._coins.step_flows(rows, first, count)
        scale = (table.unit(slots * SLOT_MS) * self._exchange.basis(table, slots))[..., None]
        flat = (len(table.row), -1)
        share = table.volume_share[:, None]
        return _Stretch(
            first_step=first * STEPS,
            price=table.prices.round((price[places] * scale).reshape(flat)),
            bought=bought[places].reshape(flat) * share,
            sold=sold[places].reshape(flat) * share,
        )

    def _rows(self, table: Table) -> Ints:
        """Return the coins to be computed: one alone, or all, which are kept for everybody."""
        return table.row if len(table.row) == 1 else self._coins.rows

    def _places(self, table: Table) -> Ints:
        """Return where in those coins each contract finds its own."""
        return np.zeros(1, np.int64) if len(table.row) == 1 else table.row


def _rhythm(rate: float) -> Rhythm:
    """Return the rhythm nearest to *rate*. [trades per s]"""
    if rate * STEP_MS / 1000 >= _BY_STEP[0] - 0.5:
        wanted = rate * STEP_MS / 1000
        return Rhythm(1, min(_BY_STEP, key=lambda count: abs(count - wanted)))
    wanted = rate * _MINUTE_STEPS * STEP_MS / 1000
    return Rhythm(_MINUTE_STEPS, min(_BY_MINUTE, key=lambda count: abs(count - wanted)))


def _key(table: Table) -> Ints:
    """Return a number for each contract that no other of its venue has."""
    is_other = np.array([listing.kind != "perpetual" for listing in table.listings])
    key: Ints = table.row * 2 + is_other
    return key


def side_sizes(
    sizes: Precision, weight: Floats, is_meant: NDArray[np.bool_], flow: Floats
) -> Floats:
    """Return the sizes of one side's trades, 0 for the others. [base]

    All arrays are of shape (contracts, periods, trades); *flow* is the side's whole
    flow at each trade's price. [base]

    Running totals are rounded, not single trades, so that the sum keeps within
    half a lot of the flow. What a trade is lifted by to be one lot the largest gives up.
    """
    part = np.where(is_meant, weight, 0.0)
    base = part / part.sum(axis=2, keepdims=True) * flow
    per_lot = sizes.smallest[:, None, None]
    total = np.rint(base.cumsum(axis=2) / per_lot)
    lots = np.diff(total, axis=2, prepend=0.0)
    lifted = np.where(is_meant, np.maximum(lots, 1.0), 0.0)
    excess = lifted.sum(axis=2, keepdims=True) - total[..., -1:]
    largest = lifted.argmax(axis=2)[..., None]
    left = np.take_along_axis(lifted, largest, axis=2) - excess
    np.put_along_axis(lifted, largest, np.maximum(left, 1.0), axis=2)
    return sizes.round(lifted * per_lot)
