"""Status of each venue: last cycle, latency, rate budget, errors."""

from __future__ import annotations

import json
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from dashboard.health.status_table import status_table
from dashboard.loaders.venue_states import venue_states
from dashboard.state.as_of import SILENT_CYCLES, Moment

_FORMATS: Final[dict[Any, Any]] = {
    **{name: QUANTITIES[name].write for name in ("age_s", "latency_ms")},
    "latency_1h_ms": formats.latency,
    "latency_curve": lambda _: "",
    "answered_1h_pct": formats.share,
    "budget_used_pct": lambda _: "",
    "budget_used_1h_pct": formats.share,
}


def venue_table(
    cycles: pd.DataFrame, hour: pd.DataFrame, shown: Moment, colors: Colors
) -> pd.DataFrame:
    """Draw a row for each venue's newest cycle and its last hour, and return the rows.

    Args:
        cycles: As ``venue_cycles.sql`` returns them.
        hour: As ``venue_hour.sql`` returns it.
        shown: What ages count to.
        colors: Of the theme.
    """
    table = venue_states(cycles, hour, shown)[list(_columns(1.0))]
    slowest = max((max(curve) for curve in table["latency_curve"] if len(curve)), default=1.0)
    status_table(
        table,
        _columns(float(slowest)),
        _FORMATS,
        "venues",
        alt="Last cycle of each venue",
        colored={"state": lambda state: colors.up if state == "complete" else colors.alert},
        row_height=32,
    )
    return table


def reasons(counted: str | None) -> str:
    """Write what was refused and how often: ``mark, sign: 2 times``."""
    if counted is None:
        return "no reason stored"
    return formats.listed(
        [
            f"{column} ({reason.replace('_', ' ')}) {formats.plural(times, 'time')}"
            for key, times in json.loads(counted).items()
            for column, _, reason in [key.partition(":")]
        ]
    )


def _columns(slowest_ms: float) -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "venue": text("Venue", pinned=True),
        "state": text(
            "State", help=f"complete, partial, error or silent for {SILENT_CYCLES} cycles"
        ),
        "age_s": number(QUANTITIES["age_s"].title, help="Time since the last completed cycle"),
        "asked": number(QUANTITIES["asked"].title, help="Pairs requested"),
        "answered": number(QUANTITIES["answered"].title, help="Pairs with a snapshot"),
        "skipped": number(
            QUANTITIES["skipped"].title, help="Requests skipped for lack of time or rate budget"
        ),
        "refused": number(QUANTITIES["refused"].title, help="Impossible values refused"),
        "requests": number(QUANTITIES["requests"].title),
        "latency_ms": number(
            QUANTITIES["latency_ms"].title, help="Median response time in the last cycle"
        ),
        "latency_1h_ms": number("Median 1 h", help="Median response time in the last hour"),
        "latency_curve": st.column_config.LineChartColumn(
            "Latency 1 h", help="One point every two minutes", y_min=0, y_max=slowest_ms, width=96
        ),
        "budget_used_pct": st.column_config.ProgressColumn(
            QUANTITIES["budget_used_pct"].title,
            help="Use of the tightest rate limit; limits are listed on Exchanges",
            min_value=0,
            max_value=100,
            format="%.0f %%",
            width=104,
        ),
        "budget_used_1h_pct": number("Peak 1 h", help="Highest budget use in a cycle"),
        "cycles_1h": number("Cycles 1 h"),
        "errors_1h": number("Errors 1 h"),
        "refused_1h": number("Refused 1 h"),
        "answered_1h_pct": number(
            "Answered 1 h", help=("Share of requested pairs answered in the last hour")
        ),
    }
