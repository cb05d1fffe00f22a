"""The switch *Assets | Pairs*: what the rows of a page are of, in the URL and in the browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeGuard, get_args

import streamlit as st

from analytics import formats
from dashboard.frame.browser_storage import Kept, stored
from dashboard.state.view import Rows

KEY: Final = "rows"
"""Of the switch, and so in the URL and in the browser."""

_FIRST: Final[Rows] = "assets"
_CHOSEN: Final = "rows_chosen"


def rows_switch() -> Rows:
    """Draw the switch and return what is chosen."""
    rows: Rows | None = st.segmented_control(
        "Rows",
        get_args(Rows),
        default=_FIRST,
        required=True,
        key=KEY,
        bind="query-params",
        label_visibility="collapsed",
        on_change=_choose,
    )
    return rows or _FIRST


def kept() -> Kept:
    """Return what was chosen, as the browser is to keep it."""
    return Kept({KEY: st.session_state.get(KEY, _FIRST)}, _CHOSEN in st.session_state)


def restore() -> None:
    """Restore what the browser kept, unless the link says otherwise."""
    if _is_rows(before := stored(KEY).get(KEY)):
        st.session_state[KEY] = before


def complaints() -> Iterator[str]:
    """Say that the URL asks for what there is not."""
    said = st.query_params.get(KEY, _FIRST)
    if not _is_rows(said):
        yield f"{KEY}={formats.repeated(said)} is not available; use {', '.join(get_args(Rows))}."


def _choose() -> None:
    st.session_state[_CHOSEN] = True


def _is_rows(said: object) -> TypeGuard[Rows]:
    return said in get_args(Rows)
