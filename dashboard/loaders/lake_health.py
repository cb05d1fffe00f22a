"""Completeness and unit audit, damaged files, disk use, versions."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from importlib import metadata
from pathlib import Path

import pandas as pd
import streamlit as st

from analytics.lake.check import quarantine_notes
from analytics.quality import checks
from dashboard.loaders import shown_moment, source
from dashboard.loaders.shown_moment import Known
from dashboard.state.as_of import Moment

_PACKAGES = {
    "perpscope": "perpscope",
    "DuckDB": "duckdb",
    "DuckLake": "duckdb-extension-ducklake",
    "Streamlit": "streamlit",
}
"""Names shown with versions, and their packages."""


def gaps(shown: Moment, span: timedelta) -> pd.DataFrame:
    """Return the stretches of missing bars in the *span* before *shown*."""
    known_by = shown_moment.bars_known(shown)[2]
    return _at_mark("gaps", shown, span, partial(checks.gaps, known_by=known_by))


def coverage(shown: Moment, span: timedelta) -> pd.DataFrame:
    """Return which share of the bars of the *span* before *shown* has a value."""
    known_by = shown_moment.bars_known(shown)[2]
    return _at_mark("coverage", shown, span, partial(checks.coverage, known_by=known_by))


def completeness(shown: Moment, span: timedelta) -> pd.DataFrame:
    """Return how much is stored of what the cycles of the *span* should have stored."""
    known_by = shown_moment.bars_known(shown)[2]
    ask = partial(checks.completeness, interval=shown.cycle, known_by=known_by)
    return _at_mark("completeness", shown, span, ask)


def unit_audit(shown: Moment, span: timedelta) -> pd.DataFrame:
    """Return how the newest open interest of each instrument came about, and whether it holds."""
    return _at_mark("unit_audit", shown, span, checks.unit_audit)


def oi_beside_volume(shown: Moment, span: timedelta) -> pd.DataFrame:
    """Return whether a venue's open interest may be of both sides, by what is traded on it."""
    return _at_mark("oi_beside_volume", shown, span, checks.oi_beside_volume)


def damaged_files() -> list[dict[str, str]]:
    """Notes on the damaged files that were quarantined, oldest first."""
    return quarantine_notes(Path(source.folder()))


@st.cache_data(show_spinner=False)
def versions() -> dict[str, str]:
    """Versions of what runs here, by name; what is not installed as a package is left out."""
    found = {"Python": platform.python_version()}
    for name, package in _PACKAGES.items():
        try:
            found[name] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


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


def free_bytes(folder: str) -> int:
    """Room that is left on the disk of the lake in *folder*. [bytes]"""
    return shutil.disk_usage(folder).free


def _at_mark(
    name: str, shown: Moment, span: timedelta, ask: Callable[..., pd.DataFrame]
) -> pd.DataFrame:
    """Return what *ask* answers as of the last five-minute mark: once for all, as it reads much."""
    known = shown_moment.bars_known(shown)
    return _asked(source.folder(), known, shown.mark(), name, span, shown.cycle, ask)


@st.cache_data(ttl="10m", max_entries=32, show_spinner="Loading …")
def _asked(
    folder: str,
    known: Known,
    mark: datetime,
    name: str,
    span: timedelta,
    cycle: timedelta,
    _ask: Callable[..., pd.DataFrame],
) -> pd.DataFrame:
    with source.reader(folder).cursor() as cursor:
        return _ask(cursor, now=mark, span=span)


def _bytes(file: Path) -> int:
    """Return the size of *file*: nothing where a merge has just taken it away."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
