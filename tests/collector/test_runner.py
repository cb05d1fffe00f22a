"""Collecting once: what a cron job does."""

from __future__ import annotations

from datetime import UTC, datetime

from analytics.lake.check import quarantine_notes
from collector.runtime.clock import Clock
from collector.service import runner
from collector.settings import Settings
from simulator.server import Simulator, synthetic


async def test_collecting_once_looks_into_old_files_too(tmp_path):
    """Whoever collects by cron has no background, and damage of long ago would stay for ever."""
    clock = Clock(origin=datetime(2026, 1, 1, 12, 30, tzinfo=UTC), speed=1.0)
    async with Simulator(synthetic(4, seed=1), clock) as simulator:
        settings = Settings(
            data_dir=tmp_path, simulator=simulator.url, venues=("okx",), top_n=3, min_free_mb=1
        )
        await runner.run_once(settings)
        (old,) = (tmp_path / "lake" / "main" / "snapshots").rglob("*.parquet")
        await runner.run_once(settings)
        assert quarantine_notes(tmp_path) == []
        content = bytearray(old.read_bytes())
        content[len(content) // 3] ^= 1
        old.write_bytes(content)

        (cycle,) = await runner.run_once(settings)

    assert cycle.answered == 3
    (note,) = quarantine_notes(tmp_path)
    assert f"rows of {old.name} are lost: the file does not match its checksum" in note["what"]
