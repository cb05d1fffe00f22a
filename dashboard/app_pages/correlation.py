"""Correlation: which assets or pairs move together, over time, and which venue leads."""

from typing import Any

import streamlit as st

from analytics import formats
from analytics.correlation.view import SUBJECTS
from analytics.panels.panel import Pair
from dashboard.charts.cells import identities, labels
from dashboard.components.cell_click import cell_click
from dashboard.components.largest_pairs import COUNTS, largest_rows
from dashboard.components.time_range import CORRELATION_SPANS, correlation_range
from dashboard.correlation import analysis, correlation_exports
from dashboard.correlation.analysis import Request
from dashboard.frame.downloads import export_menu
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.frame.freshness import follow_origin, headline
from dashboard.frame.refresh import refreshed
from dashboard.loaders import bars, shown_moment
from dashboard.state import as_of, view
from dashboard.state.as_of import Moment
from dashboard.state.view import View

BOUND: dict[str, Any] = {"bind": "query-params"}
FIRST, SECOND = "corr_first", "corr_second"
COLORS = ("Spread", "−1 to 1")


def choose(seen: View) -> Request:
    """Ask what to draw."""
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        subject = st.selectbox(
            "Returns of",
            list(SUBJECTS),
            format_func=lambda name: SUBJECTS[name].title,
            key="corr_of",
            width=170,
            **BOUND,
        )
        method = st.segmented_control(
            "Method",
            ["pearson", "spearman"],
            format_func=str.title,
            default="pearson",
            required=True,
            key="corr_method",
            **BOUND,
        )
        span = st.segmented_control(
            "Window",
            list(CORRELATION_SPANS),
            default="24 h",
            required=True,
            key="corr_span",
            **BOUND,
        )
        most = st.segmented_control(
            seen.rows.title(), list(COUNTS), default=50, required=True, key="corr_pairs", **BOUND
        )
        tints = st.segmented_control(
            "Colours", list(COLORS), default=COLORS[0], required=True, key="corr_colors", **BOUND
        )
    return Request(
        subject=SUBJECTS[subject],
        method=method or "pearson",
        window=correlation_range(span or "24 h", seen.timeframe),
        most=int(most or 50),
        spread=tints != COLORS[1],
    )


def choose_two(pairs: list[Pair], word: str) -> tuple[Pair, Pair]:
    """Ask for two of *pairs*, each a *word*; a click in the matrix selects them as well."""
    by_name = dict(sorted(zip(identities(pairs), pairs, strict=True)))
    written = dict(zip(identities(pairs), labels(pairs), strict=True))
    names, first = list(by_name), identities(pairs[:2])
    chosen = []
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for key, label, standard in zip(
            (FIRST, SECOND), (f"First {word}", f"Second {word}"), (first[0], first[-1]), strict=True
        ):
            chosen.append(
                st.selectbox(
                    label,
                    names,
                    index=names.index(standard),
                    format_func=written.__getitem__,
                    key=key,
                    width=230,
                    **BOUND,
                )
            )
    return by_name[chosen[0]], by_name[chosen[1]]


def choose_base(pairs: list[Pair]) -> str | None:
    """Ask for the asset whose venues are compared; None where none is on two."""
    bases = [pair.base for pair in pairs]
    several = sorted({base for base in bases if bases.count(base) > 1})
    if not several:
        return None
    largest = next(base for base in bases if base in several)
    base: str = st.selectbox(
        "Asset", several, index=several.index(largest), key="corr_base", width=170, **BOUND
    )
    return base


def board() -> None:
    """Draw everything that moves with the market."""
    with error_boundary():
        shown, seen = shown_moment.moment(as_of.asked_time()), view.current()
        follow_origin(shown)
        row = headline("Correlation", shown)
        asked = choose(seen)
        largest = largest_rows(shown, seen)
        if not largest.rows:
            return
        count = min(asked.most, len(largest.rows))
        with st.spinner(f"Correlating {formats.plural(count, largest.word)}"):
            found = analysis.load(largest, asked, shown)
        lines = analysis.of_matrix(found, asked, largest)
        # The two are chosen beneath the matrix, which marks them.
        above = st.container()
        st.subheader(f"Two {seen.rows} over time", anchor=False)
        two = choose_two(largest.rows, largest.word)
        line = analysis.draw_rolling(two, asked, largest, shown)
        leads = draw_lead_lag(largest.instruments, asked, shown)
        with above:
            analysis.draw_matrix(found, asked, largest, two, shown)
            st.caption("  \n".join(plain(line) for line in lines))
        with row:
            export_menu(
                "Correlation",
                shown,
                correlation_exports.tables(found, line, leads, asked),
                report=lambda: correlation_exports.report(found, line, leads, asked, shown, lines),
            )


def draw_lead_lag(pairs: list[Pair], asked: Request, shown: Moment) -> bars.Leads | None:
    """Draw lead-lag of an asset, or why there is none; return what is drawn."""
    st.subheader("Lead-lag", anchor=False)
    base = choose_base(pairs)
    if base is None:
        st.info("None of these assets is listed on two venues: no lead-lag to show.")
        return None
    leads = analysis.leads(base, asked, shown)
    if isinstance(leads, str):
        st.info(plain(leads))
        return None
    analysis.draw_leads(base, leads, asked, shown)
    return leads


def select_pairs(row: str, column: str | None) -> None:
    """Look at the two pairs of a clicked cell."""
    if column is not None:
        st.session_state[FIRST], st.session_state[SECOND] = row, column


refreshed(board)
# Beneath the board: what is seen of it is a gap.
cell_click(analysis.CHART, "correlation_click", select_pairs)
