"""Market: one pair, or one asset over its venues, on linked charts."""

import streamlit as st

from analytics import formats
from dashboard import loaders, state, view
from dashboard.charts.market_panes import FIRST, LABELS
from dashboard.panels import market_body, market_exports, market_subject
from dashboard.panels.explained import explained, plain
from dashboard.panels.export import export
from dashboard.panels.freshness import follow_origin, headline
from dashboard.panels.market_stretch import SPANS, stretch
from dashboard.panels.refresh import refreshed

_PANES_IN_SIGHT = """
<style>
/* On a phone they are one line to swipe; elsewhere nobody would look for what is cut off. */
@media (min-width: 640px) { .st-key-panes [role="toolbar"] { flex-wrap: wrap } }
</style>
"""


def board() -> None:
    """Draw everything that moves with the market."""
    with explained():
        shown = loaders.moment(state.asked_time())
        follow_origin(shown)
        row = headline("Market", shown)
        names = loaders.read("pair_names", shown)
        if names.empty:
            span = formats.span(shown.now - shown.since)
            st.info(f"Nothing was recorded in the {span} before {formats.moment(shown.now)}.")
            return
        row.page_link("app_pages/overview.py", label="All pairs", icon=":material/table_rows:")
        subject = market_subject.asked(names)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            market_subject.choose(names, subject)
            span = st.segmented_control(
                "Time",
                list(SPANS),
                default="24 h",
                required=True,
                key="span",
                bind="query-params",
            )
        if subject is None:
            st.info(plain(market_subject.unknown(names)))
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
        length = stretch(span or "24 h", seen.timeframe)
        wanted = market_body.Wanted(subject, length, labels, shown, seen)
        loaded = market_body.load(wanted)
        market_body.figures(loaded, wanted)
        market_body.chart(loaded, wanted, live=True)
        if (found := loaded.history) is not None:
            notes = market_body.notes(loaded, found, wanted)
            with row:
                export(
                    subject.title,
                    shown,
                    {"Bars": lambda: market_exports.bars(loaded, found)},
                    report=lambda: market_exports.report(loaded, found, wanted, notes),
                    key="market",
                )


refreshed(board, waits_for="the bars and the newest figures")
