"""A report as data: its settings, figures, charts and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from analytics import formats
from analytics.exports.charts import Chart
from analytics.exports.exported_table import Section

SIMULATED: Final = "SIMULATED MARKET: no figure here is real"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, as it is written on a card."""

    label: str
    value: str
    change: str | None = None
    """How far it came, with its sign first."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a page shows at one time."""

    title: str
    moment: datetime
    """The time that everything in it is computed for. UTC"""
    origin: str
    """``live`` or ``simulator``, as the lake says, or what ``uploaded`` returns."""
    state: Mapping[str, str] = field(default_factory=dict)
    """What the page was set to, in words: timeframe, venues, thresholds."""
    figures: tuple[Figure, ...] = ()
    charts: tuple[Chart, ...] = ()
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences that belong to the whole: what is missing, and why."""

    @property
    def label(self) -> str | None:
        """What market this is, where it is not a real one."""
        return market_label(self.origin)


def uploaded(name: str, origin: str) -> str:
    """Return what a record is called that was opened from the file *name*.

    Args:
        name: Of the file, or of the first of several.
        origin: ``live`` or ``simulator``, as its lake says.
    """
    simulated = ", a simulated market" if origin == "simulator" else ""
    return f"Uploaded record: {formats.shortened(name, 40)}{simulated}"


def market_label(origin: str) -> str | None:
    """Return what pages and documents of *origin* are marked with; None for a live market."""
    return {"live": None, "simulator": SIMULATED}.get(origin, origin)
