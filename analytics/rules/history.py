"""What rules would have done over a stretch of the past, at every five-minute mark.

The events are those that passes at these marks make, by the same conditions and the same states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics.panels.bases import bases
from analytics.rules import columns
from analytics.rules.columns import Column
from analytics.rules.engine import Event, Key, Subject, Which, conditions, inside_names, second
from analytics.rules.episode import LOST_AFTER, Change, State, Waits, step
from analytics.rules.expression import evaluate
from analytics.rules.frames import names_read
from analytics.rules.past_levels import Times
from analytics.rules.past_values import Past, Stretch, past
from analytics.rules.reading import mark
from analytics.rules.rules_file import Rule

Truth = NDArray[np.int8]
"""1 is true, 0 false and -1 unknown."""

MOST_CELLS: Final = 50_000_000
"""Rows times rules that are evaluated at once, of two bytes: a sweep of a month has 400 million."""

_MS: Final = timedelta(milliseconds=1)


def replay(
    cursor: duckdb.DuckDBPyConnection,
    rules: Sequence[Rule],
    now: datetime,
    span: timedelta,
    *,
    known_by: datetime | None = None,
) -> list[Event]:
    """Return what *rules* would have done in the *span* before *now*, oldest first.

    They begin at rest. What a live pass reads of the newest snapshot is the close of the bar that
    ended at the mark here. Instruments are counted under what they are at *now*.

    Args:
        cursor: On the lake.
        rules: Each name once.
        now: Marks after it are not looked at. With a zone.
        span: How far before *now* to begin.
        known_by: What became known later is not seen; None: at *now*.

    Raises:
        QueryError: *now* has no zone.
        LakeError: The lake cannot be read.
    """
    found: list[Event] = []
    for mine, table in _tables(cursor, rules, now, span, known_by):
        found += _events(mine, table)
    order = {rule.name: number for number, rule in enumerate(rules)}
    return sorted(
        found, key=lambda event: (event.ts, order[event.key.rule], str(event.key.subject))
    )


@dataclass(frozen=True, slots=True)
class Held:
    """When a rule's condition was true, whatever its waits."""

    rule: Rule
    marks: Times
    """UTC. (S,)"""
    subjects: tuple[Subject, ...]
    truth: Truth
    """(S, N)"""


def held(
    cursor: duckdb.DuckDBPyConnection,
    rules: Sequence[Rule],
    now: datetime,
    span: timedelta,
    *,
    known_by: datetime | None = None,
) -> list[Held]:
    """Return when the conditions of *rules* were true; arguments are as for :func:`replay`.

    A rule of which no subject is recorded has no row.
    """
    found = []
    for mine, table in _tables(cursor, rules, now, span, known_by):
        truth = evaluate({rule.name: rule.when for rule in mine}, table.frame)
        for rule in mine:
            holds = _truth(truth[rule.name], table.inside(rule))
            found.append(Held(rule, table.marks, table.past.subjects, holds))
    return found


def _tables(
    cursor: duckdb.DuckDBPyConnection,
    rules: Sequence[Rule],
    now: datetime,
    span: timedelta,
    known_by: datetime | None,
) -> Iterator[tuple[list[Rule], _Table]]:
    """Yield rules of one kind of subject and timeframe, and the rows that they are about."""
    end, seen = mark(now, "5m"), known_by or now
    counted = bases(cursor, end, seen)
    stretch = Stretch(cursor, end - span, end, seen, counted)
    wanted = names_read(rules)
    for per in dict.fromkeys(per for per, _ in wanted):
        read = {
            columns.named(per, name, timeframe)
            for (of, timeframe), names in wanted.items()
            if of == per
            for name in names
            if name not in columns.TEXTS[per]
        }
        seen_then = past(stretch, per, sorted(read, key=str))
        for (of, timeframe), names in wanted.items():
            if of == per and len(seen_then.subjects):
                mine = [rule for rule in rules if (rule.per, rule.timeframe) == (per, timeframe)]
                yield mine, _Table(seen_then, (per, timeframe), names, stretch)


class _Table:
    """The rows of all marks and subjects below each other, mark by mark."""

    def __init__(self, past: Past, which: Which, names: frozenset[str], stretch: Stretch) -> None:
        self.per, self.timeframe = which
        self.past, self.marks = past, stretch.marks
        self.shape = len(self.marks), len(past.subjects)
        self.times: list[datetime] = [
            time.replace(tzinfo=UTC) for time in self.marks.astype("datetime64[us]").tolist()
        ]
        self.milliseconds = self.marks.astype(np.int64)
        self.texts = self._texts()
        cells: dict[str, Any] = {
            name: np.tile(self.texts[name].to_numpy(object), len(self.marks))
            if name in self.texts
            else past.values[self._column(name)].reshape(-1)
            for name in names
        }
        self.frame = pd.DataFrame(cells, index=pd.RangeIndex(self.shape[0] * self.shape[1]))

    def _texts(self) -> pd.DataFrame:
        rows = [
            {"venue": subject.venue, "symbol": subject.symbol, "base": base}
            for subject, base in zip(self.past.subjects, self.past.bases, strict=True)
        ]
        return pd.DataFrame(rows)[list(columns.TEXTS[self.per])]

    def _column(self, name: str) -> Column:
        return columns.named(self.per, name, self.timeframe)

    def seen(self, name: str, row: int, subject: int) -> tuple[Any, float | None]:
        """Return a value and its age in seconds; both None where it is absent."""
        if name in self.texts:
            return self.texts[name].iat[subject], None
        column = self._column(name)
        value = float(self.past.values[column][row, subject])
        if np.isnan(value):
            return None, None
        age = self.marks[row] - self.past.times[column][row, subject]
        return value, float(age / np.timedelta64(1, "s"))

    def inside(self, rule: Rule) -> NDArray[np.bool_]:
        """Return which subjects the scope names at each mark. (S, N)"""
        named = inside_names(rule.scope, self.texts) & self.past.present
        if rule.scope.top is None:
            return named
        volume = np.where(named, self.past.values[Column("volume_24h_usd", None)], np.nan)
        # Not a number comes last, and ranks nowhere.
        rank = np.argsort(np.argsort(-volume, axis=1, kind="stable"), axis=1)
        return named & np.isfinite(volume) & (rank < rule.scope.top)


def _events(rules: Sequence[Rule], table: _Table) -> Iterator[Event]:
    at_once = max(MOST_CELLS // max(len(table.frame), 1), 1)
    for first in range(0, len(rules), at_once):
        yield from _events_at_once(rules[first : first + at_once], table)


def _events_at_once(rules: Sequence[Rule], table: _Table) -> Iterator[Event]:
    truth = evaluate(dict(conditions(rules)), table.frame)
    for rule in rules:
        inside = table.inside(rule)
        holds = _truth(truth[rule.name], inside)
        if rule.clear:
            clear = _truth(truth[second(rule)], inside)
        else:
            clear = np.where(holds < 0, holds, 1 - holds).astype(np.int8)
        for subject in np.flatnonzero((holds == 1).any(axis=0)):
            lines = holds[:, subject], clear[:, subject]
            there = inside[:, subject]
            for row, change, started in changes(
                table.times, table.milliseconds, *lines, rule.waits, there
            ):
                event = _event(rule, table, row, int(subject), (change, started))
                yield event if there[row] else replace(event, values={}, ages_s={}, lost=True)


def _truth(found: pd.Series[bool], inside: NDArray[np.bool_]) -> Truth:
    known = found.to_numpy(np.int8, na_value=-1).reshape(inside.shape)
    return np.where(inside, known, np.int8(-1))


def _event(
    rule: Rule, table: _Table, row: int, subject: int, what: tuple[Change, datetime]
) -> Event:
    change, started = what
    seen = {name: table.seen(name, row, subject) for name in sorted(rule.reads)}
    return Event(
        key=Key(rule.name, rule.version, table.past.subjects[subject]),
        change=change,
        ts=table.times[row],
        started=started,
        values={name: value for name, (value, _) in seen.items()},
        ages_s={name: age for name, (_, age) in seen.items() if age is not None},
        base=table.past.bases[subject],
    )


def changes(
    times: Sequence[datetime],
    milliseconds: NDArray[np.int64],
    holds: Truth,
    clear: Truth,
    waits: Waits,
    there: NDArray[np.bool_] | None = None,
) -> Iterator[tuple[int, Change, datetime]]:
    """Yield the rows at which something happens to one subject, what, and its episode's start.

    It is what stepping through every row gives; rows that can change nothing are left out.

    Args:
        times: Of the rows, with a zone.
        milliseconds: The same as numbers. (S,)
        holds: Whether the condition is true. (S,)
        clear: Whether it is over. (S,)
        waits: The rule's.
        there: Whether the subject has a row, and is in scope; None: always. (S,)
    """
    rows = _Rows(milliseconds, holds, clear, there)
    state, row = State(), 0
    while (found := rows.next(state, row, waits)) is not None:
        before = state
        known = tuple(None if line[found] < 0 else bool(line[found]) for line in (holds, clear))
        state, change = step(
            before, times[found], known[0], waits, clear=known[1], there=rows.is_there(found)
        )
        if change is not None:
            yield found, change, before.started or state.started or times[found]
        row = found + 1


@dataclass(slots=True)
class _Rows:
    """Finds the next row at which a state can change."""

    milliseconds: NDArray[np.int64]
    holds: Truth
    clear: Truth
    there: NDArray[np.bool_] | None

    def is_there(self, row: int) -> bool:
        return self.there is None or bool(self.there[row])

    def next(self, state: State, row: int, waits: Waits) -> int | None:
        match state.phase:
            case "inactive":
                until = state.resolved + waits.cool_down if state.resolved else None
                candidates = [self._first(self.holds == 1, row, until)]
            case "pending":
                due = state.started + waits.hold if state.started else None
                candidates = [
                    self._first(self.holds == 0, row, None),
                    self._first(self.holds == 1, row, due),
                ]
            case _:
                candidates = self._while_firing(state, row, waits)
        if state.phase != "inactive" and self.there is not None:
            candidates += self._while_lost(state, row, self.there)
        return min((one for one in candidates if one is not None), default=None)

    def _while_firing(self, state: State, row: int, waits: Waits) -> list[int | None]:
        if state.over_since is None:
            return [self._first(self.clear == 1, row, None)]
        due = state.over_since + waits.keep
        return [self._first(self.clear == 0, row, None), self._first(self.clear == 1, row, due)]

    def _while_lost(self, state: State, row: int, there: NDArray[np.bool_]) -> list[int | None]:
        if state.lost_since is None:
            return [self._first(~there, row, None)]
        due = state.lost_since + LOST_AFTER
        return [self._first(there, row, None), self._first(~there, row, due)]

    def _first(self, which: NDArray[np.bool_], row: int, due: datetime | None) -> int | None:
        """Return the first of *which* from *row* on that is not before *due*."""
        if due is not None:
            row = max(row, int(np.searchsorted(self.milliseconds, round(due.timestamp() * 1000))))
        ahead = which[row:]
        found = int(ahead.argmax()) if len(ahead) else 0
        return row + found if len(ahead) and ahead[found] else None
