"""Overview: the market at a glance, and every pair in one table."""

import streamlit as st

from analytics import formats
from analytics.palette import colors
from dashboard.components.empty_state import no_data, no_data_selected
from dashboard.components.market_cards import market_cards
from dashboard.components.movers import draw_movers, mover_lists
from dashboard.frame.downloads import export_menu
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.frame.freshness import follow_origin, headline
from dashboard.frame.refresh import refreshed
from dashboard.loaders import queries, rows, shown_moment
from dashboard.overview import asset_rows, overview_exports
from dashboard.overview.day_report import day_report_menu
from dashboard.overview.missing_values import sentences
from dashboard.overview.more_columns import with_more, without_hours
from dashboard.overview.pair_table import pair_table, row_click, table_choice
from dashboard.overview.signal_menu import signal_menu
from dashboard.state import as_of, view


def board() -> None:
    """Draw everything that moves with the market."""
    with error_boundary():
        shown, seen = shown_moment.moment(as_of.asked_time()), view.current()
        look = colors(st.context.theme.type)
        follow_origin(shown)
        row = headline("Overview", shown)
        every, silent = queries.pairs(shown, seen.span), seen.of(queries.silent_pairs(shown))
        looked_back = formats.span(shown.now - shown.since)
        if every.empty:
            no_data(looked_back, shown)
            return
        pairs = rows.pairs(shown, seen)
        if pairs.empty:
            no_data_selected(looked_back, shown)
            return

        cycles = queries.venue_cycles(shown)
        what = (seen.timeframe, seen.venues, seen.pairs)
        market, split = market_cards(pairs, silent, shown, seen, look)
        by_asset = seen.rows == "assets"
        listed = rows.assets(pairs, shown, seen) if by_asset else pairs
        lists = queries.derived(
            "movers", shown, (*what, seen.rows), lambda: mover_lists(listed, seen.timeframe)
        )
        draw_movers(lists)
        pairs = rows.with_curves(pairs, shown, seen)
        every_row = listed if by_asset else pairs
        chosen, listed = table_choice(every_row, pairs, shown, seen)
        absent = without_hours(listed, seen)
        if by_asset:
            listed = asset_rows.with_pairs(listed, pairs, chosen.columns, shown, seen)
        else:
            listed = with_more(listed, chosen.columns, shown, seen)
        listed = pair_table(listed, shown, chosen.columns, seen, look)
        lines = asset_rows.sentences(every_row) if by_asset else []
        lines += sentences(pairs, silent, seen.of(cycles), market, shown, seen.timeframe)
        lines += absent
        st.caption(" ".join(plain(line) for line in lines))
        on_page = overview_exports.Shown(
            moment=shown,
            seen=seen,
            pairs=listed,
            every=every_row,
            chosen=chosen,
            market=market,
            split=split,
            lists=lists,
            sentences=lines,
        )
        with row:
            export_menu(
                "Overview",
                shown,
                overview_exports.tables(on_page),
                report=lambda: overview_exports.report(on_page),
            )
            day_report_menu(shown)
            signal_menu(shown, seen, look)


refreshed(board, waits_for="market and pairs")
# Beneath the board: what is seen of it is a gap.
row_click()
