"""Retention: old snapshots go by whole days; everything else stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from analytics.lake import Lake, Reader
from analytics.records import Snapshot

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def heard(at: datetime) -> Snapshot:
    return Snapshot(venue="okx", symbol="A/USDT:USDT", base="A", received_ts=at, price=1.0)


def test_whole_days_before_the_time_are_forgotten_and_the_rest_is_as_it_was(tmp_path):
    """The day that the time lies in is kept to its first row."""
    times = [NOON - timedelta(days=days, hours=11) for days in range(5)]
    with Lake(tmp_path) as lake:
        lake.append_records([heard(at) for at in times])

        forgotten = lake.forget_snapshots(NOON - timedelta(days=2))
        lake.maintain(datetime.now(UTC), whole_days=True)
        lake.publish()

    assert forgotten == 2
    with Reader(tmp_path).cursor() as cursor:
        left = cursor.execute("select received_ts from snapshots order by 1 desc").fetchall()
    assert [at.replace(tzinfo=UTC) for (at,) in left] == times[:3]


def test_nothing_old_is_nothing_forgotten(tmp_path):
    """The first day of a new lake."""
    with Lake(tmp_path) as lake:
        lake.append_records([heard(NOON)])

        assert lake.forget_snapshots(NOON) == 0
