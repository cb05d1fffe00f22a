"""Heatmap: any measure of many assets or pairs, over time or over the timeframes."""

from typing import Any

import streamlit as st

from analytics import formats
from analytics.market.measures import MEASURES
from analytics.quantities import QUANTITIES
from dashboard.components.cell_click import cell_click
from dashboard.components.largest_pairs import COUNTS, largest_rows
from dashboard.frame.downloads import export_menu
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.frame.freshness import follow_origin, headline
from dashboard.frame.refresh import refreshed
from dashboard.heatmap import heatmap_exports, measure_grid
from dashboard.loaders import shown_moment
from dashboard.state import as_of, session, view
from dashboard.state.view import View

ORDERS = {"value": "Value", "volume": QUANTITIES["traded_usd"].title, "cluster": "Cluster"}
BARS = (24, 48, 96, 168)
LEADS = "heatmap_leads"


def choose(seen: View) -> dict[str, Any]:
    """Ask what to draw."""
    bound: dict[str, Any] = {"bind": "query-params"}
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        across = st.segmented_control(
            "Columns",
            ["Time", "Timeframes"],
            default="Time",
            required=True,
            key="heat_by",
            **bound,
        )
        measure = st.selectbox(
            "Measure",
            list(MEASURES),
            format_func=lambda name: MEASURES[name].quantity.title,
            key="heat_measure",
            width=190,
            **bound,
        )
        order = st.segmented_control(
            "Order",
            list(ORDERS),
            format_func=ORDERS.__getitem__,
            default="value",
            required=True,
            key="heat_order",
            **bound,
        )
        most = st.segmented_control(
            seen.rows.title(), list(COUNTS), default=50, required=True, key="heat_pairs", **bound
        )
        bars = st.segmented_control(
            f"{seen.timeframe} bars",
            list(BARS),
            default=48,
            required=True,
            key="heat_bars",
            disabled=across == "Timeframes",
            **bound,
        )
    return {
        "across": across or "Time",
        "measure": MEASURES[measure],
        "order": order or "value",
        "most": int(most or 50),
        "bars": int(bars or 48),
    }


def board() -> None:
    """Draw everything that moves with the market."""
    with error_boundary():
        shown, seen = shown_moment.moment(as_of.asked_time()), view.current()
        follow_origin(shown)
        row = headline("Heatmap", shown)
        chosen = choose(seen)
        largest = largest_rows(shown, seen)
        if not largest.rows:
            return
        measure, order, most = chosen["measure"], chosen["order"], chosen["most"]
        title, count = measure.quantity.title, formats.plural(len(largest.rows), largest.word)
        with st.spinner(f"Loading {title} of {count}"):
            if chosen["across"] == "Time":
                loaded = measure_grid.over_time(
                    largest, measure, chosen["bars"], order, shown, seen, most
                )
            else:
                loaded = measure_grid.over_timeframes(largest, measure, order, shown, seen, most)
        if not measure_grid.has_any(loaded):
            st.info(measure_grid.empty_reason(loaded, seen))
            return
        st.session_state[LEADS] = {pair.base: largest.lead(pair.base) for pair in loaded.pairs}
        measure_grid.chart(loaded, seen, shown)
        lines = measure_grid.sentences(loaded, seen, shown)
        st.caption("  \n".join(plain(line) for line in lines))
        with row:
            words = measure_grid.words(loaded, seen)
            export_menu(
                "Heatmap",
                shown,
                {title: lambda: heatmap_exports.section(loaded)},
                report=lambda: heatmap_exports.report(loaded, shown, words, lines),
            )


def open_row(row: str, _column: str | None) -> None:
    """Open the pair that a clicked row is of; of an asset, its largest."""
    lead = st.session_state[LEADS].get(row)
    venue, _, symbol = row.partition(" ")
    session.open_pair(*((venue, symbol) if lead is None else lead[:2]))


refreshed(board)
# Beneath the board: what is seen of it is a gap.
cell_click(measure_grid.CHART, "heatmap_click", open_row)
