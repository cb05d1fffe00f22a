"""The user's own time in the label of the Market chart, beside UTC in its heading."""

from __future__ import annotations

import numpy as np

from analytics import formats
from dashboard.market.traces import Place, Trace


def local_times(place: Place, zone: str | None) -> list[Trace]:
    """Return what draws nothing, and says in the label what time it is by the user's clock."""
    close = place.history.lines["close"]
    known, words = close[np.isfinite(close)], formats.local_minutes(place.history.times, zone)
    if words is None or not len(known):
        return []
    return [
        {
            # On one level, where the pane has a value anyway: it must not widen the scale.
            **place.grid(np.full(len(close), known[-1])),
            "type": "scatter",
            "mode": "none",
            "name": zone,
            "text": words,
            "hovertemplate": "%{text}",
        }
    ]
