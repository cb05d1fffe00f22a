"""Rows of pairs and of assets, with what several queries say of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from analytics.market.oi_split import with_split
from analytics.market.venue_summary import quoted
from analytics.panels.panel import Only
from dashboard.loaders import bars, queries
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_KEYS: Final = ["venue", "symbol"]
COVERAGE: Final = {
    "cvd_usd": "cvd_coverage_pct",
    "liq_long_usd": "liq_long_coverage_pct",
    "liq_short_usd": "liq_short_coverage_pct",
}
"""The flows of a row, and what says how much of their time is known."""

_SUMS: Final = ("oi_price_usd", "oi_contracts_usd")
_LONGEST: Final = ("price_delta_s", "oi_delta_s", "ls_delta_s")


def pairs(shown: Moment, seen: View) -> pd.DataFrame:
    """Return every pair that *seen* shows as ``pairs.sql`` does, with the parts of its OI change.

    See ``oi_split.with_split``.
    """
    return with_split(seen.of(queries.pairs(shown, seen.span)))


def with_curves(rows: pd.DataFrame, shown: Moment, seen: View) -> pd.DataFrame:
    """Return *rows* of pairs with what ``pair_curves`` says of them."""
    return rows.join(bars.pair_curves(seen.timeframe, shown), on=_KEYS)


def assets(rows: pd.DataFrame, shown: Moment, seen: View) -> pd.DataFrame:
    """Return a row for each asset of *rows*, with what its curves say.

    Args:
        rows: As :func:`pairs` returns them.
        shown: When.
        seen: Over what changes are.
    """
    found = queries.assets(shown, seen)
    by_base = rows.groupby("base")
    parts = by_base[[*_SUMS]].sum(min_count=1).join(by_base[[*_LONGEST]].max())
    found = found.assign(venue="", symbol=found["base"]).join(parts, on="base")
    keys = tuple(sorted(zip(rows["venue"], rows["symbol"], strict=True)))
    only = Only(instruments=keys) if seen.venues or seen.pairs else Only()
    return found.join(bars.asset_curves(seen.timeframe, shown, only), on=_KEYS)


def with_flows(rows: pd.DataFrame, flows: Sequence[str], shown: Moment, seen: View) -> pd.DataFrame:
    """Return *rows* of pairs with *flows* of ``COVERAGE`` over the timeframe of *seen*."""
    wanted = [*_KEYS, *flows, *(COVERAGE[name] for name in flows)]
    return rows.merge(queries.pair_flows(shown, seen.span)[wanted], on=_KEYS, how="left")


def with_quotes(rows: pd.DataFrame, shown: Moment) -> pd.DataFrame:
    """Return *rows* of pairs with what ``quoted`` says, and next_funding_s, the time to it. [s]"""
    found = quoted(rows, queries.read("pair_quotes", shown))
    ahead = (found["next_funding_ts"] - shown.now).dt.total_seconds()
    return found.assign(next_funding_s=ahead)


def with_hours(rows: pd.DataFrame, shown: Moment, seen: View, *, by_asset: bool) -> pd.DataFrame:
    """Return *rows* with z_liquidations, of assets or of pairs."""
    hours = queries.liquidation_hours(shown, seen, by_asset=by_asset)
    keys = ["base"] if by_asset else _KEYS
    return rows.merge(hours[[*keys, "z_liquidations"]], on=keys, how="left")
