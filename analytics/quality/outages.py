"""Outages: gaps that began and ended together, as one row instead of a thousand."""

from __future__ import annotations

import pandas as pd


def outages(gaps: pd.DataFrame) -> pd.DataFrame:
    """Return the outages that *gaps* make up, the longest first and of those the newest.

    Args:
        gaps: As ``quality.gaps`` returns them.

    Returns:
        One row per venue and stretch of time: venue, start_ts, end_ts, length_s [s], running
        (it goes on), symbols and metrics (tuples, by name: of these something is missing
        then), bars (missing in all of them) [bars], repairable_bars [bars], and repairable:
        ``yes``, ``in part`` or ``no``.
    """
    grouped = gaps.groupby(["venue", "start_ts", "end_ts"], as_index=False).agg(
        running=("running", "any"),
        symbols=("symbol", _names),
        metrics=("metric", _names),
        bars=("bars", "sum"),
        repairable_bars=("repairable_bars", "sum"),
    )
    length = (grouped["end_ts"] - grouped["start_ts"]).dt.total_seconds()
    grouped = grouped.assign(length_s=length, repairable="in part")
    grouped.loc[grouped["repairable_bars"] == grouped["bars"], "repairable"] = "yes"
    grouped.loc[grouped["repairable_bars"] == 0, "repairable"] = "no"
    order = grouped.sort_values(["length_s", "end_ts"], ascending=False, kind="stable")
    return order.reset_index(drop=True)


def _names(values: pd.Series[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
