"""Every pair in one table that sorts by number, says what is unusual, and opens a pair."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from dashboard import state
from dashboard.charts import Colors
from dashboard.panels.ages import TIMES, old
from dashboard.panels.pair_columns import COLUMNS, Column, config
from dashboard.state import Moment
from dashboard.view import Thresholds, View


class _Lean(pd.DataFrame):
    """Rows whose text goes to the browser with 4 bytes for each place, not 8.

    Streamlit turns a styled frame into text, and pandas keeps text in columns that Arrow writes
    with long offsets; for hundreds of rows that is a sixth of all that is sent.
    """

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
        """Return plain objects where text is asked for, else what any frame returns."""
        if dtype is str:
            return pd.DataFrame("", index=self.index, columns=self.columns, dtype=object)
        return super().astype(dtype, *args, **kwargs)


MOST: Final = 600
"""Rows in the table: each goes to the browser at every refresh."""

_KEY: Final = "pair_table"
_ROWS: Final = "pair_table_rows"
_TINT: Final = "38"
"""How much of a colour a filled cell has: a hexadecimal part of 255."""


def pair_table(
    pairs: pd.DataFrame,
    shown: Moment,
    chosen: list[str],
    seen: View,
    colors: Colors,
) -> None:
    """Draw *pairs*, as ``pairs.sql`` returns them, with their curves beside them.

    Args:
        pairs: The first ``MOST`` of them are drawn.
        shown: What ages count to.
        chosen: Names of the columns to draw.
        seen: What is called unusual, and what changes are over.
        colors: Of the theme.
    """
    if pairs.empty:
        st.info("No pair is called like that. The search looks at pairs and venues.")
        return
    count, pairs = len(pairs), _in_order(pairs).head(MOST)
    columns = [column for column in COLUMNS if column.name in chosen or column.always]
    table = rows(pairs, shown, columns)
    styled = (
        _Lean(table)
        .style.set_uuid("p")
        .format({column.name: column.write for column in columns}, na_rep=formats.ABSENT)
    )
    styles = _styles(table, pairs, shown, seen.thresholds, colors)
    st.session_state[_ROWS] = list(zip(pairs["venue"], pairs["symbol"], strict=True))
    _let_go()
    st.dataframe(
        styled.apply(lambda _: styles, axis=None),
        column_config=config(columns, seen.timeframe),
        hide_index=True,
        height=min(38 + 29 * max(len(table), 4), 620),
        row_height=29,
        placeholder=formats.ABSENT,
        key=_KEY,
        on_select=_open,
        selection_mode="single-cell",
        alt="Every pair with its price, open interest, funding, long/short ratio, volume and age",
    )
    if count > MOST:
        st.caption(
            f"The table shows {MOST:,} of {count:,} pairs, those with the largest open interest: "
            "search, or choose venues or pairs in the sidebar, for the others."
        )


def rows(pairs: pd.DataFrame, shown: Moment, columns: list[Column]) -> pd.DataFrame:
    """Return the table's rows: numbers, so that it sorts by them."""
    age = (shown.now - pairs["received_ts"]).dt.total_seconds().clip(lower=0)
    known = pairs.assign(pair=pairs["symbol"].map(formats.pair), age_s=age)
    table = known[[column.name for column in columns]].reset_index(drop=True)
    small = {column.name: "float32" for column in columns if column.small}
    return table.astype({**small, "pair": "category", "venue": "category"})


def _in_order(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return *pairs* as they stood at the last refresh, so that no row jumps; new ones last."""
    before = {pair: place for place, pair in enumerate(st.session_state.get(_ROWS, ()))}
    keys = list(zip(pairs["venue"], pairs["symbol"], strict=True))
    # Another choice of pairs is another table, and begins with the largest.
    if not keys or len(before.keys() & set(keys)) < 0.9 * max(len(before), min(len(keys), MOST)):
        return pairs
    places = [before.get(pair, len(before) + nth) for nth, pair in enumerate(keys)]
    return pairs.assign(place=places).sort_values("place").drop(columns="place")


def _open() -> None:
    """Open the pair whose row was clicked."""
    if cells := st.session_state[_KEY]["selection"]["cells"]:
        state.open_pair(*st.session_state[_ROWS][cells[0][0]])


def _let_go() -> None:
    """Take the mark off the row whose dialog was closed, so that a click can open it again.

    Not before: a table that has no mark when it gets the focus back marks its first row.
    """
    marked = _KEY in st.session_state and st.session_state[_KEY]["selection"]["cells"]
    if marked and state.opened_pair() is None:
        st.session_state[_KEY] = {"selection": {"rows": [], "columns": [], "cells": []}}


def _styles(
    table: pd.DataFrame, pairs: pd.DataFrame, shown: Moment, thresholds: Thresholds, colors: Colors
) -> pd.DataFrame:
    """Return a style for each cell: direction by colour, unusual filled, old in muted italics."""
    styles = pd.DataFrame("", index=table.index, columns=table.columns)
    all_fresh = ~old("age_s", pairs, shown).to_numpy()
    by_name = {column.name: column for column in COLUMNS}
    for name in table.columns:
        column = by_name[name]
        filled = pd.Series(data=False, index=table.index)
        if column.level is not None:
            filled = thresholds.exceeded(column.level, pairs[name].reset_index(drop=True))
        if column.signed:
            # What is written without a sign has no direction, though it may be a hair off nought.
            signs = table[name].map(column.write).str[0]
            for sign, color in (("+", colors.up), ("-", colors.down)):
                styles.loc[signs == sign, name] = f"color:{color}"
                styles.loc[(signs == sign) & filled, name] = _badge(color)
        else:
            styles.loc[filled, name] = _badge(colors.alert)
        if name in TIMES:
            # Where the whole row is old, its age says so for every cell.
            is_old = old(name, pairs, shown).to_numpy() & (all_fresh | (name == "age_s"))
            color = colors.alert if name == "age_s" else colors.muted
            styles.loc[is_old, name] = f"color:{color};font-style:italic"
    return styles


def _badge(color: str) -> str:
    return f"color:{color};background-color:{color}{_TINT};font-weight:600"


def table_choice(pairs: pd.DataFrame) -> tuple[list[str], str]:
    """Ask what to search for and which columns to show, both of which live in the URL.

    Args:
        pairs: Those there are to search, which are counted beside the search.

    Returns:
        The names of the columns, and the words searched for.
    """
    optional = {column.name: column for column in COLUMNS if not column.always}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        words = st.text_input(
            "Search pairs",
            key="find",
            bind="query-params",
            placeholder="Search pairs and venues",
            icon=":material/search:",
            label_visibility="collapsed",
            width=260,
        )
        with st.popover("Columns", icon=":material/view_column:"):
            chosen: Any = st.pills(
                "Columns",
                list(optional),
                selection_mode="multi",
                default=[name for name, column in optional.items() if column.usual],
                format_func=lambda name: optional[name].label,
                key="columns",
                bind="query-params",
                label_visibility="collapsed",
            )
        venues = formats.plural(int(pairs["venue"].nunique()), "venue")
        st.markdown(f":gray[{formats.plural(len(pairs), 'pair')} on {venues}]", width="content")
    return list(chosen), words


def found(pairs: pd.DataFrame, words: str) -> pd.DataFrame:
    """Return the *pairs* whose name and venue have every one of *words*."""
    names = (pairs["symbol"].map(formats.pair) + " " + pairs["venue"]).str.casefold()
    fits = pd.Series(data=True, index=pairs.index)
    for word in words.casefold().split():
        fits &= names.str.contains(word, regex=False)
    return pairs[fits]
