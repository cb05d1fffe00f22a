"""The order of Overview's table: by open interest, or by the column that was chosen.

Rows are ordered here and not in the browser: pairs stay beneath their asset while each cell holds
its own value, and the order goes along in a link, a saved view and a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.overview.column_layout import Column

_KEY: Final = "sort"
"""Of the field, and so in the URL."""
_DRAWN: Final = "sortable_columns"
_DOWN: Final = "-"
"""Before the name of a column that is sorted downwards."""
_ARROWS: Final = {"": "↑", _DOWN: "↓"}
_WORDS: Final = {"": "lowest first", _DOWN: "highest first"}


def ask(columns: Sequence[Column], timeframe: str) -> None:
    """Ask by which of *columns* rows are sorted, where a press on a heading is not at hand."""
    names = {one.name: one.label for one in columns if not one.curve_of}
    headings = {one.heading(timeframe): one.name for one in columns if one.name in names}
    st.session_state[_DRAWN] = headings
    options = [f"{way}{name}" for name in names for way in (_DOWN, "")]
    if st.session_state.get(_KEY) not in (None, *options):
        st.session_state[_KEY] = None
    st.selectbox(
        "Sort by",
        options,
        index=None,
        key=_KEY,
        bind="query-params",
        format_func=lambda one: f"{names[one.removeprefix(_DOWN)]}, {_WORDS[_way(one)]}",
        placeholder="Open interest, as when the table was opened",
        help="A press on a heading sorts as well. Empty: by open interest.",
    )


def press(heading: str) -> None:
    """Sort by the column with that *heading*: upwards, then downwards, then no longer."""
    name = st.session_state.get(_DRAWN, {}).get(heading)
    if name is not None:
        after = {name: f"{_DOWN}{name}", f"{_DOWN}{name}": None}
        st.session_state[_KEY] = after.get(_chosen(), name)


def arrow(column: Column) -> str:
    """Return what stands before the heading of *column*."""
    chosen = _chosen()
    if chosen is None or chosen.removeprefix(_DOWN) != column.name:
        return ""
    return f"{_ARROWS[_way(chosen)]} "


def places(table: pd.DataFrame, parent: pd.Series[int] | None) -> NDArray[np.intp] | None:
    """Return the rows of *table* in the chosen order, those without a value last.

    Args:
        table: Its values.
        parent: The row of the asset that each row is, or is of: pairs come after their asset, in
            the same order among themselves. None: all rows are alike.

    Returns:
        Places of the rows; None where no column of *table* is chosen.
    """
    chosen = _chosen()
    if chosen is None or (name := chosen.removeprefix(_DOWN)) not in table:
        return None
    values = table[name].astype(str) if table[name].dtype == "category" else table[name]
    rank = values.rank(method="dense", ascending=_way(chosen) == "", na_option="bottom")
    own = np.arange(len(table))
    above = own if parent is None else parent.to_numpy()
    keys = (own, rank.to_numpy(), own != above, above, rank.to_numpy()[above])
    return np.lexsort(keys)


def _chosen() -> str | None:
    chosen: str | None = st.session_state.get(_KEY)
    return chosen


def _way(chosen: str) -> str:
    return chosen[: chosen.startswith(_DOWN)]
