"""Kill -9 of what delivers alerts: each arrives, and twice only if nothing was stored of it."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from analytics.lake.records import AlertEvent
from analytics.lake.writer import Lake
from tests.waiting import HANG_S, published

REPOSITORY = Path(__file__).resolve().parents[2]


class Sink:
    """Takes messages, and answers once it may."""

    def __init__(self):
        self.titles = []
        self.may_answer = asyncio.Event()

    async def take(self, request):
        self.titles.append((await request.json())["title"])
        await self.may_answer.wait()
        return web.Response()


@pytest.fixture
async def sink():
    made = Sink()
    app = web.Application()
    app.router.add_post("/", made.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.address = f"json://127.0.0.1:{site._server.sockets[0].getsockname()[1]}?rto=600"
    yield made
    made.may_answer.set()
    await runner.cleanup()


def fires(folder, base):
    now = datetime.now(UTC)
    names = ("rule", "version", "timeframe", "alert_group", "condition", "message")
    with Lake(folder, reserve_bytes=0) as lake:
        lake.append_records(
            [
                AlertEvent(
                    subject=base,
                    base=base,
                    change="firing",
                    ts=now,
                    started_ts=now,
                    per="asset",
                    severity="info",
                    seen_values="{}",
                    seen_ages_s="{}",
                    channels='["web"]',
                    **dict.fromkeys(names, "spike"),
                )
            ]
        )
        lake.publish()


def sent(folder):
    """Return the subjects that are stored as sent, as often as they are."""
    question = "select subject from alert_deliveries where outcome = 'sent' order by ts"
    return published(folder, question)


@asynccontextmanager
async def killed_at_the_end(folder, address):
    """Deliver until the block ends, by kill -9."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("delivery_to_kill.py")), str(folder)),
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PERPSCOPE_CHANNEL_WEB": address},
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def until(condition):
    async with asyncio.timeout(HANG_S):
        while not condition():
            await asyncio.sleep(0.05)


async def test_an_alert_is_told_again_only_where_it_was_not_stored_that_it_was(tmp_path, sink):
    """The one window is between the arrival of a message and the commit that says so."""
    fires(tmp_path, "BTC")
    async with killed_at_the_end(tmp_path, sink.address):
        # It has arrived, and nobody was told that it has.
        await until(lambda: sink.titles)
    assert sent(tmp_path) == []

    sink.may_answer.set()
    async with killed_at_the_end(tmp_path, sink.address):
        await until(lambda: sent(tmp_path) == [("BTC",)])
    assert sink.titles == ["Info: spike: BTC"] * 2

    fires(tmp_path, "ETH")
    async with killed_at_the_end(tmp_path, sink.address):
        await until(lambda: len(sent(tmp_path)) == 2)
    assert sink.titles[2:] == ["Info: spike: ETH"]
