"""What luck alone makes: as many trades as a run has, entered at random.

Each random run has the trades of the simulated one: the same pairs, sides, sizes and holding
times, the latter counted in bars at which a fill is possible. Only when they are entered is drawn,
so that trades of one pair do not overlap, as in the simulated run. Fills, fees, slippage and
funding are those of the engine; every exit is a market order, so that what a target saves in fees
is part of the simulated run alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats
from analytics.panels.panel import TIMEFRAMES, Panel
from analytics.trades.money import fill_price, price_pnl_usd
from analytics.trades.simulated.plan import Plan, SlippageBps
from analytics.trades.simulated.settlements import Settlements

RUNS: Final = 1_000
_MAX_CELLS: Final = 2_000_000
"""Trades whose places are in memory together."""

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class RandomRuns:
    """What random entries earned, beside the run that they are made from."""

    pnl_usd: Floats
    """Of each run. [USD] (RUNS,)"""
    own_usd: float
    """Of the simulated run. [USD]"""

    @property
    def percentile(self) -> float:
        """Share of random runs that earned less than the simulated one; ties count half. [%]"""
        below = (self.pnl_usd < self.own_usd).mean()
        return float(100 * (below + (self.pnl_usd == self.own_usd).mean() / 2))


@dataclass(frozen=True, slots=True)
class Lane:
    """One pair at the bars at which a fill is possible, and at the end of the last. (F + 1,)"""

    bar: Places
    price: Floats
    """The open; at the end the last close that is known. [quote currency]"""
    slippage_bps: Floats
    """0 at the end, where a position stays open. [basis points]"""
    fee: Floats
    """Likewise. [ratio]"""
    funding: Floats
    """What a long of one unit has paid from the first bar on; of an inverse contract, of 1 USD."""
    inverse: bool

    def place(self, bars: Places) -> Places:
        """Return the first fill at or after each of *bars*. The same shape."""
        return np.searchsorted(self.bar, bars).clip(max=len(self.bar) - 1)

    def pnl_usd(self, sign: Floats, size_usd: Floats, entry: Places, until: Places) -> Floats:
        """Return what trades earn that are entered and left at these places; shapes broadcast."""
        units = size_usd / self.price[entry]
        at = fill_price(self.price[entry], sign, self.slippage_bps[entry])
        left = fill_price(self.price[until], -sign, self.slippage_bps[until])
        fees = units * (at * self.fee[entry] + left * self.fee[until])
        paid = sign * units * (self.funding[until] - self.funding[entry])
        moved = price_pnl_usd(sign, units, at, left)
        return moved - fees - paid * (at if self.inverse else 1.0)


def random_entries(
    trades: pd.DataFrame,
    panel: Panel,
    plan: Plan,
    funding: Settlements | None,
    *,
    runs: int = RUNS,
    seed: int = 1,
) -> RandomRuns:
    """Return what as many trades entered at random earn.

    Args:
        trades: Of ``SimulatedTrades``.
        panel: The bars that they were simulated on.
        plan: How they were traded.
        funding: As it was given to the engine.
        runs: How many random runs.
        seed: The same gives the same runs.
    """
    draw, found = np.random.default_rng(seed), np.zeros(runs)
    names = pd.MultiIndex.from_tuples([pair[:2] for pair in panel.instruments])
    column = names.get_indexer(pd.MultiIndex.from_frame(trades[["venue", "symbol"]]))
    for pair in np.unique(column):
        mine = trades[column == pair]
        lane = lane_of(panel, plan, funding, int(pair))
        entry, until = places(mine, panel, lane)
        sign = np.where(mine["side"] == "long", 1.0, -1.0)
        held = np.maximum(until - entry, 1)
        size = mine["size_usd"].to_numpy(float)
        for some in np.array_split(np.arange(runs), -(-runs * len(mine) // _MAX_CELLS)):
            found[some] += _drawn(lane, (held, sign, size), len(some), draw)
    return RandomRuns(found, float(trades["pnl_usd"].sum()))


def lane_of(panel: Panel, plan: Plan, funding: Settlements | None, column: int) -> Lane:
    """Return the fills of the pair in a *column* of the panel."""
    opens, closes = panel.values["open"][:, column], panel.values["close"][:, column]
    bps = _slippage_bps(panel, plan, column)
    bar = np.flatnonzero(np.isfinite(opens) & np.isfinite(bps))
    known = closes[np.isfinite(closes)]
    fee = plan.fee(panel.instruments[column].venue).taker_pct / 100
    return Lane(
        bar=np.append(bar, len(opens)),
        price=np.append(opens[bar], known[-1:] if len(known) else np.nan),
        slippage_bps=np.append(bps[bar], 0.0),
        fee=np.append(np.full(len(bar), fee), 0.0),
        funding=_paid(panel, funding, column)[np.append(bar, len(opens))],
        inverse=funding is not None and bool(funding.inverse[column]),
    )


def places(mine: pd.DataFrame, panel: Panel, lane: Lane) -> tuple[Places, Places]:
    """Return at which fills of a *lane* its trades begin and end; those open end with it."""
    begin = pd.Timestamp(panel.times[0], tz="UTC")
    width = pd.Timedelta(TIMEFRAMES[panel.timeframe])
    ends = mine["exit_ts"].fillna(begin + len(panel.times) * width)
    entry, until = (
        np.asarray((times - begin) // width, np.intp) for times in (mine["entry_ts"], ends)
    )
    return lane.place(entry), lane.place(until)


def _drawn(
    lane: Lane, trades: tuple[Places, Floats, Floats], runs: int, draw: np.random.Generator
) -> Floats:
    """Return the PnL of random runs of one pair: its trades in another order, with other gaps."""
    held, sign, size = trades
    order = draw.permuted(np.tile(np.arange(len(held)), (runs, 1)), axis=1)
    lengths = held[order]
    free = max(len(lane.bar) - 1 - int(held.sum()), 0)
    # Ordered uniform draws are sums of exponential ones over their total.
    steps = draw.standard_exponential((runs, len(held) + 1), np.float32).cumsum(axis=1)
    gaps = (steps[:, :-1] / steps[:, -1:] * (free + 1)).astype(np.intp).clip(max=free)
    entry = (gaps + lengths.cumsum(axis=1) - lengths).clip(max=len(lane.bar) - 2)
    until = (entry + lengths).clip(max=len(lane.bar) - 1)
    total: Floats = lane.pnl_usd(sign[order], size[order], entry, until).sum(axis=1)
    return total


def _slippage_bps(panel: Panel, plan: Plan, column: int) -> Floats:
    """Return that of a fill at the open of each bar; NaN before any spread is known. (T,)"""
    if isinstance(plan.slippage, SlippageBps):
        return np.full(len(panel.times), plan.slippage.bps)
    known = pd.Series(panel.values["spread_bps"][:, column]).shift().ffill()
    return known.to_numpy(float) / 2 + plan.slippage.impact_bps


def _paid(panel: Panel, funding: Settlements | None, column: int) -> Floats:
    """Return what a long of one unit has paid by the start of each bar, and by the end. (T + 1,)"""
    bars = len(panel.times)
    if funding is None:
        return np.zeros(bars + 1)
    hours = np.arange(len(funding.ends_ms))
    cost = funding.unit_cost(hours, np.full(len(hours), column))
    paid = np.nan_to_num(np.where(funding.due[:, column], cost, 0.0)).cumsum()
    width = TIMEFRAMES[panel.timeframe] // timedelta(milliseconds=1)
    starts = panel.times[0].astype("datetime64[ms]").astype(np.int64) + width * np.arange(bars + 1)
    by_then = np.searchsorted(funding.ends_ms, starts, "right")
    found: Floats = np.concatenate([[0.0], paid])[by_then]
    return found
