"""Doctor: every trouble is a finding, in its own words, and looking changes nothing."""

from __future__ import annotations

import asyncio
import fcntl
import io
import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from analytics.lake.writer import Lake
from analytics.rules.rules_file import builtin
from collector.commands import doctor
from collector.runtime.clock import Clock
from collector.runtime.http_session import new_session
from collector.service.control_socket import taking_work
from collector.settings import Settings
from simulator.server import Simulator, synthetic

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def examined():
    """Examine a data folder; return whether all is sound, and what was printed."""

    async def examine(folder, **others):
        settings = Settings(data_dir=folder, **{"simulator": "http://127.0.0.1:9"} | others)
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

    monkeypatch.setattr(doctor, "quarantine_notes", unreadable)
    sound, said = await examined(tmp_path)

    assert not sound
    assert trouble.strerror in said


async def test_a_lock_that_cannot_be_read_is_a_finding(examined, tmp_path, tasks):
    """Here it is a folder, which nobody can read as a file."""
    with Lake(tmp_path) as lake:
        lake.publish()
    (tmp_path / "collector.lock").unlink()
    (tmp_path / "collector.lock").mkdir()

    async with taking_work(tmp_path, {}, tasks):
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


async def test_a_running_collector_is_named(examined, tmp_path, tasks):
    """By who holds the lake."""
    with Lake(tmp_path) as lake:
        lake.publish()
        async with taking_work(tmp_path, {}, tasks):
            _, said = await examined(tmp_path)

    assert "a collector is running (process " in said


@pytest.fixture
async def simulator():
    async with Simulator(synthetic(4, seed=3), Clock(origin=NOON)) as made:
        yield made


@pytest.mark.parametrize(
    ("fault", "sound"),
    [({"kind": "delay", "seconds": 0.5}, True), ({"kind": "stale_time"}, False)],
    ids=["slow answer", "other clock"],
)
async def test_only_a_difference_that_is_certain_is_a_fault_of_the_clock(
    examined, tmp_path, simulator, monkeypatch, fault, sound
):
    """A slow answer does not show when within it the venue read its clock."""
    monkeypatch.setattr(doctor, "CLOCK_TOLERANCE_S", 0.2)
    async with new_session() as session:
        fault = {"venue": "okx", "path": "*", **fault}
        assert (await session.post(f"{simulator.url}/simulator/faults", json=fault)).ok

    found, said = await examined(tmp_path, simulator=simulator.url, venues=("okx",), streams=False)

    assert "answers; its clock differs by" in said
    assert found is sound


async def test_every_address_that_streams_is_tried(examined, tmp_path, simulator):
    _, said = await examined(tmp_path, simulator=simulator.url, venues=("bybit", "okx"))

    assert "websockets open: linear" in said
    assert "websockets open: public, business" in said
    assert simulator.requests["okx"]["/ws/v5/business"] == 1


async def test_a_stream_that_is_refused_is_a_finding(examined, tmp_path, simulator):
    """REST may answer all the same: then only the streams are wrong."""
    simulator.streams.add_fault({"venue": "okx", "kind": "ws_refuse"})

    sound, said = await examined(tmp_path, simulator=simulator.url, venues=("bybit", "okx"))

    assert not sound
    assert "websockets open: linear" in said
    assert "/okx/ws/v5/public: the venue refused the connection (HTTP 503)" in said
    assert "answers; its clock" in said


async def test_a_stream_that_a_firewall_swallows_is_a_finding(
    examined, tmp_path, simulator, monkeypatch
):
    """Nothing comes back at all: doctor waits no longer than a collector does."""
    monkeypatch.setattr("collector.streams.wire.reconnect.CONNECT_TIMEOUT_S", 0.2)
    swallowing = asyncio.Event()

    async def swallow(*_):
        await swallowing.wait()

    monkeypatch.setattr(simulator.streams, "serve", swallow)
    sound, said = await examined(tmp_path, simulator=simulator.url, venues=("bybit",))

    assert not sound
    assert "/bybit/v5/public/linear: no answer in time" in said


async def test_streams_that_are_off_are_not_tried(examined, tmp_path, simulator):
    """A sentence says so; nothing is wrong with that."""
    _, said = await examined(
        tmp_path, simulator=simulator.url, venues=("bybit", "okx"), streams=False
    )

    assert "not checked: PERPSCOPE_STREAMS is off" in said
    assert not simulator.requests["bybit"]["/v5/public/linear"]


async def test_the_alert_rules_are_checked(examined, tmp_path):
    """A wrong edit is found before the collector meets it."""
    assert "no alerts.toml yet; the collector makes it" in (await examined(tmp_path))[1]
    file = tmp_path / "alerts.toml"
    file.write_bytes(builtin())
    assert re.search(r"alerts.toml has \d+ rules", (await examined(tmp_path))[1])
    file.write_text('[[rule]]\nname = "Any"\nwhen = "prize > 0"\n')
    said = (await examined(tmp_path))[1]

    assert "alerts.toml: line 3: when: character 1: no value is called 'prize'" in said
