"""The bar that is not over: what has been heard of it so far, after the bars of a panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats
from analytics.panels.panel import COUNTS, FLOWS, LEAST_KNOWN, TIMEFRAMES, Panel, coverage

_FIRST: Final = ("open", "oi_usd_open")
_HIGHEST: Final = ("high", "oi_usd_high")
_LOWEST: Final = ("low", "oi_usd_low")
_COVERAGES: Final = {coverage(flow): flow for flow in FLOWS}
_5_MINUTES: Final = np.timedelta64(TIMEFRAMES["5m"])
_MEANS: Final = ("book_imbalance", "spread_bps")


def with_bar_under_way(panel: Panel, heard: pd.DataFrame) -> Panel:
    """Return *panel*, its end brought up to what was *heard* of five minutes it does not know.

    Where a bar of the panel's timeframe begins with them, it is one row more. The
    panel's own time stays: those bars are not over, and signals do not look at them.

    Args:
        panel: Made with ``unfinished``, so that only its newest five minutes can be missing; it
            has with each flow its coverage.
        heard: Rows of ``bars_from_snapshots.sql`` for five minutes that are no bars yet.
    """
    column = {pair[:2]: n for n, pair in enumerate(panel.instruments)}
    # A rate that was heard is the one that ran.
    heard = heard.assign(funding_settled=np.where(heard["funding_rate"].isna(), np.nan, 0.0))
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
    grown = {
        name: np.pad(
            cells.T,
            ((0, 0), (0, more)),
            constant_values=0.0 if name in (*COUNTS, *_COVERAGES) else np.nan,
        )
        for name, cells in panel.values.items()
    }
    before = int((start - panel.times[0]) % width // _5_MINUTES)
    news = {
        name: _continued(
            name, {key: cells[places, at] for key, cells in grown.items()}, rows, before
        )
        for name in grown
    }
    for name, cells in grown.items():
        cells[places, at] = news[name]
        cells.flags.writeable = False
    values = {name: cells.T for name, cells in grown.items()}
    times = np.append(panel.times, panel.times[-1] + width * np.arange(1, more + 1))
    return replace(panel, times=times, values=MappingProxyType(values))


def _continued(name: str, so_far: Mapping[str, Floats], rows: pd.DataFrame, before: int) -> Floats:
    """Return the metric called *name* of bars of which more is told.

    Args:
        name: Of the metric.
        so_far: All metrics of these bars as they were. (N,) each
        rows: What is told of the five minutes that come next.
        before: 5-minute bars of the same bar that come before those.
    """
    was = so_far[name]
    if name in _COVERAGES:
        told = np.isfinite(_told(_COVERAGES[name], rows))
        part: Floats = (was * before + 100 * told) / (before + 1)
        return part
    told = _told(name, rows)
    if name in FLOWS:
        known = _continued(coverage(name), so_far, rows, before)
        added = np.where(np.isfinite(told), was + told, was) if before else told
        return np.where(known >= 100 * LEAST_KNOWN, added, np.nan)
    if name in COUNTS:
        return was + told
    if name in _HIGHEST:
        return np.fmax(was, told)
    if name in _LOWEST:
        return np.fmin(was, told)
    # A mean is of the five minutes that are over, until there are none of them.
    goes_first = name in (*_FIRST, *_MEANS)
    first, last = (was, told) if goes_first else (told, was)
    return np.where(np.isfinite(first), first, last)


def _told(name: str, rows: pd.DataFrame) -> Floats:
    """Return what *rows* tell of the metric called *name*. (N,)"""
    if name == "bar_count":
        return np.ones(len(rows))
    if name == "traded_usd":
        # Snapshots know no volume of five minutes; what takers bought and sold is all of it.
        return _told("taker_buy_usd", rows) + _told("taker_sell_usd", rows)
    return rows[name].to_numpy(np.float64)
