"""Blocks of time that are drawn together, so that intervals respect what overlaps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

import numpy as np
import pandas as pd

from analytics import formats
from analytics.indicators.arrays import Floats
from analytics.rules.scorecard import LEAST_BLOCKS, LEVEL, Places, block_means, block_of

_LEAST_CELLS: Final = 12
"""Into so many cells a block is cut, where its bars are more: finer ones say the same."""
_LONG: Final = 0.9
"""A block is measured by the holding time that is longer than this share of all."""


@dataclass(frozen=True, slots=True)
class TimeBlocks:
    """The time of a run, cut into cells, so many of which are a block."""

    start: pd.Timestamp
    cell: pd.Timedelta
    count: int
    """Cells."""
    block: int
    """[cells]"""
    note: str | None
    """Why there are too few blocks to say how far they differ; None if there are enough."""

    @classmethod
    def of(cls, trades: pd.DataFrame, times: pd.DatetimeIndex) -> Self:
        """Return the blocks for *trades*, at least one, of a run.

        Args:
            trades: Of ``SimulatedTrades``; what is still open is held to the end.
            times: Start of the run, then the end of each bar.
        """
        bar, length = times[1] - times[0], times[-1] - times[0]
        held_s = (trades["exit_ts"].fillna(times[-1]) - trades["entry_ts"]).dt.total_seconds()
        held = timedelta(seconds=float(held_s.quantile(_LONG)))
        block = block_of(held)
        note = None
        if length < LEAST_BLOCKS * block:
            needed = formats.span(LEAST_BLOCKS * block)
            note = f"{formats.span(length)} of bars; trades of {formats.span(held)} need {needed}"
        cell = max(pd.Timedelta(block) // _LEAST_CELLS // bar, 1) * bar
        in_block = max(round(block / cell), 1)
        return cls(times[0], cell, max(-(-length // cell), in_block), in_block, note)

    def at(self, times: pd.Series[pd.Timestamp] | pd.DatetimeIndex) -> Places:
        """Return the cell of each of *times*."""
        found = np.asarray((times - self.start) // self.cell, np.intp)
        return found.clip(0, self.count - 1)

    def means(self, at: Places, terms: Floats, *, groups: int = 1, seed: int) -> Floats:
        """Return means of *terms*, resampled by the circular block bootstrap; NaN of an empty draw.

        Args:
            at: Cell of each of n things; where they are in groups, cell x groups + group. (n,)
            terms: (n, K)
            groups: How many there are.
            seed: The same gives the same draws.

        Returns:
            (RESAMPLES, groups, K)
        """
        count = terms.shape[1]
        sums = np.zeros((self.count * groups, 1 + count))
        np.add.at(sums, at, np.column_stack([np.ones(len(terms)), terms]))
        draw = np.random.default_rng(seed)
        found = block_means(sums.reshape(self.count, -1), count, self.block, draw)
        return found.reshape(-1, groups, count)


def interval(values: Floats) -> tuple[float, float]:
    """Return the 95 % interval of resampled *values*; NaN where none is known. (RESAMPLES,)"""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.nan, np.nan
    # Of values that were drawn: between one and infinity there is nothing.
    low, high = np.percentile(known, LEVEL, method="inverted_cdf")
    return float(low), float(high)
