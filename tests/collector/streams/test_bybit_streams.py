"""Bybit's frames."""

import json
import random

import pytest

from collector.streams.formats.bybit import BYBIT
from collector.streams.formats.stream import Ack, Pong, Refused

NOW_MS = 1_700_000_000_000


def trade(name, *, side="Buy", price="100", quantity="1", at=NOW_MS, **changed):
    return {
        **{"T": at, "s": "BTCUSDT", "S": side, "v": quantity, "p": price, "L": "PlusTick"},
        **{"i": name, "BT": False, "RPI": False, "seq": 1783284617, **changed},
    }


def frame(topic, data, **changed):
    return {"topic": topic, "type": "snapshot", "ts": NOW_MS, "data": data, **changed}


def trades(*rows):
    return frame("publicTrade.BTCUSDT", list(rows))


def book(kind, number, bids=(), asks=(), ts=NOW_MS):
    data = {"s": "BTCUSDT", "b": list(bids), "a": list(asks), "u": number, "seq": 1}
    return frame("orderbook.200.BTCUSDT", data, type=kind, ts=ts)


FIRST = book("snapshot", 10, [["99.9", "3"]], [["100.1", "1"]])


def test_adds_up_the_rows_of_frames(wired):
    """Buys and sells of one frame and of the next, each once."""
    bybit = wired("bybit", "BTCUSDT")

    bybit.take(
        trades(trade("a"), trade("b", side="Sell", price="50"), trade("a")),
        trades(trade("b", side="Sell", price="50"), trade("c", quantity="0.5")),
    )

    assert bybit.taker() == (150, 50)
    assert bybit.rejects.counts == {("trades", "duplicate"): 2}


def test_adds_up_many_trades_with_overlaps_and_reorders(wired):
    """Three connections tell the same trades, each shuffled, in frames of any size."""
    rng = random.Random(3)
    bybit = wired("bybit", "BTCUSDT")
    rows = [
        trade(f"{n:032x}", side=rng.choice(["Buy", "Sell"]), quantity=str(n), at=NOW_MS - n)
        for n in range(1, 1000)
    ]

    for _ in range(3):
        bybit.reconnect()
        stated = rng.sample(rows, len(rows))
        while stated:
            size = rng.randint(1, 20)
            bybit.take(trades(*stated[:size]))
            del stated[:size]

    assert bybit.taker() == (
        sum(100 * int(row["v"]) for row in rows if row["S"] == "Buy"),
        sum(100 * int(row["v"]) for row in rows if row["S"] == "Sell"),
    )
    assert bybit.rejects.counts == {("trades", "duplicate"): 2 * len(rows)}


def test_a_block_trade_is_nobodys_taking(wired):
    """It was agreed elsewhere: counted as such, not among the flows."""
    bybit = wired("bybit", "BTCUSDT")

    bybit.take(trades(trade("a"), trade("b", BT=True)))

    assert bybit.taker() == (100, 0)
    assert bybit.rejects.counts == {("trades", "block_trade"): 1}
    assert bybit.rejects.bad == 0


def test_a_bad_row_leaves_the_others(wired):
    """Of four trades in a frame one has no number for its price."""
    bybit = wired("bybit", "BTCUSDT")

    bybit.take(trades(trade("a"), trade("b", price="much"), trade("c"), trade("d", side="Sell")))

    assert bybit.taker() == (200, 100)
    assert bybit.rejects.counts == {("trades", "not_a_number"): 1}


def test_buy_is_a_long_that_was_liquidated(wired, listed):
    """The side is the position's: the opposite of Binance's."""
    bybit = wired("bybit", listed("bybit", "1000PEPEUSDT", base="PEPE", multiplier=1000.0))
    rows = [
        {"T": NOW_MS, "s": "1000PEPEUSDT", "S": side, "v": "20", "p": "0.5"}
        for side in ("Buy", "Sell", "Sell")
    ]

    bybit.take(frame("allLiquidation.1000PEPEUSDT", rows))
    taken = bybit.flows.take("1000PEPEUSDT")

    assert [event.side for event in bybit.liquidations] == ["long", "short", "short"]
    assert (taken.liq_long_usd, taken.liq_short_usd) == (10, 20)
    assert {event.quantity_base for event in bybit.liquidations} == {20_000}


def test_liquidations_alike_in_one_frame_are_several_and_told_again_are_the_same(wired):
    """Two of the same size at the same instant happen; the same frame twice is a repeat."""
    bybit = wired("bybit", "BTCUSDT")
    row = {"T": NOW_MS, "s": "BTCUSDT", "S": "Buy", "v": "2", "p": "100"}

    bybit.take(*[frame("allLiquidation.BTCUSDT", [row, row])] * 2)

    assert len({event.id for event in bybit.liquidations}) == 2
    assert bybit.flows.take("BTCUSDT").liq_long_usd == 400
    assert bybit.rejects.counts == {("liquidations", "duplicate"): 2}


def test_a_burst_of_liquidations_is_kept_whole(wired):
    """5,000 in a second, in frames of 100."""
    bybit = wired("bybit", "BTCUSDT")
    rows = [
        {"T": NOW_MS + n % 1000, "s": "BTCUSDT", "S": "Sell", "v": f"{n + 1}", "p": "10"}
        for n in range(5000)
    ]

    for start in range(0, 5000, 100):
        bybit.take(frame("allLiquidation.BTCUSDT", rows[start : start + 100]))

    assert len({event.id for event in bybit.liquidations}) == 5000
    assert bybit.flows.take("BTCUSDT").liq_short_usd == 10 * 5000 * 5001 / 2


def test_keeps_a_book(wired):
    """A state, then changes that follow one another."""
    bybit = wired("bybit", "BTCUSDT")

    bybit.take(FIRST, book("delta", 11, [["99.9", "1"], ["99.8", "1"]]))
    bybit.take(book("delta", 12, asks=[["100.1", "0"], ["100.2", "6"]]))

    assert bybit.books.fields("BTCUSDT")["book_imbalance"] == pytest.approx((2 - 6) / 8)


def test_a_change_that_does_not_follow_ends_the_book(wired):
    """Until its topic is subscribed anew, which brings a new state."""
    bybit = wired("bybit", "BTCUSDT")

    bybit.take(FIRST, book("delta", 12, [["99.9", "1"]]))
    lost = bybit.books.wanting
    bybit.take(FIRST)

    assert lost == ["BTCUSDT"]
    assert bybit.books.wanting == []
    assert bybit.rejects.counts == {("depth", "out_of_sequence"): 1}


def test_the_number_one_is_a_new_state_whatever_its_type(wired):
    """Bybit starts again from 1 after a restart of its own."""
    bybit = wired("bybit", "BTCUSDT")

    bybit.take(FIRST, book("delta", 1, [["50.0", "1"]], [["50.1", "3"]]))
    bybit.take(book("delta", 2, [["50.0", "2"]]))

    assert bybit.books.fields("BTCUSDT")["book_imbalance"] == pytest.approx((2 - 3) / 5)


@pytest.mark.parametrize("name", ["kline", "ticker_linear"])
def test_counts_recorded_frames_of_other_topics(recorded, wired, name):
    """A topic that no one asked for is counted and skipped."""
    bybit = wired("bybit", "BTCUSDT")

    bybit.take(recorded(f"bybit/ws_{name}.json"))

    assert bybit.rejects.counts == {("", "unknown_event"): 1}


def test_recognises_what_is_said_of_requests(wired):
    """Acknowledgements and errors by the number of the request, and the answer to a ping."""
    bybit = wired("bybit", "BTCUSDT")
    said = {"conn_id": "x", "req_id": "12", "op": "subscribe"}

    assert bybit.take({"success": True, "ret_msg": "", **said}) == Ack(12)
    refused = bybit.take({"success": False, "ret_msg": "error:handler not found", **said})
    assert refused == Refused(12, (), "error:handler not found", "final")
    assert bybit.take({"success": True, "ret_msg": "pong", **said, "op": "ping"}) == Pong()
    assert bybit.take({"req_id": "", "op": "pong", "args": ["1"], "conn_id": "x"}) == Pong()
    assert bybit.rejects.bad == 0


def test_asks_for_topics_in_its_words():
    """With a number to know the answer by."""
    topic = BYBIT.channel("depth").topic("BTCUSDT")

    assert json.loads(BYBIT.subscribe([topic], 5)) == {
        "op": "subscribe",
        "req_id": "5",
        "args": ["orderbook.200.BTCUSDT"],
    }
    assert json.loads(BYBIT.unsubscribe([topic], 6))["op"] == "unsubscribe"
