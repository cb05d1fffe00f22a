"""Alerts of a real lake, sent to services on loopback that take them, refuse them or hang."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import prometheus_client
import pytest
import structlog
from pydantic import SecretStr

from analytics.lake.records import AlertAction, AlertEvent
from analytics.lake.writer import Lake
from collector.alerts import channels, delivery, sending
from collector.alerts.delivery import Delivery
from collector.alerts.delivery_queue import DeliveryQueue
from collector.runtime.guarded_tasks import GuardedTasks
from collector.runtime.published import Published
from tests.waiting import HANG_S


class Desk:
    """A lake, and what delivers its alerts."""

    def __init__(self, folder, clock):
        self.folder, self.clock = folder, clock
        self.given = {}
        self.lake = Lake(folder, reserve_bytes=0)
        self.registry = None
        self.passed = Published()

    @asynccontextmanager
    async def delivering(self):
        """Deliver within the block, as after a restart."""
        self.registry = prometheus_client.CollectorRegistry()
        with DeliveryQueue(self.lake, self.clock, self.clock, self.registry) as queue:
            async with GuardedTasks(self.clock) as tasks:
                found = lambda: channels.read(self.folder, self.given)  # noqa: E731
                delivery = Delivery(queue, found, tasks)
                tasks.start("alert delivery", partial(delivery.run, self.passed))
                yield delivery

    def happens(self, change, *bases, ago_s=0, **other):
        """Something happened to an alert of each of *bases*."""
        fields = {
            "rule": "OI spike",
            "version": "v1",
            "started_ts": self.clock.start,
            "per": "asset",
            "timeframe": "5m",
            "severity": "warning",
            "alert_group": "OI spike",
            "condition": "z_oi > 2.5",
            "seen_values": "{}",
            "seen_ages_s": "{}",
            "channels": '["web"]',
        }
        ts = self.clock.now() - timedelta(seconds=ago_s)
        self.lake.append_records(
            AlertEvent(
                subject=base,
                base=base,
                change=change,
                ts=ts,
                message=f"{base}: z of OI change 3.1",
                **(fields | other),
            )
            for base in bases
        )
        self.passed.add()

    def attempts(self, *columns):
        """Return what was stored of attempts, in their order."""
        names = ", ".join(columns or ("channel", "subject", "change", "attempt", "outcome"))
        with self.lake.cursor() as cursor:
            return cursor.execute(
                f"select {names} from alert_deliveries order by ts, channel, subject, change"
            ).fetchall()

    def metrics(self):
        return prometheus_client.generate_latest(self.registry).decode()

    async def until(self, condition):
        async with asyncio.timeout(HANG_S):
            while not condition():
                await asyncio.sleep(0.1)

    async def stored(self, number, outcome="sent"):
        await self.until(lambda: [row[-1] for row in self.attempts()].count(outcome) >= number)


@pytest.fixture
async def desk(tmp_path, clock, sink):
    made = Desk(tmp_path, clock)
    made.given["web"] = SecretStr(sink.address)
    yield made
    made.lake.close()


async def test_alerts_of_a_cycle_are_one_message_and_a_restart_tells_nothing_twice(desk, sink):
    """What is resolved is told where firing was; what the lake says was sent is not sent again."""
    desk.happens("firing", "BTC", "ETH")
    async with desk.delivering():
        await desk.stored(2)
    (message,) = sink.messages
    assert message["title"] == "Warning: OI spike: 2 assets"
    assert "BTC: z of OI change" in message["message"]

    async with desk.delivering():
        desk.happens("resolved", "BTC")
        await desk.stored(3)
    assert [message["title"] for message in sink.messages[1:]] == ["Resolved: OI spike: BTC"]
    assert desk.attempts() == [
        ("web", "BTC", "firing", 1, "sent"),
        ("web", "ETH", "firing", 1, "sent"),
        ("web", "BTC", "resolved", 1, "sent"),
    ]


async def test_a_channel_that_refuses_is_tried_again_with_longer_pauses_until_it_takes_it(
    desk, sink
):
    """Each attempt is stored with its reason; what comes meanwhile goes with the next one."""
    sink.mode = "refuses"
    async with desk.delivering():
        desk.happens("firing", "BTC")
        await desk.stored(2, "failed")
        desk.happens("firing", "ETH")
        await desk.stored(4, "failed")
        sink.mode = "takes"
        await desk.stored(2)

    (message,) = sink.messages
    assert message["title"] == "Warning: OI spike: 2 assets"
    rows = desk.attempts("subject", "attempt", "outcome", "error", "ts")
    of_btc = [row for row in rows if row[0] == "BTC"]
    assert [row[1] for row in of_btc] == list(range(1, len(of_btc) + 1))
    assert [row[2] for row in of_btc[-2:]] == ["failed", "sent"]
    assert "error=500" in of_btc[0][3]
    assert of_btc[-1][3] is None
    pauses = [
        (later[4] - row[4]).total_seconds() for row, later in zip(of_btc, of_btc[1:], strict=False)
    ]
    for n, pause_s in enumerate(pauses):
        assert pause_s == pytest.approx(15 * 2**n, rel=0.25)


async def test_a_channel_that_hangs_holds_up_no_other_and_not_the_end(
    desk, sink, post, monkeypatch
):
    """Its process is killed; the alert waits for the next start, and arrives then."""
    monkeypatch.setattr(delivery, "STOP_S", 0.1)
    desk.given["mail"] = SecretStr(post.address)
    sink.mode = "hangs"
    async with desk.delivering():
        desk.happens("firing", "BTC", channels='["web", "mail"]')
        await sink.arrived.wait()
        desk.happens("firing", "ETH", channels='["mail"]')
        await desk.until(lambda: b"ETH" in b"".join(mail.content for mail in post.mails))
        assert sink.messages == []
    assert {row[0] for row in desk.attempts()} == {"mail"}

    sink.mode = "takes"
    async with desk.delivering():
        await desk.until(lambda: ("web", "BTC", "firing", 1, "sent") in desk.attempts())


async def test_a_service_that_does_not_answer_in_time_has_failed(desk, sink, monkeypatch):
    monkeypatch.setattr(sending, "TIMEOUT_S", 3.0)
    sink.mode = "hangs"
    async with desk.delivering():
        desk.happens("firing", "BTC")
        await desk.stored(1, "failed")
        sink.mode = "takes"
        await desk.stored(1)

    assert desk.attempts("error")[0] == ("no answer within 3 s",)


async def test_a_message_on_its_way_when_the_collector_stops_is_stored(desk, sink):
    """Otherwise it would be sent again at the next start."""
    sink.mode = "hangs"
    async with desk.delivering():
        desk.happens("firing", "BTC")
        await sink.arrived.wait()
        asyncio.get_running_loop().call_later(0.2, sink.release)

    assert desk.attempts() == [("web", "BTC", "firing", 1, "sent")]


async def test_only_so_many_messages_go_to_a_channel_and_the_rest_shares_one(desk, sink):
    """The fourth message waits until three minutes after the first."""
    async with desk.delivering():
        for number, base in enumerate(("A", "B", "C"), start=1):
            desk.happens("firing", base)
            await desk.stored(number)
        desk.happens("firing", "D")
        desk.happens("firing", "E", "F")
        await desk.stored(6)

    assert [message["title"].rpartition(": ")[2] for message in sink.messages] == [
        *("A", "B", "C"),
        "3 assets",
    ]
    times = [ts for (ts,) in desk.attempts("ts")]
    assert (times[2] - times[0]).total_seconds() < delivery.BURST_S / 2
    assert (times[3] - times[0]).total_seconds() >= delivery.BURST_S - 1


async def test_an_alert_that_is_over_before_it_could_be_told_is_one_line(desk, sink):
    """Its end is not told once more."""
    sink.mode = "refuses"
    async with desk.delivering():
        desk.happens("firing", "BTC", "ETH")
        await desk.stored(2, "failed")
        desk.happens("resolved", "BTC")
        # A message that was made before it may be under way: the second from now is not.
        asked = sink.asked
        await desk.until(lambda: sink.asked >= asked + 2)
        sink.mode = "takes"
        await desk.stored(3)
        desk.happens("firing", "SOL")
        await desk.stored(4)

    first, second = sink.messages
    assert "12:00 BTC" not in first["message"]
    assert re.search(r"BTC: z of OI change 3.1 \(over at \d\d:\d\d\)", first["message"])
    assert second["title"] == "Warning: OI spike: SOL"
    sent = {row[1:3] for row in desk.attempts() if row[-1] == "sent"}
    assert sent == {("BTC", f) for f in ("firing", "resolved")} | {
        (base, "firing") for base in ("ETH", "SOL")
    }


async def test_what_is_too_old_or_too_much_is_given_up(desk, sink, monkeypatch):
    """A collector that was off for a day does not tell of yesterday; a flood has an end."""
    monkeypatch.setattr(delivery, "MAX_WAITING", 2)
    desk.happens("firing", "OLD", ago_s=6 * 3600 + 60)
    desk.happens("firing", "NEW", ago_s=6 * 3600 - 60)
    async with desk.delivering():
        await desk.stored(1)
        desk.happens("firing", "A", ago_s=30)
        desk.happens("firing", "B", "C", ago_s=20)
        await desk.stored(3)

    outcomes = {"OLD": "given up", "NEW": "sent", "A": "given up", "B": "sent", "C": "sent"}
    assert {row[1]: row[-1] for row in desk.attempts()} == outcomes
    assert [message["title"] for message in sink.messages] == [
        "Warning: OI spike: NEW",
        "Warning: OI spike: 2 assets",
    ]


async def test_what_is_silenced_or_inhibited_is_not_sent_also_not_later(desk, sink):
    """That it was is stored: once it is over, it is not told after all."""
    desk.lake.append_records(
        [
            AlertAction(
                id="s",
                ts=desk.clock.now(),
                kind="silence",
                subject="BTC",
                until_ts=desk.clock.now() + timedelta(hours=1),
            )
        ]
    )
    desk.happens("firing", "BTC", "ETH")
    desk.happens("firing", "Market", rule="Flush", per="market", severity="critical")
    async with desk.delivering():
        await desk.stored(1)
        assert desk.attempts("subject", "outcome", "error") == [
            ("BTC", "silenced", None),
            ("ETH", "silenced", "inhibited by Flush"),
            ("Market", "sent", None),
        ]
        desk.happens("resolved", "BTC", "ETH", "Market")
        desk.happens("firing", "SOL", alert_group="other")
        await desk.until(lambda: "SOL" in str(sink.messages))

    assert len(sink.messages) <= 3
    assert not [text for text in map(str, sink.messages) if "BTC" in text or "ETH" in text]


async def test_what_still_fires_when_a_silence_ends_is_told_then(desk, sink):
    """Also after longer than an alert waits; what is over by then stays untold."""
    hours, now = 8, desk.clock.now()
    desk.lake.append_records(
        [
            AlertAction(
                id="s",
                ts=now,
                kind="silence",
                alert_group="OI spike",
                until_ts=now + timedelta(hours=hours),
            )
        ]
    )
    desk.happens("firing", "BTC", "ETH")
    async with desk.delivering():
        await desk.stored(2, "silenced")
        desk.happens("resolved", "ETH")
        desk.happens("firing", "SOL", alert_group="other")
        await desk.until(lambda: len(sink.messages) == 1)
        desk.clock.elapsed_s += hours * 3600
        desk.passed.add()
        await desk.stored(2)

    assert ["BTC" in str(message) for message in sink.messages] == [False, True]
    assert "ETH" not in str(sink.messages)
    silenced = [row for row in desk.attempts() if row[-1] == "silenced"]
    assert [row[1] for row in silenced] == ["BTC", "ETH"]
    assert ("web", "BTC", "firing", 2, "sent") in desk.attempts()


async def test_channels_that_hang_hold_a_bounded_number_of_processes(desk, sink, monkeypatch):
    """One each, and in all no more than may run; the others have their turn when these time out."""
    monkeypatch.setattr(delivery, "CHILDREN", 2)
    monkeypatch.setattr(sending, "TIMEOUT_S", 3.0)
    running = {"now": 0, "most": 0}
    started = asyncio.create_subprocess_exec

    async def counted(*args, **kwargs):
        process = await started(*args, **kwargs)
        running["now"] += 1
        running["most"] = max(running.values())
        ended = asyncio.create_task(process.wait())
        ended.add_done_callback(lambda _: running.update(now=running["now"] - 1))
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", counted)
    names = ["web", "b", "c", "d"]
    desk.given |= dict.fromkeys(names, SecretStr(sink.address))
    sink.mode = "hangs"
    async with desk.delivering():
        desk.happens("firing", "BTC", channels=json.dumps(names))
        await desk.until(lambda: len({row[0] for row in desk.attempts()}) == 4)

    assert {row[-1] for row in desk.attempts()} == {"failed"}
    assert running["most"] == 2


async def test_a_channel_that_is_not_set_up_waits_until_it_is(desk, sink):
    """Nothing has to be started again; meanwhile others are told, and the lake says why not."""
    async with desk.delivering():
        desk.happens("firing", "BTC", channels='["web", "desk"]')
        await desk.stored(1, "failed")
        await desk.stored(1)
        ((error,),) = {row for row in desk.attempts("error") if row[0] is not None}
        assert error.startswith("no channel is called 'desk' (set up: web)")

        path = desk.folder / channels.FILE
        path.touch(mode=0o600)
        path.write_text(f'desk = "{sink.address}"\nbroken = "foo://hunter2"\n')
        await desk.stored(2)
        desk.passed.add()
        await desk.until(lambda: "desk" in desk.lake.info().get(delivery.FACT, ""))

    assert json.loads(desk.lake.info()[delivery.FACT]) == {
        "web": {"service": "JSON", "fault": None},
        "desk": {"service": "JSON", "fault": None},
        "broken": {
            "service": None,
            "fault": "its address begins with no service that apprise knows, such as tgram:// or "
            "mailtos://",
        },
    }


async def test_no_address_is_told_by_log_lake_or_metrics(desk, sink, post):
    """Though both services say them in their answers, and their library logs them."""
    sink.mode, post.refuses = "refuses", True
    desk.given["mail"] = SecretStr(post.address)
    with structlog.testing.capture_logs() as logged:
        async with desk.delivering():
            desk.happens("firing", "BTC", channels='["web", "mail"]')
            for channel in ("web", "mail"):
                name = f'perpscope_alert_deliveries_total{{channel="{channel}",outcome="failed"}}'
                await desk.until(lambda name=name: name in desk.metrics())
            counted = desk.metrics()
    desk.lake.close()

    stored = b"".join(path.read_bytes() for path in desk.folder.rglob("*") if path.is_file())
    assert 'perpscope_alerts_waiting{channel="mail"} 1.0' in counted
    assert {line["event"] for line in logged} == {"alerts not sent; they are retried"}
    for secret in set(sink.secrets) - {sink.port}:
        assert secret not in str(logged) + counted
        assert secret.encode() not in stored
