"""Table of funding: every asset on every venue, the widest spread between venues first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from dashboard.components import row_click
from dashboard.components.written_table import written
from dashboard.frame.error_boundary import plain
from dashboard.loaders import bases, queries
from dashboard.state import session
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_KEY: Final = "funding_table"
_UNITS: Final = {"Per 8 h": "funding_8h_pct", "Per year": "funding_apr_pct"}
_ASSET: Final = "Asset"
_ROW_PX: Final = 29
_ROWS: Final = 15
"""Rows seen at once; the others scroll."""

_AFTER: Final = {
    "venue_spread_pp": "Highest less lowest venue, percentage points per 8 hours",
    "venue_spread_apr_pct": "The spread over a year, percentage points",
    "legs": "Short where funding is highest, long where it is lowest",
    "next_funding_s": "Until the next payment on any of the venues",
    "oi_usd": "Sum over the pairs of this row",
}
"""The columns after the venues, and what each one is."""

_HEADINGS: Final = {"legs": "Short / long", "next_funding_s": "Next in"}


def funding_by_venue(shown: Moment, seen: View) -> pd.DataFrame:
    """Return what ``funding_by_venue.sql`` says of the venues and pairs to show."""
    return queries.read(
        "funding_by_venue",
        shown,
        silent_before=shown.silent_before,
        venues=sorted(seen.venues) or None,
        symbols=sorted(seen.pairs) or None,
        **bases.counted(shown).params,
    )


def by_asset(rates: pd.DataFrame, quantity: str, shown: Moment) -> pd.DataFrame:
    """Return a row for each asset in the order of *rates*, its funding in a column for each venue.

    Args:
        rates: As ``funding_by_venue.sql`` returns them.
        quantity: Funding for 8 hours or for a year, as GLOSSARY.md calls it.
        shown: What countdowns count from.

    Returns:
        base, a column for each venue, and those of ``_AFTER``.
    """
    of_base = rates.groupby("base", sort=False)
    first, soonest = of_base.first(), of_base["next_funding_ts"].min()
    legs = [
        f"{formats.venue(high)} / {formats.venue(low)}" if isinstance(high, str) else None
        for high, low in zip(first["highest_venue"], first["lowest_venue"], strict=True)
    ]
    table = rates.pivot(index="base", columns="venue", values=quantity).reindex(first.index)
    return table.assign(
        **{name: first[name] for name in ("venue_spread_pp", "venue_spread_apr_pct")},
        legs=pd.Series(legs, first.index, dtype=object),
        next_funding_s=(soonest - shown.now).dt.total_seconds(),
        oi_usd=of_base["oi_usd"].sum(min_count=1),
    ).reset_index()


def draw_funding(rates: pd.DataFrame, shown: Moment, colors: Colors) -> None:
    """Draw *rates*; a click on a rate opens its pair, one on an asset compares its venues below."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Funding by asset", anchor=False, width="content")
        unit = st.segmented_control(
            "Funding per",
            list(_UNITS),
            default="Per 8 h",
            required=True,
            key="funding_per",
            bind="query-params",
            label_visibility="collapsed",
        )
    if rates.empty:
        st.info("No funding for the selected pairs and venues.")
        return
    quantity = _UNITS[unit or "Per 8 h"]
    table = by_asset(rates, quantity, shown)
    venues = [name for name in table.columns if name not in ("base", *_AFTER)]
    if table["venue_spread_pp"].isna().all():
        table = table.drop(columns=["venue_spread_pp", "venue_spread_apr_pct", "legs"])
    words = _words(table, rates, quantity)
    st.session_state[f"{_KEY}_pairs"] = _pairs(rates)
    with st.container(key=_KEY):
        st.dataframe(
            written(table, words, _styles(words, rates, venues, colors)),
            column_config=_columns(venues),
            hide_index=True,
            height="content" if len(table) <= _ROWS else _ROW_PX * (_ROWS + 1),
            row_height=_ROW_PX,
            placeholder=formats.ABSENT,
            alt="Funding of each asset on each venue, and the spread between the venues",
        )
    st.caption(plain(" ".join(_sentences(rates))))


def cell_click() -> None:
    """Open the pair of a rate that is clicked, or compare the asset; to be called by the page."""
    row_click.row_click(_KEY, [_ASSET], _open)


def _pairs(rates: pd.DataFrame) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the venue and symbol behind each rate, by its asset and the heading of its column."""
    rows = zip(rates["base"], rates["venue"], rates["symbol"], strict=True)
    return {(base, formats.venue(venue)): (venue, symbol) for base, venue, symbol in rows}


def _open(row: row_click.Row, column: str) -> None:
    (base,), pairs = row, st.session_state.get(f"{_KEY}_pairs", {})
    if (base, column) in pairs:
        session.open_pair(*pairs[base, column])
    elif base in {asset for asset, _ in pairs}:
        st.session_state["asset"] = base


def _words(table: pd.DataFrame, rates: pd.DataFrame, quantity: str) -> dict[str, list[str]]:
    """Return how each cell of *table* is written, the extremes of an asset's funding marked."""
    write, ends = QUANTITIES[quantity].write, rates.groupby("base", sort=False).first()
    words = {}
    for name in table.columns:
        if name in ("base", "legs"):
            words[name] = table[name].fillna(formats.ABSENT).tolist()
        elif name in _AFTER:
            words[name] = list(map(_write(name), table[name].tolist()))
        else:
            marks = ends["highest_venue"].eq(name), ends["lowest_venue"].eq(name)
            words[name] = [
                f"{'▲ ' * high}{'▼ ' * low}{write(rate)}"
                for rate, high, low in zip(table[name].tolist(), *marks, strict=True)
            ]
    return words


def _write(name: str) -> Callable[[Any], str]:
    if name == "next_funding_s":
        return formats.countdown
    # A spread has no direction.
    return lambda value: QUANTITIES[name].write(value).removeprefix("+")


def _styles(
    words: dict[str, list[str]], rates: pd.DataFrame, venues: list[str], colors: Colors
) -> dict[str, list[str]]:
    """Return a style for each rate: its sign by colour, the extremes filled, silent ones muted."""
    silent = set(rates.loc[rates["is_silent"], "base"] + " " + rates["venue"])
    name = f"color:{colors.text};font-weight:600"
    return {"base": [name] * len(words["base"])} | {
        venue: [
            f"color:{colors.muted};font-style:italic"
            if f"{base} {venue}" in silent
            else _style(rate, colors)
            for base, rate in zip(words["base"], words[venue], strict=True)
        ]
        for venue in venues
    }


def _style(rate: str, colors: Colors) -> str:
    """Return the style of a *rate* as it is written: what rounds to 0 has no direction."""
    is_marked, number = rate[0] in "▲▼", rate.lstrip("▲▼ ")
    color = {"+": colors.up, "-": colors.down}.get(number[0])
    if color is None:
        return "font-weight:600" if is_marked else ""
    fill = f";background-color:{color}38;font-weight:600" if is_marked else ""
    return f"color:{color}{fill}"


def _columns(venues: list[str]) -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    rates = "Normalised to 8 hours or a year. ▲ highest, ▼ lowest. Click a rate to open its pair"
    return {
        "base": text(_ASSET, pinned=True, help="Click to compare its venues below"),
        **{venue: number(formats.venue(venue), help=rates) for venue in venues},
        **{
            name: (text if name == "legs" else number)(
                _HEADINGS.get(name) or QUANTITIES[name].short, help=said
            )
            for name, said in _AFTER.items()
        },
    }


def _sentences(rates: pd.DataFrame) -> list[str]:
    """Say what the table compares, and what it leaves out."""
    lines = ["A venue's pair with the most open interest stands for the asset."]
    several = rates[rates["is_silent"]].groupby("venue")["base"].nunique()
    lines += [
        f"{formats.venue(str(venue))} is silent for {formats.plural(int(count), 'asset')}: last "
        "rates in italics, not in the spread."
        for venue, count in several.items()
    ]
    if rates["venue_spread_pp"].isna().all():
        lines.append("No spread: no asset has funding on two of the venues shown.")
    return lines
