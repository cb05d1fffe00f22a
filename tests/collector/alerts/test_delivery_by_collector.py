"""From a rule to a message: a real collector, on a simulated market."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import aiohttp
import structlog

from collector.alerts import delivery
from collector.runtime.clock import Clock
from collector.service import runner
from collector.service.health_server import answering
from collector.settings import Settings
from simulator.server import Simulator, synthetic
from tests.waiting import HANG_S

RULES = """
[[rule]]
name = "Any price"
when = "price > 0"
channels = ["web", "wrong"]
"""


async def test_a_rule_that_fires_reaches_its_channel_and_no_address_gets_out(
    tmp_path, sink, monkeypatch
):
    """By a cron job, and not again by a collector that stays; the other channel says its fault."""
    monkeypatch.setattr(delivery, "GATHER_S", 0.1)
    monkeypatch.setenv("PERPSCOPE_CHANNEL_WEB", sink.address)
    monkeypatch.setenv("PERPSCOPE_CHANNEL_WRONG", "tgram://hunter2")
    (tmp_path / "alerts.toml").write_text(RULES)
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
        with structlog.testing.capture_logs() as logged:
            await runner.run_once(settings)
            async with runner.collecting(settings) as program, answering(0, program) as port:
                wrong = 'perpscope_alert_deliveries_total{channel="wrong",outcome="failed"} 3.0'
                async with aiohttp.ClientSession() as session, asyncio.timeout(HANG_S):
                    said = ""
                    while wrong not in said:
                        await asyncio.sleep(0.1)
                        async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                            said = await answer.text()
                    async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
                        said += await answer.text()

    (message,) = sink.messages
    assert message["title"] == "Simulated market: Warning: Any price: 3 pairs"
    assert 'perpscope_alerts_waiting{channel="wrong"} 3.0' in said
    reasons = {line["reason"] for line in logged if line.get("channel") == "wrong"}
    assert reasons == {"its address is incomplete or wrong for tgram://"}
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in {*sink.secrets, "hunter2"} - {sink.port}:
        assert secret not in str(logged) + said
        assert secret.encode() not in stored
