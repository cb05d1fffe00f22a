"""Whatever comes over a socket: counted by reason, nothing raised, the rest goes on."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.streams.formats.stream import Ack

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000

IDS = {"binance": "BTCUSDT", "bybit": "BTCUSDT", "okx": "BTC-USDT-SWAP"}


def binance_trade(n):
    data = {
        **{"e": "aggTrade", "E": NOW_MS, "a": n, "s": "BTCUSDT", "p": "100", "q": "1"},
        **{"f": n, "l": n, "T": NOW_MS, "m": False},
    }
    return {"stream": "btcusdt@aggTrade", "data": data}


def bybit_trade(n):
    row = {"T": NOW_MS, "s": "BTCUSDT", "S": "Buy", "v": "1", "p": "100", "i": f"id {n}"}
    return {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": NOW_MS, "data": [row]}


def okx_trade(n):
    of = {"instId": "BTC-USDT-SWAP"}
    row = {**of, "tradeId": str(n), "px": "100", "sz": "1", "side": "buy", "ts": str(NOW_MS)}
    return {"arg": {"channel": "trades-all", **of}, "data": [row]}


TRADES = {"binance": binance_trade, "bybit": bybit_trade, "okx": okx_trade}

NAMES = {
    "binance": {"price": "p", "quantity": "q", "time": "T", "id": "a", "side": "m", "who": "s"},
    "bybit": {"price": "p", "quantity": "v", "time": "T", "id": "i", "side": "S", "who": "s"},
    "okx": {
        **{"price": "px", "quantity": "sz", "time": "ts"},
        **{"id": "tradeId", "side": "side", "who": "instId"},
    },
}

OTHERS = [
    ("binance", {"data": {"e": "forceOrder", "o": {"s": "BTCUSDT", "S": "SELL", "o": "LIMIT",
     "ap": "100", "z": "2", "q": "2", "T": NOW_MS}}}),
    ("binance", {"data": {"e": "depthUpdate", "E": NOW_MS, "T": NOW_MS, "s": "BTCUSDT", "U": 1,
     "u": 2, "pu": 0, "b": [["99", "1"]], "a": [["101", "1"]]}}),
    ("binance", {"result": None, "id": 3}),
    ("binance", {"error": {"code": 1, "msg": "no"}, "id": 3}),
    ("bybit", {"topic": "allLiquidation.BTCUSDT", "type": "snapshot", "ts": NOW_MS,
     "data": [{"T": NOW_MS, "s": "BTCUSDT", "S": "Sell", "v": "1", "p": "2"}]}),
    ("bybit", {"topic": "orderbook.200.BTCUSDT", "type": "snapshot", "ts": NOW_MS,
     "data": {"s": "BTCUSDT", "b": [["99", "1"]], "a": [["101", "1"]], "u": 5, "seq": 6}}),
    ("bybit", {"success": True, "ret_msg": "", "req_id": "3", "op": "subscribe"}),
    ("okx", {"arg": {"channel": "liquidation-orders", "instType": "SWAP"}, "data": [{
     "instId": "BTC-USDT-SWAP", "details": [{"bkPx": "9", "posSide": "long", "side": "sell",
     "sz": "1", "ts": str(NOW_MS)}]}]}),
    ("okx", {"arg": {"channel": "books", "instId": "BTC-USDT-SWAP"}, "action": "snapshot",
     "data": [{"bids": [["99", "1", "0", "1"]], "asks": [["101", "1", "0", "1"]],
     "ts": str(NOW_MS), "seqId": 5, "prevSeqId": -1}]}),
    ("okx", {"event": "error", "code": "60012", "msg": "no", "id": "3"}),
]  # fmt: skip


def row_of(message):
    data = message["data"]
    return data[0] if isinstance(data, list) else data


FAULTS = [
    ("price", "0", "price_not_positive"),
    ("price", "-5", "price_not_positive"),
    ("price", "many", "not_a_number"),
    ("price", "NaN", "not_a_number"),
    ("price", "inf", "not_a_number"),
    ("price", "1_0", "not_a_number"),
    ("price", True, "not_a_number"),
    ("price", [1], "not_a_number"),
    ("price", None, "missing_field"),
    ("quantity", "0", "quantity_not_positive"),
    ("quantity", "-1", "quantity_not_positive"),
    ("quantity", "", "missing_field"),
    ("quantity", {}, "not_a_number"),
    ("time", NOW_MS + DAY_MS, "from_the_future"),
    ("time", 10**30, "from_the_future"),
    ("time", 0, "not_a_time"),
    ("time", -1, "not_a_time"),
    ("time", "noon", "not_a_time"),
    ("side", "sideways", "unknown_side"),
    ("side", None, "missing_field"),
    ("who", 7, "not_a_text"),
    ("who", None, "missing_field"),
    ("id", None, "missing_field"),
    ("id", "", "missing_field"),
]


@pytest.mark.parametrize("venue", TRADES)
@pytest.mark.parametrize(("field", "value", "reason"), FAULTS)
def test_counts_why_a_trade_is_bad(wired, venue, field, value, reason):
    """The reason is named, and the good trades before and after it are counted."""
    one = wired(venue, IDS[venue])
    bad = TRADES[venue](2)
    row_of(bad)[NAMES[venue][field]] = value

    one.take(TRADES[venue](1), bad, TRADES[venue](3))

    assert one.rejects.counts == {("trades", reason): 1}
    assert one.rejects.bad == 1
    assert one.taker() == (200, 0)


@pytest.mark.parametrize("venue", TRADES)
def test_two_amounts_below_0_are_no_trade(wired, venue):
    """Their product is above 0, and they are nonsense all the same."""
    one = wired(venue, IDS[venue])
    bad = TRADES[venue](2)
    for field in ("price", "quantity"):
        row_of(bad)[NAMES[venue][field]] = "-3"

    one.take(bad)

    assert one.rejects.counts == {("trades", "price_not_positive"): 1}
    assert one.taker() == (0, 0)


@pytest.mark.parametrize("venue", TRADES)
@pytest.mark.parametrize("field", list(NAMES["okx"]))
def test_counts_a_missing_field(wired, venue, field):
    """A field that is not there at all."""
    one = wired(venue, IDS[venue])
    bad = TRADES[venue](2)
    del row_of(bad)[NAMES[venue][field]]

    one.take(bad, TRADES[venue](3))

    assert one.rejects.counts == {("trades", "missing_field"): 1}
    assert one.taker() == (100, 0)


@pytest.mark.parametrize("venue", ["binance", "okx"])
@pytest.mark.parametrize("value", ["abc", -1, [2]])
def test_counts_an_id_that_is_no_number(wired, venue, value):
    """Where ids are numbers, another one could not be told from the next."""
    one = wired(venue, IDS[venue])
    bad = TRADES[venue](2)
    row_of(bad)[NAMES[venue]["id"]] = value

    one.take(bad)

    assert one.rejects.counts == {("trades", "not_an_id"): 1}


@pytest.mark.parametrize("venue", TRADES)
@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "not_json"),
        (b"<html>busy</html>", "not_json"),
        (b'{"a":1]}', "not_json"),
        (b"\xff\xfe\x00", "not_json"),
        (b'{"data":{"e":"aggTr', "truncated"),
        (b'[{"topic"', "truncated"),
        (b"[1,2]", "other_shape"),
        (b"17", "other_shape"),
        (b'"text"', "other_shape"),
        (b"[" * 100_000, "truncated"),
    ],
)
def test_counts_what_is_no_message(wired, venue, frame, reason):
    """As bytes or as text, the stream goes on."""
    one = wired(venue, IDS[venue])

    one.take(frame, TRADES[venue](1))

    assert one.rejects.counts == {("", reason): 1}
    assert one.taker() == (100, 0)


@pytest.mark.parametrize(
    ("venue", "message"),
    [
        ("binance", {"stream": "x", "data": {"e": "newThing", "s": "BTCUSDT"}}),
        ("binance", {"stream": "x", "data": {"e": 5}}),
        ("binance", {"hello": 1}),
        ("bybit", {"topic": "newThing.BTCUSDT", "data": []}),
        ("bybit", {"hello": 1}),
        ("okx", {"arg": {"channel": "newThing", "instId": "X"}, "data": []}),
        ("okx", {"event": "newThing"}),
    ],
)
def test_counts_an_unknown_event(wired, venue, message):
    """Venues add kinds of events as they like."""
    one = wired(venue, IDS[venue])

    one.take(message, TRADES[venue](1))

    assert one.rejects.counts == {("", "unknown_event"): 1}
    assert one.taker() == (100, 0)


@pytest.mark.parametrize(("venue", "message"), OTHERS)
def test_takes_every_kind_of_frame(wired, venue, message):
    """The frames that are spoilt below are good ones to begin with."""
    one = wired(venue, IDS[venue])

    one.take(message)

    assert one.rejects.bad == 0


@pytest.mark.parametrize(
    ("venue", "message"),
    [
        ("bybit", {"success": True, "op": "subscribe", "req_id": "9" * 6000}),
        ("okx", {"event": "subscribe", "id": "9" * 6000, "arg": {"channel": 5}}),
    ],
)
def test_an_answer_with_a_number_of_nobodys_raises_nothing(wired, venue, message):
    """It names no request of ours."""
    assert wired(venue, IDS[venue]).take(message) == Ack(None)


@pytest.mark.parametrize("venue", TRADES)
@pytest.mark.parametrize("digits", ["%s", '"%s"', "-%s", "1e%s", "[%s]"])
def test_numbers_of_thousands_of_digits_raise_nothing(wired, venue, digits):
    """In any field: the trade is bad or of another instrument, those around it count."""
    for field in NAMES[venue].values():
        one = wired(venue, IDS[venue])
        message = TRADES[venue](2)
        row_of(message)[field] = "HERE"
        frame = json.dumps(message).replace('"HERE"', digits % ("9" * 6000))

        one.take(TRADES[venue](1), frame, TRADES[venue](3))

        assert one.taker()[0] >= 200


def test_a_bad_level_spoils_no_book(wired):
    """The change is left out, and the next one shows that something is missing."""
    binance = wired("binance", IDS["binance"])
    data = {"e": "depthUpdate", "T": NOW_MS, "s": "BTCUSDT", "pu": 0, "u": 1, "a": []}

    for levels in ([["x", "1"]], [["1"]], [["-1", "1"]], [["nan", "1"]], [["1", "-1"]], "no"):
        binance.take({"data": {**data, "b": levels}})

    assert binance.rejects.counts == {("depth", "not_a_level"): 6}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["0", "-1", "1e400", "nan", "inf", "BTCUSDT", "Buy", "SELL", "snapshot"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def paths(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, found in value.items():
            yield from paths(found, (*path, key))
    elif isinstance(value, list):
        for place, found in enumerate(value):
            yield from paths(found, (*path, place))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
@pytest.mark.parametrize("venue", TRADES)
def test_no_change_to_a_frame_raises_or_loses_the_trades_around_it(wired, venue, data):
    """Any field of any kind of frame replaced or removed: at most that frame is lost."""
    messages = [TRADES[venue](2), *(message for of, message in OTHERS if of == venue)]
    message = copy.deepcopy(data.draw(st.sampled_from(messages)))
    path = data.draw(st.sampled_from([found for found in paths(message) if found]))
    parent = message
    for step in path[:-1]:
        parent = parent[step]
    if data.draw(st.booleans()):
        del parent[path[-1]]
    else:
        parent[path[-1]] = data.draw(json_values)
    one = wired(venue, IDS[venue])

    one.take(TRADES[venue](1), json.dumps(message).encode(), TRADES[venue](3))

    # Where the spoilt frame is a trade that is still one, it may count with what it says.
    bought, _ = one.taker()
    assert bought >= 200
    if message not in messages and one.rejects.bad:
        assert bought == 200


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data())
@pytest.mark.parametrize("venue", TRADES)
def test_no_bytes_raise(wired, venue, data):
    """Random bytes, and the beginnings of good frames with random bytes after."""
    good = json.dumps(TRADES[venue](2)).encode()
    start = data.draw(st.integers(0, len(good) - 1))
    frame = good[:start] + data.draw(st.binary(max_size=40))
    one = wired(venue, IDS[venue])

    one.take(TRADES[venue](1), frame, TRADES[venue](3))
    one.take(frame.decode("utf-8", "replace"))

    assert one.taker()[0] >= 200


def test_every_beginning_of_a_captured_frame_is_truncated(captured, wired):
    """Cut anywhere, a real frame counts as truncated, and the next one is read."""
    received_ms, frame = next(one for one in captured if b'"aggTrade"' in one[1])
    symbol = json.loads(frame)["data"]["s"]
    binance = wired("binance", symbol)
    ends = [end for end in range(1, len(frame)) if frame[:end][-1:] not in b"}]"]

    for end in ends:
        binance.handler.take(frame[:end], received_ms)
    binance.handler.take(frame, received_ms)

    assert binance.rejects.counts == {("", "truncated"): len(ends)}
    assert sum(binance.taker(symbol)) > 0
