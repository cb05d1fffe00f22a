"""Simulated trades as a document: settings, figures, curves, luck, tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pandas as pd

from analytics import formats
from analytics.exports.charts import LineChart, Series
from analytics.exports.exported_table import Section
from analytics.exports.report import Figure, Report
from analytics.quantities import QUANTITIES
from analytics.trades.simulated.conditions import Conditions, OfRule
from analytics.trades.simulated.equity_figures import drawdown_pct
from analytics.trades.simulated.plan import (
    Fee,
    FixedUsd,
    PercentOfEquity,
    Size,
    SlippageBps,
    SlippageOfBook,
    VolatilityTarget,
)
from analytics.trades.simulated.simulation import Source
from analytics.trades.simulated.summary import Results
from dashboard.loaders.simulations import Wanted
from dashboard.pair_chart.panes import MODELS
from dashboard.replay import simulated_tables
from dashboard.replay.simulated_charts import HELD, OWN, luck_bins
from dashboard.replay.simulated_figures import cards, luck, sentences
from dashboard.state.as_of import Moment

_PAPER_TRADES: Final = 200


def report(found: Results, wanted: Wanted, shown: Moment, scope: str) -> Report:
    """Return a simulation as a document.

    Args:
        found: What it came to.
        wanted: What was simulated.
        shown: The time that it was made for.
        scope: Which bars of which pairs were traded, in words.
    """
    made = simulated_tables.tables(found)
    trades = _brief(made["Trades"]())
    newest = trades.frame.tail(_PAPER_TRADES)
    note = None
    if len(newest) < len(trades.frame):
        note = f"The newest {len(newest):,} of {len(trades.frame):,}."
    return Report(
        "Simulated trades",
        shown.now,
        shown.origin,
        {"Bars": scope, **_settings(wanted)},
        tuple(Figure(one.title, one.value, one.note) for one in cards(found, wanted.timeframe)),
        tuple(_charts(found)),
        (
            _brief(made["By pair"]()),
            _brief(made["By hour"]()),
            replace(trades, frame=newest, note=note),
        ),
        (*sentences(found), *filter(None, [luck(found)])),
    )


def _brief(section: Section) -> Section:
    """Return a table without the columns that paper has no room for."""
    kept = tuple(column for column in section.columns if column.name in simulated_tables.SHOWN)
    return replace(section, columns=kept)


def _charts(found: Results) -> list[LineChart]:
    accounts = {OWN: found.run.equity_usd, HELD: found.held.equity_usd}
    times = pd.DatetimeIndex(found.run.equity_usd.index).tz_localize(None).to_numpy()
    lines = {
        "equity_usd": accounts,
        "drawdown_pct": {name: drawdown_pct(one) for name, one in accounts.items()},
    }
    charts = [
        LineChart(
            QUANTITIES[name].title,
            tuple(Series(account, times, one.to_numpy(float)) for account, one in of.items()),
            QUANTITIES[name].kind,
        )
        for name, of in lines.items()
    ]
    if found.random is not None:
        counts, edges = luck_bins(found.random)
        middles = (edges[:-1] + edges[1:]) / 2
        title = f"Random runs by {QUANTITIES['pnl_usd'].title}, USD"
        charts.append(LineChart(title, (Series("Runs", middles, counts.astype(float)),), "count"))
    return charts


def _settings(wanted: Wanted) -> dict[str, str]:
    """Write what was simulated."""
    plan, fees = wanted.plan, wanted.plan.fees
    said = {
        "Signal": _signal(wanted.source),
        "Side": plan.side,
        QUANTITIES["size_usd"].title: _size(plan.size),
        "Start capital": formats.usd(plan.start_usd),
        "Fee": f"{fees.taker_pct:g} %" if isinstance(fees, Fee) else "as the venue publishes it",
        QUANTITIES["slippage_usd"].title: _slippage(plan.slippage),
    }
    if plan.stop_pct is not None:
        said["Stop"] = f"{plan.stop_pct:g} %"
    if plan.target_pct is not None:
        said["Target"] = f"{plan.target_pct:g} %"
    if plan.time_limit is not None:
        said["Time limit"] = formats.span(plan.time_limit)
    if plan.most_positions is not None:
        said["Positions"] = f"at most {plan.most_positions:,}"
    return said


def _signal(source: Source) -> str:
    match source:
        case Conditions(entry, left):
            return f"entry: {entry}; exit: {left}"
        case OfRule(rule):
            return f"alert rule {rule.name}"
        case _:
            return MODELS[source.name]


def _size(size: Size) -> str:
    match size:
        case FixedUsd(usd):
            return formats.usd(usd)
        case PercentOfEquity(pct):
            return f"{pct:g} % of equity"
        case VolatilityTarget(pct):
            return f"volatility target {pct:g} %"


def _slippage(slippage: SlippageBps | SlippageOfBook) -> str:
    if isinstance(slippage, SlippageBps):
        return f"{slippage.bps:g} bps"
    return f"half the recorded spread and {slippage.impact_bps:g} bps"
