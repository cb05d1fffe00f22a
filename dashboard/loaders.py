"""Cached reads of the lake. The only module with ``st.cache_*`` in it.

What is read is kept until the next publish, and never longer than half a minute:
while the market is live the clock goes in unhashed, so that all sessions share one
read of each publish. The environment is read here and nowhere else.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from analytics import query
from analytics.clock import Clock
from analytics.errors import LakeAbsent, SettingsError
from analytics.lake import Reader
from analytics.lake.check import past_notes
from dashboard.state import SILENT_CYCLES, Moment

_REFRESH_LEAST_S = 2.0
_ABSENT_AGAIN_S = 5.0


def moment(asked: datetime | None = None) -> Moment:
    """Return the time to show: the one asked for, else now, else the record's end.

    Raises:
        LakeAbsent: There is nothing to show.
    """
    folder, version, wall = _folder(), _version(), datetime.now(UTC)
    info, cycle = _info(folder, version), timedelta(seconds=interval_s())
    clock = Clock.of(info)
    now, speed = (wall, 1.0) if clock is None else (clock.at(wall), clock.speed)
    if asked is not None:
        return Moment(asked, "asked", info["origin"], cycle, now - asked)
    newest = _time(folder, version, "newest_cycle", _now=now)
    # A fast clock runs far ahead of what a page can keep up with.
    grace = max(SILENT_CYCLES * cycle, timedelta(seconds=30) * speed)
    if newest is not None and now - newest <= grace:
        shown = now if speed == 1 else newest
        return Moment(shown, "live", info["origin"], cycle, timedelta())
    end = _time(folder, version, "newest_row")
    if end is None:
        raise LakeAbsent(Path(folder))
    age = wall - (end if clock is None else _reader(folder).published_at())
    return Moment(end, "stopped", info["origin"], cycle, age)


def pairs(shown: Moment) -> pd.DataFrame:
    """Every pair as it is known then; see ``pairs.sql``."""
    return _read("pairs", shown, now=shown.now, since=shown.since)


def silent_pairs(shown: Moment) -> pd.DataFrame:
    """Pairs of the universe that nothing is known of then."""
    return _read("silent_pairs", shown, now=shown.now, since=shown.since)


def market_history(shown: Moment) -> pd.DataFrame:
    """The market's 24 hours before; see ``market_history.sql``."""
    return _read("market_history", shown, now=shown.now)


def venue_cycles(shown: Moment) -> pd.DataFrame:
    """How each venue's newest cycle went."""
    return _read("venue_cycles", shown, now=shown.now)


def record_size(shown: Moment) -> pd.DataFrame:
    """Rows by table."""
    return _read("record_size", shown)


def offers() -> dict[str, Any]:
    """What each venue offers and allows, as the collector last told it; see ``offers.py``."""
    return dict(json.loads(_info(_folder(), _version()).get("venues", "{}")))


def origin() -> str | None:
    """What the record is of, ``live`` or ``simulator``; None where there is no record yet."""
    try:
        return _info(_folder(), _version())["origin"]
    except LakeAbsent:
        return None


def refresh_s() -> float:
    """How often a live page looks again: once a cycle of the lake's clock. [wall s]"""
    try:
        clock = Clock.of(_info(_folder(), _version()))
    except LakeAbsent:
        return min(interval_s(), _ABSENT_AGAIN_S)
    return max(interval_s() / (1 if clock is None else clock.speed), _REFRESH_LEAST_S)


@st.cache_data(ttl="1m", max_entries=4, show_spinner=False)
def disk_bytes(folder: str) -> int:
    """Size of all files of the lake in *folder*. [bytes]"""
    files = (
        Path(place, name)
        for place, _, names in os.walk(Path(folder, "lake"))
        for name in names
        if name.endswith(".parquet")
    )
    return sum(map(_bytes, files))


def set_aside() -> list[dict[str, str]]:
    """Notes on the damaged files that were taken out of the record, oldest first."""
    return past_notes(Path(_folder()))


def folder() -> str:
    """Where the lake lies."""
    return _folder()


def interval_s() -> float:
    """Time between two cycles. [s]"""
    text = os.environ.get("PERPSCOPE_INTERVAL_S", "30")
    try:
        interval = float(text)
    except ValueError as error:
        raise SettingsError(f"PERPSCOPE_INTERVAL_S={text!r}: a number of seconds") from error
    if not interval > 0:
        raise SettingsError(f"PERPSCOPE_INTERVAL_S={text!r}: more than 0 seconds")
    return interval


def _bytes(file: Path) -> int:
    """Return the size of *file*: nothing where a merge has just taken it away."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _folder() -> str:
    return str(Path(os.environ.get("PERPSCOPE_DATA_DIR", "data")).absolute())


def _version() -> int:
    return _reader(_folder()).version()


def _read(name: str, shown: Moment, **params: datetime) -> pd.DataFrame:
    """Run the query called *name*; a time that stands still is part of the key."""
    return _fetch(_folder(), _version(), shown.fixed, name, params)


def _time(folder: str, version: int, name: str, _now: datetime | None = None) -> datetime | None:
    """Return the one time that the query called *name* answers with."""
    params = {} if _now is None else {"now": _now}
    (times,) = _fetch(folder, version, None, name, params).to_dict("list").values()
    return None if pd.isna(times[0]) else times[0].to_pydatetime()


@st.cache_resource(max_entries=4, show_spinner=False)
def _reader(folder: str) -> Reader:
    return Reader(Path(folder))


@st.cache_data(max_entries=4, show_spinner=False)
def _info(folder: str, version: int) -> dict[str, str]:
    rows = _fetch(folder, version, None, "lake_info", {})
    return dict(zip(rows["key"], rows["value"], strict=True))


@st.cache_data(ttl="30s", max_entries=64, show_spinner=False)
def _fetch(
    folder: str, version: int, fixed: datetime | None, name: str, _params: dict[str, datetime]
) -> pd.DataFrame:
    """Run the query called *name* on the newest published state."""
    with _reader(folder).cursor() as cursor:
        return query.fetch(cursor, name, **_params)
