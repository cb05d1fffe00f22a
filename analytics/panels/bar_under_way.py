"""The bar under way: the snapshots so far of a bar that is not over, added to a panel."""

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


def with_bar_under_way(panel: Panel, newest: pd.DataFrame) -> Panel:
    """Return *panel* with the newest five minutes, which are no stored bars yet, at its end.

    Where a bar of the panel's timeframe begins with them, it is one row more. The
    panel's own time stays: those bars are not over, and signals do not look at them.

    Args:
        panel: Made with ``unfinished``, so that only its newest five minutes can be missing; it
            has with each flow its coverage.
        newest: Rows of ``bars_from_snapshots.sql`` for five minutes that are no bars yet.
    """
    column = {pair[:2]: n for n, pair in enumerate(panel.instruments)}
    # A rate of a snapshot is the one that ran.
    newest = newest.assign(funding_settled=np.where(newest["funding_rate"].isna(), np.nan, 0.0))
    keys = zip(newest["venue"], newest["symbol"], strict=True)
    places = np.array([column.get(key, -1) for key in keys], np.intp)
    starts = newest["ts"].dt.tz_localize(None).to_numpy("datetime64[ms]")
    for start in np.unique(starts[places >= 0]):
        mine = (places >= 0) & (starts == start)
        panel = _with_five_minutes(panel, start, places[mine], newest[mine])
    return panel


def _with_five_minutes(
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
    """Return the metric called *name* of bars that go on by five minutes.

    Args:
        name: Of the metric.
        so_far: All metrics of these bars as they were. (N,) each
        rows: The five minutes that come next.
        before: 5-minute bars of the same bar that come before those.
    """
    was = so_far[name]
    if name in _COVERAGES:
        new = np.isfinite(_metric_of(_COVERAGES[name], rows))
        part: Floats = (was * before + 100 * new) / (before + 1)
        return part
    new = _metric_of(name, rows)
    if name in FLOWS:
        known = _continued(coverage(name), so_far, rows, before)
        added = np.where(np.isfinite(new), was + new, was) if before else new
        return np.where(known >= 100 * LEAST_KNOWN, added, np.nan)
    if name in COUNTS:
        return was + new
    if name in _HIGHEST:
        return np.fmax(was, new)
    if name in _LOWEST:
        return np.fmin(was, new)
    # A mean is of the five minutes that are over, until there are none of them.
    goes_first = name in (*_FIRST, *_MEANS)
    first, last = (was, new) if goes_first else (new, was)
    return np.where(np.isfinite(first), first, last)


def _metric_of(name: str, rows: pd.DataFrame) -> Floats:
    """Return the metric called *name* of *rows*. (N,)"""
    if name == "bar_count":
        return np.ones(len(rows))
    if name == "traded_usd":
        # Snapshots know no volume of five minutes; what takers bought and sold is all of it.
        return _metric_of("taker_buy_usd", rows) + _metric_of("taker_sell_usd", rows)
    return rows[name].to_numpy(np.float64)
