"""Signals: which tiers fired, for which instrument, and with which values.

What is asked of the newest bar and of history is the same question about other
rows, and funding counts only as the rate that ran, not as what was settled later: so
what a replay shows of collected bars is what an alert would have done.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

import duckdb
import numpy as np

from analytics.errors import QueryError
from analytics.panels.bases import Bases, bases
from analytics.panels.panel import TIMEFRAMES, Panel, load_for_signals
from analytics.signals.thresholds import Thresholds
from analytics.signals.tiers import METRICS, Tier, bars_needed, tiers

_ROWS_PER_BATCH: Final = 512
"""Rows of history that are looked at together, to bound memory. [bars]"""


@dataclass(frozen=True, slots=True)
class Signal:
    """One tier that fired for one subject in one bar."""

    tier: int
    venue: str | None
    """None for tier 6, which is of the whole market."""
    symbol: str | None
    """None for tier 5, which is of a venue's part of a base, and for tier 6."""
    base: str | None
    timeframe: str
    ts: datetime
    """Start of the bar. UTC"""
    now: datetime
    """The time it was asked at; in history, the end of the bar, when it could first be known."""
    values: Mapping[str, float | None]
    """What it saw, by name; None where that was absent."""
    thresholds: Mapping[str, float]
    """What it compared that with."""


def load_timeframes(
    cursor: duckdb.DuckDBPyConnection,
    thresholds: Thresholds,
    timeframes: Sequence[str] = tuple(TIMEFRAMES),
    *,
    now: datetime,
    known_by: datetime | None = None,
    counted: Bases | None = None,
) -> dict[str, Panel]:
    """Return a panel of each timeframe with all that :func:`latest_signals` asks of it.

    All timeframes come from two reads of the bars: the tiers look far back for open
    interest alone, and everything else is loaded, and known, for the newest rows only.
    So these panels serve for *now*, not for a time before it.

    Args:
        cursor: On the lake.
        thresholds: What the signals will be asked for with.
        timeframes: Of ``panel.TIMEFRAMES``.
        now: 5-minute bars that were not over by then are not seen. With a zone.
        known_by: What became known later is not seen either; None: at *now*. With a zone.
        counted: What instruments are counted under; None asks the lake, as of *now*.
    """
    far, near = bars_needed(thresholds), max(thresholds.cluster_bars, 2)
    counted = bases(cursor, now, known_by) if counted is None else counted
    load = partial(load_for_signals, cursor, now=now, known_by=known_by, counted=counted)
    long = load(["oi_usd"], timeframes, bars=far)
    others = [name for name in METRICS if name != "oi_usd"]
    short = load(others, timeframes, bars=near)
    return {name: with_newest(long[name], short[name]) for name in timeframes}


def latest_signals(
    panel: Panel, thresholds: Thresholds, now: datetime | None = None
) -> list[Signal]:
    """Return the signals of the newest bar that was over at *now*.

    Args:
        panel: Of ``tiers.METRICS``, at least ``tiers.bars_needed`` rows up to that
            bar; with fewer, what looks further back is unknown.
        thresholds: What counts.
        now: With a zone, not after the panel's own; None means the panel's own.

    Returns:
        By tier, base, venue and symbol; none where no bar was over yet.

    Raises:
        QueryError: *now* has no zone, or the panel was made before it.
    """
    now = panel.now if now is None else now
    over = _rows_over(panel, now)
    found = _signals(panel, thresholds, max(over - 1, 0), over)
    return [replace(signal, now=now) for signal in found]


def all_signals(panel: Panel, thresholds: Thresholds) -> list[Signal]:
    """Return the signals of every bar of *panel* that was over at the panel's time.

    The first ``tiers.bars_needed`` rows have too little before them for all
    that can be known; begin a replay's panel that much earlier.

    Returns:
        As :func:`latest_signals` would have for each bar's end, oldest first.
    """
    over = _rows_over(panel, panel.now)
    return [
        signal
        for first in range(0, over, _ROWS_PER_BATCH)
        for signal in _signals(panel, thresholds, first, min(first + _ROWS_PER_BATCH, over))
    ]


def with_newest(long: Panel, short: Panel) -> Panel:
    """Return *long* with the metrics of *short*, which are absent before its first row.

    Both are of the same bars, instruments and time; *short* begins later.
    """
    place = {pair[:2]: column for column, pair in enumerate(long.instruments)}
    columns = [place[pair[:2]] for pair in short.instruments]
    values = dict(long.values)
    for name, newest in short.values.items():
        cells = np.full(long.shape[::-1], np.nan)
        cells[columns, len(long.times) - len(short.times) :] = newest.T
        cells.flags.writeable = False
        values[name] = cells.T
    return replace(long, values=values)


def _rows_over(panel: Panel, now: datetime) -> int:
    """Return how many of the panel's bars were over at *now*."""
    if now.tzinfo is None:
        raise QueryError(f"now: {now} has no time zone; pass UTC")
    if now > panel.now:
        raise QueryError(f"now: {now} is after {panel.now}, the time that the panel was made for")
    ends = panel.times + np.timedelta64(TIMEFRAMES[panel.timeframe])
    return int(np.sum(ends <= np.datetime64(now.astimezone(UTC).replace(tzinfo=None))))


def _signals(panel: Panel, thresholds: Thresholds, first: int, last: int) -> list[Signal]:
    """Return the signals of the rows from *first* on and before *last*."""
    begin = max(first - bars_needed(thresholds) + 1, 0)
    part = replace(
        panel,
        times=panel.times[begin:last],
        values={name: values[begin:last] for name, values in panel.values.items()},
    )
    found = [
        signal for tier in tiers(part, thresholds) for signal in _fired(tier, part, first - begin)
    ]
    return sorted(found, key=_place)


def _fired(tier: Tier, panel: Panel, first: int) -> Iterator[Signal]:
    """Yield a signal for every subject and row from *first* on where *tier* fired."""
    width = TIMEFRAMES[panel.timeframe]
    starts = panel.times.astype("datetime64[ms]").tolist()
    rows, columns = np.nonzero(tier.fired[first:] == 1)
    seen = [values[first + rows, columns].tolist() for values in tier.seen.values()]
    compared = {
        name: np.broadcast_to(levels, len(tier.subjects))
        for name, levels in tier.thresholds.items()
    }
    for row, column, *values in zip(rows.tolist(), columns.tolist(), *seen, strict=True):
        subject = tier.subjects[column]
        ts = starts[first + row].replace(tzinfo=UTC)
        yield Signal(
            tier=tier.number,
            venue=subject.venue,
            symbol=subject.symbol,
            base=subject.base,
            timeframe=panel.timeframe,
            ts=ts,
            now=ts + width,
            values={
                name: None if math.isnan(value) else value
                for name, value in zip(tier.seen, values, strict=True)
            },
            thresholds={name: float(levels[column]) for name, levels in compared.items()},
        )


def _place(signal: Signal) -> tuple[datetime, int, str, str, str]:
    """Return what signals are ordered by."""
    return (
        signal.ts,
        signal.tier,
        signal.base or "",
        signal.venue or "",
        signal.symbol or "",
    )
