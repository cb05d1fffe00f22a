"""The report of a range as tables for a workbook: what is a chart on paper has its values there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from analytics.exports.charts import BarChart, Chart, Heatmap, LineChart
from analytics.exports.exported_table import Column, Section
from analytics.exports.report import Report
from analytics.exports.xlsx import xlsx_bytes
from analytics.quantities import QUANTITIES


def workbook(parts: Iterable[Report]) -> bytes:
    """Return the *parts* of a report as a workbook."""
    parts = list(parts)
    about = {
        **{"Title": parts[0].title, **parts[0].state},
        **{part.title: " ".join(part.notes) for part in parts if part.notes},
    }
    if parts[0].label:
        about["Market"] = parts[0].label
    return xlsx_bytes([*_sections(parts)], about)


def _sections(parts: Iterable[Report]) -> Iterator[Section]:
    for part in parts:
        if part.figures:
            rows = [(one.label, one.value, one.change) for one in part.figures]
            frame = pd.DataFrame(rows, columns=["figure", "value", "change"])
            titles = ("Figure", "Value", "Change")
            columns = map(Column, frame.columns, titles)
            yield Section(f"{part.title} figures", frame, tuple(columns))
        yield from part.sections
        yield from map(_values, part.charts)


def _values(chart: Chart) -> Section:
    """Return the values of a chart as a table."""
    if isinstance(chart, LineChart):
        return _lines(chart)
    if isinstance(chart, BarChart):
        frame = pd.DataFrame({"of": [*chart.labels], "value": [*chart.values]})
        columns = (Column("of", "Of"), Column("value", "Value", chart.kind, chart.digits))
        return Section(chart.title, frame, columns, chart.note)
    return _cells(chart)


def _lines(chart: LineChart) -> Section:
    lines = {
        one.name: pd.Series(one.y, pd.DatetimeIndex(np.asarray(one.x))) for one in chart.series
    }
    columns = [Column(name, name, chart.kind) for name in lines]
    if (candles := chart.candles) is not None:
        sides = {
            QUANTITIES[name].title: getattr(candles, name)
            for name in ("open", "high", "low", "close")
        }
        lines = {name: pd.Series(line, candles.x) for name, line in sides.items()} | lines
        columns = [*(Column(name, name, "price") for name in sides), *columns]
    frame = pd.DataFrame(lines).rename_axis("ts").reset_index()
    return Section(chart.title, frame, (Column("ts", "Bar from", "time"), *columns), chart.note)


def _cells(chart: Heatmap) -> Section:
    names = [*dict.fromkeys(chart.columns)]
    frame = pd.DataFrame(chart.values, columns=list(chart.columns))
    frame.insert(0, "of", [*chart.rows])
    columns = (Column(name, name, chart.kind, chart.digits) for name in names)
    return Section(chart.title, frame, (Column("of", "Of"), *columns), chart.note)
