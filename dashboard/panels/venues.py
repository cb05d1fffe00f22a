"""How each venue answers."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from dashboard.panels.explained import plain
from dashboard.state import SILENT_CYCLES, Moment

_FORMATS: Final[dict[str, Any]] = {
    "age_s": formats.age,
    "latency_ms": formats.latency,
    "budget_used_pct": formats.share,
    "answered_1h_pct": formats.share,
}


def venue_table(cycles: pd.DataFrame, shown: Moment) -> None:
    """Draw a row for each venue's newest cycle, as ``venue_cycles.sql`` returns them."""
    st.dataframe(
        rows(cycles, shown).style.format(_FORMATS, na_rep=formats.ABSENT),
        column_config=_columns(),
        hide_index=True,
        placeholder=formats.ABSENT,
        key="venues",
        alt="How each venue's newest cycle went",
    )
    for row in cycles[cycles["error"].notna()].to_dict("records"):
        st.warning(plain(row["error"]), title=f"{row['venue']}: its newest cycle had a problem")
    for row in cycles[cycles["refused"] > 0].to_dict("records"):
        st.caption(f"{row['venue']} refused: {plain(reasons(row['refused_reasons']))}.")


def rows(cycles: pd.DataFrame, shown: Moment) -> pd.DataFrame:
    """Return the table's rows: numbers, so that it sorts by them."""
    age = (shown.now - cycles["finished_ts"]).dt.total_seconds().clip(lower=0)
    table = cycles.assign(
        age_s=age, state=[_state(row, shown) for row in cycles.to_dict("records")]
    )
    return table[list(_columns())].reset_index(drop=True)


def reasons(counted: str | None) -> str:
    """Write what was refused and how often: ``mark, sign: 2 times``."""
    if counted is None:
        return "no reason was kept"
    return formats.listed(
        [
            f"{column} ({reason.replace('_', ' ')}) {formats.plural(times, 'time')}"
            for key, times in json.loads(counted).items()
            for column, _, reason in [key.partition(":")]
        ]
    )


def _state(row: dict[Hashable, Any], shown: Moment) -> str:
    if row["finished_ts"] < shown.silent_before:
        return "silent"
    if isinstance(row["error"], str):
        return "error"
    return "complete" if row["answered"] == row["asked"] else "partial"


def _columns() -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "venue": text("Venue", pinned=True),
        "state": text(
            "State", help=f"complete, partial, error or silent for {SILENT_CYCLES} cycles"
        ),
        "age_s": number("Last cycle", help="Since it ended"),
        "asked": number("Asked", help="Pairs of the universe when it began"),
        "answered": number("Answered", help="Pairs that a snapshot was made of"),
        "skipped": number("Skipped", help="Questions that time or budget did not allow"),
        "refused": number("Refused", help="Single values refused as impossible"),
        "requests": number("Requests"),
        "latency_ms": number("Latency", help="Median of a request"),
        "budget_used_pct": number("Budget used", help="The fullest of the venue's limits"),
        "cycles_1h": number("Cycles 1 h"),
        "errors_1h": number("Errors 1 h"),
        "answered_1h_pct": number("Answered 1 h", help="Of what was asked in the hour"),
    }
