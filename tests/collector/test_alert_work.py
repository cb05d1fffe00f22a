"""What pages have a collector do about alerts, over its socket, and what it refuses."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from analytics import query
from analytics.control import collector_socket
from analytics.control.commands import send
from analytics.errors import LakeError, PerpscopeError, RuleError
from analytics.lake.reader import Reader
from analytics.lake.records import AlertEvent
from analytics.lake.writer import Lake
from analytics.rules.alert_commands import (
    Acknowledge,
    AcknowledgeAll,
    EndSilence,
    SaveRules,
    Silence,
    digest,
)
from analytics.settings import LakeSettings
from collector.service.alert_work import AlertWork
from collector.service.control_socket import taking_work
from tests.collector.alerts.made import passes

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRED = AlertEvent(
    rule="Crowded longs",
    version="v1",
    subject="BTC",
    started_ts=START,
    change="firing",
    ts=START,
    per="asset",
    base="BTC",
    timeframe="5m",
    severity="warning",
    alert_group="crowd",
    condition="ls_accounts > 2",
    message="BTC is crowded",
    seen_values="{}",
    seen_ages_s="{}",
    channels="[]",
)
EPISODE = {"rule": FIRED.rule, "subject": FIRED.subject, "started_ts": START}


@pytest.fixture
async def page(tmp_path, clock, tasks):
    """Sends commands as a page does, to a collector with one firing alert, and reads the lake."""
    clock.elapsed_s = 60.0
    with Lake(tmp_path) as lake, ExitStack() as stack:
        lake.append_records([FIRED])
        lake.publish()
        reader = Reader(tmp_path)
        running = stack.enter_context(passes(lake, clock))

        class Page:
            settings = LakeSettings()
            rules = running.rules

            async def send(self, kind, **fields):
                works = AlertWork(self.settings, clock, lake, running).works()
                async with taking_work(tmp_path, works, tasks):
                    await asyncio.to_thread(send, tmp_path, kind, **fields)

            def episode(self):
                with reader.cursor() as cursor:
                    rows = query.fetch(cursor, "alert_episodes", now=clock.now(), since=START)
                return rows.iloc[0]

            def actions(self):
                with reader.cursor() as cursor:
                    return cursor.execute(
                        "select kind, id from alert_actions order by ts"
                    ).fetchall()

        yield Page()
        reader.close()


async def test_what_a_person_did_is_stored_once_and_shown_at_once(page, clock):
    await page.send(Acknowledge, id="seen", **EPISODE)
    until = clock.now() + HOUR
    await page.send(Silence, id="quiet", alert_group="crowd", until_ts=until, reason="Fed day")

    assert page.episode().acknowledged_ts == clock.now()
    assert page.episode().silenced_until == until

    # A page that lost the answer asks again, later.
    clock.elapsed_s += 30
    await page.send(Acknowledge, id="seen", **EPISODE)
    await page.send(EndSilence, id="loud", ends_id="quiet")

    assert page.actions() == [
        ("acknowledge", "seen"),
        ("silence", "quiet"),
        ("end_silence", "loud"),
    ]
    assert str(page.episode().silenced_until) == "NaT"


async def test_all_that_fires_is_acknowledged_by_one_command_and_once(page):
    unknown = {**EPISODE, "subject": "ETH"}
    with pytest.raises(RuleError, match="Crowded longs, ETH: there is no such alert"):
        await page.send(AcknowledgeAll, episodes=[EPISODE, unknown])
    for _ in range(2):
        await page.send(AcknowledgeAll, id="all", episodes=[EPISODE, EPISODE])

    kinds, ids = zip(*page.actions(), strict=True)
    assert kinds == ("acknowledge", "acknowledge")
    assert "all" in ids


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        (Acknowledge, {**EPISODE, "subject": "ETH"}, "Crowded longs, ETH: there is no such alert"),
        (Silence, {"until_ts": START}, "would end at 2026-01-01 00:00 UTC"),
        (Silence, {"until_ts": START + 400 * 24 * HOUR}, "within 366 days"),
        (Silence, {"until_ts": START + HOUR, "reason": "x" * 501}, "reason: .* at most 500"),
        (Silence, {"until_ts": START.replace(tzinfo=None)}, "until_ts: .* timezone"),
        (Silence, {"until_ts": START + HOUR, "everything": True}, "everything: Extra"),
        (EndSilence, {"ends_id": "quiet"}, "over already"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_a_sentence(page, kind, fields, reason):
    with pytest.raises(RuleError, match=reason):
        await page.send(kind, **fields)

    assert page.actions() == []


@pytest.mark.parametrize(
    ("editors", "token", "refused"),
    [
        ("loopback", None, None),
        ("off", None, "switched off"),
        ("token", None, "needs the edit token"),
        ("token", "wrong", "token is wrong"),
        ("token", "a token of 20 letters", None),
    ],
)
async def test_the_collector_asks_who_may_edit(page, editors, token, refused):
    """A page that forgets to ask changes nothing all the same."""
    page.settings = LakeSettings(edit_rules=editors, edit_token=SecretStr("a token of 20 letters"))
    if refused is None:
        await page.send(Acknowledge, token=token, **EPISODE)
    else:
        with pytest.raises(RuleError, match=refused):
            await page.send(Acknowledge, token=token, **EPISODE)

    assert len(page.actions()) == (refused is None)


async def test_saved_rules_run_before_the_page_hears_of_it(page):
    """Wrong ones are refused with the line, and change nothing."""
    page.rules.look(START)
    before = page.rules.path.read_text()
    for text, reason in (
        (before.replace("> 2", "> two"), "line 4: when: .*no value is called 'two'"),
        ("#" * 1_000_001, "text: .* at most 1000000 characters"),
    ):
        with pytest.raises(RuleError, match=reason):
            await page.send(SaveRules, text=text, replaces=digest(before))
    assert page.rules.path.read_text() == before

    fewer = before.partition('[[rule]]\nname = "Patient"')[0]
    await page.send(SaveRules, text=fewer, replaces=digest(before))

    assert [rule.name for rule in page.rules.rules] == ["At once"]
    with pytest.raises(RuleError, match="changed since this edit began"):
        await page.send(SaveRules, text=before, replaces=digest(before))


async def test_without_a_collector_nothing_is_written_and_it_is_said(page, tmp_path):
    with pytest.raises(LakeError, match="no collector is running, so nothing was changed"):
        send(tmp_path, Acknowledge, **EPISODE)

    assert page.actions() == []


async def test_a_collector_that_cannot_answer_is_said(tmp_path, tasks, monkeypatch):
    """One of an earlier version, one that fails, one that is asked too much, one that hangs."""
    hung = asyncio.Event()

    def fail(_asked, _report):
        raise ZeroDivisionError

    async def hang(_asked, _report):
        await hung.wait()

    async with taking_work(tmp_path, {"fail": fail, "hang": hang}, tasks):
        for name, asked, reason in (
            ("save_rules", {}, "cannot save rules; it is of an earlier version"),
            ("fail", {}, "the collector failed; see its log"),
            ("fail", {"text": "x" * 5_000_000}, "too large for the collector"),
        ):
            with pytest.raises(PerpscopeError, match=reason):
                await asyncio.to_thread(collector_socket.have_done, tmp_path, name, asked)
        monkeypatch.setattr(collector_socket, "TIMEOUT_S", 0.1)
        with pytest.raises(LakeError, match="did not answer"):
            await asyncio.to_thread(collector_socket.have_done, tmp_path, "hang", {})
