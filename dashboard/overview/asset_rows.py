"""Assets as rows of Overview's table, and their pairs beneath those that are unfolded.

An asset's row is that of a pair without a venue, called by its base.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
import streamlit as st

from analytics import formats
from dashboard.components.row_click import in_order
from dashboard.loaders import queries
from dashboard.overview.column_layout import SPANS, Column
from dashboard.overview.more_columns import with_hours, with_more
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_KEY: Final = "asset_rows"
_UNFOLDED: Final = "unfolded_assets"
_FOLDED, _OPEN, _WITHIN = "▸", "▾", "└"


def with_pairs(
    assets: pd.DataFrame,
    pairs: pd.DataFrame,
    columns: Collection[Column],
    shown: Moment,
    seen: View,
) -> pd.DataFrame:
    """Return *assets*, the unfolded ones with their pairs, with all that *columns* show.

    Args:
        assets: As ``loaders.rows.assets`` returns them, those that the table lists.
        pairs: With their curves.
        columns: Of the table.
        shown: When.
        seen: What counts.
    """
    pairs = with_hours(with_more(pairs, columns, shown, seen), columns, shown, seen)
    pairs = pairs.assign(
        oi_delta_usd=pairs["oi_usd"] - pairs["oi_usd_then"],
        oi_base_delta=pairs["oi_base"] - pairs["oi_base_then"],
    )
    for each in SPANS.keys() & {column.span for column in columns}:
        then = queries.assets(shown, replace(seen, timeframe=SPANS[each]))
        changes = then[["base", "price_delta_pct", "oi_delta_pct"]]
        assets = assets.merge(changes, on="base", how="left", suffixes=("", f"_{each}"))
    if "basis_pct" in pairs:
        assets = assets.join(_of_quotes(pairs), on="base")
    return _unfolded(assets, pairs)


def _of_quotes(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the mean basis of each asset by open interest, and its next payment of funding."""
    weight = pairs["oi_usd"].where(pairs["basis_pct"].notna())
    parts = pairs[["base", "next_funding_s"]].assign(of=pairs["basis_pct"] * weight, weight=weight)
    by_base = parts.groupby("base")
    sums = by_base[["of", "weight"]].sum(min_count=1)
    return pd.DataFrame(
        {
            "basis_pct": sums["of"] / sums["weight"],
            "next_funding_s": by_base["next_funding_s"].min(),
        }
    )


def _unfolded(assets: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return *assets* in the order of the last refresh, with *pairs* beneath the unfolded ones.

    ``parent`` is the place of the asset that a row is, or is of.
    """
    assets = in_order(assets, _KEY)
    beneath = pairs[pairs["base"].isin(_open_bases() & set(assets["base"]))]
    rows = pd.concat([assets, beneath], ignore_index=True)
    place = {base: nth for nth, base in enumerate(assets["base"])}
    is_pair = rows["venue"] != ""
    rows = rows.iloc[np.lexsort((is_pair, rows["base"].map(place)))].reset_index(drop=True)
    is_asset = rows["venue"] == ""
    return rows.assign(parent=np.flatnonzero(is_asset)[is_asset.cumsum() - 1])


def names(rows: pd.DataFrame) -> list[str]:
    """Return what is in the first column of *rows*: ``▸ BTC``, ``└ Binance BTC/USDT``."""
    opened = _open_bases()
    return [
        f"{_OPEN if base in opened else _FOLDED} {base}"
        if not venue
        else f"{_WITHIN} {formats.venue(venue)} {formats.pair(symbol)}"
        for venue, symbol, base in zip(rows["venue"], rows["symbol"], rows["base"], strict=True)
    ]


def identities(rows: pd.DataFrame) -> list[str]:
    """Return what the first column of *rows* is read out as: ``BTC``, ``BTC, …``."""
    return [
        base if not venue else f"{base}, {formats.on_venue(symbol, venue)}"
        for venue, symbol, base in zip(rows["venue"], rows["symbol"], rows["base"], strict=True)
    ]


def venues(rows: pd.DataFrame) -> list[str]:
    """Return how many venues each asset is on, and how many are not silent: ``3``, ``2 of 3``."""
    silent = rows["silent_venues"].map(split_venues)
    return [
        ""
        if np.isnan(count)
        else f"{count - len(quiet):.0f} of {count:.0f}"
        if quiet
        else f"{count:.0f}"
        for count, quiet in zip(rows["venue_count"], silent, strict=True)
    ]


def toggle(base: str) -> None:
    """Unfold the asset, or fold it again."""
    st.session_state[_UNFOLDED] = _open_bases() ^ {base}


def sentences(assets: pd.DataFrame) -> list[str]:
    """Say which venues are silent, and so no part of an asset's price and changes."""
    count = Counter(venue for silent in assets["silent_venues"] for venue in split_venues(silent))
    said = [
        f"{formats.venue(venue)} in {formats.plural(number, 'asset')}"
        for venue, number in sorted(count.items())
    ]
    return [f"Silent, and left out of price, spread and changes: {formats.listed(said)}."] * bool(
        said
    )


def split_venues(silent: object) -> list[str]:
    """Return the venues that stand in a cell of silent_venues."""
    return silent.split(", ") if isinstance(silent, str) else []


def _open_bases() -> frozenset[str]:
    opened: frozenset[str] = st.session_state.get(_UNFOLDED, frozenset())
    return opened
