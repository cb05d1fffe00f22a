"""The folder, reader and facts (``lake_info``) of the record that a session looks at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import streamlit as st

from analytics import query
from analytics.errors import LakeError, QueryError, SettingsError
from analytics.exports.report import uploaded
from analytics.lake.clock import INTERVAL_FACT
from analytics.lake.reader import Reader
from analytics.replay.window import Windows
from analytics.settings import LakeSettings, load
from dashboard.state import record
from dashboard.state.uploads import MAX_OPEN, SERVER


@cache
def settings() -> LakeSettings:
    """Return the settings that the dashboard was started with.

    Raises:
        SettingsError: One of them is wrong.
    """
    return load(LakeSettings)


def folder() -> str:
    """Return where the lake lies of the record that this session looks at.

    Whatever is read of it is cached by this: no session is shown another's record.

    Raises:
        RecordGone: It was an uploaded one, and is no longer open.
    """
    upload = record.current()
    return live_folder() if upload is None else upload.lake


def live_folder() -> str:
    """Return where the collector's lake lies, whatever record is looked at."""
    return str(settings().data_dir.absolute())


def interval_s() -> float:
    """Time between two cycles, or between two readings of an uploaded record. [s]"""
    if record.current() is None:
        return settings().interval_s
    return float(info().get(INTERVAL_FACT, settings().interval_s))


def origin() -> str | None:
    """Return the origin of the record, as `Moment` has it; None if it cannot be read."""
    try:
        found, upload = info()["origin"], record.current()
    except (LakeError, QueryError, SettingsError):
        return None
    return found if upload is None else uploaded(upload.name, found)


def offers() -> dict[str, Any]:
    """What each venue offers and allows, as the collector last stored it."""
    return dict(json.loads(info().get("venues", "{}")))


def collector_notes() -> dict[str, list[dict[str, Any]]]:
    """The last steps of the collector's clock and ends of its tasks, each oldest first.

    As ``collector.service.lake_notes`` keeps them, under ``clock_steps`` and ``task_ends``.
    """
    facts = info()
    return {key: json.loads(facts.get(key, "[]")) for key in ("clock_steps", "task_ends")}


def version() -> int:
    """Return a number that changes with every publish."""
    return reader(folder()).version()


def reader(place: str) -> Reader:
    """Return the reader of the lake in *place*, which all sessions share."""
    upload = SERVER.of_lake(place)
    return _reader(place) if upload is None else upload.reader


@st.cache_resource(max_entries=4, show_spinner=False)
def _reader(place: str) -> Reader:
    return Reader(Path(place))


@st.cache_resource(max_entries=2, show_spinner=False)
def _windows(place: str) -> Windows:
    return Windows(reader(place))


def cursor_of(
    place: str, name: str, params: Mapping[str, object]
) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    """Return a cursor for the query called *name*, which asks *params* of a time that is fixed.

    What is stepped through is read ahead into memory, see ``analytics.replay.window``.
    """
    # What is held of an upload goes with it.
    upload = SERVER.of_lake(place)
    windows = _windows(place) if upload is None else upload.windows
    return windows.cursor(name, params)


def info() -> dict[str, str]:
    """Return the facts of ``lake_info``, by key."""
    return _info(folder(), version())


@st.cache_data(max_entries=MAX_OPEN + 1, show_spinner=False)
def _info(place: str, published: int) -> dict[str, str]:
    rows = fetch(place, published, None, "lake_info", {}, {})
    return dict(zip(rows["key"], rows["value"], strict=True))


@st.cache_data(ttl="30s", max_entries=128, show_spinner=False)
def fetch(
    place: str,
    published: int,
    fixed: datetime | None,
    name: str,
    params: dict[str, object],
    _times: dict[str, datetime],
) -> pd.DataFrame:
    """Run the query called *name* on the newest published state.

    *_times* move with the clock and are no part of the key: *fixed* is, where they stand still.
    """
    asked = {**params, **_times}
    found = reader(place).cursor() if fixed is None else cursor_of(place, name, asked)
    with found as cursor:
        return query.fetch(cursor, name, **asked)
