"""Market: one pair, or one asset over its venues, on linked charts."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analytics import formats
from analytics.market.pair_history import History
from dashboard.components.chart_component import load_chart_code
from dashboard.components.empty_state import no_data
from dashboard.components.time_range import MARKET_SPANS, TimeRange, market_range
from dashboard.frame.brand import style_part
from dashboard.frame.downloads import export_menu
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.frame.freshness import follow_origin, headline
from dashboard.frame.refresh import refreshed
from dashboard.loaders import queries, shown_moment
from dashboard.market import market_exports, pane_choice
from dashboard.pair_chart import chart_and_figures, instrument_picker
from dashboard.pair_chart.empty_panes import begins
from dashboard.pair_chart.header import tab_title
from dashboard.state import as_of, view

_STYLE = """
<style>
@media (max-width: 640px) {
  /* The chart first: its title has the price, and the figures follow it. */
  [data-testid="stLayoutWrapper"]:has(> .st-key-market_figures) { order: 1 }
  [data-testid="stLayoutWrapper"]:has(> .st-key-market_notes) { order: 2 }
  .st-key-market_controls { gap: 0.5rem }
  /* How often it is live goes without saying, so that the export stays in the line. */
  .st-key-headline p > .stMarkdownColoredText:last-child:not(:first-child) { display: none }
  .st-key-market_export button p { position: absolute; clip-path: inset(50%) }
  .st-key-record_begins { max-width: 4.5rem; line-height: 1.1 }
}
</style>
"""


def board() -> None:
    """Draw everything that moves with the market."""
    with error_boundary():
        # The browser reads it while the figures are loaded.
        load_chart_code()
        shown = shown_moment.moment(as_of.asked_time())
        follow_origin(shown)
        names = queries.read("pair_names", shown)
        subject = None if names.empty else instrument_picker.requested(names)
        row = headline("Market" if subject is None else plain(subject.heading), shown)
        if names.empty:
            span = formats.span(shown.now - shown.since)
            no_data(span, shown)
            return
        style_part(_STYLE)
        style_part(instrument_picker.STYLE)
        with st.container(
            key="market_controls", horizontal=True, vertical_alignment="center", gap="small"
        ):
            with st.container(horizontal=True, gap="xxsmall", width="content"):
                instrument_picker.choose(names, subject)
            span = st.segmented_control(
                "Time",
                list(MARKET_SPANS),
                default="24 h",
                required=True,
                key="span",
                bind="query-params",
                label_visibility="collapsed",
            )
            place = st.container(key="record_begins", width="content")
            labels = pane_choice.choose()
        if subject is None:
            st.info(plain(instrument_picker.unknown(names)))
            return
        seen = view.current()
        length = market_range(span or "24 h", seen.timeframe)
        wanted = chart_and_figures.Wanted(subject, length, labels, shown, seen)
        now = chart_and_figures.latest(wanted)
        tab_title(subject, now.figures)
        with row:
            _other_bars(length)
        with st.container(key="market_figures"):
            chart_and_figures.figures(now, wanted)
        loaded = chart_and_figures.load(wanted, now)
        chart_and_figures.chart(loaded, wanted, key=chart_and_figures.PAGE)
        if (found := loaded.history) is not None:
            _beginning(place, found, length)
            notes = chart_and_figures.notes(loaded, found, wanted)
            with row, st.container(key="market_export", width="content"):
                export_menu(
                    subject.title,
                    shown,
                    market_exports.tables(loaded, found),
                    report=lambda: market_exports.report(loaded, found, wanted, notes),
                    key="market",
                )


def _other_bars(length: TimeRange) -> None:
    """Say of what length the bars are, where not of the one that is chosen."""
    if length.note is not None:
        st.badge(f"{length.timeframe} bars", color="gray", help=length.note)


def _beginning(place: DeltaGenerator, found: History, length: TimeRange) -> None:
    """Write since when there are prices, where that is not as long as was chosen."""
    if (first := begins(found, length.bars)) is not None:
        place.caption(f"from {formats.day_minute(first)}", width="content")


refreshed(board, waits_for="bars and latest figures")
