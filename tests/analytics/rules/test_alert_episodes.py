"""Episodes as the lake's events and people's actions tell of them, at any moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from analytics import query
from analytics.lake.reader import Reader
from analytics.lake.records import AlertAction, AlertEvent
from analytics.lake.writer import Lake

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at(minutes):
    return START + timedelta(minutes=minutes)


def event(change, minutes, *, subject="BTC", started=0, message="", **other):
    fields = {
        "rule": "Crowded longs",
        "version": "v1",
        "per": "asset",
        "base": subject,
        "timeframe": "5m",
        "severity": "warning",
        "alert_group": "crowd",
        "condition": "ls_accounts > 2",
        "seen_values": f'{{"ls_accounts": {minutes}}}',
        "seen_ages_s": "{}",
        "channels": "[]",
    }
    return AlertEvent(
        subject=subject,
        change=change,
        ts=at(minutes),
        started_ts=at(started),
        message=message,
        **(fields | other),
    )


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alerts")
    with Lake(folder) as lake:
        lake.append_records(
            [
                event("pending", 0),
                event("firing", 10, message="BTC is crowded"),
                event("clearing", 20),
                event("resolved", 25, message="over"),
                event("pending", 3, subject="ETH", started=3),
                event("dropped", 6, subject="ETH", started=3),
                event("firing", 30, subject="SOL", started=30, message="SOL is crowded"),
                AlertAction(
                    id="a",
                    ts=at(12),
                    kind="acknowledge",
                    rule="Crowded longs",
                    subject="BTC",
                    started_ts=at(0),
                ),
                AlertAction(
                    id="b", ts=at(12), kind="silence", alert_group="crowd", until_ts=at(60)
                ),
                AlertAction(id="c", ts=at(12), kind="silence", subject="ETH", until_ts=at(90)),
                AlertAction(id="d", ts=at(32), kind="end_silence", ends_id="b"),
                # One that names none, as of a foreign tool, ends none.
                AlertAction(id="e", ts=at(11), kind="end_silence"),
            ]
        )
        lake.publish()
    return Reader(folder)


def seen(reader, minutes, since=0):
    with reader.cursor() as cursor:
        rows = query.fetch(cursor, "alert_episodes", now=at(minutes), since=at(since))
    return rows.set_index("subject")


def test_an_episode_is_followed_from_pending_to_its_end(reader):
    assert seen(reader, 5).phase.to_dict() == {"ETH": "pending", "BTC": "pending"}
    assert seen(reader, 11).phase.to_dict() == {"BTC": "firing", "ETH": "dropped"}
    # Over, but for so long only when it is resolved.
    assert seen(reader, 22).phase["BTC"] == "firing"
    ended = seen(reader, 26).loc["BTC"]
    assert (ended.phase, ended.message) == ("resolved", "BTC is crowded")
    assert ended.seen_values == '{"ls_accounts": 10}'
    assert (ended.fired_ts, ended.ended_ts) == tuple(at(minutes) for minutes in (10, 25))


def test_what_ended_before_the_span_is_left_out_and_what_is_open_never(reader):
    assert list(seen(reader, 45, since=40).index) == ["SOL"]


def test_actions_hold_for_what_they_name_and_from_when_they_were_taken(reader):
    assert seen(reader, 11).acknowledged_ts.isna().all()
    acknowledged = seen(reader, 13).acknowledged_ts
    assert acknowledged.notna().to_dict() == {"BTC": True, "ETH": False}
    silenced = seen(reader, 31).silenced_until
    assert silenced["SOL"] == at(60)
    assert silenced["ETH"] == at(90)
    # The group's silence was ended; that of a subject stands.
    assert seen(reader, 33).silenced_until.notna().to_dict() == {
        "SOL": False,
        "BTC": False,
        "ETH": True,
    }
