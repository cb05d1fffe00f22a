"""Row clicks: a click on a table's row opens its pair."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import session


def in_order(pairs: pd.DataFrame, key: str, most: int | None = None) -> pd.DataFrame:
    """Return *pairs* as they stood in the table *key* at the last refresh; new ones come last.

    A row that changed its place just before a click would open another pair than was meant.

    Args:
        pairs: What the table can show. Where it is another choice of pairs, it stays as it is.
        key: Of the table.
        most: How many rows the table has at most; None for all.
    """
    before = {pair: place for place, pair in enumerate(st.session_state.get(_rows(key), ()))}
    keys = list(zip(pairs["venue"], pairs["symbol"], strict=True))
    if len(before.keys() & set(keys)) >= 0.9 * max(len(before), len(keys[:most])):
        places = [before.get(pair, len(before) + nth) for nth, pair in enumerate(keys)]
        order = sorted(range(len(keys)), key=places.__getitem__)
        pairs, keys = pairs.iloc[order], [keys[nth] for nth in order]
    st.session_state[_rows(key)] = keys[:most]
    return pairs.reset_index(drop=True)


def open_row(key: str) -> None:
    """Open the pair whose row was clicked in the table *key*; to be called by ``on_select``."""
    if cells := st.session_state[key]["selection"]["cells"]:
        session.open_pair(*st.session_state[_rows(key)][cells[0][0]])


def deselect(key: str) -> None:
    """Take the mark off the row whose dialog was closed, so that a click can open it again.

    To be called before the table *key* is drawn. Not as soon as the row was clicked: a table
    that has no mark when it gets the focus back, as when the dialog closes, marks its first row,
    and that would open the dialog of the first pair.
    """
    marked = key in st.session_state and st.session_state[key]["selection"]["cells"]
    if marked and session.opened_pair() is None:
        st.session_state[key] = {"selection": {"rows": [], "columns": [], "cells": []}}


def _rows(key: str) -> str:
    return f"{key}_rows"
