"""A hole in a stream: what is missing, and the outcome of filling it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from analytics.lake.records import Gap
from collector.streams.state.flows import Flow, FlowChannel
from collector.streams.state.seen import Names, Numbers

Outcome = Literal["repaired", "partly", "lost"]


@dataclass(frozen=True, slots=True)
class Mark:
    """The state of an instrument when a hole opened."""

    events: int
    numbers: tuple[tuple[int, int], ...]
    """The ranges of trades known to be missing then."""
    last: int | None = None
    """The number of the last trade received, if trades have numbers."""
    newest_ms: int | None = None
    """When the newest trade was, where they have none. [Unix ms, the venue's time]"""


@dataclass(slots=True, eq=False)
class Hole:
    """From when to when some instruments had no data."""

    channel: FlowChannel
    reason: str
    started_ms: int
    """When the last event before it was received. [Unix ms]"""
    marks: dict[str, Mark]
    """By the venue's names of its instruments."""
    symbols: Mapping[str, str]
    """By the same, at least of these instruments."""
    absent: set[str]
    """Instruments without data again so far."""
    ended_ms: int | None = None
    """When the last of the others came again. [Unix ms]"""
    whole: bool = True
    """Whether it covers all instruments of the stream."""
    rows: dict[str, int] = field(default_factory=dict)
    """Trades filled in, by instrument."""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)

    @property
    def open(self) -> list[str]:
        """The instruments whose outcome is not settled yet."""
        return [venue_id for venue_id in self.marks if venue_id not in self.outcomes]

    def gaps(self, venue: str, now_ms: int) -> list[Gap]:
        """Return its records in `gaps`: the whole, and each part with another outcome."""
        outcomes = set(self.outcomes.values())
        whole: Outcome = next(iter(outcomes)) if len(outcomes) == 1 else "partly"
        single = self.whole or len(self.marks) > 1
        parts = [
            (self.symbols[venue_id], outcome, self.rows.get(venue_id, 0))
            for venue_id, outcome in self.outcomes.items()
            if not single or (whole == "partly" and outcome != "repaired")
        ]
        if single:
            parts.insert(0, ("*", whole, sum(self.rows.values())))
        return [
            Gap(
                venue=venue,
                channel=self.channel,
                symbol=symbol,
                started_ts=moment(self.started_ms),
                ended_ts=moment(self.ended_ms or now_ms),
                reason=self.reason,
                outcome=outcome,
                repaired_rows=rows,
            )
            for symbol, outcome, rows in parts
        ]


def moment(at_ms: int) -> datetime:
    """Return a time that is given in milliseconds since 1970."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)


def mark(flow: Flow) -> Mark:
    """Return the state of *flow*."""
    seen, events = flow.seen, flow.trades.events
    if isinstance(seen, Numbers):
        return Mark(events, tuple(seen.holes), last=seen.last)
    return Mark(events, (), newest_ms=seen.newest_ms if isinstance(seen, Names) else None)


def has_traded(flow: Flow, before: Mark) -> bool:
    """Whether a numbered trade came since: its number shows what was missed."""
    return isinstance(flow.seen, Numbers) and flow.trades.events > before.events


def missed_nothing(flow: Flow, before: Mark) -> bool:
    """Whether the first trade since has the number after the last one before."""
    return before.last is not None and has_traded(flow, before) and not numbers_missed(flow, before)


def numbers_missed(flow: Flow, before: Mark) -> Sequence[tuple[int, int]]:
    """Return the ranges of trades missed since."""
    return [span for span in mark(flow).numbers if span not in before.numbers]
