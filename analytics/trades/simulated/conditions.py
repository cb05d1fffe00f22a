"""Signals of the record: of conditions in the language of alert rules, and of alert rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.errors import RuleError
from analytics.panels.panel import TIMEFRAMES, Pair, Panel
from analytics.rules import history
from analytics.rules.columns import COLUMNS
from analytics.rules.engine import Subject
from analytics.rules.episode import Waits
from analytics.rules.expression import parse
from analytics.rules.history import Held
from analytics.rules.rules_file import Rule, Scope
from analytics.trades.simulated.record import Record
from analytics.trades.simulated.signals import Flags, Signals, one_sided


@dataclass(frozen=True, slots=True)
class Conditions:
    """Enters while *entry* is true of a pair and leaves while *exit* is: SQL, as rules have it."""

    entry: str
    exit: str

    def signals(self, record: Record, panel: Panel) -> Signals:
        """Return its signals on *panel*, the bars of *record*.

        Raises:
            RuleError: A condition is wrong; the message names the place and what is allowed.
            LakeError: The lake cannot be read.
        """
        rules = [
            condition(name, text, record.timeframe)
            for name, text in (("entry", self.entry), ("exit", self.exit))
        ]
        known = {"known_by": record.known_by}
        held = history.held(record.cursor, rules, record.now, record.span, **known)
        found = {one.rule.name: _flags(one, panel) for one in held}
        none = np.zeros(panel.shape, np.bool_)
        return one_sided(found.get("entry", none), found.get("exit", none))


@dataclass(frozen=True, slots=True)
class OfRule:
    """Enters when an alert rule fires and leaves when that is resolved.

    What fires of an asset is of all its pairs, what fires of the market of every pair.
    """

    rule: Rule

    def signals(self, record: Record, panel: Panel) -> Signals:
        """Return its signals on *panel*, the bars of *record*.

        Raises:
            RuleError: The rule is about venues, which are not traded.
            LakeError: The lake cannot be read.
        """
        if self.rule.per == "venue":
            raise RuleError(f"{self.rule.name}: it is about the data of a venue, not about pairs")
        known = {"known_by": record.known_by}
        events = history.replay(record.cursor, [self.rule], record.now, record.span, **known)
        entry, exit_ = (np.zeros(panel.shape, np.bool_) for _ in range(2))
        of, ends = {"firing": entry, "resolved": exit_}, _ends(panel)
        for event in events:
            # Of a longer timeframe: the bar that it is in, which ends at it or after.
            row = int(np.searchsorted(ends, np.datetime64(event.ts.replace(tzinfo=None), "ms")))
            if event.change in of and row < len(ends):
                of[event.change][row, _columns(panel, event.key.subject)] = True
        return one_sided(entry, exit_)


def condition(name: str, text: str, timeframe: str) -> Rule:
    """Return *text* as a rule about pairs that fires at once.

    Raises:
        RuleError: It is wrong; the message names the place and what is allowed.
    """
    try:
        when = parse(text, COLUMNS["pair"])
    except RuleError as error:
        raise RuleError(f"{name}: {error}") from error
    return Rule(
        name=name,
        version="",
        when=when,
        clear=None,
        timeframe=timeframe,
        per="pair",
        scope=Scope(),
        waits=Waits(),
        severity="info",
        group=name,
        message=None,
        channels=(),
    )


def _flags(held: Held, panel: Panel) -> Flags:
    """Return where a condition was true at the end of a bar."""
    flags = np.zeros(panel.shape, np.bool_)
    ends = _ends(panel)
    place = {pair[:2]: n for n, pair in enumerate(panel.instruments)}
    keys = [place.get((str(one.venue), str(one.symbol)), -1) for one in held.subjects]
    subjects = np.array([n for n, key in enumerate(keys) if key >= 0], np.intp)
    columns = np.array([key for key in keys if key >= 0], np.intp)
    marks = np.flatnonzero(np.isin(held.marks, ends))
    rows = np.searchsorted(ends, held.marks[marks])
    flags[np.ix_(rows, columns)] = held.truth[np.ix_(marks, subjects)] == 1
    return flags


def _columns(panel: Panel, subject: Subject) -> list[int]:
    """Return the pairs that an alert is about."""
    return [n for n, pair in enumerate(panel.instruments) if _is_of(pair, subject)]


def _is_of(pair: Pair, subject: Subject) -> bool:
    if subject.symbol is not None:
        return pair[:2] == (subject.venue, subject.symbol)
    return subject.base is None or pair.base == subject.base


def _ends(panel: Panel) -> NDArray[np.datetime64]:
    width = np.timedelta64(TIMEFRAMES[panel.timeframe])
    return (panel.times + width).astype("datetime64[ms]")
