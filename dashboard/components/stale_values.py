"""Which values are stale: each by its own time and update interval."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from analytics import formats
from analytics.lake.schema import BAR
from analytics.market.figures import OLD_CYCLES, stale
from analytics.quantities import QUANTITIES
from dashboard.state.as_of import Moment

LS_EVERY: Final = BAR
"""How often venues publish long/short ratios."""


def is_stale(name: str, pairs: pd.DataFrame, shown: Moment) -> pd.Series[bool]:
    """Return of which *pairs* the value called *name*, which has a time of its own, is old.

    A long/short ratio's time is the mark that it was published for.
    """
    return stale(pairs[QUANTITIES[name].ts], shown.now, _every(name, shown))


def stale_at(name: str, ts: datetime, shown: Moment) -> bool:
    """Return whether a value of the quantity *name* received at *ts* is stale."""
    return shown.now - ts > OLD_CYCLES * _every(name, shown)


def stale_after(name: str, shown: Moment) -> str:
    """Write the age from which on the value called *name* is old: ``2 cycles``, ``10 min``."""
    if name.startswith("ls_"):
        return formats.span(OLD_CYCLES * _every(name, shown))
    return f"{OLD_CYCLES} cycles"


def _every(name: str, shown: Moment) -> timedelta:
    """Return the time between two values; nothing comes more often than the cycles."""
    return max(LS_EVERY, shown.cycle) if name.startswith("ls_") else shown.cycle
