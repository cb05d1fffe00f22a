"""The bar that is not over: what has been heard of it so far, after the bars of a panel."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.panel import COUNTS, TIMEFRAMES, Panel

Floats = NDArray[np.float64]

_FIRST: Final = ("open", "oi_usd_open")
_HIGHEST: Final = ("high", "oi_usd_high")
_LOWEST: Final = ("low", "oi_usd_low")
_SUMMED: Final = (
    "volume_usd",
    "taker_buy_usd",
    "taker_sell_usd",
    "liq_long_usd",
    "liq_short_usd",
    *COUNTS,
)
_MEANS: Final = ("book_imbalance", "spread_bps")


def with_running(panel: Panel, heard: pd.DataFrame) -> Panel:
    """Return *panel*, its end brought up to what was *heard* of five minutes it does not know.

    Where a bar of the panel's timeframe begins with them, it is one row more. The
    panel's own time stays: those bars are not over, and signals do not look at them.

    Args:
        panel: Made with ``unfinished``, so that only its newest five minutes can be missing.
        heard: Rows of ``bars_from_snapshots.sql`` for five minutes that are no bars yet.
    """
    column = {pair[:2]: n for n, pair in enumerate(panel.instruments)}
    keys = zip(heard["venue"], heard["symbol"], strict=True)
    places = np.array([column.get(key, -1) for key in keys], np.intp)
    starts = heard["ts"].dt.tz_localize(None).to_numpy("datetime64[ms]")
    for start in np.unique(starts[places >= 0]):
        mine = (places >= 0) & (starts == start)
        panel = _followed(panel, start, places[mine], heard[mine])
    return panel


def _followed(
    panel: Panel, start: np.datetime64, places: NDArray[np.intp], rows: pd.DataFrame
) -> Panel:
    """Return *panel* with the five minutes from *start* in the bar that they belong to.

    *places* are the columns that *rows* are of.
    """
    width = np.timedelta64(TIMEFRAMES[panel.timeframe])
    at = int((start - panel.times[0]) // width)
    more = max(at + 1 - len(panel.times), 0)
    values = {}
    for name, cells in panel.values.items():
        empty = 0.0 if name in COUNTS else np.nan
        new = np.pad(cells.T, ((0, 0), (0, more)), constant_values=empty)
        told = np.full(len(rows), 1.0) if name == "bar_count" else rows[name].to_numpy(np.float64)
        new[places, at] = _continued(name, new[places, at], told)
        new.flags.writeable = False
        values[name] = new.T
    times = np.append(panel.times, panel.times[-1] + width * np.arange(1, more + 1))
    return replace(panel, times=times, values=MappingProxyType(values))


def _continued(name: str, so_far: Floats, told: Floats) -> Floats:
    """Return the metric called *name* of bars that were *so_far* and of which more is *told*."""
    if name in _SUMMED:
        both = np.isfinite(so_far) & np.isfinite(told)
        return np.where(both, so_far + told, np.fmax(so_far, told))
    if name in _HIGHEST:
        return np.fmax(so_far, told)
    if name in _LOWEST:
        return np.fmin(so_far, told)
    # A mean is of the five minutes that are over, until there are none of them.
    goes_first = name in (*_FIRST, *_MEANS)
    first, last = (so_far, told) if goes_first else (told, so_far)
    return np.where(np.isfinite(first), first, last)
