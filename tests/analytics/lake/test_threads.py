"""Several threads of one process on one lake."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from threading import Event

from analytics.lake.writer import Lake

NOON = datetime.fromisoformat("2026-03-01 12:00")
COUNT = "select count(*) from snapshots"


def together(*works):
    """Run *works* at the same time, a thread each; raise what any of them raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [done.result() for done in [pool.submit(work) for work in works]]


@contextmanager
def saying(done):
    """Set *done* in the end, also when the block fails: others wait for it."""
    try:
        yield
    finally:
        done.set()


def rounds(done):
    """Yield again and again until *done*, and once more after that."""
    is_last = False
    while not is_last:
        is_last = done.is_set()
        yield


def test_appends_fills_publishes_and_upkeep_take_turns(folder, lake, snapshots, bars, asked):
    """Whatever runs at once, every acknowledged row is there once."""

    def appending(venue):
        stored = [
            lake.append(("snapshots", snapshots(venue=venue, at=NOON + timedelta(minutes=minute))))
            for minute in range(15)
        ]
        assert stored == [{"snapshots": 3}] * 15

    def filling(column):
        lake.fill_bars(bars({"symbol": "A", column: 1.0}, {"symbol": "B", column: 2.0}))

    columns = ("open", "high", "low", "close", "mark")
    together(
        *(partial(appending, venue) for venue in ("a", "b", "c")),
        *(partial(filling, column) for column in columns),
        *(partial(lake.maintain, NOON, whole_days=whole_days) for whole_days in (False, True)),
        *[lake.publish] * 10,
    )

    lake.close()
    with Lake(folder) as again:
        assert again.damaged == []
        query = "select count(*), count(distinct (venue, symbol, received_ts)) from snapshots"
        assert asked(again, query) == [(135, 135)]
        query = f"select symbol, {', '.join(columns)} from bars order by symbol"
        assert asked(again, query) == [("A", 1, 1, 1, 1, 1), ("B", 2, 2, 2, 2, 2)]


def test_the_writers_own_reads_see_whole_commits(lake, snapshots):
    """A cursor of the lake has the lake to itself: no append or upkeep comes in between."""
    done = Event()

    def appending():
        with saying(done):
            for minute in range(20):
                at = NOON + timedelta(minutes=minute)
                two = (snapshots(venue=venue, at=at) for venue in ("a", "b"))
                lake.append(*(("snapshots", rows) for rows in two))
                if minute % 5 == 4:
                    lake.maintain(NOON, whole_days=True)

    def reading():
        seen = []
        for _ in rounds(done):
            with lake.cursor() as cursor:
                seen += cursor.execute(COUNT).fetchall()
                assert cursor.execute(COUNT).fetchall() == seen[-1:]
        return [count for (count,) in seen]

    _, *seen = together(appending, reading, reading)

    for counts in seen:
        assert counts == sorted(counts)
        assert counts[-1] == 20 * 6
        assert {count % 6 for count in counts} == {0}


def test_a_reader_serves_eight_threads_while_publishes_go_on(lake, reader, snapshots):
    """Each question is answered from one complete state, and states only move on."""
    rows = 300
    lake.append(("snapshots", snapshots(rows)))
    lake.publish()
    done = Event()

    def writing():
        with saying(done):
            for minute in range(1, 25):
                lake.append(("snapshots", snapshots(rows, NOON + timedelta(minutes=minute))))
                lake.publish()

    def reading():
        newest = 0
        for _ in rounds(done):
            with reader.cursor() as cursor:
                known = cursor.execute("select symbol, received_ts from snapshots").fetchall()
                again = cursor.execute(COUNT).fetchall()
            assert len(known) % rows == 0
            assert again == [(len(known),)]
            assert len(known) >= newest
            newest = len(known)
        return newest

    _, *newest = together(writing, *[reading] * 8)

    assert newest == [25 * rows] * 8
    assert len(reader._copies) == 1
    assert reader._copies[0].users == 0
