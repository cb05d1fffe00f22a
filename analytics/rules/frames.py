"""The frames that rules are evaluated on, as known at a time: a row per subject.

Values are those of Overview: of the newest snapshot by the queries of its table, by bar by the
functions behind its curves and signals. Beside a column ``NAME`` stands ``NAME_ts``, when its value
was so. A pair that is silent has no row, a bar that is not known no value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats
from analytics.market.by_asset import needed
from analytics.panels.panel import TIMEFRAMES, Panel, load
from analytics.rules import columns
from analytics.rules.columns import Column
from analytics.rules.engine import SUBJECT_KEYS, Which
from analytics.rules.levels import levels, time_of
from analytics.rules.reading import Kept, Reading, mark
from analytics.rules.rules_file import Per, Rule
from analytics.signals.fired import with_newest
from analytics.signals.thresholds import Thresholds
from analytics.signals.tiers import confluence

COLUMNS: Final = columns.COLUMNS
"""What a rule may name, by what it is about."""

_NEAR: Final = 5
"""Rows for what looks no further back: the window of tier 6, and a bar that is late. [bars]"""


class Frames:
    """Makes frames again and again; what only changes when bars are written is kept."""

    def __init__(self, cycle: timedelta) -> None:
        """Begin with nothing kept; *cycle* is the time between two snapshots."""
        self._cycle = cycle
        self._kept = Kept()

    def load(
        self,
        cursor: duckdb.DuckDBPyConnection,
        rules: Sequence[Rule],
        now: datetime,
        *,
        known_by: datetime | None = None,
    ) -> dict[Which, pd.DataFrame]:
        """Return the frames that *rules* need, one for each kind of subject and timeframe.

        They have the columns that the rules name, and those that their scopes ask for.

        Args:
            cursor: On the lake.
            rules: Which will be evaluated.
            now: What was received, or over, later is not seen. With a zone.
            known_by: What became known later is not seen either; None: at *now*. A live pass
                gives ``query.ANY_TIME``, for which less is read.

        Raises:
            QueryError: *now* has no zone.
            LakeError: The lake cannot be read.
        """
        known_by = known_by or now
        newest = self._kept.newest(cursor, now, known_by)
        read = Reading(cursor, now, known_by, self._cycle, self._kept, newest)
        wanted = names_read(rules)
        by_bar = _by_bar(wanted)
        of = {
            per: _Subjects(read, per, levels(read, per, _of(per, wanted)), by_bar)
            for per in {per for per, _ in wanted}
        }
        return {which: of[which[0]].frame(which[1], names) for which, names in wanted.items()}


def names_read(rules: Iterable[Rule]) -> dict[Which, frozenset[str]]:
    """Return the names that each frame must have: those of conditions, and of scopes."""
    names = defaultdict[Which, set[str]](set)
    for rule in rules:
        mine = names[rule.per, rule.timeframe]
        mine |= rule.reads
        if rule.scope.top is not None:
            mine.add("volume_24h_usd")
    return {which: frozenset(found) for which, found in names.items()}


def _of(per: Per, wanted: Mapping[Which, frozenset[str]]) -> set[str]:
    return set[str]().union(*(names for which, names in wanted.items() if which[0] == per))


def _by_bar(wanted: Mapping[Which, frozenset[str]]) -> dict[Which, frozenset[str]]:
    """Return which values by bar are read, by subject and the timeframe of their bars."""
    found = defaultdict[Which, set[str]](set)
    for (per, timeframe), names in wanted.items():
        for name in names:
            column = columns.named(per, name, timeframe)
            if column.timeframe is not None:
                # The confluence is of z and of newest values.
                computed = "z_oi" if column.quantity == columns.CONFLUENCE else column.quantity
                found[per, column.timeframe].add(computed)
    return {which: frozenset(mine) for which, mine in found.items()}


class _Subjects:
    """The values of all subjects of one kind; each is placed once for all timeframes."""

    def __init__(
        self, read: Reading, per: Per, rows: pd.DataFrame, names: Mapping[Which, frozenset[str]]
    ) -> None:
        self._read, self._per, self._rows, self._names = read, per, rows, names
        self._keys = _keys(rows, per)
        self._bars: dict[str, tuple[_Bars, NDArray[np.intp]]] = {}
        self._columns: dict[Column, tuple[object, object]] = {}

    def frame(self, timeframe: str, names: frozenset[str]) -> pd.DataFrame:
        """Return the values called *names* in rules of *timeframe*, and no other column."""
        found: dict[str, object] = {name: self._rows[name] for name in columns.TEXTS[self._per]}
        for name in sorted(names - found.keys()):
            column = columns.named(self._per, name, timeframe)
            found[name], found[f"{name}_ts"] = self._value(column)
        # Copied together they would be faster to compute with; nothing is.
        return pd.DataFrame(found, index=self._rows.index, copy=False)

    def _value(self, column: Column) -> tuple[object, object]:
        """Return the values of *column*, and when they were so."""
        if column not in self._columns:
            name, timeframe = column
            self._columns[column] = (
                (self._rows[name], time_of(self._rows, name))
                if timeframe is None
                else self._of_bar(name, timeframe)
            )
        return self._columns[column]

    def _of_bar(self, name: str, timeframe: str) -> tuple[object, object]:
        bars, at = self._placed(timeframe)
        ended = pd.DatetimeIndex(bars.ended[at]).tz_localize(UTC).array
        if name == columns.CONFLUENCE:
            return _confluence(bars.values["z_oi"][at], self._rows), ended
        return bars.values[name][at], ended

    def _placed(self, timeframe: str) -> tuple[_Bars, NDArray[np.intp]]:
        """Return the last bars of *timeframe*, and which of them is of each row."""
        if timeframe not in self._bars:
            which = self._per, timeframe
            bars = _bars(self._read, which, self._names[which])
            at = [bars.place.get(key, -1) for key in self._keys]
            self._bars[timeframe] = bars, np.array(at, np.intp)
        return self._bars[timeframe]


@dataclass(frozen=True, slots=True)
class _Bars:
    """The last bar of each subject. Behind the last one stands what is absent, for place -1."""

    place: Mapping[tuple[str, ...], int]
    """By what names a subject."""
    values: Mapping[str, Floats]
    ended: NDArray[np.datetime64]
    """When each bar was over."""


def _keys(rows: pd.DataFrame, per: Per) -> list[tuple[str, ...]]:
    if not (names := SUBJECT_KEYS[per]):
        return [()] * len(rows)
    return list(zip(*(rows[name].tolist() for name in names), strict=True))


def _confluence(z_oi: Floats, rows: pd.DataFrame) -> Floats:
    ratio, book = (
        rows[name].to_numpy(np.float64) for name in ("ls_accounts", "book_imbalance_pct")
    )
    share: Floats = confluence(z_oi[None], ratio[None], book[None], Thresholds()).share[0]
    return share


def _bars(read: Reading, which: Which, names: frozenset[str]) -> _Bars:
    return read.once(
        ("bars", *which), which[1], lambda: _newest_bars(read, which, sorted(names)), also=names
    )


def _newest_bars(read: Reading, which: Which, names: Sequence[str]) -> _Bars:
    per, timeframe = which
    panel = _panel(read, which, names)
    panel, values = columns.by_subject(per, panel, names, read.counted.multipliers)
    keys = pd.DataFrame(list(panel.instruments), columns=["venue", "symbol", "base"])
    newest = _newest_row(panel, waits=read.may_be_late(timeframe))
    at = newest, np.arange(len(newest))
    ends = panel.times + np.timedelta64(TIMEFRAMES[timeframe])
    return _Bars(
        {key: n for n, key in enumerate(_keys(keys, per))},
        {name: np.append(cells[at], np.nan) for name, cells in values.items()},
        np.append(ends[newest], np.datetime64("NaT")),
    )


def _newest_row(panel: Panel, *, waits: bool) -> NDArray[np.intp]:
    """Return which row each column's values are of: the last, or the one before while it waits."""
    known = np.isfinite(panel.values["close"]) | np.isfinite(panel.values["oi_usd"])
    last = len(known) - 1
    if last < 0:
        return np.empty(0, np.intp)
    return np.where(known[last] | (not waits) | (last == 0), last, last - 1)


def _panel(read: Reading, which: Which, names: Sequence[str]) -> Panel:
    """Return the bars that the values called *names* are computed from: far back only what must."""
    per, timeframe = which
    far, bars = columns.looked_back(names)
    metrics = [*columns.metrics_needed(names), "close", "oi_usd"]
    if per not in ("pair", "venue"):
        metrics, far = [*needed(metrics)], far and [*needed(far)]
    end = mark(read.now, timeframe)

    def loaded(some: Sequence[str], rows: int) -> Panel:
        bounds: dict[str, Any] = {"now": end, "known_by": read.known_by, "counted": read.counted}
        return load(read.cursor, some, timeframe, bars=rows, **bounds)

    near = [name for name in dict.fromkeys(metrics) if name not in far]
    if not far or not near:
        return loaded(far or near, max(bars + 2, _NEAR))
    return with_newest(loaded(far, bars + 2), loaded(near, _NEAR))
