"""The jobs of a collector: late rows get into bars, old ones are let go, settings arrive."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from structlog.testing import capture_logs

from analytics.lake.reader import Reader
from analytics.lake.records import Snapshot
from analytics.lake.schema import arrow_schema
from collector.service import timetable
from collector.service.health_server import health
from tests.waiting import HANG_S

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def heard(price: float, after: timedelta) -> Snapshot:
    """A snapshot of BTC, received so long *after* noon; the venue's clock agrees."""
    at = NOON + after
    return Snapshot(
        venue="okx",
        symbol="BTC/USDT:USDT",
        base="BTC",
        venue_ts=at,
        received_ts=at,
        price=price,
        oi_usd=1.0,
    )


async def stored(program, *snapshots: Snapshot) -> None:
    """Hand the collector *snapshots*, a batch each, and wait until the lake has them."""
    for one in snapshots:
        program.write_queue.put([one])
    assert await program.write_queue.finish(HANG_S)


def bars(program) -> list[tuple]:
    with program.lake.cursor() as cursor:
        return cursor.execute(
            "select minute(ts), open, high, close, snapshot_count from bars order by ts"
        ).fetchall()


async def test_the_bar_of_the_start_is_filled_in_once_it_is_over(program, monkeypatch):
    """Nobody heard its beginning, and an hour without its close would leave z without a bar."""
    monkeypatch.setattr(timetable, "FIRST_BAR_READY_S", 0.0)
    one = program.venues[0]
    brief = replace(program, settings=program.settings.model_copy(update={"backfill_hours": 1}))

    with capture_logs() as lines:
        await timetable.start_venue(brief, one)

    assert [line["event"] for line in lines].count("history backfilled") == 2


async def test_late_snapshots_get_into_the_bars_they_belong_to(program):
    """A batch that waited for a full disk is older than bars that were written meanwhile."""
    minute = timedelta(minutes=1)
    await stored(program, heard(3.0, 11 * minute))
    await timetable.build_bars(program)
    before = bars(program)

    await stored(program, heard(1.0, minute), heard(5.0, 14 * minute))
    await timetable.build_bars(program)

    assert before == [(10, 3.0, 3.0, 3.0, 1)]
    assert bars(program) == [(0, 1.0, 1.0, 1.0, 1), (10, 3.0, 5.0, 5.0, 2)]


async def test_bars_that_the_lake_refused_are_written_the_next_time(program):
    """Which snapshots came late is not forgotten over a full disk."""
    minute = timedelta(minutes=1)
    await stored(program, heard(3.0, 11 * minute))
    await timetable.build_bars(program)
    await stored(program, heard(1.0, minute))
    room = program.lake._session.reserve_bytes

    program.lake._session.reserve_bytes = 2**62
    await timetable.build_bars(program)
    refused = bars(program)
    program.lake._session.reserve_bytes = room
    await timetable.build_bars(program)

    assert refused == [(10, 3.0, 3.0, 3.0, 1)]
    assert bars(program) == [(0, 1.0, 1.0, 1.0, 1), *refused]


async def test_snapshots_of_long_ago_go_once_a_day_and_bars_stay(program):
    """As many days are kept as the setting says, and readers see it."""
    day = timedelta(days=1)
    await stored(program, *(heard(1.0, -days * day) for days in (92, 91, 90, 0)))
    old = pa.array([(NOON - 92 * day).replace(tzinfo=None)], arrow_schema("bars").field("ts").type)
    named = {"venue": ["okx"], "symbol": ["BTC/USDT:USDT"], "base": ["BTC"], "ts": old}
    counted = {"snapshot_count": pa.array([1], pa.int32()), "origin": ["live"]}
    program.lake.fill_bars(pa.table(named | counted | {"close": [1.0]}))
    (daily,) = (job for job in timetable.lake_jobs(program) if job.name == "days")

    await daily.run()

    assert daily.every == day
    reader = Reader(program.settings.data_dir)
    with reader.cursor() as cursor:
        kept = cursor.execute("select received_ts from snapshots order by 1").fetchall()
        assert cursor.execute("select count(*) from bars").fetchall() == [(1,)]
    reader.close()
    assert kept == [((NOON - days * day).replace(tzinfo=None),) for days in (90, 0)]


async def test_damage_is_looked_for_every_five_minutes_and_taken_out(program):
    """It is logged, told by /healthz, and readers go on without it."""
    minute = timedelta(minutes=1)
    for number in range(3):
        await stored(program, heard(float(number), number * minute))
    files = sorted(program.lake.layout.home("snapshots").rglob("*.parquet"))
    content = bytearray(files[1].read_bytes())
    content[len(content) // 3] ^= 1
    files[1].write_bytes(content)
    (check,) = (job for job in timetable.lake_jobs(program) if job.name == "check")

    with capture_logs() as lines:
        await check.run()
        await check.run()

    assert check.every == timedelta(minutes=5)
    (said,) = [line["what"] for line in lines if line["event"] == "damaged file quarantined"]
    assert f"1 rows of {files[1].name} are lost" in said
    assert health(program)["set_aside"] == [said]
    reader = Reader(program.settings.data_dir)
    with reader.cursor() as cursor:
        left = cursor.execute("select price from snapshots order by 1").fetchall()
    reader.close()
    assert left == [(0.0,), (2.0,)]


async def test_upkeep_goes_on_where_the_clock_is_not_believed(program):
    """No venue agreed with it: nothing is deleted, small files are merged all the same."""
    for days in (200, 199, 0):
        one = heard(1.0, -timedelta(days=days))
        await stored(program, replace(one, venue_ts=None))
    await stored(program, replace(heard(2.0, timedelta(minutes=1)), venue_ts=None))
    (daily,) = (job for job in timetable.lake_jobs(program) if job.name == "days")
    before = len(live_files(program))

    with capture_logs() as lines:
        await daily.run()

    (line,) = [line for line in lines if line["event"] == "old snapshots not deleted"]
    assert "no venue's time confirms it" in line["reason"]
    assert (before, len(live_files(program))) == (4, 3)
    with program.lake.cursor() as cursor:
        assert cursor.execute("select count(*) from snapshots").fetchall() == [(4,)]


def live_files(program):
    query = "select data_file from ducklake_list_files('lake', 'snapshots')"
    with program.lake.cursor() as cursor:
        return cursor.execute(query).fetchall()


async def test_each_setting_arrives_where_it_acts(program):
    """One that is read and handed to nobody would change nothing."""
    (one,) = program.venues

    every = {job.name: job.every for job in timetable.venue_jobs(program, one)}

    assert every == {
        "cycle okx": timedelta(seconds=60),
        "universe okx": timedelta(minutes=15),
        "long/short okx": timedelta(minutes=5),
        "history okx": timedelta(hours=1),
    }
    assert one.universe.top_n == 3
    assert one.budget._spacing_s == 1 / 50
    assert one._interval_s == 60
    for client in (one.client, program.histories["okx"]._client):
        assert client._timeout_s == 7
        assert client.exchange.timeout == 7000
    assert program.lake._session.reserve_bytes == 2**20
