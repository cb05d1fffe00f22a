"""A step of the wall clock, injected: collecting goes on, and /healthz and the lake say so."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

import collector.service.app
from analytics.errors import RateLimited
from collector.runtime.clock import Clock
from collector.service import timetable
from collector.service.clock_steps import ClockSteps
from collector.service.health_server import health
from collector.service.lake_notes import KEPT
from collector.service.scheduler import Job
from tests.waiting import HANG_S


class SteppedClock(Clock):
    """A clock that a test makes jump; waiting and measuring waits know nothing of it."""

    ahead = timedelta()

    def now(self):
        return super().now() + SteppedClock.ahead


@pytest.fixture(autouse=True)
def step(monkeypatch):
    """Makes the collector's clock jump; the simulated venue's stays right."""
    honest = collector.service.app.simulator_clock

    async def stepped(address):
        clock = await honest(address)
        return SteppedClock(clock.origin, clock.speed, clock.started_at)

    monkeypatch.setattr(SteppedClock, "ahead", timedelta())
    monkeypatch.setattr(collector.service.app, "simulator_clock", stepped)

    def jump(seconds):
        SteppedClock.ahead += timedelta(seconds=seconds)

    return jump


async def cycled(program):
    """One cycle, stored."""
    record = await timetable.run_cycle(program, program.venues[0])
    assert await program.write_queue.finish(HANG_S)
    return record


def stored(program, query):
    with program.lake.cursor() as cursor:
        return cursor.execute(query).fetchall()


@pytest.mark.parametrize("seconds", [-3600, 3600])
async def test_a_step_is_found_said_and_written_down_once(program, step, seconds):
    """/healthz has the sentence; the lake has the step for Health; the log has it once."""
    await timetable.refresh_universe(program, program.venues[0])
    await cycled(program)
    await timetable.check_clock(program)
    assert health(program)["clock"] is None

    step(seconds)
    with capture_logs() as lines:
        await timetable.check_clock(program)
        await timetable.check_clock(program)

    (line,) = [line for line in lines if line["event"] == "clock stepped"]
    assert round(line["step_s"]) == seconds
    said = health(program)["clock"]
    assert said.startswith(f"the clock stepped by {seconds:+,} s at 2026-01-01 1")
    (kept,) = json.loads(program.lake.info()["clock_steps"])
    assert round(kept["step_s"]) == seconds
    shown = datetime(2026, 1, 1, 12, 30, tzinfo=UTC) + timedelta(seconds=seconds)
    assert shown <= datetime.fromisoformat(kept["at"]) < shown + timedelta(minutes=10)


async def test_jobs_are_put_on_the_timetable_anew_after_a_step_alone(program, step):
    """APScheduler counts in wall time: of a step back it would wait for as long as that was."""
    of_okx = program.schedulers["okx"]
    running = program.tasks.start("timetable", of_okx.run, "okx")
    of_okx.add([Job("hourly", timedelta(hours=1), program.write_queue.finish)])
    scheduler = of_okx._scheduler
    await asyncio.sleep(0)
    try:
        first = scheduler.get_job("hourly").next_run_time
        await timetable.check_clock(program)
        assert scheduler.get_job("hourly").next_run_time == first

        step(-1800)
        await timetable.check_clock(program)
        again = scheduler.get_job("hourly").next_run_time
    finally:
        await running.end()

    assert abs((again - first).total_seconds()) == pytest.approx(1800, abs=1)


async def test_rows_ahead_of_the_clock_degrade_health_until_the_next_cycle(program, step):
    """After a step back an age would be negative, which is not young but wrong."""
    await timetable.refresh_universe(program, program.venues[0])
    await cycled(program)
    assert health(program)["status"] == "ok"

    step(-3600)
    before = health(program)
    await cycled(program)
    after = health(program)

    assert (before["status"], before["venues"]["okx"]["ahead"]) == ("degraded", True)
    assert before["venues"]["okx"]["age_s"] >= 0
    assert after["venues"]["okx"]["ahead"] is False


async def test_a_step_ahead_makes_no_venue_silent(program, step):
    """It was heard of a moment ago, whatever the clock says now."""
    await timetable.refresh_universe(program, program.venues[0])
    await cycled(program)

    step(3600)

    said = health(program)
    assert (said["status"], said["venues"]["okx"]["silent"]) == ("ok", False)
    assert 0 <= said["venues"]["okx"]["age_s"] < 3600


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3600, "they are in the future; this machine's clock may be slow"),
        (3600, "they are over five minutes old; this machine's clock may be fast"),
    ],
)
async def test_a_clock_that_no_price_agrees_with_degrades_health(program, step, seconds, words):
    """Cycles go on and their rows are empty: that is not well, and says so until it is."""
    await timetable.refresh_universe(program, program.venues[0])
    step(seconds)
    apart = await cycled(program)
    during = health(program)
    step(-seconds)
    right = await cycled(program)
    after = health(program)

    assert apart.answered == 3
    assert apart.error == f"okx: all prices rejected: by the venue's own times {words}"
    assert (during["status"], during["venues"]["okx"]["error"]) == ("degraded", apart.error)
    assert stored(
        program,
        f"select count(price) from snapshots where received_ts <= '{apart.finished_ts}'"
        f" and received_ts >= '{apart.started_ts}'",
    ) == [(0,)]
    assert (right.error, after["status"]) == (None, "ok")


async def test_a_pause_that_a_venue_asked_for_is_no_longer_for_a_step_back(program, step):
    """Otherwise an hour's step would keep a venue silent for an hour more."""
    await timetable.refresh_universe(program, program.venues[0])
    budget = program.venues[0].budget
    until = program.clock.now() + timedelta(milliseconds=1)
    budget.pause_until(RateLimited("okx", "tickers", "slow down", until))
    await program.clock.sleep(0.01)

    step(-3600)

    assert budget.paused_until is None


async def test_no_row_is_lost_or_doubled_around_steps(program, step):
    """Ahead, back, and back once more: each cycle is stored once, under the time shown then."""
    await timetable.refresh_universe(program, program.venues[0])
    records = []
    for seconds in (0, 3600, -3600, -3600, 3600):
        step(seconds)
        records.append(await cycled(program))

    found = Counter(at for (at,) in stored(program, "select started_ts from cycles"))
    assert found == Counter(record.started_ts.replace(tzinfo=None) for record in records)
    rows = Counter(stored(program, "select symbol, received_ts from snapshots"))
    assert set(rows.values()) == {1}
    assert rows.total() == sum(record.answered for record in records)


async def test_bars_around_a_step_are_of_the_rows_under_their_times(program, step):
    """What was heard while the clock was ahead waits in bars of its own time."""
    await timetable.refresh_universe(program, program.venues[0])
    await cycled(program)
    step(3600)
    await cycled(program)
    step(600)
    await timetable.build_bars(program)
    step(-3600)
    await cycled(program)
    step(600)
    await timetable.build_bars(program)

    counts = dict(
        stored(program, "select ts, sum(snapshot_count) from bars group by ts order by ts")
    )
    heard = dict(
        stored(
            program,
            "select time_bucket(interval 5 minutes, received_ts::timestamp), count(*) "
            "from snapshots group by all order by 1",
        )
    )
    assert counts == heard


async def test_the_lake_keeps_the_newest_steps_alone(program):
    """A broken clock must not fill the catalog, which is copied with every publish."""
    steps = ClockSteps(program.clock, program.lake)
    for number in range(KEPT + 3):
        steps._offset_s -= 100 + number
        steps.look()

    kept = [round(one["step_s"]) for one in json.loads(program.lake.info()["clock_steps"])]
    assert kept == [100 + number for number in range(3, KEPT + 3)]


async def test_the_watch_outlives_a_lake_that_cannot_be_read(program, step):
    """The step is found, said and acted on all the same, and so is the next one."""
    catalog = program.lake.layout.catalog
    program.lake._session.close()
    catalog.rename(catalog.with_name("away"))

    step(-3600)
    with capture_logs() as lines:
        await timetable.check_clock(program)
    catalog.with_name("away").rename(catalog)
    first = program.clock_steps.newest
    step(3600)
    await timetable.check_clock(program)

    assert "clock step not saved for the Health page" in [line["event"] for line in lines]
    assert round(first.step_s) == -3600
    assert round(program.clock_steps.newest.step_s) == 3600
