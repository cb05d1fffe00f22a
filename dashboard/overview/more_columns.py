"""Columns that only some tables have: they are loaded once a shown column needs them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import pandas as pd

from analytics import formats
from analytics.market.venue_summary import quoted
from analytics.panels.panel import TIMEFRAMES
from analytics.quantities import QUANTITIES
from dashboard.loaders import queries
from dashboard.overview.column_layout import SPANS, Column
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_KEYS: Final = ["venue", "symbol"]
COVERAGE: Final = {
    "cvd_usd": "cvd_coverage_pct",
    "liq_long_usd": "liq_long_coverage_pct",
    "liq_short_usd": "liq_short_coverage_pct",
}
"""The flows among the columns, and what says how much of their time is known."""
_OF_QUOTES: Final = frozenset(("basis_pct", "funding_apr_pct", "next_funding_s"))


def with_more(
    pairs: pd.DataFrame, columns: Collection[Column], shown: Moment, seen: View
) -> pd.DataFrame:
    """Return *pairs* with all that *columns* show and ``pairs.sql`` does not say.

    Args:
        pairs: As ``pairs.sql`` returns them.
        columns: Of the table.
        shown: When.
        seen: Over what flows are summed.
    """
    names = {column.name for column in columns}
    for each in SPANS.keys() & {column.span for column in columns}:
        then = queries.pairs(shown, TIMEFRAMES[SPANS[each]])
        changes = then[[*_KEYS, "price_delta_pct", "oi_delta_pct"]]
        pairs = pairs.merge(changes, on=_KEYS, how="left", suffixes=("", f"_{each}"))
    if flows := [name for name in COVERAGE if name in names]:
        known = queries.pair_flows(shown, seen.span)
        wanted = [*_KEYS, *flows, *(COVERAGE[name] for name in flows)]
        pairs = pairs.merge(known[wanted], on=_KEYS, how="left")
    if _OF_QUOTES & names:
        pairs = quoted(pairs, queries.read("pair_quotes", shown))
        ahead = (pairs["next_funding_ts"] - shown.now).dt.total_seconds()
        pairs = pairs.assign(next_funding_s=ahead)
    return pairs


def with_hours(
    rows: pd.DataFrame, columns: Collection[Column], shown: Moment, seen: View
) -> pd.DataFrame:
    """Return *rows* of assets or of pairs with z_liquidations, if one of *columns* shows it."""
    if all(column.name != "z_liquidations" for column in columns):
        return rows
    by_asset = bool((rows["venue"] == "").all())
    hours = queries.liquidation_hours(shown, seen, by_asset=by_asset)
    keys = ["base"] if by_asset else _KEYS
    return rows.merge(hours[[*keys, "z_liquidations"]], on=keys, how="left")


def without_hours(rows: pd.DataFrame, seen: View) -> list[str]:
    """Say for how many of *rows* z_liquidations is missing, if it is shown, and why."""
    missing = int(rows["z_liquidations"].isna().sum()) if "z_liquidations" in rows else 0
    if not missing:
        return []
    title, of = QUANTITIES["z_liquidations"].title, formats.plural(len(rows), seen.rows[:-1])
    who = "all" if missing == len(rows) else f"{missing:,} of"
    why = "needs this hour and 20 earlier ones of 7 days, most of them not alike"
    return [f"{title} is missing for {who} {of}: {why}."]
