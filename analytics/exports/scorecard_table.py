"""The scorecard of rules as a table for download."""

from __future__ import annotations

from typing import Final

import pandas as pd

from analytics.exports.exported_table import Column, Section
from analytics.formats import Kind
from analytics.quantities import QUANTITIES


def _interval(name: str, title: str, kind: Kind, low: str, high: str) -> tuple[Column, ...]:
    names = {name: title, low: f"{title}, low", high: f"{title}, high"}
    return tuple(Column(one, said, kind, 3) for one, said in names.items())


_COLUMNS: Final = (
    Column("rule", "Rule"),
    Column("measure", "Measure"),
    Column("horizon", "Horizon"),
    Column("firing_count", "Firings", "count"),
    Column("outcome_count", "Outcomes", "count"),
    Column("episode_count", "Independent episodes", "count"),
    Column("p10", "Outcome, p10", "pct", 3),
    Column("median", "Outcome, median", "pct", 3),
    Column("p90", "Outcome, p90", "pct", 3),
    Column("base_median", "Base, median", "pct", 3),
    *_interval("hit_pct", "Hits", "share", "hit_low_pct", "hit_high_pct"),
    *_interval("mean_excess", "Mean excess", "points", "mean_low", "mean_high"),
    *_interval("median_excess", "Median excess", "points", "median_low", "median_high"),
    Column("p", "p", "ratio", 4),
    Column("q", "p, corrected", "ratio", 4),
    Column("note", "Why absent"),
)


def scorecard_table(found: pd.DataFrame) -> Section:
    """Return what ``rules.scorecard.score`` *found* as a section."""
    titles = {name: QUANTITIES[name].title for name in set(found["measure"])}
    frame = found.assign(measure=found["measure"].map(titles))
    return Section("Scorecard", frame, _COLUMNS)
