"""What instruments are counted under at the moment that a page shows."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from analytics.panels.bases import Bases, bases
from dashboard.loaders import shown_moment, source
from dashboard.loaders.shown_moment import Known
from dashboard.state.as_of import Moment


def counted(shown: Moment) -> Bases:
    """Return what instruments are counted under as of the last five-minute mark."""
    return _counted(source.folder(), shown_moment.bars_known(shown), shown.mark())


def key(found: Bases) -> str:
    """Return a cache key for *found*."""
    return repr(sorted(found.names.items()))


@st.cache_resource(ttl="10m", max_entries=16, show_spinner=False)
def _counted(folder: str, known: Known, mark: datetime) -> Bases:
    times = {"now": mark, "known_by": known[2]}
    with source.cursor_of(folder, "prices_apart", times) as cursor:
        return bases(cursor, mark, known[2])
