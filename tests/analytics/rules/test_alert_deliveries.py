"""What is still to be sent to which channel, and how that goes, as the lake tells it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics import query
from analytics.lake.records import AlertAction, AlertDelivery, AlertEvent
from analytics.lake.writer import Lake

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at(minutes):
    return START + timedelta(minutes=minutes)


def event(change, minutes, *, subject="BTC", channels='["phone", "desk"]', **other):
    """Something that happened to an episode that started at 0."""
    return AlertEvent(
        rule=other.pop("rule", "Crowded longs"),
        version="v1",
        subject=subject,
        started_ts=at(0),
        change=change,
        ts=at(minutes),
        per=other.pop("per", "asset"),
        base=subject,
        timeframe="5m",
        severity=other.pop("severity", "warning"),
        alert_group=other.pop("alert_group", "crowd"),
        condition="ls_accounts > 2",
        message=f"{subject} is {change}",
        seen_values="{}",
        seen_ages_s="{}",
        channels=channels,
        **other,
    )


def delivery(channel, change, minutes, outcome, *, subject="BTC", attempt=1, error=None):
    return AlertDelivery(
        channel=channel,
        rule="Crowded longs",
        version="v1",
        subject=subject,
        started_ts=at(0),
        change=change,
        attempt=attempt,
        ts=at(minutes),
        outcome=outcome,
        error=error,
    )


def silence(minutes, until, *, number="s", **names):
    return AlertAction(id=number, ts=at(minutes), kind="silence", until_ts=at(until), **names)


@pytest.fixture
def ask(tmp_path):
    """Stores records and returns the rows of a query at a minute."""
    with Lake(tmp_path, reserve_bytes=0) as lake:

        def ask(name, minutes, *records):
            lake.append_records(records)
            with lake.cursor() as cursor:
                return query.fetch(cursor, name, now=at(minutes))

        ask.lake = lake
        yield ask


def waiting(rows):
    return [tuple(row) for row in rows[["channel", "subject", "change"]].to_numpy()]


def test_a_firing_alert_waits_for_each_channel_of_its_rule_until_it_is_done_with(ask):
    """A failed attempt is not the end of it; sent, given up and silenced are."""
    first = ask(
        "alerts_waiting",
        10,
        event("pending", 0),
        event("firing", 5),
        event("firing", 5, subject="ETH", channels="[]"),
    )
    assert waiting(first) == [("desk", "BTC", "firing"), ("phone", "BTC", "firing")]
    assert first.attempts.tolist() == [0, 0]

    second = ask(
        "alerts_waiting",
        10,
        delivery("phone", "firing", 6, "sent"),
        delivery("desk", "firing", 6, "failed", error="timed out"),
        delivery("desk", "firing", 7, "failed", attempt=2, error="timed out"),
    )
    assert waiting(second) == [("desk", "BTC", "firing")]
    assert second.attempts.tolist() == [2]

    assert ask("alerts_waiting", 10, delivery("desk", "firing", 8, "given up", attempt=3)).empty


def test_a_channel_that_a_rule_names_twice_is_one(ask):
    rows = ask("alerts_waiting", 6, event("firing", 5, channels='["Phone", "desk", "phone"]'))

    assert rows.channel.tolist() == ["desk", "phone"]


def test_resolved_is_sent_where_firing_was_and_nowhere_else(ask):
    """Whoever was not told that it fires is not told that it ended."""
    rows = ask(
        "alerts_waiting",
        30,
        event("firing", 5),
        event("resolved", 20),
        delivery("phone", "firing", 6, "sent"),
        delivery("desk", "firing", 6, "failed"),
    )

    assert waiting(rows) == [("desk", "BTC", "firing"), ("phone", "BTC", "resolved")]
    ended = rows.set_index("channel").ended_ts
    assert ended["desk"] == at(20)
    assert pd.isna(ended["phone"])

    told = ask(
        "alerts_waiting",
        30,
        delivery("phone", "resolved", 21, "sent"),
        delivery("desk", "firing", 22, "given up", attempt=2),
    )
    assert told.empty


def test_what_happens_later_and_what_is_a_week_old_is_not_there(ask):
    records = [event("firing", 5)]

    assert ask("alerts_waiting", 4, *records).empty
    assert len(ask("alerts_waiting", 6)) == 2
    assert ask("alerts_waiting", 5 + 7 * 24 * 60).empty


@pytest.mark.parametrize(
    ("actions", "silenced"),
    [
        pytest.param([silence(1, 7)], False, id="only when it fired"),
        pytest.param([silence(8, 60, subject="BTC")], True, id="now"),
        pytest.param([silence(1, 4), silence(6, 9, number="t")], False, id="neither"),
        pytest.param([silence(1, 60, rule="Funding flip")], False, id="another rule"),
        pytest.param([silence(1, 60, alert_group="crowd", subject="ETH")], False, id="one of two"),
        pytest.param(
            [silence(1, 60), AlertAction(id="e", ts=at(3), kind="end_silence", ends_id="s")],
            False,
            id="ended before it fired",
        ),
        pytest.param(
            [silence(1, 60), AlertAction(id="e", ts=at(7), kind="end_silence", ends_id="s")],
            False,
            id="ended after it fired",
        ),
    ],
)
def test_what_fires_is_silenced_while_a_silence_holds(ask, actions, silenced):
    rows = ask("alerts_waiting", 10, event("firing", 5), *actions)

    assert rows.is_silenced.tolist() == [silenced, silenced]


def test_what_is_over_stays_silenced_if_it_was_when_it_fired(ask):
    rows = ask("alerts_waiting", 10, event("firing", 5), event("resolved", 6), silence(1, 7))

    assert rows.is_silenced.tolist() == [True, True]


@pytest.mark.parametrize(
    ("market", "inhibited"),
    [
        pytest.param([{}], True, id="it fires"),
        pytest.param([{"severity": "warning"}], False, id="it is not graver"),
        pytest.param([{"alert_group": "other"}], False, id="another group"),
        pytest.param([{"channels": '["mail"]'}], False, id="not told there"),
        pytest.param([{}, {"change": "resolved", "minutes": 7}], False, id="it is over since"),
        pytest.param([{}, {"change": "resolved", "minutes": 4}], False, id="it was over before"),
    ],
)
def test_a_graver_alert_of_the_market_keeps_the_rest_of_its_group_out(ask, market, inhibited):
    """It says that they all moved; itself it is told."""
    of_market = [
        event(
            one.pop("change", "firing"),
            one.pop("minutes", 3),
            subject="market",
            rule="Flush",
            per="market",
            **{"severity": "critical"} | one,
        )
        for one in [dict(one) for one in market]
    ]
    rows = ask("alerts_waiting", 10, event("firing", 5, channels='["phone"]'), *of_market)

    by_rule = rows[rows.channel != "mail"].groupby("rule").inhibited_by.first()
    assert pd.isna(by_rule.get("Flush"))
    assert (by_rule["Crowded longs"] == "Flush") is inhibited


def test_what_a_graver_alert_kept_out_waits_again_once_that_is_over(ask):
    """If it still fires: what is over by then is not told after all."""
    market = {"subject": "market", "rule": "Flush", "per": "market", "severity": "critical"}
    events = [event("firing", 5, subject=name) for name in ("BTC", "ETH")]
    kept_out = delivery("phone", "firing", 6, "silenced", error="inhibited by Flush")
    later = (event("resolved", 7, subject="ETH"), event("resolved", 8, **market))

    def waiting(now, *rows):
        found = ask("alerts_waiting", now, *rows)
        found = found[(found.channel == "phone") & (found.per == "asset")].set_index("subject")
        return found[["due_ts", "inhibited_by"]].replace({float("nan"): None}).T.to_dict("list")

    assert [*waiting(6, *events, event("firing", 4, **market))] == ["BTC", "ETH"]
    assert [*waiting(7, kept_out)] == ["ETH"]
    assert waiting(9, *later) == {"BTC": [at(8), None], "ETH": [at(8), "Flush"]}


def test_each_channel_says_when_it_worked_and_since_when_it_does_not(ask):
    """What is silenced does not wait; what was given up is counted for a day."""
    rows = ask(
        "alert_deliveries",
        60,
        event("firing", 5),
        event("firing", 30, subject="ETH"),
        event("firing", 30, subject="SOL"),
        silence(31, 90, subject="SOL"),
        delivery("phone", "firing", 6, "failed", error="timed out"),
        delivery("phone", "firing", 7, "sent", attempt=2),
        delivery("phone", "firing", 31, "sent", subject="ETH"),
        delivery("desk", "firing", 6, "sent"),
        delivery("desk", "firing", 32, "failed", subject="ETH", error="HTTP 500"),
        delivery("desk", "firing", 40, "failed", subject="ETH", attempt=2, error="HTTP 404"),
    ).set_index("channel")

    desk, phone = rows.loc["desk"], rows.loc["phone"]
    assert (desk.last_sent_ts, desk.failing_since_ts) == (at(6), at(32))
    assert (desk.newest_error, desk.newest_error_ts) == ("HTTP 404", at(40))
    assert (desk.waiting, desk.waiting_since_ts, desk.given_up) == (1, at(30), 0)
    assert phone.last_sent_ts == at(31)
    assert pd.isna(phone.failing_since_ts)
    assert (phone.waiting, phone.newest_error) == (0, "timed out")

    later = ask(
        "alert_deliveries", 60, delivery("desk", "firing", 50, "given up", subject="ETH", attempt=3)
    ).set_index("channel")
    assert (later.waiting["desk"], later.given_up["desk"]) == (0, 1)


def test_a_channel_that_nothing_was_tried_on_yet_has_a_row(ask):
    rows = ask("alert_deliveries", 6, event("firing", 5, channels='["new"]'))

    assert rows.channel.tolist() == ["new"]
    assert rows.waiting.tolist() == [1]
    assert rows.last_sent_ts.isna().all()


def test_a_channel_that_is_set_up_has_a_row_before_anything_is_sent(ask):
    """One whose address does not parse is seen before an alert needs it."""
    fault = "its address is incomplete or wrong for tgram://"
    facts = {
        "phone": {"service": None, "fault": fault},
        "desk": {"service": "Discord", "fault": None},
    }
    ask.lake.set_info(alert_channels=json.dumps(facts))

    rows = ask("alert_deliveries", 6, event("firing", 5, channels='["desk", "mail"]'))

    assert rows.channel.tolist() == ["desk", "mail", "phone"]
    assert rows.waiting.tolist() == [1, 1, 0]
    assert [row if isinstance(row, str) else None for row in rows.service] == [
        *("Discord", None, None)
    ]
    assert [row if isinstance(row, str) else None for row in rows.fault] == [None, None, fault]
