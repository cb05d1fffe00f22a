"""The table of assets or pairs: sorting, search, threshold badges, and row clicks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.signals.thresholds import Thresholds
from dashboard.components import row_click as clicks
from dashboard.components.stale_values import is_stale
from dashboard.components.written_table import written
from dashboard.frame.brand import style_part
from dashboard.loaders.rows import COVERAGE
from dashboard.overview import asset_rows, row_order
from dashboard.overview.column_layout import (
    FIRST_COLUMNS,
    Column,
    config,
    optional_columns,
    shown_columns,
)
from dashboard.overview.more_columns import with_hours
from dashboard.state import session, view
from dashboard.state.as_of import Moment
from dashboard.state.view import View, exceeded


@dataclass(frozen=True, slots=True)
class Choice:
    """What a user wants to see of the table."""

    columns: list[Column]
    words: str
    """Searched for."""
    unusual: bool
    """Whether pairs beyond no threshold are left out."""


MAX_ROWS: Final = 600
"""Maximum rows: each is sent to the browser at every refresh."""

_JOINTS: Final = str.maketrans("", "", "/-_:")

_KEY: Final = "pair_table"
_DRAWN: Final = "asset_table_rows"
ROW_PX: Final = 24
_TO_THE_END: Final = f"""
<style>
/* The table ends with the window, and is what scrolls; where too little is left of the window for
   it, the page scrolls too. */
[data-testid="stMainBlockContainer"]:has(.st-key-{_KEY}) {{ display: flex;
  flex-direction: column; min-height: 100%; height: 100%; padding-bottom: 0.75rem }}
[data-testid="stMainBlockContainer"] :is([data-testid="stVerticalBlock"],
  [data-testid="stLayoutWrapper"]):has(.st-key-{_KEY}) {{ flex: 1 1 0; min-height: min-content;
  row-gap: 0.45rem }}
.st-key-{_KEY}, .st-key-{_KEY} > .stElementContainer {{ flex: 1 1 0 !important;
  min-height: min(400px, 70vh) }}
:has(> .st-key-{_KEY}) ~ .stElementContainer [data-testid="stCaptionContainer"] {{
  line-height: 1.3 }}
.st-key-{_KEY} :is([data-testid="stFullScreenFrame"], [data-testid="stDataFrame"]) {{
  height: 100% }}
/* Columns are chosen and pairs are searched for above the table, and not a second time in it; the
   menu of a column would sort pairs away from their asset. */
.st-key-{_KEY} [data-testid="stElementToolbar"],
[data-testid="stDataFrameColumnMenu"] > div > :is(:nth-child(2), :nth-child(3), :nth-child(4)),
[data-testid="stDataFrameColumnMenu"] > div > [role="menuitem"]:last-child {{ display: none }}
</style>
"""
_TINT: Final = "38"
"""How much of a colour a filled cell has: a hexadecimal part of 255."""


def pair_table(
    pairs: pd.DataFrame,
    shown: Moment,
    columns: list[Column],
    seen: View,
    colors: Colors,
) -> pd.DataFrame:
    """Draw *pairs*, as ``pairs.sql`` returns them, with their curves beside them; return all.

    Args:
        pairs: The first ``MAX_ROWS`` of them are drawn. Or assets with their pairs, as
            ``asset_rows.with_pairs`` returns them.
        shown: What ages count to.
        columns: Those to draw.
        seen: What is called unusual, and what changes are over.
        colors: Of the theme.

    Returns:
        The pairs in the table's order, those beyond the first ``MAX_ROWS`` as well.
    """
    if pairs.empty:
        st.info("No match. The search covers names of pairs and venues.")
        return pairs
    by_asset = seen.rows == "assets"
    every = pairs if by_asset else clicks.in_order(pairs, _KEY)
    table = rows(every, shown, columns)
    order = row_order.places(table, every.get("parent"))
    if order is not None:
        every, table = (one.iloc[order].reset_index(drop=True) for one in (every, table))
    pairs, table = every.head(MAX_ROWS), table.head(MAX_ROWS)
    words = {column.name: _words(column, table[column.name]) for column in columns}
    if by_asset:
        _write_assets(pairs, columns, table, words)
    styles = _styles(columns, words, pairs, shown, seen.thresholds, colors)
    style_part(_TO_THE_END)
    with st.container(key=_KEY, height="stretch"):
        st.dataframe(
            written(table, words, styles),
            column_config=config(columns, seen.timeframe, row_order.arrow),
            hide_index=True,
            height="stretch",
            row_height=ROW_PX,
            placeholder=formats.ABSENT,
            alt="Every pair: price, open interest, funding, long/short ratio, volume, age",
        )
    if len(every) > MAX_ROWS:
        st.caption(
            f"Showing the {MAX_ROWS:,} of {len(every):,} pairs "
            f"{'with the largest open interest' if order is None else 'that come first'}. "
            "Search, or filter in the sidebar, to see the others."
        )
    return every


def _write_assets(
    pairs: pd.DataFrame, columns: list[Column], table: pd.DataFrame, words: dict[str, list[str]]
) -> None:
    """Put into *table* and *words* what is other for assets and the *pairs* beneath them."""
    called = asset_rows.identities(pairs)
    keys = zip(pairs["venue"], pairs["symbol"], strict=True)
    st.session_state[_DRAWN] = dict(zip(called, keys, strict=True))
    table["pair"] = called
    words["pair"] = asset_rows.names(pairs)
    if "venue_count" in words:
        words["venue_count"] = asset_rows.venues(pairs)


def row_click() -> None:
    """Open what the clicked row is of, or unfold an asset; to be called by the page itself."""
    if view.current().rows == "pairs":
        clicks.pair_click(_KEY, ("Pair",), row_order.press)
        return
    clicks.row_click(_KEY, [FIRST_COLUMNS["assets"].title], _open_row, row_order.press)


def _open_row(row: clicks.Row, column: str) -> None:
    """Unfold or fold the asset whose name was clicked; else open what the row is of."""
    known: dict[str, tuple[str, str]] = st.session_state.get(_DRAWN, {})
    if (key := known.get(row[0] or "")) is None:
        return
    venue, symbol = key
    if not venue and column == FIRST_COLUMNS["assets"].title:
        asset_rows.toggle(symbol)
    else:
        session.open_pair(venue, symbol)


def rows(pairs: pd.DataFrame, shown: Moment, columns: list[Column]) -> pd.DataFrame:
    """Return the table's rows: numbers, so that it sorts by them."""
    age = (shown.now - pairs["received_ts"]).dt.total_seconds().clip(lower=0)
    known = pairs.assign(pair=_names(pairs), age_s=age)
    table = known[[column.name for column in columns]].reset_index(drop=True)
    small = {column.name: "float32" for column in columns if column.small}
    return table.astype({**small, "pair": "category"})


def _names(pairs: pd.DataFrame) -> list[str]:
    """Return what is in the first column: ``BTC/USDT Binance``."""
    keys = zip(pairs["symbol"], pairs["venue"], strict=True)
    return [f"{formats.pair(symbol)} {formats.venue(venue)}" for symbol, venue in keys]


def _words(column: Column, values: pd.Series[Any]) -> list[str]:
    """Return how each of *values* is written."""
    if column.kind == "text":
        return list(values)
    if column.kind == "countdown":
        return [formats.countdown(ahead) for ahead in values.tolist()]
    if column.curve_of or column.kind == "share" or column.quantity is None:
        # The cell is drawn from its numbers.
        return [""] * len(values)
    return list(map(column.quantity.write, values.tolist()))


def _styles(
    columns: list[Column],
    words: dict[str, list[str]],
    pairs: pd.DataFrame,
    shown: Moment,
    thresholds: Thresholds,
    colors: Colors,
) -> dict[str, list[str]]:
    """Return a style for each cell: direction by colour, unusual filled, old in muted italics.

    A column is missing where no cell of it has one.
    """
    all_fresh = ~is_stale("age_s", pairs, shown).to_numpy()
    styles = {"pair": [f"color:{colors.pinned};font-weight:600"] * len(pairs)}
    for column in columns:
        of_cells = _of_values(column, words[column.name], pairs, thresholds, colors)
        if column.quantity is not None and column.quantity.ts is not None:
            # Where the whole row is old, its age says so for every cell.
            counts = all_fresh | (column.name == "age_s")
            is_old = is_stale(column.quantity.name, pairs, shown).to_numpy() & counts
            color = colors.alert if column.name == "age_s" else colors.muted
            for row in np.flatnonzero(is_old):
                of_cells[row] = f"color:{color};font-style:italic"
        if column.name == "venue_count":
            of_cells = [
                _badge(colors.alert) if " of " in word else "" for word in words[column.name]
            ]
        if column.name in COVERAGE:
            for row in np.flatnonzero(pairs[COVERAGE[column.name]] < 100):
                of_cells[row] = f"color:{colors.muted};font-style:italic"
        if any(of_cells):
            styles[column.name] = of_cells
    return styles


def _of_values(
    column: Column, words: list[str], pairs: pd.DataFrame, thresholds: Thresholds, colors: Colors
) -> list[str]:
    """Return the styles of a *column* of which so are the *words*."""
    filled = [False] * len(words)
    if column.level is not None:
        bases = pairs["base"].tolist()
        filled = exceeded(thresholds, column.level, pairs[column.name], bases).tolist()
    if not column.signed:
        badge = _badge(colors.alert)
        return [badge if unusual else "" for unusual in filled]
    # What is written without a sign has no direction, though it may differ from zero by a rounding.
    tints = {"+": colors.up, "-": colors.down}
    return [
        ""
        if (color := tints.get(word[0])) is None
        else _badge(color)
        if unusual
        else f"color:{color}"
        for word, unusual in zip(words, filled, strict=True)
    ]


def _badge(color: str) -> str:
    return f"color:{color};background-color:{color}{_TINT};font-weight:600"


def unusual(pairs: pd.DataFrame, columns: list[Column], thresholds: Thresholds) -> pd.Series[bool]:
    """Return which *pairs* have a cell in *columns* that is filled, beyond its threshold."""
    bases = pairs["base"].tolist()
    beyond = pd.Series(data=False, index=pairs.index)
    for level in (column.level for column in columns if column.level is not None):
        beyond |= exceeded(thresholds, level, pairs[level], bases)
    return beyond


def table_choice(
    rows: pd.DataFrame, pairs: pd.DataFrame, shown: Moment, seen: View
) -> tuple[Choice, pd.DataFrame]:
    """Ask which rows and which columns to show, all of which lives in the URL.

    Args:
        rows: Assets or pairs there are.
        pairs: Those that they are of, which are searched.
        shown: When.
        seen: Beyond which thresholds a row is unusual.

    Returns:
        What was chosen, and the rows that it leaves.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        words = st.text_input(
            "Search pairs",
            key="find",
            bind="query-params",
            placeholder="Search pairs and venues",
            icon=":material/search:",
            label_visibility="collapsed",
            width=240,
        )
        place = st.container(width="content")
        columns = _columns(seen)
        rows = with_hours(rows, columns, shown, seen)
        beyond = unusual(rows, columns, seen.thresholds)
        only = place.toggle(
            f"Unusual only ({int(beyond.sum()):,})", key="unusual", bind="query-params"
        )
        matches = found(pairs, words)
        by_asset = seen.rows == "assets"
        fits = rows["base"].isin(matches["base"]) if by_asset else rows.index.isin(matches.index)
        listed = rows[beyond & fits] if only else rows[fits]
        venues = formats.plural(int(pairs["venue"].nunique()), "venue")
        some = f"{len(listed):,} of " if len(listed) < len(rows) else ""
        count = formats.plural(len(rows), seen.rows.removesuffix("s"))
        st.markdown(f":gray[{some}{count} on {venues}]", width="content")
    return Choice(columns, words, only), listed


def _columns(seen: View) -> list[Column]:
    """Ask which columns a table of what *seen* lists is to show, and by which it is sorted."""
    rows = seen.rows
    optional = optional_columns(rows)
    compare = st.toggle(
        "Compare timeframes",
        key="compare",
        bind="query-params",
        help="Changes of price and open interest over 5m, 1h, 4h and 24h, side by side.",
    )
    with st.popover("Columns", icon=":material/view_column:"):
        chosen: Any = st.pills(
            "Columns",
            list(optional),
            selection_mode="multi",
            default=[name for name, column in optional.items() if column.is_usual(rows)],
            format_func=lambda name: optional[name].label,
            key="columns" if rows == "pairs" else "asset_columns",
            bind="query-params",
            label_visibility="collapsed",
        )
        columns = shown_columns(list(chosen), compare=compare, rows=rows)
        row_order.ask(columns, seen.timeframe)
    return columns


def found(pairs: pd.DataFrame, words: str) -> pd.DataFrame:
    """Return the *pairs* whose name and venue have every one of *words*.

    However a venue joins the parts of a name: ``BTCUSDT`` and ``btc-usdt`` are ``BTC/USDT``.
    """
    names = (pairs["symbol"].map(formats.pair).map(_bare) + " " + pairs["venue"]).str.casefold()
    fits = pd.Series(data=True, index=pairs.index)
    for word in words.casefold().split():
        fits &= names.str.contains(_bare(word), regex=False)
    return pairs[fits]


def _bare(name: str) -> str:
    """Return *name* without what joins its parts."""
    return name.translate(_JOINTS)
