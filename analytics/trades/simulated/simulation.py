"""A simulation over a stretch of the record: bars, signals, funding, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analytics.errors import QueryError
from analytics.panels.panel import Panel
from analytics.trades.simulated.conditions import Conditions, OfRule
from analytics.trades.simulated.engine import simulate
from analytics.trades.simulated.lookahead import leaks
from analytics.trades.simulated.plan import Plan, SlippageOfBook
from analytics.trades.simulated.record import PRICES, Record
from analytics.trades.simulated.result import SimulatedTrades
from analytics.trades.simulated.settlements import Settlements
from analytics.trades.simulated.signals import Model, Signals

Source = Model | Conditions | OfRule
"""Where signals come from."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """A run and all that it was made of, for figures, charts and exports."""

    panel: Panel
    signals: Signals
    plan: Plan
    funding: Settlements
    run: SimulatedTrades


def run(record: Record, source: Source, plan: Plan) -> Simulation:
    """Return what the signals of *source* would have made on *record*.

    Raises:
        QueryError: There are no bars, or as ``engine.simulate``.
        RuleError: A condition is wrong.
        LakeError: The lake cannot be read.
    """
    panel, signals = signalled(record, source, plan)
    if not panel.shape[1]:
        raise QueryError(
            f"no bars of these pairs from {record.start:%Y-%m-%d %H:%M} to "
            f"{record.now:%Y-%m-%d %H:%M} UTC"
        )
    funding = record.funding(panel.instruments)
    return Simulation(
        panel, signals, plan, funding, simulate(panel, signals, plan, funding=funding)
    )


def signalled(record: Record, source: Source, plan: Plan) -> tuple[Panel, Signals]:
    """Return the bars that are traded, and the signals of each."""
    panel, first = bars(record, source, plan)
    rows = slice(first, None)
    if isinstance(source, Conditions | OfRule):
        traded = panel.part(rows)
        return traded, source.signals(record, traded)
    return panel.part(rows), source.signals(panel).only(rows)


def bars(record: Record, source: Source, plan: Plan) -> tuple[Panel, int]:
    """Return the bars that signals and trades need, and the row of the first that is traded."""
    metrics, warm_up = list(PRICES), 0
    if isinstance(plan.slippage, SlippageOfBook):
        metrics.append("spread_bps")
    if not isinstance(source, Conditions | OfRule):
        metrics += [name for name in source.metrics if name not in metrics]
        warm_up = source.warm_up
    return record.panel(metrics, warm_up)


def looks_ahead(record: Record, source: Source, plan: Plan, *, seed: int = 1) -> pd.DataFrame:
    """Return the signals that change where the record ends earlier, as ``lookahead.leaks``.

    Each cut reads the lake again as it was then, so that what a query looks at counts as well.
    """

    def until(cut: pd.Timestamp) -> tuple[Panel, Signals]:
        return signalled(record.until(cut.to_pydatetime()), source, plan)

    return leaks(signalled(record, source, plan), until, seed=seed)
