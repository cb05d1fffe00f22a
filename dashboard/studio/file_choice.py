"""Where a person chooses files: by dropping them, or from the inbox of the data folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import streamlit as st

from analytics import formats
from analytics.errors import PerpscopeError
from analytics.untrusted.visible import visible
from dashboard.frame.error_boundary import plain
from dashboard.loaders import source
from dashboard.state import session
from dashboard.studio import opening
from dashboard.studio.opening import DROPPED_MB, MB, Opening

_OPENING: Final = "studio_opening"
_ROUND: Final = "studio_round"
_CHOSEN: Final = "studio_inbox"

_FORMATS: Final = (
    "CSV (also .gz), Parquet, Arrow or Feather, SQLite, DuckDB, a zip of Binance's archive, or an "
    "exported bundle."
)


def file_choice() -> None:
    """Draw the choice, and read what was chosen."""
    most = source.settings().studio_max_mb
    if not most:
        st.info("Studio is switched off here (PERPSCOPE_STUDIO_MAX_MB=0).")
        return
    dropped = st.file_uploader(
        f"Files, at most {min(DROPPED_MB, most)} MB each",
        accept_multiple_files=True,
        # A new one forgets the files of the one before, which the server holds in memory.
        key=f"studio_files_{st.session_state.get(_ROUND, 0)}",
        max_upload_size=min(DROPPED_MB, most),
    )
    st.caption(plain(_FORMATS))
    chosen = _inbox()
    st.caption(
        f"Larger files, up to {most:,} MB: put them into the folder studio of the server's data "
        f"folder.{'' if chosen is not None else ' It holds no files now.'}"
    )
    if st.button("Read", type="primary", disabled=not dropped and not chosen):
        _read(dropped, chosen or [])


def _inbox() -> list[Path] | None:
    """Ask for files of the inbox; None where it holds none."""
    if not (found := opening.inbox()):
        return None
    names = {path.name: path for path in found}
    asked = st.multiselect(
        "From the inbox",
        list(names),
        format_func=lambda name: f"{visible(name)}, {_size(names[name])}",
        key=_CHOSEN,
        placeholder=f"{formats.plural(len(found), 'file')}",
    )
    return [names[name] for name in asked]


def _size(path: Path) -> str:
    try:
        return f"{path.stat().st_size / MB:,.1f} MB"
    except FileNotFoundError:
        return "gone"


def _read(dropped: Sequence[opening.Dropped], chosen: Sequence[Path]) -> None:
    place = st.empty()

    def alive() -> None:
        # Whoever leaves the page ends the reading here.
        place.caption("Reading …")

    try:
        with st.spinner("Reading, in a process of its own …"):
            read = opening.read(dropped, chosen, alive)
    except PerpscopeError as error:
        st.error(plain(f"{error}."), title="Not read", icon=":material/error:")
        return
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state[_OPENING] = read
    session.rerun_here()


def current() -> Opening | None:
    """Return what this session has read and not opened yet."""
    found: Opening | None = st.session_state.get(_OPENING)
    return found


def forget() -> None:
    """Begin with other files."""
    st.session_state.pop(_OPENING, None)
