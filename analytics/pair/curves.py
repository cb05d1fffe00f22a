"""Sparklines, z-scores and band position for each pair of a table."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.indicators import bands, change, momentum
from analytics.indicators.arrays import Floats
from analytics.indicators.zscores import z_robust
from analytics.panels.panel import Panel
from analytics.signals.tiers import z_oi

METRICS: Final = ("close", "oi_usd")
"""What a panel needs for curves."""

BARS: Final = 84
"""How many bars a panel needs: the newest curve point of RSI then has five periods behind
it. [bars]"""

POINTS: Final = 24
"""Bars in a curve, at most. [bars]"""

_LEAST_POINTS: Final = 3


def pair_curves(panel: Panel) -> pd.DataFrame:
    """Return one row per instrument of *panel*, indexed by venue and symbol.

    Columns: ``z_oi``, ``z_robust``, ``rsi_14`` and ``band_pct`` (0 on the lower Bollinger
    band, 100 on the upper), all of the newest bar, NaN where absent; and curves of the newest
    bars that are known, oldest first: ``price_curve`` and ``oi_curve``, 0 where they were
    lowest and 100 where they were highest, and ``rsi_curve``. Curves are small whole
    numbers, because a table of many pairs goes to the browser at each refresh.
    """
    close, oi_usd = panel.values["close"], panel.values["oi_usd"]
    rsi, oi_delta_pct = momentum.rsi(close), change.delta_pct(oi_usd)
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
    newest = {
        name: values[-1] if len(values) else np.full(len(index), np.nan)
        for name, values in of_newest.items()
    }
    return pd.DataFrame({**newest, **{name: _held(rows) for name, rows in curves.items()}}, index)


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
