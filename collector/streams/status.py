"""The status of a stream's channel, as a cycle's record and /healthz show it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from collector.streams.state.rejects import FAULTS, Rejects
from collector.streams.wire.connection import Connection

State = Literal["live", "connecting", "repairing", "down"]
Source = Literal["stream", "rest", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Topics that the venue refuses for one reason."""

    reason: str
    """In the venue's words."""
    topics: int
    example: str
    """One of them, as the venue calls it."""
    given_up: bool
    """Whether they are not asked for any more while the connection lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus:
    """The status of one channel of one venue."""

    state: State
    """``repairing``: live again, while a hole before is being filled."""
    source: Source
    """Where its metrics come from at the moment."""
    since: str
    """When it came into this state. [ISO 8601, UTC]"""
    events: int
    """Messages since the previous cycle."""
    late_s: float | None
    """How long ago the last good event came; None if there was none. [s]"""
    bad: dict[str, int]
    """What could not be used since the start, by reason."""
    dropped: int
    """Records lost since the start, because too many waited."""
    reconnects: int
    """How often a connection was lost since the start."""
    connections: int
    """Open connections with data."""
    instruments: int
    """Instruments subscribed with data at the moment."""
    of: int
    """Instruments that should be."""
    holes: int
    """Holes that are being filled."""
    whole_until: str | None
    """When the first of them began, if there are any. [ISO 8601, UTC]"""
    reason: str | None
    """Why a connection is down, or last was."""
    refused: list[Refused]
    """Topics that are not subscribed because the venue refused them."""

    def as_json(self) -> dict[str, object]:
        """Return it as the record of a cycle has it."""
        return asdict(self)


def state(connections: Sequence[Connection], *, holes: bool) -> tuple[State, int]:
    """Return the state of a channel, the worst of its *connections*, and since when. [Unix ms]

    Args:
        connections: At least one.
        holes: Whether holes of the channel are open.
    """
    for worst in ("down", "connecting"):
        if since := [one.since_ms for one in connections if one.state == worst]:
            return worst, min(since)
    return "repairing" if holes else "live", max(one.since_ms for one in connections)


def refused(connections: Sequence[Connection]) -> list[Refused]:
    """Return what the venue refuses to *connections*, by its reasons."""
    topics: dict[tuple[str, bool], list[str]] = {}
    for connection in connections:
        for text, refusal in connection.refusals.items():
            topics.setdefault((refusal.reason, refusal.retry_at_s is None), []).append(text)
    return [
        Refused(reason=reason, topics=len(texts), example=texts[0], given_up=given_up)
        for (reason, given_up), texts in topics.items()
    ]


def last_heard(finished_ts: datetime, streams: str) -> dict[str, datetime]:
    """Return until when the previous run received each channel, from its last cycle.

    Args:
        finished_ts: When that cycle ended, as the lake has it. UTC.
        streams: What its record says of the streams.
    """
    heard = {}
    for name, status in json.loads(streams).items():
        if (state := status.get("state")) is not None:
            # What a hole holds back is not stored yet, however long the stream is back.
            since = datetime.fromisoformat(status.get("whole_until") or status["since"])
            heard[name] = finished_ts.replace(tzinfo=UTC) if state == "live" else since
    return heard


def bad_of(rejects: Rejects, channel: str) -> dict[str, int]:
    """Return what could not be used of *channel*, by reason; ``""`` for frames that tell none."""
    return {
        reason: times
        for (of, reason), times in sorted(rejects.counts.items())
        if of == channel and reason in FAULTS
    }
