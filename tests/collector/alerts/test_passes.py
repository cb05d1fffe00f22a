"""Passes on a real lake: what is stored, what outlives a restart, and what holds nothing up."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from datetime import timedelta

import pytest

from analytics import query
from analytics.errors import LakeError
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake
from analytics.rules import status
from collector.runtime.published import Published
from tests.collector.alerts.made import MINUTE, START, Minutes, frame, passes
from tests.waiting import HANG_S


@pytest.fixture
def lake(tmp_path):
    with Lake(tmp_path) as opened:
        opened.publish()
        yield opened


class Values:
    """What the frames hold from now on."""

    def __init__(self, **values):
        self.values = values
        self.passes = 0

    def __call__(self, _cursor, _rules, _now):
        self.passes += 1
        return {("asset", "5m"): frame(self.values)}


def stored(lake):
    """Return (rule, change, minute) of the events that readers see."""
    reader = Reader(lake.layout.folder)
    with reader.cursor() as cursor:
        rows = cursor.execute("select rule, change, ts from alert_events order by ts, rule, change")
        found = rows.fetchall()
    reader.close()
    return [
        (rule, change, (ts.replace(tzinfo=START.tzinfo) - START) / MINUTE)
        for rule, change, ts in found
    ]


def test_an_event_is_stored_with_what_the_rule_saw(lake):
    with passes(lake, Minutes(3), Values(BTC=2.5, ETH=0)) as running:
        assert stat.S_IMODE(running.rules.path.stat().st_mode) == 0o600
        running.pass_now()
        reader = Reader(lake.layout.folder)
        with reader.cursor() as cursor:
            rows = query.fetch(cursor, "alert_episodes", now=START + 3 * MINUTE, since=START)
        reader.close()

    firing, pending = rows.to_dict("records")
    assert (firing["phase"], firing["subject"], firing["per"], firing["base"]) == (
        *("firing", "BTC", "asset", "BTC"),
    )
    assert (firing["condition"], json.loads(firing["seen_values"])) == ("(z_oi > 2)", {"z_oi": 2.5})
    assert firing["message"] == "At once: BTC"
    assert (pending["rule"], pending["phase"], pending["severity"]) == (
        *("Patient", "pending", "critical"),
    )
    assert running.by_phase() == {"firing": 1, "pending": 1}


def test_an_edited_rule_ends_what_it_had_begun_and_begins_anew(lake):
    clock, values = Minutes(), Values(BTC=2.5)
    with passes(lake, clock, values) as running:
        running.pass_now()
        clock.minute = 1
        text = running.rules.path.read_text()
        running.rules.path.write_text(text.replace("z_oi > 2", "z_oi > 2.2").replace("2m", "3m"))
        running.pass_now()

    assert stored(lake) == [
        *[("At once", "firing", 0), ("Patient", "pending", 0)],
        *[("At once", "firing", 1), ("At once", "resolved", 1)],
        *[("Patient", "dropped", 1), ("Patient", "pending", 1)],
    ]
    # Removed while no collector ran: what was open ends with the next one.
    clock.minute = 2
    running.rules.path.write_text("# none")
    with passes(lake, clock, values) as running:
        running.pass_now()
        assert stored(lake)[6:] == [("At once", "resolved", 2), ("Patient", "dropped", 2)]


def test_what_has_no_data_any_more_ends_after_a_day(lake):
    """What is delisted, or left the largest pairs, would fire for ever; a gap ends nothing."""
    clock, values, hour = Minutes(), Values(BTC=2.5, ETH=2.5), 60
    with passes(lake, clock, values) as running:
        running.pass_now()
        for clock.minute in (1, 23 * hour):
            values.values = {"ETH": None}
            running.pass_now()
        values.values = {"BTC": 2.5, "ETH": None}
        clock.minute = 24 * hour
        running.pass_now()
        assert [change for _, change, minute in stored(lake) if minute > 1] == ["firing"]
        values.values = {"ETH": None}
        for clock.minute in (25 * hour, 49 * hour - 1):
            running.pass_now()
        before = stored(lake)
        clock.minute = 49 * hour
        running.pass_now()

        ends = [("At once", "resolved", 49 * hour), ("Patient", "resolved", 49 * hour)]
        assert stored(lake) == [*before, *ends]
        # Absent values are no lack of data.
        running.pass_now()
        assert (running.by_phase()["firing"], running.by_phase()["pending"]) == (1, 1)
        with lake.cursor() as cursor:
            last = "select subject, message from alert_events order by ts desc limit 1"
            subject, message = cursor.execute(last).fetchone()
        assert (subject, message.startswith("no data any more")) == ("BTC", True)


def test_a_clock_set_back_changes_nothing_of_what_is_open(lake):
    clock, values = Minutes(10), Values(BTC=2.5)
    with passes(lake, clock, values) as running:
        running.pass_now()
    before = stored(lake)
    values.values = {"BTC": -1}
    for minute in (10, 5, 0):
        clock.minute = minute
        with passes(lake, clock, values) as running:
            running.pass_now()
            running.pass_now()
    assert stored(lake) == before

    clock.minute = 11
    with passes(lake, clock, values) as running:
        running.pass_now()
    assert stored(lake)[2:] == [("At once", "resolved", 11), ("Patient", "dropped", 11)]


def test_a_lake_that_takes_nothing_loses_no_event_and_stores_none_twice(lake, monkeypatch):
    """The pass after it stores what is still so; a commit that was reported lost is seen."""
    clock = Minutes()
    append = lake.append_records

    def refuse(_rows):
        raise LakeError("the disk is full")

    def lose_the_answer(rows):
        append(rows)
        raise LakeError("the disk answered with an error")

    with passes(lake, clock, Values(BTC=2.5)) as running:
        for minute, store in enumerate((refuse, lose_the_answer, append, append)):
            clock.minute = minute
            monkeypatch.setattr(lake, "append_records", store)
            running.pass_now()

        assert (running.totals.failed, running.totals.complete) == (2, 2)
        assert stored(lake) == [
            *[("At once", "firing", 1), ("Patient", "pending", 1), ("Patient", "firing", 3)],
        ]


def test_how_the_rules_stand_is_a_fact_of_the_lake(lake):
    clock, values = Minutes(), Values(BTC=2.5)
    with passes(lake, clock, values) as running:
        running.pass_now()
        first = status.status(lake.info())
        assert (first.rules, first.fault, first.pass_ts) == (2, None, START)
        assert status.running(lake.info()) == running.rules.path.read_text()

        # Not with each pass, as each is a commit; a fault at once.
        clock.minute = 1
        running.pass_now()
        assert status.status(lake.info()) == first
        running.rules.path.write_text("rule = 1")
        running.pass_now()
        faulty = status.status(lake.info())
        assert (faulty.rules, faulty.fault_ts) == (2, START + MINUTE)
        assert faulty.fault == "alerts.toml: write each rule as a [[rule]] table"
        assert "At once" in status.running(lake.info())
        clock.minute = 6
        running.pass_now()
        assert status.status(lake.info()).pass_ts == START + timedelta(minutes=6)


async def test_a_slow_pass_leaves_out_later_ones_and_holds_nothing_up(lake):
    clock, values, published = Minutes(), Values(BTC=2.5), Published()
    began, go_on = threading.Event(), threading.Event()

    def slow(*asked):
        began.set()
        assert go_on.wait(HANG_S)
        return values(*asked)

    async def until_passes(count):
        async with asyncio.timeout(HANG_S):
            while values.passes < count:
                await asyncio.sleep(0.01)

    with passes(lake, clock, slow) as running:
        task = asyncio.create_task(running.run(published))
        published.add()
        assert await asyncio.to_thread(began.wait, HANG_S)
        for minute in range(1, 4):
            clock.minute = minute
            published.add()
            # Neither the loop nor the lake waits for it.
            lake.set_info(cycle=str(minute))
            lake.publish()
        go_on.set()
        await until_passes(2)
        published.add()
        await until_passes(3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert running.totals.skipped == 2
    assert stored(lake)[:2] == [("At once", "firing", 0), ("Patient", "pending", 0)]


async def test_a_slow_pass_does_not_hold_up_the_end_and_stores_nothing_after_it(tmp_path):
    """What was collected last is stored while it still reads; the lake may be another's by then."""
    began, go_on = threading.Event(), threading.Event()

    def slow(*_asked):
        began.set()
        assert go_on.wait(HANG_S)
        return {("asset", "5m"): frame({"BTC": 2.5})}

    with Lake(tmp_path) as lake:
        lake.publish()
        with passes(lake, Minutes(), slow) as running:
            passing = asyncio.create_task(running.pass_soon())
            assert await asyncio.to_thread(began.wait, HANG_S)
        lake.set_info(last="stored")
    go_on.set()
    await passing

    with Lake(tmp_path) as lake:
        assert lake.info()["last"] == "stored"
        assert stored(lake) == []
        assert status.status(lake.info()) is None


def test_saved_rules_run_at_once(lake):
    with passes(lake, Minutes(), Values(BTC=2.5)) as running:
        running.pass_now()
        running.save_rules(running.rules.path.read_text().replace("z_oi > 2", "z_oi > 3"), None)

        assert running.status.fault is None
        assert stored(lake)[2:] == [("At once", "resolved", pytest.approx(0, abs=0.001))]


def test_two_thousand_firings_are_one_commit(lake):
    bases = {f"B{number}": 2.5 for number in range(2000)}
    with passes(lake, Minutes(), Values(**bases)) as running:
        running.pass_now()

        assert len(stored(lake)) == 4000
        assert running.totals.events == {"firing": 2000, "pending": 2000}
        reader = Reader(lake.layout.folder)
        with reader.cursor() as cursor:
            query.fetch(cursor, "alert_episodes", now=START, since=START)
            files = cursor.execute("from ducklake_list_files(current_catalog(), 'alert_events')")
            assert len(files.fetchall()) == 1
        reader.close()
