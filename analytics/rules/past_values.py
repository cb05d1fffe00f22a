"""What rules would have read at past five-minute marks: a row per mark, a column per subject.

The functions are those of a live pass. Where that takes the newest snapshot, this takes the close
of the bar that ended then; of the book, its mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats
from analytics.lake.schema import BAR
from analytics.market.by_asset import needed
from analytics.panels.bases import Bases
from analytics.panels.panel import TIMEFRAMES, Pair, Panel, load
from analytics.rules import columns, past_levels
from analytics.rules.columns import CONFLUENCE, Column
from analytics.rules.engine import Subject
from analytics.rules.past_levels import Times
from analytics.rules.rules_file import Per
from analytics.signals.thresholds import Thresholds
from analytics.signals.tiers import confluence


@dataclass(frozen=True, slots=True)
class Past:
    """The values of all subjects of one kind at the marks of a stretch of time."""

    subjects: tuple[Subject, ...]
    bases: tuple[str | None, ...]
    """What each subject is counted under; None of a venue and of the market."""
    present: NDArray[np.bool_]
    """Where a subject has a bar that ended at the mark: all else is unknown. (S, N)"""
    values: Mapping[Column, Floats]
    """(S, N) each"""
    times: Mapping[Column, Times]
    """When each value was so. (S, N) each"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The time that is looked back at."""

    cursor: duckdb.DuckDBPyConnection
    start: datetime
    """Marks are after it. With a zone."""
    end: datetime
    """The last mark."""
    known_by: datetime
    counted: Bases

    @property
    def marks(self) -> Times:
        """Every five-minute mark, UTC. (S,)"""
        first = pd.Timestamp(self.start).floor(BAR) + BAR
        marks = pd.date_range(first, self.end, freq=BAR).tz_convert(None)
        return marks.to_numpy("datetime64[ms]")

    def panel(self, metrics: Sequence[str], timeframe: str, before: int) -> Panel:
        """Return the bars of *metrics*, with *before* of them before those of the first mark."""
        rows = (self.end - self.start) // TIMEFRAMES[timeframe] + before + 2
        bounds: dict[str, Any] = {"now": self.end, "known_by": self.known_by, "bars": rows}
        return load(self.cursor, metrics, timeframe, **bounds, counted=self.counted)


def past(stretch: Stretch, per: Per, wanted: Collection[Column]) -> Past:
    """Return the values *wanted* of all subjects of one kind at each mark."""
    if per == "venue":
        names, values, times = past_levels.venues(stretch.cursor, stretch.marks)
        present = np.ones((len(stretch.marks), len(names)), np.bool_)
        known = tuple(Subject(venue=name) for name in names)
        of = tuple(Pair(name, "", "") for name in names)
        for column, cells, ended in _by_bar(stretch, per, wanted, of):
            values[column], times[column] = cells, ended
        return Past(known, (None,) * len(names), present, values, times)
    levels = [one.quantity for one in wanted if one.timeframe is None]
    metrics, before = past_levels.reads({one.quantity for one in wanted})
    five = stretch.panel(_metrics(per, metrics), "5m", before)
    if not five.instruments:
        return Past((), (), np.empty((len(stretch.marks), 0), np.bool_), {}, {})
    subjects, _ = columns.by_subject(per, five, (), stretch.counted.multipliers)
    at = _At(stretch.marks, subjects, "5m", subjects.instruments, waits=False)
    units = stretch.counted.multipliers
    coins = np.array([units.get(pair[:2], 1.0) for pair in five.instruments])
    found = past_levels.levels(per, five, subjects.instruments, levels, coins)
    values = {Column(name, None): at.of(cells) for name, cells in found.items()}
    times = dict.fromkeys(values, at.ended)
    for column, cells, ended in _by_bar(stretch, per, wanted, subjects.instruments):
        if column.quantity == CONFLUENCE:
            ratio, book = subjects.values["ls_accounts"], 100 * subjects.values["book_imbalance"]
            cells = confluence(cells, at.of(ratio), at.of(book), Thresholds()).share  # noqa: PLW2901
        values[column], times[column] = cells, ended
    named = tuple(_subject(per, pair) for pair in subjects.instruments)
    bases = tuple(pair.base or None for pair in subjects.instruments)
    present = np.isfinite(at.of(subjects.values["close"])) | np.isfinite(
        at.of(subjects.values["oi_usd"])
    )
    return Past(named, bases, present, values, times)


class _At:
    """Takes from a panel the last bar of each subject that was over at each mark."""

    def __init__(
        self, marks: Times, panel: Panel, timeframe: str, of: Sequence[Pair], *, waits: bool
    ) -> None:
        width = np.timedelta64(TIMEFRAMES[timeframe])
        ends = (panel.times + width).astype("datetime64[ms]")
        place = {pair[:2]: n for n, pair in enumerate(panel.instruments)}
        keys = [pair[:2] for pair in of]
        column = np.array([place.get(key, -1) for key in keys], np.intp)
        row = np.broadcast_to(
            (np.searchsorted(ends, marks, "right") - 1)[:, None], (len(marks), len(column))
        )
        if waits and len(ends):
            # As in a live pass: until a bar of this mark is there, the one before stands.
            known = np.isfinite(panel.values["close"]) | np.isfinite(panel.values["oi_usd"])
            is_mark = (marks - np.datetime64(0, "ms")) % width == np.timedelta64(0)
            row = np.where(is_mark[:, None] & (row > 0) & ~known[row, column], row - 1, row)
        self._at = row, np.broadcast_to(column, row.shape)
        self._missing = (row < 0) | (column < 0)
        self.ended: Times = (
            ends[row] if len(ends) else np.full(row.shape, np.datetime64("NaT", "ms"))
        )

    def of(self, cells: Floats) -> Floats:
        """Return *cells* at the marks; NaN where a subject has no bar. (T, N) to (S, N)"""
        if not cells.size:
            return np.full(self._missing.shape, np.nan)
        return np.where(self._missing, np.nan, cells[self._at])


def _by_bar(
    stretch: Stretch, per: Per, wanted: Collection[Column], of: Sequence[Pair]
) -> Iterator[tuple[Column, Floats, Times]]:
    """Yield values and times of each column by bar that is *wanted*; of a confluence, its z_oi."""
    for timeframe in dict.fromkeys(one.timeframe for one in wanted if one.timeframe):
        names = [one.quantity for one in wanted if one.timeframe == timeframe]
        computed = list(dict.fromkeys("z_oi" if name == CONFLUENCE else name for name in names))
        bars = columns.looked_back(computed)[1]
        panel = stretch.panel(_metrics(per, columns.metrics_needed(computed)), timeframe, bars)
        panel, found = columns.by_subject(per, panel, computed, stretch.counted.multipliers)
        then = _At(stretch.marks, panel, timeframe, of, waits=True)
        for name in names:
            cells = found["z_oi" if name == CONFLUENCE else name]
            yield Column(name, timeframe), then.of(cells), then.ended


def _metrics(per: Per, names: Sequence[str]) -> list[str]:
    metrics = [*names, "close", "oi_usd"]
    return list(dict.fromkeys(metrics if per in ("pair", "venue") else needed(metrics)))


def _subject(per: Per, pair: Pair) -> Subject:
    match per:
        case "pair":
            return Subject(venue=pair.venue, symbol=pair.symbol)
        case "asset":
            return Subject(base=pair.base)
        case _:
            return Subject()
