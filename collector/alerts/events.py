"""The states that stored events of episodes leave, and the ends of those without a rule."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from analytics.records import AlertEvent
from analytics.rules import episode
from analytics.rules.engine import Key, States, Subject
from analytics.rules.rules_file import Rule

MILLISECOND: Final = timedelta(milliseconds=1)
_OVER: Final = frozenset(("resolved", "dropped"))
_FIELDS: Final = tuple(field.name for field in fields(AlertEvent))


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
        {
            str(name): None
            if pd.isna(value)
            else value.to_pydatetime()
            if isinstance(value, pd.Timestamp)
            else value
            for name, value in one.items()
        }
        for one in newest.to_dict("records")
    ]


def _key(one: Mapping[str, Any]) -> Key:
    """Return whose event it is; of a pair the base is stored beside, and names no subject."""
    base = one["base"] if one["per"] == "asset" else None
    subject = Subject(venue=one["venue"], symbol=one["symbol"], base=base)
    return Key(one["rule"], one["version"], subject)
