"""Panels of bars, and what is computed of them: shared by all sessions, so never written into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
import streamlit as st

from analytics.correlation.lead_lag import LeadLag, lead_lag_of
from analytics.correlation.matrix import Method
from analytics.correlation.view import Matrix, Subject
from analytics.correlation.view import matrix as matrix_of
from analytics.indicators.hours import BARS_NEEDED
from analytics.lake.schema import BAR
from analytics.market.by_asset import by_asset as panel_by_asset
from analytics.market.by_asset import needed
from analytics.market.pair_curves import BARS, METRICS
from analytics.market.pair_curves import pair_curves as curves_of
from analytics.panels import panel as panels
from analytics.panels.bases import Bases
from analytics.panels.panel import EVERYTHING, TIMEFRAMES, Only, Pair, Panel
from analytics.signals import fired
from analytics.signals.fired import Signal
from analytics.signals.flush import METRICS as METRICS_OF_FLUSHES
from analytics.signals.flush import flushes
from analytics.signals.flush import past_flushes as past_flushes_of
from analytics.signals.of_pair import pair_signals as signals_of_pair
from analytics.signals.thresholds import Thresholds
from analytics.signals.tiers import METRICS as METRICS_OF_SIGNALS
from analytics.signals.tiers import bars_needed
from dashboard.loaders import queries, shown_moment, source
from dashboard.loaders.bases import counted, key
from dashboard.loaders.read_ahead import learned
from dashboard.loaders.shown_moment import Known
from dashboard.state.as_of import Moment
from dashboard.state.view import View

Leads = tuple[tuple[Pair, ...], LeadLag]
"""Instruments of one base, and how they lead and follow each other."""


@learned
def panel(
    metrics: Sequence[str],
    timeframe: str,
    shown: Moment,
    *,
    bars: int,
    only: Only = EVERYTHING,
    unfinished: bool = False,
    by_asset: bool = False,
) -> Panel:
    """Return the panel of *metrics* that ``panel.load`` makes, as of the end of its last bar.

    With *by_asset* it has a column for each asset over the instruments in *only*, as
    ``market.by_asset`` makes it. All sessions share it, and its arrays are read-only: compute,
    never write into it.
    """
    ends = "5m" if unfinished else timeframe
    wanted = (tuple(metrics), timeframe, bars, only, unfinished)
    names = counted(shown)
    known, mark = shown_moment.bars_known(shown, ends), shown.mark(ends)
    load = _panel_by_asset if by_asset else _panel
    return load(source.folder(), known, mark, *wanted, key(names), names)


@learned
def pair_curves(timeframe: str, shown: Moment) -> pd.DataFrame:
    """Return what ``pair_curves`` says of every pair; shared, so never write into it."""
    wanted = (
        source.folder(),
        shown_moment.bars_known(shown, timeframe),
        shown.mark(timeframe),
        # The last five minutes of a bar are written some moments after they are over.
        shown.mark(timeframe) == shown.mark(),
    )
    names = counted(shown)
    return _pair_curves(*wanted, timeframe, key(names), names)


@learned
def asset_curves(timeframe: str, shown: Moment, only: Only = EVERYTHING) -> pd.DataFrame:
    """Return what ``pair_curves`` says of every asset over the instruments in *only*."""
    wanted = (
        source.folder(),
        shown_moment.bars_known(shown, timeframe),
        shown.mark(timeframe),
        shown.mark(timeframe) == shown.mark(),
    )
    names = counted(shown)
    return _asset_curves(*wanted, timeframe, only, key(names), names)


@learned
def signal_panels(timeframes: Sequence[str], shown: Moment) -> dict[str, Panel]:
    """Return panels with all that signals of their newest bar need, whatever the thresholds.

    They are as ``fired.load_timeframes`` makes them with the standard count of bars in a
    cluster, which no user chooses; shared and read-only like :func:`panel`.
    """
    names, known = counted(shown), shown_moment.bars_known(shown)
    wanted = (tuple(timeframes), key(names), names)
    return _signal_panels(source.folder(), known, shown_moment.bar_ended(shown), *wanted)


def newest_signals(shown: Moment, seen: View) -> list[Signal]:
    """Return the signals of the newest bar of what *seen* shows, at its thresholds."""
    panels = signal_panels((seen.timeframe,), shown)
    hours = queries.liquidation_hours(shown, seen, by_asset=False)
    found = fired.latest_signals(panels[seen.timeframe], seen.thresholds)
    found += flushes(counted(shown).named(hours), seen.thresholds, shown.mark())
    return [signal for signal in found if seen.shows(signal.venue, signal.symbol)]


@learned
def past_signals(shown: Moment, thresholds: Thresholds, *, bars: int) -> list[Signal]:
    """Return the signals of all pairs in the last *bars* bars of 5 minutes, the oldest first."""
    wanted = panel(METRICS_OF_SIGNALS, "5m", shown, bars=bars + bars_needed(thresholds))
    key = source.folder(), shown_moment.bars_known(shown), shown.mark(), bars
    found = [*_past_signals(*key, thresholds, wanted)]
    found += past_flushes(shown, thresholds, timeframe="5m", bars=bars)
    return sorted(found, key=lambda signal: signal.now)


@learned
def past_flushes(
    shown: Moment, thresholds: Thresholds, *, timeframe: str, bars: int, only: Only = EVERYTHING
) -> list[Signal]:
    """Return the flushes of what is in *only*, in the last *bars* bars of *timeframe*.

    As ``flush.past_flushes`` finds them; all sessions share them: never change them.
    """
    asked = bars * (TIMEFRAMES[timeframe] // BAR)
    wanted = panel(METRICS_OF_FLUSHES, "5m", shown, bars=asked + BARS_NEEDED, only=only)
    key = source.folder(), shown_moment.bars_known(shown), shown.mark(), timeframe, asked, only
    return _past_flushes(*key, thresholds, wanted)


@learned
def matrix(
    pairs: Sequence[Pair],
    subject: Subject,
    method: Method,
    timeframe: str,
    shown: Moment,
    *,
    bars: int,
    only: Only,
    by_asset: bool = False,
) -> Matrix:
    """Return what ``correlated.matrix`` makes of *pairs*, from the panel of those in *only*."""
    known, mark = shown_moment.bars_known(shown, timeframe), shown.mark(timeframe)
    names = counted(shown)
    wanted = (tuple(pairs), subject, method, timeframe, bars, only, by_asset, key(names), names)
    return _matrix(source.folder(), known, mark, *wanted)


@learned
def lead_lag(base: str, timeframe: str, shown: Moment, *, bars: int, most: int) -> Leads:
    """Return what ``lead_lag_of`` says of the instruments of *base*, with the same shuffles always.

    Args:
        base: An asset with at least two instruments.
        timeframe: Of ``panel.TIMEFRAMES``.
        shown: When.
        bars: Returns to look at. [bars]
        most: The longest lag. [bars]
    """
    known, mark = shown_moment.bars_known(shown, timeframe), shown.mark(timeframe)
    names = counted(shown)
    return _lead_lag(source.folder(), known, mark, base, timeframe, bars, most, key(names), names)


def pair_signals(
    panel: Panel,
    funding: Panel | None,
    pair: tuple[str, str] | None,
    bars: int,
    thresholds: Thresholds,
    shown: Moment,
) -> list[Signal]:
    """Return what ``signals.of_pair`` finds in panels of here; shared, never change it."""
    key = (
        source.folder(),
        shown_moment.bars_known(shown),
        shown.mark(),
        panel.instruments,
        panel.timeframe,
    )
    return _pair_signals(*key, pair, bars, thresholds, panel, funding)


@st.cache_resource(ttl="10m", max_entries=64, show_spinner=False)
def _panel(
    folder: str,
    known: Known,
    mark: datetime,
    metrics: tuple[str, ...],
    timeframe: str,
    bars: int,
    only: Only,
    unfinished: bool,
    counted_key: str,
    _counted: Bases,
) -> Panel:
    times = {"now": mark, "known_by": known[2], "start": mark - (bars + 1) * TIMEFRAMES[timeframe]}
    with source.cursor_of(folder, "panel_bars", times) as cursor:
        return panels.load(
            cursor,
            metrics,
            timeframe,
            now=mark,
            known_by=known[2],
            bars=bars,
            only=only,
            unfinished=unfinished,
            counted=_counted,
        )


@st.cache_resource(ttl="10m", max_entries=32, show_spinner=False)
def _panel_by_asset(
    folder: str,
    known: Known,
    mark: datetime,
    metrics: tuple[str, ...],
    timeframe: str,
    bars: int,
    only: Only,
    unfinished: bool,
    counted_key: str,
    _counted: Bases,
) -> Panel:
    wanted = (needed(metrics), timeframe, bars, only, unfinished, counted_key, _counted)
    return panel_by_asset(_panel(folder, known, mark, *wanted), _counted.multipliers)


@st.cache_resource(ttl="1h", max_entries=16, show_spinner=False)
def _pair_curves(
    folder: str,
    known: Known,
    mark: datetime,
    waits: bool,
    timeframe: str,
    counted_key: str,
    _counted: Bases,
) -> pd.DataFrame:
    """Return the curves that end at *mark*: those of days are read from months of bars."""
    wanted = (METRICS, timeframe, BARS, EVERYTHING, False, counted_key, _counted)
    return curves_of(_panel(folder, known, mark, *wanted), waits=waits)


@st.cache_resource(ttl="1h", max_entries=16, show_spinner=False)
def _asset_curves(
    folder: str,
    known: Known,
    mark: datetime,
    waits: bool,
    timeframe: str,
    only: Only,
    counted_key: str,
    _counted: Bases,
) -> pd.DataFrame:
    wanted = (METRICS, timeframe, BARS, only, False, counted_key, _counted)
    return curves_of(_panel_by_asset(folder, known, mark, *wanted), waits=waits)


@st.cache_resource(ttl="10m", max_entries=8, show_spinner=False)
def _signal_panels(
    folder: str,
    known: Known,
    mark: datetime,
    timeframes: tuple[str, ...],
    counted_key: str,
    _counted: Bases,
) -> dict[str, Panel]:
    with source.reader(folder).cursor() as cursor:
        return fired.load_timeframes(
            cursor, Thresholds(), timeframes, now=mark, known_by=known[2], counted=_counted
        )


@st.cache_resource(ttl="10m", max_entries=32, show_spinner=False)
def _matrix(
    folder: str,
    known: Known,
    mark: datetime,
    pairs: tuple[Pair, ...],
    subject: Subject,
    method: Method,
    timeframe: str,
    bars: int,
    only: Only,
    by_asset: bool,
    counted_key: str,
    _counted: Bases,
) -> Matrix:
    wanted = (subject.metrics, timeframe, bars + 1, only, False, counted_key, _counted)
    load = _panel_by_asset if by_asset else _panel
    return matrix_of(load(folder, known, mark, *wanted), pairs, subject, method)


@st.cache_resource(ttl="10m", max_entries=32, show_spinner=False)
def _lead_lag(
    folder: str,
    known: Known,
    mark: datetime,
    base: str,
    timeframe: str,
    bars: int,
    most: int,
    counted_key: str,
    _counted: Bases,
) -> Leads:
    only = Only(bases=(base,))
    wanted = (("close",), timeframe, bars + 1, only, False, counted_key, _counted)
    read = _panel(folder, known, mark, *wanted)
    return lead_lag_of(read, base, max_lag=most, rng=np.random.default_rng(0))


@st.cache_resource(ttl="10m", max_entries=4, show_spinner=False)
def _past_signals(
    folder: str, known: Known, mark: datetime, bars: int, thresholds: Thresholds, _panel: Panel
) -> list[Signal]:
    first = _panel.times[-bars:][:1]
    return [
        signal
        for signal in fired.all_signals(_panel, thresholds)
        if np.datetime64(signal.ts.replace(tzinfo=None)) >= first[0]
    ]


@st.cache_resource(ttl="10m", max_entries=32, show_spinner=False)
def _past_flushes(
    folder: str,
    known: Known,
    mark: datetime,
    timeframe: str,
    bars: int,
    only: Only,
    thresholds: Thresholds,
    _panel: Panel,
) -> list[Signal]:
    return past_flushes_of(_panel, thresholds, bars=bars, timeframe=timeframe)


@st.cache_resource(ttl="10m", max_entries=32, show_spinner=False)
def _pair_signals(
    folder: str,
    known: Known,
    mark: datetime,
    instruments: tuple[Pair, ...],
    timeframe: str,
    pair: tuple[str, str] | None,
    bars: int,
    thresholds: Thresholds,
    _panel: Panel,
    _funding: Panel | None,
) -> list[Signal]:
    return signals_of_pair(_panel, _funding, pair, bars, thresholds)
