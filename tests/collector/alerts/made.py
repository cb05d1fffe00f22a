"""Passes over frames that are made here, on a real lake: what several tests of alerts share.

``z_oi`` of some assets, minute by minute, stands for all that a lake holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pandas as pd

from analytics.rules.messages import message
from analytics.rules.rules_file import read_rules
from collector.alerts.passes import Evaluation, Passes
from collector.alerts.rules_in_use import RulesInUse

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COLUMNS = {"pair": {}, "asset": {"z_oi": "number"}, "market": {}, "venue": {}}
RULES = """
[[rule]]
name = "At once"
when = "z_oi > 2"
per = "asset"
cool_down = "3m"

[[rule]]
name = "Patient"
when = "z_oi > 1"
clear = "z_oi < 0"
per = "asset"
for = "2m"
keep_firing_for = "2m"
severity = "critical"
"""
READ = read_rules(RULES.encode(), COLUMNS)
BASES = tuple(f"B{number}" for number in range(8))


class Minutes:
    """A clock that stands until it is set."""

    speed = 1.0

    def __init__(self, minute: int = 0) -> None:
        self.minute = minute

    def now(self) -> datetime:
        return START + self.minute * MINUTE


def z_oi(base: str, minute: int) -> float | None:
    """From -2 to 4, or absent: the same for the same base and minute, and without a pattern."""
    drawn = hashlib.sha256(f"{base} {minute}".encode()).digest()[0]
    return None if drawn > 240 else drawn / 40 - 2


def frame(values: Mapping[str, float | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {"base": list(values), "z_oi": pd.Series(list(values.values()), dtype=float)}
    )


def load(_cursor, _rules, now):
    minute = (now - START) // MINUTE
    return {("asset", "5m"): frame({base: z_oi(base, minute) for base in BASES})}


def passes(lake, clock, load=load, columns=COLUMNS, rules=RULES):
    """Return passes as a collector begins them, on the data folder of *lake*."""
    in_use = RulesInUse(lake.layout.folder, columns, lake.info().get("alert_rules"))
    in_use.make(rules.encode())

    def plain(rule, event):
        return message(rule, event) if event.lost else f"{rule.name}: {event.key.subject}"

    how = Evaluation(load, plain)
    return Passes(lake, clock, in_use, how)
