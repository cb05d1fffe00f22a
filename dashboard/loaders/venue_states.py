"""How each venue's newest cycle went, and its last hour: numbers, so that a table sorts by them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from dashboard.state.as_of import Moment


def venue_states(cycles: pd.DataFrame, hour: pd.DataFrame, shown: Moment) -> pd.DataFrame:
    """Return *cycles* with age_s [s], state, and what *hour* says.

    Args:
        cycles: As ``venue_cycles.sql`` returns them.
        hour: As ``venue_hour.sql`` returns it.
        shown: What ages count to.
    """
    age = (shown.now - cycles["finished_ts"]).dt.total_seconds().clip(lower=0)
    table = cycles.assign(
        age_s=age, state=[_state(row, shown) for row in cycles.to_dict("records")]
    ).merge(hour, on="venue", how="left")
    table["latency_curve"] = [
        [] if isinstance(curve, float) or curve is None else [round(float(ms), 1) for ms in curve]
        for curve in table["latency_curve"]
    ]
    return table.reset_index(drop=True)


def _state(row: dict[Hashable, Any], shown: Moment) -> str:
    if row["finished_ts"] < shown.silent_before:
        return "silent"
    if isinstance(row["error"], str):
        return "error"
    return "complete" if row["answered"] == row["asked"] else "partial"
