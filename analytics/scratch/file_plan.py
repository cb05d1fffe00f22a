"""How the rows of one file become rows of a lake, by a preview, a mapping and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from analytics.scratch.preview import Column, FilePreview, Mapping, Meaning

Shape = Literal["snapshots", "candles", "closes", "payments"]
"""``snapshots``: readings at any time. ``candles``: of five minutes or shorter. ``closes``: values
at the ends of five minutes, or of candles longer than that. ``payments``: of funding."""

ALL: Final = "all"
"""Stands for every file in the key of an answer."""
FOR_ALL: Final = ("zone", "venue", "quote")
"""What is asked of all files at once."""

BAR_S: Final = 300
CANDLE: Final = ("open", "high", "low", "close")
FLOWS: Final = ("volume_usd", "taker_buy_usd", "taker_sell_usd", "liq_long_usd", "liq_short_usd")
ZONELESS: Final = ("time", "date")
WORDS: Final = ("time", "symbol", "venue")
FUNDING: Final = {"funding_rate", "funding_interval_h"}


@dataclass(frozen=True, slots=True)
class Taken:
    """A column that is taken."""

    column: Column
    unit: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows of one file are taken."""

    file: FilePreview
    taken: dict[str, Taken]
    """By quantity."""
    answers: dict[str, str] = field(default_factory=dict)
    """To the questions about this file, by the part of their key after the file's."""

    @property
    def figures(self) -> dict[str, Taken]:
        """What is taken beside times and names."""
        return {name: taken for name, taken in self.taken.items() if name not in WORDS}

    @property
    def shape(self) -> Shape:
        """What its rows become."""
        step, names = self.file.step_s, set(self.figures)
        if names and names <= FUNDING and step is not None and step >= 3000:
            return "payments"
        is_candle = bool(names & set(CANDLE))
        if step is not None and is_candle and step <= BAR_S:
            return "candles"
        if step is not None and step >= BAR_S and (is_candle or step % BAR_S == 0):
            return "closes"
        return "snapshots"

    @property
    def lasts(self) -> bool:
        """Whether a row is about a stretch of time, and not about a moment."""
        if self.shape not in ("candles", "closes"):
            return False
        return self.file.stamped is not None or bool(set(self.figures) & {*CANDLE, *FLOWS})

    @property
    def needs_zone(self) -> bool:
        """Whether its times do not say their zone."""
        return "time" in self.taken and self.taken["time"].column.kind in ZONELESS

    def quote(self) -> str | None:
        """Return what assets without a quote are quoted in; None where nobody said."""
        return self.answers.get("quote")


def plan(file: FilePreview, mapping: Mapping) -> Plan:
    """Return how *file* is taken by *mapping*; of two columns for one quantity, the first."""
    meanings = mapping.meanings.get(file.key, {})
    taken: dict[str, Taken] = {}
    answers = {
        key.removeprefix(prefix): value
        for prefix in (f"{ALL}/", f"{file.key}/")
        for key, value in mapping.answers.items()
        if key.startswith(prefix)
    }
    for column in file.columns:
        meaning = meanings.get(column.name, Meaning(None))
        if meaning.quantity is None:
            continue
        unit = meaning.unit or answers.get(f"unit/{column.name}")
        quantity = "oi_usd" if (meaning.quantity, unit) == ("oi_base", "USD") else meaning.quantity
        taken.setdefault(quantity, Taken(column, unit))
    return Plan(file, taken, answers)
