"""The range that is exported: as a document with the chosen pages, a workbook, or a bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.bundle.manifest import LONGEST
from analytics.bundle.write import Asked as BundleAsked
from analytics.bundle.write import write_bundle
from analytics.errors import QueryError
from analytics.exports.exported_table import Section
from analytics.exports.report import Report
from analytics.lake.reader import Reader
from analytics.lake.schema import BAR
from analytics.reports.range_parts import parts, refuse_range
from analytics.reports.range_request import PARTS, Asked
from dashboard.frame import downloads
from dashboard.frame.error_boundary import plain
from dashboard.loaders import alert_episodes, queries, source
from dashboard.replay.simulated_trades import drawn_tables, shown_request
from dashboard.state.as_of import Moment

_KEY: Final = "range_export"
_MAX_PAIRS: Final = 10
_FIRST_PAIRS: Final = 2
_DAY: Final = timedelta(days=1)


def range_export(shown: Moment) -> None:
    """Draw a menu that asks for range, pages and pairs, and gives the files."""
    menu = st.popover("Export range", icon=":material/download:", key=_KEY, on_change="rerun")
    if not menu.open:
        return
    with menu:
        start, end = _range(shown)
        pages = st.pills("Pages", PARTS, selection_mode="multi", default=PARTS, key=f"{_KEY}_pages")
        asked = Asked(
            start=start,
            end=end,
            known_by=shown.known_by if shown.later_too else end,
            cycle=shown.cycle,
            parts=tuple(pages),
            pairs=_pairs(shown),
        )
        try:
            reader = source.reader(source.folder())
            with reader.cursor() as cursor:
                refuse_range(cursor, asked)
        except QueryError as error:
            st.info(plain(str(error)))
            return
        _buttons(shown, asked, reader)


def _range(shown: Moment) -> tuple[datetime, datetime]:
    """Ask for the range: the day before the time *shown* at first."""
    left, right = st.columns(2)
    last = shown.now.replace(second=0, microsecond=0, tzinfo=None)
    with left:
        start = st.datetime_input("From, UTC", value=last - _DAY, key=f"{_KEY}_from", step=300)
    with right:
        end = st.datetime_input("To, UTC", value=last, key=f"{_KEY}_to", step=300)
    return start.replace(tzinfo=UTC), min(end.replace(tzinfo=UTC), shown.now)


def _pairs(shown: Moment) -> tuple[tuple[str, str], ...]:
    """Ask whose charts are drawn: those with the most open interest at first."""
    names = queries.read("pair_names", shown).sort_values("oi_usd", ascending=False)
    keys = list(names[["venue", "symbol"]].itertuples(index=False, name=None))
    chosen: list[tuple[str, str]] = st.multiselect(
        "Charts of",
        keys,
        default=keys[:_FIRST_PAIRS],
        max_selections=_MAX_PAIRS,
        format_func=lambda key: formats.on_venue(key[1], key[0]),
        key=f"{_KEY}_pairs",
    )
    return tuple(chosen)


def _buttons(shown: Moment, asked: Asked, reader: Reader) -> None:
    # They are called on threads without a session.
    made = partial(_made, reader, asked, drawn_tables(asked.end))
    stem = downloads.file_stem("Replay", shown)
    with st.container(horizontal=True, gap="small"):
        downloads.file_button(
            "PDF",
            ":material/picture_as_pdf:",
            partial(_pdf, made),
            f"{stem}.pdf",
            "application/pdf",
            f"{_KEY}_pdf",
        )
        downloads.file_button(
            "XLSX",
            ":material/table_view:",
            partial(_xlsx, made),
            f"{stem}.xlsx",
            downloads.XLSX,
            f"{_KEY}_xlsx",
        )
        if asked.span <= LONGEST:
            downloads.file_button(
                "Evidence bundle",
                ":material/verified:",
                partial(_bundle, Path(source.folder()), _bundle_of(asked, shown)),
                f"{stem}_bundle.zip",
                "application/zip",
                f"{_KEY}_bundle",
            )
    st.caption(
        "The bundle holds the record of all pairs, the alert rules and what they do in this range, "
        "and what the signals simulated below make of it; `perpscope verify` checks it anywhere."
    )


def _bundle_of(asked: Asked, shown: Moment) -> BundleAsked:
    first = queries.read("record_span", shown, near=shown.now).iloc[0]["first_ts"]
    # A day before is often before an uploaded record begins, and no bundle holds what is not there.
    start = asked.start if pd.isna(first) else max(asked.start, (first - BAR).to_pydatetime())
    return BundleAsked(
        start=start,
        end=asked.end,
        rules_text=alert_episodes.rules_text(),
        later=shown.later_too,
        interval_s=source.interval_s(),
        trades=shown_request(),
    )


def _made(reader: Reader, asked: Asked, trades: list[Section]) -> list[Report]:
    with reader.cursor() as cursor:
        return parts(cursor, asked, trades)


def _pdf(made: Callable[[], list[Report]]) -> bytes:
    # Not with the page: a quarter of a second to import, and few ask for it.
    from analytics.exports.pdf import pdf_bytes

    return pdf_bytes(*made())


def _xlsx(made: Callable[[], list[Report]]) -> bytes:
    from analytics.reports.range_workbook import workbook

    return workbook(made())


def _bundle(folder: Path, asked: BundleAsked) -> bytes:
    with tempfile.TemporaryDirectory(prefix="perpscope-") as place:
        write_bundle(folder, asked, file := Path(place, "bundle.zip"))
        return file.read_bytes()
