"""How much time a page shows, and in bars of what length: enough bars, and not too many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from analytics import formats
from analytics.correlation.matrix import LEAST_COMMON
from analytics.panels.panel import TIMEFRAMES

MARKET_SPANS: Final = {
    "24 h": timedelta(days=1),
    "3 d": timedelta(days=3),
    "7 d": timedelta(days=7),
    "30 d": timedelta(days=30),
    "90 d": timedelta(days=90),
    "1 y": timedelta(days=365),
}
"""What can be chosen on Market."""

CORRELATION_SPANS: Final = {
    "24 h": timedelta(days=1),
    "3 d": timedelta(days=3),
    "7 d": timedelta(days=7),
    "14 d": timedelta(days=14),
    "30 d": timedelta(days=30),
}
"""What can be chosen on Correlation."""

MAX_BARS: Final = 3_000
"""More bars add nothing on a screen, and are sent at every refresh."""
MIN_BARS: Final = 24
"""Fewer bars make no chart."""
CORRELATION_MAX_BARS: Final = 1_500
"""More bars than this make r no surer, and the page slow."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A span of time in bars."""

    span: str
    """As it is chosen."""
    timeframe: str
    """Of ``panel.TIMEFRAMES``."""
    bars: int
    note: str | None
    """Why the timeframe differs from the selected one."""


def market_range(span: str, timeframe: str) -> TimeRange:
    """Return *span* in bars of *timeframe*, or of the nearest that makes a chart of it."""
    return _nearest(span, MARKET_SPANS[span], timeframe, (MIN_BARS, MAX_BARS), ("", ""))


def correlation_range(span: str, timeframe: str) -> TimeRange:
    """Return *span* in bars of *timeframe*, or of the nearest that can be correlated."""
    bounds = (LEAST_COMMON, CORRELATION_MAX_BARS)
    why = (", too few to correlate", ", too many to correlate")
    return _nearest(span, CORRELATION_SPANS[span], timeframe, bounds, why)


def _nearest(
    span: str,
    length: timedelta,
    timeframe: str,
    bounds: tuple[int, int],
    why: tuple[str, str],
) -> TimeRange:
    """Return *span* in bars of *timeframe*, or of the nearest that makes few and many enough.

    Args:
        span: As it is chosen.
        length: Of it.
        timeframe: Of ``panel.TIMEFRAMES``.
        bounds: The least and the most bars. [bars]
        why: Ends the note where there would be fewer, and where there would be more.
    """
    bars = {name: length // of_one for name, of_one in TIMEFRAMES.items()}
    fitting = [name for name, count in bars.items() if bounds[0] <= count <= bounds[1]]
    if timeframe in fitting:
        return TimeRange(span, timeframe, bars[timeframe], None)
    too_many = bars[timeframe] > bounds[1]
    drawn = fitting[0] if too_many else fitting[-1]
    count = formats.plural(bars[timeframe], "bar")
    would_be = f"{span} in {timeframe} bars would be {count}{why[too_many]}"
    return TimeRange(span, drawn, bars[drawn], f"Shown in {drawn} bars: {would_be}.")
