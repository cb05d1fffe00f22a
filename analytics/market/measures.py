"""Measures of the heatmap: each by bar, and over spans up to now.

A measure is described once: what it is cut from, and how it adds up over a span. The formulas are
those of ``analytics.indicators``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from analytics.indicators import change, flow, funding, momentum
from analytics.indicators.arrays import Floats
from analytics.panels.panel import FLOWS, LEAST_KNOWN, TIMEFRAMES, Panel, coverage
from analytics.quantities import QUANTITIES, Quantity
from analytics.signals.tiers import Z_REACH, z_oi

Metrics = Mapping[str, Floats]

LATE: Final = 2
"""How much older than the panel's last bar a pair's newest bar may be. [bars]"""


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that pairs can be compared by."""

    name: str
    """As in GLOSSARY.md."""
    needs: tuple[str, ...]
    """Metrics of a panel."""
    of: Callable[[Metrics], Floats]
    """The measure by bar; of a *change*, what changes."""
    over: Literal["change", "sum", "mean", "bars"]
    """What it is over a span: the change in it, the flows' sum, the mean; ``bars`` needs the
    bars of each timeframe."""
    warm_up: int = 0
    """Bars that it looks back on. [bars]"""
    differs: bool = False
    """Whether a change is a difference, not in percent."""

    @property
    def quantity(self) -> Quantity:
        """What it is called, and how it is written."""
        return QUANTITIES[self.name]

    @property
    def metrics(self) -> tuple[str, ...]:
        """What a panel needs, with how much of each flow is known."""
        return (*self.needs, *(coverage(name) for name in self.needs if name in FLOWS))


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure of many pairs."""

    values: Floats
    """By bar or span, and instrument."""
    coverage_pct: Floats | None
    """How much of each cell is known, where it is made of flows; None for all others. [%]"""


def _funding(metric: Metrics) -> Floats:
    return funding.funding_8h_pct(metric["funding_rate"], metric["funding_interval_h"])


def _taker(metric: Metrics) -> Floats:
    return flow.taker_imbalance_pct(metric["taker_buy_usd"], metric["taker_sell_usd"])


def _liquidated(metric: Metrics) -> Floats:
    flows = np.stack([metric["liq_long_usd"], metric["liq_short_usd"]])
    known = np.isfinite(flows).any(axis=0)
    return np.where(known, np.nansum(flows, axis=0), np.nan)


_FUNDING: Final = ("funding_rate", "funding_interval_h")
_TAKERS: Final = ("taker_buy_usd", "taker_sell_usd")

_CHANGE: Final[tuple[Literal["change"], int]] = ("change", 1)

MEASURES: Final[Mapping[str, Measure]] = {
    measure.name: measure
    for measure in (
        Measure("oi_delta_pct", ("oi_usd",), lambda m: m["oi_usd"], *_CHANGE),
        Measure("price_delta_pct", ("close",), lambda m: m["close"], *_CHANGE),
        Measure(
            "z_oi", ("oi_usd",), lambda m: z_oi(change.delta_pct(m["oi_usd"])), "bars",
            Z_REACH + 2,
        ),
        Measure("rsi_14", ("close",), lambda m: momentum.rsi(m["close"]), "bars", 70),
        Measure("funding_8h_pct", _FUNDING, _funding, "mean"),
        Measure("funding_delta_pp", _FUNDING, _funding, *_CHANGE, differs=True),
        Measure("ls_accounts", ("ls_accounts",), lambda m: m["ls_accounts"], "mean"),
        Measure("ls_delta_pct", ("ls_accounts",), lambda m: m["ls_accounts"], *_CHANGE),
        Measure(
            "book_imbalance_pct", ("book_imbalance",), lambda m: 100 * m["book_imbalance"], "mean"
        ),
        Measure("taker_imbalance_pct", _TAKERS, _taker, "sum"),
        Measure(
            "basis_pct", ("mark", "index"),
            lambda m: funding.premium_pct(m["mark"], m["index"]), "mean",
        ),
        Measure(
            "last_premium_pct", ("close", "index"),
            lambda m: funding.premium_pct(m["close"], m["index"]), "mean",
        ),
        Measure("oi_usd", ("oi_usd",), lambda m: m["oi_usd"], "mean"),
        Measure("traded_usd", ("traded_usd",), lambda m: m["traded_usd"], "sum"),
        Measure("liquidated_usd", ("liq_long_usd", "liq_short_usd"), _liquidated, "sum"),
    )
}  # fmt: skip
"""Every measure, by name, in the order in which they are offered."""


def by_bar(panel: Panel, measure: Measure) -> Measured:
    """Return *measure* of each bar of *panel*; its first ``warm_up`` rows are incomplete. (T, N)

    Args:
        panel: With ``measure.metrics``.
        measure: Of ``MEASURES``.
    """
    values = measure.of(panel.values)
    if measure.over == "change":
        values = _change(values, 1, measure)
    flows = [name for name in measure.needs if name in FLOWS]
    known = [panel.values[coverage(name)] for name in flows]
    return Measured(values, _least(known) if known else None)


def over_spans(panel: Panel, measure: Measure, timeframes: Sequence[str]) -> Measured:
    """Return *measure* over the span of each of *timeframes* up to each pair's newest bar.

    A venue's bars are written with its next cycle: the newest bar of a pair may be up to
    ``LATE`` bars older than the panel's last one.

    Args:
        panel: Of 5-minute bars, with the metrics that the measure needs.
        measure: Of ``MEASURES``, not one over ``bars``.
        timeframes: Of ``TIMEFRAMES``.

    Returns:
        NaN where less than ``LEAST_KNOWN`` of the span is known, or, of a change, either of
        its ends is not. (timeframes, N)
    """
    lengths = [TIMEFRAMES[name] // TIMEFRAMES["5m"] for name in timeframes]
    metrics = _up_to_date(panel.values, measure)
    if measure.over == "change":
        changes = [_last(_change(measure.of(metrics), n, measure)) for n in lengths]
        return Measured(np.stack(changes), None)
    if measure.over == "sum":
        sums = [measure.of({k: _sum(v, n) for k, v in metrics.items()})[0] for n in lengths]
        known = [_least([_known_pct(metrics[k], n) for k in measure.needs]) for n in lengths]
        return Measured(np.stack(sums), np.stack(known))
    values = measure.of(metrics)
    return Measured(np.stack([_sum(values, n)[0] / _count(values, n) for n in lengths]), None)


def bars_of_spans(timeframes: Sequence[str]) -> int:
    """Return how many 5-minute bars :func:`over_spans` looks at. [bars]"""
    return max(TIMEFRAMES[name] // TIMEFRAMES["5m"] for name in timeframes) + 1 + LATE


def _up_to_date(values: Metrics, measure: Measure) -> dict[str, Floats]:
    """Return *values* with each pair's newest known bar in the last row, if it is that recent."""
    known = np.isfinite(measure.of(values))
    if not len(known):
        return dict(values)
    late = np.where(known.any(axis=0), np.argmax(known[::-1], axis=0), 0)
    moved = {name: cells.copy() for name, cells in values.items()}
    for bars in range(1, LATE + 1):
        columns = late == bars
        for name, cells in values.items():
            moved[name][bars:, columns] = cells[:-bars, columns]
            moved[name][:bars, columns] = np.nan
    return moved


def _change(values: Floats, bars: int, measure: Measure) -> Floats:
    if measure.differs:
        return change.delta(values, bars)
    return change.delta_pct(values, bars)


def _last(values: Floats) -> Floats:
    return values[-1] if len(values) else np.full(values.shape[1], np.nan)


def _sum(values: Floats, bars: int) -> Floats:
    """Return the sum of the last *bars* rows, where enough of them are known. (1, N)"""
    enough = _known_pct(values, bars) >= 100 * LEAST_KNOWN
    return np.where(enough, np.nansum(values[-bars:], axis=0), np.nan)[None]


def _known_pct(values: Floats, bars: int) -> Floats:
    """Return how much of the last *bars* rows is known. [%] (N,)"""
    part: Floats = 100 * np.isfinite(values[-bars:]).sum(axis=0) / bars
    return part


def _least(known: Sequence[Floats]) -> Floats:
    """Return the least of what is *known* of several flows; one of which nothing is does not count.

    Where a venue tells of one side's liquidations alone, the other's are no part of the measure.
    """
    parts = np.stack(known)
    least: Floats = np.where(parts > 0, parts, np.inf).min(axis=0)
    return np.where(np.isfinite(least), least, 0.0)


def _count(values: Floats, bars: int) -> Floats:
    """Return how many of the last *bars* rows are known; NaN for none. (N,)"""
    known = np.isfinite(values[-bars:]).sum(axis=0).astype(np.float64)
    return np.where(known > 0, known, np.nan)
