"""Sentences on what is missing on Exchanges, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

from analytics import formats
from analytics.market.figures import OLD_CYCLES, stale
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_METRICS: Final = {
    "oi_usd": "open interest",
    "volume_24h_usd": "24 h volume",
    "funding_8h_pct": "funding",
    "ls_accounts": "long/short ratio",
    "basis_pct": "index price, and so no basis",
    "spread_bps": "spread",
}


def missing_venues(
    pairs: pd.DataFrame, offers: dict[str, Any], cycles: pd.DataFrame, seen: View, shown: Moment
) -> dict[str, str]:
    """Return the venues without current data, each with the reason.

    Args:
        pairs: All pairs with data.
        offers: What venues offer: those that are collected.
        cycles: The newest of each venue.
        seen: Whether it asks for the venue.
        shown: When that is so.
    """
    newest = {row["venue"]: row for row in cycles.to_dict("records")}
    venues = sorted((set(offers) | set(newest)) - set(pairs["venue"]))
    return {
        venue: _why_missing(newest.get(venue), shown) for venue in venues if seen.shows(venue, None)
    }


def _why_missing(cycle: dict[Any, Any] | None, shown: Moment) -> str:
    if cycle is None:
        return "No data in the last 24 hours: not collected, or the venue did not answer."
    if isinstance(cycle["error"], str):
        return f"{formats.shortened(cycle['error']).rstrip('.')}."
    span = formats.span(shown.now - shown.since)
    return f"No data for {span}; see Health."


def single_venue(asset: pd.DataFrame, there: pd.DataFrame, seen: View) -> list[str]:
    """Return why there is nothing to compare, where that is so.

    Args:
        asset: The rows of one asset that are shown.
        there: Those of all venues.
        seen: What the sidebar asks for.
    """
    if len(asset) != 1:
        return []
    base = asset["base"].iloc[0]
    if len(there) == 1:
        return [f"{base} has data on one venue only: nothing to compare."]
    if len(seen.venues) == 1:
        return [f"Only one venue is selected in the sidebar: nothing to compare {base} with."]
    return [f"{base} has data on only one of the selected venues."]


def of_shares(heard: int, silent: int) -> list[str]:
    """Return of how many pairs the venues' shares are, where that is not all of the universe."""
    if not silent:
        return []
    pairs = formats.plural(heard + silent, "pair")
    return [f"Shares cover {heard:,} of {pairs} collected; the others have no current data."]


def sentences(asset: pd.DataFrame, pairs: pd.DataFrame, shown: Moment) -> list[str]:
    """Return why values are absent or old.

    Args:
        asset: The rows of one asset, as ``venue_standing.quoted`` returns them.
        pairs: Every pair on the page, likewise.
        shown: What ages count to.
    """
    return [
        *_of_missing(pairs),
        *_of_asset(asset, pairs),
        *_of_multipliers(asset),
        *_of_age(pairs, shown),
    ]


def _of_missing(pairs: pd.DataFrame) -> Iterator[str]:
    """Name the metrics that no pair of a venue has."""
    for venue, rows in pairs.groupby("venue"):
        absent = [said for name, said in _METRICS.items() if rows[name].isna().all()]
        if absent:
            yield f"No {formats.listed(absent)} from {formats.venue(str(venue))} for any pair."


def _of_asset(asset: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[str]:
    """Say what single rows lack that others have."""
    for name, said in _METRICS.items():
        # What a venue states of no pair at all is said once, for all of them.
        stating = set(pairs.loc[pairs[name].notna(), "venue"])
        missing = asset[asset[name].isna() & asset["venue"].isin(stating)]
        if len(asset) > len(missing) > 0:
            who = [
                formats.on_venue(symbol, venue)
                for venue, symbol in zip(missing["venue"], missing["symbol"], strict=True)
            ]
            yield f"No {said} for {formats.listed(who)}."
    unknown = asset[asset["funding_interval_unknown"].eq(True)]
    if not unknown.empty:
        yield (
            f"{formats.venues(set(unknown['venue']))}: funding interval not published, so "
            "funding cannot be normalised to 8 hours."
        )


def _of_multipliers(asset: pd.DataFrame) -> Iterator[str]:
    """Say which prices are of more than one coin."""
    for row in asset[asset["multiplier"] > 1].to_dict("records"):
        yield (
            f"{formats.on_venue(row['symbol'], row['venue'])} is quoted per "
            f"{row['multiplier']:,.0f} coins."
        )


def _of_age(pairs: pd.DataFrame, shown: Moment) -> Iterator[str]:
    """Name the venues whose last data is some cycles old."""
    for venue, heard in pairs.groupby("venue")["received_ts"].max().items():
        if stale(pd.Series([heard]), shown.now, shown.cycle).any():
            yield (
                f"Last data from {formats.venue(str(venue))} {formats.age(shown.now - heard)} ago, "
                f"more than {OLD_CYCLES} cycles: its values are in italics."
            )
