"""What a collector says of itself on loopback: well, or degraded and why."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from analytics.errors import LakeError
from collector.runtime import guarded_tasks
from collector.service import timetable
from collector.service.health_server import answering
from tests.waiting import HANG_S


@pytest.fixture
async def told(program):
    """Asks a collector that has just stored a complete cycle how it is."""
    await timetable.refresh_universe(program, program.venues[0])
    record = await timetable.run_cycle(program, program.venues[0])
    assert (record.error, await program.write_queue.finish(HANG_S)) == (None, True)
    async with answering(0, program) as port, aiohttp.ClientSession() as session:

        async def ask():
            async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
                return answer.status, await answer.json()

        ask.port = port
        yield ask


async def test_all_is_well(told):
    """What a watchdog looks at is the status alone."""
    status, said = await told()

    assert (status, said["status"]) == (200, "ok")
    assert (said["venues"]["okx"]["silent"], said["venues"]["okx"]["instruments"]) == (False, 3)


async def test_it_listens_on_loopback_alone(told):
    """What it tells is nobody else's."""
    with pytest.raises(OSError, match="refused|unreachable|failed"):
        await asyncio.open_connection("127.0.0.2", told.port)


@pytest.mark.parametrize("path", ["healthz", "metrics", "nowhere"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", ""])
async def test_it_answers_to_no_other_name(told, path, host):
    """A site whose name points to loopback reads nothing of it in a visitor's browser."""
    headers = {"Host": host.format(port=told.port)}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{told.port}/{path}", headers=headers) as answer,
    ):
        assert answer.status == 403
        assert "unknown host name" in await answer.text()


async def test_it_answers_to_loopback(told):
    """By any of its names."""
    for host in ("localhost", f"localhost:{told.port}", f"127.0.0.1:{told.port}"):
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{told.port}/metrics", headers={"Host": host}) as answer,
        ):
            assert answer.status == 200


@pytest.mark.parametrize(("cycles", "silent"), [(2, False), (4, True)])
async def test_a_venue_without_a_cycle_for_long_is_silent(told, program, cycles, silent):
    """More than three intervals of the setting, whatever it is."""
    program.counters.counted_s["okx"] -= cycles * program.settings.interval_s

    status, said = await told()

    assert said["venues"]["okx"]["silent"] is silent
    assert status == (503 if silent else 200)


async def test_a_venue_that_fails_is_named_with_its_reason(told, program):
    """And the collector is degraded by it."""
    latest = program.counters.latest["okx"]
    program.counters.latest["okx"] = replace(latest, error="okx: tickers: connection refused")

    status, said = await told()

    assert (status, said["status"]) == (503, "degraded")
    assert said["venues"]["okx"]["error"] == "okx: tickers: connection refused"


@pytest.mark.parametrize(
    ("trouble", "place", "value"),
    [("fault", "lake_fault", "the disk is full"), ("dropped", "batches_dropped", 2)],
)
async def test_rows_that_are_not_stored_are_a_trouble(told, program, trouble, place, value):
    """Also while every venue answers."""
    setattr(program.write_queue, trouble, value)

    status, said = await told()

    assert (status, said["status"], said[place]) == (503, "degraded", value)


async def test_a_task_that_ended_unasked_is_a_trouble_until_it_has_run_for_a_while(
    told, program, monkeypatch
):
    """Named with its reason, also while every venue answers and rows are stored."""
    (storing,) = [one for one in asyncio.all_tasks() if one.get_name() == "storing"]
    storing.cancel()
    while not program.tasks.troubles():
        await asyncio.sleep(0)

    status, said = await told()
    monkeypatch.setattr(guarded_tasks, "STEADY_S", 0.0)
    while program.tasks.troubles():
        await asyncio.sleep(0.01)

    assert (status, said["status"]) == (503, "degraded")
    assert said["tasks"]["storing"].items() >= {"ends": 1, "reason": "it was cancelled"}.items()
    assert (await told())[0] == 200


async def test_a_job_whose_last_run_failed_is_a_trouble(told, program):
    """It comes again on its mark; until then what it does is not done."""
    program.schedulers["lake"].failing["bars"] = "KeyError: 'close'"

    status, said = await told()

    assert (status, said["status"]) == (503, "degraded")
    assert said["jobs_failing"] == {"bars": "KeyError: 'close'"}


async def test_alerts_are_part_of_it(told, program):
    """The rules that run and the alerts, on both addresses; a wrong file is no trouble."""
    file = program.alerts.rules.path
    file.write_text('[[rule]]\nname = "Any price"\nwhen = "price > 0"\n')
    program.lake.publish()
    await program.alerts.pass_soon()
    file.write_text('[[rule]]\nname = "Any price"\nwhen = "prize > 0"\n')
    await program.alerts.pass_soon()

    status, said = await told()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{told.port}/metrics") as answer,
    ):
        metrics = (await answer.text()).splitlines()

    assert (status, said["alerts"]["rules"], said["alerts"]["pass_fault"]) == (200, 1, None)
    assert said["alerts"]["fault"].startswith("alerts.toml: line 3: when: ")
    assert said["alerts"]["pass_ts"] <= said["now"]
    assert {
        "perpscope_alert_rules 1.0",
        "perpscope_alert_rules_fault 1.0",
        'perpscope_alerts{state="firing"} 3.0',
        'perpscope_alert_passes{outcome="complete"} 2.0',
        'perpscope_alert_events{change="firing"} 3.0',
    } <= set(metrics)


async def test_rules_that_cannot_be_evaluated_are_a_trouble(told, program, monkeypatch):
    """The data comes in, but nobody would be told of anything."""

    def refuse(_rows):
        raise LakeError("the disk is full")

    monkeypatch.setattr(program.lake, "append_records", refuse)
    program.alerts.rules.path.write_text('[[rule]]\nname = "Any price"\nwhen = "price > 0"\n')
    program.lake.publish()
    await program.alerts.pass_soon()

    status, said = await told()

    assert (status, said["status"]) == (503, "degraded")
    assert said["alerts"]["pass_fault"] == "the disk is full"
