"""Damage inside a file, of which its size and footer say nothing, is found and set aside."""

from __future__ import annotations

import hashlib
import shutil
import struct
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

import perpscope
from analytics import query
from analytics.errors import LakeError
from analytics.lake.check import quarantine_notes
from analytics.lake.checksums import Checksums
from analytics.lake.layout import Layout
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake

NOON = datetime.fromisoformat("2026-03-01 12:00")
LATER = datetime.now(UTC) + timedelta(hours=3)
COUNT = "select count(*), sum(price) from snapshots"
ALL = 2**40
PRICE = 1234.5678


def minutes(number):
    return NOON + timedelta(minutes=number)


@pytest.fixture(scope="module")
def four_files_made(tmp_path_factory, snapshots, bars):
    """What ``four_files`` is a copy of."""
    folder = tmp_path_factory.mktemp("four") / "lake"
    with Lake(folder) as lake:
        for number in range(3):
            at = minutes(number)
            lake.append(("snapshots", snapshots(40, at=at, price=PRICE, mark=1.0 * number)))
        lake.append(("bars", bars(close=1.0)))
        lake.publish()
    return folder


@pytest.fixture
def four_files(four_files_made, folder):
    """A closed, published lake: three files of 40 snapshots of one day, and one of a bar."""
    return shutil.copytree(four_files_made, folder)


def flip(path):
    """Change one bit of a price: DuckDB reads another price and says nothing."""
    content = bytearray(path.read_bytes())
    position = content.find(struct.pack("<d", PRICE))
    assert position > 0
    content[position + 3] ^= 1
    path.write_bytes(content)


def overwrite(path):
    """Write noise over all pages; size, head and footer are as they were."""
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    noise = (hashlib.sha256(bytes([number % 256])).digest() for number in range(len(content)))
    pages = b"".join(noise)[: len(content) - footer - 4]
    path.write_bytes(content[:4] + pages + content[-footer:])


def garble(path):
    """Write nonsense where each page says what it is: of this, DuckDB's errors name no kind."""
    with pq.ParquetFile(path) as file:
        group = file.metadata.row_group(0)
        columns = [group.column(number) for number in range(group.num_columns)]
        starts = [
            one.dictionary_page_offset if one.has_dictionary_page else one.data_page_offset
            for one in columns
        ]
    content = bytearray(path.read_bytes())
    for start in starts:
        content[start : start + 8] = b"\x0f" * 8
    path.write_bytes(content)


@pytest.fixture(params=[flip, overwrite], ids=["a bit", "all pages"])
def damage(request):
    return request.param


def test_a_start_looks_into_what_is_new(four_files, damage, live_files, asked, reader):
    """The file is set aside with a note; the others are read, counted, published and merged."""
    broken = live_files(four_files)[1]
    damage(broken)

    with Lake(four_files) as lake:
        (note,) = lake.damaged
        assert note.startswith(f"snapshots: 40 rows of {broken.name} are lost: the file ")
        for hours in range(0, 9, 3):
            lake.maintain(LATER + timedelta(hours=hours), whole_days=True)
        lake.publish()
        for source in (lake, reader):
            assert asked(source, COUNT) == [(80, pytest.approx(80 * PRICE))]
            assert asked(source, "select count(close) from bars") == [(1,)]
    assert [past["what"] for past in quarantine_notes(four_files)] == [note]
    assert not broken.exists()
    with Lake(four_files) as lake:
        assert lake.damaged == []


def test_a_check_finds_the_rest_while_the_lake_is_open(
    four_files, damage, live_files, asked, reader, snapshots
):
    """Readers see the state without it at once; the rows can be appended again."""
    Lake(four_files).close()
    broken = live_files(four_files)[1]
    with Lake(four_files) as lake:
        assert lake.check_files(ALL) == []
        damage(broken)

        (note,) = lake.check_files(ALL)

        assert f"40 rows of {broken.name} are lost" in note
        assert lake.damaged == [note]
        assert lake.check_files(ALL) == []
        assert asked(reader, COUNT) == [(80, pytest.approx(80 * PRICE))]
        again = snapshots(40, at=minutes(1), price=PRICE)
        assert lake.append(("snapshots", again)) == {"snapshots": 40}
        assert asked(lake, COUNT) == [(120, pytest.approx(120 * PRICE))]


def test_a_check_is_bounded_and_comes_round_to_every_file(four_files, live_files):
    """One file a time, where no more is allowed; each has its turn before one has its second."""
    Lake(four_files).close()
    for path in live_files(four_files):
        flip(path)

    with Lake(four_files) as lake:
        assert lake.damaged == []
        found = [len(lake.check_files(1)) for _ in range(4)]

    assert (sum(found), max(found)) == (3, 1)


def test_a_check_ends_when_upkeep_is_stopped(four_files, live_files):
    """Who stops a collector does not wait for a lake to be read."""
    Lake(four_files).close()
    flip(live_files(four_files)[0])

    with Lake(four_files) as lake:
        lake.stop_upkeep()
        assert lake.check_files(ALL) == []


def test_a_merge_gives_damage_no_good_checksum(four_files, damage, live_files, asked):
    """What would be merged is looked into first; the rest is merged."""
    with Lake(four_files) as lake:
        lake.publish()
        broken = live_files_of(lake)[1]
        damage(broken)

        lake.maintain(LATER, whole_days=True)

        assert len(lake.damaged) == 1
        assert asked(lake, COUNT) == [(80, pytest.approx(80 * PRICE))]
        assert len(live_files_of(lake)) == 1
        lake.maintain(LATER, whole_days=True)
        assert len(lake.damaged) == 1


def live_files_of(lake):
    query = "select data_file from ducklake_list_files('lake', 'snapshots') order by 1"
    with lake.cursor() as cursor:
        return [type(lake.layout.folder)(name) for (name,) in cursor.execute(query).fetchall()]


def test_a_live_file_that_is_gone_does_not_stop_merges_for_ever(four_files, asked):
    """It is taken out like one that is damaged."""
    with Lake(four_files) as lake:
        live_files_of(lake)[0].unlink()

        lake.maintain(LATER, whole_days=True)

        assert "the file is missing" in lake.damaged[0]
        assert asked(lake, COUNT) == [(80, pytest.approx(80 * PRICE))]


@pytest.mark.parametrize("damage", [overwrite, garble], ids=["all pages", "heads of pages"])
def test_a_reader_names_the_file(four_files, damage, live_files, reader, monkeypatch, capsys):
    """As an error of the lake, not of the question; the command line ends with 4."""
    Lake(four_files).close()
    broken = live_files(four_files)[2]
    damage(broken)

    with pytest.raises(LakeError, match=broken.name), reader.cursor() as cursor:
        query.table(cursor, "pairs", now=utc(minutes(3)), since=utc(minutes(-3)), span_s=300)

    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(four_files))
    asked = ["pairs", "--param", "now=2026-03-01T12:03Z", "--param", "since=5m"]
    monkeypatch.setattr("sys.argv", ["perpscope", "query", *asked, "--param", "span_s=300"])
    with pytest.raises(SystemExit) as ended:
        perpscope.main()
    assert ended.value.code == perpscope.Exit.LAKE == 4


def utc(moment):
    return moment.replace(tzinfo=UTC)


def test_a_reader_looks_for_a_damaged_file_once(four_files, live_files, reader, monkeypatch):
    """A page that asks again every few seconds must not read the lake each time."""
    Lake(four_files).close()
    overwrite(live_files(four_files)[2])
    read = []
    honest = Checksums.load
    monkeypatch.setattr(Checksums, "load", lambda sums: (read.append(1), honest(sums)))

    for _ in range(3):
        with pytest.raises(LakeError), reader.cursor() as cursor:
            query.table(cursor, "pairs", now=utc(minutes(3)), since=utc(minutes(-3)), span_s=300)

    assert read == [1]


def test_after_a_read_that_failed_a_check_looks_into_every_file(four_files, live_files, snapshots):
    """It does not come up again and again until the file's turn has come."""
    Lake(four_files).close()
    last_in_turn = live_files(four_files)[0]
    overwrite(last_in_turn)
    with Lake(four_files) as lake:
        again = snapshots(40, at=NOON, price=PRICE)
        with pytest.raises(LakeError):
            lake.append(("snapshots", again))

        (note,) = lake.check_files(1)

        assert last_in_turn.name in note
        assert lake.append(("snapshots", again)) == {"snapshots": 40}


def test_a_replaced_file_that_is_damaged_does_not_stand_in(four_files, live_files, asked):
    """What a merge replaced comes back where the merged file is damaged, if it is whole."""
    with Lake(four_files) as lake:
        old = live_files_of(lake)
        lake.maintain(datetime.now(UTC), whole_days=True)
        (merged,) = live_files_of(lake)
    flip(old[0])
    flip(merged)

    with Lake(four_files) as lake:
        assert len(lake.damaged) == 1
        (left,) = lake.unrecovered
        assert old[0].name in left
        assert old[0].exists()
        assert asked(lake, COUNT) == [(80, pytest.approx(80 * PRICE))]


def test_every_file_has_a_checksum_however_it_came_about(folder, snapshots, bars):
    """Appended, filled, with deletions, rewritten or merged; worked out by other means here."""
    with Lake(folder) as lake:
        for number in range(3):
            lake.append(("snapshots", snapshots(at=minutes(number), price=1.0)))
            lake.append(("bars", bars({"symbol": "A"}, {"symbol": "B"}, ts=minutes(5 * number))))
            lake.fill_bars(bars(symbol="A", ts=minutes(5 * number), close=2.0))
        assert_sums_are_right(lake)
        lake.maintain(datetime.now(UTC), whole_days=False)
        lake.fill_bars(bars(symbol="B", close=2.0))
        assert_sums_are_right(lake)
        lake.maintain(LATER, whole_days=True)
        assert_sums_are_right(lake)
    Lake(folder).close()
    assert_sums_are_right(lake)


def assert_sums_are_right(lake):
    lines = lake.layout.checksums.read_text().splitlines()
    words = [line.split(" ") for line in lines if line.startswith("file ")]
    stated = {name: sha256 for _, sha256, _, name, _ in words}
    files = sorted(lake.layout.data.rglob("*.parquet"))
    assert files
    for path in files:
        name = path.relative_to(lake.layout.data).as_posix()
        assert stated[name] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_without_checksums_files_are_read_whole(four_files, live_files, asked):
    """A lake of before, or one whose checksums are lost: what cannot be read is found."""
    first, second, _ = live_files(four_files)
    (four_files / "checksums").unlink()
    overwrite(second)

    with Lake(four_files) as lake:
        (note,) = lake.damaged
        assert "the file cannot be read to its end" in note
        assert asked(lake, COUNT) == [(80, pytest.approx(80 * PRICE))]
        assert_sums_are_right(lake)
        flip(first)
        assert len(lake.check_files(ALL)) == 1


def test_a_checksum_that_is_damaged_accuses_nobody(four_files, asked):
    """Whatever is left of the file of checksums, no row is set aside for it."""
    path = four_files / "checksums"
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), 37)]
    damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(5, 600, 29)]
    damaged += [bytes(len(whole)), b"\xff" * 100]
    for content in damaged:
        path.write_bytes(content)
        sums = Checksums(Layout(four_files))
        sums.load()
        assert sums.suspects(None, lambda: False) == set()
    path.write_bytes(damaged[7])
    with Lake(four_files) as lake:
        assert lake.damaged == []
        assert asked(lake, COUNT) == [(120, pytest.approx(120 * PRICE))]


def test_rows_are_stored_also_where_checksums_cannot_be(lake, snapshots, asked, folder):
    """The commit is on the disk by then, and saying otherwise would be wrong."""
    (folder / "checksums").unlink()
    (folder / "checksums").mkdir()
    assert lake.append(("snapshots", snapshots(price=1.0))) == {"snapshots": 3}
    (folder / "checksums").rmdir()
    assert lake.append(("snapshots", snapshots(at=minutes(1), price=1.0))) == {"snapshots": 3}
    lake.close()

    with Lake(folder) as again:
        assert again.damaged == []
        assert_sums_are_right(again)
        assert asked(again, "select count(*) from snapshots") == [(6,)]


@pytest.fixture
def logged(folder, cycle):
    """A lake as a kill leaves it: of seven cycles five are in the log of the catalog alone."""
    with Lake(folder) as lake:
        for number in range(7):
            lake.append(("cycles", cycle(minutes(number))))
            if number == 1:
                lake.publish()
        return shutil.copytree(folder, folder.with_name("killed"))


LOGS = {
    "cut in half": lambda log: log[: len(log) // 2],
    "empty": lambda log: b"",
    "garbage": lambda log: hashlib.shake_256(b"log").digest(len(log)),
    "no head": lambda log: bytes(64) + log[64:],
    "zeros at the end": lambda log: log[:-400] + bytes(400),
    "a bit": lambda log: (
        log[: len(log) // 2] + bytes([log[len(log) // 2] ^ 1]) + log[len(log) // 2 + 1 :]
    ),
}


@pytest.mark.parametrize("how", LOGS)
def test_lost_commits_are_never_silent(logged, how, asked):
    """Their rows were in the catalog alone; once said, it is not said again."""
    log = logged / "catalog.duckdb.wal"
    log.write_bytes(LOGS[how](log.read_bytes()))

    with Lake(logged) as lake:
        ((left,),) = asked(lake, "select count(*) from cycles")
        assert left < 7
        assert lake.damaged[0].startswith("catalog: ")
    assert quarantine_notes(logged)
    with Lake(logged) as lake:
        assert lake.damaged == []


def test_a_log_without_damage_is_taken_without_a_word(logged, asked):
    """A kill alone loses nothing."""
    with Lake(logged) as lake:
        assert lake.damaged == []
        assert asked(lake, "select count(*) from cycles") == [(7,)]


def test_readers_need_no_checksums(four_files, asked):
    """A lake that was copied without them is read as ever."""
    (four_files / "checksums").unlink()
    reader = Reader(four_files)
    assert asked(reader, COUNT) == [(120, pytest.approx(120 * PRICE))]
    reader.close()
