"""The positions open at a time, for sizes and limits that depend on them."""

from __future__ import annotations

import heapq

import numpy as np

from analytics.panels.panel import Panel
from analytics.trades.money import price_pnl_usd
from analytics.trades.simulated.costs import Costed, Opened, costed, ends_ms
from analytics.trades.simulated.plan import FixedUsd, Plan
from analytics.trades.simulated.settlements import Settlements


class Positions:
    """Goes forward in time; what it says of a bar looks at nothing after it."""

    def __init__(self, panel: Panel, plan: Plan, funding: Settlements | None) -> None:
        """Begin without a position."""
        self._panel, self._plan, self._funding = panel, plan, funding
        self._over_usd = plan.start_usd
        self._open: list[Costed] = []
        self._releases: list[int] = []
        self.most = plan.most_positions or len(panel.instruments)

    def add(self, trade: Opened) -> None:
        """Open a position."""
        within = not trade.fill.at_open
        heapq.heappush(self._releases, trade.fill.bar + within)
        if not isinstance(self._plan.size, FixedUsd):
            self._open.append(costed(self._panel, [trade], self._plan, self._funding))

    def are_full(self, bar: int) -> bool:
        """Return whether no position can be opened at the open of *bar*; times only go up."""
        while self._releases and self._releases[0] <= bar:
            heapq.heappop(self._releases)
        return len(self._releases) >= self.most

    def next_release(self) -> int:
        """Return the first bar at whose open a position more is possible."""
        return self._releases[0]

    def equity_usd(self, bar: int) -> float:
        """Return the account at the end of *bar*, as ``SimulatedTrades.equity_usd`` has it."""
        still: list[Costed] = []
        for trade in self._open:
            if trade.exit[0] > bar:
                still.append(trade)
            else:
                self._over_usd += float(trade.pnl_usd[0])
        self._open = still
        return self._over_usd + sum(self._worth_usd(trade, bar) for trade in still)

    def _worth_usd(self, trade: Costed, bar: int) -> float:
        entry, column = int(trade.entry[0]), int(trade.column[0])
        if entry > bar:
            return 0.0
        closes = self._panel.values["close"][entry : bar + 1, column]
        known = closes[np.isfinite(closes)]
        price = float(known[-1]) if len(known) else float(trade.entry_price[0])
        moved = price_pnl_usd(trade.sign[0], trade.units[0], trade.entry_price[0], price)
        paid = trade.paid_usd
        if self._funding is not None:
            over = self._funding.ends_ms[trade.held.hour] <= ends_ms(self._panel, np.array([bar]))
            paid = paid[over]
        return float(moved - trade.entry_fee_usd[0] + np.nansum(paid))
