"""What happened to episodes as rows of the lake, and the states that follow from such rows."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Hashable, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from analytics.lake.records import AlertEvent
from analytics.rules import episode
from analytics.rules.engine import Event, Key, States, Subject
from analytics.rules.rules_file import Rule

MILLISECOND: Final = timedelta(milliseconds=1)
_OVER: Final = frozenset(("resolved", "dropped"))
_FIELDS: Final = tuple(field.name for field in fields(AlertEvent))


def event_row(rule: Rule, event: Event, message: str) -> AlertEvent:
    """Return *event* of *rule* as it is stored."""
    subject = event.key.subject
    return AlertEvent(
        rule=rule.name,
        version=rule.version,
        subject=subject.word,
        started_ts=event.started,
        change=event.change,
        ts=event.ts,
        per=rule.per,
        venue=subject.venue,
        symbol=subject.symbol,
        base=subject.base or event.base,
        timeframe=rule.timeframe,
        severity=rule.severity,
        alert_group=rule.group,
        condition=rule.when.sql,
        message=message,
        seen_values=_json(event.values),
        seen_ages_s=_json(event.ages_s),
        channels=json.dumps(rule.channels),
    )


def event_of(stored: Mapping[Hashable, Any]) -> AlertEvent:
    """Return a row of the lake as the event that it is of."""
    return AlertEvent(**{name: _python(stored[name]) for name in _FIELDS})


def states(newest: pd.DataFrame, rules: Collection[Rule]) -> States:
    """Return the states of *rules* that the rows of ``alert_states.sql`` leave behind."""
    current = {(rule.name, rule.version) for rule in rules}
    return {
        _key(one): episode.after(one["change"], one["started_ts"], one["ts"], one["resolved_ts"])
        for one in _rows(newest)
        if (one["rule"], one["version"]) in current
    }


def removed(newest: pd.DataFrame, rules: Collection[Rule], now: datetime) -> list[AlertEvent]:
    """Return the ends, at *now*, of open episodes of rules that are not among *rules*."""
    current = {(rule.name, rule.version) for rule in rules}
    gone = [one for one in _open(newest) if (one["rule"], one["version"]) not in current]
    return [_end(one, now, f"{one['rule']}: the rule was changed or removed") for one in gone]


def _open(newest: pd.DataFrame) -> list[dict[str, Any]]:
    return [one for one in _rows(newest) if one["change"] not in _OVER]


def _end(one: Mapping[str, Any], now: datetime, message: str) -> AlertEvent:
    changed = {
        "change": "dropped" if one["change"] == "pending" else "resolved",
        # After a clock was set back its newest event may lie ahead.
        "ts": max(now, one["ts"] + MILLISECOND),
        "message": message,
        "seen_values": "{}",
        "seen_ages_s": "{}",
    }
    return AlertEvent(**{name: one[name] for name in _FIELDS} | changed)


def _rows(newest: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows with Python's own times, and None for what is absent."""
    return [
        {str(name): _python(value) for name, value in one.items()}
        for one in newest.to_dict("records")
    ]


def _python(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


def _key(one: Mapping[str, Any]) -> Key:
    """Return whose event it is; of a pair the base is stored beside, and names no subject."""
    base = one["base"] if one["per"] == "asset" else None
    subject = Subject(venue=one["venue"], symbol=one["symbol"], base=base)
    return Key(one["rule"], one["version"], subject)


def _json(values: Mapping[str, Any]) -> str:
    """Return *values* as JSON; a number that JSON does not know is absent."""
    plain = {name: _plain(value) for name, value in values.items()}
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    found = value.item() if hasattr(value, "item") else value
    return None if isinstance(found, float) and not math.isfinite(found) else found
