"""Coverage, gaps, refusals and unit audit of the last day, read when opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.quality.outages import outages
from analytics.quantities import QUANTITIES, title
from dashboard.frame.error_boundary import plain
from dashboard.frame.local_time import of_column
from dashboard.health.gap_chart import gap_chart
from dashboard.health.gaps_before_start import BeforeStart, before_start, expected_since
from dashboard.health.status_table import Colored, status_table
from dashboard.loaders import lake_health, queries
from dashboard.state.as_of import Moment

_DAY: Final = timedelta(days=1)
_RECENT: Final = timedelta(minutes=15)
_MAX_ROWS: Final = 300
"""Maximum rows of a table: each is sent to the browser."""

_NAMED: Final = 3
_WRITTEN: Final = ("mark", "oi_base", "oi_usd", "oi_venue_usd", "venue_ratio")

Tables = dict[str, pd.DataFrame]


def completeness_panels(shown: Moment, colors: Colors) -> Tables:
    """Draw a panel for each question, whose answer is read once it is opened.

    Returns:
        What the open ones show, by title, for downloads.
    """
    st.subheader("Completeness, last 24 hours", anchor=False)
    panels: dict[str, tuple[str, Callable[[], pd.DataFrame]]] = {
        "Coverage": (
            "Coverage by venue and metric",
            lambda: _coverage(shown),
        ),
        "Gaps": ("Gaps in bars", lambda: _gaps(shown, colors)),
        "Stream gaps": ("Gaps in streams", lambda: _stream_gaps(shown)),
        "Refused": ("Refused values by reason", lambda: _refused(shown)),
        "Units": ("Unit audit: raw and normalised figures", lambda: _units(shown, colors)),
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
    bars = lake_health.coverage(shown, _DAY)
    cycles = lake_health.completeness(shown, _DAY)
    if bars.empty and cycles.empty:
        st.caption("Nothing to check yet: no bar or cycle has closed.")
        return bars
    first = before_start(shown, _DAY)
    rows = coverage_rows(expected_since(bars, first.before), cycles)
    number = st.column_config.NumberColumn
    _table(
        rows,
        {
            "venue": st.column_config.TextColumn("Venue", pinned=True),
            "title": st.column_config.TextColumn("Metric"),
            "coverage_pct": _progress("Bars", "Share of expected 5-minute bars with a value"),
            "present": number("Present", help="Bars with a value"),
            "expected_bars": number("Expected", help="Bars expected to have a value"),
            "completeness_pct": _progress(
                "Cycles", ("Share of the values that cycles should have stored")
            ),
            "stored": number("Stored", help="Values in snapshots"),
            "expected": number("Expected", help="Universe × cycles that should have run"),
        },
        dict.fromkeys(("present", "expected_bars", "stored", "expected"), formats.count),
        "coverage",
    )
    st.caption(
        "Bars include data filled in later from venue history; cycles only what was received "
        "live. Metrics that a venue never publishes are not expected."
    )
    _say(first)
    return rows


def _gaps(shown: Moment, colors: Colors) -> pd.DataFrame:
    first = before_start(shown, _DAY)
    found = outages(first.gaps)
    _say(first)
    if found.empty:
        st.caption("No expected 5-minute bar is missing.")
        return found
    rows = _written(found)
    st.altair_chart(
        gap_chart(rows.head(_MAX_ROWS), (shown.now - _DAY, shown.now), colors),
        key="holes",
        alt="Gaps of each venue over time",
    )
    text = st.column_config.TextColumn
    _table(
        rows.head(_MAX_ROWS),
        {
            "venue": text("Venue", pinned=True),
            "from": text("From", width=140, help=of_column(shown.now)),
            "to": text("To", width=140, help=of_column(shown.now)),
            "length": text("Length", width=70),
            "pairs": text("Pairs", width=240),
            "what": text("Metrics", width=280),
            "repairable": text(
                "Repairable", help="Whether the venue's history still reaches back that far"
            ),
        },
        {},
        "gaps",
    )
    if len(rows) > _MAX_ROWS:
        st.caption(f"Showing the longest {_MAX_ROWS:,} of {len(rows):,} gaps.")
    return rows


def _say(first: BeforeStart) -> None:
    if (note := first.note()) is not None:
        st.caption(plain(note))


def _written(found: pd.DataFrame) -> pd.DataFrame:
    """Return the gaps with their formatted columns."""
    rows = found.copy()
    rows["from"] = found["start_ts"].map(formats.moment)
    rows["to"] = found["end_ts"].map(formats.moment).where(~found["running"], "ongoing")
    rows["length"] = found["length_s"].map(formats.age)
    rows["pairs"] = [_few(map(formats.pair, names), "pair") for names in found["symbols"]]
    rows["what"] = [_few(map(title, names), "metric") for names in found["metrics"]]
    return rows


def _few(names: Iterable[str], word: str) -> str:
    """Write a few names, or how many there are."""
    known = list(names)
    return formats.listed(known) if len(known) <= _NAMED else formats.plural(len(known), word)


def _stream_gaps(shown: Moment) -> pd.DataFrame:
    rows = queries.read("stream_gaps", shown, span_s=int(_DAY.total_seconds()))
    if rows.empty:
        st.caption("No gaps in streams.")
        return rows
    rows = rows.assign(length_s=(rows["ended_ts"] - rows["started_ts"]).dt.total_seconds())
    text = st.column_config.TextColumn
    _table(
        rows.head(_MAX_ROWS),
        {
            "venue": text("Venue", pinned=True),
            "channel": text(QUANTITIES["channel"].title),
            "symbol": text("Pair", help="*: every pair of the channel"),
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
    # Not as of a mark, as what was just refused is listed above as well; by the hour, as all
    # sessions then share one read.
    since = (shown.now - _DAY).replace(minute=0, second=0, microsecond=0)
    rows = queries.read("refusals", shown, since=since, venues=None)
    if rows.empty:
        st.caption("No values refused.")
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
            "cycles": st.column_config.NumberColumn("Cycles", help="Cycles with this refusal"),
            "first_ts": _time("First", shown),
            "last_ts": _time("Last", shown),
        },
        dict.fromkeys(("refused", "cycles"), formats.count),
        "refused",
    )
    return rows


def _units(shown: Moment, colors: Colors) -> pd.DataFrame:
    rows = lake_health.unit_audit(shown, _RECENT)
    if rows.empty:
        st.caption("No open interest in the last 15 minutes.")
        return rows
    rows = rows.assign(
        pair=rows["symbol"].map(formats.pair),
        beside=rows["ok"].map({True: "agrees", False: "differs"}).fillna("not published"),
        again=rows["as_stored"].map({True: "as stored", False: "differs"}).fillna("not stored"),
    )
    off = (rows["beside"] == "differs") | (rows["again"] == "differs")
    rows = rows.assign(off=off).sort_values("off", ascending=False, kind="stable")
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    _table(
        rows.head(_MAX_ROWS),
        {
            "venue": text("Venue", pinned=True),
            "pair": text("Pair"),
            "oi_raw": number("Raw", help="As the venue counts it"),
            "oi_unit": text("Venue's unit"),
            "contract_size": number("Contract", help="Quoted units in one contract"),
            "multiplier": number("Multiplier", help="Coins in one quoted unit"),
            "mark": number(QUANTITIES["mark"].short, help="In the quote currency"),
            "oi_base": number("Coins", help="Coins of the base asset, normalised"),
            "oi_usd": number("USD", help="At the mark price, normalised"),
            "again": text("Recomputed", help="From the raw figure only"),
            "oi_venue_usd": number("Venue's USD", help="As published, where the venue does"),
            "venue_ratio": number("Ratio", help=QUANTITIES["venue_ratio"].title),
            "beside": text("Against venue", help="agrees: within 20 %"),
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
    st.caption("All figures match their raw values." if not off.any() else said)
    _sides(lake_health.oi_beside_volume(shown, _RECENT))
    return rows


def _sides(rows: pd.DataFrame) -> None:
    """Compare venues' open interest per traded volume, from ``oi_beside_volume``."""
    if rows.empty:
        return
    beside = QUANTITIES["oi_days_beside"]
    for row in rows[rows["ok"].eq(False).fillna(value=False)].to_dict("records"):
        st.warning(
            f"{formats.venue(row['venue'])}: open interest per traded volume is "
            f"{beside.write(row['oi_days_beside'])} times that of the other venues, "
            f"median of {row['bases']} assets. About 2 suggests that both sides are counted, "
            "half that all others do. A hint only: turnover differs between "
            "venues, and nothing is corrected.",
            icon=":material/balance:",
        )
    stands = [
        f"{formats.venue(venue)} {beside.write(times)}"
        for venue, times in zip(rows["venue"], rows["oi_days_beside"], strict=True)
    ]
    st.caption(
        f"Open interest per traded volume, relative to the other venues: {formats.listed(stands)}. "
        "About 2 suggests that both sides are counted."
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
