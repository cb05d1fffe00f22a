"""The part with the charts of chosen pairs, those of Market."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from analytics import formats
from analytics.exports.charts import Candles, LineChart, Series
from analytics.exports.report import Report
from analytics.market.pair_history import METRICS, History, history, warm_up_bars
from analytics.palette import LIGHT
from analytics.panels.panel import TIMEFRAMES, Only, load
from analytics.quantities import QUANTITIES
from analytics.reports.range_request import Source

_POINTS: Final = 300
_AVERAGES: Final = ("ema_20", "vwap")
_CHARTS: Final = (
    ("oi_usd",),
    ("z_oi",),
    ("ls_accounts",),
    ("funding_8h_pct",),
    ("cvd_usd",),
    ("liq_long_usd", "liq_short_usd"),
    ("rsi_14",),
)
"""Below the price: the lines of each chart."""


def market(source: Source) -> Report:
    """Return price, open interest, funding and flows of each chosen pair."""
    charts: list[LineChart] = []
    notes = []
    timeframe = source.asked.timeframe(_POINTS)
    for venue, symbol in source.asked.pairs:
        name = formats.on_venue(symbol, venue)
        if (found := _history(source, (venue, symbol), timeframe)) is None:
            notes.append(f"{name}: no bar in the range.")
            continue
        drawn = [*_charts(name, found)]
        charts += drawn
        missing = [_title(names) for names in _CHARTS if not found.known(*names)]
        if missing:
            notes.append(f"{name}: no data of {formats.listed(missing)}.")
    return source.part("Market", charts=charts, notes=notes, also={"Bars": timeframe})


def _history(source: Source, pair: tuple[str, str], timeframe: str) -> History | None:
    bars = -(-source.asked.span // TIMEFRAMES[timeframe])
    only, before = Only(instruments=[pair]), warm_up_bars(timeframe)
    panel = load(source.cursor, METRICS, timeframe, bars=bars + before, only=only, **source.bounds)
    return history(panel, pair, bars, {}) if panel.instruments else None


def _charts(name: str, found: History) -> Iterator[LineChart]:
    sides = [found.lines[side] for side in ("open", "high", "low", "close")]
    whole = all(np.isfinite(side).any() for side in sides)
    lines = _AVERAGES if whole else ("close", *_AVERAGES)
    yield LineChart(
        name,
        tuple(_series(line, found) for line in lines if found.known(line)),
        "price",
        candles=Candles(found.times, *sides) if whole else None,
    )
    for names in _CHARTS:
        if found.known(*names):
            series = tuple(_series(line, found) for line in names)
            yield LineChart(f"{_title(names)}, {name}", series, QUANTITIES[names[0]].kind)


def _series(line: str, found: History) -> Series:
    colors = {"liq_long_usd": LIGHT.down, "liq_short_usd": LIGHT.up}
    title, partial = QUANTITIES[line].title, found.partial(line)
    return Series(title, found.times, found.lines[line], partial, colors.get(line))


def _title(names: tuple[str, ...]) -> str:
    return QUANTITIES[names[0] if len(names) == 1 else "liquidated_usd"].title
