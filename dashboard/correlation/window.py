"""How much time the Correlation page looks at, and in bars of what length."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from analytics.correlation.matrix import LEAST_COMMON
from dashboard.components.time_range import Stretch, nearest

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

_WHY: Final = (", too few to correlate", ", too many to wait for")


def window(span: str, timeframe: str) -> Stretch:
    """Return *span* in bars of *timeframe*, or of the nearest that can be correlated."""
    return nearest(span, SPANS[span], timeframe, (LEAST_COMMON, BARS_MOST), _WHY)
