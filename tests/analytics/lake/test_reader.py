"""Readers see complete states, follow publishes by themselves and leave nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analytics.errors import LakeAbsent, LakeError
from analytics.lake.writer import Lake
from tests.waiting import HANG_S

NOON = datetime.fromisoformat("2026-03-01 12:00")
COUNT = "select count(*) from snapshots"


@pytest.fixture(autouse=True)
def links(tmp_path, monkeypatch):
    """Where readers make their links; empty again after each test, whatever happened in it."""
    folder = tmp_path / "links"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def test_says_that_nothing_was_published(lake, reader):
    """A lake that is there but silent is not an error of the reader."""
    for ask in (reader.version, reader.published_at, lambda: reader.cursor().__enter__()):
        with pytest.raises(LakeAbsent, match="start the collector"):
            ask()


def test_sees_only_what_was_published(lake, reader, snapshots, asked):
    """An append alone shows nothing; each publish shows all of it."""
    lake.append(("snapshots", snapshots()))
    lake.publish()
    lake.append(("snapshots", snapshots(at=NOON + timedelta(seconds=30))))
    before = asked(reader, COUNT)

    lake.publish()

    assert (before, asked(reader, COUNT)) == ([(3,)], [(6,)])


def test_version_and_time_change_with_every_publish(lake, reader):
    """A page can tell that there is something new without asking for it."""
    started = datetime.now(UTC)
    versions = []
    for _ in range(20):
        lake.publish()
        versions.append(reader.version())

    assert len(set(versions)) == 20
    assert started <= reader.published_at() <= datetime.now(UTC)


def test_an_open_cursor_keeps_its_state(lake, reader, snapshots, asked):
    """Two questions through one cursor are answered from one state, however old."""
    lake.append(("snapshots", snapshots()))
    lake.publish()
    with reader.cursor() as old:
        for number in range(1, 4):
            lake.append(("snapshots", snapshots(at=NOON + timedelta(seconds=30 * number))))
            lake.publish()
            assert asked(reader, COUNT) == [(3 * number + 3,)]
            assert old.execute(COUNT).fetchall() == [(3,)]
    assert asked(reader, COUNT) == [(12,)]


def test_lets_go_of_copies_nobody_looks_at(lake, reader, snapshots, asked):
    """A dashboard runs for months: neither attached copies nor descriptors pile up."""
    lake.append(("snapshots", snapshots()))
    lake.publish()
    asked(reader, COUNT)
    before = _open_files()

    for _ in range(20):
        lake.publish()
        asked(reader, COUNT)

    attached = asked(reader, "select count(*) from duckdb_databases() where not internal")
    assert attached <= [(3,)]
    assert _open_files() <= before + 1


def test_a_database_that_served_long_is_replaced(lake, reader, snapshots, asked, monkeypatch):
    """What it keeps of every question goes with it, also where nothing is published any more."""
    monkeypatch.setattr("analytics.lake.reader.CURSORS", 5)
    lake.append(("snapshots", snapshots()))
    lake.publish()
    asked(reader, COUNT)
    before = _open_files()

    with reader.cursor() as old:
        old.execute("create table memory.main.kept as select 1")
        for _ in range(20):
            assert asked(reader, COUNT) == [(3,)]
        assert old.execute(COUNT).fetchall() == [(3,)]
        assert old.execute("select * from memory.main.kept").fetchall() == [(1,)]

    kept = asked(reader, "select count(*) from duckdb_tables() where table_name = 'kept'")
    assert kept == [(0,)]
    assert len(reader._copies) == 1
    assert _open_files() <= before + 1


def _open_files():
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0


def test_an_error_in_a_question_costs_that_question_alone(lake, reader, snapshots, asked):
    """The copy is given back, and the next question works."""
    lake.append(("snapshots", snapshots()))
    lake.publish()

    with pytest.raises(Exception, match="no_such_table"):
        asked(reader, "select * from no_such_table")
    lake.publish()

    assert asked(reader, COUNT) == [(3,)]
    assert [copy.users for copy in reader._copies] == [0]


def test_says_that_the_published_copy_is_damaged_and_recovers(lake, reader, snapshots, asked):
    """Damage is an error of ours with the file's name; the next publish ends it."""
    lake.append(("snapshots", snapshots()))
    lake.publish()
    lake.layout.public.write_bytes(b"not a catalog" * 1000)

    with pytest.raises(LakeError, match=r"public\.ducklake: cannot be read"):
        asked(reader, COUNT)

    lake.publish()
    assert asked(reader, COUNT) == [(3,)]


def test_damage_is_an_error_of_ours_wherever_it_is(lake, reader, snapshots, asked):
    """DuckDB finds some when it opens a copy, and some when it first looks into one."""
    lake.append(("snapshots", snapshots()))
    lake.publish()
    asked(reader, COUNT)
    public, whole = lake.layout.public, lake.layout.public.read_bytes()
    damaged, found = public.with_suffix(".damaged"), 0

    for at in range(12_288, len(whole), 65_536):
        damaged.write_bytes(whole[:at] + b"x" * 4096 + whole[at + 4096 :])
        damaged.replace(public)
        try:
            assert asked(reader, COUNT) == [(3,)]
        except LakeError:
            found += 1

    assert found > 2
    lake.publish()
    assert asked(reader, COUNT) == [(3,)]


def test_cannot_write(lake, reader, snapshots, asked):
    """A question can change nothing, by mistake or by intent."""
    lake.append(("snapshots", snapshots()))
    lake.publish()

    with pytest.raises(Exception, match="read-only"):
        asked(reader, "delete from snapshots")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to mount")
def test_reads_from_a_read_only_mount(folder, snapshots, tmp_path):
    """A dashboard may have the lake mounted read-only; it puts nothing into its folder."""
    with Lake(folder) as lake:
        lake.append(("snapshots", snapshots()))
        lake.publish()
    mount = shutil.which("unshare")
    script = (
        f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && "
        f"! touch {folder}/x 2>/dev/null && {sys.executable} -c '{READ}' {folder}"
    )

    done = subprocess.run(
        [mount or "unshare", "--mount", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        check=False,
    )

    if "mount" in done.stderr and "Traceback" not in done.stderr:
        pytest.skip(f"this machine does not let us mount: {done.stderr.strip()}")
    assert (done.stdout.strip(), done.stderr) == ("3", "")


READ = """
import sys
from pathlib import Path
from analytics.lake.reader import Reader
with Reader(Path(sys.argv[1])).cursor() as cursor:
    print(cursor.execute("select count(*) from snapshots").fetchone()[0])
"""
