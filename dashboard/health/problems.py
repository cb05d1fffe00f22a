"""Current problems in sentences, the gravest first; one line if there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.panels.bases import Bases
from dashboard.frame.error_boundary import plain
from dashboard.health import stream_status
from dashboard.health.venue_status import reasons
from dashboard.state.as_of import SILENT_CYCLES, Moment

_NEARLY_FULL_PCT: Final = 90
_LOW_DISK_BYTES: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem."""

    text: str
    grave: bool = False
    """Whether data is missing or stale because of it."""


def problems(
    cycles: pd.DataFrame,
    expected: set[str],
    channels: pd.DataFrame,
    silent: pd.DataFrame,
    notes: Mapping[str, list[dict[str, Any]]],
    free_bytes: int,
    counted: Bases,
    shown: Moment,
) -> list[Problem]:
    """Return the current problems.

    Args:
        cycles: The newest of each venue, as ``venue_cycles.sql`` returns them.
        expected: The venues that are collected.
        channels: How the streams stand, as ``stream_status.channels`` returns it.
        silent: Pairs of the universe without recent data.
        notes: Steps of the collector's clock and ends of its tasks, as
            ``loaders.collector_notes`` returns them.
        free_bytes: Room on the disk. [bytes]
        counted: What instruments are counted under.
        shown: When that is so.
    """
    return [
        *_of_absence(cycles, expected),
        *(fault for row in cycles.to_dict("records") for fault in _of_cycle(row, shown)),
        *_of_missing_pairs(silent, cycles, shown),
        *map(Problem, stream_status.sentences(channels)),
        *_of_tasks(notes["task_ends"], shown),
        *_of_clock(notes["clock_steps"], shown),
        *of_shared_names(counted),
        *_of_disk_space(free_bytes),
    ]


def of_shared_names(counted: Bases) -> list[Problem]:
    """Return the names that stand for several assets."""
    return [Problem(difference.sentence) for difference in counted.differences]


def draw_problems(found: list[Problem], cycles: pd.DataFrame, shown: Moment) -> None:
    """Draw the problems *found*, errors first; or that there are none."""
    if not found and shown.mode == "stopped":
        st.caption("All venues answered for every pair in their last cycle.")
        return
    if not found:
        last = formats.age(shown.now - cycles["finished_ts"].min())
        st.success(
            f"All good: {formats.plural(len(cycles), 'venue')} answered for every pair within the "
            f"last {last}, no values refused.",
            icon=":material/check_circle:",
        )
        return
    graves = [fault for fault in found if fault.grave]
    for kind, draw, icon in (
        (graves, st.error, ":material/error:"),
        ([fault for fault in found if not fault.grave], st.warning, ":material/warning:"),
    ):
        if kind:
            draw("  \n".join(plain(fault.text) for fault in kind), icon=icon)


def _of_absence(cycles: pd.DataFrame, expected: set[str]) -> Iterator[Problem]:
    for venue in sorted(expected - set(cycles["venue"])):
        yield Problem(f"{formats.venue(venue)}: no cycle in the last 24 hours.", grave=True)


def _of_cycle(row: dict[Any, Any], shown: Moment) -> Iterator[Problem]:
    """Report errors and missing pairs of a venue's last cycle and hour."""
    venue = formats.venue(row["venue"])
    if row["finished_ts"] < shown.silent_before and shown.mode != "stopped":
        age = formats.age(shown.now - row["finished_ts"])
        yield Problem(
            f"{venue}: no cycle completed for {age}, more than {SILENT_CYCLES} cycles.",
            grave=True,
        )
    if isinstance(row["error"], str):
        text = formats.shortened(row["error"].removeprefix(f"{row['venue']}: ")).rstrip(".")
        yield Problem(f"{venue}: {text}.", grave=row["answered"] == 0)
    elif row["answered"] < row["asked"]:
        yield Problem(f"{venue}: answered for {row['answered']:,} of {row['asked']:,} pairs.")
    elif (row["errors_1h"] or 0) > 0:
        yield Problem(
            f"{venue}: OK now, but {row['errors_1h']:,.0f} of "
            f"{formats.plural(int(row['cycles_1h']), 'cycle')} in the last hour had errors."
        )
    yield from _of_quantities(row)


def _of_quantities(row: dict[Any, Any]) -> Iterator[Problem]:
    """Report refused values, skipped requests and rate budget of a venue's last cycle."""
    venue = formats.venue(row["venue"])
    if row["refused"] > 0:
        yield Problem(f"{venue}: impossible values refused: {reasons(row['refused_reasons'])}.")
    if row["skipped"] > 0:
        yield Problem(
            f"{venue}: {formats.plural(int(row['skipped']), 'request')} skipped for lack of time "
            "or rate budget."
        )
    used = row["budget_used_pct"]
    if not pd.isna(used) and used >= _NEARLY_FULL_PCT:
        yield Problem(f"{venue}: {formats.share(used)} of its tightest rate limit used.")


def _of_missing_pairs(
    silent: pd.DataFrame, cycles: pd.DataFrame, shown: Moment
) -> Iterator[Problem]:
    """Name pairs without data whose venue's cycles run."""
    running = set(cycles.loc[cycles["answered"] > 0, "venue"])
    for venue, rows in silent[silent["venue"].isin(running)].groupby("venue"):
        names = formats.listed([formats.pair(symbol) for symbol in rows["symbol"]])
        span = formats.span(shown.now - shown.since)
        yield Problem(f"{formats.venue(str(venue))}: no data for {names} for {span}.")


def _of_tasks(ends: list[dict[str, Any]], shown: Moment) -> Iterator[Problem]:
    """Say which tasks of the collector ended within a day before *shown*, though none should."""
    by_task: dict[str, list[dict[str, Any]]] = {}
    for end in ends:
        if shown.now - timedelta(days=1) <= datetime.fromisoformat(end["at"]) <= shown.now:
            by_task.setdefault(end["task"], []).append(end)
    for task, found in by_task.items():
        newest = found[-1]
        at = formats.moment(datetime.fromisoformat(newest["at"]))
        often = f"{len(found)} times, last at" if len(found) > 1 else "at"
        then = "the collector stopped" if newest["then"] == "stop" else "it was restarted"
        reason = formats.shortened(newest["reason"])
        yield Problem(
            f'The collector\'s task "{task}" ended {often} {at} ({reason}); {then}. '
            "The collector's log has the traceback."
        )


def _of_clock(steps: list[dict[str, Any]], shown: Moment) -> Iterator[Problem]:
    """Say what the clock did within a day before *shown*, and what that means for rows."""
    for step in steps:
        at, seconds = datetime.fromisoformat(step["at"]), float(step["step_s"])
        if not shown.now - timedelta(days=1) <= at <= shown.now:
            continue
        way = "ahead" if seconds > 0 else "back"
        text = (
            f"The collector's clock jumped {way} by {formats.age(abs(seconds))} to "
            f"{formats.moment(at)}; earlier rows keep the old time."
        )
        if seconds < 0 and (until := at - timedelta(seconds=seconds)) > shown.now:
            text += f" Rows after {formats.moment(at)} stay hidden until {formats.moment(until)}."
        yield Problem(text)


def _of_disk_space(free_bytes: int) -> Iterator[Problem]:
    if free_bytes < _LOW_DISK_BYTES:
        yield Problem(
            f"Only {formats.size(free_bytes)} of disk space left; the collector stops storing "
            "data before the disk is full.",
            grave=True,
        )
