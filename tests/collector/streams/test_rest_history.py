"""What REST still tells of missed trades: how far back it is asked, and where it ends."""

import pytest

from collector.streams.holes.rest_history import Missing, OutOfReach, binance, bybit, okx
from collector.venues.json_reading import OtherShape

NOW = 1_700_000_000_000


class Wire:
    """A venue with so many trades, one a second until now; the newest has number *newest*."""

    def __init__(self, row, answer, trades, newest=10_000):
        self.row, self.answer = row, answer
        self.trades = [(newest - n, NOW - 1000 * n) for n in range(trades)]
        self.asked = []

    async def ask(self, call, method, params, weights):
        self.asked.append((method, dict(params)))
        return self.answer([self.row(*trade) for trade in self.trades], params)


def binance_answer(rows, params):
    rows = sorted(rows, key=lambda row: row["a"])
    if "fromId" in params:
        rows = [row for row in rows if row["a"] >= params["fromId"]]
    else:
        rows = [row for row in rows if params["startTime"] <= row["T"] <= params["endTime"]]
    return rows[: params["limit"]]


def binance_row(number, at_ms):
    return {"a": number, "p": "2.5", "q": "4", "T": at_ms, "m": number % 2 == 0}


def bybit_row(number, at_ms):
    row = {"execId": f"id{number}", "price": "2.5", "size": "4", "time": str(at_ms)}
    return row | {"side": "Buy" if number % 2 else "Sell", "isBlockTrade": number % 10 == 0}


def okx_row(number, at_ms):
    side = "buy" if number % 2 else "sell"
    return {"tradeId": str(number), "px": "2.5", "sz": "4", "side": side, "ts": str(at_ms)}


def bybit_answer(rows, params):
    return {"result": {"list": rows[: params["limit"]]}}


def okx_answer(rows, params):
    older = [row for row in rows if int(row["tradeId"]) < int(params.get("after", 10**9))]
    return {"data": older[: params["limit"]]}


def missing(seconds, numbers=(), last=None):
    from_ms = NOW - 1000 * seconds
    return Missing(venue_id="X", from_ms=from_ms, last=last, to_ms=NOW, numbers=numbers)


async def heard(trades, wire, wanted):
    return [trade async for page in trades(wire.ask, wanted) for trade in page]


async def test_binance_is_asked_from_the_first_number_missed_to_the_last():
    wire = Wire(binance_row, binance_answer, 5000)

    stated = await heard(binance, wire, missing(0, numbers=[(6500, 8700)]))

    assert {trade.trade_id for trade in stated} >= set(range(6500, 8701))
    assert [params["fromId"] for _, params in wire.asked] == [6500, 7500, 8500]
    assert stated[0][2:] == (2.5, 4.0, False)


async def test_binance_is_not_asked_for_what_lies_between_two_stretches_missed():
    """Of two holes, minutes apart, all trades between are known."""
    wire = Wire(binance_row, binance_answer, 5000)
    missed = [(5100, 5200), (5900, 6200), (8800, 8900)]

    stated = await heard(binance, wire, missing(0, numbers=missed))

    numbers = {trade.trade_id for trade in stated}
    assert all(numbers >= set(range(first, last + 1)) for first, last in missed)
    assert [params["fromId"] for _, params in wire.asked] == [5100, 6100, 8800]


async def test_binance_is_asked_by_time_where_no_number_is_known():
    wire = Wire(binance_row, binance_answer, 5000)

    stated = await heard(binance, wire, missing(1500))

    assert {trade.trade_id for trade in stated} >= set(range(8500, 10_001))


async def test_bybit_tells_of_a_thousand_and_says_where_that_is_not_enough():
    few, many = (Wire(bybit_row, bybit_answer, 5000) for _ in range(2))

    assert len(await heard(bybit, few, missing(50))) == 90
    assert [params["limit"] for _, params in few.asked] == [100]
    with pytest.raises(OutOfReach):
        await heard(bybit, many, missing(2000))
    assert [params["limit"] for _, params in many.asked] == [100, 1000]


async def test_okx_goes_back_page_by_page():
    wire = Wire(okx_row, okx_answer, 5000)

    stated = await heard(okx, wire, missing(700))

    assert len({trade.trade_id for trade in stated}) == len(stated) == 800
    assert [method for method, _ in wire.asked] == ["publicGetMarketTrades"] + [
        "publicGetMarketHistoryTrades"
    ] * 3


async def test_okx_goes_back_to_the_last_number_heard_whatever_our_clock_says():
    wire = Wire(okx_row, okx_answer, 5000)

    stated = await heard(okx, wire, missing(100, last=10_000 - 700))

    assert min(trade.trade_id for trade in stated) <= 10_000 - 700
    assert len(wire.asked) == 4


async def test_a_hole_that_is_too_long_is_out_of_reach():
    wire = Wire(okx_row, okx_answer, 5000)

    with pytest.raises(OutOfReach):
        await heard(okx, wire, missing(4000))
    assert len(wire.asked) == 10


@pytest.mark.parametrize("trades", [binance, bybit, okx])
async def test_what_is_no_list_of_trades_is_said_to_be_none(trades):
    async def ask(*_):
        return {"data": [{"price": 1}], "result": {"list": [{"x": 1}]}}

    with pytest.raises(OtherShape):
        await heard(trades, type("Odd", (), {"ask": staticmethod(ask)}), missing(10))
