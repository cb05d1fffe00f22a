"""How the rules that run did, by the alerts that were recorded."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pandas as pd
import streamlit as st

from analytics.rules import firings
from dashboard.loaders import alert_episodes, shown_moment, source
from dashboard.loaders.shown_moment import Known
from dashboard.state.as_of import Moment

SPAN: Final = timedelta(days=30)
"""How far a scorecard looks back."""


def scorecard(shown: Moment) -> pd.DataFrame:
    """Return the scorecard of the rules that run, as ``scorecard.score`` does; by the hour."""
    known = shown_moment.bars_known(shown, "1h")
    versions = tuple((rule.name, rule.version) for rule in alert_episodes.running_rules())
    return _scorecard(source.folder(), known, shown.mark("1h"), shown.known_by, versions)


@st.cache_data(ttl="1h", max_entries=4, show_spinner=False)
def _scorecard(
    folder: str,
    known: Known,
    mark: datetime,
    known_by: datetime,
    versions: tuple[tuple[str, str], ...],
) -> pd.DataFrame:
    rules = alert_episodes.running_rules()
    with source.reader(folder).cursor() as cursor:
        return firings.scorecard(cursor, rules, mark, SPAN, known_by=known_by)
