"""How the collector's rules stand, as facts of the lake that pages read.

``alert_rules`` is the text of the rules that run: the newest ``alerts.toml`` without a fault.
``alert_status`` says how it goes, as JSON; at most some minutes old.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

RULES_FACT: Final = "alert_rules"
STATUS_FACT: Final = "alert_status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the rules of a collector stand."""

    rules: int
    """That run."""
    fault: str | None = None
    """Why ``alerts.toml`` as it is now does not run, with the line; None where it does."""
    fault_ts: datetime | None = None
    """When the fault was found, or the rules were read that run."""
    pass_ts: datetime | None = None
    """The time of the last pass; None before the first."""
    pass_s: float | None = None
    """How long it took, with storing. [s]"""
    pass_fault: str | None = None
    """Why the last pass did not succeed; None if it did."""
    skipped: int = 0
    """Passes left out since the start, because the one before took longer than a cycle."""

    def as_json(self) -> str:
        """Return it as it is stored."""
        return json.dumps(asdict(self), default=datetime.isoformat)


def status(info: Mapping[str, str]) -> Status | None:
    """Return how the rules stand by the facts *info* of a lake; None if none ever ran there."""
    if (stored := info.get(STATUS_FACT)) is None:
        return None
    fields = json.loads(stored)
    for name in ("fault_ts", "pass_ts"):
        fields[name] = fields[name] and datetime.fromisoformat(fields[name])
    return Status(**fields)


def running(info: Mapping[str, str]) -> str | None:
    """Return the text of the rules that run, None if none ever ran there."""
    return info.get(RULES_FACT)
