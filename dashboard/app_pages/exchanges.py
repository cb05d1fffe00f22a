"""Exchanges: what each venue holds, how one asset compares over them, and what they offer."""

from dataclasses import replace

import streamlit as st

from analytics import formats
from analytics.market.figures import figures
from analytics.market.venue_summary import funding_spread, quoted, venue_summaries
from analytics.palette import colors
from dashboard.components.empty_state import no_data_selected
from dashboard.exchanges import exchange_exports as files
from dashboard.exchanges.asset_cards import asset_cards
from dashboard.exchanges.asset_comparison import base_choice, comparison, row_click, rows
from dashboard.exchanges.data_sources import offers
from dashboard.exchanges.funding_table import cell_click, draw_funding, funding_by_venue
from dashboard.exchanges.missing_venues import missing_venues, of_shares, sentences, single_venue
from dashboard.exchanges.oi_shares import draw_shares, filtered, open_interest, span_choice
from dashboard.exchanges.venue_cards import market_cards, venue_cards
from dashboard.frame.downloads import export_menu
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.frame.freshness import follow_origin, headline
from dashboard.frame.refresh import refreshed
from dashboard.loaders import bases, queries, shown_moment, source
from dashboard.state import as_of, view


def board() -> None:
    """Draw everything that moves with the market."""
    with error_boundary():
        shown, seen = shown_moment.moment(as_of.asked_time()), view.current()
        follow_origin(shown)
        head = headline("Exchanges", shown)
        look, told = colors(st.context.theme.type), source.offers()
        every = queries.pairs(shown, seen.span)
        pairs = seen.of(every)
        mute = missing_venues(every, told, queries.venue_cycles(shown), seen, shown)
        if pairs.empty:
            span = formats.span(shown.now - shown.since)
            no_data_selected(span, shown)
            venue_cards((), mute, shown, seen, look)
            offers(told)
            return

        pairs = quoted(pairs, queries.read("pair_quotes", shown))
        history = seen.of(queries.market_history(shown, seen.pairs))
        # A share is of all venues: those that are chosen would always make up a whole.
        market = replace(seen, venues=()).of(every)
        all_silent = replace(seen, venues=()).of(queries.silent_pairs(shown))
        silent = seen.of(all_silent)
        stand = venue_summaries(pairs, history, seen.span, silent, market)
        venues = len({*pairs["venue"], *silent["venue"]})
        market_cards(figures(pairs, history, seen.span, len(silent)), venues, seen, shown)
        rates = funding_by_venue(shown, seen)
        draw_funding(rates, shown, look)
        venue_cards(stand, mute, shown, seen, look)

        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader("Change of open interest shares", anchor=False, width="content")
            span = span_choice()
        panel = filtered(open_interest(span, shown), lambda pair: seen.shows(None, pair.symbol))
        of = "the selected pairs" if seen.pairs else "all pairs"
        points = draw_shares(panel, of, span, "shares", seen.venues, look)

        st.subheader("By asset", anchor=False)
        base = base_choice(pairs)
        mine = pairs[pairs["base"] == base].reset_index(drop=True)
        there, spread = market[market["base"] == base], funding_spread(mine)
        asset_cards(mine, base, spread, int((silent["base"] == base).sum()))
        comparison(mine, there, spread, shown, look)
        with st.expander(
            f"Shares of {plain(base)} over time", key="asset_over_time", on_change="rerun"
        ) as over_time:
            if over_time.open:
                mine_over_time = filtered(panel, lambda pair: pair.base == base)
                draw_shares(mine_over_time, base, span, "asset_shares", seen.venues, look)

        apart = [one.sentence for one in bases.counted(shown).differences]
        shared = of_shares(len(market), len(all_silent))
        lines = [*apart, *single_venue(mine, there, seen), *shared, *sentences(mine, pairs, shown)]
        st.caption("  \n".join(plain(line) for line in lines))
        offers(told)

        asset, chosen = rows(mine, there, shown), {"Timeframe": seen.timeframe, "Asset": base}
        with head:
            export_menu(
                "Exchanges",
                shown,
                files.tables(stand, rates, asset, base, points),
                report=lambda: files.report(stand, rates, asset, base, points, shown, chosen),
            )


refreshed(board)
# Beneath the board: what is seen of it is a gap.
row_click()
cell_click()
