"""Health's tables for download: those that are open on the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import pandas as pd

from analytics.exports.exported_table import Column, Section

_COLUMNS: Final[dict[str, tuple[Column, ...]]] = {
    "Venues": (
        Column("venue", "Venue", "venue"),
        Column("state", "State"),
        Column("age_s", "Last cycle", "age"),
        *map(Column.of, ("asked", "answered", "skipped", "refused", "requests", "latency_ms")),
        Column("latency_1h_ms", "Latency, median of 1 h", "milliseconds"),
        Column.of("budget_used_pct"),
        Column("budget_used_1h_pct", "Budget used, peak in 1 h", "share"),
        Column("cycles_1h", "Cycles in 1 h", "count"),
        Column("errors_1h", "Errors in 1 h", "count"),
        Column("refused_1h", "Refused in 1 h", "count"),
        Column("answered_1h_pct", "Answered in 1 h", "share"),
    ),
    "Streams": (
        Column("venue", "Venue", "venue"),
        Column.of("channel"),
        Column("state", "State"),
        Column("source", "Source now"),
        Column("for_s", "In this state for", "age"),
        Column("late_s", "Last message", "age"),
        Column("reconnects", "Reconnects", "count"),
        Column("dropped", "Dropped", "count"),
        Column("bad", "Unreadable", "count"),
        Column("bad_reasons", "Unreadable, reasons"),
        Column("reason", "Down, reason"),
    ),
    "Coverage": (
        Column("venue", "Venue", "venue"),
        Column("title", "Metric"),
        Column.of("coverage_pct", "Bars"),
        Column("present", "Bars present", "count"),
        Column("expected_bars", "Bars expected", "count"),
        Column.of("completeness_pct", "Cycles"),
        Column("stored", "Values stored", "count"),
        Column("expected", "Values expected", "count"),
    ),
    "Gaps": (
        Column("venue", "Venue", "venue"),
        Column("start_ts", "From", "time"),
        Column("end_ts", "To", "time"),
        Column("length_s", "Length", "span"),
        Column("running", "Ongoing", "flag"),
        Column("pairs", "Pairs"),
        Column("what", "Metrics"),
        Column("bars", "Bars missing", "count"),
        Column("repairable_bars", "Bars repairable", "count"),
        Column("repairable", "Repairable"),
    ),
    "Stream gaps": (
        Column("venue", "Venue", "venue"),
        Column.of("channel"),
        Column("symbol", "Pair"),
        Column("started_ts", "From", "time"),
        Column("ended_ts", "To", "time"),
        Column("reason", "Why"),
        Column.of("outcome"),
        Column.of("repaired_rows"),
    ),
    "Refused": (
        Column("venue", "Venue", "venue"),
        Column("title", "Metric"),
        Column("why", "Why"),
        Column("refused", "Values", "count"),
        Column("cycles", "Cycles", "count"),
        Column("first_ts", "First", "time"),
        Column("last_ts", "Last", "time"),
    ),
    "Units": (
        Column("venue", "Venue", "venue"),
        Column("pair", "Pair"),
        Column.of("oi_raw"),
        Column.of("oi_unit"),
        Column("contract_size", "Contract size", "ratio", 8),
        Column("multiplier", "Multiplier", "ratio", 0),
        *map(Column.of, ("mark", "oi_base", "oi_usd", "oi_venue_usd", "venue_ratio")),
        Column("beside", "Against venue"),
        Column("again", "Recomputed"),
    ),
    "Record": (Column("table_name", "Table"), Column("row_count", "Rows", "count")),
}


def tables(drawn: dict[str, pd.DataFrame], sizes: pd.DataFrame) -> dict[str, Callable[[], Section]]:
    """Return a function for each table *drawn*, and one for the lake's *sizes*."""
    rows = {name: frame for name, frame in drawn.items() if not frame.empty}
    rows["Record"] = sizes
    return {name: partial(Section, name, frame, _COLUMNS[name]) for name, frame in rows.items()}
