"""Panels: time x instrument arrays cut from bars, which every indicator reads.

A panel has one row per bar and one column per instrument. Its rows are a regular
grid: a stretch of which nothing is recorded is rows of NaN, never missing rows,
so that "20 bars before" is always the same time before. NaN is absent.

Panels are made for a time, ``now``, and know only the 5-minute bars that were
over by then, as far as they were known then: what was fetched later is left out
unless ``known_by`` lets it in. What a cell of each metric is cut from, ``panel_bars.sql`` says.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple, Self

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analytics import query
from analytics.errors import QueryError
from analytics.indicators.arrays import Floats
from analytics.lake import schema
from analytics.lake.schema import BAR
from analytics.panels.bases import EVERY_BASE_AS_STORED, Bases

TIMEFRAMES: Final[Mapping[str, timedelta]] = MappingProxyType(
    {
        "5m": BAR,
        "15m": timedelta(minutes=15),
        "30m": timedelta(minutes=30),
        "1h": timedelta(hours=1),
        "4h": timedelta(hours=4),
        "1d": timedelta(days=1),
    }
)
"""How long a bar of each timeframe lasts."""

CLOSING: Final[Mapping[str, timedelta]] = MappingProxyType(
    dict.fromkeys(TIMEFRAMES, BAR) | {"4h": timedelta(minutes=15), "1d": timedelta(hours=1)}
)
"""How long the last part of a bar is, by timeframe: what is not of it is no close of the bar."""

LEAST_KNOWN: Final = 0.75
"""Part of a longer bar or a span that must be known of a flow, and of a span of a mean: less says
too little of the whole. The one rule of every page, export and query."""

WHOLE: Final = 1 - 1e-9
"""Part from which on all is known: a mean of parts is off by a rounding."""

FLOWS: Final = ("traded_usd", "taker_buy_usd", "taker_sell_usd", "liq_long_usd", "liq_short_usd")
"""What adds up over time."""


def coverage(flow: str) -> str:
    """Return the name of the metric that says how much of *flow* is known. [%]"""
    return f"{flow.removesuffix('_usd')}_coverage_pct"


def partial(values: Floats, coverage_pct: Floats) -> NDArray[np.bool_]:
    """Return which of *values* are of a part of their bar or span alone, by how much is known. [%]

    Shapes are the same.
    """
    is_partial: NDArray[np.bool_] = np.isfinite(values) & (coverage_pct < 100 * WHOLE)
    return is_partial


COUNTS: Final = ("snapshot_count", "bar_count")
"""Metrics that count what stands behind a cell: 0, not NaN, where that is nothing."""

METRICS: Final = (
    *(
        field.name
        for field in schema.arrow_schema("bars")
        if field.type == pa.float64() and field.name != "volume_usd"
    ),
    "traded_usd",
    *map(coverage, FLOWS),
    "funding_settled",
    *COUNTS,
)
"""Every metric a panel can be made of: the quantities of ``bars``, with what was traded in place
of the klines' volume, which live bars have not; of each flow how much of it is known; whether
funding is what was settled afterwards; and
``bar_count``, the 5-minute bars behind a cell."""

_NONE_IS_0: Final = frozenset({*COUNTS, *map(coverage, FLOWS)})

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES: Final = ("venue", "symbol", "base")
_KEYS: Final = (*_NAMES, "bar")


class Pair(NamedTuple):
    """What a column of a panel is of."""

    venue: str
    symbol: str
    base: str
    """What it is counted under, which may differ from the stored base; see ``bases``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """Which instruments are wanted: those that every list names; None names all."""

    venues: Sequence[str] | None = None
    bases: Sequence[str] | None = None
    instruments: Sequence[tuple[str, str]] | None = None
    """By (venue, symbol)."""


EVERYTHING: Final = Only()


@dataclass(frozen=True, slots=True)
class Panel:
    """The values of every instrument and bar, as known at a time."""

    times: NDArray[np.datetime64]
    """Where each row's bar starts, UTC, one bar after the other without a hole. (T,)"""
    instruments: tuple[Pair, ...]
    """What the columns are of, by base, venue and symbol. N of them."""
    values: Mapping[str, Floats]
    """By metric, read-only, each instrument's values side by side in memory. (T, N)"""
    timeframe: str
    now: datetime
    """The time it was made for."""

    def __post_init__(self) -> None:
        """Raise QueryError unless all arrays are of the panel's shape."""
        if self.timeframe not in TIMEFRAMES:
            raise QueryError(f"timeframe: {self.timeframe!r} is not one of {', '.join(TIMEFRAMES)}")
        for name, cells in self.values.items():
            if cells.shape != self.shape:
                raise QueryError(f"values: {name} is {cells.shape}, the panel {self.shape}")

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, timeframe: str, *, now: datetime) -> Self:
        """Return the panel of bars that stand in a frame, without a lake.

        Args:
            frame: One row per instrument and bar of *timeframe*, in any order:
                venue, symbol, base, ts (start; with a zone, or UTC) and metrics.
            timeframe: How long the frame's bars last.
            now: Bars that are not over by then are left out. UTC.

        Raises:
            QueryError: The timeframe is unknown, *now* has no zone, the frame
                lacks a column, or has two rows for one cell.
        """
        end = _end(timeframe, now)
        missing = {"venue", "symbol", "base", "ts"} - set(frame.columns)
        if missing:
            raise QueryError(f"frame: it has no column {', '.join(sorted(missing))}")
        starts = pd.to_datetime(frame["ts"], utc=True).dt.tz_localize(None)
        bar = starts.to_numpy("datetime64[ms]").astype(np.int64) // _ms(timeframe)
        rows = frame.drop(columns="ts").assign(bar=bar)[bar < end]
        if rows.duplicated(["venue", "symbol", "bar"]).any():
            raise QueryError("frame: two of its rows are of the same venue, symbol and bar")
        laid = pa.Table.from_pandas(rows, preserve_index=False)
        return cls._laid_out(laid, timeframe, now, end, EVERY_BASE_AS_STORED)

    @classmethod
    def _laid_out(
        cls, rows: pa.Table, timeframe: str, now: datetime, end: int, counted: Bases
    ) -> Self:
        """Return the panel of *rows*: keys, bar and metrics; *end* is the bar after its last."""
        metrics = [name for name in rows.column_names if name not in _KEYS]
        bar = rows["bar"].to_numpy()
        first = int(bar.min()) if len(bar) else end
        instruments, column = _columns(rows, bar, counted)
        shape = (len(instruments), end - first)
        place = column * shape[1] + (bar - first)
        values = {}
        for name in metrics:
            cells = np.full(shape, 0.0 if name in _NONE_IS_0 else np.nan)
            cells.reshape(-1)[place] = rows[name].to_numpy()
            cells.flags.writeable = False
            values[name] = cells.T
        times = (np.arange(first, end) * _ms(timeframe)).astype("datetime64[ms]")
        return cls(times, instruments, MappingProxyType(values), timeframe, now)

    @property
    def shape(self) -> tuple[int, int]:
        """How many bars and instruments there are: (T, N)."""
        return len(self.times), len(self.instruments)

    def part(self, rows: slice) -> Panel:
        """Return the panel of some bars alone."""
        values = {name: cells[rows] for name, cells in self.values.items()}
        return replace(self, times=self.times[rows], values=MappingProxyType(values))

    @property
    def bars_per_year(self) -> float:
        """How many of its bars a year of 365 days has: the market never closes."""
        return timedelta(days=365) / TIMEFRAMES[self.timeframe]


def load(
    cursor: duckdb.DuckDBPyConnection,
    metrics: Sequence[str],
    timeframe: str,
    *,
    now: datetime,
    known_by: datetime | None = None,
    bars: int | None = None,
    start: datetime | None = None,
    only: Only = EVERYTHING,
    unfinished: bool = False,
    counted: Bases = EVERY_BASE_AS_STORED,
) -> Panel:
    """Return the panel of *metrics* that is known at *now*, from one read of the bars.

    The rows go up to the last bar that was over at *now*, recorded or not, so that
    the last row is never older than it looks. They begin with the first bar that
    any instrument has; where none has any, also because *now* lies before the
    record or no bar of a long timeframe is over yet, the panel is empty: (0, 0).
    Instruments without a bar in that stretch have no column.

    Args:
        cursor: On the lake.
        metrics: Of ``METRICS``.
        timeframe: Of ``TIMEFRAMES``; bars of a day start at midnight UTC.
        now: 5-minute bars that were not over by then are not seen. With a zone.
        known_by: What became known later is not seen either; None: at *now*. With a zone.
        bars: How many bars to look back; this or *start*. [bars]
        start: The bar to begin with is the one that this lies in. With a zone.
        only: Which instruments.
        unfinished: Whether the bar that is not over at *now* is the last row, cut
            from as many of its 5-minute bars as are over.
        counted: What instruments are counted under, in all of the panel; as ``bases.bases``
            returns it where it matters what is one asset.

    Raises:
        QueryError: An argument is unknown or out of range; the message names it.
        LakeError: The lake cannot be read.
    """
    names = _known_metrics(metrics)
    end = _end(timeframe, now, unfinished=unfinished)
    first = _first(timeframe, end, bars, start)
    width = TIMEFRAMES[timeframe]
    rows = query.table(
        cursor,
        "panel_bars_5m" if timeframe == "5m" else "panel_bars",
        metrics=names,
        bar_ms=_ms(timeframe),
        start=_EPOCH + first * width,
        end=_EPOCH + max(first, end) * width,
        now=now,
        **_closing(timeframe),
        known_by=known_by or now,
        **_filters(only, counted),
    )
    if only.bases is not None:
        rows = _of_bases(rows, set(only.bases), counted)
    return Panel._laid_out(rows, timeframe, now, end, counted)


def load_for_signals(
    cursor: duckdb.DuckDBPyConnection,
    metrics: Sequence[str],
    timeframes: Sequence[str],
    *,
    now: datetime,
    known_by: datetime | None = None,
    bars: int,
    counted: Bases = EVERY_BASE_AS_STORED,
) -> dict[str, Panel]:
    """Return what :func:`load` returns for each of *timeframes*, from one read for all.

    Args:
        cursor: On the lake.
        metrics: Of ``tiers.METRICS``.
        timeframes: Of ``TIMEFRAMES``.
        now: As for :func:`load`.
        known_by: As for :func:`load`.
        bars: How many bars of each timeframe to look back. [bars]
        counted: As for :func:`load`.

    Raises:
        QueryError: A timeframe is unknown, or *now* has no zone.
    """
    ends = [_end(name, now) for name in timeframes]
    firsts = [max(end - bars, 0) for end in ends]
    widths = [_ms(name) for name in timeframes]
    earliest = min(first * width for first, width in zip(firsts, widths, strict=True))
    rows = query.table(
        cursor,
        "panel_bars_of_signals",
        metrics=list(metrics),
        bar_ms=widths,
        closing_ms=[_milliseconds(CLOSING[name]) for name in timeframes],
        least_known=LEAST_KNOWN,
        firsts=firsts,
        ends=ends,
        start=_EPOCH + timedelta(milliseconds=earliest),
        now=now,
        known_by=known_by or now,
    )
    of = {name: rows.filter(pc.equal(rows["bar_ms"], _ms(name))) for name in timeframes}
    return {
        name: Panel._laid_out(of[name].drop_columns("bar_ms"), name, now, end, counted)
        for name, end in zip(timeframes, ends, strict=True)
    }


def _ms(timeframe: str) -> int:
    return _milliseconds(TIMEFRAMES[timeframe])


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def _closing(timeframe: str) -> dict[str, int | float]:
    """Return the parameters that only a query which cuts bars takes; 5-minute bars are not cut."""
    if timeframe == "5m":
        return {}
    return {"closing_ms": _milliseconds(CLOSING[timeframe]), "least_known": LEAST_KNOWN}


def _end(timeframe: str, now: datetime, *, unfinished: bool = False) -> int:
    """Return the bar after the last one to show, counted since 1970."""
    if timeframe not in TIMEFRAMES:
        raise QueryError(f"timeframe: {timeframe!r} is not one of {', '.join(TIMEFRAMES)}")
    over = (_zoned("now", now) - _EPOCH) // TIMEFRAMES["5m"]
    per_bar = TIMEFRAMES[timeframe] // TIMEFRAMES["5m"]
    return -(-over // per_bar) if unfinished else over // per_bar


def _first(timeframe: str, end: int, bars: int | None, start: datetime | None) -> int:
    """Return the first bar to look at, counted since 1970."""
    if bars is not None and start is None:
        if bars < 1:
            raise QueryError(f"bars: must be at least 1, not {bars}")
        return max(end - bars, 0)
    if start is not None and bars is None:
        return max((_zoned("start", start) - _EPOCH) // TIMEFRAMES[timeframe], 0)
    raise QueryError("bars, start: give exactly one of the two")


def _zoned(name: str, time: datetime) -> datetime:
    if time.tzinfo is None:
        raise QueryError(f"{name}: {time} has no time zone; pass UTC")
    return time


def _known_metrics(metrics: Sequence[str]) -> list[str]:
    """Return *metrics*, each once, or raise with the nearest known name."""
    names = [metrics] if isinstance(metrics, str) else list(dict.fromkeys(metrics))
    if not names:
        raise QueryError("metrics: give at least one")
    for name in names:
        if name not in METRICS:
            near = difflib.get_close_matches(name, METRICS, 1, 0)[0]
            raise QueryError(f"metrics: unknown {name!r}; did you mean {near!r}?")
    return names


def _filters(only: Only, counted: Bases) -> dict[str, list[str] | None]:
    """Return *only* as the parameters of the query."""
    venues = None if only.venues is None else list(only.venues)
    stored = None if only.bases is None else counted.to_read(only.bases)
    if only.instruments is None:
        return {"venues": venues, "bases": stored, "symbols": None, "pairs": None}
    wanted = {pair for pair in only.instruments if venues is None or pair[0] in venues}
    of, symbols = (sorted({pair[place] for pair in wanted}) for place in (0, 1))
    # Most lists are every symbol of their venues: then there is nothing to look for in pairs.
    pairs = None if len(wanted) == len(of) * len(symbols) else [" ".join(pair) for pair in wanted]
    return {"venues": of, "bases": stored, "symbols": symbols, "pairs": pairs}


def _of_bases(rows: pa.Table, wanted: set[str], counted: Bases) -> pa.Table:
    """Return those of *rows* whose instrument is counted under one of *wanted*."""
    keys = rows.group_by(["venue", "symbol", "base"]).aggregate([])
    apart = {
        (venue, symbol)
        for venue, symbol, base in zip(*(keys[name].to_pylist() for name in _NAMES), strict=True)
        if counted.name(venue, symbol, base) not in wanted
    }
    for venue, symbol in apart:
        other = pc.or_(pc.not_equal(rows["venue"], venue), pc.not_equal(rows["symbol"], symbol))
        rows = rows.filter(other)
    return rows


def _columns(
    rows: pa.Table, bar: NDArray[np.int64], counted: Bases
) -> tuple[tuple[Pair, ...], NDArray[np.intp]]:
    """Return the instruments of *rows* in order, and which of them each row is of."""
    (venue, venues), (symbol, symbols), (base, stored) = (_coded(rows[name]) for name in _NAMES)
    key = venue * len(symbols) + symbol
    newest = np.full(len(venues) * len(symbols), -1, np.int64)
    np.maximum.at(newest, key, bar)
    # One row of each instrument: its newest, which says what its base is by now.
    last = np.flatnonzero(bar == newest[key])
    found = [
        (_pair(venues[venue[row]], symbols[symbol[row]], stored[base[row]], counted), int(key[row]))
        for row in last
    ]
    found.sort(key=lambda item: (item[0].base, item[0].venue, item[0].symbol))
    column = np.zeros(len(newest), np.intp)
    column[[code for _, code in found]] = np.arange(len(found))
    return tuple(pair for pair, _ in found), column[key]


def _pair(venue: str, symbol: str, stored: str, counted: Bases) -> Pair:
    return Pair(venue, symbol, counted.name(venue, symbol, stored))


def _coded(words: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    """Return *words* as numbers, and the word that each number stands for."""
    codes = words.combine_chunks().dictionary_encode()
    return codes.indices.to_numpy(zero_copy_only=False).astype(
        np.int64
    ), codes.dictionary.to_pylist()
