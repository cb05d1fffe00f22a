"""Metrics without venue history do not exist before the collector's first cycle.

Such bars are neither a gap nor missing: a lake of half an hour whose prices were filled in for a
day before would look as if 23 hours of marks and books had been lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from analytics import formats
from analytics.quality.history_reach import NEVER, reach
from analytics.quantities import title
from dashboard.loaders import lake_health
from dashboard.state.as_of import Moment

_FIRST_BARS: Final = timedelta(minutes=10)
"""A first cycle within a bar, and streams that take a moment, leave the first two bars in part."""


@dataclass(frozen=True, slots=True)
class BeforeStart:
    """Gaps of venues that are collected for less than the span."""

    gaps: pd.DataFrame
    """All gaps but those that no history could ever have filled."""
    before: pd.DataFrame
    """Those, likewise as ``quality.gaps`` returns them."""
    began: Mapping[str, datetime]
    """When the first cycle of each such venue began. UTC."""

    def note(self) -> str | None:
        """Return a sentence on what is not counted as missing; None where there is nothing."""
        if self.before.empty:
            return None
        names = sorted(map(title, set(self.before["metric"])))
        first = min(self.began[venue] for venue in set(self.before["venue"]))
        return (
            f"Metrics without venue history start with the collector, at {formats.moment(first)}, "
            f"and are not expected before: {formats.listed(names, 12)}."
        )


def before_start(shown: Moment, span: timedelta) -> BeforeStart:
    """Return the gaps of the *span* before, parted by whether they could ever have been filled."""
    found = lake_health.gaps(shown, span)
    began = _began(lake_health.completeness(shown, span), shown)
    recent = {venue: time for venue, time in began.items() if time > shown.now - span}
    is_before = pd.Series(
        [
            venue in recent
            and reach(venue, metric) == NEVER
            and end <= pd.Timestamp(recent[venue] + _FIRST_BARS)
            for venue, metric, end in zip(
                found["venue"], found["metric"], found["end_ts"], strict=True
            )
        ],
        index=found.index,
        dtype=bool,
    )
    return BeforeStart(
        found[~is_before].reset_index(drop=True), found[is_before].reset_index(drop=True), recent
    )


def expected_since(coverage: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Return *coverage*, as ``quality.coverage`` does, without the bars of the gaps *before*."""
    never = before.groupby(["venue", "metric"], as_index=False).agg(never=("bars", "sum"))
    rows = coverage.merge(never, on=["venue", "metric"], how="left")
    expected = rows["expected"] - rows["never"].fillna(0).astype("int64")
    share = 100 * rows["present"] / expected
    return rows.assign(expected=expected, coverage_pct=share).drop(columns="never")


def _began(completeness: pd.DataFrame, shown: Moment) -> dict[str, datetime]:
    """Return when the cycles of each venue began, of which so many should have run since."""
    mark = shown.now - timedelta(seconds=shown.now.timestamp() % 300)
    cycles = completeness.groupby("venue")["cycles_expected"].max()
    return {str(venue): mark - count * shown.cycle for venue, count in cycles.items()}
