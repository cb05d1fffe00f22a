"""What instruments are counted under at the moment that a page shows."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from analytics.bases import Bases, bases
from dashboard.loaders import as_of, source
from dashboard.loaders.as_of import Known
from dashboard.state import Moment


def counted(shown: Moment) -> Bases:
    """Return what instruments are counted under as of the last five-minute mark."""
    return _counted(source.folder(), as_of.bars_known(shown), shown.mark())


def key(found: Bases) -> str:
    """Return what tells *found* from others: it stands in for it in the key of a cache."""
    return repr(sorted(found.names.items()))


@st.cache_resource(ttl="10m", max_entries=16, show_spinner=False)
def _counted(folder: str, known: Known, mark: datetime) -> Bases:
    with source.reader(folder).cursor() as cursor:
        return bases(cursor, mark, known[2])
