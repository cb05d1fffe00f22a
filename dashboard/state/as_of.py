"""The time that a page is made for: now, or the one that the sidebar or ``?at=`` asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from analytics import formats
from analytics.errors import QueryError
from analytics.panels.panel import TIMEFRAMES
from analytics.query import ANY_TIME

SILENT_CYCLES: Final = 3
"""Without data for more than this many cycles, a venue or pair is silent."""

AT: Final = "at"
"""Of the field in the sidebar, and so in the URL, that asks for a time."""

LATER: Final = "later"
"""Key of the switch beneath it, and so in the URL, that includes data fetched after that time."""


_CLOCK: Final = "clock"
"""What asks for a time since the last run of the whole page, as the field would write it.

The browser sends what stands in the field with every run, and the field is drawn by those of the
whole page alone: until then it does not know where the clock was moved to.
"""

_LOOK_BACK = timedelta(minutes=10)
_TIME_OF_DAY: Final = re.compile(r"\d\d:\d\d(:\d\d)?Z?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Marks are counted from here, and nothing was recorded before."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The one time that everything on a page is computed for."""

    now: datetime
    """UTC. Only what was received up to then is seen."""
    mode: Literal["live", "stopped", "asked"]
    """Live; stopped at the end of the data, as no collector runs; or a time given in the URL."""
    origin: str
    """``live`` or ``simulator``, as the lake says; of an uploaded record what it is called."""
    cycle: timedelta
    """Time between two cycles."""
    age: timedelta
    """How long ago *now* was, by the wall; nothing when live, less where its clock is ahead."""
    later_too: bool = False
    """Whether what became known after an asked time is shown as well."""
    fetched_later: bool = False
    """Whether something of the day before an asked time was fetched after it."""
    undated: datetime | None = None
    """Since when it is noted when bars were fetched, where all that was fetched later may have
    been fetched before that. UTC."""
    last_known: datetime | None = None
    """When something of bars last became known by an asked time, or a time since then. UTC"""

    @property
    def is_uploaded(self) -> bool:
        """Whether it is of an uploaded record, for which no collector runs."""
        return self.origin not in ("live", "simulator")

    def mark(self, timeframe: str = "5m") -> datetime:
        """Return when the last bar of *timeframe* closed; it holds nothing later."""
        return self.now - (self.now - _EPOCH) % TIMEFRAMES[timeframe]

    @property
    def known_by(self) -> datetime:
        """Bound for what was known of bars: the requested time; no bound on a live page."""
        if self.mode != "asked" or self.later_too:
            return ANY_TIME
        return self.last_known or self.now

    @property
    def known_words(self) -> str:
        """What a page of an asked time shows: ``as it was known``, or with what came later."""
        if self.later_too and self.fetched_later:
            return "including data fetched later"
        return "as known then"

    @property
    def ahead(self) -> timedelta | None:
        """How far the collector's clock is ahead of this machine's; None if it is not."""
        return -self.age if self.mode == "stopped" and self.age < timedelta() else None

    @property
    def since(self) -> datetime:
        """Data received before this is not shown as current."""
        return min(self.now - _LOOK_BACK, self.silent_before)

    @property
    def silent_before(self) -> datetime:
        """A venue or pair without data since this is silent."""
        return self.now - SILENT_CYCLES * self.cycle

    @property
    def fixed(self) -> datetime | None:
        """The time, where it does not move; None when live."""
        return None if self.mode == "live" else self.now


def five_minute_mark(at: datetime) -> datetime:
    """Return when the last bar of 5 minutes before *at*, UTC, closed."""
    return at - (at - _EPOCH) % TIMEFRAMES["5m"]


def later_too() -> bool:
    """Return whether the sidebar or the URL includes data fetched after the requested time.

    On a thread without a session nothing does.
    """
    if get_script_run_ctx(suppress_warning=True) is None:
        return False
    said = st.session_state.get(LATER, st.query_params.get(LATER, ""))
    return str(said).lower() in ("true", "1")


def go_to(at: datetime | None) -> None:
    """Make *at* the time that all pages show, UTC; None for now. To be called in a callback."""
    st.session_state[_CLOCK] = in_url(at).get(AT, "")


def settle() -> None:
    """Write the time that was gone to into the field; to be called before the field is drawn."""
    if (text := st.session_state.pop(_CLOCK, None)) is not None:
        st.session_state[AT] = text


def typed() -> None:
    """Let the field say the time, which somebody has just typed into it."""
    st.session_state.pop(_CLOCK, None)


def in_url(at: datetime | None) -> dict[str, str]:
    """Return what asks for *at*, UTC, in the URL; nothing for None, which is now."""
    return {} if at is None else {AT: f"{at:%Y-%m-%dT%H:%M:%SZ}"}


def is_asked() -> bool:
    """Return whether another time than now is asked for, right or wrong."""
    return bool(_text())


def _text() -> str:
    # A session's first run reads the URL before the field is there to follow it.
    field = st.session_state.get(AT, st.query_params.get(AT, ""))
    return str(st.session_state.get(_CLOCK, field)).strip()


def asked_time() -> datetime | time | None:
    """Return the requested time from the sidebar or the URL, UTC; None for now.

    A time of day alone means today.

    Raises:
        QueryError: It is not a valid time, or before 1970.
    """
    return parsed(_text())


def parsed(text: str) -> datetime | time | None:
    """Return the time that *text* asks for, as :func:`asked_time` does."""
    text = text.strip()
    if not text:
        return None
    said = formats.repeated(text)
    try:
        if _TIME_OF_DAY.fullmatch(text):
            return time.fromisoformat(text).replace(tzinfo=UTC)
        asked = datetime.fromisoformat(text)
        asked = asked.replace(tzinfo=UTC) if asked.tzinfo is None else asked.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise QueryError(
            f"at={said} is not a time; try 12:44 for today, or 2025-10-22 12:44"
        ) from error
    if asked < _EPOCH:
        raise QueryError(f"at={said} is before {_EPOCH:%Y}; no data goes back that far")
    return asked
