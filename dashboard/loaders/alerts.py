"""Alert episodes and silences, as known at a time."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from analytics.rules import episode_words
from analytics.rules.status import Status
from analytics.rules.status import status as status_of
from dashboard.as_of import Moment
from dashboard.loaders import queries, source


def episodes(shown: Moment, span: timedelta) -> pd.DataFrame:
    """Return the episodes open at the time *shown*, or changed in the *span* before, newest first.

    As ``alert_episodes.sql`` returns them, with ``about``, the subject in words. What changed up
    to an hour earlier is there, too: one read serves all refreshes of an hour.
    """
    rows = queries.read("alert_episodes", shown, since=shown.mark("1h") - span)

    def with_words() -> pd.DataFrame:
        return rows.assign(about=[episode_words.subject(row) for row in rows.to_dict("records")])

    return queries.derived("alert_episodes", shown, (span,), with_words)


def silences(shown: Moment) -> pd.DataFrame:
    """Return the silences that hold at the time *shown*; see ``alert_silences.sql``."""
    return queries.read("alert_silences", shown)


def status() -> Status | None:
    """Return how the collector's rules stand, as it last stored it; None if none ever ran."""
    return status_of(source.info())


def unattended(episodes: pd.DataFrame) -> pd.DataFrame:
    """Return those *episodes* that fire, and that nobody has acknowledged or silenced."""
    is_open = (episodes["phase"] == "firing") & episodes["acknowledged_ts"].isna()
    return episodes[is_open & episodes["silenced_until"].isna()]
