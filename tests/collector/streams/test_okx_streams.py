"""OKX's frames, written by hand in the documented format: none are recorded."""

import copy
import json

import pytest

from collector.streams.formats.okx import OKX
from collector.streams.formats.stream import Ack, Leaving, Pong, Refused

NOW_MS = 1_700_000_000_000
BTC = "BTC-USDT-SWAP"


def trade(number, *, side="buy", price="100", contracts="1", at=NOW_MS, **changed):
    row = {
        **{"instId": BTC, "tradeId": str(number), "px": price, "sz": contracts},
        **{"side": side, "source": "0", "ts": str(at), **changed},
    }
    return {"arg": {"channel": "trades-all", "instId": BTC}, "data": [row]}


def liquidations(*details, of=BTC):
    row = {"details": list(details), "instFamily": "BTC-USDT", "instId": of, "instType": "SWAP"}
    return {"arg": {"channel": "liquidation-orders", "instType": "SWAP"}, "data": [row]}


def detail(side, position, contracts="2", price="50000", at=NOW_MS):
    return {
        **{"bkLoss": "0", "bkPx": price, "ccy": "", "posSide": position},
        **{"side": side, "sz": contracts, "ts": str(at)},
    }


def book(action, before, number, bids=(), asks=()):
    row = {
        "bids": [[price, size, "0", "1"] for price, size in bids],
        "asks": [[price, size, "0", "1"] for price, size in asks],
        **{"ts": str(NOW_MS), "checksum": -1, "seqId": number, "prevSeqId": before},
    }
    return {"arg": {"channel": "books", "instId": BTC}, "action": action, "data": [row]}


FIRST = book("snapshot", -1, 100, [("99.9", "3")], [("100.1", "1")])


@pytest.fixture
def okx(wired, listed):
    """One contract is a hundredth of a bitcoin."""
    return wired("okx", listed("okx", BTC, contract_size=0.01))


def test_counts_contracts_by_their_size(okx):
    """10 contracts of 0.01 at 50,000 are 5,000 USD."""
    okx.take(trade(1, price="50000", contracts="10"), trade(2, side="sell", price="50000"))

    assert okx.taker(BTC) == (5000, 500)


def test_a_trade_told_twice_counts_once(okx):
    """Around a reconnection, and in any order."""
    okx.take(*(trade(number) for number in (5, 7, 6)))
    okx.reconnect()
    okx.take(*(trade(number) for number in (6, 7, 8)))

    assert okx.taker(BTC) == (4, 0)
    assert okx.rejects.counts == {("trades", "duplicate"): 2}


def test_keeps_every_detail_of_a_liquidation_frame(okx):
    """Several to a frame; longs are closed by selling, shorts by buying."""
    okx.take(
        liquidations(
            detail("sell", "long"),
            detail("buy", "short", contracts="3"),
            detail("sell", "net", contracts="5"),
        )
    )
    taken = okx.flows.take(BTC)

    assert [event.side for event in okx.liquidations] == ["long", "short", "long"]
    assert okx.liquidations[0].quantity_base == pytest.approx(0.02)
    assert (taken.liq_long_usd, taken.liq_short_usd) == (3500, 1500)


MINUTE_MS = 60_000


def test_a_liquidation_told_late_is_another_one(okx):
    """Four of 1 contract of 0.01 at 80,000, the last to come 8 minutes old: 4 x 800 USD."""
    for minutes in (10, 5, 0, 8):
        at_ms = NOW_MS - minutes * MINUTE_MS
        okx.take(liquidations(detail("sell", "long", "1", "80000", at_ms)))
    okx.take(liquidations(detail("sell", "long", "1", "80000", NOW_MS - 8 * MINUTE_MS)))

    assert okx.flows.take(BTC).liq_long_usd == pytest.approx(3200)
    assert len({event.id for event in okx.liquidations}) == len(okx.liquidations) == 4
    assert okx.rejects.counts == {("liquidations", "duplicate"): 1}


def test_a_liquidation_of_long_ago_is_kept_and_no_flow_of_now(okx):
    """A quarter of an hour is the longest that a flow is held back for as well."""
    okx.take(liquidations(detail("sell", "long", at=NOW_MS - 16 * MINUTE_MS)))

    assert okx.flows.take(BTC).liq_long_usd == 0
    assert [event.usd for event in okx.liquidations] == [pytest.approx(1000)]


def test_a_liquidation_that_contradicts_itself_is_none(okx):
    """An order to sell does not close a short; the details beside it count."""
    okx.take(liquidations(detail("sell", "short"), detail("sell", "long", price="0")))
    okx.take(liquidations(detail("sell", "long"), "nonsense"))

    assert len(okx.liquidations) == 1
    assert okx.rejects.counts == {
        ("liquidations", "unknown_side"): 1,
        ("liquidations", "price_not_positive"): 1,
        ("liquidations", "other_shape"): 1,
    }


def test_keeps_a_book(okx):
    """A state, changes that name the state before, and one that says that nothing changed."""
    okx.take(FIRST, book("update", 100, 105, [("99.9", "1")]), book("update", 105, 105))
    okx.take(book("update", 105, 110, asks=[("100.1", "3")]))

    assert okx.books.fields(BTC)["book_imbalance"] == pytest.approx((1 - 3) / 4)


def test_a_change_of_another_state_ends_the_book(okx):
    """Until its topic is subscribed anew."""
    okx.take(FIRST, book("update", 104, 105))
    lost = okx.books.wanting
    okx.take(FIRST)

    assert (lost, okx.books.wanting) == ([BTC], [])
    assert okx.rejects.counts == {("depth", "out_of_sequence"): 1}


@pytest.mark.parametrize("fields", [2, 3, 4, 6])
def test_levels_are_read_by_position(okx, fields):
    """Price and size come first; what else a level has may come and go."""

    def level(price, size):
        return [price, size, "0", "1", "new", None][:fields]

    first, change = copy.deepcopy(FIRST), book("update", 100, 105)
    first["data"][0] |= {"bids": [level("99.9", "3")], "asks": [level("100.1", "1")]}
    change["data"][0] |= {"bids": [level("99.9", "5")], "asks": []}

    okx.take(first, change)

    assert okx.books.fields(BTC)["book_imbalance"] == pytest.approx((5 - 1) / 6)
    assert okx.rejects.bad == 0


def test_a_level_without_a_size_is_none(okx):
    """The change is not applied in part."""
    change = book("update", 100, 105)
    change["data"][0]["bids"] = [["99.9"]]

    okx.take(FIRST, change)

    assert okx.rejects.counts == {("depth", "not_a_level"): 1}


def test_recognises_what_is_said_of_requests(okx):
    """Each topic is answered on its own; an error may name none."""
    arg = {"channel": "trades-all", "instId": BTC}

    acked = okx.take({"id": "4", "event": "subscribe", "arg": arg, "connId": "x"})
    assert acked == Ack(4, (OKX.channel("trades").topic(BTC),))
    everything = {"channel": "liquidation-orders", "instType": "SWAP"}
    acked = okx.take({"event": "subscribe", "arg": everything, "connId": "x"})
    assert acked == Ack(None, (OKX.channel("liquidations").topic("any"),))
    refused = okx.take({"event": "error", "code": "60018", "msg": "Wrong URL", "connId": "x"})
    assert refused == Refused(None, (), "Wrong URL (60018)", "final")
    leaving = okx.take({"event": "notice", "code": "64008", "msg": "will soon be closed"})
    assert leaving == Leaving("will soon be closed (64008)")
    assert okx.take({"event": "channel-conn-count", "channel": "x", "connCount": "2"}) is None
    assert okx.take(b"pong") == okx.take("pong") == Pong()
    assert okx.rejects.bad == 0


def test_asks_for_topics_in_its_words():
    """By instrument, and by the type of instrument for liquidations."""
    topics = [OKX.channel(name).topic(BTC) for name in ("trades", "liquidations", "depth")]

    assert json.loads(OKX.subscribe(topics, 9)) == {
        "id": "9",
        "op": "subscribe",
        "args": [
            {"channel": "trades-all", "instId": BTC},
            {"channel": "liquidation-orders", "instType": "SWAP"},
            {"channel": "books", "instId": BTC},
        ],
    }
    assert json.loads(OKX.unsubscribe(topics, 9))["op"] == "unsubscribe"
