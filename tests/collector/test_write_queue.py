"""The write queue: a batch leaves it only when the lake has it."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from analytics.errors import LakeError
from analytics.lake.records import Snapshot
from analytics.lake.writer import Lake
from collector.runtime.backoff import Backoff
from collector.service import write_queue as module
from collector.service.write_queue import WriteQueue
from tests.waiting import HANG_S

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def batch(minute: int) -> list[Snapshot]:
    """One snapshot, received *minute* minutes past noon."""
    received = NOON + timedelta(minutes=minute)
    return [
        Snapshot(
            venue="binance", symbol="BTC/USDT:USDT", base="BTC", received_ts=received, price=1.0
        )
    ]


@pytest.fixture
def lake(tmp_path):
    with Lake(tmp_path) as opened:
        yield opened


@pytest.fixture
async def write_queue(lake):
    taking = WriteQueue(lake)
    task = asyncio.create_task(taking.run())
    yield taking
    task.cancel()
    await asyncio.wait([task])


def minutes_stored(lake) -> list[int]:
    with lake.cursor() as cursor:
        rows = cursor.execute("select minute(received_ts) from snapshots order by 1").fetchall()
    return [minute for (minute,) in rows]


async def test_stores_every_batch_and_publishes(write_queue, lake):
    """What finish() vouches for is in the lake and visible to readers."""
    for minute in range(5):
        write_queue.put(batch(minute))

    assert await write_queue.finish(HANG_S)
    assert minutes_stored(lake) == [0, 1, 2, 3, 4]
    assert lake.layout.public.exists()
    assert (write_queue.waiting, write_queue.rows_stored) == (0, 5)


async def test_begun_anew_it_goes_on_with_what_waits(lake, tasks, monkeypatch):
    """Killed while the lake takes a batch: that is stored once, though no other comes after it."""
    queue, began, released = WriteQueue(lake), threading.Event(), threading.Event()
    append = lake.append_records

    def slow(records):
        began.set()
        released.wait(HANG_S)
        return append(records)

    monkeypatch.setattr(lake, "append_records", slow)
    storing = tasks.start("storing", queue.run)
    queue.put(batch(0))
    assert await asyncio.to_thread(began.wait, 60)
    (task,) = [one for one in asyncio.all_tasks() if one.get_name() == "storing"]
    task.cancel()
    while not (tasks.troubles() and storing.is_running):
        await asyncio.sleep(0)
    released.set()

    assert await queue.finish(HANG_S)
    assert (minutes_stored(lake), queue.waiting) == ([0], 0)


async def test_keeps_batches_while_the_lake_refuses_and_stores_them_once_it_takes_rows_again(
    write_queue, lake, monkeypatch
):
    """A full disk for a minute costs no row."""
    monkeypatch.setattr(module, "RETRY", Backoff(0.01, 0.01))
    refusals = iter([LakeError("the disk is full"), LakeError("the disk is full")])
    append = lake.append_records

    def refusing_twice(records):
        if (refusal := next(refusals, None)) is not None:
            raise refusal
        return append(records)

    monkeypatch.setattr(lake, "append_records", refusing_twice)
    write_queue.put(batch(0))
    await asyncio.sleep(0)
    write_queue.put(batch(1))

    assert await write_queue.finish(HANG_S)
    assert minutes_stored(lake) == [0, 1]
    assert write_queue.fault is None


async def test_says_why_the_lake_refuses_and_drops_only_beyond_its_bound(
    write_queue, lake, monkeypatch
):
    """Memory is bounded; what is lost is counted."""
    monkeypatch.setattr(module, "MAX_QUEUE", 2)

    def refuse(_records):
        raise LakeError("the disk is full")

    monkeypatch.setattr(lake, "append_records", refuse)
    for minute in range(3):
        write_queue.put(batch(minute))
    while write_queue.fault is None:
        await asyncio.sleep(0.001)

    assert not await write_queue.finish(0.05)
    assert (write_queue.waiting, write_queue.dropped) == (2, 1)
    assert "disk is full" in str(write_queue.fault)


async def test_a_batch_that_no_lake_would_take_holds_up_no_other(write_queue, lake, monkeypatch):
    """A bug costs its own batch, counted and logged, and the task goes on."""
    append = lake.append_records

    def stumbling(records):
        if any(record.received_ts.minute == 1 for record in records):
            raise TypeError("not a number")
        return append(records)

    monkeypatch.setattr(lake, "append_records", stumbling)
    for minute in range(4):
        write_queue.put(batch(minute))

    assert await write_queue.finish(HANG_S)
    assert minutes_stored(lake) == [0, 2, 3]
    assert write_queue.dropped == 1


async def test_a_finish_does_not_sleep_through_its_patience(write_queue, lake, monkeypatch):
    """A lake that refused a moment ago is tried again before we stop."""
    monkeypatch.setattr(module, "RETRY", Backoff(3600, 3600))
    refusals = iter([LakeError("busy"), LakeError("busy")])
    append = lake.append_records

    def refusing_twice(records):
        if (refusal := next(refusals, None)) is not None:
            raise refusal
        return append(records)

    monkeypatch.setattr(lake, "append_records", refusing_twice)
    write_queue.put(batch(0))

    assert await write_queue.finish(HANG_S)
    assert minutes_stored(lake) == [0]
