"""Wallboard: prices, signals and figures in large type, for a screen that nobody touches."""

import streamlit as st
from streamlit_autorefresh import st_autorefresh

from analytics import formats
from analytics.market.figures import whole_market
from analytics.palette import colors
from dashboard.components.empty_state import no_data_selected
from dashboard.frame.alert_news import alert_news
from dashboard.frame.error_boundary import error_boundary
from dashboard.frame.freshness import watch_badges
from dashboard.frame.refresh import loading_outline
from dashboard.loaders import bars, queries, shown_moment
from dashboard.state import as_of, view
from dashboard.wallboard.board import wall_main, wall_style, wall_top


def wall() -> None:
    """Draw everything once; the browser asks for the next run."""
    shown, seen = shown_moment.moment(as_of.asked_time()), view.current()
    palette = colors(st.context.theme.type)
    wall_top(shown, seen.of(queries.venue_cycles(shown)), palette)
    pairs, silent = seen.of(queries.pairs(shown, seen.span)), seen.of(queries.silent_pairs(shown))
    if pairs.empty:
        since = formats.span(shown.now - shown.since)
        no_data_selected(since, shown)
        return
    history = seen.of(queries.market_history(shown, seen.pairs))
    liquidated = seen.of(queries.liquidated(shown, seen.span))
    market = queries.derived(
        "market",
        shown,
        (seen.timeframe, seen.venues, seen.pairs),
        lambda: whole_market(pairs, history, liquidated, seen.span, silent),
    )
    signals = bars.newest_signals(shown, seen)
    wall_main(queries.assets(shown, seen), signals, market, seen, shown, palette)


wall_style()
with error_boundary():
    watch_badges()
    st_autorefresh(interval=int(1000 * shown_moment.refresh_s()), key="wallboard")
    alert_news()
    with loading_outline(__file__, "market"):
        wall()
st.page_link("app_pages/overview.py", label="Exit wallboard", icon=":material/close:")
