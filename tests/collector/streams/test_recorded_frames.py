"""Recorded frames of real venues, replayed; the test works every sum out for itself."""

import json
import zlib
from collections import Counter, defaultdict
from itertools import chain, zip_longest

import pytest

BTC = "BTC-USDT"


def test_bybits_liquidations_of_2026_10_10(recorded, wired):
    """52 rows of 20 pairs, 5,928.83 USD of longs and 46,543.21 USD of shorts.

    A long that is liquidated goes at a bankruptcy price below the mark, a short above it: that
    is what ``Buy`` and ``Sell`` mean here, and each of the recorded marks agrees.
    """
    payload = recorded("bybit/ws_all_liquidation_2026-10-10.json")["payload"]
    rows = [row for one in payload for row in one["frame"]["data"]]
    worth_usd = Counter()
    for row in rows:
        side = {"Buy": "long", "Sell": "short"}[row["S"]]
        worth_usd[row["s"], side] += float(row["v"]) * float(row["p"])
    symbols = sorted({row["s"] for row in rows})
    bybit = wired("bybit", *symbols)

    for one in payload:
        bybit.take(one["frame"], received_ms=one["frame"]["ts"])

    taken = {symbol: bybit.flows.take(symbol) for symbol in symbols}
    assert (len(payload), len(rows), len(symbols)) == (47, 52, 20)
    assert len({event.id for event in bybit.liquidations}) == 52
    assert not bybit.rejects.counts
    for symbol in symbols:
        assert taken[symbol].liq_long_usd == pytest.approx(worth_usd[symbol, "long"], abs=1e-9)
        assert taken[symbol].liq_short_usd == pytest.approx(worth_usd[symbol, "short"], abs=1e-9)
    longs_usd = sum(one.liq_long_usd for one in taken.values())
    shorts_usd = sum(one.liq_short_usd for one in taken.values())
    assert (longs_usd, shorts_usd) == pytest.approx((5_928.826163, 46_543.2070655))
    stated = iter(bybit.liquidations)
    for one in payload:
        for row in one["frame"]["data"]:
            event, mark = next(stated), one["mark_price_at_receipt"][row["s"]]
            assert event.side == ("long" if event.price < mark else "short")


@pytest.fixture
def frames(recorded):
    """OKX's frames of 2022-05-13: receive time [Unix ms], and the frame."""
    lines = recorded("captures/OKX.ws.1.0.gz").splitlines()
    split = [line.split(": ", 1) for line in lines if ": {" in line and line[0].isdigit()]
    return [(int(float(at) * 1000), json.loads(text)) for at, text in split]


def test_okx_of_2022_is_refused_where_it_lacks_what_books_need(frames, wired):
    """Books had no numbers then: without them nobody can tell whether a change is missing."""
    of = sorted({message["arg"]["instId"] for _, message in frames if "data" in message})
    okx = wired("okx", *of)
    books = [message for _, message in frames if _is_of(message, "books")]
    others = sum("data" in message for _, message in frames) - len(books)

    for received_ms, message in frames:
        okx.take(message, received_ms=received_ms)

    assert len(books) == 290
    assert sorted(okx.books.wanting) == of
    assert okx.rejects.counts == {("depth", "missing_field"): 290, ("", "unknown_event"): others}


def test_okxs_trades_of_2022_add_up(frames, wired):
    """As they would come on today's channel, whose rows have the same fields: 74, each once."""
    sums = defaultdict(lambda: [0.0, 0.0])
    okx = wired("okx", *sorted({message["arg"]["instId"] for _, message in frames}))
    numbers = set()
    for received_ms, message in frames:
        if not _is_of(message, "trades"):
            continue
        for row in message["data"]:
            if (key := (row["instId"], row["tradeId"])) not in numbers:
                sold = row["side"] == "sell"
                sums[row["instId"]][sold] += float(row["px"]) * float(row["sz"])
            numbers.add(key)
        arg = {**message["arg"], "channel": "trades-all"}
        okx.take({"arg": arg, "data": message["data"]}, received_ms=received_ms)

    assert len(numbers) == 74
    assert {of: okx.taker(of) for of in sums} == {
        of: pytest.approx(tuple(sides)) for of, sides in sums.items()
    }


def test_okxs_book_of_2022_is_the_one_that_its_checksums_are_of(frames, wired):
    """With numbers put in, as there were none: the rest is the venue's own arithmetic."""
    okx = wired("okx", BTC)
    sides, number = {"bids": {}, "asks": {}}, 0
    for received_ms, message in frames:
        if not _is_of(message, "books") or message["arg"]["instId"] != BTC:
            continue
        row = message["data"][0]
        for side, levels in sides.items():
            for price, size, *_ in row[side]:
                levels[price] = size
                if float(size) == 0:
                    del levels[price]
        assert _checksum(sides) == row["checksum"]
        numbered = {**row, "prevSeqId": number, "seqId": number + 1}
        number += 1
        okx.take({**message, "data": [numbered]}, received_ms=received_ms)

    assert number == 98
    bids = {float(price): float(size) for price, size in sides["bids"].items()}
    asks = {float(price): float(size) for price, size in sides["asks"].items()}
    mid = (max(bids) + min(asks)) / 2
    near_bids = sum(size for price, size in bids.items() if price >= mid * (1 - 0.0025))
    near_asks = sum(size for price, size in asks.items() if price <= mid * (1 + 0.0025))
    assert okx.books.fields(BTC) == {
        "book_imbalance": pytest.approx((near_bids - near_asks) / (near_bids + near_asks)),
        "spread_bps": pytest.approx((min(asks) - max(bids)) / mid * 10_000),
    }


def _is_of(message, channel):
    return "data" in message and message["arg"]["channel"] == channel


def _checksum(sides):
    """OKX's check of the best 25 levels: bid and ask in turn, as a signed number."""
    bids = sorted(sides["bids"].items(), key=lambda level: -float(level[0]))[:25]
    asks = sorted(sides["asks"].items(), key=lambda level: float(level[0]))[:25]
    both = zip_longest(bids, asks, fillvalue=())
    number = zlib.crc32(":".join(chain.from_iterable(chain.from_iterable(both))).encode())
    return number - 2**32 if number >= 2**31 else number
