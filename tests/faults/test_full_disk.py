"""A disk that is full, and one that is nearly so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import namedtuple
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from analytics.errors import LakeError
from analytics.lake.writer import RESERVE_BYTES, Lake
from tests.waiting import HANG_S

REPOSITORY = Path(__file__).resolve().parents[2]
FILLER = Path(__file__).with_name("fill_a_disk.py")
NOON = datetime.fromisoformat("2026-03-01 12:00")

Usage = namedtuple("Usage", "total used free")


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk as Linux does")
def test_a_full_disk_loses_nothing_and_appends_work_again_once_there_is_room(tmp_path):
    """Each refusal is a LakeError, wherever the disk ended; no restart is needed after it,
    and one on the full disk does no harm.

    What was acknowledged before, between and after is there, once, for the writer and for
    a reader, and a restart finds no damage.
    """
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root and unshare")
    disk = tmp_path / "disk"
    disk.mkdir()

    done = subprocess.run(
        [unshare, "--mount", sys.executable, str(FILLER), str(disk)],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        check=False,
    )

    said = done.stdout.splitlines()
    if "mounted" not in said:
        pytest.skip(f"this machine does not let us mount a small disk: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert said[0] == "mounted"
    assert said[1:-1] == []
    assert said[-1].endswith(" batches")


def test_appends_stop_before_the_disk_is_full(tmp_path, monkeypatch):
    """The error says how little is left and that nothing is lost; with room, it goes on."""
    row = {"venue": ["v"], "symbol": ["s"], "base": ["s"]}
    rows = pa.table(row | {"received_ts": pa.array([NOON], pa.timestamp("ms"))})
    with Lake(tmp_path / "lake") as lake:
        lake.append(("snapshots", rows))
        with monkeypatch.context() as patch:
            nearly = Usage(RESERVE_BYTES * 2, RESERVE_BYTES + 1, RESERVE_BYTES - 1)
            patch.setattr(shutil, "disk_usage", lambda _: nearly)
            for change in (
                lambda: lake.append(("snapshots", rows)),
                lambda: lake.set_info(clock="x"),
                lambda: lake.replace_instruments("v", []),
            ):
                with pytest.raises(LakeError, match="full: only 64 MB free, .* nothing stored is"):
                    change()
            lake.publish()
            with lake.cursor() as cursor:
                assert cursor.execute("select count(*) from snapshots").fetchone() == (1,)

        later = rows.set_column(0, "venue", pa.array(["w"]))
        assert lake.append(("snapshots", later)) == {"snapshots": 1}
