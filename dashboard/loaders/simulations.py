"""Simulated trades over bars of the record: computed on a thread, once for all sessions."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb
import pandas as pd
import streamlit as st

from analytics.lake.reader import Reader
from analytics.panels.bases import Bases
from analytics.panels.panel import TIMEFRAMES, Only
from analytics.trades.simulated.plan import Plan
from analytics.trades.simulated.record import Record
from analytics.trades.simulated.signals import MODELS
from analytics.trades.simulated.simulation import Simulation, Source, run
from analytics.trades.simulated.summary import Results, results
from analytics.trades.simulated.walk_forward import Walk, on_record
from dashboard.loaders import shown_moment, source
from dashboard.loaders.bases import counted, key
from dashboard.loaders.shown_moment import Known
from dashboard.state.as_of import Moment

_threads: Final = ThreadPoolExecutor(1, "simulated-trades")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be simulated."""

    source: Source
    plan: Plan
    pairs: tuple[tuple[str, str], ...]
    """Venue and symbol of each."""
    timeframe: str
    bars: int
    """How many are traded, up to the last that is over."""


def job(wanted: Wanted, shown: Moment) -> Future[Results]:
    """Return the simulation of what is *wanted*, begun if nobody had it before.

    It ends with the last bar that is over at the time *shown*, and knows what was known then. It
    raises what the engine and the record raise.
    """
    names, timeframe = counted(shown), wanted.timeframe
    known = shown_moment.bars_known(shown, timeframe)
    return _job(
        source.folder(), known, shown.mark(timeframe), repr(wanted), key(names), wanted, names
    )


def model_trades(
    model: str, pair: tuple[str, str], timeframe: str, shown: Moment, *, bars: int
) -> pd.DataFrame:
    """Return the trades of a *pair* that a model would have made, as ``SimulatedTrades`` has them.

    Long and short, USD 1,000 each, at the venue's taker fee. All sessions share them: never change
    them.

    Args:
        model: Of ``MODELS``, by its name.
        pair: Venue and symbol.
        timeframe: Of ``panel.TIMEFRAMES``.
        shown: When.
        bars: How many are traded, up to the last that is over.
    """
    wanted = Wanted(
        source=MODELS[model](),
        plan=Plan(side="both"),
        pairs=(pair,),
        timeframe=timeframe,
        bars=bars,
    )
    names, known = counted(shown), shown_moment.bars_known(shown, timeframe)
    place = source.folder(), known, shown.mark(timeframe), repr(wanted)
    return _model_trades(*place, key(names), wanted, names)


def walked(wanted: Wanted, walk: Walk, shown: Moment) -> tuple[pd.DataFrame, pd.Series[float]]:
    """Return the walk-forward of what is *wanted*, as ``walk_forward.on_record``, and raise as it.

    All sessions share both: never change them.
    """
    names, timeframe = counted(shown), wanted.timeframe
    known = shown_moment.bars_known(shown, timeframe)
    asked = repr((wanted, walk))
    return _walked(
        source.folder(), known, shown.mark(timeframe), asked, key(names), wanted, walk, names
    )


@st.cache_resource(ttl="1h", max_entries=16, show_spinner=False)
def _walked(
    folder: str,
    known: Known,
    mark: datetime,
    asked_key: str,
    counted_key: str,
    _wanted: Wanted,
    _walk: Walk,
    _counted: Bases,
) -> tuple[pd.DataFrame, pd.Series[float]]:
    with source.reader(folder).cursor() as cursor:
        record = _record(cursor, known[2], mark, _wanted, _counted)
        model: Any = _wanted.source
        return on_record(record, model, _wanted.plan, _walk)


@st.cache_resource(ttl="10m", max_entries=64, show_spinner=False)
def _model_trades(
    folder: str,
    known: Known,
    mark: datetime,
    wanted_key: str,
    counted_key: str,
    _wanted: Wanted,
    _counted: Bases,
) -> pd.DataFrame:
    return _made(source.reader(folder), known[2], mark, _wanted, _counted).run.trades


@st.cache_resource(ttl="1h", max_entries=16, show_spinner=False)
def _job(
    folder: str,
    known: Known,
    mark: datetime,
    wanted_key: str,
    counted_key: str,
    _wanted: Wanted,
    _counted: Bases,
) -> Future[Results]:
    return _threads.submit(_simulated, source.reader(folder), known[2], mark, _wanted, _counted)


def _simulated(
    reader: Reader, known_by: datetime, mark: datetime, wanted: Wanted, names: Bases
) -> Results:
    made = _made(reader, known_by, mark, wanted, names)
    return results(made.run, made.panel, made.plan, made.funding)


def _made(
    reader: Reader, known_by: datetime, mark: datetime, wanted: Wanted, names: Bases
) -> Simulation:
    with reader.cursor() as cursor:
        record = _record(cursor, known_by, mark, wanted, names)
        return run(record, wanted.source, wanted.plan)


def _record(
    cursor: duckdb.DuckDBPyConnection,
    known_by: datetime,
    mark: datetime,
    wanted: Wanted,
    names: Bases,
) -> Record:
    return Record(
        cursor=cursor,
        start=mark - wanted.bars * TIMEFRAMES[wanted.timeframe],
        now=mark,
        known_by=known_by,
        timeframe=wanted.timeframe,
        counted=names,
        only=Only(instruments=wanted.pairs),
    )
