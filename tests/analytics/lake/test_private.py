"""A lake is its owner's alone: every folder and file of it, from its first moment on."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

import perpscope
from analytics.lake.writer import Lake

NOON = datetime.fromisoformat("2026-03-01 12:00")


@pytest.fixture(autouse=True)
def open_umask():
    """That of most systems: what is made without a thought can be read by all."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def of_others(folder):
    """What of *folder*, itself included, is open to anybody but its owner."""
    everything = [folder, *folder.rglob("*")]
    return [path for path in everything if stat.S_IMODE(path.lstat().st_mode) & 0o077]


def fill(lake, snapshots, bars, cycle):
    for number in range(3):
        at = NOON + timedelta(minutes=number)
        lake.append(("snapshots", snapshots(at=at)), ("cycles", cycle(at)))
        lake.append(("bars", bars({"symbol": "A"}, {"symbol": "B"}, ts=at)))
        lake.fill_bars(bars(symbol="A", ts=at, close=1.0))
        lake.publish()
    lake.maintain(datetime.now(UTC), whole_days=False)
    lake.append(("snapshots", snapshots(at=NOON + timedelta(minutes=9))))
    lake.publish()


def test_nothing_of_a_new_lake_is_open_to_others(folder, snapshots, bars, cycle):
    """Parquet files, catalog and its log, published copy, lock, checksums, notes."""
    with Lake(folder) as lake:
        fill(lake, snapshots, bars, cycle)
        assert of_others(folder) == []
        for path in lake.layout.home("snapshots").rglob("*.parquet"):
            path.write_bytes(b"")
        lake.append(("cycles", cycle(NOON + timedelta(hours=1))))
        assert lake.layout.catalog_wal.exists()
        assert of_others(folder) == []
    os.umask(0o022)
    Lake(folder).close()
    assert list((folder / "set-aside").glob("*.parquet"))
    assert of_others(folder) == []


def test_a_lake_that_was_open_is_closed_at_a_start(folder, snapshots, bars, cycle, asked):
    """Also its logs; what is not of the lake is not touched, nor what a link leads to."""
    with Lake(folder) as lake:
        fill(lake, snapshots, bars, cycle)
    (folder / "logs").mkdir()
    (folder / "logs" / "collector.log").write_text("{}\n")
    (folder / "set-aside").mkdir(exist_ok=True)
    (folder / "set-aside" / "20250101T000000.json").write_text("{}")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o775 if path.is_dir() else 0o664)
    mine, linked = folder / "notes of mine.txt", folder.with_name("elsewhere")
    for path in (mine, linked):
        path.write_text("mine")
        path.chmod(0o644)
    (folder / "logs" / "link").symlink_to(linked)

    with Lake(folder) as lake:
        assert asked(lake, "select count(*) from snapshots") == [(12,)]

    assert set(of_others(folder)) == {mine, folder / "logs" / "link"}
    assert stat.S_IMODE(linked.stat().st_mode) == 0o644


def test_every_command_makes_private_files(monkeypatch, capsys):
    """Logs and what children write are made before a lake is opened, or without one."""
    monkeypatch.setattr("sys.argv", ["perpscope", "query"])
    with pytest.raises(SystemExit):
        perpscope.main()

    assert os.umask(0o022) == 0o077
