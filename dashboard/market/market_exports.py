"""Market's downloads: bars as a table, and the selected panes as a PDF report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pandas as pd

from analytics import formats
from analytics.exports.charts import Candles, LineChart, Series
from analytics.exports.exported_table import Column, Section
from analytics.exports.report import Figure, Report
from analytics.market.figures import Change
from analytics.market.pair_history import History, Line
from analytics.palette import LIGHT
from analytics.panels.panel import LEAST_KNOWN, TIMEFRAMES, Pair
from analytics.quantities import QUANTITIES
from analytics.quantities import title as quantity_title
from analytics.signals.fired import Signal
from analytics.signals.sentences import LEGEND, in_words
from dashboard.pair_chart import panes
from dashboard.pair_chart.chart_and_figures import Loaded, Wanted
from dashboard.pair_chart.empty_panes import drawable
from dashboard.pair_chart.header import coverage
from dashboard.pair_chart.panes import Pane
from dashboard.pair_chart.scales import newest
from dashboard.pair_chart.traces import title

_CARRIED: Final = "funding_carried_8h_pct"
_KNOWN: Final = "_known"
"""Ends the name of a column that says how much of another one is known."""


def _of_pane(pane: Pane) -> list[Column]:
    """Return the columns of the lines of *pane*, with how much of each flow is known."""
    columns = []
    for one in map(Column.of, pane.lines):
        columns.append(one)
        if pane.of.streamed:
            columns.append(Column(f"{one.name}{_KNOWN}", f"{one.title}, known", "share"))
        if one.name == "funding_8h_pct":
            columns.append(Column.of(_CARRIED))
    return columns


_COLUMNS: Final = (
    Column("ts", "Bar from", "time"),
    Column("is_over", "Complete", "flag"),
    *map(Column.of, ("open", "high", "low", "close")),
    *map(Column.of, ("bollinger_upper", "bollinger_middle", "bollinger_lower")),
    *map(Column.of, ("ema_20", "ema_50", "vwap")),
    *(column for pane in panes.PANES if pane is not panes.PRICE for column in _of_pane(pane)),
)

_SIGNALS: Final = (
    Column("ts", "Bar from", "time"),
    Column("mark", "Gravity"),
    Column("subject", "Of"),
    Column("sentence", "Signal"),
)
_PAPER_SIGNALS: Final = 100


def tables(loaded: Loaded, found: History) -> dict[str, Callable[[], Section]]:
    """Return what makes each table of the page, by its title; signals where they are shown."""
    made: dict[str, Callable[[], Section]] = {"Bars": lambda: bars(loaded, found)}
    if loaded.signals:
        made["Signals"] = lambda: _signals(loaded.signals, len(loaded.signals))
    return made


def bars(loaded: Loaded, found: History) -> Section:
    """Return every bar of the chart with all its lines, and whether it was over by then."""
    ends = found.times + np.timedelta64(TIMEFRAMES[found.timeframe])
    is_over = ends <= np.datetime64(loaded.until.astimezone(UTC).replace(tzinfo=None))
    lines = {
        name: found.coverage[name.removesuffix(_KNOWN)]
        if name.endswith(_KNOWN)
        else found.lines[name]
        for name in (column.name for column in _COLUMNS[2:])
    }
    note = (
        f"Bars that closed by {formats.moment(loaded.until)} are complete. Flows known by less "
        f"than 100 % are partial; below {100 * LEAST_KNOWN:.0f} % they are left empty."
    )
    frame = pd.DataFrame({"ts": found.times, "is_over": is_over, **lines})
    return Section("Bars", frame, _COLUMNS, note)


def report(loaded: Loaded, found: History, wanted: Wanted, notes: list[str]) -> Report:
    """Return the page as a document: figures, every pane that is on, signals, and the notes."""
    drawn = drawable(found, loaded.signals, panes.chosen(wanted.labels))
    return Report(
        wanted.subject.title,
        wanted.shown.now,
        wanted.shown.origin,
        _state(found, wanted),
        _figures(loaded, wanted.shown.now),
        tuple(_chart(pane, found, wanted.labels) for pane in drawn if pane is not panes.SIGNALS),
        (_signals(loaded.signals, _PAPER_SIGNALS),) if panes.SIGNALS in drawn else (),
        tuple(notes),
    )


def _state(found: History, wanted: Wanted) -> dict[str, str]:
    """Write what the page was set to."""
    labels = [label for label in panes.LABELS if label in wanted.labels]
    return {
        "Time": wanted.range.span,
        "Bars": found.timeframe,
        "Changes over": wanted.seen.timeframe,
        "Panes": formats.listed([panes.PRICE.label, *labels], len(panes.LABELS) + 1),
        "Thresholds": wanted.seen.thresholds.words,
    }


def _figures(loaded: Loaded, now: datetime) -> tuple[Figure, ...]:
    """Return the figures on top of the page; none without recent data."""
    stated = loaded.figures
    if stated is None:
        return ()

    beside = {name: coverage(one, stated) for name, one in stated.by_name.items()}
    # The lead's alone, of however many.
    beside["price"] = f"{QUANTITIES['price_24h_pct'].write(stated.price_24h_pct)} in 24 h"
    oi = (_oi_change(stated.oi_change), beside["oi_usd"])
    beside["oi_usd"] = ", ".join(filter(None, oi)) or None
    cards = [
        Figure(QUANTITIES[name].title, QUANTITIES[name].write(one.value), beside[name])
        for name, one in stated.by_name.items()
    ]
    if (due := stated.next_funding_ts) is not None:
        left = formats.countdown(due - now)
        cards.append(Figure(quantity_title("next_funding_ts"), left, f"at {formats.moment(due)}"))
    return tuple(cards)


def _oi_change(change: Change | None) -> str | None:
    """Write how far open interest came, and in what time."""
    if change is None:
        return None
    return f"{change.written('oi_usd')} in {formats.spans(change.least, change.most)}"


def _chart(pane: Pane, found: History, labels: Sequence[str]) -> LineChart:
    """Return *pane* with all the lines that it has on the screen, and its newest value on top."""
    if pane is panes.PRICE:
        return _price_chart(found, labels)
    lines = {title(line): found.lines[line] for line in pane.lines}
    if pane.style == "flows":
        down = title(pane.lines[1])
        lines[down] = -lines[down]
    beside = _of_venues(pane, found, labels)
    if "funding_8h_pct" in pane.lines:
        beside[title(_CARRIED)] = found.lines[_CARRIED]
    lines |= {name: line for name, line in beside.items() if np.isfinite(line).any()}
    partial = {title(line): found.partial(line) for line in pane.lines}
    partial[title(_CARRIED)] = np.isfinite(found.lines[_CARRIED])
    colors = _venue_colors(found)
    return LineChart(
        f"{pane.title}  ·  {newest(pane, found)}",
        tuple(
            Series(name, found.times, line, partial.get(name), colors.get(name))
            for name, line in lines.items()
        ),
        pane.kind,
        area=pane.style == "columns" and pane.kind == "usd",
    )


def _price_chart(found: History, labels: Sequence[str]) -> LineChart:
    """Return the price as candles, with what is drawn about it as lines."""
    of, pane = found.price_of, panes.PRICE
    bands = [f"bollinger_{band}" for band in ("upper", "middle", "lower")]
    names = [*(bands if panes.BANDS in labels else ()), *panes.averages(labels)]
    lines = {title(name): found.lines[name] for name in names} | _of_venues(pane, found, labels)
    partial = {title("vwap"): found.partial("vwap")}
    sides = [found.lines[name] for name in ("open", "high", "low", "close")]
    has_candles = all(np.isfinite(side).any() for side in sides)
    if not has_candles:
        lines = {title("close"): found.lines["close"]} | lines
    # Bands are about the price, not lines of their own weight.
    colors = dict.fromkeys(map(title, bands), LIGHT.muted) | _venue_colors(found)
    return LineChart(
        f"{formats.on_venue(of.symbol, of.venue)}  ·  {newest(pane, found)}",
        tuple(
            Series(name, found.times, line, partial.get(name), colors.get(name))
            for name, line in lines.items()
            if np.isfinite(line).any()
        ),
        pane.kind,
        candles=Candles(found.times, *sides) if has_candles else None,
    )


def _of_venues(pane: Pane, found: History, labels: Sequence[str]) -> dict[str, Line]:
    """Return the lines of other venues that *pane* compares with."""
    if not (pane.by_venue and panes.VENUES in labels):
        return {}
    return {_named(pair): line[pane.lines[0]] for pair, line in found.others.items()}


def _venue_colors(found: History) -> dict[str, str]:
    return {_named(pair): LIGHT.of_venue(pair.venue) for pair in found.others}


def _named(pair: Pair) -> str:
    return f"{formats.pair(pair.symbol)} {formats.venue(pair.venue)}"


def _signals(signals: Sequence[Signal], most: int) -> Section:
    """Return the newest *most* signals in words, the newest first."""
    shown = signals[::-1][:most]
    rows = [
        {"ts": one.ts, "mark": words.mark, "subject": words.subject, "sentence": words.sentence}
        for one in shown
        for words in [in_words(one)]
    ]
    marks = "; ".join(f"{mark} {meaning}" for mark, meaning in LEGEND.items())
    note = f"Latest {len(shown):,} of {formats.plural(len(signals), 'signal')}. {marks}."
    return Section("Signals", pd.DataFrame(rows), _SIGNALS, note)
