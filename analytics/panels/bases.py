"""Which instruments are of one asset: what a row's ``base`` becomes when it is read.

The record keeps the base that the venue's name says. What people sum and compare by may be
another: a share is none with the coin of the same name, and two coins that venues give one name
are kept apart by their prices. That is decided here, once, for all who read bases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import duckdb
import pandas as pd

from analytics import formats, query

TIMES_APART: Final = 1.25
"""Prices of one coin are never more than so many times apart for long. [ratio]"""

BARS_APART: Final = 12
"""So many 5-minute bars in a row keep two prices apart, or bring them together: an hour. [bars]"""

COIN: Final = "coin"
"""The class of what no venue calls something else."""

Key = tuple[str, str]
"""Venue and symbol."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Instruments under one name whose prices are not one coin's, or were not lately."""

    base: str
    """As stored, with the class of what is no coin."""
    parts: tuple[str, ...]
    """The names that are counted apart; none where all are still counted together."""
    ratio: float
    """The highest price over the lowest, of the two that are the furthest apart now."""
    is_apart: bool
    """Whether prices are apart in the newest bar."""

    @property
    def sentence(self) -> str:
        """What the pages say about it."""
        far = f"Prices of {self.base} differ by a factor of {_factor(self.ratio)} between venues"
        if not self.parts:
            return f"{far}. Treated as one asset unless this lasts an hour."
        assets = f"{len(self.parts)} assets: {formats.listed(list(self.parts), 9)}"
        if self.is_apart:
            return f"{far}. Treated as {assets}."
        return (
            f"Prices of {self.base} agree between venues again. Until this has lasted an hour, "
            f"treated as {assets}."
        )


@dataclass(frozen=True, slots=True)
class Bases:
    """What instruments are counted under, as known at a time."""

    names: Mapping[Key, str] = field(default_factory=lambda: MappingProxyType({}))
    """Of those that are counted under another name than the stored base."""
    stored: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    """By each such name: the stored bases of its rows."""
    differences: tuple[Difference, ...] = ()
    multipliers: Mapping[Key, float] = field(default_factory=lambda: MappingProxyType({}))
    """Coins in a quoted unit, of those of which it is not 1."""

    def name(self, venue: str, symbol: str, base: str) -> str:
        """Return what the instrument is counted under; *base* is the stored one."""
        return self.names.get((venue, symbol), base)

    def named(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return *rows*, which have venue, symbol and base, with what they are counted under."""
        if not self.names or rows.empty:
            return rows
        keys = zip(rows["venue"], rows["symbol"], rows["base"], strict=True)
        return rows.assign(base=[self.name(*key) for key in keys])

    @property
    def params(self) -> dict[str, list[str]]:
        """What a query that sums by base asks for: instruments, and what they are counted under."""
        pairs = [f"{venue} {symbol}" for venue, symbol in self.names]
        return {"counted_pairs": pairs, "counted_names": [*self.names.values()]}

    def to_read(self, wanted: Sequence[str]) -> list[str]:
        """Return the stored bases under which rows of *wanted* may lie."""
        return sorted({base for name in wanted for base in self.stored.get(name, {name})})

    def of(self, base: str) -> tuple[Difference, ...]:
        """Return the differences that concern *base*, a name that is counted under."""
        return tuple(one for one in self.differences if base == one.base or base in one.parts)


EVERY_BASE_AS_STORED: Final = Bases()


def bases(
    cursor: duckdb.DuckDBPyConnection, now: datetime, known_by: datetime | None = None
) -> Bases:
    """Return what instruments are counted under at *now*.

    An instrument that its venue calls a share or a commodity has that behind its name: ``CAT
    (stock)``. Where the prices per coin of one name were more than ``TIMES_APART`` times apart
    in ``BARS_APART`` 5-minute bars in a row, and not together for as long since, those that go
    together have their venues behind it, ``GAS (bybit)``, but for the name that most venues
    mean, if there is one. Bars that lack a price say nothing; those of the last 24 hours are
    looked at.

    Args:
        cursor: On the lake.
        now: 5-minute bars that were not over by then are not seen. With a zone.
        known_by: What became known later is not seen either; None: at *now*. With a zone.

    Raises:
        QueryError: *now* has no zone.
        LakeError: The lake cannot be read.
    """
    classes = query.fetch(cursor, "asset_classes", now=now)
    limits = {"factor": TIMES_APART, "bars": BARS_APART}
    apart = query.fetch(cursor, "prices_apart", now=now, known_by=known_by or now, **limits)
    names: dict[Key, str] = {}
    stored: dict[str, set[str]] = {}
    for row in classes.to_dict("records"):
        names[row["venue"], row["symbol"]] = name = _classed(row["base"], row["asset_class"])
        stored.setdefault(name, set()).add(row["base"])
    differences = []
    for _, rows in apart.groupby(["base", "asset_class"]):
        base, kind = str(rows["base"].iloc[0]), str(rows["asset_class"].iloc[0])
        difference, parts = _judged(base, kind, rows.to_dict("records"))
        differences.append(difference)
        names |= parts
        for name in parts.values():
            stored.setdefault(name, set()).add(base)
    kept = {name: frozenset(found) for name, found in stored.items()}
    quoted = query.fetch(cursor, "multipliers", now=now)
    units = dict(
        zip(zip(quoted["venue"], quoted["symbol"], strict=True), quoted["multiplier"], strict=True)
    )
    return Bases(
        MappingProxyType(names),
        MappingProxyType(kept),
        tuple(differences),
        MappingProxyType(units),
    )


def _judged(base: str, kind: str, rows: list[dict[Any, Any]]) -> tuple[Difference, dict[Key, str]]:
    """Return what *rows* of ``prices_apart.sql`` mean for one base, and its instruments' names."""
    whole = _classed(base, kind)
    furthest = max(rows, key=lambda row: (row["is_apart"], row["ratio"]))
    groups = _groups(rows) if any(row["was_apart"] is True for row in rows) else []
    names = _names(base, kind, groups) if len(groups) > 1 else []
    parts = {key: name for name, group in zip(names, groups, strict=False) for key in group}
    difference = Difference(
        whole, tuple(sorted(names)), float(furthest["ratio"]), bool(furthest["is_apart"])
    )
    return difference, parts


def _groups(rows: list[dict[Any, Any]]) -> list[set[Key]]:
    """Return the instruments of *rows*, those together whose prices go together."""
    group_of: dict[Key, set[Key]] = {}
    for row in rows:
        for side in "ab":
            key = row[f"{side}_venue"], row[f"{side}_symbol"]
            group_of.setdefault(key, {key})
    for row in rows:
        if not (row["is_apart"] if row["was_apart"] is None else row["was_apart"]):
            a = group_of[row["a_venue"], row["a_symbol"]]
            b = group_of[row["b_venue"], row["b_symbol"]]
            joined = a | b
            group_of.update(dict.fromkeys(joined, joined))
    return sorted({id(group): group for group in group_of.values()}.values(), key=min)


def _names(base: str, kind: str, groups: list[set[Key]]) -> list[str]:
    """Return a name for each of *groups*: the plain one for what most venues mean, if any."""
    venues = [sorted({venue for venue, _ in group}) for group in groups]
    marks = [", ".join(names) for names in venues]
    again = Counter(marks)
    most = sorted((len(names) for names in venues), reverse=True)
    names = []
    for group, mark, mine in zip(groups, marks, venues, strict=True):
        if len(mine) == most[0] > most[1]:
            names.append(_classed(base, kind))
            continue
        # One venue may list both: then it is the pairs that tell them apart.
        names.append(_classed(base, kind, mark if again[mark] == 1 else _pairs(group)))
    return names


def _pairs(group: Iterable[Key]) -> str:
    return ", ".join(f"{formats.pair(symbol)} on {venue}" for venue, symbol in sorted(group))


def _classed(base: str, kind: str, *marks: str) -> str:
    """Return *base* with what tells it from others of its name behind it."""
    behind: Collection[str] = [*([] if kind == COIN else [kind]), *marks]
    return f"{base} ({', '.join(behind)})" if behind else base


def _factor(ratio: float) -> str:
    return f"{ratio:,.2f}" if ratio < 10 else f"{ratio:,.0f}"
