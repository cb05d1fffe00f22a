"""Binance's frames, recorded ones first."""

import json
from collections import defaultdict
from decimal import Decimal

import pytest

from collector.streams.formats.binance import BINANCE
from collector.streams.formats.stream import Ack, Refused
from collector.venues.depth import book_fields
from collector.venues.json_reading import OtherShape

NOW_MS = 1_700_000_000_000


def agg(number, *, symbol="BTCUSDT", price="100", quantity="1", maker=False, at=NOW_MS, **changed):
    data = {
        **{"e": "aggTrade", "E": at, "a": number, "s": symbol, "p": price, "q": quantity},
        **{"f": 1, "l": 1, "T": at, "m": maker, **changed},
    }
    return {"stream": f"{symbol.lower()}@aggTrade", "data": data}


def test_adds_up_the_captured_trades(captured, wired):
    """Per instrument, against the frames themselves added up as decimals."""
    expected = defaultdict(Decimal)
    events = [json.loads(frame)["data"] for _, frame in captured]
    for trade in (event for event in events if event["e"] == "aggTrade"):
        expected[trade["s"], trade["m"]] += Decimal(trade["p"]) * Decimal(trade["q"])
    symbols = sorted({symbol for symbol, _ in expected})
    binance = wired("binance", *symbols)

    for received_ms, frame in captured:
        binance.handler.take(frame, received_ms)

    assert len(symbols) == 4
    for symbol in symbols:
        bought, sold = binance.taker(symbol)
        assert bought == pytest.approx(float(expected[symbol, False]), rel=1e-12)
        assert sold == pytest.approx(float(expected[symbol, True]), rel=1e-12)
        assert binance.flows.holes(symbol) == []


def test_passes_over_captured_events_that_were_not_asked_for(captured, wired):
    """Candles and best prices are in the capture: counted as unknown, and nothing else is bad."""
    binance = wired("binance", "SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT")
    others = sum(b'"e":"kline"' in frame or b'"e":"bookTicker"' in frame for _, frame in captured)

    for received_ms, frame in captured:
        binance.handler.take(frame, received_ms)

    assert binance.rejects.bad == binance.rejects.counts["", "unknown_event"] == others == 680


def rest_books(recorded):
    for line in recorded("captures/BINANCE_FUTURES.http.0.0.gz").splitlines():
        if "/depth?" in line:
            address, answer = line.split(" -> ", 1)
            at, payload = answer.split(": ", 1)
            symbol = address.partition("symbol=")[2].partition("&")[0]
            yield symbol, int(float(at) * 1000), json.loads(payload)


def plain_book(payload, frames, symbol):
    """The book that Binance's own description leads to, level by level, and changes applied."""
    sides = {key: dict(payload[name]) for key, name in (("b", "bids"), ("a", "asks"))}
    applied = 0
    for event in frames:
        if event.get("e") != "depthUpdate" or event["s"] != symbol:
            continue
        if event["u"] < payload["lastUpdateId"]:
            continue
        applied += 1
        for key, levels in sides.items():
            for price, quantity in event[key]:
                levels[price] = quantity
    bids, asks = (
        sorted(
            ([float(p), float(q)] for p, q in sides[key].items() if float(q)), reverse=key == "b"
        )
        for key in ("b", "a")
    )
    return book_fields(bids, asks), applied


def test_keeps_the_captured_books(captured, recorded, wired):
    """From the captured answer of REST through all captured changes, for four instruments.

    The capture holds each state's answer from while changes came already, as it will be.
    """
    states = list(rest_books(recorded))
    events = [json.loads(frame)["data"] for _, frame in captured]
    binance = wired("binance", *(symbol for symbol, _, _ in states))
    pending = sorted(states, key=lambda state: state[1])

    for received_ms, frame in captured:
        while pending and pending[0][1] <= received_ms:
            symbol, _, payload = pending.pop(0)
            BINANCE.rest_book(binance.books, symbol, payload, 1000)
        binance.handler.take(frame, received_ms)

    assert len(states) == 4
    assert binance.books.wanting == []
    for symbol, _, payload in states:
        expected, applied = plain_book(payload, events, symbol)
        assert applied > 100
        assert binance.books.fields(symbol) == pytest.approx(expected)


def test_a_captured_change_left_out_is_noticed(captured, recorded, wired):
    """Without one of its changes a book is given up, at the next one."""
    symbol, _, payload = next(rest_books(recorded))
    binance = wired("binance", symbol)
    BINANCE.rest_book(binance.books, symbol, payload, 1000)
    changes = [
        (at, frame)
        for at, frame in captured
        if b'"depthUpdate"' in frame
        and symbol.encode() in frame
        and json.loads(frame)["data"]["u"] >= payload["lastUpdateId"]
    ]

    for at, frame in [*changes[:20], *changes[21:]]:
        binance.handler.take(frame, at)

    assert binance.rejects.counts["depth", "out_of_sequence"] == 1
    assert binance.books.wanting == [symbol]


def test_reads_the_recorded_liquidation(recorded, wired):
    """SELL closes a long: 0.014 BTC filled at 9910.12345678 on average."""
    frame = recorded("binance_usdm/ws_liquidation.json")
    binance = wired("binance", "BTCUSDT")

    wrapped = {"stream": "!forceOrder@arr", "data": frame}
    binance.take(frame, wrapped, received_ms=frame["o"]["T"] + 50)
    (event,) = binance.liquidations
    taken = binance.flows.take("BTCUSDT")

    assert (event.venue, event.symbol, event.side) == ("binance", "BTC/USDT:USDT", "long")
    assert (event.price, event.quantity_base) == (9910.12345678, 0.014)
    assert event.usd == taken.liq_long_usd == pytest.approx(0.014 * 9910.12345678)
    assert taken.liq_short_usd == 0
    assert event.venue_ts.isoformat() == "2019-09-09T07:34:20.893000+00:00"
    assert event.received_ts.isoformat() == "2019-09-09T07:34:20.943000+00:00"
    assert binance.rejects.counts == {("liquidations", "duplicate"): 1}


def test_reads_the_recorded_trade(recorded, wired):
    """The buyer was the maker: a sell of 100 at 0.001. It comes without a wrapping here."""
    binance = wired("binance", "BTCUSDT")

    binance.take(recorded("binance_usdm/ws_agg_trade.json"))

    assert binance.taker() == (0, pytest.approx(0.1))


@pytest.mark.parametrize(
    "name", ["book_ticker", "kline_closed", "kline_open", "mark_price", "ticker", "trade"]
)
def test_counts_recorded_events_of_other_kinds(recorded, wired, name):
    """An event that no one asked for is counted and skipped."""
    binance = wired("binance", "BTCUSDT", "BNBUSDT")

    binance.take(recorded(f"binance_usdm/ws_{name}.json"))

    assert binance.rejects.counts == {("", "unknown_event"): 1}


def test_a_reconnection_counts_nothing_twice(wired):
    """The new connection tells again what the old one told."""
    binance = wired("binance", "BTCUSDT")
    binance.take(*(agg(number) for number in range(1, 21)))

    binance.reconnect()
    binance.take(*(agg(number) for number in range(15, 31)))

    assert binance.taker() == (3000, 0)
    assert binance.rejects.counts == {("trades", "duplicate"): 6}


def test_knows_what_it_heard_and_when(wired):
    """For the watchdog: per channel, and only what was good."""
    binance = wired("binance", "BTCUSDT")

    binance.take(agg(1), received_ms=NOW_MS + 5)
    binance.take(agg(2, price="0"), received_ms=NOW_MS + 9)

    assert binance.handler.heard_ms == {"trades": NOW_MS + 5}


def test_a_liquidation_of_an_instrument_that_nobody_follows_is_heard_all_the_same(wired):
    """The stream of all liquidations is alive though none of ours is among them."""
    order = {"s": "XUSDT", "S": "BUY", "ap": "2", "z": "3", "T": NOW_MS}
    binance = wired("binance", "BTCUSDT")

    binance.take({"stream": "!forceOrder@arr", "data": {"e": "forceOrder", "o": order}})

    assert binance.handler.heard_ms == {"liquidations": NOW_MS}
    assert binance.rejects.counts == {("liquidations", "unknown_instrument"): 1}
    assert binance.rejects.bad == 0


def test_counts_coins_behind_a_multiplier(wired, listed):
    """20 of 1000PEPE at 0.01 are 0.2 USD and 20,000 PEPE."""
    pepe = listed("binance", "1000PEPEUSDT", base="PEPE", multiplier=1000.0)
    order = {"s": "1000PEPEUSDT", "S": "BUY", "ap": "0.01", "z": "20", "T": NOW_MS}
    binance = wired("binance", pepe)

    binance.take({"data": [{"e": "forceOrder", "o": order}]})

    (event,) = binance.liquidations
    assert (event.side, event.quantity_base, event.usd) == ("short", 20_000, pytest.approx(0.2))


def test_recognises_what_is_said_of_requests(wired):
    """An acknowledgement by its number; an error with its number and words."""
    binance = wired("binance", "BTCUSDT")

    assert binance.take({"result": None, "id": 7}) == Ack(7)
    assert binance.take({"error": {"code": 2, "msg": "Invalid request"}, "id": 8}) == Refused(
        8, (), "Invalid request (2)", "unknown"
    )
    refused = binance.take({"code": 3, "msg": "Invalid JSON"})
    assert refused == Refused(None, (), "Invalid JSON (3)", "unknown")
    assert binance.take(agg(1)) is None
    assert binance.rejects.bad == 0


@pytest.mark.parametrize(("asked", "whole"), [(100, True), (1, False)])
def test_knows_whether_rest_told_all_levels(wired, asked, whole):
    """Fewer levels than were asked for are all that there are: one further out is a new one."""
    binance = wired("binance", "BTCUSDT")
    state = {"lastUpdateId": 5, "T": NOW_MS, "bids": [["99.9", "1"]], "asks": [["100.1", "1"]]}
    further = {"e": "depthUpdate", "T": NOW_MS, "s": "BTCUSDT", "pu": 5, "u": 6, "a": []}

    BINANCE.rest_book(binance.books, "BTCUSDT", state, asked)
    binance.take({"data": {**further, "b": [["99.85", "2"]]}})

    depth = 3 if whole else 1
    imbalance = binance.books.fields("BTCUSDT")["book_imbalance"]
    assert imbalance == pytest.approx((depth - 1) / (depth + 1))


def test_asks_for_topics_within_the_limits():
    """In messages that Binance takes, all of them once."""
    topics = [BINANCE.channel("trades").topic(f"COIN{n}USDT") for n in range(250)]

    batches = list(BINANCE.batches(topics))

    assert [topic for batch in batches for topic in batch] == topics
    assert all(len(batch) <= BINANCE.limits.topics_per_message for batch in batches)
    assert all(len(BINANCE.subscribe(batch, 10**6)) <= 4096 for batch in batches)
    assert json.loads(BINANCE.subscribe(["btcusdt@aggTrade"], 3)) == {
        "method": "SUBSCRIBE",
        "params": ["btcusdt@aggTrade"],
        "id": 3,
    }
    assert json.loads(BINANCE.unsubscribe(["x"], 4))["method"] == "UNSUBSCRIBE"


@pytest.mark.parametrize(
    "payload",
    [None, [], {}, {"lastUpdateId": 1, "T": 1, "bids": [["x", "1"]], "asks": []}]
    + [{"lastUpdateId": 1, "T": 1, "bids": [["-1", "1"]], "asks": []}],
)
def test_a_state_of_another_shape_starts_no_book(wired, payload):
    """It is refused as any other answer of REST is."""
    binance = wired("binance", "BTCUSDT")

    with pytest.raises(OtherShape):
        BINANCE.rest_book(binance.books, "BTCUSDT", payload, 100)

    assert binance.books.wanting == ["BTCUSDT"]
