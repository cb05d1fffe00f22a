"""Columns that only some tables have: they are loaded once a shown column needs them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import pandas as pd

from analytics import formats
from analytics.panels.panel import TIMEFRAMES
from analytics.quantities import QUANTITIES
from dashboard.loaders import queries
from dashboard.loaders import rows as all_rows
from dashboard.loaders.rows import COVERAGE, with_flows, with_quotes
from dashboard.overview.column_layout import SPANS, Column
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_KEYS: Final = ["venue", "symbol"]
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
        pairs = with_flows(pairs, flows, shown, seen)
    return with_quotes(pairs, shown) if _OF_QUOTES & names else pairs


def with_hours(
    rows: pd.DataFrame, columns: Collection[Column], shown: Moment, seen: View
) -> pd.DataFrame:
    """Return *rows* of assets or of pairs with z_liquidations, if one of *columns* shows it."""
    if all(column.name != "z_liquidations" for column in columns):
        return rows
    by_asset = bool((rows["venue"] == "").all())
    return all_rows.with_hours(rows, shown, seen, by_asset=by_asset)


def without_hours(rows: pd.DataFrame, seen: View) -> list[str]:
    """Say for how many of *rows* z_liquidations is missing, if it is shown, and why."""
    missing = int(rows["z_liquidations"].isna().sum()) if "z_liquidations" in rows else 0
    if not missing:
        return []
    title, of = QUANTITIES["z_liquidations"].title, formats.plural(len(rows), seen.rows[:-1])
    who = "all" if missing == len(rows) else f"{missing:,} of"
    why = "needs this hour and 20 earlier ones of 7 days, most of them not alike"
    return [f"{title} is missing for {who} {of}: {why}."]
