"""Axes: round ticks, round times, and lines thinned to what can be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.formats import KINDS, Kind, writer
from analytics.indicators.arrays import Floats

_MINUTE: Final = 60.0
_DAY: Final = 86_400.0
_SPANS: Final = (
    *(minutes * _MINUTE for minutes in (1, 5, 15, 30, 60, 120, 180, 360, 720)),
    *(days * _DAY for days in (1, 2, 7, 14)),
)
_MAX_TICKS: Final = 5
_LEAST_SPAN: Final = 1e-12
"""Values closer than this are written alike."""
_LARGEST: Final = 1e300
"""What is larger overflows where two of it are added."""
_MAX_TIMES: Final = 6


def numbers(values: Sequence[Any] | NDArray[Any]) -> Floats:
    """Return *values* as floats; what is absent, infinite or nearly that is NaN."""
    floats = np.asarray(pd.to_numeric(pd.Series(list(values), dtype=object)), np.float64)
    return np.where(np.abs(floats) <= _LARGEST, floats, np.nan)


def positions(x: Sequence[Any] | NDArray[Any]) -> tuple[Floats, bool]:
    """Return where *x* stands on its axis, and whether that is time. [s since 1970, or as it is]"""
    given = pd.Series(list(x))
    if given.empty or pd.api.types.is_numeric_dtype(given):
        return np.asarray(given, np.float64), False
    times = pd.to_datetime(given, utc=True).dt.tz_localize(None).to_numpy("datetime64[ms]")
    return times.astype(np.int64) / 1000.0, True


def thinned(x: Floats, y: Floats, most: int = 600) -> tuple[Floats, Floats]:
    """Return the line with at most about *most* points; every peak, trough and gap stays."""
    if len(x) <= most:
        return x, y
    kept = set()
    for part in np.array_split(np.arange(len(x)), most // 3):
        known = part[np.isfinite(y[part])]
        if len(known) < len(part):
            kept.add(int(part[~np.isfinite(y[part])][0]))
        if len(known):
            kept |= {int(known[np.argmin(y[known])]), int(known[np.argmax(y[known])])}
    order = sorted({0, len(x) - 1} | kept)
    return x[order], y[order]


def number_ticks(low: float, high: float, kind: Kind) -> list[tuple[float, str]]:
    """Return round values between *low* and *high*, and how they are written, each differently.

    There are none where no two values in between are written differently.
    """
    if not _LEAST_SPAN <= high - low < 10 * _LARGEST:
        return []
    for most in range(_MAX_TICKS, 0, -1):
        step = _round_step((high - low) / most)
        first = math.ceil(low / step - 1e-9)
        values = [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]
        digits = max(KINDS[kind].digits, math.ceil(-math.log10(step) - 1e-9))
        labels = list(map(writer(kind, digits), values))
        if values and len(set(labels)) == len(labels):
            return list(zip(values, labels, strict=True))
    return []


def time_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return round times between *low* and *high*, as UTC. [s since 1970]"""
    step = next((span for span in _SPANS if (high - low) / span <= _MAX_TIMES), None)
    if step is None:
        return _months(low, high)
    times = [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
    pattern = "%H:%M" if step < _DAY else "%d %b"
    return [(time, _moment(time, pattern)) for time in times]


def _months(low: float, high: float) -> list[tuple[float, str]]:
    """Return first days of months, every so many months that few are left."""
    first, last = datetime.fromtimestamp(low, UTC), datetime.fromtimestamp(high, UTC)
    months = range(12 * first.year + first.month, 12 * last.year + last.month)
    every = next(n for n in (1, 3, 6, 12, 24, 60, 1200) if len(months) / n <= _MAX_TIMES)
    starts = [
        datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        for month in months
        if month % every == 0
    ]
    return [(start.timestamp(), f"{start:%b %Y}") for start in starts]


def _moment(time: float, pattern: str) -> str:
    moment = datetime.fromtimestamp(time, UTC)
    is_midnight = pattern == "%H:%M" and moment.hour == moment.minute == 0
    return f"{moment:%d %b}" if is_midnight else f"{moment:{pattern}}"


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is at least *least*."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= least * (1 - 1e-9))
