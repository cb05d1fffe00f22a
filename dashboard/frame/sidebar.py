"""The sidebar: venues, pairs and as-of time; thresholds are ``user_thresholds``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.panels.panel import TIMEFRAMES
from dashboard.frame import notifications, rows_switch, saved_views, transport, user_thresholds
from dashboard.frame.as_of_field import as_of_field
from dashboard.frame.browser_storage import (
    Many,
    browser,
    damaged_link,
    remember_link,
    unpack_link,
)
from dashboard.frame.error_boundary import plain
from dashboard.state.view import FIRST_TIMEFRAME, View


def sidebar(
    choices: Callable[[], pd.DataFrame], page: str, pages: Sequence[str], many: Mapping[str, Many]
) -> View:
    """Draw the inputs and return the view, without what ``toolbar`` asks for.

    Args:
        choices: Returns venue, symbol and base of all pairs there are, at the time that is asked
            for here.
        page: Path of the page.
        pages: Paths of all pages.
        many: By key in the URL, choices of many, which a short link writes shorter.
    """
    unpack_link(many)
    _write_names_of_venues()
    remember_link()
    with st.sidebar:
        above = st.container()
        as_of_field()
        known = choices()
        venues, symbols = sorted(set(known["venue"])), sorted(set(known["symbol"]))
        with above:
            if complaints := list(_complaints(venues, set(known["base"]), symbols)):
                st.warning("  \n".join(map(plain, complaints)), icon=":material/link_off:")
        chosen_venues, chosen_pairs = _which(known, venues, symbols)
        # Above what opens over all that is beneath it.
        link = st.container()
        thresholds = user_thresholds.asked()
        notifications.asked()
        groups = {
            user_thresholds.GROUP: user_thresholds.kept(),
            notifications.GROUP: notifications.kept(),
            rows_switch.KEY: rows_switch.kept(),
            saved_views.GROUP: saved_views.kept(),
        }
        saved_views.saved_views(page)
        with link:
            browser(groups, pages, many, on_restored=_restore)
    return View(
        venues=tuple(chosen_venues),
        pairs=tuple(chosen_pairs),
        thresholds=thresholds,
    )


def _restore() -> None:
    user_thresholds.restore()
    notifications.restore()
    rows_switch.restore()
    saved_views.restore()


def _which(
    known: pd.DataFrame, venues: Sequence[str], symbols: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Ask for venues, assets and pairs; nothing can be chosen before anything was recorded.

    Returns:
        The venues, and the symbols of the chosen pairs and of all pairs of the chosen assets.
    """
    if not venues:
        return [], []
    chosen = st.pills(
        "Venues",
        list(venues),
        format_func=formats.venue,
        selection_mode="multi",
        key="venues",
        bind="query-params",
        help="Empty: all venues.",
    )
    assets = saved_views.assets_field(sorted(set(known["base"])))
    pairs = st.multiselect(
        "Pairs",
        list(symbols),
        format_func=formats.pair,
        key="pairs",
        bind="query-params",
        placeholder="All pairs",
        help="On all venues that list them. Empty: all pairs.",
    )
    of_assets = known.loc[known["base"].isin(assets), "symbol"]
    return chosen, sorted({*pairs, *of_assets})


def _write_names_of_venues() -> None:
    """Put names in the place of ids that a link has: the field would leave those out."""
    named = st.query_params.get_all("venues")
    names = [formats.venue(name) for name in named]
    if "venues" not in st.session_state and names != named:
        st.query_params["venues"] = names
        st.rerun()


def _complaints(
    venues: Sequence[str], assets: Collection[str], symbols: Sequence[str]
) -> Iterator[str]:
    """Say what in the URL cannot be followed; the widgets leave it out without a word."""
    timeframe = st.query_params.get("timeframe", FIRST_TIMEFRAME)
    if timeframe not in TIMEFRAMES:
        said = formats.repeated(timeframe)
        yield f"timeframe={said} is not available; use {', '.join(TIMEFRAMES)}."
    names = [formats.pair(symbol) for symbol in symbols]
    there = {"venues": [*map(formats.venue, venues)], "assets": assets, "pairs": names}
    for key, known in there.items():
        unknown = [name for name in st.query_params.get_all(key) if name and name not in known]
        if venues and unknown:
            some = formats.listed([*map(formats.repeated, unknown)])
            yield f"Unknown {key}: {some}."
    if damaged_link():
        yield "The link is damaged: copy it again, whole."
    if (wrong := transport.complaint()) is not None:
        yield wrong
    yield from rows_switch.complaints()
    yield from user_thresholds.complaints()
