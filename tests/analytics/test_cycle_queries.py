"""What the record of cycles says of a collector: since when without a break, and how hard."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pandas as pd
import pytest

from analytics.lake.attach import MACROS
from analytics.lake.schema import TABLES, definition
from analytics.query import fetch

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def cursor():
    """A database with the real tables, empty."""
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for table in TABLES:
            connection.execute(definition(table).partition("alter table")[0])
        yield connection


def cycle(cursor, ago, *, venue="okx", latency_ms=100.0, budget_used_pct=1.0):
    """Insert a cycle that ended so long before noon, two seconds after it began."""
    ended = (NOON - ago).replace(tzinfo=None)
    counts = dict.fromkeys(("asked", "answered", "skipped", "refused", "requests"), 1)
    row = {
        "venue": venue,
        "started_ts": ended - timedelta(seconds=2),
        "finished_ts": ended,
        "latency_ms": latency_ms,
        "budget_used_pct": budget_used_pct,
        **counts,
    }
    named = ", ".join(f"${name} as {name}" for name in row)
    cursor.execute(f"insert into cycles by name select {named}", row)


def since(cursor, break_s=90):
    (row,) = fetch(cursor, "collecting_since", now=NOON, break_s=break_s).to_dict("records")
    return row["since_ts"], row["is_whole_week"]


def test_collecting_is_since_the_newest_break(cursor):
    """Cycles of one venue bridge those of another; a longer pause begins anew."""
    for minutes in (300, 299, 200, 199, 198):
        cycle(cursor, minutes * MINUTE)
    for minutes in (197, 10, 9, 8):
        cycle(cursor, minutes * MINUTE, venue="bybit")
    cycle(cursor, 7 * MINUTE)
    cycle(cursor, -MINUTE)

    assert since(cursor) == (NOON - 10 * MINUTE, False)


def test_without_a_break_it_is_since_the_first_cycle(cursor):
    """The week before is looked at, and known to be whole only if it is."""
    for minutes in (3, 2, 1):
        cycle(cursor, minutes * MINUTE)

    assert since(cursor) == (NOON - 3 * MINUTE, False)


def test_a_whole_week_is_said_to_be_one(cursor):
    """Then it may have been longer."""
    for hours in range(1, 180, 2):
        cycle(cursor, timedelta(hours=hours))

    first, is_whole = since(cursor, break_s=3 * 3600)

    assert (first, is_whole) == (NOON - timedelta(hours=167), True)


def test_without_cycles_it_is_not_known(cursor):
    """Nothing is no date."""
    first, _ = since(cursor)

    assert pd.isna(first)


def test_the_hour_of_a_venue_is_its_median_and_its_fullest_budget(cursor):
    """Of the cycles that ended in it; the curve has one point for two minutes."""
    for minutes, latency, used in ((70, 9000.0, 99.0), (30, 100.0, 20.0), (29, 200.0, 60.0)):
        cycle(cursor, minutes * MINUTE, latency_ms=latency, budget_used_pct=used)
    cycle(cursor, 2 * MINUTE, latency_ms=900.0, budget_used_pct=40.0)
    cycle(cursor, -MINUTE, latency_ms=9000.0, budget_used_pct=98.0)

    (row,) = fetch(cursor, "venue_hour", now=NOON).to_dict("records")

    assert (row["venue"], row["latency_1h_ms"], row["budget_used_1h_pct"]) == ("okx", 200, 60)
    assert [*row["latency_curve"]] == [150, 900]
