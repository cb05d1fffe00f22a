"""What happened to an episode, as a row of the lake."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from analytics.records import AlertEvent
from analytics.rules.engine import Event
from analytics.rules.rules_file import Rule


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


def _json(values: Mapping[str, Any]) -> str:
    """Return *values* as JSON; a number that JSON does not know is absent."""
    plain = {name: _plain(value) for name, value in values.items()}
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    found = value.item() if hasattr(value, "item") else value
    return None if isinstance(found, float) and not math.isfinite(found) else found
