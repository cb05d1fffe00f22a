"""Collecting once: what a cron job does; and what follows each cycle."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from analytics.lake.check import quarantine_notes
from analytics.lake.reader import Reader
from collector.runtime.clock import Clock
from collector.service import runner
from collector.settings import Settings
from simulator.server import Simulator, synthetic
from tests.waiting import HANG_S


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


async def test_rules_are_evaluated_after_each_cycle_and_once_for_all_restarts(tmp_path):
    """By a cron job and by a collector that stays: an open episode is no news to either."""
    (tmp_path / "alerts.toml").write_text('[[rule]]\nname = "Any price"\nwhen = "price > 0"\n')
    clock = Clock(origin=datetime(2026, 1, 1, 12, 30, tzinfo=UTC), speed=1.0)
    async with Simulator(synthetic(4, seed=1), clock) as simulator:
        settings = Settings(
            data_dir=tmp_path,
            simulator=simulator.url,
            venues=("okx",),
            top_n=3,
            min_free_mb=1,
            streams=False,
            backfill_hours=0,
            collector_port=0,
        )
        await runner.run_once(settings)
        first = _events(tmp_path)
        async with runner.collecting(settings) as program, asyncio.timeout(HANG_S):
            while not program.alerts.totals.complete:
                await asyncio.sleep(0.05)

    assert [(rule, change) for rule, change, _ in first] == [("Any price", "firing")] * 3
    assert _events(tmp_path) == first
    assert program.alerts.by_phase() == {"firing": 3}


def _events(folder):
    reader = Reader(folder)
    with reader.cursor() as cursor:
        rows = cursor.execute("select rule, change, subject from alert_events order by subject")
        found = rows.fetchall()
    reader.close()
    return found
