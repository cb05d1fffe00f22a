"""One pass over all rules: which episodes began, fired and ended at a moment.

Pure: rules, frames, the states before and a time go in; states and events come out. The collector
passes after every cycle, a replay at every past one, and both get the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analytics import formats
from analytics.rules.episode import Change, State, step
from analytics.rules.expression import Expression, evaluate
from analytics.rules.rules_file import Per, Rule, Scope


class Subject(NamedTuple):
    """What an episode is about: an instrument, a base, a venue, or the market: all are None."""

    venue: str | None = None
    symbol: str | None = None
    base: str | None = None

    def __str__(self) -> str:
        """As people read it: ``BTC/USDT Binance``, ``BTC``, ``Market``."""
        if self.symbol is not None:
            return f"{formats.pair(self.symbol)} {formats.venue(self.venue or '')}"
        return formats.venue(self.venue) if self.venue else self.base or "Market"

    @property
    def word(self) -> str:
        """As the lake keeps it: ``binance BTC/USDT:USDT``, ``BTC``, ``okx`` or ``market``."""
        if self.symbol is not None:
            return f"{self.venue} {self.symbol}"
        return self.venue or self.base or "market"


class Key(NamedTuple):
    """Which rule, version and subject a state is of: an edited rule begins anew."""

    rule: str
    version: str
    subject: Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened to an episode, which its key and its start name."""

    key: Key
    change: Change
    ts: datetime
    started: datetime
    values: Mapping[str, Any]
    """What the rule read then, by column; None is absent."""
    ages_s: Mapping[str, float]
    """How old it was, by column; those whose time the frame has. [s]"""
    base: str | None
    """What a pair is counted under, and the asset of one; None if the subject has no row."""
    lost: bool = False
    """It ended because its subject was not there for long, and the rule read nothing."""


States = Mapping[Key, State]
"""A key that is not there is inactive, and does not cool down."""

Which = tuple[Per, str]
"""What a frame's rows are about, and its timeframe."""

SUBJECT_KEYS: Final[Mapping[Per, tuple[str, ...]]] = {
    "pair": ("venue", "symbol"),
    "asset": ("base",),
    "market": (),
    "venue": ("venue",),
}
"""The columns of a frame that name its subjects."""
_AT_REST: Final = State()
_TRUTH: Final = (False, True, None)
"""By 0, 1, and -1 for unknown."""


def run(
    rules: Sequence[Rule], frames: Mapping[Which, pd.DataFrame], states: States, now: datetime
) -> tuple[dict[Key, State], list[Event]]:
    """Return the states at *now* and what happened, rule by rule.

    Args:
        rules: Each name once.
        frames: One for each kind of subject and timeframe that a rule has, a row per subject.
            ``venue`` and ``symbol`` name a pair, ``base`` an asset; the market is one row.
            Beside a value ``NAME`` its time may stand as ``NAME_ts``.
        states: As the pass before returned them. Those of a rule that is no longer there, or was
            edited, are dropped; that of a subject without a row stays as it is for a day.
        now: The time of the frames' values, with a zone.
    """
    after: dict[Key, State] = {}
    events: list[Event] = []
    open_keys = defaultdict[tuple[str, str], list[Key]](list)
    for key in states:
        open_keys[key[:2]].append(key)
    for which, frame in frames.items():
        mine = [rule for rule in rules if (rule.per, rule.timeframe) == which]
        truth = evaluate(dict(conditions(mine)), frame)
        rows = {subject: number for number, subject in enumerate(_subjects(which[0], frame))}
        for rule in mine:
            look = _Look(rule, frame, truth, rows)
            for key in look.keys(open_keys[rule.name, rule.version]):
                before = states.get(key, _AT_REST)
                state, change = look.step(key, before, now)
                if state.phase != "inactive" or state.resolved:
                    after[key] = state
                if change:
                    events.append(look.event(key, change, now, before, state))
    order = {rule.name: number for number, rule in enumerate(rules)}
    return after, sorted(events, key=lambda event: order[event.key.rule])


class _Look:
    """One rule beside what is true of each row."""

    def __init__(
        self, rule: Rule, frame: pd.DataFrame, truth: pd.DataFrame, rows: Mapping[Subject, int]
    ) -> None:
        self._rule, self._frame, self._rows = rule, frame, rows
        self._read: dict[str, list[Any]] = {}
        holds = truth[rule.name]
        clear = truth[second(rule)] if rule.clear else ~holds
        self._holds, self._clear = _known(holds), _known(clear)
        self._inside = _inside(rule.scope, frame)

    def keys(self, known: Sequence[Key]) -> list[Key]:
        """Return the subjects that something can happen to: all others stay at rest."""
        rule, subjects = self._rule, [*self._rows]
        rows = np.flatnonzero(self._inside & (self._holds == 1))
        begun = [Key(rule.name, rule.version, subjects[row]) for row in rows]
        return list(dict.fromkeys([*known, *begun]))

    def step(self, key: Key, before: State, now: datetime) -> tuple[State, Change | None]:
        """Follow one subject; out of scope, or without a row, it is unknown."""
        if not self._is_there(key):
            return step(before, now, None, self._rule.waits, there=False)
        row = self._rows[key.subject]
        holds, clear = _TRUTH[self._holds[row]], _TRUTH[self._clear[row]]
        return step(before, now, holds, self._rule.waits, clear=clear)

    def event(self, key: Key, change: Change, now: datetime, before: State, after: State) -> Event:
        """Return what happened, with what the rule saw."""
        row, there = self._rows.get(key.subject), self._is_there(key)
        names = sorted(self._rule.reads) if there else []
        return Event(
            key=key,
            change=change,
            ts=now,
            started=before.started or after.started or now,
            values={name: self._value(name, row) for name in names},
            ages_s=dict(self._ages_s(names, row, now)),
            base=self._value("base", row) if "base" in self._frame else None,
            lost=not there,
        )

    def _is_there(self, key: Key) -> bool:
        row = self._rows.get(key.subject)
        return row is not None and bool(self._inside[row])

    def _value(self, name: str, row: int | None) -> Any:
        if row is None:
            return None
        if name not in self._read:
            # Of thousands of events at once, cell by cell takes ten times as long.
            cells = self._frame[name].astype(object)
            self._read[name] = cells.where(cells.notna(), None).tolist()
        return self._read[name][row]

    def _ages_s(
        self, names: Iterable[str], row: int | None, now: datetime
    ) -> Iterator[tuple[str, float]]:
        for name in names:
            ts = self._value(f"{name}_ts", row) if f"{name}_ts" in self._frame else None
            if ts is not None and self._value(name, row) is not None:
                yield name, (now - ts).total_seconds()


def conditions(rules: Iterable[Rule]) -> Iterable[tuple[str, Expression]]:
    """Yield every condition of *rules* with the name under which it is evaluated."""
    for rule in rules:
        yield rule.name, rule.when
        if rule.clear:
            yield second(rule), rule.clear


def second(rule: Rule) -> str:
    """Return the name under which a rule's ``clear`` is evaluated; no rule is called so."""
    return f"{rule.name}\n"


def _subjects(per: Per, frame: pd.DataFrame) -> list[Subject]:
    names = SUBJECT_KEYS[per]
    if not names:
        return [Subject()] * len(frame)
    cells = (frame[name].tolist() if name in names else repeat(None) for name in Subject._fields)
    return list(map(Subject, *cells))


def inside_names(scope: Scope, frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows are of the venues, pairs and bases of *scope*."""
    inside = np.ones(len(frame), dtype=np.bool_)
    wanted = {"venue": scope.venues, "symbol": scope.pairs, "base": scope.bases}
    for column, names in wanted.items():
        if names:
            inside &= frame[column].isin(names).to_numpy(bool)
    return inside


def _inside(scope: Scope, frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows the scope names."""
    inside = inside_names(scope, frame)
    if scope.top is not None:
        # Of those in scope; a volume that is absent is the smallest.
        volume = frame["volume_24h_usd"].where(inside)
        rank = volume.rank(method="first", ascending=False, na_option="keep")
        inside &= (rank <= scope.top).to_numpy(bool)
    return inside


def _known(truth: pd.Series[bool]) -> NDArray[np.int8]:
    """Return the place in ``_TRUTH`` of what is true of each row."""
    return np.asarray(truth.to_numpy(np.int8, na_value=-1), np.int8)
