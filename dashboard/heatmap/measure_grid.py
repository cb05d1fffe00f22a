"""Loads a measure for pairs by bars or timeframes; draws the heatmap with its captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Final, cast, get_args

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from analytics import formats
from analytics.correlation.ranking import Order, columns_of, known_until, ordered
from analytics.indicators.arrays import Floats
from analytics.market.measures import LATE, Measure, Measured, bars_of_spans, by_bar, over_spans
from analytics.palette import colors
from analytics.panels.panel import FLOWS, LEAST_KNOWN, TIMEFRAMES, Pair, Panel
from analytics.rules import episode_words
from analytics.signals.thresholds import Level, Thresholds
from dashboard.charts.cells import labels
from dashboard.charts.color_scale import CLIPPED_PCT, ColumnScales, color_scale
from dashboard.components.chart_zoom import chart_settings, on_touch, zoomable
from dashboard.components.largest_pairs import Largest
from dashboard.heatmap.heatmap_chart import MAX_MARKS, PARTIAL, Map, heat_chart
from dashboard.loaders import alert_episodes
from dashboard.loaders import bars as bar_loaders
from dashboard.state.as_of import Moment
from dashboard.state.view import View, exceeded

CHART: Final = "heatmap_chart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Map):
    """The heatmap, and the settings behind it."""

    timeframe: str | None
    """Of the bars; None where the columns are timeframes."""
    asked: int | None
    """How many bars were; None where the columns are timeframes."""
    order: Order
    total: int
    """How many assets or pairs there are in all."""
    word: str
    """What a row is of."""
    settled: int = 0
    """Cells of funding that are the rate that was paid, which nobody knew before."""


def over_time(
    largest: Largest,
    measure: Measure,
    bars: int,
    order: Order,
    shown: Moment,
    seen: View,
    most: int,
) -> Loaded:
    """Return *measure* of the first *most* of the *largest*, in the last *bars* bars."""
    pairs = largest.rows[:most]
    settled = ("funding_settled",) if "funding_rate" in measure.needs else ()
    panel = bar_loaders.panel(
        (*measure.metrics, *settled),
        seen.timeframe,
        shown,
        bars=bars + measure.warm_up + LATE,
        only=largest.only,
        by_asset=largest.by_asset,
    )
    found = _of_pairs(panel, by_bar(panel, measure), pairs)
    end = known_until(found.values)
    known = np.flatnonzero(np.isfinite(found.values).any(axis=1))
    begin = max(int(known[0]), end - bars) if len(known) else end
    shown_part = Measured(
        found.values[begin:end],
        None if found.coverage_pct is None else found.coverage_pct[begin:end],
    )
    times = panel.times[begin:end]
    loaded = _loaded(pairs, largest, times, shown_part, measure, order, seen, bars)
    paid = [columns_of(panel, panel.values[name], pairs)[begin:end] > 0 for name in settled]
    settled_cells = sum(int(cells.sum()) for cells in paid)
    return replace(loaded, settled=settled_cells, alerts=_alerts(loaded, times, shown, seen))


def _alerts(
    loaded: Loaded, times: NDArray[np.datetime64], shown: Moment, seen: View
) -> NDArray[np.object_] | None:
    """Return what alerts of each row say that fired in each of its bars; None without any."""
    if not len(times):
        return None
    rows = alert_episodes.episodes(shown, seen.span * (len(times) + 1))
    fired = rows[rows["fired_ts"].notna() & rows["per"].isin(["pair", "asset"])]
    start = pd.Timestamp(times[0], tz=UTC)
    bar = ((fired["fired_ts"] - start) // pd.Timedelta(seen.span)).astype(int)
    pairs = {(pair.venue, pair.symbol): n for n, pair in enumerate(loaded.pairs)}
    bases = {pair.base: n for n, pair in enumerate(loaded.pairs) if not pair.venue}
    words = np.full((len(loaded.pairs), len(times)), "", np.object_)
    for one, column in zip(fired.to_dict("records"), bar, strict=True):
        row = bases.get(one["base"], pairs.get((one["venue"], one["symbol"])))
        if row is not None and 0 <= column < len(times):
            said = f"{episode_words.MARKS[one['severity']]} {one['about']}: {one['message']}"
            words[row, column] += f"<br>{escape(said, quote=False)}"
    return words if (words != "").any() else None


def over_timeframes(
    largest: Largest, measure: Measure, order: Order, shown: Moment, seen: View, most: int
) -> Loaded:
    """Return *measure* of the first *most* of the *largest*, over each timeframe up to now."""
    names, pairs = list(TIMEFRAMES), largest.rows[:most]
    if measure.over == "bars" and largest.by_asset:
        rows = [_newest_bar(largest, measure, name, shown, pairs) for name in names]
        found = Measured(np.stack(rows), None)
    elif measure.over == "bars":
        keys = pd.MultiIndex.from_tuples([(pair.venue, pair.symbol) for pair in pairs])
        curves = (bar_loaders.pair_curves(name, shown)[measure.name] for name in names)
        bars_of_each = [curve.reindex(keys).to_numpy(np.float64) for curve in curves]
        found = Measured(np.stack(bars_of_each), None)
    else:
        bars = bars_of_spans(names)
        panel = bar_loaders.panel(
            measure.metrics, "5m", shown, bars=bars, only=largest.only, by_asset=largest.by_asset
        )
        found = _of_pairs(panel, over_spans(panel, measure, names), pairs)
    return _loaded(pairs, largest, names, found, measure, order, seen, None)


def _newest_bar(
    largest: Largest, measure: Measure, timeframe: str, shown: Moment, pairs: list[Pair]
) -> Floats:
    """Return *measure* of assets in the last bar of *timeframe* that is known. (N,)"""
    bars = measure.warm_up + LATE
    panel = bar_loaders.panel(
        measure.metrics, timeframe, shown, bars=bars, only=largest.only, by_asset=True
    )
    values = _of_pairs(panel, by_bar(panel, measure), pairs).values
    end = known_until(values)
    return values[end - 1] if end else np.full(len(pairs), np.nan)


def _of_pairs(panel: Panel, found: Measured, pairs: list[Pair]) -> Measured:
    """Return the columns of *found* that are of *pairs*."""
    known = found.coverage_pct
    return Measured(
        columns_of(panel, found.values, pairs),
        None if known is None else columns_of(panel, known, pairs),
    )


def _loaded(
    pairs: list[Pair],
    largest: Largest,
    names: NDArray[np.datetime64] | list[str],
    found: Measured,
    measure: Measure,
    order: Order,
    seen: View,
    asked: int | None,
) -> Loaded:
    """Return it all with the pairs in *order*; by value, the newest or the user's timeframe's.

    Bars were *asked* for, or timeframes where that is None.
    """
    values = by = found.values
    if order == "value" and not isinstance(names, np.ndarray):
        by = values[[names.index(seen.timeframe)]]
    turned = ordered(by, order)
    cells = values[:, turned].T
    return Loaded(
        pairs=[pairs[n] for n in turned],
        columns=names,
        values=cells,
        exceeded=_exceeded(cells, [pairs[n].base for n in turned], measure, seen.thresholds),
        coverage_pct=None if found.coverage_pct is None else found.coverage_pct[:, turned].T,
        measure=measure,
        scale=(
            color_scale(cells, measure.quantity)
            if asked is not None
            else ColumnScales(tuple(color_scale(column, measure.quantity) for column in cells.T))
        ),
        timeframe=None if asked is None else seen.timeframe,
        asked=asked,
        order=order,
        total=largest.total,
        word=largest.word,
    )


def _exceeded(
    values: Floats, bases: Sequence[str], measure: Measure, thresholds: Thresholds
) -> NDArray[np.bool_] | None:
    for name in get_args(Level):
        if name == measure.name:
            of_cells = np.repeat(np.array(bases, np.str_), values.shape[1]).tolist()
            flat = exceeded(thresholds, name, pd.Series(values.ravel()), of_cells)
            return flat.to_numpy(dtype=np.bool_).reshape(values.shape)
    return None


def chart(loaded: Loaded, seen: View, shown: Moment) -> None:
    """Draw the map."""
    title = loaded.measure.quantity.title
    subject = f"heatmap {loaded.measure.name} {loaded.timeframe} {loaded.values.shape[0]}"
    zoomable(
        heat_chart(loaded, colors(st.context.theme.type), touch=on_touch()),
        subject,
        key=CHART,
        config=chart_settings(f"heatmap {title}", shown),
        alt=f"{title} of {formats.plural(len(loaded.pairs), loaded.word)} as a heatmap",
    )


def has_any(loaded: Loaded) -> bool:
    """Return whether there is a value to draw."""
    return bool(np.isfinite(loaded.values).any())


def empty_reason(loaded: Loaded, seen: View) -> str:
    """Return why there is none."""
    measure = loaded.measure
    back = formats.plural(measure.warm_up, "bar")
    looks_back = f" It needs {back}." if measure.warm_up > 1 else ""
    where = f" in {seen.timeframe} bars" if loaded.timeframe else ""
    return (
        f"No {measure.quantity.title}{where} for these pairs at this time.{looks_back} Choose "
        "another measure, or a shorter timeframe in the sidebar."
    )


def words(loaded: Loaded, seen: View) -> dict[str, str]:
    """Return what the page is set to, in words."""
    across = "Timeframes" if loaded.timeframe is None else f"{loaded.timeframe} bars"
    return {
        "Measure": loaded.measure.quantity.title,
        "Columns": f"{across}, {loaded.values.shape[1]}",
        f"{loaded.word.title()}s": f"{len(loaded.pairs)}, by {loaded.order}",
        "Venues": formats.venues(seen.venues) if seen.venues else "all",
    }


def sentences(loaded: Loaded, seen: View, shown: Moment) -> list[str]:
    """Return what the map shows and leaves out."""
    return [
        _which(loaded),
        _when(loaded, shown),
        f"Colours are capped at the {100 - CLIPPED_PCT:.0f}th percentile.",
        *_unusual(loaded, seen),
        *_of_assets(loaded),
        *_settled(loaded),
        *_partial(loaded),
        *_fired(loaded),
        *_absent(loaded),
    ]


def _which(loaded: Loaded) -> str:
    by = {"volume": "volume", "value": "value", "cluster": "similarity"}[loaded.order]
    count = formats.plural(len(loaded.pairs), loaded.word)
    which = (
        f"Top {count} of {loaded.total:,} by 24 h volume"
        if len(loaded.pairs) < loaded.total
        else f"{'All ' if loaded.total > 1 else ''}{count}"
    )
    opened = "its pair" if loaded.word == "pair" else "its largest pair"
    return f"{which}, sorted by {by}. Click a row to open {opened}."


def _of_assets(loaded: Loaded) -> list[str]:
    """Say what stands for an asset over its venues."""
    if loaded.word == "pair":
        return []
    is_sum = loaded.measure.needs[0] in ("oi_usd", *FLOWS)
    how = "sum over its venues" if is_sum else "mean over its venues, weighted by open interest"
    return [f"Of an asset: the {how}."]


def _when(loaded: Loaded, shown: Moment) -> str:
    title = loaded.measure.quantity.title
    if loaded.timeframe is not None:
        newest = np.asarray(loaded.columns)[-1].astype("datetime64[ms]").item()
        end: datetime = newest.replace(tzinfo=UTC) + TIMEFRAMES[loaded.timeframe]
        there = loaded.values.shape[1]
        few = (
            f"{there:,} of {loaded.asked:,} {loaded.timeframe} bars: no earlier data; "
            if loaded.asked is not None and there < loaded.asked
            else f"{loaded.timeframe} bars; "
        )
        return f"{few}last bar closed at {formats.moment(end)}."
    return {
        "change": f"{title}: over each timeframe up to the last 5-minute bar.",
        "sum": f"{title}: sum over each timeframe up to the last 5-minute bar.",
        "mean": f"{title}: mean over each timeframe up to the last 5-minute bar.",
        "bars": f"{title}: last closed bar of each timeframe.",
    }[loaded.measure.over]


def _unusual(loaded: Loaded, seen: View) -> list[str]:
    if loaded.exceeded is None:
        return []
    counts = loaded.exceeded.sum(axis=1)
    level = seen.thresholds.written(cast(Level, loaded.measure.name))
    total = int(counts.sum())
    cells = formats.plural(loaded.values.size, "cell")
    if not total:
        return [f"None of {cells} exceeds your threshold of {level}."]
    names = labels(loaded.pairs)
    first = [f"{names[n]} ({counts[n]:,})" for n in np.argsort(-counts, kind="stable")[:3]]
    how = (
        f"; more than {MAX_MARKS:,} are counted on the right only"
        if total > MAX_MARKS
        else ", marked and counted on the right"
    )
    verb = "exceeds" if total == 1 else "exceed"
    return [
        f"{total:,} of {cells} {verb} your threshold of {level}{how}. "
        f"Most: {formats.listed(first)}."
    ]


def _fired(loaded: Loaded) -> list[str]:
    """Say in how many cells alerts of rules fired."""
    if loaded.alerts is None:
        return []
    cells = formats.plural(int((loaded.alerts != "").sum()), "cell")
    return [f"Alerts fired in {cells}, framed; their messages show on hover."]


def _settled(loaded: Loaded) -> list[str]:
    """Say how many rates are of payments: where these end, funding may step."""
    if not loaded.settled:
        return []
    cells = formats.plural(loaded.values.size, "cell")
    return [
        f"Funding of {loaded.settled:,} of {cells} is the rate that was paid, filled in from "
        "history; the others were the running rate."
    ]


def _partial(loaded: Loaded) -> list[str]:
    """Say how many cells are of a part of their bar or span alone."""
    count = int(loaded.partial.sum())
    if not count:
        return []
    how = f"marked {PARTIAL}" if not loaded.over_time else "marked with a triangle"
    if loaded.over_time and count > MAX_MARKS:
        how = "shown on hover"
    verb = "is" if count == 1 else "are"
    return [
        f"{count:,} of {formats.plural(loaded.values.size, 'cell')} {verb} partial, {how}: at "
        f"least {100 * LEAST_KNOWN:.0f} % of their 5-minute bars are known."
    ]


def _absent(loaded: Loaded) -> list[str]:
    known = np.isfinite(loaded.values)
    missing = int((~known).sum())
    if not missing:
        return []
    names = labels(loaded.pairs)
    without = [names[n] for n in np.flatnonzero(~known.any(axis=1))]
    verb = "is" if missing == 1 else "are"
    lines = [
        f"{missing:,} of {formats.plural(known.size, 'cell')} {verb} hatched: not enough data."
    ]
    if without:
        lines.append(f"No data for {formats.listed(without)}.")
    return lines
