"""Tier 7: an hour in which more was liquidated than is usual for the pair."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats
from analytics.indicators.hours import hour_sums, z_of_hours
from analytics.panels.panel import LEAST_KNOWN, TIMEFRAMES, Pair, Panel
from analytics.signals.fired import Signal
from analytics.signals.thresholds import Thresholds

TIER: Final = 7
HOUR: Final = timedelta(hours=1)
METRICS: Final = ("liq_long_usd", "liq_short_usd")
_SEEN: Final = ("z_liquidations", "liquidated_usd", *METRICS)


def flushes(hours: pd.DataFrame, thresholds: Thresholds, now: datetime) -> list[Signal]:
    """Return a signal for each pair of *hours* whose newest hour exceeds its threshold.

    Args:
        hours: As ``liquidation_hours.sql`` returns them by pair, of *now*.
        thresholds: What counts.
        now: The end of the hour. UTC
    """
    least = thresholds.of_bases("z_liquidations", hours["base"].tolist())
    beyond = hours.assign(least=least)[hours["z_liquidations"].to_numpy() > least]
    return [
        _flush(
            Pair(row["venue"], row["symbol"], row["base"]),
            now,
            [row[name] for name in _SEEN],
            row["least"],
        )
        for row in beyond.to_dict("records")
    ]


def past_flushes(
    panel: Panel, thresholds: Thresholds, *, bars: int, timeframe: str = "5m"
) -> list[Signal]:
    """Return what :func:`flushes` would have at the end of each of the last *bars* bars.

    Args:
        panel: 5-minute bars of ``METRICS``, ``hours.BARS_NEEDED`` more than *bars*.
        thresholds: What counts.
        bars: How far back. [bars of 5 minutes]
        timeframe: Of the bars that the signals stand beside: of one bar and pair only the largest.

    Returns:
        Oldest first.
    """
    if not len(panel.times):
        return []
    sides = [panel.values[name] for name in METRICS]
    known = np.isfinite(sides).any(axis=0)
    usd = np.where(known, np.nansum(sides, axis=0), np.nan)
    hours = hour_sums(usd, LEAST_KNOWN)
    z = z_of_hours(hours, bars)
    # Of a side that is known in no bar of the hour there is no sum.
    seen = (z, hours, *(hour_sums(side, 1 / 12) for side in sides))
    least = np.broadcast_to(
        thresholds.of_bases("z_liquidations", [pair.base for pair in panel.instruments]),
        len(panel.instruments),
    )
    rows, columns = np.nonzero(_largest(np.where(z > least, z, np.nan), panel, timeframe))
    ends = panel.times[rows].astype("datetime64[ms]").tolist()
    values = zip(*(cells[rows, columns].tolist() for cells in seen), strict=True)
    return [
        _flush(panel.instruments[column], end.replace(tzinfo=UTC) + TIMEFRAMES["5m"], saw, at_least)
        for end, column, saw, at_least in zip(
            ends, columns.tolist(), values, least[columns].tolist(), strict=True
        )
    ]


def _largest(z: Floats, panel: Panel, timeframe: str) -> NDArray[np.bool_]:
    """Return which of *z* is the largest of its pair in its bar of *timeframe*. (T, N)"""
    width_ms = TIMEFRAMES[timeframe] // timedelta(milliseconds=1)
    bar = panel.times.astype("datetime64[ms]").astype(np.int64) // width_ms
    _, starts, counts = np.unique(bar, return_index=True, return_counts=True)
    largest: NDArray[np.bool_] = z == np.repeat(np.fmax.reduceat(z, starts), counts, axis=0)
    return largest


def _flush(pair: Pair, end: datetime, seen: Sequence[float], least: float) -> Signal:
    """Return the signal of the hour of *pair* that ended at *end*, with values of ``_SEEN``."""
    return Signal(
        tier=TIER,
        venue=pair.venue,
        symbol=pair.symbol,
        base=pair.base,
        timeframe="1h",
        ts=end - HOUR,
        now=end,
        values={
            name: None if np.isnan(value) else value
            for name, value in zip(_SEEN, seen, strict=True)
        },
        thresholds={"z_liquidations": float(least)},
    )
