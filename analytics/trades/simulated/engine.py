"""The trades of a plan over a panel: which signals are filled, by which size, and what came of it.

Each pair holds one position at a time; signals for another while it is held are ignored. Where
the positions open at once are limited, or a size depends on the account, all pairs go through
time together: at one open exits come before entries, and entries in the order of the columns.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

import numpy as np

from analytics import formats
from analytics.errors import QueryError
from analytics.indicators.arrays import Floats
from analytics.indicators.volatility import volatility_pct
from analytics.panels.panel import TIMEFRAMES, Panel
from analytics.trades.money import fill_price
from analytics.trades.simulated.account import curves
from analytics.trades.simulated.costs import Opened, Slippage, costed
from analytics.trades.simulated.fills import Lane, Limits
from analytics.trades.simulated.plan import (
    FixedUsd,
    PercentOfEquity,
    Plan,
    SlippageOfBook,
    VolatilityTarget,
)
from analytics.trades.simulated.positions import Positions
from analytics.trades.simulated.result import SimulatedTrades
from analytics.trades.simulated.settlements import Settlements
from analytics.trades.simulated.signals import Signals
from analytics.trades.simulated.trade_tables import Refused, trade_table, unfilled_table

NEEDED: Final = ("open", "close")
"""Metrics of the panel; with ``high`` and ``low`` for stops, targets, MAE and MFE, and with
``spread_bps`` for slippage by the book."""


def simulate(
    panel: Panel, signals: Signals, plan: Plan, *, funding: Settlements | None = None
) -> SimulatedTrades:
    """Return the trades that *signals* make, and their account.

    Args:
        panel: Bars of ``NEEDED``; a bar without an open fills nothing.
        signals: Of the same bars and pairs, each known when its bar ends.
        plan: How they are traded.
        funding: Of the same pairs; None leaves it out, and funding_usd is absent.

    Raises:
        QueryError: The panel lacks a metric, the signals or the funding are of another shape, the
            time limit is no whole number of bars, or a venue's fee is not known.
    """
    _check(panel, signals, plan, funding)
    run = _Run(panel, signals.of_side(plan.side).settled(), plan, funding)
    opened = list(run.together() if run.depends_on_account else run.each_alone())
    trades = costed(panel, opened, plan, funding)
    equity, exposure = curves(panel, trades, plan.start_usd, funding)
    table = trade_table(panel, trades, with_funding=funding is not None)
    return SimulatedTrades(table, equity, exposure, unfilled_table(panel, run.refused))


class _Run:
    """One simulation under way."""

    def __init__(
        self, panel: Panel, signals: Signals, plan: Plan, funding: Settlements | None
    ) -> None:
        self._panel, self._signals, self._plan, self._funding = panel, signals, plan, funding
        self._slippage = Slippage(panel, plan)
        self._limits = Limits(plan.stop_pct, plan.target_pct, _bars(plan, panel))
        self._sizes = _Sizes(panel, plan)
        self.refused: list[Refused] = []

    @property
    def depends_on_account(self) -> bool:
        """Whether pairs cannot be looked at one after the other."""
        return self._plan.most_positions is not None or self._sizes.of_equity

    def each_alone(self) -> Iterator[Opened]:
        """Yield the trades of one pair after the other."""
        for column in range(self._panel.shape[1]):
            lane = self._lane(column)
            bar = lane.next_entry(0)
            while bar >= 0:
                trade = self._open(lane, column, bar, self._plan.start_usd)
                if trade is not None:
                    yield trade
                bar = lane.next_entry(bar + 1 if trade is None else _free_from(trade))

    def together(self) -> Iterator[Opened]:
        """Yield the trades of all pairs in the order of time."""
        lanes = [self._lane(column) for column in range(self._panel.shape[1])]
        positions = Positions(self._panel, self._plan, self._funding)
        ahead = [(lane.next_entry(0), column) for column, lane in enumerate(lanes)]
        ahead = [one for one in ahead if one[0] >= 0]
        heapq.heapify(ahead)
        while ahead:
            bar, column = heapq.heappop(ahead)
            after = bar + 1
            if positions.are_full(after):
                self._refuse(column, bar, f"{formats.plural(positions.most, 'position')} open")
                after = max(after, positions.next_release() - 1)
            else:
                equity = positions.equity_usd(bar) if self._sizes.of_equity else 0.0
                trade = self._open(lanes[column], column, bar, equity)
                if trade is not None:
                    positions.add(trade)
                    yield trade
                    after = _free_from(trade)
            if (following := lanes[column].next_entry(after)) >= 0:
                heapq.heappush(ahead, (following, column))

    def _lane(self, column: int) -> Lane:
        values = self._panel.values
        long_entry, long_exit, short_entry, short_exit = (
            flags[:, column] for flags in self._signals.parts
        )
        # An entry of the other side reverses a position.
        exits = long_exit | short_entry, short_exit | long_entry
        high_low = None
        if self._limits.within_bars:
            high_low = values["high"][:, column], values["low"][:, column]
        return Lane(values["open"][:, column], high_low, (long_entry, short_entry), exits)

    def _open(self, lane: Lane, column: int, bar: int, equity_usd: float) -> Opened | None:
        """Return the trade that a signal in *bar* makes; None, and why, where there is none."""
        if (entry := bar + 1) == lane.bars:
            # It would be filled at an open that is still to come.
            return None
        size_usd = self._sizes.usd(bar, column, equity_usd)
        if (reason := self._hindrance(lane, column, entry, size_usd)) is not None:
            self._refuse(column, bar, reason)
            return None
        sign = lane.sign(bar)
        price = fill_price(float(lane.open[entry]), sign, self._slippage.bps(entry, column))
        end = lane.exit(entry, price, sign, self._limits)
        if end.reason == "signal" and end.bar > end.signal + 1:
            self._refuse(column, end.signal, "exit: no bar recorded after it; filled at the next")
        return Opened(column, sign, bar, size_usd, end)

    def _hindrance(self, lane: Lane, column: int, entry: int, size_usd: float) -> str | None:
        if not lane.is_open(entry):
            return "no bar recorded after it"
        if not self._slippage.is_known(entry, column):
            return "no spread recorded before it"
        if np.isnan(size_usd):
            return "volatility not known"
        return None if size_usd > 0 else "no equity left"

    def _refuse(self, column: int, bar: int, reason: str) -> None:
        self.refused.append((column, bar, reason))


class _Sizes:
    """How large a trade is."""

    def __init__(self, panel: Panel, plan: Plan) -> None:
        self._size = plan.size
        self.of_equity = not isinstance(plan.size, FixedUsd)
        if isinstance(plan.size, VolatilityTarget):
            self._volatility: Floats = volatility_pct(
                panel.values["close"], plan.size.window, bars_per_year=panel.bars_per_year
            )

    def usd(self, bar: int, column: int, equity_usd: float) -> float:
        """Return the size of a trade signalled in *bar*; NaN where it is not known. [USD]"""
        match self._size:
            case FixedUsd(usd):
                return usd
            case PercentOfEquity(pct):
                return equity_usd * pct / 100
            case VolatilityTarget(pct, _, most_pct):
                volatility = float(self._volatility[bar, column])
                share = most_pct / 100
                return equity_usd * (share if volatility == 0 else min(pct / volatility, share))


def _free_from(trade: Opened) -> int:
    """Return the first bar whose signals count again for the pair.

    A position that was reversed by a signal: the bar of that signal.
    """
    end = trade.fill
    return end.bar - 1 if end.reason == "signal" else end.bar


def _bars(plan: Plan, panel: Panel) -> int | None:
    width = TIMEFRAMES[panel.timeframe]
    if plan.time_limit is None:
        return None
    if plan.time_limit % width:
        raise QueryError(f"time limit: {plan.time_limit} is no whole number of {panel.timeframe}")
    return plan.time_limit // width


def _check(panel: Panel, signals: Signals, plan: Plan, funding: Settlements | None) -> None:
    needed = [*NEEDED]
    if plan.stop_pct is not None or plan.target_pct is not None:
        needed += ["high", "low"]
    if isinstance(plan.slippage, SlippageOfBook):
        needed += ["spread_bps"]
    if missing := [name for name in needed if name not in panel.values]:
        raise QueryError(f"panel: it has no {', '.join(missing)}")
    for flags in signals.parts:
        if flags.shape != panel.shape:
            raise QueryError(f"signals: they are {flags.shape}, the panel {panel.shape}")
    if funding is not None and funding.due.shape[1] != panel.shape[1]:
        raise QueryError(f"funding: of {funding.due.shape[1]} pairs, the panel of {panel.shape[1]}")
    for pair in panel.instruments:
        plan.fee(pair.venue)
