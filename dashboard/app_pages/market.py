"""Market: one pair, or one asset over its venues, on linked charts."""

import streamlit as st

from analytics import formats
from dashboard import as_of, view
from dashboard.components.empty_state import no_data
from dashboard.components.linked_chart import load_chart_code
from dashboard.components.time_range import MARKET_SPANS, market_range
from dashboard.frame.downloads import export_menu
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.frame.freshness import follow_origin, headline
from dashboard.frame.refresh import refreshed
from dashboard.loaders import queries, shown_moment
from dashboard.market import chart_and_figures, exports, instrument_picker
from dashboard.market.panes import FIRST, LABELS

_PANES_IN_SIGHT = """
<style>
/* On a phone they are one line to swipe; elsewhere nobody would look for what is cut off. */
@media (min-width: 640px) { .st-key-panes [role="toolbar"] { flex-wrap: wrap } }
</style>
"""


def board() -> None:
    """Draw everything that moves with the market."""
    with error_boundary():
        # The browser reads it while the figures are loaded.
        load_chart_code()
        shown = shown_moment.moment(as_of.asked_time())
        follow_origin(shown)
        row = headline("Market", shown)
        names = queries.read("pair_names", shown)
        if names.empty:
            span = formats.span(shown.now - shown.since)
            no_data(span, shown)
            return
        row.page_link("app_pages/overview.py", label="All pairs", icon=":material/table_rows:")
        subject = instrument_picker.requested(names)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            instrument_picker.choose(names, subject)
            span = st.segmented_control(
                "Time",
                list(MARKET_SPANS),
                default="24 h",
                required=True,
                key="span",
                bind="query-params",
            )
        if subject is None:
            st.info(plain(instrument_picker.unknown(names)))
            return
        st.html(_PANES_IN_SIGHT)
        labels = st.pills(
            "Panes",
            LABELS,
            selection_mode="multi",
            default=FIRST,
            key="panes",
            bind="query-params",
            label_visibility="collapsed",
            wrap=False,
        )
        seen = view.current()
        length = market_range(span or "24 h", seen.timeframe)
        wanted = chart_and_figures.Wanted(subject, length, labels, shown, seen)
        loaded = chart_and_figures.load(wanted)
        chart_and_figures.figures(loaded, wanted)
        chart_and_figures.chart(loaded, wanted, live=True)
        if (found := loaded.history) is not None:
            notes = chart_and_figures.notes(loaded, found, wanted)
            with row:
                export_menu(
                    subject.title,
                    shown,
                    {"Bars": lambda: exports.bars(loaded, found)},
                    report=lambda: exports.report(loaded, found, wanted, notes),
                    key="market",
                )


refreshed(board, waits_for="bars and latest figures")
