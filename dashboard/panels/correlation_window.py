"""How much time the Correlation page looks at, and in bars of what length."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from analytics import formats
from analytics.correlation import LEAST_COMMON
from analytics.panel import TIMEFRAMES

SPANS: Final = {
    "24 h": timedelta(days=1),
    "3 d": timedelta(days=3),
    "7 d": timedelta(days=7),
    "14 d": timedelta(days=14),
    "30 d": timedelta(days=30),
}
"""What can be chosen."""

BARS_MOST: Final = 1_500
"""More bars than this make r no surer, and the page slow."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in bars."""

    span: str
    """Of ``SPANS``."""
    timeframe: str
    """Of ``panel.TIMEFRAMES``."""
    bars: int
    note: str | None
    """Why the timeframe is not the one that was asked for."""


def window(span: str, timeframe: str) -> Window:
    """Return *span* in bars of *timeframe*, or of the nearest that can be correlated."""
    fitting = [name for name in TIMEFRAMES if LEAST_COMMON <= _bars(span, name) <= BARS_MOST]
    if timeframe in fitting:
        return Window(span, timeframe, _bars(span, timeframe), None)
    too_fine = TIMEFRAMES[timeframe] < TIMEFRAMES[fitting[0]]
    taken = fitting[0] if too_fine else fitting[-1]
    count = formats.plural(_bars(span, timeframe), "bar")
    why = "too many to wait for" if too_fine else "too few to correlate"
    note = f"In bars of {taken}: in bars of {timeframe}, {span} would be {count}, {why}."
    return Window(span, taken, _bars(span, taken), note)


def _bars(span: str, timeframe: str) -> int:
    return SPANS[span] // TIMEFRAMES[timeframe]
