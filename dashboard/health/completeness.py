"""How complete the record is: coverage, holes and the audit of units, read when opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.quality.outages import holes
from analytics.quantities import QUANTITIES, title
from dashboard import loaders
from dashboard.as_of import Moment
from dashboard.frame.error_boundary import plain
from dashboard.frame.local_time import of_column
from dashboard.health.before_start import FirstDay, expected_since, first_day
from dashboard.health.gap_chart import gap_chart
from dashboard.health.status_table import Colored, status_table

_DAY: Final = timedelta(days=1)
_RECENT: Final = timedelta(minutes=15)
_MOST: Final = 300
"""Rows of a table, at most: nobody reads further, and each goes to the browser."""

_NAMED: Final = 3
_WRITTEN: Final = ("mark", "oi_base", "oi_usd", "oi_venue_usd", "venue_ratio")

Tables = dict[str, pd.DataFrame]


def completeness_panels(shown: Moment, colors: Colors) -> Tables:
    """Draw a panel for each question, whose answer is read once it is opened.

    Returns:
        What the open ones show, by title, for downloads.
    """
    st.subheader("Completeness of the last 24 hours", anchor=False)
    panels: dict[str, tuple[str, Callable[[], pd.DataFrame]]] = {
        "Coverage": (
            "Coverage by venue and metric",
            lambda: _coverage(shown),
        ),
        "Gaps": ("Gaps in the record", lambda: _gaps(shown, colors)),
        "Stream gaps": ("Gaps in the streams", lambda: _stream_gaps(shown)),
        "Refused": ("Refused values by reason", lambda: _refused(shown)),
        "Units": ("Unit audit: raw figures beside normalised ones", lambda: _units(shown, colors)),
    }
    tables = {}
    for name, (label, draw) in panels.items():
        key = f"health_{name.lower().replace(' ', '_')}"
        with st.expander(label, key=key, on_change="rerun") as panel:
            if panel.open:
                tables[name] = draw()
    return {name: table for name, table in tables.items() if not table.empty}


def coverage_rows(coverage: pd.DataFrame, completeness: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each venue and metric, those of which most is missing first."""
    rows = coverage.merge(completeness, on=["venue", "metric"], how="outer", suffixes=("_bars", ""))
    rows = rows.assign(
        title=rows["metric"].map(title),
        worst=rows[["coverage_pct", "completeness_pct"]].min(axis=1),
    )
    return rows.sort_values(["worst", "venue", "metric"], kind="stable").reset_index(drop=True)


def _coverage(shown: Moment) -> pd.DataFrame:
    bars = loaders.coverage(shown, _DAY)
    cycles = loaders.completeness(shown, _DAY)
    if bars.empty and cycles.empty:
        st.caption("Nothing could be expected yet: neither a bar nor a cycle is over.")
        return bars
    first = first_day(shown, _DAY)
    rows = coverage_rows(expected_since(bars, first.before), cycles)
    number = st.column_config.NumberColumn
    _table(
        rows,
        {
            "venue": st.column_config.TextColumn("Venue", pinned=True),
            "title": st.column_config.TextColumn("Metric"),
            "coverage_pct": _progress("Bars", "Of the five-minute bars expected, with a value"),
            "present": number("Present", help="Bars with a value"),
            "expected_bars": number("Expected", help="Bars that should have one"),
            "completeness_pct": _progress("Cycles", "Stored, of what the cycles should have"),
            "stored": number("Stored", help="Values in snapshots"),
            "expected": number("Expected", help="Universe x cycles that should have run"),
        },
        dict.fromkeys(("present", "expected_bars", "stored", "expected"), formats.count),
        "coverage",
    )
    st.caption(
        "Bars also hold what was filled in afterwards from the venue's history; cycles only what "
        "was heard. What a venue never states is not expected of it."
    )
    _say(first)
    return rows


def _gaps(shown: Moment, colors: Colors) -> pd.DataFrame:
    first = first_day(shown, _DAY)
    found = holes(first.gaps)
    _say(first)
    if found.empty:
        st.caption("No five-minute bar that could be expected is missing.")
        return found
    rows = _written(found)
    st.altair_chart(
        gap_chart(rows.head(_MOST), (shown.now - _DAY, shown.now), colors),
        key="holes",
        alt="When each venue's record has holes",
    )
    text = st.column_config.TextColumn
    _table(
        rows.head(_MOST),
        {
            "venue": text("Venue", pinned=True),
            "from": text("From", width=140, help=of_column(shown.now)),
            "to": text("To", width=140, help=of_column(shown.now)),
            "length": text("Length", width=70),
            "pairs": text("Pairs", width=240),
            "what": text("Metrics", width=280),
            "repairable": text(
                "Repairable", help="Whether the venue's own history still reaches that far back"
            ),
        },
        {},
        "gaps",
    )
    if len(rows) > _MOST:
        st.caption(f"The longest {_MOST:,} of {len(rows):,} holes are shown.")
    return rows


def _say(first: FirstDay) -> None:
    if (note := first.note()) is not None:
        st.caption(plain(note))


def _written(found: pd.DataFrame) -> pd.DataFrame:
    """Return the holes with what people read of them beside."""
    rows = found.copy()
    rows["from"] = found["start_ts"].map(formats.moment)
    rows["to"] = found["end_ts"].map(formats.moment).where(~found["running"], "goes on")
    rows["length"] = found["length_s"].map(formats.age)
    rows["pairs"] = [_few(map(formats.pair, names), "pair") for names in found["symbols"]]
    rows["what"] = [_few(map(title, names), "metric") for names in found["metrics"]]
    return rows


def _few(names: Iterable[str], word: str) -> str:
    """Write a few names, or how many there are."""
    known = list(names)
    return formats.listed(known) if len(known) <= _NAMED else formats.plural(len(known), word)


def _stream_gaps(shown: Moment) -> pd.DataFrame:
    rows = loaders.read("stream_gaps", shown, span_s=int(_DAY.total_seconds()))
    if rows.empty:
        st.caption("No stream had a hole.")
        return rows
    rows = rows.assign(length_s=(rows["ended_ts"] - rows["started_ts"]).dt.total_seconds())
    text = st.column_config.TextColumn
    _table(
        rows.head(_MOST),
        {
            "venue": text("Venue", pinned=True),
            "channel": text(QUANTITIES["channel"].title),
            "symbol": text("Pair", help="* is every pair of the channel"),
            "started_ts": _time("From", shown),
            "length_s": st.column_config.NumberColumn("Length"),
            "reason": text("Why"),
            "outcome": text(QUANTITIES["outcome"].title, help="repaired, partly, or lost for good"),
            "repaired_rows": st.column_config.NumberColumn(
                QUANTITIES["repaired_rows"].title, help="Events"
            ),
        },
        {"length_s": formats.age, "repaired_rows": formats.count},
        "stream_gaps",
    )
    return rows


def _time(title: str, shown: Moment) -> Any:
    return st.column_config.DatetimeColumn(
        title, help=of_column(shown.now), format="YYYY-MM-DD HH:mm:ss", timezone="UTC"
    )


def _refused(shown: Moment) -> pd.DataFrame:
    # Not as of a mark, as what was just refused is told above as well; by the hour, as all
    # sessions then share one read.
    since = (shown.now - _DAY).replace(minute=0, second=0, microsecond=0)
    rows = loaders.read("refusals", shown, since=since, venues=None)
    if rows.empty:
        st.caption("Nothing was refused.")
        return rows
    rows = rows.assign(
        title=rows["metric"].map(title), why=rows["reason"].str.replace("_", " ", regex=False)
    )
    text = st.column_config.TextColumn
    _table(
        rows,
        {
            "venue": text("Venue", pinned=True),
            "title": text("Metric"),
            "why": text("Why"),
            "refused": st.column_config.NumberColumn("Values"),
            "cycles": st.column_config.NumberColumn("Cycles", help="In which that happened"),
            "first_ts": _time("First", shown),
            "last_ts": _time("Last", shown),
        },
        dict.fromkeys(("refused", "cycles"), formats.count),
        "refused",
    )
    return rows


def _units(shown: Moment, colors: Colors) -> pd.DataFrame:
    rows = loaders.unit_audit(shown, _RECENT)
    if rows.empty:
        st.caption("No open interest was heard in the quarter of an hour before.")
        return rows
    rows = rows.assign(
        pair=rows["symbol"].map(formats.pair),
        beside=rows["ok"].map({True: "agrees", False: "differs"}).fillna("states none"),
        again=rows["as_stored"].map({True: "as stored", False: "differs"}).fillna("none stored"),
    )
    off = (rows["beside"] == "differs") | (rows["again"] == "differs")
    rows = rows.assign(off=off).sort_values("off", ascending=False, kind="stable")
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    _table(
        rows.head(_MOST),
        {
            "venue": text("Venue", pinned=True),
            "pair": text("Pair"),
            "oi_raw": number("Raw", help="As the venue counts it"),
            "oi_unit": text("Unit there"),
            "contract_size": number("Contract", help="Quoted units in one contract"),
            "multiplier": number("Multiplier", help="Coins in one quoted unit"),
            "mark": number(QUANTITIES["mark"].short, help="In the quote currency"),
            "oi_base": number("Coins", help="Normalised: coins of the base asset"),
            "oi_usd": number("USD", help="Normalised: at the mark price"),
            "again": text("Recomputed", help="From the raw figure alone"),
            "oi_venue_usd": number("Venue's USD", help="Where the venue states one itself"),
            "venue_ratio": number("Ratio", help=QUANTITIES["venue_ratio"].title),
            "beside": text("Beside venue", help="agrees: within 20 %"),
        },
        {
            "oi_raw": formats.price,
            **dict.fromkeys(("contract_size", "multiplier"), "{:g}".format),
            **{name: QUANTITIES[name].write for name in _WRITTEN},
        },
        "unit_audit",
        dict.fromkeys(("beside", "again"), lambda said: colors.alert if said == "differs" else ""),
    )
    said = f"{formats.plural(int(off.sum()), 'pair')} of {len(rows):,} differ."
    st.caption("Every figure is what its raw one makes." if not off.any() else said)
    _sides(loaders.oi_beside_volume(shown, _RECENT))
    return rows


def _sides(rows: pd.DataFrame) -> None:
    """Say how venues' open interest stands to what is traded, as ``oi_beside_volume`` has it."""
    if rows.empty:
        return
    for row in rows[rows["ok"].eq(False).fillna(value=False)].to_dict("records"):
        st.warning(
            f"{row['venue']}: open interest is {row['oi_days_beside']:.2g} times what the other "
            f"venues' would be for what is traded, the median of {row['bases']} assets. Where "
            "both sides are counted it is about 2, and half where all others do. It is a hint: "
            "venues also differ in how much is traded, and nothing is corrected.",
            icon=":material/balance:",
        )
    stands = [
        f"{venue} {times:.2f}"
        for venue, times in zip(rows["venue"], rows["oi_days_beside"], strict=True)
    ]
    st.caption(
        f"Open interest for what is traded, in multiples of the other venues': "
        f"{formats.listed(stands)}. About 2 would be a venue that counts both sides."
    )


def _table(
    rows: pd.DataFrame,
    columns: dict[str, Any],
    written: dict[Any, Any],
    key: str,
    colored: Mapping[str, Colored] | None = None,
) -> None:
    """Draw a status table that scrolls in itself where it is long."""
    height = min(40 + 29 * len(rows), 420)
    status_table(rows, columns, written, f"table_{key}", colored=colored, height=height)


def _progress(label: str, said: str) -> Any:
    form = f"%.{QUANTITIES['coverage_pct'].digits}f %%"
    return st.column_config.ProgressColumn(
        label, help=said, min_value=0, max_value=100, format=form, width=130
    )
