"""How long a rule has held for one subject: inactive, pending, firing, resolved.

The words and the two waits are Prometheus's: ``for`` before it fires, ``keep_firing_for`` before
it is resolved. One run from pending to its end is an episode. Everything here is a pure function
of the state before, what is true now, and the time: replaying the same values gives the same
episodes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

Phase = Literal["inactive", "pending", "firing"]
Change = Literal["pending", "firing", "clearing", "held", "resolved", "dropped"]
"""What happened to an episode: it began to wait; fired; is over, and waits for ``keep_firing_for``;
is not over after all; was resolved; or ended before it fired. All of a state follows from these."""

NO_TIME: Final = timedelta()
LOST_AFTER: Final = timedelta(hours=24)
"""An open episode ends when its subject was not there for so long: delisted, or not collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How patient a rule is."""

    hold: timedelta = NO_TIME
    """It must be true for so long before it fires; ``for`` in the file."""
    keep: timedelta = NO_TIME
    """It must be over for so long before it is resolved; ``keep_firing_for`` in the file."""
    cool_down: timedelta = NO_TIME
    """After it was resolved it begins no episode for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is known of one rule and subject."""

    phase: Phase = "inactive"
    started: datetime | None = None
    """When the episode began; None while inactive."""
    over_since: datetime | None = None
    """Since when a firing rule has been over without a break."""
    seen: datetime | None = None
    """The last time that it was looked at."""
    resolved: datetime | None = None
    """When the last episode that fired ended."""
    lost_since: datetime | None = None
    """Since when the subject of an open episode has not been there."""


def step(
    state: State,
    now: datetime,
    holds: bool | None,
    waits: Waits,
    *,
    clear: bool | None = None,
    there: bool = True,
) -> tuple[State, Change | None]:
    """Return the state at *now*, and what happened to the episode.

    Unknown changes nothing: a rule whose values are absent neither fires nor is resolved. A time
    that is not later than the last one, as after a clock was set back, changes nothing either.
    What would stay open for ever ends once its subject has not been there for ``LOST_AFTER``.

    Args:
        state: At the step before.
        now: The time of the values, with a zone.
        holds: Whether the rule is true; None is unknown.
        waits: The rule's.
        clear: Whether the rule is over, where it has a condition of its own for that (hysteresis);
            otherwise pass whether it is false.
        there: Whether the subject has a row, and is in scope; else the rule is unknown.
    """
    if state.seen is not None and now <= state.seen:
        return state, None
    if not there and state.phase != "inactive":
        return _lost(replace(state, seen=now, lost_since=state.lost_since or now), now)
    state = replace(state, seen=now, lost_since=None)
    if state.phase == "firing":
        return _firing(state, now, clear, waits)
    if holds is None:
        return state, None
    if not holds:
        return _inactive(state), "dropped" if state.phase == "pending" else None
    return _held(state, now, waits)


def after(change: Change, started: datetime, at: datetime, resolved: datetime | None) -> State:
    """Return the state of an episode whose newest *change* was *at* that time.

    Args:
        change: What happened.
        started: When the episode began.
        at: When it happened.
        resolved: When an episode of the same rule and subject was last resolved.
    """
    state = State(seen=at, resolved=resolved)
    match change:
        case "pending":
            return replace(state, phase="pending", started=started)
        case "firing" | "held":
            return replace(state, phase="firing", started=started)
        case "clearing":
            return replace(state, phase="firing", started=started, over_since=at)
        case "resolved" | "dropped":
            return state


def _held(state: State, now: datetime, waits: Waits) -> tuple[State, Change | None]:
    """It is true and has not fired yet."""
    if state.phase == "inactive" and state.resolved and now < state.resolved + waits.cool_down:
        return state, None
    started = state.started or now
    if now - started >= waits.hold:
        return replace(state, phase="firing", started=started), "firing"
    began = state.phase == "inactive"
    return replace(state, phase="pending", started=started), "pending" if began else None


def _firing(
    state: State, now: datetime, clear: bool | None, waits: Waits
) -> tuple[State, Change | None]:
    """It fired; it is resolved once it has been over for long enough."""
    if clear is None:
        return state, None
    was_over = state.over_since is not None
    if not clear:
        return replace(state, over_since=None), "held" if was_over else None
    since = state.over_since or now
    if now - since < waits.keep:
        return replace(state, over_since=since), None if was_over else "clearing"
    return replace(_inactive(state), resolved=now), "resolved"


def _lost(state: State, now: datetime) -> tuple[State, Change | None]:
    """It is open, and there is nothing to evaluate."""
    if state.lost_since is None or now - state.lost_since < LOST_AFTER:
        return state, None
    if state.phase == "pending":
        return _inactive(state), "dropped"
    return replace(_inactive(state), resolved=now), "resolved"


def _inactive(state: State) -> State:
    return replace(state, phase="inactive", started=None, over_since=None, lost_since=None)
