"""Upkeep changes files and never rows, and readers do not notice it."""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import duckdb
import pyarrow.parquet as pq
import pytest

from analytics.errors import LakeError
from analytics.lake import catalog_file, maintenance
from analytics.lake.maintenance import GRACE, ORPHAN_AGE
from analytics.lake.records import Instrument
from analytics.lake.writer import Lake
from tests.waiting import HANG_S

NOON = datetime.fromisoformat("2026-03-01 12:00")
COUNT = "select count(*) from snapshots"
ALL = "select * from {} order by all"


def now():
    return datetime.now(UTC)


def files(lake, table="snapshots"):
    return sorted(lake.layout.home(table).rglob("*.parquet"))


@pytest.fixture(scope="module")
def filled_made(tmp_path_factory, snapshots, bars, cycle):
    """The folder that ``filled`` is a copy of."""
    folder = tmp_path_factory.mktemp("filled") / "lake"
    with Lake(folder) as lake:
        for number in range(10):
            at = NOON + timedelta(hours=11, minutes=55, seconds=60 * number)
            for venue in ("okx", "binance"):
                rows = snapshots(4, at, venue=venue, price=number / 7, flags=None)
                lake.append(("snapshots", rows), ("cycles", cycle(at, venue)))
        for open_ in (None, 1.0):
            for number in range(3):
                at = NOON + timedelta(days=31 * number)
                lake.fill_bars(bars({"symbol": "A", "open": open_}, {"symbol": "B"}, ts=at))
        lake.replace_instruments("okx", [instrument("A"), instrument("B")])
        lake.replace_instruments("okx", [instrument("A")])
    return folder


@pytest.fixture
def filled(filled_made, folder):
    """A lake with 10 cycles of two venues over a midnight, bars that were filled, and cycles."""
    shutil.copytree(filled_made, folder)
    with Lake(folder) as lake:
        yield lake


def instrument(symbol):
    return Instrument(
        venue="okx",
        symbol=symbol,
        venue_id=symbol,
        base=symbol,
        multiplier=1.0,
        contract_size=1.0,
        linear=True,
        quote="USDT",
        oi_unit="usd",
        in_universe=True,
        first_seen_ts=NOON,
        last_seen_ts=NOON,
    )


TABLES = ("snapshots", "bars", "cycles", "instruments")


@pytest.mark.parametrize("whole_days", [False, True])
def test_no_row_changes(filled, asked, whole_days):
    """Every table holds the same rows before and after, hour after hour."""
    before = [asked(filled, ALL.format(table)) for table in TABLES]

    for hours in range(4):
        filled.maintain(now() + timedelta(hours=hours), whole_days=whole_days)

        assert [asked(filled, ALL.format(table)) for table in TABLES] == before


def test_whole_days_become_one_sorted_file_each(filled, live_files):
    """One pair's history is one stretch of one file: by base, venue, symbol and time."""
    filled.maintain(now(), whole_days=True)
    filled.close()

    merged = sorted(live_files(filled.layout.folder))
    assert [path.parent.name for path in merged] == ["day=1", "day=2"]
    for path in merged:
        rows = pq.ParquetFile(path).read(["base", "venue", "symbol", "received_ts"]).to_pylist()
        keys = [tuple(row.values()) for row in rows]
        assert len(keys) == 40
        assert all(one < other for one, other in pairwise(keys))


def test_bars_of_a_month_become_one_sorted_file_without_deleted_rows(filled, live_files):
    """What was filled is written anew, so that queries do not look up deletions for ever."""
    filled.maintain(now(), whole_days=True)
    filled.close()

    assert live_files(filled.layout.folder, "bars", "delete") == []
    months = live_files(filled.layout.folder, "bars")
    assert sorted(path.parent.name for path in months) == ["month=3", "month=4", "month=5"]
    for path in months:
        bases = pq.ParquetFile(path).read(["symbol", "open"]).to_pylist()
        assert bases == [{"symbol": "A", "open": 1.0}, {"symbol": "B", "open": None}]


def test_the_hourly_merge_gathers_cycles_and_leaves_big_files_alone(
    filled, live_files, monkeypatch
):
    """An hour's files become one; what has grown to a size is not copied again every hour."""
    filled.maintain(now(), whole_days=False)
    (first, _) = files_of_days = live_files_of(filled)
    monkeypatch.setattr(maintenance, "SMALL_BYTES", first.stat().st_size - 1)
    filled.maintain(now(), whole_days=False)

    assert live_files_of(filled) == files_of_days


def live_files_of(lake):
    with lake.cursor() as cursor:
        names = cursor.execute(
            "select data_file from ducklake_list_files('lake', 'snapshots')"
        ).fetchall()
    return sorted(type(lake.layout.folder)(name) for (name,) in names)


def test_single_rows_move_from_the_catalog_into_a_file(filled, in_catalog):
    """Cycles do not pile up in the catalog, which is copied with every publish."""
    (kept,) = in_catalog(
        filled,
        "select kept.table_name from {0}.ducklake_inlined_data_tables as kept "
        "join {0}.ducklake_table as stored using (table_id) where stored.table_name = 'cycles'",
    )
    query = "select count(*) from {}." + kept[0]
    assert in_catalog(filled, query) == [(20,)]
    assert files(filled, "cycles") == []

    filled.maintain(now(), whole_days=False)

    assert in_catalog(filled, query) == [(0,)]
    assert len(files(filled, "cycles")) == 1


def test_replaced_files_stay_until_the_grace_is_over(filled, asked):
    """A reader may still be on a copy that names them; later nobody can be."""
    old = set(files(filled))
    filled.maintain(now(), whole_days=True)
    new = set(files(filled)) - old
    filled.maintain(now() + GRACE - timedelta(minutes=5), whole_days=True)
    assert set(files(filled)) == old | new

    filled.maintain(now() + GRACE + timedelta(minutes=5), whole_days=True)

    assert set(files(filled)) == new
    assert asked(filled, COUNT) == [(80,)]


def test_replaced_files_stay_while_what_is_published_names_them(filled, reader, asked):
    """When no publish follows a merge, for whatever reason, readers go on with the old files."""
    filled.publish()
    filled.maintain(now(), whole_days=True)
    for hours in range(1, 4):
        filled.maintain(now() + timedelta(hours=hours), whole_days=True)
    assert asked(reader, COUNT) == [(80,)]
    many = len(files(filled))

    filled.publish()
    later = now() + timedelta(hours=4)
    os.utime(filled.layout.public, 2 * (later.timestamp(),))
    filled.maintain(later, whole_days=True)

    assert len(files(filled)) == 2 < many
    assert asked(reader, COUNT) == [(80,)]


def test_old_versions_of_the_lake_are_forgotten(filled, in_catalog):
    """Every commit makes one; nothing asks for them once the grace is over."""
    query = "select count(*) from {}.ducklake_snapshot"
    assert in_catalog(filled, query) > [(30,)]

    filled.maintain(now() + 2 * GRACE, whole_days=True)

    assert in_catalog(filled, query) < [(15,)]


def test_readers_work_on_during_merges_and_publishes(filled, reader, asked):
    """A cursor keeps the state it was opened on, although its files were merged meanwhile."""
    filled.publish()
    with reader.cursor() as old:
        before = old.execute(ALL.format("snapshots")).fetchall()
        for whole_days in (False, True, True):
            filled.maintain(now() + GRACE / 2, whole_days=whole_days)
            filled.publish()
            assert old.execute(ALL.format("snapshots")).fetchall() == before
            assert asked(reader, ALL.format("snapshots")) == before
    assert asked(reader, ALL.format("snapshots")) == before


def test_orphans_go_after_a_day_and_not_before(filled, asked):
    """A file no catalog names may belong to a transaction under way, if it is young."""
    (known, *_) = files(filled)
    young, old = known.with_name("young.parquet"), known.with_name("old.parquet")
    for path, age in ((young, ORPHAN_AGE - timedelta(minutes=5)), (old, ORPHAN_AGE * 1.1)):
        path.write_bytes(known.read_bytes())
        os.utime(path, 2 * ((now() - age).timestamp(),))

    filled.maintain(now(), whole_days=False)

    assert (young.exists(), old.exists()) == (True, False)
    assert asked(filled, COUNT) == [(80,)]


@pytest.mark.parametrize(("hours", "stays"), [(0.1, True), (23, True), (25, False)])
def test_an_orphan_is_left_for_a_day(filled, hours, stays):
    """A day, whatever the constant says: a slow import or a suspended machine takes long."""
    (known, *_) = files(filled)
    orphan = known.with_name("orphan.parquet")
    orphan.write_bytes(known.read_bytes())
    os.utime(orphan, 2 * ((now() - timedelta(hours=hours)).timestamp(),))

    filled.maintain(now(), whole_days=False)

    assert orphan.exists() is stays


def test_live_files_stay_however_old_they_are(filled, asked):
    """Age alone is no reason to delete: a year-old day is still the record."""
    filled.maintain(now(), whole_days=True)
    filled.maintain(now() + GRACE * 2, whole_days=True)
    for path in files(filled):
        os.utime(path, (0, 0))

    for years in range(1, 4):
        filled.maintain(now() + timedelta(days=365 * years), whole_days=True)

    assert asked(filled, COUNT) == [(80,)]


@pytest.mark.parametrize(
    "lie",
    [
        "delete from snapshots where price > 1",
        "insert into snapshots select * from snapshots where price > 1",
        "update snapshots set symbol = 'X' where price > 1",
        "update snapshots set price = null where price > 1",
        "update snapshots set received_ts = received_ts + interval 1 millisecond",
    ],
)
def test_a_merge_that_would_change_rows_is_undone(filled, asked, monkeypatch, lie):
    """Rows lost, doubled or altered in any column are noticed before the commit."""
    before = asked(filled, ALL.format("snapshots"))
    known = set(filled.layout.data.rglob("*.parquet"))
    honest, steps, looks = maintenance.fingerprint, [merging_snapshots()], []

    def fingerprint(cursor, table, spans):
        if table == "snapshots" and looks:
            cursor.execute(lie)
        looks.append(table == "snapshots")
        return honest(cursor, table, spans)

    with monkeypatch.context() as patch:
        patch.setattr(maintenance, "steps", lambda **_: steps)
        patch.setattr(maintenance, "fingerprint", fingerprint)
        with pytest.raises(
            LakeError, match="maintenance of snapshots was rolled back, as it changed rows"
        ):
            filled.maintain(now(), whole_days=True)

    assert asked(filled, ALL.format("snapshots")) == before
    assert set(filled.layout.data.rglob("*.parquet")) == known
    filled.maintain(now(), whole_days=True)
    assert asked(filled, ALL.format("snapshots")) == before


def merging_snapshots():
    return next(
        step
        for step in list(maintenance.steps(whole_days=True))
        if step.table == "snapshots" and "merge" in step.call
    )


def test_the_guard_looks_at_every_row_that_is_merged(filled):
    """Its stretches of time span all rows of the files that a merge rewrites."""
    with filled.cursor() as cursor:
        spans = maintenance.spans(cursor, merging_snapshots())
        counted = sum(row[0] for row in maintenance.fingerprint(cursor, "snapshots", spans))
    assert counted == 80


def test_upkeep_that_has_nothing_to_do_commits_nothing(filled):
    """It does so every hour: each commit would be a line of the checksums and a sync."""
    filled.maintain(now(), whole_days=True)
    before = filled.layout.checksums.read_bytes()

    filled.maintain(now(), whole_days=True)

    assert filled.layout.checksums.read_bytes() == before


def test_upkeep_works_with_a_disk_that_is_nearly_full(filled, monkeypatch):
    """Freeing needs no room and comes first, so that it can make some."""
    filled.maintain(now(), whole_days=True)
    before = len(files(filled))
    monkeypatch.setattr(filled._session, "reserve_bytes", 2**62)

    with pytest.raises(LakeError, match="the disk is full"):
        filled.maintain(now() + 2 * GRACE, whole_days=True)

    assert len(files(filled)) < before


def test_the_catalog_keeps_nothing_that_was_deleted_from_it(filled, in_catalog, asked):
    """DuckDB keeps deleted rows of tables with a key, and each publish would look at them."""
    before = asked(filled, ALL.format("snapshots"))
    filled.maintain(now() + 2 * GRACE, whole_days=True)
    filled.maintain(now() + 4 * GRACE, whole_days=True)

    for table in ("ducklake_snapshot", "ducklake_snapshot_changes", "ducklake_data_file"):
        ((count, last),) = in_catalog(filled, "select count(*), max(rowid) from {}." + table)
        assert last == count - 1
    assert asked(filled, ALL.format("snapshots")) == before
    filled.close()
    with duckdb.connect(str(filled.layout.catalog), read_only=True) as compacted:
        keys = "select count(*) from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
        assert compacted.execute(keys).fetchall() == [(5,)]


def test_a_catalog_whose_copy_is_not_the_same_stays_as_it_is(filled, monkeypatch, asked, snapshots):
    """A row less in the copy is noticed, and nothing of it remains."""
    before = asked(filled, ALL.format("snapshots"))
    honest = catalog_file._copy_rows

    def copy_rows(source, target):
        honest(source, target)
        with duckdb.connect(str(target)) as fresh:
            fresh.execute("delete from ducklake_snapshot where snapshot_id = 5")

    with monkeypatch.context() as patch:
        patch.setattr(catalog_file, "_copy_rows", copy_rows)
        with pytest.raises(LakeError, match="the compacted copy differs"):
            filled.maintain(now(), whole_days=False)

    assert list(filled.layout.folder.glob("*.new*")) == []
    assert asked(filled, ALL.format("snapshots")) == before
    assert filled.append(("snapshots", snapshots(3, NOON))) == {"snapshots": 3}


def test_a_compacted_catalog_takes_a_log_like_any_other(filled, folder, snapshots, asked):
    """What is committed after it and not yet checkpointed is there after a crash."""
    filled.maintain(now(), whole_days=False)
    for number in range(3):
        filled.append(("snapshots", snapshots(1, NOON - timedelta(days=number + 1))))
        copy = folder.with_name(f"killed{number}")
        shutil.copytree(folder, copy)
        with Lake(copy) as killed:
            assert (killed.damaged, killed.recovered) == ([], 0)
            assert asked(killed, COUNT) == [(81 + number,)]
        filled.publish()


def test_the_catalog_does_not_grow_with_the_number_of_appends(lake, snapshots):
    """With hourly upkeep, a publish copies as much after a month as after a day."""
    sizes = []
    for hour in range(6):
        for number in range(20):
            at = NOON + timedelta(hours=hour, minutes=number)
            lake.append(("snapshots", snapshots(9, at)))
        lake.maintain(now() + timedelta(hours=2 * hour), whole_days=False)
        lake.publish()
        sizes.append(lake.layout.public.stat().st_size)

    assert max(sizes[3:]) <= 1.3 * max(sizes[:3])


def test_upkeep_that_would_take_for_ever_ends_when_it_is_told_to(filled, monkeypatch, asked):
    """The lake is what it was, and takes rows; upkeep stays stopped."""
    lake = filled
    begun, count = threading.Event(), asked(lake, "select count(*) from snapshots")

    def endless(cursor, step):
        begun.set()
        cursor.execute("select sum(a.range * b.range) from range(1000000000) a, range(1000) b")

    monkeypatch.setattr("analytics.lake.maintenance.run_step", endless)
    with ThreadPoolExecutor(1) as pool:
        upkeep = pool.submit(lake.maintain, datetime.now(UTC), whole_days=True)
        assert begun.wait(HANG_S)
        lake.stop_upkeep()
        with pytest.raises(LakeError, match="[Ii]nterrupt"):
            upkeep.result(HANG_S)

    monkeypatch.undo()
    assert asked(lake, "select count(*) from snapshots") == count
    with pytest.raises(LakeError, match="maintenance was stopped"):
        lake.maintain(datetime.now(UTC), whole_days=False)
