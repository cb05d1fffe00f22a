"""/api/metrics and /api/assets: the rows of Overview's table."""

from __future__ import annotations

from typing import Final

import pandas as pd
from fastapi import APIRouter

from dashboard.api.answers import Table, add
from dashboard.api.parameters import Paged, Selected, refuse_unknown
from dashboard.loaders import queries, rows
from dashboard.loaders.rows import COVERAGE
from dashboard.state.as_of import Moment
from dashboard.state.view import View

router: Final = APIRouter(tags=["market"])


class MetricsAsked(Selected, Paged):
    """What can be asked of pairs or assets."""


def selected(asked: Selected, shown: Moment) -> View:
    """Return what the pages show of what is *asked* for.

    Raises:
        Problem: A venue, an asset or a pair is none of the record.
    """
    known = queries.known_pairs(shown)
    refuse_unknown("venue", asked.venue, known["venue"])
    refuse_unknown("base", asked.base, known["base"])
    refuse_unknown("pair", asked.pair, known["symbol"])
    return View(timeframe=asked.tf, venues=tuple(asked.venue), pairs=tuple(asked.pair))


def pairs(asked: Selected, shown: Moment) -> pd.DataFrame:
    """Return the pairs that are *asked* for, with every column of Overview's table."""
    seen = selected(asked, shown)
    found = rows.with_curves(rows.pairs(shown, seen), shown, seen)
    found = rows.with_flows(found, [*COVERAGE], shown, seen)
    found = rows.with_quotes(found, shown)
    found = rows.with_hours(found, shown, seen, by_asset=False)
    age = (shown.now - found["received_ts"]).dt.total_seconds().clip(lower=0)
    found = found.assign(age_s=age)
    return found[found["base"].isin(asked.base)] if asked.base else found


def assets(asked: Selected, shown: Moment) -> pd.DataFrame:
    """Return a row for each asset over the pairs that are *asked* for."""
    seen = selected(asked, shown)
    known = rows.pairs(shown, seen)
    if known.empty:
        # Its columns of text have no type that could be joined.
        return known
    found = rows.assets(known, shown, seen)
    found = rows.with_hours(found, shown, seen, by_asset=True)
    return found[found["base"].isin(asked.base)] if asked.base else found


_OF_BOTH: Final = (
    *("price", "price_24h_pct", "price_delta_pct", "oi_usd", "oi_delta_pct", "oi_base"),
    *("oi_base_delta_pct", "oi_price_usd", "oi_contracts_usd", "ls_accounts", "ls_delta_pct"),
    *("book_imbalance_pct", "volume_24h_usd", "funding_8h_pct", "funding_apr_pct"),
    *("funding_delta_pp", "cvd_usd", "cvd_coverage_pct", "liq_long_usd", "liq_long_coverage_pct"),
    *("liq_short_usd", "liq_short_coverage_pct", "z_liquidations", "z_oi", "z_robust", "rsi_14"),
    *("band_pct", "price_delta_s", "oi_delta_s", "ls_delta_s"),
)
_TIMES: Final = (
    *("received_ts", "price_ts", "oi_usd_ts", "volume_24h_usd_ts", "funding_ts", "ls_ts"),
    "book_imbalance_ts",
)

add(
    router,
    Table(
        path="/metrics",
        summary="Every pair: its newest values and their changes",
        note="Largest open interest first. Changes are over the timeframe `tf`, and `*_delta_s` "
        "says what time they really cover. `Range: pairs=0-199` is answered with 206.",
        item="pairs",
        asked=MetricsAsked,
        columns=(
            *("venue", "symbol", "base", *_OF_BOTH),
            *("volume_delta_s", "funding_delta_s", "basis_pct", "spread_bps"),
            *("funding_interval_h", "next_funding_ts", "next_funding_s", "multiplier"),
            *("oi_usd_then", "oi_base_then", "volume_24h_usd_then", "funding_8h_pct_then"),
            *("ls_accounts_then", "price_24h_pct_then", "flags", "from_bar"),
            *("funding_interval_unknown", *_TIMES, "basis_ts", "spread_bps_ts", "age_s"),
        ),
        read=pairs,
    ),
)
add(
    router,
    Table(
        path="/assets",
        summary="Every asset over its pairs on all venues",
        note="Largest open interest first. Sums and means are of the pairs that know the value; "
        "`*_pairs` counts them.",
        item="assets",
        asked=MetricsAsked,
        columns=(
            *("base", *_OF_BOTH, "oi_delta_usd", "oi_base_delta", "funding_8h_volume_pct"),
            *("venue_spread_pp", "highest_venue", "lowest_venue", "pair_count", "expected_pairs"),
            *("oi_pairs", "volume_pairs", "funding_pairs", "ls_pairs", "compared"),
            *("venue_count", "silent_venues", *_TIMES),
        ),
        read=assets,
    ),
)
