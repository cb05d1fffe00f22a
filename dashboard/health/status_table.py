"""A table of states and counts: sorts by value, shows formatted text, colours states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import pandas as pd
import streamlit as st

from analytics import formats

Colored = Callable[[Any], str]
"""Returns the colour of a cell, by what it holds; nothing where it has none."""


def status_table(
    rows: pd.DataFrame,
    columns: Mapping[str, Any],
    written: dict[Any, Any],
    key: str,
    *,
    alt: str | None = None,
    colored: Mapping[str, Colored] | None = None,
    height: int | Literal["content"] = "content",
    row_height: int = 29,
) -> None:
    """Draw the *columns* of *rows*.

    Args:
        rows: What to draw, and more.
        columns: How Streamlit draws each, by name, in their order.
        written: How the values of columns are written, by name; others as they are.
        key: Of the table.
        alt: What a screen reader says of it.
        colored: What colours the cells of columns, by name.
        height: Of the table. [px]
        row_height: Of a row. [px]
    """
    written = {"venue": formats.venue, **written} if "venue" in columns else written
    styled = rows[list(columns)].reset_index(drop=True).style.format(written, na_rep=formats.ABSENT)
    for name, color in (colored or {}).items():
        styled = styled.map(lambda cell, of=color: f"color:{of(cell)}" if of(cell) else "", [name])
    st.dataframe(
        styled,
        column_config=columns,
        hide_index=True,
        height=height,
        row_height=row_height,
        placeholder=formats.ABSENT,
        key=key,
        alt=alt,
    )
