"""Doctor: every trouble is a finding, in its own words, and looking changes nothing."""

from __future__ import annotations

import fcntl
import io

import pytest
from rich.console import Console

from analytics.lake import Lake
from collector import doctor
from collector.control import taking_work
from collector.settings import Settings


@pytest.fixture
def examined():
    """Examine a data folder; return whether all is sound, and what was printed."""

    async def examine(folder):
        settings = Settings(data_dir=folder, simulator="http://127.0.0.1:9")
        out = io.StringIO()
        sound = await doctor.examine(settings, Console(file=out, width=250))
        return sound, out.getvalue()

    return examine


async def test_brackets_are_shown_as_they_are(examined, tmp_path):
    """A folder may be called anything."""
    folder = tmp_path / "x[" / "abc]y [bold]z"

    _, said = await examined(folder)

    assert said.count("x[/abc]y [bold]z") == 2


@pytest.mark.parametrize("trouble", [PermissionError(13, "Permission denied"), OSError(5, "I/O")])
async def test_what_cannot_be_read_is_a_finding(examined, tmp_path, monkeypatch, trouble):
    """Doctor is for just the days when something is wrong."""

    def unreadable(_folder):
        raise trouble

    monkeypatch.setattr(doctor, "past_notes", unreadable)
    sound, said = await examined(tmp_path)

    assert not sound
    assert trouble.strerror in said


async def test_a_lock_that_cannot_be_read_is_a_finding(examined, tmp_path):
    """Here it is a folder, which nobody can read as a file."""
    with Lake(tmp_path) as lake:
        lake.publish()
    (tmp_path / "collector.lock").unlink()
    (tmp_path / "collector.lock").mkdir()

    async with taking_work(tmp_path, {}):
        sound, said = await examined(tmp_path)

    assert not sound
    assert "collector.lock" in said


async def test_looking_never_takes_the_lock(examined, tmp_path, monkeypatch):
    """A collector that starts in that moment must not be refused."""
    with Lake(tmp_path) as lake:
        lake.publish()

    def taken(*_):
        raise AssertionError("the lock was taken")

    monkeypatch.setattr(fcntl, "flock", taken)
    _, said = await examined(tmp_path)

    assert "no collector is running" in said


async def test_a_running_collector_is_named(examined, tmp_path):
    """By who holds the lake."""
    with Lake(tmp_path) as lake:
        lake.publish()
        async with taking_work(tmp_path, {}):
            _, said = await examined(tmp_path)

    assert "a collector is running (process " in said
