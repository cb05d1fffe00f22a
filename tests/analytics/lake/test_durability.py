"""What is on the disk at the moment an append or a publish counts."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from analytics.lake.layout import copy_in_place_of

NOON = datetime.fromisoformat("2026-03-01 12:00")


@pytest.fixture
def synced(lake, in_catalog, monkeypatch):
    """Records every fsync of ours: the path, and the files that commits had named by then."""
    calls = []
    real = os.fsync

    def fsync(descriptor):
        everything = [lake.layout.folder, *lake.layout.folder.rglob("*")]
        inodes = {file.stat().st_ino: file for file in everything}
        calls.append((inodes.get(os.fstat(descriptor).st_ino), _named(lake, in_catalog)))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    # It lets nobody look into the catalog meanwhile; a test of its own is below.
    monkeypatch.setattr(lake._session, "compact", lambda: None)
    return calls


def _named(lake, in_catalog):
    rows = "select path from {0}.ducklake_data_file union select path from {0}.ducklake_delete_file"
    return {Path(name).name for (name,) in in_catalog(lake, rows)}


def _changes(lake, snapshots, bars, cycle):
    """Every kind of change that writes Parquet files, twice as often as it takes to matter."""
    later = NOON + timedelta(days=1)
    yield lambda: lake.append(("snapshots", snapshots()), ("snapshots", snapshots(at=later)))
    yield lambda: lake.append(("bars", bars({"symbol": "A"}, {"symbol": "B"})))
    yield lambda: lake.fill_bars(bars(symbol="A", open=1.0))
    for minute in range(3):
        lake.append(("cycles", cycle(NOON + timedelta(minutes=minute))))
        lake.append(("snapshots", snapshots(at=NOON + timedelta(minutes=minute))))
    yield lambda: lake.maintain(later, whole_days=False)
    yield lambda: lake.maintain(later, whole_days=True)


def test_files_and_folders_are_synced_before_the_commit(
    lake, synced, snapshots, bars, cycle, in_catalog
):
    """After a power cut, the catalog names no file whose rows or name did not reach the disk.

    Each file, of rows or of deletions, and its folder are synced at a moment when no
    commit names the file yet; so are the folders above, unless they have been before.
    """
    known = set()
    for change in _changes(lake, snapshots, bars, cycle):
        before = _named(lake, in_catalog)
        synced.clear()

        change()

        new = _named(lake, in_catalog) - before
        assert new
        for file in (path for path in lake.layout.data.rglob("*.parquet") if path.name in new):
            in_time = {path for path, named in synced if file.name not in named}
            above = {path for path in file.parents if path.is_relative_to(lake.layout.data)}
            assert {file, file.parent} <= in_time
            assert above <= in_time | known
        known |= {path for path, _ in synced}


def test_the_catalogs_folder_is_synced_before_an_append_returns(lake, synced, snapshots):
    """The first commit after a publish makes a new log, whose name must be on the disk too."""
    lake.publish()
    synced.clear()

    lake.append(("snapshots", snapshots()))

    path, named = synced[-1]
    assert path == lake.layout.folder
    assert len(named) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_an_append_leaves_no_file_open(lake, snapshots):
    """A collector runs for months: descriptors must not pile up."""

    def descriptors():
        return len(list(Path("/proc/self/fd").iterdir()))

    lake.append(("snapshots", snapshots()))
    before = descriptors()

    for minute in range(20):
        lake.append(("snapshots", snapshots(at=NOON + timedelta(minutes=minute))))
        lake.publish()

    assert descriptors() <= before + 1


def test_a_publish_is_one_rename_of_a_synced_copy(lake, reader, snapshots, asked, monkeypatch):
    """Readers find the old copy until the new one is complete and on the disk, then the new."""
    lake.append(("snapshots", snapshots()))
    lake.publish()
    old, published = lake.layout.public.stat().st_ino, lake.layout.public.read_bytes()
    order = []
    real_sync, real_replace = os.fsync, Path.replace

    def fsync(descriptor):
        order.append(("sync", os.fstat(descriptor).st_ino, lake.layout.public.stat().st_ino))
        real_sync(descriptor)

    def replace(path, target):
        assert lake.layout.public.read_bytes() == published
        order.append(("replace", path.stat().st_ino, lake.layout.public.stat().st_ino))
        assert not lake.layout.catalog_wal.exists(), "the copy would lack the log"
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)

    lake.append(("snapshots", snapshots(at=NOON + timedelta(seconds=30))))
    order.clear()
    lake.publish()

    new = lake.layout.public.stat().st_ino
    folder = lake.layout.folder.stat().st_ino
    assert order == [("sync", new, old), ("replace", new, old), ("sync", folder, new)]
    assert asked(reader, "select count(*) from snapshots") == [(6,)]


def test_a_compacted_catalog_is_synced_before_it_takes_the_old_ones_place(lake, monkeypatch):
    """After a power cut the catalog is the old one or the new one, whole."""
    synced = []
    real_sync, real_replace = os.fsync, Path.replace

    def fsync(descriptor):
        synced.append(os.fstat(descriptor).st_ino)
        real_sync(descriptor)

    def replace(path, target):
        assert target == lake.layout.catalog
        assert path.stat().st_ino in synced
        assert not lake.layout.catalog_wal.exists(), "the old log would be applied to the new file"
        assert list(lake.layout.folder.glob("*.new.wal")) == []
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    old = lake.layout.catalog.stat().st_ino

    lake.maintain(NOON, whole_days=False)

    assert lake.layout.catalog.stat().st_ino in synced
    assert lake.layout.catalog.stat().st_ino != old
    assert synced[-1] == lake.layout.folder.stat().st_ino


def test_no_two_copies_have_the_same_time(tmp_path, monkeypatch):
    """Readers tell copies apart by it, and the kernel's own stamp stands still for milliseconds."""
    source, target = tmp_path / "source", tmp_path / "target.file"
    source.touch()

    def copied_at_one_moment(source, target):
        target.write_bytes(source.read_bytes())
        os.utime(target, (0, 0))

    monkeypatch.setattr("shutil.copyfile", copied_at_one_moment)
    times = set()
    for _ in range(20):
        copy_in_place_of(source, target)
        times.add(target.stat().st_mtime_ns)

    assert len(times) == 20


def test_a_publish_that_fails_leaves_the_old_copy(lake, reader, snapshots, asked, monkeypatch):
    """Readers go on with what was published before, and nothing half-made lies about."""
    lake.append(("snapshots", snapshots()))
    lake.publish()
    lake.append(("snapshots", snapshots(at=NOON + timedelta(seconds=30))))

    def refuse(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", refuse)
        with pytest.raises(Exception, match="cannot publish: .*No space left"):
            lake.publish()

    assert asked(reader, "select count(*) from snapshots") == [(3,)]
    assert not list(lake.layout.folder.glob("*.new"))
    lake.publish()
    assert asked(reader, "select count(*) from snapshots") == [(6,)]
