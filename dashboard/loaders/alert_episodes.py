"""Alert episodes and silences, as known at a time."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from analytics import query
from analytics.errors import RuleError
from analytics.rules import episode_words
from analytics.rules.columns import COLUMNS
from analytics.rules.engine import Event
from analytics.rules.history import replay
from analytics.rules.messages import message
from analytics.rules.rules_file import LARGEST, Rule, builtin, read_rules
from analytics.rules.status import Status, running
from analytics.rules.status import status as status_of
from dashboard.loaders import queries, shown_moment, source
from dashboard.loaders.bases import counted
from dashboard.loaders.read_ahead import learned
from dashboard.loaders.shown_moment import Known
from dashboard.state.as_of import Moment

LOOK_BACK: Final = timedelta(days=7)
"""What an editor looks back on before a rule is saved."""
_FILE: Final = "alerts.toml"


@learned
def episodes(shown: Moment, span: timedelta) -> pd.DataFrame:
    """Return the episodes open at the time *shown*, or changed in the *span* before, newest first.

    As ``alert_episodes.sql`` returns them, with ``about``, the subject in words. What changed up
    to an hour earlier is there, too: one read serves all refreshes of an hour.
    """
    (changed,) = queries.read("alerts_changed", shown).itertuples(index=False, name=None)
    key = source.folder(), changed, shown.fixed, shown.mark("1h") - span
    rows = counted(shown).named(_episodes(*key, shown.now))

    def with_words() -> pd.DataFrame:
        return rows.assign(about=[episode_words.subject(row) for row in rows.to_dict("records")])

    return queries.derived("alert_episodes", shown, (span,), with_words)


def silences(shown: Moment) -> pd.DataFrame:
    """Return the silences that hold at the time *shown*; see ``alert_silences.sql``."""
    return queries.read("alert_silences", shown)


def status() -> Status | None:
    """Return how the collector's rules stand, as it last stored it; None if none ever ran."""
    return status_of(source.info())


def rules_text() -> str:
    """Return the text of ``alerts.toml``, or of the rules that run where it cannot be read."""
    try:
        with Path(source.folder(), _FILE).open("rb") as file:
            return file.read(LARGEST).decode()
    except (OSError, UnicodeDecodeError):
        return running(source.info()) or ""


def live_rules() -> str:
    """Return the text of the live record's rules, as a record that no collector wrote gets them.

    Those that are built in, where ``alerts.toml`` is not there or cannot be used.
    """
    with suppress(OSError, UnicodeDecodeError, RuleError):
        text = Path(source.live_folder(), _FILE).read_bytes()[:LARGEST].decode()
        read_rules(text.encode(), COLUMNS)
        return text
    return builtin().decode()


def running_rules() -> tuple[Rule, ...]:
    """Return the rules that run; none if none ever ran here, or those are of another version."""
    return _rules(running(source.info()) or "")


def look_back(shown: Moment, text: str) -> pd.DataFrame:
    """Return the alerts that the rule of *text* would have had in ``LOOK_BACK``, newest first.

    Once for all every five minutes. rule, about, severity, message, fired_ts and ended_ts, which
    is absent of one that would still fire.
    """
    known = shown_moment.bars_known(shown)
    return _look_back(source.folder(), known, shown.mark(), shown.known_by, text)


def unattended(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return those *episodes* that fire, and that nobody has acknowledged or silenced."""
    is_open = (episodes["phase"] == "firing") & episodes["acknowledged_ts"].isna()
    return episodes[is_open & episodes["silenced_until"].isna()]


@st.cache_data(ttl="10m", max_entries=16, show_spinner=False)
def _episodes(
    folder: str, changed: tuple[int, ...], fixed: datetime | None, since: datetime, _now: datetime
) -> pd.DataFrame:
    with source.reader(folder).cursor() as cursor:
        return query.fetch(cursor, "alert_episodes", now=_now, since=since)


@st.cache_resource(max_entries=8, show_spinner=False)
def _rules(text: str) -> tuple[Rule, ...]:
    try:
        return read_rules(text.encode(), COLUMNS)
    except RuleError:
        return ()


@st.cache_data(ttl="10m", max_entries=16, show_spinner=False)
def _look_back(
    folder: str, known: Known, mark: datetime, known_by: datetime, text: str
) -> pd.DataFrame:
    (rule,) = read_rules(text.encode(), COLUMNS)
    with source.reader(folder).cursor() as cursor:
        events = replay(cursor, [rule], mark, LOOK_BACK, known_by=known_by)
    return _episodes_of(rule, events)


def _episodes_of(rule: Rule, events: list[Event]) -> pd.DataFrame:
    """Return a row for each episode of *events* that fired, newest first."""
    ended = {(one.key, one.started): one.ts for one in events if one.change == "resolved"}
    fired = [one for one in events if one.change == "firing"]
    rows = [
        {
            "rule": rule.name,
            "about": episode_words.subject({"per": rule.per, **one.key.subject._asdict()}),
            "severity": rule.severity,
            "message": message(rule, one),
            "fired_ts": one.ts,
            "ended_ts": ended.get((one.key, one.started)),
        }
        for one in reversed(fired)
    ]
    frame = pd.DataFrame(rows)
    return frame if frame.empty else frame.astype(dict.fromkeys(_TIMES, "datetime64[ms, UTC]"))


_TIMES: Final = ("fired_ts", "ended_ts")
