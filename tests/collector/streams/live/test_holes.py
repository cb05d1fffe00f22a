"""Holes: each one ends, is written down from its beginning, and spoils nothing beside it."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from collector.streams.status import last_heard

SIMULATED = ("binance", "bybit", "okx")
TRADES = {"binance": "aggTrade", "bybit": "publicTrade", "okx": "trades-all"}
AGG_TRADES = "/fapi/v1/aggTrades"
RECENT = "/v5/market/recent-trade"


@pytest.mark.parametrize("name", SIMULATED)
@pytest.mark.parametrize("channel", ["trades", "liquidations"])
async def test_one_that_leaves_meanwhile_holds_no_hole_open(world, name, channel):
    """Nobody tells of it again; that it was missed until then is written down."""
    one = await world.collector(name)
    await world.until(lambda: world.is_live(one, channel))
    await world.down(one, channel)
    one.feed.records()

    leaving, *staying = one.universe.chosen
    one.feed.follow(staying)
    await world.clear()
    await world.until(lambda: world.is_live(one, channel))

    outcome = {gap.symbol: gap.outcome for gap in world.gaps(one, channel)}
    if channel == "trades":
        assert outcome == {"*": "partly", leaving.symbol: "lost"}
    else:
        assert outcome == {"*": "lost"}


async def test_a_hole_that_all_have_left_is_written_down(world):
    one = await world.collector("bybit")
    await world.until(lambda: world.is_live(one))
    await world.down(one)
    one.feed.records()

    one.feed.follow([world.outsider(one)])

    assert [(gap.symbol, gap.outcome) for gap in world.gaps(one)] == [("*", "lost")]


async def test_one_that_leaves_while_it_is_asked_about_is_not_repaired(world, monkeypatch):
    """What the answer tells goes into no snapshot any more."""
    one = await world.collector("bybit")
    await world.until(lambda: world.is_live(one))
    one.feed.records()
    leaving, *staying = one.universe.chosen

    async def nothing(_ask, missing):
        if missing.venue_id == leaving.venue_id:
            one.feed.follow(staying)
        yield []

    monkeypatch.setattr(one.feed.ledger._repairs, "_trades", nothing)
    await world.fault(venue="bybit", kind="ws_cut", channel="publicTrade")
    await world.until(lambda: world.standing(one, "trades").reconnects > 0)
    await world.until(lambda: world.is_live(one))

    outcome = {gap.symbol: gap.outcome for gap in world.gaps(one)}
    assert outcome == {"*": "partly", leaving.symbol: "lost"}


async def test_one_that_is_not_told_of_again_holds_no_hole_open(world, monkeypatch):
    """Its liquidations are absent from then on, not 0."""
    monkeypatch.setattr("collector.streams.holes.repair.REPAIR_TIMEOUT_S", 30.0)
    one = await world.collector("bybit")
    await world.until(lambda: world.is_live(one, "liquidations"))
    await world.down(one, "liquidations")
    one.feed.records()
    silent = one.universe.chosen[0].venue_id
    for connection in one.feed._running.board.by_channel["liquidations"]:
        del connection.wanted[f"allLiquidation.{silent}"]

    await world.clear()
    await world.until(lambda: world.standing(one, "liquidations").instruments == 5)
    await world.until(lambda: not one.feed.ledger.open_holes("liquidations"))

    assert [gap.outcome for gap in world.gaps(one, "liquidations")] == ["lost"]
    assert one.feed.part(silent)[0]["liq_long_usd"] is None


@pytest.mark.parametrize("name", SIMULATED)
async def test_one_that_leaves_and_returns_at_once_is_heard(world, name):
    """Before the venue was even told that it left."""
    one = await world.collector(name)
    await world.until(lambda: world.is_live(one))

    one.feed.follow(one.universe.chosen[1:])
    one.feed.follow(one.universe.chosen)

    await world.until(lambda: world.is_live(one), within_s=60)
    assert world.standing(one, "trades").reconnects == 0


async def test_a_fault_of_ours_while_filling_ends_the_hole(world, monkeypatch):
    """Flows are not withheld for ever, and the log has the traceback."""
    one = await world.collector("bybit")
    await world.until(lambda: world.is_live(one))
    one.feed.records()

    def faulty(ask, missing):
        raise ZeroDivisionError

    monkeypatch.setattr(one.feed.ledger._repairs, "_trades", faulty)
    await world.fault(venue="bybit", kind="ws_cut", channel="publicTrade")
    await world.until(lambda: world.standing(one, "trades").reconnects > 0)
    await world.until(lambda: world.is_live(one))

    assert [(gap.symbol, gap.outcome) for gap in world.gaps(one)] == [("*", "lost")]
    fields, flags = one.feed.part(one.universe.chosen[0].venue_id)
    assert fields["taker_buy_usd"] is not None
    assert "partial:trades" in flags


async def test_a_repair_that_is_killed_withholds_nothing_for_ever(world, monkeypatch):
    """The hole is given up as it is, and written down."""
    one = await world.collector("bybit")
    await world.until(lambda: world.is_live(one))
    one.feed.records()

    async def never(_hole, _venue_id):
        await asyncio.Event().wait()

    monkeypatch.setattr(one.feed.ledger._repairs, "_fill_one", never)
    await world.fault(venue="bybit", kind="ws_cut", channel="publicTrade")
    await world.until(lambda: world.standing(one, "trades").reconnects > 0)
    await world.until(lambda: world.standing(one, "trades").state == "repairing")
    (task,) = one.feed.ledger._tasks
    with capture_logs() as lines:
        task.cancel()
        await world.until(lambda: world.is_live(one))

    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "repair of a hole failed"
    ]
    assert [(gap.symbol, gap.outcome) for gap in world.gaps(one)] == [("*", "lost")]
    assert one.feed.part(one.universe.chosen[0].venue_id)[0]["taker_buy_usd"] is not None


@pytest.mark.parametrize("name", SIMULATED)
@pytest.mark.parametrize("ahead_s", [8, -8])
async def test_a_clock_that_is_off_loses_no_trade(world, name, ahead_s):
    """What was heard before a hole tells where it begins, not our clock or how busy we were."""
    if ahead_s > 0:
        world.clock.move(ahead_s)
    else:
        await world.simulator.advance(-ahead_s)
    one = await world.collector(name)
    account = await world.account(one)
    await world.run(20)

    await world.fault(venue=name, kind="ws_cut", channel=TRADES[name])
    await world.until(lambda: world.standing(one, "trades").reconnects > 0)
    await world.until(lambda: world.is_live(one))

    await account.agrees()
    assert [gap.outcome for gap in world.gaps(one)] == ["repaired"]


@pytest.mark.parametrize("step_s", [0, -3600], ids=["", "our clock steps back"])
@pytest.mark.parametrize("name", SIMULATED)
async def test_no_flow_is_given_while_the_stream_is_strangely_silent(world, name, step_s):
    """Only later is the silence a fault: a snapshot in between must not say 0."""
    one = await world.collector(name, top_n=12)
    account = await world.account(one)
    await world.run(40)
    await world.fault(venue=name, kind="ws_mute", channel=TRADES[name])
    world.clock.shown += timedelta(seconds=step_s)
    await world.run(4)
    account.take()
    before = world.clock.elapsed_s

    withheld = []
    while world.standing(one, "trades").state == "live":
        withheld.append(account.take())
        await world.step()

    assert world.clock.elapsed_s - before > 4
    assert set(withheld) == {len(account.sums)}
    world.clock.shown -= timedelta(seconds=step_s)
    await world.clear()
    await world.until(lambda: world.is_live(one))
    await account.agrees()


@pytest.mark.parametrize("name", SIMULATED)
async def test_a_long_hole_is_not_filled_into_the_present(world, name, monkeypatch):
    """What was traded hours ago is no flow of now, and is not asked for later either."""
    monkeypatch.setattr("collector.streams.holes.ledger.MAX_DELAY_MS", 60_000)
    one = await world.collector(name)
    await world.until(lambda: world.is_live(one))
    await world.run(20)
    await world.down(one)
    await world.run(90)
    await world.clear()
    one.feed.records()
    since_ms = world.simulator.now_ms()

    await world.until(lambda: world.is_live(one))
    holes = one.feed.ledger.holes
    await world.run(30)

    assert [(gap.symbol, gap.outcome, gap.repaired_rows) for gap in world.gaps(one)] == [
        ("*", "lost", 0)
    ]
    truth = await world.truth(name, since_ms)
    for venue_id in one.universe.by_id:
        fields, flags = one.feed.part(venue_id)
        assert fields["taker_buy_usd"] <= truth.get(venue_id, fields)["taker_buy_usd"]
        assert "partial:trades" in flags
    assert one.feed.ledger.holes == holes


async def test_the_next_run_misses_what_was_still_held_back(world):
    """A collector that is killed while it fills a hole stores none of it."""
    one = await world.collector("bybit")
    await world.until(lambda: world.is_live(one))
    await world.fault(venue="bybit", path=RECENT, kind="status", status=500)
    silent = world.clock.now()
    await world.fault(venue="bybit", kind="ws_mute", channel="publicTrade", seconds=35)
    await world.until(lambda: world.standing(one, "trades").state == "down")
    down = last_heard(world.clock.now().replace(tzinfo=None), one.feed.to_json())
    await world.until(lambda: world.standing(one, "trades").state == "repairing")
    repairing = last_heard(world.clock.now().replace(tzinfo=None), one.feed.to_json())

    assert down["trades"] == repairing["trades"]
    assert abs((down["trades"] - silent).total_seconds()) < 2


async def test_gaps_beyond_the_room_are_dropped_and_shown(world, monkeypatch):
    monkeypatch.setattr("collector.streams.holes.ledger.MAX_GAPS", 1)
    one = await world.collector("okx")
    await world.until(lambda: world.is_live(one))

    for reconnects in (1, 2):
        await world.fault(venue="okx", kind="ws_cut", channel="trades-all")
        await world.until(lambda n=reconnects: world.standing(one, "trades").reconnects == n)
        await world.until(lambda: world.is_live(one))

    assert len(world.gaps(one)) == 1
    assert world.standing(one, "trades").dropped == 1


async def test_terms_that_change_count_from_then_on(world):
    """A venue may change how much one contract is."""
    one = await world.collector("okx")
    first, *others = one.universe.chosen

    one.feed.follow([replace(first, contract_size=first.contract_size * 10), *others])

    assert one.feed.flows.by_id[first.venue_id].size == first.contract_size * 10


async def test_what_fills_one_hole_is_not_asked_for_again(world):
    """Where a connection breaks again and again; every question costs much of the budget."""
    one = await world.collector("binance", top_n=12)
    account = await world.account(one)
    await world.until(lambda: all(flow.trades.events for flow in one.feed.flows.by_id.values()))
    before = world.simulator.requests["binance"][AGG_TRADES]

    for reconnects in (1, 2, 3):
        await world.fault(venue="binance", kind="ws_cut", channel="aggTrade")
        await world.until(lambda n=reconnects: world.standing(one, "trades").reconnects == n)
        await world.until(lambda: world.standing(one, "trades").state == "repairing")
    await world.until(lambda: world.is_live(one))

    # Asked for each hole alone it would be 19.
    assert world.simulator.requests["binance"][AGG_TRADES] - before <= 16
    assert [gap.outcome for gap in world.gaps(one)] == ["repaired"] * 3
    await account.agrees()


async def test_holes_that_pile_up_are_filled_together(world, monkeypatch):
    """Where the budget lets a question through now and then, they would never end otherwise."""
    one = await world.collector("binance", top_n=12)
    account = await world.account(one)
    await world.until(lambda: all(flow.trades.events for flow in one.feed.flows.by_id.values()))
    repairs, asked, free = one.feed.ledger._repairs, [], asyncio.Event()
    ask = repairs._trades

    async def held_up(send, missing):
        asked.append(missing.venue_id)
        await free.wait()
        async for page in ask(send, missing):
            yield page

    monkeypatch.setattr(repairs, "_trades", held_up)
    for reconnects in (1, 2, 3):
        await world.fault(venue="binance", kind="ws_cut", channel="aggTrade")
        await world.until(lambda n=reconnects: world.standing(one, "trades").reconnects == n)
        await world.until(lambda: world.standing(one, "trades").state == "repairing")
    await world.until(lambda: asked)
    await world.run(20)
    free.set()
    await world.until(lambda: world.is_live(one))

    assert len(asked) <= len(set(asked)) + 1
    assert [gap.outcome for gap in world.gaps(one)] == ["repaired"] * 3
    await account.agrees()


async def test_quiet_ones_are_asked_about_at_last(world, monkeypatch):
    """Meanwhile they may tell themselves that they missed nothing."""
    monkeypatch.setattr("collector.streams.holes.repair.QUIET_S", 0.0)
    one = await world.collector("binance", top_n=12)
    await world.until(lambda: world.is_live(one))
    await world.until(lambda: all(flow.trades.events for flow in one.feed.flows.by_id.values()))
    repairs, asked = one.feed.ledger._repairs, []
    ask = repairs._trades

    def noted(send, missing):
        asked.append(missing.venue_id)
        return ask(send, missing)

    monkeypatch.setattr(repairs, "_trades", noted)
    quiet = one.universe.chosen[0].venue_id
    await world.fault(venue="binance", kind="ws_mute", channel="aggTrade", symbol=quiet)
    await world.fault(venue="binance", kind="ws_cut", channel="aggTrade")
    await world.until(lambda: world.standing(one, "trades").reconnects > 0)
    await world.until(lambda: world.is_live(one))

    assert len(asked) > 2
    assert asked[0] != quiet


async def test_a_liquidation_that_is_told_late_is_a_hole_that_was_filled(world):
    """What was known of the time from 8 minutes ago until now lacked it, and the one beside it."""
    one = await world.collector("okx", top_n=3)
    await world.until(lambda: one.feed._running is not None)
    one.feed.records()
    followed = one.universe.chosen[0]
    now_ms = round(world.clock.now().timestamp() * 1000)
    details = [
        {"bkPx": "80000", "posSide": "long", "side": "sell", "sz": "1", "ts": str(now_ms - ago_ms)}
        for ago_ms in (480_000, 300_000, 1_000)
    ]
    arg = {"channel": "liquidation-orders", "instType": "SWAP"}
    frame = {"arg": arg, "data": [{"instId": followed.venue_id, "details": details}]}

    one.feed._running.link.handler().take(json.dumps(frame).encode(), now_ms)
    records = one.feed.records()

    assert sum(record.table == "liquidations" for record in records) == 3
    [gap] = [record for record in records if record.table == "gaps"]
    assert (gap.channel, gap.symbol, gap.outcome, gap.repaired_rows) == (
        *("liquidations", followed.symbol),
        *("repaired", 2),
    )
    assert gap.reason == "the venue sent liquidations late"
    assert gap.ended_ts == world.clock.now()
    assert (gap.ended_ts - gap.started_ts).total_seconds() == 480
    assert not [record for record in one.feed.records() if record.table == "gaps"]
