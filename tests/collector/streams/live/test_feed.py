"""What a venue's streams give to its cycles, through everything that goes wrong with them."""

import asyncio
import json

import pytest

from collector.service.counters import Counters
from collector.streams.status import last_heard

TOP = 6
SIMULATED = ("binance", "bybit", "okx")
BOOK = {
    "binance": "/binance/fapi/v1/depth?symbol={}&limit=100",
    "bybit": "/bybit/v5/market/orderbook?category=linear&symbol={}&limit=200",
    "okx": "/okx/api/v5/market/books?instId={}&sz=400",
}
TRADES = {"binance": "aggTrade", "bybit": "publicTrade", "okx": "trades-all"}


@pytest.mark.parametrize("name", SIMULATED)
async def test_flows_are_exact_through_interruptions(world, name):
    """Closed, cut and half open: what was missed is filled in, and nothing counts twice."""
    one = await world.collector(name)
    account = await world.account(one)

    for kind in ("ws_close", "ws_cut", "ws_silence"):
        before = world.standing(one, "trades").reconnects
        await world.fault(venue=name, kind=kind, channel=TRADES[name])
        await world.until(lambda before=before: world.standing(one, "trades").reconnects > before)
        assert account.take() == len(account.sums)
        await world.until(lambda: world.is_live(one))

    await account.agrees()
    gaps = [gap for gap in one.feed.records() if gap.table == "gaps"]
    assert [(gap.channel, gap.symbol, gap.outcome) for gap in gaps] == [
        ("trades", "*", "repaired")
    ] * 3
    assert sum(gap.repaired_rows for gap in gaps) > 0
    assert all(gap.started_ts < gap.ended_ts for gap in gaps)
    assert "partial:trades" not in account.flags


@pytest.mark.parametrize("name", SIMULATED)
async def test_duplicates_and_disorder_change_nothing(world, name):
    one = await world.collector(name)
    account = await world.account(one)

    for kind in ("ws_duplicate", "ws_reorder", "ws_truncated", "ws_missing_field"):
        await world.fault(venue=name, kind=kind, channel=TRADES[name], count=20)
        await world.run(5)
    await world.clear()
    await world.run(2)

    await account.agrees()
    assert one.feed.rejects.counts["trades", "duplicate"] > 0
    assert one.feed.rejects.bad > 0
    assert one.feed.ledger.holes == 0


@pytest.mark.parametrize("name", SIMULATED)
async def test_a_subscription_without_data_is_a_fault(world, name):
    """An acknowledgement proves nothing: before the first trade there are no flows, not 0."""
    await world.fault(venue=name, kind="ws_mute", channel=TRADES[name])
    one = await world.collector(name)
    instrument = one.universe.chosen[0].venue_id

    await world.until(lambda: world.standing(one, "trades").reconnects > 0)

    assert "no trades for" in world.standing(one, "trades").reason
    assert world.standing(one, "trades").source == "none"
    assert one.feed.part(instrument)[0]["taker_buy_usd"] is None
    await world.clear()
    await world.until(lambda: world.is_live(one))
    assert one.feed.part(instrument)[0]["taker_buy_usd"] is not None


@pytest.mark.parametrize("name", SIMULATED)
async def test_silence_in_the_middle_is_a_fault_and_is_filled_in(world, name):
    """The socket answers pings and says nothing more: only the silence tells."""
    one = await world.collector(name)
    account = await world.account(one)

    await world.fault(venue=name, kind="ws_mute", channel=TRADES[name], seconds=60)
    await world.until(lambda: world.standing(one, "trades").reconnects > 0)
    await world.until(lambda: world.is_live(one))

    await account.agrees()


@pytest.mark.parametrize("name", SIMULATED)
async def test_rest_takes_over_a_book_and_gives_it_back(world, name):
    one = await world.collector(name)
    await world.until(lambda: world.is_live(one, "depth"))
    rows, record = await world.during(one.cycle())
    assert {row.book_imbalance is None for row in rows} == {False}
    assert json.loads(record.streams)["depth"]["source"] == "stream"
    with_streams = record.requests

    await world.fault(venue=name, kind="ws_refuse")
    await world.fault(venue=name, kind="ws_cut")
    await world.until(lambda: world.standing(one, "depth").state == "down")
    rows, record = await world.during(one.cycle())
    assert {row.book_imbalance is None for row in rows} == {False}
    assert {row.taker_buy_usd for row in rows} == {None}
    stated = json.loads(record.streams)
    assert (stated["depth"]["source"], stated["trades"]["source"]) == ("rest", "none")
    assert record.requests == with_streams + len(rows)
    books = next(question for question in one.venue.each if "book_imbalance" in question.columns)
    assert one.feed.asking(books).passing

    await world.clear()
    await world.until(lambda: world.is_live(one, "depth") and world.is_live(one))
    rows, record = await world.during(one.cycle())
    assert {row.book_imbalance is None for row in rows} == {False}
    assert {row.taker_buy_usd is None for row in rows} == {False}
    assert json.loads(record.streams)["depth"]["source"] == "stream"
    assert record.requests == with_streams


@pytest.mark.parametrize("name", SIMULATED)
async def test_a_book_of_the_stream_is_that_of_rest(world, name):
    one = await world.collector(name)
    await world.until(lambda: world.is_live(one, "depth"))
    await world.run(10)
    await world.quiet()
    question = next(asked for asked in one.venue.each if asked.name == "order book")

    for venue_id in one.universe.by_id:
        stated = one.feed.book(venue_id)
        payload = await world.ask(BOOK[name].format(venue_id))
        [(_, fields)] = question.read(payload, venue_id)
        del fields["venue_ts"]
        assert stated == pytest.approx(fields)


@pytest.mark.parametrize("name", SIMULATED)
async def test_all_liquidations_of_a_burst_become_records(world, name):
    one = await world.collector(name)
    await world.run(20)
    await world.quiet()
    one.feed.records()
    start_ms = world.simulator.now_ms()

    await world.fault(venue=name, kind="ws_liquidation_burst", count=5000)
    await world.run(3)
    await world.quiet()

    heard = [record for record in one.feed.records() if record.table == "liquidations"]
    truth = await world.truth(name, start_ms)
    stated = {i.symbol: truth.get(i.venue_id, {}) for i in one.universe.chosen}
    for side in ("long", "short"):
        assert sum(r.usd for r in heard if r.side == side) == pytest.approx(
            sum(one.get(f"{side}_published_usd", 0) for one in stated.values())
        )
    assert len(heard) == len({record.id for record in heard})
    assert len(heard) == sum(one.get("published", 0) for one in stated.values()) > 100
    assert world.standing(one, "liquidations").dropped == 0


async def test_liquidations_beyond_the_room_are_dropped_and_counted(world, monkeypatch):
    """Nothing grows without end, and nothing is lost in silence."""
    monkeypatch.setattr("collector.streams.feed.MAX_WAITING", 100)
    one = await world.collector("bybit")
    await world.run(20)

    await world.fault(venue="bybit", kind="ws_liquidation_burst", count=2000)
    await world.run(3)
    await world.quiet()

    dropped = world.standing(one, "liquidations").dropped
    assert dropped > 0
    heard = [record for record in one.feed.records() if record.table == "liquidations"]
    flows = one.feed.flows.by_id.values()
    assert len(heard) + dropped == sum(flow.liquidations.events for flow in flows)


async def test_trades_left_out_without_an_interruption_are_filled_in(world):
    """Binance numbers trades: what is missing shows, though the socket never was down."""
    one = await world.collector("binance")
    account = await world.account(one)
    # Numbers say what is missing once a first one is known.
    await world.until(lambda: all(flow.trades.events for flow in one.feed.flows.by_id.values()))

    dropped_ms = world.simulator.now_ms()
    await world.fault(venue="binance", kind="ws_drop", channel="aggTrade", count=30)
    await world.until(lambda: one.feed.ledger.holes > 0)
    hole = one.feed.ledger.open_holes("trades")[0]
    assert dropped_ms - 10_000 <= hole.started_ms < hole.ended_ms
    await world.until(lambda: not one.feed.ledger.open_holes("trades"))
    # Of a quiet instrument only the next trade tells.
    await world.run(90)
    await world.until(lambda: not one.feed.ledger.open_holes("trades"))

    await account.agrees()
    assert world.standing(one, "trades").reconnects == 0


async def test_what_rest_does_not_tell_either_is_a_gap_and_the_flow_partial(world):
    one = await world.collector("bybit")
    account = await world.account(one)
    await world.fault(venue="bybit", path="/v5/market/recent-trade", kind="status", status=500)

    await world.fault(venue="bybit", kind="ws_cut", channel="publicTrade")
    await world.until(lambda: world.standing(one, "trades").reconnects > 0)
    await world.until(lambda: world.is_live(one))

    account.take()
    assert "partial:trades" in account.flags
    [gap] = [record for record in one.feed.records() if record.table == "gaps"]
    assert (gap.symbol, gap.outcome, gap.repaired_rows) == ("*", "lost", 0)


async def test_the_streams_follow_the_universe(world):
    """Who leaves is forgotten; who joins is heard, and those who stay go on."""
    one = await world.collector("okx")
    account = await world.account(one)
    leaving, *staying = [instrument.venue_id for instrument in one.universe.chosen]
    joining = world.outsider(one)

    one.feed.follow([*one.universe.chosen[1:], joining])
    await world.until(lambda: world.is_live(one))
    await world.run(5)

    assert one.feed.part(leaving)[0]["taker_buy_usd"] is None
    fields, flags = one.feed.part(joining.venue_id)
    assert fields["taker_buy_usd"] is not None
    assert "partial:trades" in flags
    del account.sums[leaving]
    await account.agrees()
    assert world.standing(one, "trades").reconnects == 0
    assert set(one.feed.ledger.began_ms) == {*staying, joining.venue_id}


async def test_the_time_without_a_collector_is_a_gap(world):
    """Of a run before that had streams, and only of that."""
    before = world.clock.now()
    await world.run(60)
    one = await world.collector("okx", last_heard={"trades": before})
    await world.until(lambda: world.is_live(one))

    [gap] = [record for record in one.feed.records() if record.table == "gaps"]

    assert (gap.channel, gap.symbol, gap.outcome) == ("trades", "*", "lost")
    assert gap.reason == "the collector was not running"
    assert gap.started_ts == before
    assert (gap.ended_ts - before).total_seconds() > 60


async def test_closing_leaves_nothing_behind(world):
    """No task goes on, no socket stays, and what was not repaired by then is a gap."""
    one = await world.collector("binance")
    await world.until(lambda: world.is_live(one))
    one.feed.records()
    await world.fault(venue="binance", kind="ws_refuse")
    await world.fault(venue="binance", kind="ws_cut")
    await world.until(lambda: world.standing(one, "trades").state == "down")

    await one.feed.close()

    names = {task.get_name() for task in asyncio.all_tasks()}
    assert not {name for name in names if name.startswith("binance ")}
    [gap] = [gap for gap in one.feed.records() if gap.channel == "trades"]
    assert (gap.symbol, gap.outcome) == ("*", "lost")
    assert "the collector stopped before it was filled" in gap.reason


async def test_what_is_shown_of_the_streams(world):
    """Prometheus and the record of a cycle tell the same, reason by reason."""
    one = await world.collector("bybit")
    await world.until(lambda: world.is_live(one))
    await world.fault(venue="bybit", kind="ws_zero_price", channel="publicTrade", count=3)
    await world.run(10)
    await world.quiet()
    counters = Counters()

    counters.show(one.feed)
    stated = json.loads(one.feed.to_json())

    def shown(name, **labels):
        return counters.registry.get_sample_value(
            f"perpscope_stream_{name}", {"venue": "bybit", "channel": "trades", **labels}
        )

    assert stated["trades"]["bad"] == {"price_not_positive": 3}
    assert shown("rows", reason="price_not_positive") == 3
    assert shown("instruments") == stated["trades"]["instruments"] == TOP
    assert shown("frames") == stated["trades"]["events"] > 0
    assert json.loads(one.feed.to_json())["trades"]["events"] == 0


async def test_a_run_that_was_down_is_missed_from_when_it_went_down(world):
    """The next run counts the time without data from there, not from the last cycle."""
    one = await world.collector("okx")
    await world.until(lambda: world.is_live(one))
    await world.fault(venue="okx", kind="ws_refuse")
    await world.fault(venue="okx", kind="ws_cut", channel="trades-all")
    await world.until(lambda: world.standing(one, "trades").state == "down")
    on_lost = world.clock.now()
    await world.run(30)

    heard = last_heard(world.clock.now().replace(tzinfo=None), one.feed.to_json())

    assert abs((heard["trades"] - on_lost).total_seconds()) < 1


@pytest.mark.parametrize("name", SIMULATED)
async def test_a_book_that_missed_something_gets_a_new_state(world, name):
    """From REST, or by asking for its topic once more; without any cycle's help."""
    one = await world.collector(name)
    await world.until(lambda: world.is_live(one, "depth"))
    await world.run(10)
    lost = one.universe.chosen[0].venue_id

    one.feed.books.lose([lost])

    assert one.feed.book(lost) == {}
    await world.until(lambda: one.feed.book(lost))
    assert world.standing(one, "depth").reconnects == 0
