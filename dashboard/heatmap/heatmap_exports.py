"""The Heatmap as files."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics import formats
from analytics.exports.charts import Heatmap
from analytics.exports.exported_table import Column, Section
from analytics.exports.report import Report
from dashboard.charts.cells import labels
from dashboard.heatmap.measure_grid import Loaded
from dashboard.state.as_of import Moment


def section(loaded: Loaded) -> Section:
    """Return the map as a table: a row for each pair, a column for each of its columns."""
    measure = loaded.measure.name
    names = column_names(loaded)
    keys = pd.DataFrame(loaded.pairs, columns=["venue", "symbol", "base"])
    cells = pd.DataFrame(loaded.values, columns=names)
    shown = [Column("symbol", "Pair"), Column("venue", "Venue", "venue"), Column("base", "Asset")]
    if loaded.word == "asset":
        shown = shown[2:]
    for place, name in enumerate(names):
        shown.append(Column.of(name, name, measure))
        if loaded.coverage_pct is not None and loaded.partial[:, place].any():
            known = f"{name}, known"
            cells[known] = loaded.coverage_pct[:, place]
            shown.append(Column(known, known, "share"))
    return Section(
        loaded.measure.quantity.title,
        pd.concat([keys, cells], axis=1),
        tuple(shown),
        _note(loaded),
    )


def _note(loaded: Loaded) -> str | None:
    """Return what is to be known of the table."""
    notes = ["Times are the starts of bars, UTC."] if loaded.timeframe else []
    if loaded.partial.any():
        notes.append("Values known by less than 100 % are sums of the known part.")
    return " ".join(notes) or None


def report(loaded: Loaded, shown: Moment, chosen: dict[str, str], notes: list[str]) -> Report:
    """Return the page as a document."""
    quantity = loaded.measure.quantity
    return Report(
        title="Heatmap",
        moment=shown.now,
        origin=shown.origin,
        state=chosen,
        charts=(
            Heatmap(
                quantity.title,
                labels(loaded.pairs),
                column_names(loaded),
                loaded.values,
                quantity.kind,
                quantity.neutral,
                digits=quantity.digits,
                partial=loaded.partial,
            ),
        ),
        notes=tuple(notes),
    )


def column_names(loaded: Loaded) -> list[str]:
    """Return what each column is called: a timeframe, or when its bar starts."""
    if not isinstance(loaded.columns, np.ndarray):
        return list(loaded.columns)
    return [formats.moment(time.item()) for time in loaded.columns.astype("datetime64[ms]")]
