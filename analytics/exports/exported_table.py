"""A table for export: rows, and the kind and unit of each column."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pandas as pd

from analytics.formats import KINDS, Kind
from analytics.quantities import QUANTITIES

Plain = str | float | int | bool | datetime | None
"""A cell without its library: a time is in UTC and has no zone, absent is None."""


@dataclass(frozen=True, slots=True)
class Column:
    """What one column of a table is."""

    name: str
    """The column of the frame."""
    title: str
    """What people call it, without its unit."""
    kind: Kind = "text"
    digits: int | None = None
    """Decimals on paper and in a spreadsheet; None for the kind's own."""
    unit: str | None = None
    """None for the kind's own."""

    @classmethod
    def of(cls, name: str, title: str | None = None, quantity: str | None = None) -> Column:
        """Return the column of a quantity of GLOSSARY.md.

        Args:
            name: The column of the frame, and the quantity unless one is named.
            title: Where it is of something special; None for the quantity's own.
            quantity: What it is, where the column is called otherwise.
        """
        one = QUANTITIES[quantity or name]
        return cls(name, title or one.title, one.kind, one.decimals, one.heading_unit)

    @property
    def header(self) -> str:
        """The title with the unit: ``Open interest [USD]``."""
        unit = self.unit or KINDS[self.kind].unit
        return self.title if unit is None else f"{self.title} [{unit}]"

    @property
    def heading(self) -> str:
        """The title on paper, where most values say their unit themselves."""
        return self.title if KINDS[self.kind].is_said else self.header


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a page."""

    title: str
    frame: pd.DataFrame
    """May have more columns than are exported. Times without a zone are UTC."""
    columns: tuple[Column, ...]
    note: str | None = None
    """A sentence that belongs to the table: what is left out of it, what a column means."""

    def __post_init__(self) -> None:
        missing = [column.name for column in self.columns if column.name not in self.frame.columns]
        if missing:
            raise ValueError(f"{self.title}: the frame lacks column {', '.join(missing)}")

    def cells(self) -> list[list[Plain]]:
        """Return the plain values of each column."""
        return [plain(self.frame[column.name], column.kind) for column in self.columns]


def plain(values: pd.Series[Any], kind: Kind) -> list[Plain]:
    """Return *values* as plain ones; what is absent, or not finite, is None."""
    if kind == "time":
        return _times(values)
    absent = values.isna().tolist()
    number = partial(_number, figures=KINDS[kind].figures)
    convert = str if KINDS[kind].is_text else bool if kind == "flag" else number
    return [
        None if is_absent else convert(value)
        for value, is_absent in zip(values.tolist(), absent, strict=True)
    ]


def _times(values: pd.Series[Any]) -> list[Plain]:
    utc = pd.to_datetime(values, utc=True).dt.tz_localize(None).astype("datetime64[us]")
    return [None if pd.isna(time) else time.to_pydatetime() for time in utc]


def _number(value: Any, figures: int) -> float | int | None:
    """Return *value* to so many significant *figures*: what lies behind is noise of fractions."""
    number = float(value)
    if not math.isfinite(number):
        return None
    if number.is_integer() and not isinstance(value, float):
        return int(value)
    return float(f"{number:.{figures}g}")
