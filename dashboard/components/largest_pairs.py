"""The largest assets or pairs of the user's selection, for pages that compare many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from analytics import formats
from analytics.correlation.ranking import SIZES, largest
from analytics.panels.panel import Only, Pair
from dashboard.loaders import bars
from dashboard.state.as_of import Moment
from dashboard.state.view import View

COUNTS: Final = (20, 50, 100, 200)
"""How many can be chosen."""

_RECENT_BARS: Final = 12
"""A pair without data for longer is left out. [bars of 5 min]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """What pages of many rows draw."""

    rows: list[Pair]
    """Assets or pairs, the largest by 24 h volume first; no more than the last of ``COUNTS``."""
    total: int
    """How many there are in all."""
    instruments: list[Pair]
    """The pairs that *rows* are made of, the largest first."""
    by_asset: bool

    @property
    def word(self) -> str:
        """What a row is of."""
        return "asset" if self.by_asset else "pair"

    @property
    def only(self) -> Only:
        """What makes a panel of these alone, the same whichever of them is the larger."""
        return _only(self.instruments)

    def lead(self, base: str) -> Pair:
        """Return the largest pair of *base*."""
        return next(pair for pair in self.instruments if pair.base == base)


def largest_rows(shown: Moment, seen: View) -> Largest:
    """Return the largest assets or pairs by 24 h volume.

    Where there is none, a sentence on the page says so.

    Args:
        shown: When.
        seen: Which venues and pairs count, and what rows are of.
    """
    recent = bars.panel(SIZES, "5m", shown, bars=_RECENT_BARS)
    wanted = [
        pair
        for pair in largest(recent, len(recent.instruments))
        if seen.shows(pair.venue, pair.symbol)
    ]
    if not wanted:
        st.info(
            f"No bars in the hour before {formats.moment(shown.now)} for the selected pairs and "
            "venues. Bars close every five minutes."
        )
    if seen.rows == "pairs" or not wanted:
        first = wanted[: COUNTS[-1]]
        return Largest(rows=first, total=len(wanted), instruments=first, by_asset=False)
    summed = bars.panel(SIZES, "5m", shown, bars=_RECENT_BARS, only=_only(wanted), by_asset=True)
    assets = largest(summed, COUNTS[-1])
    bases = {one.base for one in assets}
    return Largest(
        rows=assets,
        total=len(summed.instruments),
        instruments=[pair for pair in wanted if pair.base in bases],
        by_asset=True,
    )


def _only(pairs: Sequence[Pair]) -> Only:
    return Only(instruments=tuple(sorted((pair.venue, pair.symbol) for pair in pairs)))
