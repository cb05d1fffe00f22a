"""How rules did: computed when somebody opens it, as it reads 30 days of bars."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.errors import PerpscopeError
from analytics.exports.scorecard_table import scorecard_table
from analytics.quantities import QUANTITIES
from analytics.rules.scorecard import write_change, write_excess
from dashboard.components.written_table import written
from dashboard.frame.downloads import export_menu
from dashboard.frame.error_boundary import plain
from dashboard.loaders import scorecards, shown_moment
from dashboard.state import as_of

KEY: Final = "scorecard"
_ROW_PX: Final = 29


def scorecard_section() -> None:
    """Draw the section, and what is in it once it is open."""
    # What is wrong with the lake is said above.
    with suppress(PerpscopeError):
        shown = shown_moment.moment(as_of.asked_time())
        with st.expander(
            "Scorecard", icon=":material/scoreboard:", key=KEY, on_change="rerun"
        ) as section:
            if not section.open:
                return
            with st.spinner("Judging the alerts of 30 days …"):
                found = scorecards.scorecard(shown)
            if found.empty:
                st.caption("No alert rules yet.")
                return
            _figures(found[found["note"].isna()])
            _absent(found[found["note"].notna()])
            export_menu("Scorecard", shown, {"Scorecard": partial(scorecard_table, found)})


def _figures(known: pd.DataFrame) -> None:
    """Draw a row per rule, measure and horizon with enough episodes."""
    if known.empty:
        return
    st.caption(
        "What followed the alerts of 30 days, beside the same pairs in the same hours at all "
        "other times. In brackets: 95 % intervals that respect overlap. Hits: outcomes above the "
        "median of those times; 50 % is no effect."
    )
    table = known[list(_COLUMNS)]
    words = {name: [_written(name, row) for row in known.to_dict("records")] for name in _COLUMNS}
    st.dataframe(
        written(table, words, {"rule": ["font-weight:600"] * len(table)}),
        column_config=_COLUMNS,
        hide_index=True,
        height=min(len(table) + 1, 14) * _ROW_PX + 3,
        row_height=_ROW_PX,
        alt="Scorecard: rule, measure, horizon, episodes, outcomes, excess, corrected p",
    )


def _absent(rows: pd.DataFrame) -> None:
    """Say why other figures are absent, rule by rule."""
    lines = []
    for (rule, note), mine in rows.groupby(["rule", "note"], sort=False):
        horizons = ", ".join(dict.fromkeys(mine["horizon"]))
        lines.append(plain(f"{rule}, {horizons}: {note}."))
    if lines:
        st.caption("  \n".join(lines))


def _written(name: str, row: dict[Any, Any]) -> str:
    match name:
        case "measure":
            return QUANTITIES[row[name]].title
        case "rule" | "horizon":
            return str(row[name])
        case "firing_count" | "episode_count":
            return formats.count(row[name])
        case "hit_pct":
            low, high = (formats.share(row[f"hit_{end}_pct"]) for end in ("low", "high"))
            return f"{formats.share(row[name])} ({low} to {high})"
        case "mean_excess" | "median_excess":
            of = name.removesuffix("_excess")
            low, high = (write_excess(row[f"{of}_{end}"]) for end in ("low", "high"))
            return f"{write_excess(row[name])} ({low} to {high})"
        case "q":
            return f"{row[name]:.3f}"
        case _:
            return write_change(row[name])


_text: Final = st.column_config.TextColumn
_number: Final = st.column_config.NumberColumn
_COLUMNS: Final[dict[str, Any]] = {
    "rule": _text("Rule", width=140, pinned=True),
    "measure": _text("Measure", width=100),
    "horizon": _text("After", width=50),
    "firing_count": _number("Firings", width=70),
    "episode_count": _number("Episodes", width=75, help="Independent ones"),
    "mean_excess": _number("Mean excess", width=250),
    "q": _number("p, corrected", width=90, help="Benjamini-Hochberg, over all rows"),
    "hit_pct": _number("Hits", width=140),
    "p10": _number("p10", width=85),
    "median": _number("Median", width=85),
    "p90": _number("p90", width=85),
    "base_median": _number("At other times", width=100, help="Median, matched by hour of day"),
    "median_excess": _number("Median excess", width=250),
}
