"""Correlation as files."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from analytics.correlation.lead_lag import LeadLag
from analytics.correlation.view import Matrix, Rolling
from analytics.exports.charts import Heatmap, LineChart, Series
from analytics.exports.exported_table import Column, Section
from analytics.exports.report import Report
from analytics.panels.panel import Pair
from analytics.quantities import QUANTITIES
from dashboard.charts.cells import labels
from dashboard.correlation.analysis import Request
from dashboard.state.as_of import Moment

Leads = tuple[tuple[Pair, ...], LeadLag]


def tables(
    found: Matrix, line: Rolling, leads: Leads | None, asked: Request
) -> dict[str, Callable[[], Section]]:
    """Return a function for each table of the page."""
    made: dict[str, Callable[[], Section]] = {
        "Matrix": lambda: matrix_section(found, asked),
        "Rolling": lambda: rolling_section(line),
    }
    if leads is not None:
        made["Leads"] = lambda: leads_section(leads)
    return made


def matrix_section(found: Matrix, asked: Request) -> Section:
    """Return the matrix as a table."""
    names = labels(found.pairs)
    frame = pd.DataFrame(found.r, columns=names)
    frame.insert(0, "pair", pd.Series(names, dtype=object))
    columns = (Column.of(name, name, "correlation") for name in names)
    return Section("Matrix", frame, (Column("pair", asked.of), *columns))


def rolling_section(found: Rolling) -> Section:
    """Return the correlation of two pairs over time as a table."""
    frame = pd.DataFrame({"ts": found.times, "r": found.r})
    columns = (Column("ts", "Bar starts", "time"), Column.of("r", quantity="correlation"))
    return Section("Rolling", frame, columns, f"Over {found.window} bars up to each.")


def leads_section(found: Leads) -> Section:
    """Return lead-lag as a table, one row per two instruments."""
    pairs, leads = found
    names = labels(pairs)
    rows, columns = np.nonzero(~np.eye(len(pairs), dtype=np.bool_))
    frame = pd.DataFrame(
        {
            "first": [names[n] for n in rows],
            "second": [names[n] for n in columns],
            "lag": leads.strongest_lag[rows, columns],
            "r": leads.strongest_r[rows, columns],
            "band": leads.band[rows, columns],
            "p": leads.p_value[rows, columns],
            "outside": leads.outside[rows, columns],
        }
    )
    return Section(
        "Leads",
        frame,
        (
            Column("first", "First"),
            Column("second", "Second"),
            Column("lag", "Bars the first leads by", "count"),
            Column.of("r", quantity="correlation"),
            Column.of("band", "Band of chance", "correlation"),
            Column("p", "p-value", "ratio", 3),
            Column("outside", "Beyond chance", "flag"),
        ),
    )


def report(
    found: Matrix,
    line: Rolling,
    leads: Leads | None,
    asked: Request,
    shown: Moment,
    notes: list[str],
) -> Report:
    """Return the page as a document."""
    names = labels(found.pairs)
    charts: list[Heatmap | LineChart] = []
    r = QUANTITIES["correlation"]
    if names:
        charts.append(Heatmap(r.title, names, names, found.r, r.kind, r.neutral))
    if np.isfinite(line.r).any():
        series = (Series("r", line.times, line.r),)
        note = f"Over {line.window} bars up to each point."
        charts.append(LineChart("Rolling correlation", series, r.kind, note))
    return Report(
        title="Correlation",
        moment=shown.now,
        origin=shown.origin,
        state=asked.words,
        charts=tuple(charts),
        sections=() if leads is None else (leads_section(leads),),
        notes=tuple(notes),
    )
