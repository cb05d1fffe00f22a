"""Damaged files are set aside with a note, and everything else goes on."""

from __future__ import annotations

import os
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics.errors import LakeError
from analytics.lake import schema
from analytics.lake.check import quarantine_notes
from analytics.lake.records import Instrument
from analytics.lake.writer import Lake

NOON = datetime.fromisoformat("2026-03-01 12:00")
COUNT = "select count(*) from snapshots"
LATER = datetime.now(UTC) + timedelta(hours=3)

DAMAGES = {
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "zero bytes": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "wrong head": lambda path: overwritten(path, 0, b"XXXX"),
    "wrong tail": lambda path: overwritten(path, -4, b"XXXX"),
    "never written": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "wrong footer": lambda path: overwritten(path, -8, b"\0\0\0\0"),
}


def overwritten(path, position, new):
    content = bytearray(path.read_bytes())
    content[position : position + len(new) or None] = new
    path.write_bytes(content)


def noise(size):
    """Return bytes without any order, the same in every run."""
    return random.Random(20260301).randbytes(size)


def minutes(number):
    return NOON + timedelta(minutes=number)


@pytest.fixture(params=DAMAGES)
def damage(request):
    return DAMAGES[request.param]


@pytest.fixture(scope="module")
def five_files_made(tmp_path_factory, snapshots, bars, cycle):
    """What ``five_files`` is a copy of."""
    folder = tmp_path_factory.mktemp("five") / "lake"
    with Lake(folder) as lake:
        for at in (NOON, minutes(1), NOON + timedelta(days=1)):
            lake.append(("snapshots", snapshots(at=at, price=1.0)), ("cycles", cycle(at)))
        lake.append(("bars", bars()))
        lake.publish()
    return folder


@pytest.fixture
def five_files(five_files_made, folder):
    """A closed, published lake: three files of snapshots on two days, one of bars, and cycles."""
    return shutil.copytree(five_files_made, folder)


def test_a_damaged_file_costs_its_own_rows_alone(five_files, damage, live_files, asked, reader):
    """It is set aside with a note; all other rows are read, counted and published."""
    broken = live_files(five_files)[1]
    damage(broken)
    left = broken.exists()

    with Lake(five_files) as lake:
        (note,) = lake.damaged
        assert note.startswith(f"snapshots: 3 rows of {broken.name} are lost: the file ")
        lake.publish()
        for source in (lake, reader):
            assert asked(source, COUNT) == [(6,)]
            assert asked(source, "select count(price), max(received_ts) from snapshots") == [
                (6, NOON + timedelta(days=1))
            ]
            assert asked(source, "select (select count(*) from bars), count(*) from cycles") == [
                (1, 3)
            ]
    assert [past["what"] for past in quarantine_notes(five_files)] == [note]
    assert [path.name.endswith(broken.name) for path in aside(five_files)] == [True] * left
    assert not broken.exists()


def aside(folder):
    return [path for path in (folder / "set-aside").iterdir() if path.suffix != ".json"]


def test_rows_lost_to_damage_can_be_appended_again(five_files, snapshots, live_files, asked):
    """The hole is a hole: what fills it is stored like any new row, and all upkeep works."""
    live_files(five_files)[1].write_bytes(b"")

    with Lake(five_files) as lake:
        again = lake.append(("snapshots", snapshots(at=minutes(1))))
        lake.append(("snapshots", snapshots(at=minutes(2))))
        for hours in range(0, 9, 3):
            lake.maintain(LATER + timedelta(hours=hours), whole_days=True)

        assert again == {"snapshots": 3}
        query = "select count(*), count(distinct (symbol, received_ts)) from snapshots"
        assert asked(lake, query) == [(12, 12)]


def test_every_file_of_a_table_may_be_damaged(five_files, live_files, snapshots, asked):
    """A table without files is empty, not broken."""
    for path in live_files(five_files):
        path.unlink()

    with Lake(five_files) as lake:
        assert len(lake.damaged) == 3
        assert asked(lake, COUNT) == [(0,)]
        assert asked(lake, "select max(received_ts) from snapshots") == [(None,)]
        assert lake.append(("snapshots", snapshots())) == {"snapshots": 3}


def test_damage_is_reported_once_and_remembered(five_files, live_files):
    """The next start has nothing to say; the notes of all starts stay, oldest first."""
    first, second, _ = live_files(five_files)
    first.write_bytes(b"")
    Lake(five_files).close()
    with Lake(five_files) as quiet:
        assert quiet.damaged == []
    second.write_bytes(b"")
    Lake(five_files).close()

    notes = quarantine_notes(five_files)

    assert [path.name in note["what"] for path, note in zip((first, second), notes, strict=True)]
    assert notes[0]["set_aside_at"] < notes[1]["set_aside_at"]


def test_a_lake_without_damage_has_no_notes(five_files):
    """Nothing set aside is an empty list, also where there is no lake at all."""
    with Lake(five_files) as lake:
        assert (lake.damaged, lake.recovered) == ([], 0)
    assert quarantine_notes(five_files) == []
    assert quarantine_notes(five_files / "nowhere") == []


def test_the_catalog_forgets_a_damaged_file_wholly(five_files, live_files):
    """No table of the catalog speaks of it any more, and numbers of rows are never used again."""
    tables = "select table_name from duckdb_columns() where column_name = 'data_file_id'"
    broken = live_files(five_files)[1]
    with duckdb.connect(str(five_files / "catalog.duckdb")) as catalog:
        ((number,),) = catalog.execute(
            f"select data_file_id from ducklake_data_file where path like '%{broken.name}'"
        ).fetchall()
        before = next_row(catalog)
    broken.unlink()

    Lake(five_files).close()

    with duckdb.connect(str(five_files / "catalog.duckdb")) as catalog:
        names = {name for (name,) in catalog.execute(tables).fetchall()}
        assert {"ducklake_file_column_stats", "ducklake_file_partition_value"} <= names
        for name in names:
            query = f"select count(*) from {name} where data_file_id = {number}"
            assert catalog.execute(query).fetchall() == [(0,)]
        assert next_row(catalog) == before


def next_row(catalog):
    return catalog.execute(
        "select next_row_id from ducklake_table_stats as stats "
        "join ducklake_table as stored using (table_id) where stored.table_name = 'snapshots'"
    ).fetchall()


def test_no_minimum_or_maximum_outlives_its_row(five_files, live_files, asked, reader):
    """DuckLake answers such questions from statistics where it can; here it must look."""
    first, _, last = live_files(five_files)
    query = "select min(received_ts), max(received_ts) from snapshots"
    last.unlink()
    with Lake(five_files) as lake:
        assert asked(lake, query) == [(NOON, minutes(1))]
    first.unlink()
    with Lake(five_files) as lake:
        for hours in range(0, 9, 3):
            assert asked(lake, query) == [(minutes(1), minutes(1))]
            lake.publish()
            assert asked(reader, query) == [(minutes(1), minutes(1))]
            lake.maintain(LATER + timedelta(hours=hours), whole_days=True)


@pytest.fixture(scope="module")
def merged_made(five_files_made, tmp_path_factory):
    """A lake whose files of snapshots are merged, and which of them no version needs any more."""
    folder = shutil.copytree(five_files_made, tmp_path_factory.mktemp("merged") / "lake")
    with Lake(folder) as lake:
        old = set(lake.layout.home("snapshots").rglob("*.parquet"))
        lake.maintain(datetime.now(UTC), whole_days=True)
        merged = set(lake.layout.home("snapshots").rglob("*.parquet")) - old
        assert len(merged) == 1
        lake.publish()
    # Of the three, one was alone on its day and is still live.
    return folder, [path.relative_to(folder) for path in sorted(old)[:2]]


def test_damage_to_files_only_old_versions_name_does_not_matter(merged_made, folder, damage, asked):
    """Once merged, the small files are nobody's; readers and upkeep go on without them."""
    made, old = merged_made
    shutil.copytree(made, folder)
    for path in old:
        damage(folder / path)

    with Lake(folder) as lake:
        assert lake.damaged == []
        assert asked(lake, COUNT) == [(9,)]
        for hours in range(0, 9, 3):
            lake.maintain(LATER + timedelta(hours=hours), whole_days=True)
        assert asked(lake, COUNT) == [(9,)]


def test_a_damaged_merge_falls_back_on_the_files_it_replaced(five_files, live_files, asked):
    """Within the grace the old files are still there, so not a row is lost."""
    with Lake(five_files) as lake:
        lake.maintain(datetime.now(UTC), whole_days=True)
        merged = max(
            lake.layout.home("snapshots").rglob("*.parquet"), key=lambda p: p.stat().st_mtime
        )
    merged.write_bytes(b"")

    with Lake(five_files) as lake:
        assert len(lake.damaged) == 1
        assert asked(lake, COUNT) == [(9,)]


def test_damaged_bars_fall_back_on_the_files_they_were_rewritten_from(folder, bars, asked):
    """Also where those hold a bar twice, before and after it was filled."""
    with Lake(folder) as lake:
        lake.append(("bars", bars({"symbol": "A"}, {"symbol": "B"}, open=1.0)))
        lake.fill_bars(bars(symbol="A", close=2.0))
        old = set(lake.layout.home("bars").rglob("*.parquet"))
        lake.maintain(datetime.now(UTC), whole_days=True)
        new = set(lake.layout.home("bars").rglob("*.parquet")) - old
    for path in new:
        path.unlink()

    with Lake(folder) as lake:
        assert len(lake.damaged) == 1
        assert asked(lake, "select symbol, open, close from bars order by all") == [
            ("A", 1.0, 2.0),
            ("B", 1.0, None),
        ]


def test_bars_filled_are_not_doubled_when_their_deletions_are_lost(folder, bars, live_files, asked):
    """Of a bar and the fuller one that replaced it, the fuller one stays."""
    with Lake(folder) as lake:
        lake.append(("bars", bars({"symbol": "A"}, {"symbol": "B"}, open=1.0)))
        lake.fill_bars(bars(symbol="A", close=2.0))
        lake.fill_bars(bars(symbol="A", high=3.0))
    (deletions,) = live_files(folder, "bars", "delete")
    deletions.write_bytes(b"")

    with Lake(folder) as lake:
        assert "deletions of" in lake.damaged[0]
        assert asked(lake, "select symbol, open, close, high from bars order by all") == [
            ("A", 1.0, 2.0, 3.0),
            ("B", 1.0, None, None),
        ]
        lake.maintain(LATER, whole_days=True)
        assert asked(lake, "select count(*) from bars") == [(2,)]
    with Lake(folder) as lake:
        assert lake.damaged == []


def test_instruments_are_not_doubled_when_their_deletions_are_lost(folder, live_files, asked):
    """The contract as it was described last stays."""
    with Lake(folder) as lake:
        lake.replace_instruments("binance", [instrument("A", 1.0), instrument("B", 1.0)])
        lake.replace_instruments("okx", [instrument("A", 1.0, "okx")])
        lake.maintain(LATER, whole_days=True)
        lake.replace_instruments("binance", [instrument("A", 2.0), instrument("B", 2.0)])
    (deletions,) = live_files(folder, "instruments", "delete")
    deletions.unlink()

    with Lake(folder) as lake:
        assert asked(lake, "select venue, symbol, multiplier from instruments order by all") == [
            ("binance", "A", 2.0),
            ("binance", "B", 2.0),
            ("okx", "A", 1.0),
        ]


def instrument(symbol, multiplier, venue="binance"):
    times = dict.fromkeys(("first_seen_ts", "last_seen_ts"), NOON)
    words = dict.fromkeys(("symbol", "venue_id", "base"), symbol)
    return Instrument(
        venue=venue,
        multiplier=multiplier,
        contract_size=1.0,
        linear=True,
        quote="USDT",
        oi_unit="contracts",
        in_universe=True,
        **words,
        **times,
    )


CATALOG_DAMAGES = {
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "one byte short": lambda path: os.truncate(path, path.stat().st_size - 1),
    "zero bytes": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "not a database": lambda path: overwritten(path, 0, b"X" * 4096),
    "all blocks overwritten": lambda path: overwritten(
        path, 12_288, noise(path.stat().st_size - 12_288)
    ),
}


@pytest.fixture(scope="module")
def appended_made(five_files_made, tmp_path_factory, snapshots):
    """A lake that was appended to after its last publish."""
    folder = shutil.copytree(five_files_made, tmp_path_factory.mktemp("appended") / "lake")
    with Lake(folder) as lake:
        lake.append(("snapshots", snapshots(at=minutes(5))))
    return folder


@pytest.mark.parametrize("broken", CATALOG_DAMAGES)
def test_a_damaged_catalog_is_replaced_by_the_published_copy(
    appended_made, folder, broken, asked, snapshots
):
    """Nothing is lost by it: rows committed after the publish are found in their files."""
    shutil.copytree(appended_made, folder)
    CATALOG_DAMAGES[broken](folder / "catalog.duckdb")

    with Lake(folder) as lake:
        (note,) = lake.damaged
        assert note.startswith("catalog: it is ")
        assert "the last published copy replaced it" in note
        assert lake.recovered == 3
        assert asked(lake, f"select ({COUNT}), (select count(*) from cycles)") == [(12, 3)]
        assert lake.append(("snapshots", snapshots(at=minutes(6)))) == {"snapshots": 3}
    assert [past["what"] for past in quarantine_notes(folder)] == [note]
    with Lake(folder) as lake:
        assert (lake.damaged, lake.recovered) == ([], 0)


def test_a_catalog_that_vanishes_while_it_is_written_is_no_empty_lake(five_files, snapshots, asked):
    """Nothing is stored or published in its place; a restart restores it."""
    with Lake(five_files) as lake:
        lake.layout.catalog.unlink()
        lake._session.close()
        published = lake.layout.public.read_bytes()
        for work in (lambda: lake.append(("snapshots", snapshots(at=minutes(9)))), lake.publish):
            with pytest.raises(LakeError, match="missing; restart to restore it"):
                work()
        assert lake.layout.public.read_bytes() == published
        assert not lake.layout.catalog.exists()

    with Lake(five_files) as again:
        assert asked(again, COUNT) == [(9,)]


WAL_DAMAGES = {
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "missing": lambda path: path.unlink(),
    "zero bytes": lambda path: path.write_bytes(b""),
    "zeros at its end": lambda path: overwritten(path, path.stat().st_size // 2, bytes(2000)),
    "flipped at its start": lambda path: overwritten(path, 60, b"\xff\xff\xff"),
    "flipped in the middle": lambda path: overwritten(path, path.stat().st_size // 2, b"\xff" * 9),
    "not a log": lambda path: path.write_bytes(noise(path.stat().st_size)),
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory, snapshots, bars):
    """The folder of a lake whose writer was killed, with a log of commits since its publish."""
    folder = tmp_path_factory.mktemp("killed")
    with Lake(folder / "lake") as lake:
        lake.append(("bars", bars(open=1.0)))
        lake.publish()
        for minute in range(5):
            lake.append(("snapshots", snapshots(at=minutes(minute))))
        lake.fill_bars(bars(close=2.0))
        return shutil.copytree(folder / "lake", folder / "killed")


@pytest.mark.parametrize("broken", WAL_DAMAGES)
def test_a_damaged_log_of_the_catalog_loses_no_row_of_a_file(
    killed, folder, broken, snapshots, asked
):
    """DuckDB drops what follows the damage, or refuses to open: the rows are recovered."""
    shutil.copytree(killed, folder)
    WAL_DAMAGES[broken](folder / "catalog.duckdb.wal")

    with Lake(folder) as again:
        assert asked(again, COUNT) == [(15,)]
        assert asked(again, "select open, close from bars") == [(1.0, 2.0)]
        assert again.append(("snapshots", snapshots(at=minutes(9)))) == {"snapshots": 3}
        again.maintain(LATER, whole_days=True)
        assert asked(again, COUNT) == [(18,)]


def test_a_catalog_from_yesterdays_backup_gets_the_newer_rows(folder, snapshots, asked):
    """Files the catalog does not know are rows it lost, unless an upkeep put them elsewhere."""
    with Lake(folder) as lake:
        lake.append(("snapshots", snapshots()))
        lake.publish()
        backup = lake.layout.catalog.read_bytes()
        for minute in range(1, 5):
            lake.append(("snapshots", snapshots(at=minutes(minute))))
        lake.maintain(datetime.now(UTC), whole_days=True)
    lake.layout.catalog.write_bytes(backup)
    lake.layout.catalog_wal.unlink(missing_ok=True)

    with Lake(folder) as again:
        assert again.recovered == 12
        query = "select count(*), count(distinct (symbol, received_ts)) from snapshots"
        assert asked(again, query) == [(15, 15)]


def test_a_half_written_file_no_catalog_names_is_no_obstacle(lake, folder, snapshots, asked):
    """A crash leaves such files; they hold nothing that was ever acknowledged."""
    lake.append(("snapshots", snapshots()))
    lake.close()
    good = next(lake.layout.data.rglob("*.parquet"))
    good.with_name("half.parquet").write_bytes(good.read_bytes()[:500])
    good.with_name("none.parquet").touch()

    with Lake(folder) as again:
        assert (again.damaged, again.recovered) == ([], 0)
        assert asked(again, COUNT) == [(3,)]


def test_with_no_catalog_left_the_files_are_kept_and_the_start_refused(five_files):
    """A new catalog would treat them as rubbish a day later; the error says what to do."""
    (five_files / "catalog.duckdb").write_bytes(b"")
    (five_files / "public.ducklake").write_bytes(b"")
    files = set(five_files.rglob("*"))

    with pytest.raises(LakeError, match="restore both from a backup"):
        Lake(five_files)

    assert set(five_files.rglob("*")) == files


def test_a_first_start_that_was_cut_short_is_begun_again(folder, asked):
    """A lake without rows and with a catalog that never came to be is a new lake."""
    folder.mkdir()
    (folder / "catalog.duckdb").write_bytes(b"")

    with Lake(folder) as lake:
        assert "an empty lake was started" in lake.damaged[0]
        assert lake.info()["schema_version"] == str(schema.VERSION)


@pytest.mark.parametrize("statement", ["set_option", "insert into lake_info"])
def test_a_first_start_that_stopped_between_its_commits_is_completed(
    folder, monkeypatch, statement
):
    """Tables without the facts about them are a lake in the making."""
    written = []

    def stop(cursor, origin):
        written.append(origin)
        if statement != "set_option":
            cursor.execute("call lake.set_option('data_inlining_row_limit', 7)")
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("analytics.lake.identity._write_info", stop)
        with pytest.raises(LakeError):
            Lake(folder, origin="simulator")

    with Lake(folder, origin="simulator") as lake:
        assert written == ["simulator"]
        assert lake.info() == {"schema_version": str(schema.VERSION), "origin": "simulator"}


def test_a_note_is_on_the_disk_before_anything_moves(five_files, live_files, monkeypatch):
    """A power cut between the two leaves a note too many, and no file that nobody speaks of."""
    broken = live_files(five_files)[1]
    broken.write_bytes(b"")
    order, real_sync, real_rename = [], os.fsync, Path.rename

    def fsync(descriptor):
        real_sync(descriptor)
        order.append(os.fstat(descriptor).st_ino)

    def rename(path, target):
        if path == broken:
            (note,) = (five_files / "set-aside").glob("*.json")
            order.append(("moves", note.stat().st_ino, note.parent.stat().st_ino))
        return real_rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    Lake(five_files).close()

    moved = next(place for place, what in enumerate(order) if isinstance(what, tuple))
    _, note, folder = order[moved]
    assert note in order[:moved]
    assert folder in order[order.index(note) : moved]


@pytest.mark.parametrize("content", [b"", b'{"set_aside_at": "2026', b"[1]", b"{}", b"\xff\xfe"])
def test_a_note_that_cannot_be_read_is_named_and_hides_no_other(five_files, live_files, content):
    """One that a kill or a full disk cut short, of before notes came whole or not at all."""
    live_files(five_files)[1].unlink()
    Lake(five_files).close()
    (five_files / "set-aside" / "20250101T000000.json").write_bytes(content)
    (five_files / "set-aside" / "20250102T000000.json.new").write_bytes(content)

    first, second = quarantine_notes(five_files)

    assert "20250101T000000.json cannot be read" in first["what"]
    assert "are lost: the file is missing" in second["what"]


def test_what_cannot_be_taken_in_is_not_called_set_aside(five_files, live_files):
    """It stays where it is, and no note says otherwise."""
    stray = live_files(five_files)[1].with_name("stray.parquet")
    pq.write_table(pa.table({"venue": [1], "symbol": [2.5]}), stray)

    with Lake(five_files) as lake:
        assert lake.damaged == []
        (left,) = lake.unrecovered
    assert left.startswith("snapshots: rows of stray.parquet cannot be recovered")
    assert stray.exists()
    assert quarantine_notes(five_files) == []
