"""Retention: old snapshots go by whole days; everything else stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from analytics.errors import LakeError
from analytics.lake.reader import Reader
from analytics.lake.records import Snapshot
from analytics.lake.writer import Lake

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


KEEP = timedelta(days=2)


def heard(at: datetime, venue_ts: datetime | None = None) -> Snapshot:
    return Snapshot(
        venue="okx",
        symbol="A/USDT:USDT",
        base="A",
        received_ts=at,
        venue_ts=venue_ts,
        price=1.0,
    )


def agreed(at: datetime) -> Snapshot:
    """A snapshot whose venue's own time is that of our clock, as nearly all are."""
    return heard(at, at - timedelta(milliseconds=80))


def times_left(folder):
    with Reader(folder).cursor() as cursor:
        left = cursor.execute("select received_ts from snapshots order by 1 desc").fetchall()
    return [at.replace(tzinfo=UTC) for (at,) in left]


def test_whole_days_before_the_time_are_forgotten_and_the_rest_is_as_it_was(tmp_path):
    """The day that the time lies in is kept to its first row."""
    times = [NOON - timedelta(days=days, hours=11) for days in range(5)]
    with Lake(tmp_path) as lake:
        lake.append_records([agreed(at) for at in times])

        forgotten = lake.forget_snapshots(NOON, KEEP)
        lake.maintain(datetime.now(UTC), whole_days=True)
        lake.publish()

    assert forgotten == 2
    assert times_left(tmp_path) == times[:3]


def test_nothing_old_is_nothing_forgotten(tmp_path):
    """The first day of a new lake, whatever the venues' times were."""
    with Lake(tmp_path) as lake:
        lake.append_records([heard(NOON)])

        assert lake.forget_snapshots(NOON, KEEP) == 0


@pytest.mark.parametrize("days", [4, 100, 100_000])
def test_a_clock_that_is_far_ahead_deletes_nothing(tmp_path, days):
    """Also where rows were stored since it went wrong: their venue's time was refused."""
    times = [NOON - timedelta(hours=hours) for hours in range(3)]
    wrong = NOON + timedelta(days=days)
    with Lake(tmp_path) as lake:
        lake.append_records([agreed(at) for at in times])
        lake.append_records([heard(wrong - timedelta(minutes=5)), heard(wrong)])

        with pytest.raises(LakeError, match="no venue's time confirms it"):
            lake.forget_snapshots(wrong, KEEP)
        lake.publish()

    assert times_left(tmp_path)[2:] == times


def test_a_lake_that_rested_for_long_forgets_once_the_venues_agree(tmp_path):
    """A collector that was off for a month is no wrong clock."""
    now = NOON + timedelta(days=30)
    with Lake(tmp_path) as lake:
        lake.append_records([agreed(NOON), agreed(now)])

        assert lake.forget_snapshots(now, KEEP) == 1
        lake.publish()

    assert times_left(tmp_path) == [now]


def test_the_clock_put_right_forgets_as_if_nothing_had_been(tmp_path):
    """Rows of a future that has not come are no reason, neither for nor against."""
    with Lake(tmp_path) as lake:
        lake.append_records([agreed(NOON - timedelta(days=5)), agreed(NOON)])
        lake.append_records([heard(NOON + timedelta(days=100))])

        assert lake.forget_snapshots(NOON, KEEP) == 1
