"""What a report of a range shall hold, and what its parts are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal

import duckdb
import pandas as pd

from analytics import formats, query
from analytics.exports.charts import Chart
from analytics.exports.exported_table import Section
from analytics.exports.report import Figure, Report
from analytics.panels.bases import Bases
from analytics.panels.panel import TIMEFRAMES

Part = Literal["Overview", "Market", "Heatmap", "Correlation", "Exchanges", "Alerts"]
PARTS: Final[tuple[Part, ...]] = (
    "Overview",
    "Market",
    "Heatmap",
    "Correlation",
    "Exchanges",
    "Alerts",
)
LONGEST: Final = timedelta(days=366)
SHORTEST: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for."""

    start: datetime
    """UTC"""
    end: datetime
    """UTC. Nothing that was received later is seen."""
    known_by: datetime
    """Bars that became known later are not seen; ``query.ANY_TIME``: all are."""
    cycle: timedelta
    """Between two snapshots."""
    parts: tuple[Part, ...]
    pairs: tuple[tuple[str, str], ...]
    """Venue and symbol of those whose charts are drawn."""

    @property
    def span(self) -> timedelta:
        """How long the range is."""
        return self.end - self.start

    @property
    def words(self) -> str:
        """The range, in words."""
        return f"{formats.moment(self.start)} to {formats.moment(self.end)}"

    def timeframe(self, most: int) -> str:
        """Return the shortest timeframe of which at most *most* bars are in the range."""
        fitting = (name for name, width in TIMEFRAMES.items() if self.span / width <= most)
        return next(fitting, "1d")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the parts are read."""

    cursor: duckdb.DuckDBPyConnection
    asked: Asked
    origin: str
    counted: Bases

    @property
    def bounds(self) -> dict[str, Any]:
        """What a panel is loaded by."""
        known_by = self.asked.known_by
        return {"now": self.asked.end, "known_by": known_by, "counted": self.counted}

    def fetch(self, name: str, **params: object) -> pd.DataFrame:
        """Return what the query called *name* answers at the end of the range."""
        if "known_by" in query.parameters(name):
            params["known_by"] = self.asked.known_by
        if "now" in query.parameters(name):
            params["now"] = self.asked.end
        rows = query.fetch(self.cursor, name, **params)
        return self.counted.named(rows) if {"venue", "symbol", "base"} <= {*rows} else rows

    def part(
        self,
        title: str,
        figures: Iterable[Figure] = (),
        charts: Iterable[Chart] = (),
        sections: Iterable[Section] = (),
        notes: Iterable[str] = (),
        also: Mapping[str, str] = MappingProxyType({}),
    ) -> Report:
        """Return a part of the report; it states the range, and *also* what is given."""
        state = {"Range": self.asked.words, **also}
        parts = (tuple(figures), tuple(charts), tuple(sections), tuple(notes))
        return Report(title, self.asked.end, self.origin, state, *parts)
