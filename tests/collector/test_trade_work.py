"""What pages have a collector do about trades, over its socket, and what it refuses."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from analytics import query
from analytics.control.commands import send
from analytics.errors import RuleError
from analytics.lake.reader import Reader
from analytics.lake.records import Instrument
from analytics.lake.writer import Lake
from analytics.settings import LakeSettings
from analytics.trades.trade_commands import CloseTrade, EditTrade, OpenTrade
from collector.service.control_socket import taking_work
from collector.service.trade_work import TradeWork

BTC = {"venue": "okx", "symbol": "BTC/USDT:USDT"}
LONG = {"id": "mine", **BTC, "side": "long", "entry_price": 100.0, "size_base": 2.0}
LONG |= {"leverage": 10.0, "stop_price": 95.0, "target_price": 120.0, "note": "breakout"}
EDITED = {"trade": "mine", "entry_price": 100.0, "size_base": 1.0, "leverage": 5.0}
EDITED |= {"maintenance_margin_pct": 1.0, "stop_price": 104.0, "target_price": 120.0}


@pytest.fixture
async def page(tmp_path, clock, tasks):
    """Sends commands as a page does, and reads the lake as another browser's page does."""
    with Lake(tmp_path) as lake:
        listed = {"venue_id": "BTC", "base": "BTC", "multiplier": 1.0, "contract_size": 1.0}
        listed |= {"linear": True, "quote": "USDT", "oi_unit": "contracts", "in_universe": False}
        times = {"first_seen_ts": clock.now(), "last_seen_ts": clock.now()}
        lake.replace_instruments("okx", [Instrument(**BTC, **listed, **times)])
        lake.publish()
        reader = Reader(tmp_path)

        class Page:
            settings = LakeSettings()

            async def send(self, kind, **fields):
                works = TradeWork(self.settings, clock, lake).works()
                async with taking_work(tmp_path, works, tasks):
                    await asyncio.to_thread(send, tmp_path, kind, **fields)

            def trades(self, ago_s=0):
                with reader.cursor() as cursor:
                    now = clock.now() - timedelta(seconds=ago_s)
                    rows = query.fetch(cursor, "trades", now=now)
                    return rows.fillna({"note": ""}).to_dict("records")

            def changes(self):
                with reader.cursor() as cursor:
                    return cursor.execute("select change from trades order by ts").fetchall()

        yield Page()
        reader.close()


async def test_a_trade_is_opened_edited_and_closed_and_every_reader_sees_it(page, clock):
    """As of a past time it is what it then was; a command that is sent again changes nothing."""
    opened = clock.now()
    for _ in range(2):
        await page.send(OpenTrade, **LONG)
    (trade,) = page.trades()
    assert {name: trade[name] for name in LONG} == LONG
    assert (trade["base"], trade["multiplier"], trade["linear"]) == ("BTC", 1.0, True)
    assert (trade["opened_ts"], trade["maintenance_margin_pct"]) == (opened, 0.5)

    clock.elapsed_s += 60
    await page.send(EditTrade, id="e", **EDITED)
    clock.elapsed_s += 60
    await page.send(CloseTrade, id="c", trade="mine", exit_price=112.5)
    await page.send(CloseTrade, id="c", trade="mine", exit_price=112.5)
    await page.send(EditTrade, id="e", **EDITED)

    (closed,) = page.trades()
    assert (closed["exit_price"], closed["closed_ts"]) == (112.5, clock.now())
    assert (closed["size_base"], closed["stop_price"], closed["note"]) == (1.0, 104.0, "")
    (edited,) = page.trades(ago_s=60)
    assert (edited["change"], edited["stop_price"]) == ("edit", 104.0)
    assert str(edited["closed_ts"]) == "NaT"
    assert page.trades(ago_s=120)[0]["note"] == "breakout"
    assert page.changes() == [("open",), ("edit",), ("close",)]


async def test_an_edit_is_newer_than_what_it_edits_though_the_clock_was_set_back(page, clock):
    clock.elapsed_s = 60
    await page.send(OpenTrade, **LONG)
    clock.elapsed_s = 0
    await page.send(EditTrade, **EDITED)
    clock.elapsed_s = 61

    assert [one["change"] for one in page.trades()] == ["edit"]


SHORT = {**LONG, "side": "short", "stop_price": 105.0, "target_price": 80.0}


WRONG = (
    ({**LONG, "symbol": "BTX/USDT:USDT"}, "okx BTX/USDT:USDT: there is no such pair"),
    ({**LONG, "entry_price": 0.0}, "entry_price: .*greater than 0"),
    ({**LONG, "entry_price": float("nan")}, "entry_price: "),
    ({**LONG, "size_base": -1.0}, "size_base: .*greater than 0"),
    ({**LONG, "leverage": 501.0}, "leverage: .*less than or equal to 500"),
    ({**LONG, "stop_price": 100.0}, "stop of a long is below its entry: 100 is not below 100"),
    ({**LONG, "target_price": 99.0}, "target of a long is above its entry"),
    ({**SHORT, "stop_price": 99.0}, "stop of a short is above its entry"),
    ({**SHORT, "target_price": 101.0}, "target of a short is below its entry"),
    ({**LONG, "leverage": 200.0}, "leaves a margin of 0.5 %, which must be above"),
    ({**LONG, "note": "x" * 501}, "note: .*at most 500"),
    ({**LONG, "side": "flat"}, "side: "),
)


async def test_what_makes_no_sense_is_refused_in_a_sentence(page):
    for fields, reason in WRONG:
        with pytest.raises(RuleError, match=reason):
            await page.send(OpenTrade, **fields)
    page.settings = LakeSettings(edit_rules="off")
    with pytest.raises(RuleError, match="switched off"):
        await page.send(OpenTrade, **LONG)

    assert page.trades() == []


async def test_an_open_trade_is_changed_within_reason_and_a_closed_one_not(page, clock):
    await page.send(OpenTrade, **SHORT)
    refused = [
        (EditTrade, {**EDITED, "trade": "yours"}, "no such trade"),
        (EditTrade, {**EDITED, "stop_price": 85.0, "target_price": 90.0}, "above its target"),
        (CloseTrade, {"trade": "mine", "exit_price": -1.0}, "exit_price: .*greater than 0"),
    ]
    for kind, fields, reason in refused:
        with pytest.raises(RuleError, match=reason):
            await page.send(kind, **fields)
    clock.elapsed_s += 60
    await page.send(CloseTrade, trade="mine", exit_price=90.0)
    for kind, fields in ((CloseTrade, {"trade": "mine", "exit_price": 91.0}), (EditTrade, EDITED)):
        with pytest.raises(RuleError, match="closed already"):
            await page.send(kind, **fields)

    assert [(one["change"], one["exit_price"]) for one in page.trades()] == [("close", 90.0)]


async def test_a_trade_of_the_future_is_refused_and_one_of_before_taken(page, clock):
    hour = timedelta(hours=1)
    with pytest.raises(RuleError, match="opened_ts: 2026-01-01 01:00 UTC is in the future"):
        await page.send(OpenTrade, **LONG, opened_ts=clock.now() + hour)
    await page.send(OpenTrade, **LONG, opened_ts=clock.now() - hour)

    assert page.trades()[0]["opened_ts"] == clock.now() - hour
