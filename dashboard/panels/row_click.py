"""A table in which a click on a row opens its pair."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard import state


def in_order(pairs: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return *pairs* as they stood in the table *key* at the last refresh, if they are the same.

    A row that changed its place just before a click would open another pair than was meant.
    """
    before: Sequence[tuple[str, str]] = st.session_state.get(_rows(key), ())
    places = {pair: place for place, pair in enumerate(before)}
    keys = list(zip(pairs["venue"], pairs["symbol"], strict=True))
    if places.keys() == set(keys):
        pairs = pairs.iloc[sorted(range(len(keys)), key=lambda nth: places[keys[nth]])]
    st.session_state[_rows(key)] = list(zip(pairs["venue"], pairs["symbol"], strict=True))
    return pairs.reset_index(drop=True)


def open_row(key: str) -> None:
    """Open the pair whose row was clicked in the table *key*; to be called by ``on_select``."""
    if cells := st.session_state[key]["selection"]["cells"]:
        state.open_pair(*st.session_state[_rows(key)][cells[0][0]])


def let_go(key: str) -> None:
    """Take the mark off the row whose dialog was closed, so that a click can open it again.

    To be called before the table *key* is drawn. Not as soon as the row was clicked: a table
    that has no mark when it gets the focus back, as when the dialog closes, marks its first row,
    and that would open the dialog of the first pair.
    """
    marked = key in st.session_state and st.session_state[key]["selection"]["cells"]
    if marked and state.opened_pair() is None:
        st.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": []}}


def _rows(key: str) -> str:
    return f"{key}_rows"
