"""Cached results of queries: one read per publish for all sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from analytics import query
from analytics.lake.schema import BAR
from analytics.panels.panel import LEAST_KNOWN, TIMEFRAMES
from analytics.signals.thresholds import MARKED_DAYS, OWN_DAYS, Level, OwnLevels
from dashboard.loaders import shown_moment, source
from dashboard.loaders.bases import counted
from dashboard.loaders.read_ahead import learned
from dashboard.loaders.shown_moment import Known
from dashboard.state.as_of import SILENT_CYCLES, Moment
from dashboard.state.view import View

Made = TypeVar("Made")

_NAMED = {"venue", "symbol", "base"}


@learned
def read(name: str, shown: Moment, **params: object) -> pd.DataFrame:
    """Return what the query called *name* answers, from one read of each publish for all.

    A base in it is what the instrument is counted under; see ``analytics.panels.bases``.

    Args:
        name: Of ``query.NAMES``.
        shown: Gives the query its ``$now`` and ``$since``, where it asks for them.
        params: Its other parameters, or another time for one of these.
    """
    times = {"now": shown.now, "since": shown.since}
    named = query.parameters(name) - params.keys()
    asked = {key: time for key, time in times.items() if key in named}
    if "known_by" in named:
        params["known_by"] = shown.known_by
    rows = source.fetch(source.folder(), source.version(), shown.fixed, name, params, asked)
    return counted(shown).named(rows) if set(rows.columns) >= _NAMED else rows


@learned
def read_of_bars(name: str, shown: Moment, **params: object) -> pd.DataFrame:
    """Return the same for a query of bars and ``$now`` alone: it is read once every five minutes.

    ``$now`` is the last five-minute mark.
    """
    times = {"now": shown.mark(), "known_by": shown.known_by}
    return _fetch_of_bars(
        source.folder(), shown_moment.bars_known(shown), name, {**times, **params}
    )


def read_of_record(name: str, now: Moment, **params: object) -> pd.DataFrame:
    """Return the same for a query of the whole record, of which *params* say all there is to say.

    Args:
        name: Of ``query.NAMES``.
        now: The present: with it a record changes.
        params: All of its parameters, with no time that moves within five minutes.
    """
    return _fetch_of_bars(source.folder(), shown_moment.bars_known(now), name, params)


@learned
def running_bars(shown: Moment) -> pd.DataFrame:
    """Return the bars that are not written yet, from snapshots so far; at most two per pair.

    The five minutes under way, and for some moments those before; see
    ``bars_from_snapshots.sql``.
    """
    mark, (newest, _, _) = shown.mark(), shown_moment.bars_known(shown)
    start = mark if pd.Timestamp(newest) == mark - BAR else mark - BAR
    key = source.folder(), source.version(), shown.fixed, "bars_from_snapshots"
    asked: dict[str, object] = {"venues": None, "start": start, "origin": "live"}
    return source.fetch(*key, asked, {"end": shown.now + timedelta(milliseconds=1)})


def derived(name: str, shown: Moment, seen: Sequence[object], make: Callable[[], Made]) -> Made:
    """Return what *make* makes of rows of here, from one call for all sessions that want the same.

    Args:
        name: What is made.
        shown: When; what is made must not depend on the clock beyond the rows.
        seen: Whatever else it depends on.
        make: Makes it; what it returns is shared, so never write into it.
    """
    key = source.folder(), source.version(), shown.fixed, shown.later_too, shown.mark()
    made: Made = _made(*key, name, tuple(seen), make)
    return made


def pairs(shown: Moment, span: timedelta = BAR) -> pd.DataFrame:
    """Return every pair as it is known then, and how far it came in *span*; see ``pairs.sql``."""
    return read("pairs", shown, span_s=int(span.total_seconds()))


def pair_flows(shown: Moment, span: timedelta) -> pd.DataFrame:
    """Return the CVD and liquidations of each pair over *span*; see ``pair_flows.sql``."""
    seconds = int(span.total_seconds())
    return read_of_bars("pair_flows", shown, span_s=seconds, least_known=LEAST_KNOWN)


@learned
def assets(shown: Moment, seen: View) -> pd.DataFrame:
    """Return every asset over the pairs that *seen* shows, over its timeframe; ``assets.sql``.

    It is computed from the same rows as the table of pairs.
    """
    rows = {
        "pairs": pairs(shown, seen.span),
        "silent_pairs": silent_pairs(shown),
        "pair_flows": pair_flows(shown, seen.span),
    }
    asked: dict[str, object] = {
        "silent_before": shown.silent_before,
        "venues": list(seen.venues) or None,
        "symbols": list(seen.pairs) or None,
        # Those rows have the bases that instruments are counted under.
        "counted_pairs": [],
        "counted_names": [],
    }

    def summed() -> pd.DataFrame:
        times = {"now": shown.now, "known_by": shown.known_by}
        with source.cursor_of(source.folder(), "assets", times) as cursor:
            return query.fetch(cursor, "assets", rows, **asked)

    return derived("assets", shown, (seen.timeframe, seen.venues, seen.pairs), summed)


def known_pairs(shown: Moment) -> pd.DataFrame:
    """Venue and symbol of every pair that can be chosen."""
    return read("known_pairs", shown)


def silent_pairs(shown: Moment) -> pd.DataFrame:
    """Pairs of the universe without data at that time."""
    return read("silent_pairs", shown, is_past=shown.mode == "asked")


def market_history(shown: Moment, symbols: Sequence[str] = ()) -> pd.DataFrame:
    """Return the 24 hours before of *symbols*, or of all; see ``market_history.sql``."""
    return read_of_bars("market_history", shown, symbols=sorted(symbols) or None)


def liquidated(shown: Moment, span: timedelta) -> pd.DataFrame:
    """Return what was liquidated of each pair in an hour, and *span* before; ``liquidated.sql``."""
    return read_of_bars("liquidated", shown, span_s=int(span.total_seconds()))


def liquidation_hours(shown: Moment, seen: View, *, by_asset: bool) -> pd.DataFrame:
    """Return how unusual the liquidations of the newest hour are, by pair or by asset.

    Of the pairs that *seen* shows; see ``liquidation_hours.sql``.
    """
    return read_of_bars(
        "liquidation_hours",
        shown,
        venues=sorted(seen.venues) or None,
        symbols=sorted(seen.pairs) or None,
        **counted(shown).params,
        by_asset=by_asset,
        least_known=LEAST_KNOWN,
    )


def threshold_values(shown: Moment, timeframe: str) -> pd.DataFrame:
    """Return how large values were lately, in bins; ``threshold_values.sql``, once an hour."""
    return _threshold_values_of(shown, timeframe, MARKED_DAYS, by_asset=False)


def own_levels(shown: Moment, timeframe: str, percentiles: Mapping[Level, float]) -> OwnLevels:
    """Return thresholds at *percentiles* of each asset's own past."""
    rows = _threshold_values_of(shown, timeframe, OWN_DAYS, by_asset=True)
    wanted = ("own_levels", shown, (timeframe, *percentiles.items()))
    return derived(*wanted, lambda: OwnLevels.of(rows, percentiles))


def _threshold_values_of(
    shown: Moment, timeframe: str, days: int, *, by_asset: bool
) -> pd.DataFrame:
    times = {"now": shown.mark("1h"), "known_by": shown.known_by}
    spans = {"span_s": 86_400 * days, "bar_ms": int(1000 * TIMEFRAMES[timeframe].total_seconds())}
    asked = {**times, **spans, **counted(shown).params, "by_asset": by_asset}
    asked["least_known"] = LEAST_KNOWN
    return _threshold_values(source.folder(), shown_moment.bars_known(shown, "1h"), asked)


def record_span(shown: Moment) -> pd.DataFrame:
    """Return from when to when there are bars, as it was at most ten minutes ago.

    For it the times of all bars are read, most of a second for a season of 600 pairs.
    """
    key = source.folder(), shown_moment.bars_known(shown, "1h"), "record_span"
    return _fetch_of_bars(*key, {"near": shown.mark("1h")})


def venue_cycles(shown: Moment) -> pd.DataFrame:
    """How each venue's newest cycle went."""
    return read("venue_cycles", shown)


def table_rows(shown: Moment) -> pd.DataFrame:
    """Rows by table."""
    return read("table_rows", shown)


def collecting_since(shown: Moment) -> pd.DataFrame:
    """Since when there were cycles without a break; what makes a venue silent is one."""
    return read("collecting_since", shown, break_s=SILENT_CYCLES * shown.cycle.total_seconds())


@st.cache_data(ttl="10m", max_entries=64, show_spinner=False)
def _fetch_of_bars(folder: str, known: Known, name: str, params: dict[str, object]) -> pd.DataFrame:
    with source.cursor_of(folder, name, params) as cursor:
        return query.fetch(cursor, name, **params)


@st.cache_data(ttl="1h", max_entries=16, show_spinner=False)
def _threshold_values(folder: str, known: Known, params: dict[str, object]) -> pd.DataFrame:
    with source.reader(folder).cursor() as cursor:
        return query.fetch(cursor, "threshold_values", **params)


@st.cache_resource(ttl="30s", max_entries=128, show_spinner=False)
def _made(
    folder: str,
    published: int,
    fixed: datetime | None,
    later_too: bool,
    mark: datetime,
    name: str,
    seen: tuple[object, ...],
    _make: Callable[[], Any],
) -> Any:
    return _make()
