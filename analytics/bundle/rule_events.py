"""What rules make of a record: changes of alert episodes, as lines of JSON that can be compared.

``at_marks`` looks back, at every five-minute mark. ``at_passes`` repeats those passes of the
collector after which something was stored, by the same functions: frames, conditions and states.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from analytics import query
from analytics.bundle.manifest import MARKS, PASSES
from analytics.bundle.needed_rows import Wanted
from analytics.lake.reader import Reader
from analytics.lake.records import AlertEvent
from analytics.rules import engine, event_rows
from analytics.rules.engine import Event
from analytics.rules.frames import Frames
from analytics.rules.history import replay
from analytics.rules.messages import message

_EPISODE = ["rule", "version", "subject"]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What rules make of the record of a bundle."""

    by_member: Mapping[str, list[str]]
    """Lines of ``MARKS`` and of ``PASSES``."""
    recorded: list[str]
    """What the collector stored, of the rules as they are now."""

    @property
    def reproduced(self) -> int:
        """How many of the stored changes the passes give."""
        return len({*self.recorded} & {*self.by_member[PASSES]})


def evaluated(
    folder: Path, wanted: Wanted, known_by: datetime | None, cycle: timedelta
) -> Evaluated:
    """Return what the rules make of the lake in *folder*.

    Args:
        folder: Of the lake of a bundle.
        wanted: Range, rules and subjects.
        known_by: A look-back does not see bars that became known later; None: it sees all.
        cycle: Between two snapshots.

    Raises:
        LakeError: The lake cannot be read.
    """
    # One thread adds up in one order.
    reader = Reader(folder, threads=1)
    try:
        with reader.cursor() as cursor:
            marks, passes = at_marks(cursor, wanted, known_by), at_passes(cursor, wanted, cycle)
            stored = recorded(cursor, wanted)
    finally:
        reader.close()
    by_member = {MARKS: [*map(line, marks)], PASSES: [*map(line, passes)]}
    return Evaluated(by_member, [*map(line, stored)])


def at_marks(
    cursor: duckdb.DuckDBPyConnection, wanted: Wanted, known_by: datetime | None
) -> list[AlertEvent]:
    """Return what the rules would have done, as ``rules.history.replay`` has it, oldest first.

    Args:
        cursor: On the lake.
        wanted: Range, rules and subjects.
        known_by: Bars that became known later are not seen; None: all are.
    """
    span, seen = wanted.end - wanted.start, known_by or query.ANY_TIME
    found = replay(cursor, wanted.rules, wanted.end, span, known_by=seen)
    return _rows(wanted, found)


def recorded(cursor: duckdb.DuckDBPyConnection, wanted: Wanted) -> list[AlertEvent]:
    """Return what the collector stored in the range of the rules as they are now, oldest first."""
    changes = _changes(cursor, wanted)
    rows = changes[changes["ts"] > pd.Timestamp(wanted.start)]
    return _sorted(event_rows.event_of(row) for row in rows.to_dict("records"))


def at_passes(
    cursor: duckdb.DuckDBPyConnection, wanted: Wanted, cycle: timedelta
) -> list[AlertEvent]:
    """Return what the rules do at the times at which the collector stored their changes.

    A pass at such a time, of those rules alone, goes on from the states that the changes before
    it leave.

    Args:
        cursor: On the lake.
        wanted: Range, rules and subjects.
        cycle: Between two snapshots.
    """
    changes, frames = _changes(cursor, wanted), Frames(cycle)
    found: list[Event] = []
    stored = changes[changes["ts"] > pd.Timestamp(wanted.start)]
    for ts in stored["ts"].drop_duplicates():
        now, of_pass = ts.to_pydatetime(), {*stored.loc[stored["ts"] == ts, "rule"]}
        rules = [rule for rule in wanted.rules if rule.name in of_pass]
        states = event_rows.states(_newest(changes[changes["ts"] < ts]), rules)
        rows = frames.load(cursor, rules, now, known_by=now)
        found += engine.run(rules, rows, states, now)[1]
    return _rows(wanted, found)


def _changes(cursor: duckdb.DuckDBPyConnection, wanted: Wanted) -> pd.DataFrame:
    rows = query.fetch(cursor, "alert_changes", now=wanted.end)
    versions = {(rule.name, rule.version) for rule in wanted.rules}
    is_of = [key in versions for key in zip(rows["rule"], rows["version"], strict=True)]
    return rows[np.array(is_of, np.bool_)]


def _newest(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``alert_states.sql`` that *changes*, oldest first, leave."""
    newest = changes.drop_duplicates(_EPISODE, keep="last")
    resolved = changes[changes["change"] == "resolved"].groupby(_EPISODE)["ts"].max()
    return newest.join(resolved.rename("resolved_ts"), on=_EPISODE)


def _rows(wanted: Wanted, events: Iterable[Event]) -> list[AlertEvent]:
    rules = {rule.name: rule for rule in wanted.rules}
    rows = (
        event_rows.event_row(rule := rules[one.key.rule], one, message(rule, one)) for one in events
    )
    return _sorted(row for row in rows if wanted.concerns(row))


def _sorted(rows: Iterable[AlertEvent]) -> list[AlertEvent]:
    return sorted(rows, key=lambda row: (row.ts, row.rule, row.subject, row.started_ts))


def line(row: AlertEvent) -> str:
    """Return *row* as a line of JSON; two rows have the same line if all of them is the same."""
    fields = asdict(row)
    for name in ("seen_values", "seen_ages_s", "channels"):
        fields[name] = json.loads(fields[name])
    for name in ("started_ts", "ts"):
        fields[name] = f"{fields[name]:%Y-%m-%dT%H:%M:%S}.{fields[name].microsecond // 1000:03d}Z"
    return json.dumps(fields, ensure_ascii=False, allow_nan=False)
