"""The tables of Alerts for download."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import pandas as pd

from analytics.exports.exported_table import Column, Section

_COLUMNS: Final = (
    Column("rule", "Rule"),
    Column("version", "Version"),
    Column("severity", "Severity"),
    Column("alert_group", "Group"),
    Column("per", "Per"),
    Column("venue", "Venue", "venue"),
    Column("symbol", "Symbol"),
    Column("base", "Asset"),
    Column("timeframe", "Timeframe"),
    Column("phase", "State"),
    Column("started_ts", "Condition true since", "time"),
    Column("fired_ts", "Fired", "time"),
    Column("ended_ts", "Ended", "time"),
    Column("acknowledged_ts", "Acknowledged", "time"),
    Column("message", "Message"),
    Column("condition", "Condition"),
    Column("seen_values", "Values"),
    Column("seen_ages_s", "Ages of values, s"),
)


def tables(past: pd.DataFrame, episodes: pd.DataFrame) -> dict[str, Callable[[], Section]]:
    """Return a function for the history as it is filtered, and for what is open."""
    is_open = episodes["phase"].isin(["firing", "pending"])
    rows = {"History": past, "Firing and pending": episodes[is_open]}
    return {name: partial(Section, name, frame, _COLUMNS) for name, frame in rows.items()}
