"""Overview: the market at a glance, and every pair in one table."""

import streamlit as st

from analytics import formats
from analytics.market.figures import whole_market
from dashboard import loaders, state, view
from dashboard.charts import colors
from dashboard.panels import overview_files
from dashboard.panels.absences import sentences
from dashboard.panels.day_report import day_report_menu
from dashboard.panels.explained import explained, plain
from dashboard.panels.export import export
from dashboard.panels.freshness import follow_origin, headline
from dashboard.panels.kpis import cards
from dashboard.panels.movers import draw_movers, mover_lists
from dashboard.panels.pair_columns import headings
from dashboard.panels.pair_table import found, pair_table, table_choice
from dashboard.panels.refresh import refreshed
from dashboard.panels.sidebar import timeframe_tabs


def board() -> None:
    """Draw everything that moves with the market."""
    with explained():
        shown, seen = loaders.moment(state.asked_time()), view.current()
        look = colors(st.context.theme.type)
        follow_origin(shown)
        row = headline("Overview", shown)
        with row:
            timeframe_tabs(seen)
        every, silent = loaders.pairs(shown, seen.span), seen.of(loaders.silent_pairs(shown))
        if every.empty:
            span = formats.span(shown.now - shown.since)
            st.info(f"Nothing was recorded in the {span} before {formats.moment(shown.now)}.")
            return
        pairs = seen.of(every)
        if pairs.empty:
            st.info("Nothing was heard of the pairs and venues that the sidebar asks for.")
            return

        history, cycles = loaders.market_history(shown, seen.pairs), loaders.venue_cycles(shown)
        liquidated = loaders.liquidated(shown, seen.span)
        what = (seen.timeframe, seen.venues, seen.pairs)
        market = loaders.made_of_rows(
            "market",
            shown,
            what,
            lambda: whole_market(pairs, seen.of(history), liquidated, seen.span, silent),
        )
        cards(market, shown, look)
        lists = loaders.made_of_rows(
            "movers", shown, what, lambda: mover_lists(pairs, seen.timeframe)
        )
        draw_movers(lists)
        pairs = pairs.join(loaders.pair_curves(seen.timeframe, shown), on=["venue", "symbol"])
        chosen, words = table_choice(pairs)
        listed = found(pairs, words)
        listed = pair_table(listed, shown, chosen, seen, look)
        ended = loaders.bar_ended(shown, seen.timeframe)
        lines = sentences(pairs, silent, seen.of(cycles), market, shown, seen.timeframe, ended)
        st.caption("  \n".join(plain(line) for line in lines))
        on_page = overview_files.Shown(
            moment=shown,
            seen=seen,
            pairs=listed,
            every=pairs,
            columns=headings(chosen),
            words=words,
            market=market,
            lists=lists,
            sentences=lines,
        )
        with row:
            export(
                "Overview",
                shown,
                overview_files.tables(on_page),
                report=lambda: overview_files.report(on_page),
            )
            day_report_menu(shown)


refreshed(board, waits_for="the market and its pairs")
