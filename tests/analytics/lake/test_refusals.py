"""Lakes that are not to be written, and why; each is left as it was."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import struct
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from analytics.errors import LakeError, LakeLocked, LakeTooNew
from analytics.lake import schema
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake

NOON = datetime.fromisoformat("2026-03-01 12:00")
REPOSITORY = Path(__file__).resolve().parents[3]


def contents(folder):
    """Everything in *folder* but the lock: name, content and time of change."""
    return {
        path: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name != "collector.lock"
    }


def started(script, *arguments):
    """Start a process that runs *script*, and wait for its first word."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert process.stdout.readline() == "open\n"
    return process


def ended(process):
    """Kill *process* and wait until it is gone."""
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


OPEN_LAKE = """
import sys, pathlib
from analytics.lake.writer import Lake
lake = Lake(pathlib.Path(sys.argv[1]))
print("open", flush=True)
input()
"""

COMMIT = """
import sys, pathlib, datetime
import pyarrow as pa
from analytics.lake.writer import Lake
lake = Lake(pathlib.Path(sys.argv[1]))
for venue in ("binance", "okx"):
    row = {"venue": venue, "symbol": "S", "base": "S", "received_ts": datetime.datetime(2026, 3, 1)}
    lake.append(("snapshots", pa.Table.from_pylist([row])))
    if venue == "binance":
        lake.publish()
print("open", flush=True)
input()
"""

OPEN_CATALOG = """
import sys, duckdb
catalog = duckdb.connect(sys.argv[1])
print("open", flush=True)
input()
"""


@pytest.fixture
def unpublished(folder):
    """A lake that was killed with a commit in its log, so that opening it could change it."""
    ended(started(COMMIT, folder))
    assert (folder / "catalog.duckdb.wal").stat().st_size
    return folder


@pytest.fixture
def holder(folder):
    """Another process that has the lake open."""
    process = started(OPEN_LAKE, folder)
    yield process
    ended(process)


def of_version(catalog, version):
    """Return the bytes of a *catalog* file as if a DuckDB of another *version* wrote it."""
    header = catalog[8:12] + version.to_bytes(8, "little") + catalog[20:4096]
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", header):
        checksum ^= word * 0xBF58476D1CE4E5B9 % 2**64
    return checksum.to_bytes(8, "little") + header + catalog[4096:]


def test_a_second_writer_is_told_who_holds_the_lake(folder, holder):
    """The error names the process, and what to do."""
    with pytest.raises(LakeLocked, match=rf"another collector \(process {holder.pid} on .+\)"):
        Lake(folder)


def test_the_lock_goes_with_the_process(folder, holder, snapshots):
    """A killed writer leaves nothing that has to be cleaned up by hand."""
    holder.send_signal(signal.SIGKILL)
    holder.wait()

    with Lake(folder) as lake:
        assert lake.append(("snapshots", snapshots())) == {"snapshots": 3}


def test_the_lock_goes_with_the_lake_whoever_inherited_its_file(folder):
    """A child that this process has forked may outlive the lake."""
    lake = Lake(folder)
    inherited = os.dup(lake._lock_file.fileno())
    lake.close()

    Lake(folder).close()
    os.close(inherited)


def test_a_lake_can_be_opened_again_after_it_was_closed(folder, lake):
    """Closing lets go at once, and may be done twice."""
    with pytest.raises(LakeLocked, match=f"process {os.getpid()} "):
        Lake(folder)

    lake.close()
    lake.close()

    Lake(folder).close()


def test_a_lake_of_another_origin_is_refused_untouched(unpublished):
    """Simulated and real data never mix, not by a byte."""
    before = contents(unpublished)

    with pytest.raises(LakeError, match="origin 'live', not 'simulator'"):
        Lake(unpublished, origin="simulator")

    assert contents(unpublished) == before
    with Lake(unpublished, origin="live") as lake:
        assert lake.info()["origin"] == "live"


def test_whatever_opens_any_lake_takes_its_origin_as_it_is(folder):
    """A command that only imports need not know what the lake holds."""
    Lake(folder, origin="simulator").close()

    with Lake(folder) as lake:
        assert lake.info()["origin"] == "simulator"


def test_a_lake_of_a_later_version_is_refused_untouched(unpublished, monkeypatch):
    """An older program must not touch what it cannot know the meaning of, even to repair it."""
    (damaged,) = list(unpublished.rglob("*.parquet"))[:1]
    damaged.write_bytes(b"")
    before = contents(unpublished)
    version = schema.VERSION
    monkeypatch.setattr(schema, "VERSION", 0)

    wanted = f"schema version {version}, this perpscope supports versions up to 0"
    with pytest.raises(LakeTooNew, match=wanted):
        Lake(unpublished)

    assert contents(unpublished) == before


def test_a_catalog_of_a_later_duckdb_is_refused_untouched(folder, lake):
    """It is not damaged, so nothing older may take its place."""
    lake.publish()
    lake.close()
    lake.layout.catalog.write_bytes(of_version(lake.layout.catalog.read_bytes(), 999))
    before = contents(folder)

    with pytest.raises(LakeError, match="a later version of DuckDB"):
        Lake(folder)

    assert contents(folder) == before


def test_a_catalog_of_another_ducklake_is_refused_untouched(folder, lake, snapshots):
    """Its tables mean something else: no file is judged by them."""
    lake.append(("snapshots", snapshots()))
    lake.close()
    with duckdb.connect(str(lake.layout.catalog)) as catalog:
        catalog.execute("update ducklake_metadata set value = '9.0' where key = 'version'")
    next(folder.rglob("*.parquet")).write_bytes(b"")
    before = contents(folder)

    with pytest.raises(LakeError, match=r"DuckLake format .*9\.0"):
        Lake(folder)

    assert contents(folder) == before


def test_a_catalog_that_another_program_has_open_is_left_alone(folder, lake):
    """Someone who looks into the catalog must not make us believe that it is damaged."""
    lake.publish()
    lake.close()
    other = started(OPEN_CATALOG, lake.layout.catalog)

    with pytest.raises(LakeError, match="another program has the catalog open"):
        Lake(folder)
    ended(other)

    with Lake(folder) as again:
        assert again.damaged == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    """The error names the folder and the setting to change."""
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(LakeError, match="cannot be written .*PERPSCOPE_DATA_DIR"):
        Lake(file / "lake")


def test_a_lake_that_was_refused_can_be_opened_rightly(folder):
    """A refusal lets go of the lock and of the catalog."""
    Lake(folder).close()
    for _ in range(3):
        with pytest.raises(LakeError, match="origin"):
            Lake(folder, origin="simulator")

    Lake(folder, origin="live").close()


def test_a_folder_that_was_moved_opens_where_it_is(folder, lake, snapshots, asked, tmp_path):
    """A lake is its folder: old rows are found and new ones land in the new place."""
    lake.append(("snapshots", snapshots()))
    lake.publish()
    lake.close()
    moved = tmp_path / "it's elsewhere"
    shutil.move(folder, moved)

    with Lake(moved) as again:
        again.append(("snapshots", snapshots(venue="okx")))
        again.publish()
        again.maintain(NOON, whole_days=True)
        reader = Reader(moved)
        assert asked(reader, "select count(*) from snapshots") == [(6,)]
        reader.close()

    assert not folder.exists()
    assert again.damaged == []


@pytest.mark.parametrize("stated", ["three", "", "-3", "3.0", None])
def test_a_version_that_is_no_number_is_said_in_a_sentence(folder, stated):
    """To writer and reader; nothing is changed."""
    with Lake(folder) as lake:
        if stated is not None:
            lake.set_info(schema_version=stated)
        else:
            with lake._session.change(set()) as cursor:
                cursor.execute("delete from lake_info where key = 'schema_version'")
        lake.publish()
    before = contents(folder)

    with pytest.raises(LakeError, match="schema_version .* must be a whole number"):
        Lake(folder)
    reader = Reader(folder)
    for _ in range(2):
        with pytest.raises(LakeError, match="schema_version"), reader.cursor():
            pass
    reader.close()

    assert contents(folder) == before


def test_a_lake_without_facts_is_a_sentence_to_a_reader_and_mended_by_a_writer(folder):
    """A crash between its tables and its first facts leaves it so."""
    with Lake(folder) as lake:
        with lake._session.change(set()) as cursor:
            cursor.execute("delete from lake_info")
        lake.publish()
    reader = Reader(folder)

    with pytest.raises(LakeError, match="schema_version is not there"), reader.cursor():
        pass
    with Lake(folder) as lake:
        lake.publish()
    with reader.cursor() as cursor:
        facts = dict(cursor.execute("select key, value from lake_info").fetchall())
    reader.close()

    assert facts == {"schema_version": str(schema.VERSION), "origin": "live"}
