"""What a user has selected: timeframe, venues, pairs, thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

import pandas as pd
import streamlit as st

from analytics.panels.panel import TIMEFRAMES
from analytics.signals.thresholds import Level, Thresholds

Rows = Literal["assets", "pairs"]
"""What a row of a table, or of a map, is of."""

FIRST_TIMEFRAME: Final = "5m"
"""Default timeframe."""

_SEEN: Final = "view"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one user chose; it lives in the URL, and its thresholds in the browser as well."""

    timeframe: str = FIRST_TIMEFRAME
    """Of ``panel.TIMEFRAMES``."""
    rows: Rows = "assets"
    """What pages list: assets over all their venues, or pairs."""
    venues: tuple[str, ...] = ()
    """Those to show; none means all."""
    pairs: tuple[str, ...] = ()
    """Symbols to show, on every venue that has them; none means all."""
    thresholds: Thresholds = Thresholds()
    """A user chooses those of ``Level``; the others are as they always are."""

    @property
    def span(self) -> timedelta:
        """How long a bar of the timeframe lasts, and so what every change is over."""
        return TIMEFRAMES[self.timeframe]

    def shows(self, venue: str | None, symbol: str | None) -> bool:
        """Return whether what is about *venue* and *symbol* is to show; None is about all."""
        is_there = not self.venues or venue is None or venue in self.venues
        return is_there and (not self.pairs or symbol is None or symbol in self.pairs)

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the *rows* to show, by their ``venue`` and, where they have one, ``symbol``."""
        wanted = pd.Series(data=True, index=rows.index)
        if self.venues:
            wanted &= rows["venue"].isin(self.venues)
        if self.pairs and "symbol" in rows:
            wanted &= rows["symbol"].isin(self.pairs)
        return rows[wanted]


def exceeded(
    thresholds: Thresholds, name: Level, values: pd.Series[float], bases: Sequence[str]
) -> pd.Series[bool]:
    """Return which *values* of the quantity called *name* are unusual; absent ones are not.

    A threshold must be exceeded, on either side, but that of liquidations. Of the long/short ratio
    the inverse counts as well: 2 is twice as many longs, or twice as many shorts.

    Args:
        thresholds: From where on a user calls a value unusual.
        name: As in GLOSSARY.md.
        values: In the unit that GLOSSARY.md states.
        bases: The asset of each value, which may have a threshold of its own.
    """
    level = thresholds.of_bases(name, bases)
    if name == "ls_accounts":
        return (values > level) | (values < 1 / level)
    if name == "z_liquidations":
        # Fewer liquidations than usual are no flush.
        return values > level
    # Venues state 0.01 % as a rate of 0.0001: what binary fractions add must not exceed it.
    return values.abs().round(9) > level


def current() -> View:
    """Return the session's view; ``main`` sets it before any page runs."""
    seen: View = st.session_state.get(_SEEN, View())
    return seen


def keep(view: View) -> None:
    """Make *view* the current one of this session."""
    st.session_state[_SEEN] = view
