"""Whether signals look ahead: they are computed again on the record cut short, and compared.

A signal that is gone, or new, where nothing after its bar is there was made of what came later.
The cuts are at the ends of bars that signalled, where one bar too many shows at once, and at
random times; freqtrade's look-ahead analysis does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import pandas as pd

from analytics.panels.panel import Panel
from analytics.trades.simulated.costs import ends_ms
from analytics.trades.simulated.signals import Signals

Signalled = tuple[Panel, Signals]
"""Bars, and the signals of them."""

LEAK_COLUMNS: Final = ("venue", "symbol", "signal_ts", "signal", "cut_ts", "was")
_KINDS: Final = ("long entry", "long exit", "short entry", "short exit")


def leaks(
    whole: Signalled,
    until: Callable[[pd.Timestamp], Signalled],
    *,
    cuts: int = 12,
    seed: int = 1,
) -> pd.DataFrame:
    """Return signals that differ where the record ends earlier.

    Args:
        whole: What is checked.
        until: Returns the same of the record as it was at a time, UTC.
        cuts: At how many random times; half as many more for each kind of signal, where one was.
        seed: Of their choice.

    Returns:
        No row if nothing looks ahead. signal_ts, the end of the bar; signal, which; cut_ts, where
        the record ended; was, ``absent`` or ``present`` there and the other way round in all.
    """
    found = [
        row
        for cut in _cuts(whole, cuts, np.random.default_rng(seed))
        for row in _differences(whole, until(cut), cut)
    ]
    return pd.DataFrame(found, columns=list(LEAK_COLUMNS))


def _cuts(whole: Signalled, count: int, draw: np.random.Generator) -> list[pd.Timestamp]:
    """Return the ends of bars, in time."""
    panel, signals = whole
    bars = len(panel.times)
    drawn = draw.choice(bars, min(count, bars), replace=False)
    for flags in signals.parts:
        signalled = np.flatnonzero(flags.any(axis=1))
        some = draw.choice(signalled, min(count // 2, len(signalled)), replace=False)
        drawn = np.concatenate([drawn, some])
    picked = np.unique(drawn)
    milliseconds = ends_ms(panel, picked).astype("datetime64[ms]")
    return list(pd.DatetimeIndex(milliseconds, tz="UTC"))


def _differences(
    whole: Signalled, then: Signalled, cut: pd.Timestamp
) -> Iterator[tuple[str, str, pd.Timestamp, str, pd.Timestamp, str]]:
    """Yield what differs in the bars that both have, of the pairs that both have."""
    (panel, signals), (early, early_signals) = whole, then
    rows, early_rows = (
        np.flatnonzero(np.isin(one.times, other.times))
        for one, other in ((panel, early), (early, panel))
    )
    place = {pair[:2]: n for n, pair in enumerate(early.instruments)}
    both = [(n, place[pair[:2]]) for n, pair in enumerate(panel.instruments) if pair[:2] in place]
    columns, early_columns = (list(some) for some in zip(*both, strict=True)) if both else ([], [])
    ends = pd.DatetimeIndex(ends_ms(panel, rows).astype("datetime64[ms]"), tz="UTC")
    for kind, flags, were in zip(_KINDS, signals.parts, early_signals.parts, strict=True):
        now = flags[np.ix_(rows, columns)]
        before = were[np.ix_(early_rows, early_columns)]
        for row, column in zip(*np.nonzero(now != before), strict=True):
            pair = panel.instruments[columns[column]]
            was = "present" if before[row, column] else "absent"
            yield pair.venue, pair.symbol, ends[row], kind, cut, was
