"""The largest pairs of the user's selection, for pages that compare many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import streamlit as st

from analytics import formats
from analytics.correlation.ranking import SIZES, largest
from analytics.panels.panel import Only, Pair
from dashboard.as_of import Moment
from dashboard.loaders import bars
from dashboard.view import View

COUNTS: Final = (20, 50, 100, 200)
"""How many can be chosen."""

_RECENT_BARS: Final = 12
"""A pair without data for longer is left out. [bars of 5 min]"""


def largest_pairs(shown: Moment, seen: View) -> tuple[list[Pair], int]:
    """Return the largest pairs by 24 h volume, up to the last of ``COUNTS``, and the total count.

    Where there is none, a sentence on the page says so.

    Args:
        shown: When.
        seen: Which venues and pairs count.
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
    return wanted[: COUNTS[-1]], len(wanted)


def only(pairs: Sequence[Pair]) -> Only:
    """Return what makes a panel of *pairs* alone, the same whichever of them is the larger."""
    return Only(instruments=tuple(sorted((pair.venue, pair.symbol) for pair in pairs)))
