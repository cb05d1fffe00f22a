"""How the Market chart writes values of each kind, and what its newest value is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from analytics import formats
from analytics.formats import KINDS
from analytics.market.pair_history import History
from analytics.panels.panel import TIMEFRAMES
from analytics.signals.sentences import LEGEND
from dashboard.pair_chart.panes import SIGNALS, Pane

Line = NDArray[np.float64]

GRAVEST: Final = max(map(len, LEGEND))
"""Squares of the gravest mark of a signal."""
_LATE_BARS: Final = 2
"""A pane that ends this many bars before the price states its end. [bars]"""


@dataclass(frozen=True, slots=True)
class Scale:
    """How one pane's values are written, in the browser as by ``analytics/formats.py``."""

    style: Literal["letters", "price", "fixed", "squares"]
    digits: int
    """Behind the point, where the style is fixed; of squares, the most."""
    sign: str
    """Before the number."""
    plus: bool
    """Whether what is above zero has one."""
    suffix: str
    """Follows the number."""
    smallest: float
    """The least step of the axis: a power of ten."""


def scale(pane: Pane, lines: list[Line]) -> Scale:
    """Return the scale of *pane* for what it draws; of signals, for how grave they are."""
    if pane is SIGNALS:
        return Scale("squares", GRAVEST, "", False, "", 1.0)
    how = KINDS[pane.kind]
    if how.unit in ("USD", "base coins"):
        return Scale("letters", 2, how.sign, how.signed, "", 0.01)
    if pane.kind == "price":
        largest = max((float(np.nanmax(np.abs(one))) for one in lines if _any(one)), default=0.0)
        return Scale("price", 2, "", False, "", 10.0 ** -_places(largest))
    digits = pane.quantity.digits
    return Scale("fixed", digits, how.sign, how.signed, how.suffix, 10.0**-digits)


def newest(pane: Pane, history: History) -> str:
    """Write the newest known value of the first line of *pane*, whether it is partial, and when.

    The time is left out where it is that of the price, or of the bar before.
    """
    name = pane.lines[0]
    known = np.flatnonzero(np.isfinite(history.lines[name]))
    if not len(known):
        return formats.ABSENT
    written = pane.quantity.write(float(history.lines[name][known[-1]]))
    partial = ", partial" if history.partial(name)[known[-1]] else ""
    end = ended_before(pane, history)
    at = "" if end is None else f", {formats.moment(end, _start(history, -1))}"
    return f"{written}{partial}{at}"


def ended_before(pane: Pane, history: History) -> datetime | None:
    """Return up to when *pane* is known, where the price is for two bars more; else None. UTC."""
    lines = [history.lines[name] for name in pane.lines if name in history.lines]
    known = np.flatnonzero(np.isfinite(lines).any(axis=0)) if lines else np.empty(0, int)
    price = np.flatnonzero(np.isfinite(history.lines.get("close", np.empty(0))))
    if not len(known) or not len(price) or price[-1] - known[-1] < _LATE_BARS:
        return None
    return _start(history, known[-1]) + TIMEFRAMES[history.timeframe]


def ended(history: History, until: datetime) -> datetime | None:
    """Return the end of the newest bar with a price; None without any. UTC.

    Args:
        history: Bars, of which the last may not be over.
        until: When such a bar was last updated. With a zone.
    """
    known = np.flatnonzero(np.isfinite(history.lines["close"]))
    if not len(known):
        return None
    return min(_start(history, known[-1]) + TIMEFRAMES[history.timeframe], until)


def _start(history: History, bar: int) -> datetime:
    start: datetime = history.times[bar].astype("datetime64[ms]").item().replace(tzinfo=UTC)
    return start


def _any(line: Line) -> bool:
    return bool(np.isfinite(line).any())


def _places(largest: float) -> int:
    """Return the decimals that show six figures, as ``formats.price`` does."""
    if not largest > 0:
        return 2
    return min(max(5 - math.floor(math.log10(largest)), 2), 12)
