"""One message for all that waits for a channel, within what its service takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.alerts import digest
from collector.alerts.delivery_queue import Waiting
from collector.alerts.sending import Service

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
MAIL = Service("E-Mail", title_maxlen=250, body_maxlen=32768)
TELEGRAM = Service("Telegram", title_maxlen=0, body_maxlen=4096)
DISCORD = Service("Discord", title_maxlen=250, body_maxlen=2000)
TINY = Service("SMS", title_maxlen=0, body_maxlen=140)


def waiting(base="BTC", minutes=5, **other):
    fields = {
        "channel": "phone",
        "rule": "OI spike",
        "version": "v1",
        "subject": f"binance {base}/USDT:USDT",
        "started_ts": NOON,
        "change": "firing",
        "ts": NOON + timedelta(minutes=minutes),
        "due_ts": NOON + timedelta(minutes=minutes),
        "per": "pair",
        "venue": "binance",
        "symbol": f"{base}/USDT:USDT",
        "base": base,
        "severity": "warning",
        "alert_group": "OI spike",
        "message": f"{base} Binance: z of OI change 3.1",
        "ended_ts": None,
        "attempts": 0,
        "is_silenced": False,
        "inhibited_by": None,
    }
    return Waiting(**(fields | other))


def test_one_alert_is_its_message():
    message = digest.message([waiting()], MAIL)

    assert message.title == "Warning: OI spike: BTC Binance"
    assert message.body == "Warning: 12:05 BTC Binance: z of OI change 3.1\n\nTimes are UTC."


def test_a_message_that_does_not_name_its_subject_gets_it():
    message = digest.message([waiting(message="crowded")], MAIL)

    assert "12:05 BTC Binance: crowded" in message.body


def test_a_simulated_market_is_called_so():
    """A demo beside the real thing sends to the same phone."""
    assert digest.message([waiting()], MAIL, simulated=True).title.startswith("Simulated market: ")


def test_a_group_is_told_once_with_its_first_lines_and_the_rest_counted():
    rows = [waiting(f"C{n:02}") for n in range(47)]

    message = digest.message(rows, MAIL)

    assert message.title == "Warning: OI spike: 47 pairs"
    lines = message.body.splitlines()
    assert lines[0] == "Warning: OI spike: 47 pairs"
    assert lines[1] == "12:05 C00 Binance: z of OI change 3.1"
    assert lines[11] == "and 37 more pairs"


def test_groups_are_sections_the_gravest_first_and_what_is_over_last():
    market = {"per": "market", "symbol": None, "venue": None, "base": None, "subject": "market"}
    flush = {"rule": "Flush", "alert_group": "crash", "severity": "critical"}
    rows = [
        waiting("BTC", change="resolved", minutes=25),
        waiting("ETH"),
        waiting("SOL"),
        waiting(**market, **flush, message="Market: liquidations 3 sigma"),
        waiting("XRP", **flush | {"severity": "info"}, message="XRP Binance: flush"),
        waiting("DOT", rule="Flip", alert_group="flip", ended_ts=NOON + timedelta(minutes=9)),
    ]

    message = digest.message(rows, TELEGRAM)

    assert message.title == "Critical: 5 alerts in 3 groups"
    assert message.body.splitlines() == [
        "Critical: crash: 2 alerts",
        "12:05 Market: liquidations 3 sigma",
        "12:05 XRP Binance: flush",
        "",
        "Warning: OI spike: 2 pairs",
        "12:05 ETH Binance: z of OI change 3.1",
        "12:05 SOL Binance: z of OI change 3.1",
        "",
        "Warning: 12:05 DOT Binance: z of OI change 3.1 (over at 12:09)",
        "",
        "Resolved: 12:25 OI spike: BTC Binance, after 25 min",
        "",
        "Times are UTC.",
    ]


def test_what_is_over_alone_is_titled_so():
    one = digest.message([waiting(change="resolved")], MAIL)
    two = digest.message([waiting(change="resolved"), waiting("ETH", change="resolved")], MAIL)

    assert one.title == "Resolved: OI spike: BTC Binance"
    assert two.title == "Resolved: OI spike: 2 pairs"


@pytest.mark.parametrize("service", [MAIL, TELEGRAM, DISCORD, TINY])
@pytest.mark.parametrize("groups", [1, 20, 300])
def test_thousands_of_alerts_are_one_message_that_fits(service, groups):
    """And it says how many there are, however little fits."""
    rows = [
        waiting(f"C{n}", alert_group=f"group {n % groups}", message=f"C{n} Binance: {'x' * 200}")
        for n in range(2000)
    ]

    message = digest.message(rows, service)

    assert "2,000" in message.title
    assert len(message.title) <= (service.title_maxlen or digest.LONGEST_TITLE)
    shown = len(message.body) + (0 if service.title_maxlen else len(message.title) + 2)
    assert shown <= service.body_maxlen
    assert len(message.body.splitlines()) < 3 * digest.LINES


def test_hostile_names_act_on_nothing():
    """A line break would begin another alert, or another header of a mail."""
    rows = [waiting(rule="a\r\nBcc: x", message="BTC Binance: \x1b[2J\u202e\n12:06 ETH")]

    message = digest.message(rows, MAIL)

    assert message.title == r"Warning: a\u000d\u000aBcc: x: BTC Binance"
    assert message.body.splitlines()[0] == (
        r"Warning: 12:05 BTC Binance: \u001b[2J\u202e 12:06 ETH"
    )
