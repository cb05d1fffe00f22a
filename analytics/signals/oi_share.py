"""Each venue's share of a base's open interest, and how unusual its change is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats
from analytics.indicators.change import delta
from analytics.indicators.zscores import z_score
from analytics.panels.panel import Pair

_SHARE_DIGITS: Final = 6
"""Shares are rounded to a millionth of a point: where every venue's coins stand still and the
price moves, rounding moves the last digits, and no z-score must take that for news."""


@dataclass(frozen=True, slots=True)
class OiShares:
    """The share of every venue in the open interest of every base it lists."""

    holders: tuple[tuple[str, str], ...]
    """(venue, base) of each column, by base and venue. G of them."""
    share_pct: Floats
    """NaN where the venue's open interest is absent. [%] (T, G)"""
    z: Floats
    """z-score of the share's change within the bar among the changes before. (T, G)"""


def oi_shares(oi_usd: Floats, instruments: Sequence[Pair], *, window: int) -> OiShares:
    """Return what share of each base every venue holds, and how unusual that is.

    A venue that falls silent makes the others' shares jump, which says nothing about
    the market. So the z-score is absent unless the same of the base's instruments
    were known in the current bar, all of the window, and the bar before it. It is of
    the share's change: a level drifts, and would be unusual most of the time.

    Args:
        oi_usd: Open interest by bar. [USD] (T, N)
        instruments: What the columns are of. N of them.
        window: Bars before the current one that it is compared with. [bars]
    """
    order = sorted(range(len(instruments)), key=lambda n: _holder(instruments[n]))
    keys = [_holder(instruments[n]) for n in order]
    holder_starts = _starts([key[:2] for key in keys])
    holders = tuple((keys[start][1], keys[start][0]) for start in holder_starts)
    base_of_column = _starts([key[0] for key in keys])
    base_of_holder = _starts([base for _, base in holders])
    width = np.diff([*base_of_holder, len(holders)])

    levels = oi_usd[:, order]
    known = np.isfinite(levels)
    of_holder = _sums(np.where(known, levels, 0.0), holder_starts)
    of_base = np.repeat(_sums(of_holder, base_of_holder), width, axis=1)
    stated = (_sums(known.astype(np.float64), holder_starts) > 0) & (of_base > 0)
    part = np.full(stated.shape, np.nan)
    np.divide(of_holder, of_base, out=part, where=stated & np.isfinite(of_base))
    share = np.round(100 * part, _SHARE_DIGITS)
    unsteady = _sums((~_steady(known, window + 2)).astype(np.float64), base_of_column)
    steady = np.repeat(unsteady == 0, width, axis=1)
    change = np.round(delta(share), _SHARE_DIGITS)
    return OiShares(holders, share, np.where(steady, z_score(change, window), np.nan))


def _holder(pair: Pair) -> tuple[str, str, str]:
    return pair.base, pair.venue, pair.symbol


def _starts(keys: Sequence[object]) -> NDArray[np.intp]:
    """Return where each stretch of equal *keys* begins."""
    return np.array(
        [n for n, key in enumerate(keys) if n == 0 or key != keys[n - 1]], dtype=np.intp
    )


def _sums(values: Floats, starts: NDArray[np.intp]) -> Floats:
    """Return the sums of stretches of columns."""
    with np.errstate(over="ignore"):
        sums: Floats = np.add.reduceat(values, starts, axis=1)
    return sums


def _steady(known: NDArray[np.bool_], rows: int) -> NDArray[np.bool_]:
    """Return where a column was known in all of the last *rows* rows, or in none. (T, N)"""
    steady = np.zeros(known.shape, dtype=np.bool_)
    if len(known) >= rows:
        counts = sliding_window_view(known, rows, axis=0).sum(axis=-1)
        steady[rows - 1 :] = (counts == 0) | (counts == rows)
    return steady
