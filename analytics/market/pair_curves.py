"""Sparklines, z-scores and band position for each pair of a table."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.indicators import bands, change, momentum
from analytics.indicators.arrays import Floats
from analytics.indicators.zscores import z_robust
from analytics.panels.panel import TIMEFRAMES, Panel
from analytics.signals.tiers import z_oi

METRICS: Final = ("close", "oi_usd")
"""What a panel needs for curves."""

BARS: Final = 85
"""How many bars a panel needs: the newest curve point of RSI then has five periods behind
it, also where it is of the bar before the last. [bars]"""

POINTS: Final = 24
"""Bars in a curve, at most. [bars]"""

_LEAST_POINTS: Final = 3


def pair_curves(panel: Panel, *, waits: bool = False) -> pd.DataFrame:
    """Return one row per instrument of *panel*, indexed by venue and symbol.

    Columns: ``z_oi``, ``z_robust``, ``rsi_14`` and ``band_pct`` (0 on the lower Bollinger
    band, 100 on the upper), all of the panel's last bar, NaN where absent; ``bar_ended``,
    when the newest bar that the instrument has was over (UTC, NaT without one); and curves of
    the newest bars that are known, oldest first: ``price_curve`` and ``oi_curve``, 0 where they
    were lowest and 100 where they were highest, and ``rsi_curve``. Curves are small whole
    numbers, because a table of many pairs goes to the browser at each refresh.

    Args:
        panel: Of ``METRICS``, at least ``BARS`` rows up to now.
        waits: Whether the last bar may still be written: an instrument that does not have it
            keeps the values of the bar before.
    """
    close, oi_usd = panel.values["close"], panel.values["oi_usd"]
    rsi, oi_delta_pct = momentum.rsi(close), change.delta_pct(oi_usd)
    has_bar = np.isfinite(close) | np.isfinite(oi_usd)
    of_newest = {
        "z_oi": z_oi(oi_delta_pct),
        "z_robust": z_oi(oi_delta_pct, z_robust),
        "rsi_14": rsi,
        "band_pct": 100 * bands.bollinger(close).position,
    }
    curves = {
        "price_curve": [_in_its_range(column) for column in close[-POINTS:].T],
        "oi_curve": [_in_its_range(column) for column in oi_usd[-POINTS:].T],
        "rsi_curve": [_whole(column[np.isfinite(column)]) for column in rsi[-POINTS:].T],
    }
    index = pd.MultiIndex.from_arrays(
        [[pair[place] for pair in panel.instruments] for place in (0, 1)], names=["venue", "symbol"]
    )
    newest = {name: _newest(values, has_bar, waits) for name, values in of_newest.items()}
    held = {name: _held(rows) for name, rows in curves.items()}
    return pd.DataFrame({**newest, "bar_ended": _ended(panel, has_bar), **held}, index)


def _newest(values: Floats, has_bar: NDArray[np.bool_], waits: bool) -> Floats:
    """Return the last row of *values*; the one before where that bar is not there yet."""
    if not len(values):
        return np.full(values.shape[1], np.nan)
    late = ~has_bar[-1] & waits & (len(values) > 1)
    kept: Floats = np.where(late, values[-2:][0], values[-1])
    return kept


def _ended(panel: Panel, has_bar: NDArray[np.bool_]) -> pd.DatetimeIndex:
    """Return when the newest bar of each instrument was over. UTC"""
    if not len(has_bar):
        return pd.DatetimeIndex([pd.NaT] * has_bar.shape[1], tz="UTC")
    ends = panel.times + np.timedelta64(TIMEFRAMES[panel.timeframe])
    last = len(has_bar) - 1 - np.argmax(has_bar[::-1], axis=0)
    ended = np.where(has_bar.any(axis=0), ends[last], np.datetime64("NaT"))
    return pd.DatetimeIndex(ended.astype("datetime64[ms]")).tz_localize("UTC")


def _in_its_range(values: Floats) -> NDArray[np.uint8]:
    """Return where the known *values* lie between their least and their most, from 0 to 100.

    Of fewer than three there is no course: two would always be a cliff from one to the other.
    """
    known = values[np.isfinite(values)]
    if len(known) < _LEAST_POINTS:
        return np.empty(0, np.uint8)
    least, most = known.min(), known.max()
    # What did not move is a line in the middle.
    return _whole(
        np.full(len(known), 50.0) if least == most else 100 * (known - least) / (most - least)
    )


def _whole(values: Floats) -> NDArray[np.uint8]:
    """Return *values* from 0 to 100 as whole numbers."""
    return np.rint(values).astype(np.uint8)


def _held(rows: list[NDArray[np.uint8]]) -> NDArray[np.object_]:
    """Return *rows* as the cells of one column, of which numpy would make a table."""
    cells = np.empty(len(rows), dtype=np.object_)
    for place, row in enumerate(rows):
        cells[place] = row
    return cells
