"""Live bars: once each when they are over, anew when snapshots come late, ours before others'."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from analytics.lake.records import Snapshot
from analytics.lake.schema import arrow_schema
from analytics.lake.writer import Lake
from collector.cycles.bars_from_snapshots import write_finished_bars

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path):
    with Lake(tmp_path) as opened:
        yield opened


def heard(lake, *prices: tuple[int, float]) -> None:
    """Store BTC snapshots, each a (seconds past noon, price)."""
    lake.append_records(
        [
            Snapshot(
                venue="okx",
                symbol="BTC/USDT:USDT",
                base="BTC",
                received_ts=NOON + timedelta(seconds=seconds),
                price=price,
                oi_usd=price * 10,
            )
            for seconds, price in prices
        ]
    )


def bars(lake) -> list[tuple]:
    with lake.cursor() as cursor:
        return cursor.execute(
            "select minute(ts), open, high, low, close, volume_usd, snapshot_count, origin "
            "from bars order by ts"
        ).fetchall()


def test_a_bar_is_written_when_its_five_minutes_are_over(lake):
    """The open bar is nobody's yet."""
    heard(lake, (0, 100.0), (30, 110.0), (299, 105.0), (300, 200.0))

    written = write_finished_bars(lake, "okx", NOON + timedelta(seconds=310), None)

    assert written == 1
    assert bars(lake) == [(0, 100.0, 110.0, 100.0, 105.0, None, 3, "live")]


def test_writing_again_adds_nothing(lake):
    """The job may run as often as it likes."""
    heard(lake, (0, 100.0))
    now = NOON + timedelta(minutes=6)
    write_finished_bars(lake, "okx", now, None)

    assert write_finished_bars(lake, "okx", now, NOON) == 0


def test_late_snapshots_are_folded_in(lake):
    """Batches that waited for a full disk change the bars they belong to, and no other."""
    heard(lake, (0, 100.0), (310, 300.0))
    now = NOON + timedelta(minutes=11)
    write_finished_bars(lake, "okx", now, None)
    heard(lake, (60, 120.0))

    changed = write_finished_bars(lake, "okx", now, NOON + timedelta(seconds=60))

    assert changed == 1
    assert bars(lake)[0] == (0, 100.0, 120.0, 100.0, 120.0, None, 2, "live")
    assert bars(lake)[1][1] == 300.0


def test_a_gap_stays_a_gap(lake):
    """No bar is made up for five minutes in which nothing was heard."""
    heard(lake, (0, 100.0), (900, 100.0))

    write_finished_bars(lake, "okx", NOON + timedelta(minutes=30), None)

    assert [minute for minute, *_ in bars(lake)] == [0, 15]


def test_live_figures_win_over_backfilled_ones_and_keep_what_only_those_know(lake):
    """A venue's candle knows the volume; the price is what we heard."""
    backfilled = pa.table(
        {
            "venue": ["okx"],
            "symbol": ["BTC/USDT:USDT"],
            "base": ["BTC"],
            "ts": pa.array([NOON.replace(tzinfo=None)], arrow_schema("bars").field("ts").type),
            "close": [99.0],
            "volume_usd": [5000.0],
            "snapshot_count": pa.array([0], pa.int32()),
            "origin": ["backfill"],
        }
    )
    lake.fill_bars(backfilled)
    heard(lake, (0, 100.0))

    write_finished_bars(lake, "okx", NOON + timedelta(minutes=6), NOON)

    assert bars(lake) == [(0, 100.0, 100.0, 100.0, 100.0, 5000.0, 1, "live")]


def test_catches_up_after_a_pause(lake):
    """A collector that was stopped for hours writes the bars of what it had stored."""
    heard(lake, (0, 100.0), (360, 101.0), (660, 102.0))

    written = write_finished_bars(lake, "okx", NOON + timedelta(hours=3), None)

    assert written == 3


def test_bars_of_a_time_to_come_hold_up_no_others(lake):
    """A clock that was an hour ahead for a while, put right, and a restart before its hour."""
    heard(lake, (0, 100.0), (3600, 300.0))
    write_finished_bars(lake, "okx", NOON + timedelta(minutes=66), None)
    heard(lake, (360, 110.0))

    written = write_finished_bars(lake, "okx", NOON + timedelta(minutes=11), None)

    assert written == 1
    with lake.cursor() as cursor:
        found = cursor.execute("select ts, close from bars order by ts").fetchall()
    assert [(at.replace(tzinfo=UTC) - NOON, close) for at, close in found] == [
        (timedelta(), 100.0),
        (timedelta(minutes=5), 110.0),
        (timedelta(minutes=60), 300.0),
    ]
