"""Parts on the whole market: Overview, Heatmap, Correlation and Exchanges."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import numpy as np
import pandas as pd

from analytics import formats
from analytics.correlation.view import SUBJECTS, matrix
from analytics.exports.charts import BarChart, Heatmap, LineChart, Series, course
from analytics.exports.exported_table import Column, Section
from analytics.exports.report import Report
from analytics.indicators.arrays import Floats
from analytics.lake.schema import BAR
from analytics.market import figures
from analytics.market.by_asset import by_asset, needed
from analytics.market.measures import MEASURES, by_bar
from analytics.palette import LIGHT
from analytics.panels.panel import TIMEFRAMES, Panel, load
from analytics.quantities import QUANTITIES
from analytics.reports.day_report import (
    coverage_notes,
    figure_card,
    figure_label,
    venue_section,
)
from analytics.reports.range_request import Source

_COURSES: Final = ("global_oi_usd", "volume_24h_usd", "funding_8h_pct", "ls_accounts")
_DAY: Final = timedelta(days=1)
_TOP: Final = 50
_MOVERS: Final = 8
_HEAT_ROWS: Final = 40
_HEAT_COLUMNS: Final = 24
_HEAT: Final = ("price_delta_pct", "oi_delta_pct")
_CORRELATED: Final = 25
_LEAST_BARS: Final = 20
_POINTS: Final = 300


def overview(source: Source) -> Report:
    """Return the market at the end of the range, and how far it came in it."""
    span_s = int(source.asked.span.total_seconds())
    since = source.asked.end - max(2 * BAR, 3 * source.asked.cycle)
    pairs = source.fetch("pairs", since=since, span_s=span_s)
    silent = source.fetch("silent_pairs", since=since, is_past=True)
    history = source.fetch("market_history", symbols=None)
    market = figures.figures(pairs, history, source.asked.span, len(silent))
    start = pd.Timestamp(source.asked.start)
    charts = []
    for name in _COURSES:
        past = market[name].past
        past = past[pd.to_datetime(past.index, utc=True) > start]
        if len(past) > 1:
            over = "" if source.asked.span <= _DAY else ", last 24 h"
            title = f"{figure_label(name)}{over}"
            charts.append(
                LineChart(title, (course(title, past),), QUANTITIES[name].kind, area=True)
            )
    movers, unmoved = _movers(pairs)
    return source.part(
        "Overview",
        (figure_card(name, market[name]) for name in (*_COURSES, "breadth_pct")),
        [*charts, *movers],
        [_pairs(pairs)],
        [*coverage_notes(market), *unmoved],
        {"Pairs": f"{len(pairs):,} at the end; {len(silent):,} more without data then"},
    )


def _movers(pairs: pd.DataFrame) -> tuple[list[BarChart], list[str]]:
    """Return which pairs' price and open interest moved most, and what is not known of any."""
    charts, unknown = [], []
    names = (pairs["symbol"].map(formats.pair) + " " + pairs["venue"].map(formats.venue)).tolist()
    for name in ("price_delta_pct", "oi_delta_pct"):
        moved = pd.Series(pairs[name].to_numpy(), names).dropna()
        if moved.empty:
            unknown.append(f"{QUANTITIES[name].title} in the range: no pair is known at both ends.")
            continue
        rows = moved.loc[moved.abs().nlargest(_MOVERS).index].sort_values(ascending=False)
        title = f"{QUANTITIES[name].title} in the range, largest"
        note = f"Of {formats.plural(len(moved), 'pair')} known at both ends."
        charts.append(BarChart(title, rows.index.tolist(), rows.tolist(), "pct", note))
    return charts, unknown


def _pairs(pairs: pd.DataFrame) -> Section:
    rows = pairs.head(_TOP).assign(pair=pairs["symbol"].map(formats.pair))
    columns = (
        Column("pair", "Pair"),
        Column("venue", "Venue", "venue"),
        Column.of("price"),
        Column.of("price_delta_pct", "Price change in the range"),
        Column.of("oi_usd"),
        Column.of("oi_delta_pct", "OI change in the range"),
        *map(Column.of, ("funding_8h_pct", "ls_accounts", "volume_24h_usd")),
    )
    note = (
        f"Top {len(rows):,} of {formats.plural(len(pairs), 'pair')} by open interest, at the end."
    )
    return Section("Pairs", rows, columns, note)


def heatmap(source: Source) -> Report:
    """Return what price and open interest of the largest assets did, bar by bar."""
    timeframe = source.asked.timeframe(_HEAT_COLUMNS)
    metrics = needed([*(name for one in _HEAT for name in MEASURES[one].metrics), "oi_usd"])
    assets = _largest(source, metrics, timeframe, _HEAT_ROWS)
    # The first bar is what the one after it is compared with.
    pattern = "%H:%M" if source.asked.span <= _DAY else "%d %b %H:%M"
    times = [f"{time:{pattern}}" for time in assets.times[1:].astype("datetime64[ms]").tolist()]
    rows = np.array([pair.base for pair in assets.instruments])
    notes = [
        f"The {len(rows)} assets with the most open interest; columns are the starts of bars, UTC."
    ]
    charts = []
    for name in _HEAT:
        quantity, values = QUANTITIES[name], by_bar(assets, MEASURES[name]).values[1:].T
        title = f"{quantity.title} per {timeframe}"
        known = np.isfinite(values).any(axis=1)
        few = f"{title}: no value of {{}} in the range."
        if not known.any():
            notes.append(few.format("any asset"))
            continue
        if not known.all():
            notes.append(few.format(formats.plural(int((~known).sum()), "asset")))
        shown = rows[known].tolist(), times, values[known]
        charts.append(Heatmap(title, *shown, quantity.kind, quantity.neutral))
    return source.part("Heatmap", charts=charts, notes=notes)


def correlation(source: Source) -> Report:
    """Return how prices of the largest assets moved together."""
    timeframe, subject = source.asked.timeframe(_POINTS), SUBJECTS["price"]
    assets = _largest(source, needed([*subject.metrics, "oi_usd"]), timeframe, _CORRELATED)
    of = {"Bars": timeframe, "Of": subject.title}
    if len(assets.times) <= _LEAST_BARS:
        said = f"{len(assets.times)} bars of {timeframe} are too few; {_LEAST_BARS + 1} are needed."
        return source.part("Correlation", notes=[said], also=of)
    found = matrix(assets, assets.instruments, subject, "pearson")
    if not np.isfinite(found.r[~np.eye(len(found.r), dtype=bool)]).any():
        said = f"No two assets have enough bars of {timeframe} in common."
        return source.part("Correlation", notes=[said], also=of)
    names = [pair.base for pair in found.pairs]
    r = QUANTITIES["correlation"]
    chart = Heatmap(r.title, names, names, found.r, r.kind, r.neutral)
    return source.part("Correlation", charts=[chart], also=of)


def exchanges(source: Source) -> Report:
    """Return the venues at the end, and how their open interest moved."""
    span_s, since = int(BAR.total_seconds()), source.asked.end - 2 * BAR
    pairs = source.fetch("pairs", since=since, span_s=span_s)
    panel = load(
        source.cursor,
        ("oi_usd",),
        timeframe := source.asked.timeframe(_POINTS),
        start=source.asked.start,
        **source.bounds,
    )
    oi_usd = panel.values["oi_usd"]
    whole = np.asarray(np.isfinite(oi_usd).all(axis=0), np.bool_)
    venues = np.array([pair.venue for pair in panel.instruments])
    lines = {
        venue: _change_pct(oi_usd[:, whole & (venues == venue)])
        for venue in sorted({*venues.tolist()})
    }
    lines = {venue: line for venue, line in lines.items() if np.isfinite(line).any()}
    series = tuple(
        Series(formats.venue(venue), panel.times, line, color=LIGHT.of_venue(venue))
        for venue, line in lines.items()
    )
    note = (
        f"Of {int(whole.sum()):,} of {len(whole):,} pairs: those known in every bar of {timeframe}."
    )
    chart = LineChart("Open interest by venue, change in the range", series, "pct", note)
    return source.part(
        "Exchanges", charts=[chart] if series else (), sections=[venue_section(pairs)]
    )


def _change_pct(oi_usd: Floats) -> Floats:
    """Return how far the sum of each bar is from that of the first. [%]"""
    total = oi_usd.sum(axis=1)
    change: Floats = 100 * (total / np.where(total[:1] > 0, total[:1], np.nan) - 1)
    return change


def _largest(source: Source, metrics: tuple[str, ...], timeframe: str, most: int) -> Panel:
    """Return the *most* assets with the most open interest, in the bars of the range.

    A bar before it is the first row: changes are from there.
    """
    start = source.asked.start - TIMEFRAMES[timeframe]
    pairs = load(source.cursor, metrics, timeframe, start=start, **source.bounds)
    assets = by_asset(pairs, source.counted.multipliers)
    oi_usd = assets.values["oi_usd"]
    newest = pd.DataFrame(oi_usd).ffill().to_numpy()[-1] if len(oi_usd) else np.empty(0)
    order = np.argsort(-np.nan_to_num(newest, nan=-1.0), kind="stable")[:most]
    return replace(
        assets,
        instruments=tuple(assets.instruments[n] for n in order),
        values={name: cells[:, order] for name, cells in assets.values.items()},
    )
