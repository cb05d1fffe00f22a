"""All that simulated trades come to, beside holding the same pairs and beside luck."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analytics.panels.panel import Panel
from analytics.trades.simulated.engine import simulate
from analytics.trades.simulated.equity_figures import CurveFigures, curve_figures
from analytics.trades.simulated.plan import FixedUsd, Plan
from analytics.trades.simulated.random_entries import RandomRuns, random_entries
from analytics.trades.simulated.result import SimulatedTrades
from analytics.trades.simulated.settlements import Settlements
from analytics.trades.simulated.signals import Signals
from analytics.trades.simulated.time_blocks import TimeBlocks
from analytics.trades.simulated.trade_figures import by_hour, by_pair, of_all, too_few


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A run, judged."""

    run: SimulatedTrades
    curve: CurveFigures
    trades: pd.Series[Any]
    """Those of ``trade_figures.of_all``."""
    by_pair: pd.DataFrame
    by_hour: pd.DataFrame
    held: SimulatedTrades
    """Buy-and-hold of the same pairs: see `buy_and_hold`."""
    held_curve: CurveFigures
    random: RandomRuns | None
    """None without trades."""


def results(
    run: SimulatedTrades, panel: Panel, plan: Plan, funding: Settlements | None, *, seed: int = 1
) -> Results:
    """Return what a *run* comes to.

    Args:
        run: Of the engine.
        panel: As it was given to the engine.
        plan: Likewise.
        funding: Likewise.
        seed: Of intervals and random entries: the same gives the same figures.
    """
    trades, times = run.trades, pd.DatetimeIndex(run.equity_usd.index)
    blocks = TimeBlocks.of(trades, times) if len(trades) else None
    note = too_few(trades) or (None if blocks is None else blocks.note)
    held = buy_and_hold(panel, plan, funding)
    return Results(
        run=run,
        curve=curve_figures(run.equity_usd, run.exposure_usd, blocks, note, seed),
        trades=of_all(trades, times, seed),
        by_pair=by_pair(trades, times, seed),
        by_hour=by_hour(trades, times, seed),
        held=held,
        held_curve=curve_figures(held.equity_usd, held.exposure_usd, None),
        random=random_entries(trades, panel, plan, funding, seed=seed) if len(trades) else None,
    )


def buy_and_hold(panel: Panel, plan: Plan, funding: Settlements | None) -> SimulatedTrades:
    """Return a long of every pair, of equal parts of the start capital, held to the end.

    Each is bought at the first fill after the first bar, by the same fee, slippage and funding.
    """
    always, never = np.ones(panel.shape, np.bool_), np.zeros(panel.shape, np.bool_)
    holding = replace(
        plan,
        side="long",
        size=FixedUsd(plan.start_usd / max(len(panel.instruments), 1)),
        stop_pct=None,
        target_pct=None,
        time_limit=None,
        most_positions=None,
    )
    return simulate(panel, Signals(always, never, never, never), holding, funding=funding)
