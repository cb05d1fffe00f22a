"""What every trade costs and earns, all trades at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats
from analytics.panels.panel import TIMEFRAMES, Panel
from analytics.trades.money import fill_price, price_pnl_usd
from analytics.trades.simulated.fills import Fill
from analytics.trades.simulated.plan import Plan, SlippageBps, SlippageOfBook
from analytics.trades.simulated.settlements import Held, Settlements

Places = NDArray[np.intp]


class Opened(NamedTuple):
    """A trade as the engine made it."""

    column: int
    sign: int
    """1 of a long, -1 of a short."""
    signal: int
    """The bar that signalled; the entry is at the open of the next."""
    size_usd: float
    fill: Fill
    """Its end."""


@dataclass(frozen=True, slots=True)
class Costed:
    """Trades, sorted by entry and column. (K,) each"""

    column: Places
    sign: Floats
    entry: Places
    """The bar whose open the entry is."""
    exit: Places
    """The bar that the exit lies in; the number of bars while open."""
    entry_ms: NDArray[np.int64]
    exit_ms: NDArray[np.int64]
    """When it ended: a bar's open, or the end of the bar within which it did; the record's end
    while open."""
    reason: NDArray[np.object_]
    size_usd: Floats
    units: Floats
    entry_price: Floats
    exit_price: Floats
    """NaN while open. [quote currency]"""
    mark: Floats
    """The exit price, or while open the last known close. [quote currency]"""
    entry_fee_usd: Floats
    exit_fee_usd: Floats
    """0 while open."""
    slippage_usd: Floats
    held: Held
    """Settlements on the way."""
    paid_usd: Floats
    """For each of ``held`` what the trade gets; NaN where it is not recorded. [USD]"""

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """Which have no exit yet."""
        return np.isnan(self.exit_price)

    @property
    def moved_usd(self) -> Floats:
        """What the price brought."""
        return price_pnl_usd(self.sign, self.units, self.entry_price, self.mark)

    @property
    def pnl_usd(self) -> Floats:
        """Net of all that is known."""
        paid = self.by_trade(np.nan_to_num(self.paid_usd))
        return self.moved_usd - self.entry_fee_usd - self.exit_fee_usd + paid

    def by_trade(self, of_each: Floats) -> Floats:
        """Return for each trade the sum over its settlements."""
        sums: Floats = np.bincount(self.held.trade, of_each, len(self.column)).astype(np.float64)
        return sums


class Slippage:
    """How far from its price a market order is filled."""

    def __init__(self, panel: Panel, plan: Plan) -> None:
        """Take a plan; of the panel, ``spread_bps`` where the plan is by the book."""
        self._plan = plan.slippage
        if isinstance(self._plan, SlippageOfBook):
            self._spread = panel.values["spread_bps"]

    def is_known(self, bar: int, column: int) -> bool:
        """Return whether the book before the open of *bar* says what an order costs."""
        by_book = isinstance(self._plan, SlippageOfBook)
        return not by_book or bool(np.isfinite(self._spread[bar - 1, column]))

    def bps(self, bar: int, column: int) -> float:
        """Return that of a fill in *bar*, by the last spread known before it. [basis points]"""
        if isinstance(self._plan, SlippageBps):
            return self._plan.bps
        before = bar - 1
        while not np.isfinite(self._spread[before, column]):
            before -= 1
        return float(self._spread[before, column]) / 2 + self._plan.impact_bps

    def of(self, bars: Places, columns: Places) -> Floats:
        """Return that of many fills. [basis points]"""
        if isinstance(self._plan, SlippageBps):
            return np.full(len(bars), self._plan.bps)
        pairs = zip(bars.tolist(), columns.tolist(), strict=True)
        return np.fromiter((self.bps(*pair) for pair in pairs), np.float64, len(bars))


def costed(
    panel: Panel, opened: Sequence[Opened], plan: Plan, funding: Settlements | None
) -> Costed:
    """Return what *opened* cost and earned."""
    opened = sorted(opened, key=lambda trade: (trade.signal, trade.column))
    column, entry, exit_ = (
        np.array(places, np.intp)
        for places in (
            [trade.column for trade in opened],
            [trade.signal + 1 for trade in opened],
            [trade.fill.bar for trade in opened],
        )
    )
    sign = np.array([trade.sign for trade in opened], np.float64)
    size_usd = np.array([trade.size_usd for trade in opened], np.float64)
    reason = np.array([trade.fill.reason for trade in opened], object)
    left = np.array([trade.fill.price for trade in opened], np.float64)
    slippage, is_open, resting = Slippage(panel, plan), np.isnan(left), reason == "target"
    at_open = panel.values["open"][entry, column]
    entry_price = fill_price(at_open, sign, slippage.of(entry, column))
    slipped = np.zeros(len(left))
    market = ~resting & ~is_open
    slipped[market] = slippage.of(exit_[market], column[market])
    exit_price = fill_price(left, -sign, slipped)
    mark = exit_price.copy()
    open_now = column[is_open], entry[is_open]
    mark[is_open] = _last_known(panel, open_now, entry_price[is_open])
    units = size_usd / at_open
    fees = [plan.fee(pair.venue) for pair in panel.instruments]
    taker = np.array([fee.taker_pct / 100 for fee in fees])[column]
    maker = np.array([fee.maker_pct / 100 for fee in fees])[column]
    entry_ms, exit_ms, paying_ms = _times(panel, entry, exit_, reason)
    held, paid_usd = _funding(funding, (column, entry_ms, paying_ms), -sign * units, entry_price)
    return Costed(
        column=column,
        sign=sign,
        entry=entry,
        exit=exit_,
        entry_ms=entry_ms,
        exit_ms=exit_ms,
        reason=reason,
        size_usd=size_usd,
        units=units,
        entry_price=entry_price,
        exit_price=exit_price,
        mark=mark,
        entry_fee_usd=units * entry_price * taker,
        exit_fee_usd=np.where(
            is_open, 0.0, units * np.nan_to_num(exit_price) * np.where(resting, maker, taker)
        ),
        slippage_usd=units
        * (abs(entry_price - at_open) + np.where(is_open, 0.0, abs(exit_price - left))),
        held=held,
        paid_usd=paid_usd,
    )


def _times(
    panel: Panel, entry: Places, exit_: Places, reason: NDArray[np.object_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return entries, exits, and until when funding is paid: not at the end of a stop's bar."""
    within = (reason == "stop") | (reason == "target")
    exit_ms = ends_ms(panel, exit_ - 1 + within)
    return ends_ms(panel, entry - 1), exit_ms, exit_ms - within


def ends_ms(panel: Panel, bars: Places) -> NDArray[np.int64]:
    """Return when *bars*, counted from the panel's first, end: since 1970. [ms]"""
    if not len(panel.times):
        return np.empty(0, np.int64)
    width = TIMEFRAMES[panel.timeframe] // timedelta(milliseconds=1)
    first = int(panel.times[0].astype("datetime64[ms]").astype(np.int64))
    return first + (bars.astype(np.int64) + 1) * width


def _funding(
    funding: Settlements | None,
    of: tuple[Places, NDArray[np.int64], NDArray[np.int64]],
    signed_units: Floats,
    entry_price: Floats,
) -> tuple[Held, Floats]:
    if funding is None:
        nothing = np.empty(0, np.intp)
        return Held(nothing, nothing), np.empty(0)
    held = funding.held(*of)
    column = of[0][held.trade]
    cost = funding.unit_cost(held.hour, column)
    fixed = np.where(funding.inverse[column], entry_price[held.trade], 1.0)
    return held, signed_units[held.trade] * cost * fixed


def _last_known(panel: Panel, trades: tuple[Places, Places], otherwise: Floats) -> Floats:
    """Return the last known close since the entry, else what is given; of columns and entries."""
    found = otherwise.copy()
    for place, (column, entry) in enumerate(zip(*trades, strict=True)):
        closes = panel.values["close"][entry:, column]
        known = closes[np.isfinite(closes)]
        found[place] = known[-1] if len(known) else otherwise[place]
    return found
