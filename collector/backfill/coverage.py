"""How much of a stretch the lake knows: what ``perpscope backfill`` says in the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from rich.table import Table

from collector.backfill.plan import Known, Wanted
from collector.venues.venue import History, Venue


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """How much is known of one history of a venue's instruments. Survives the way through JSON."""

    venue: str
    what: str
    pairs: int
    expected: int
    """Bars that could be known: of the stretch, as far as the venue tells of it."""
    before: int
    """Of those, known before."""
    now: int
    """Of those, known now."""
    first_ts: datetime
    """The start of the first bar asked for."""
    shortened: bool
    """Whether that is later than wanted, because the venue keeps no more."""

    @property
    def coverage_pct(self) -> float | None:
        """Known of expected, None where nothing is expected. [%]"""
        return 100 * self.now / self.expected if self.expected else None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {**asdict(self), "first_ts": self.first_ts.isoformat()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return what ``as_json`` was made of."""
        return cls(**{**fields, "first_ts": datetime.fromisoformat(fields["first_ts"])})


@dataclass(slots=True)
class Counted:
    """How much of each history is expected and known, by the history's name."""

    pairs: Counter[str] = field(default_factory=Counter)
    expected: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)

    def add(self, found: Known, histories: Iterable[History], wanted: Wanted) -> None:
        """Count what is *found* of *histories* of one instrument."""
        for history in histories:
            stretch = wanted.obtainable(history)
            askable = found.askable(history, stretch, wanted.now)
            known = askable & found.has(history, stretch)
            self.pairs[history.question.name] += 1
            self.expected[history.question.name] += int(askable.sum())
            self.known[history.question.name] += int(known.sum())


def compared(wanted: Wanted, before: Counted, after: Counted) -> list[Covered]:
    """Return what the counts *before* and *after* say of each history that was *wanted*."""
    return [
        Covered(
            venue=wanted.venue.name,
            what=(what := history.question.name),
            pairs=after.pairs[what],
            expected=after.expected[what],
            before=min(before.known[what], after.known[what]),
            now=after.known[what],
            first_ts=(found := wanted.obtainable(history)).start,
            shortened=found.start > wanted.all_of(history).start,
        )
        for history in wanted.venue.history
    ]


def as_table(covered: Iterable[Covered]) -> Table:
    """Return *covered* as the table that people read."""
    table = Table("venue", "history", "pairs", "from", "bars", "known before", "new", "coverage")
    for one in covered:
        share = one.coverage_pct
        table.add_row(
            one.venue,
            one.what,
            f"{one.pairs}",
            f"{one.first_ts:%Y-%m-%d %H:%M}",
            f"{one.expected:,}",
            f"{one.before:,}",
            f"{one.now - one.before:,}",
            "n/a" if share is None else f"{share:.1f} %",
        )
    return table


def reach_notes(venue: Venue, covered: Iterable[Covered]) -> list[str]:
    """Return a sentence about each history that *venue* does not keep as long as was wanted."""
    short = {one.what for one in covered if one.shortened}
    by_reach: dict[timedelta, list[str]] = {}
    for history in venue.history:
        if history.question.name in short and history.reach is not None:
            by_reach.setdefault(history.reach, []).append(history.question.name)
    return [
        f"{venue.title} keeps {reach.days} days of {', '.join(names)}; older data is not available"
        for reach, names in by_reach.items()
    ]
