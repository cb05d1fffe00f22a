"""How a rule would have done with other thresholds, in both halves of the record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

from analytics.rules import sweep
from analytics.rules.sweep import Vary
from dashboard.loaders import alert_episodes, shown_moment, source
from dashboard.loaders.shown_moment import Known
from dashboard.state.as_of import Moment


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is tried."""

    rule: str
    version: str
    varied: tuple[Vary, ...]
    measure: str
    horizon: str
    span: timedelta

    @property
    def columns(self) -> tuple[str, ...]:
        """Those whose thresholds are varied."""
        return tuple(one.column for one in self.varied)


def swept(wanted: Wanted, shown: Moment) -> pd.DataFrame:
    """Return what ``sweep.sweep`` does of *wanted*; by the hour.

    Raises:
        RuleError: Too many thresholds would be tried, or the rule is another one now.
        LakeError: The lake cannot be read.
    """
    known = shown_moment.bars_known(shown, "1h")
    return _swept(source.folder(), known, shown.mark("1h"), shown.known_by, wanted)


@st.cache_data(ttl="1h", max_entries=8, show_spinner=False)
def _swept(
    folder: str, known: Known, mark: datetime, known_by: datetime, wanted: Wanted
) -> pd.DataFrame:
    rule = next(one for one in alert_episodes.running_rules() if one.name == wanted.rule)
    tried = sweep.variants(rule, wanted.varied)
    of = wanted.measure, wanted.horizon
    with source.reader(folder).cursor() as cursor:
        return sweep.on_record(
            cursor, tried, wanted.columns, of, (mark, wanted.span), known_by=known_by
        )
