"""How much time the Market chart shows, and in bars of what length."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from analytics import formats
from analytics.panel import TIMEFRAMES

SPANS: Final = {
    "24 h": timedelta(days=1),
    "3 d": timedelta(days=3),
    "7 d": timedelta(days=7),
    "30 d": timedelta(days=30),
    "90 d": timedelta(days=90),
    "1 y": timedelta(days=365),
}
"""What can be chosen."""

BARS_MOST: Final = 3_000
"""More bars than this say nothing more on a screen, and cost their bytes at every refresh."""
BARS_LEAST: Final = 24
"""With fewer bars than this there is no course to see."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span of time in bars."""

    span: str
    """Of ``SPANS``."""
    timeframe: str
    """Of ``panel.TIMEFRAMES``."""
    bars: int
    note: str | None
    """Why the timeframe is not the one that was asked for."""


def stretch(span: str, timeframe: str) -> Stretch:
    """Return *span* in bars of *timeframe*, or of the nearest that makes a chart of it."""
    fitting = [name for name in TIMEFRAMES if BARS_LEAST <= _bars(span, name) <= BARS_MOST]
    if timeframe in fitting:
        return Stretch(span, timeframe, _bars(span, timeframe), None)
    too_fine = TIMEFRAMES[timeframe] < TIMEFRAMES[fitting[0]]
    drawn = fitting[0] if too_fine else fitting[-1]
    note = (
        f"Drawn in bars of {drawn}: in bars of {timeframe}, {span} would be "
        f"{formats.plural(_bars(span, timeframe), 'bar')}."
    )
    return Stretch(span, drawn, _bars(span, drawn), note)


def _bars(span: str, timeframe: str) -> int:
    return SPANS[span] // TIMEFRAMES[timeframe]
