"""How whole the record is, and what it and the program weigh."""

from __future__ import annotations

import os
import platform
import shutil
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path

import pandas as pd
import streamlit as st

from analytics.lake.check import past_notes
from analytics.quality import checks as record_quality
from dashboard.loaders import as_of, source
from dashboard.loaders.as_of import Known
from dashboard.state import Moment

_OF_BARS = ("completeness", "coverage", "freshness", "gaps")
"""The functions of ``analytics.quality.checks`` that read bars."""

_PACKAGES = {
    "perpscope": "perpscope",
    "DuckDB": "duckdb",
    "DuckLake": "duckdb-extension-ducklake",
    "Streamlit": "streamlit",
}
"""What people ask the version of, and the package that has it."""


def quality(name: str, shown: Moment, span: timedelta, **params: object) -> pd.DataFrame:
    """Return what the function *name* of ``analytics.quality.checks`` says of the *span* before.

    It is asked as of the last five-minute mark, and once every five minutes: it reads much.
    """
    known = as_of.bars_known(shown)
    return _quality(source.folder(), known, shown.mark(), name, span, params)


def set_aside() -> list[dict[str, str]]:
    """Notes on the damaged files that were taken out of the record, oldest first."""
    return past_notes(Path(source.folder()))


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


@st.cache_data(ttl="10m", max_entries=32, show_spinner="Reading the record …")
def _quality(
    folder: str,
    known: Known,
    mark: datetime,
    name: str,
    span: timedelta,
    params: dict[str, object],
) -> pd.DataFrame:
    if name in _OF_BARS:
        params = {"known_by": known[2], **params}
    with source.reader(folder).cursor() as cursor:
        answer: pd.DataFrame = getattr(record_quality, name)(cursor, now=mark, span=span, **params)
    return answer


def _bytes(file: Path) -> int:
    """Return the size of *file*: nothing where a merge has just taken it away."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
