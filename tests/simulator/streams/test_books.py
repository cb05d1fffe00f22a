"""Books told by changes are the books that REST tells whole."""

from __future__ import annotations

from zlib import crc32

import pytest

OKX_BOOK = {"channel": "books", "instId": "SOL-USDT-SWAP"}


def apply(side, levels):
    for price, size, *_ in levels:
        if float(size) == 0:
            side.pop(price, None)
        else:
            side[price] = size


def best(side, reverse):
    return sorted(side.items(), key=lambda level: float(level[0]), reverse=reverse)


async def rest(http, path, **query):
    async with http.get(path, params=query) as response:
        return await response.json()


async def advance(simulator, steps, seconds):
    for _ in range(steps):
        await simulator.advance(seconds)


@pytest.mark.parametrize("speed", ["100ms", "250ms", "500ms"])
async def test_binance_diffs_carry_a_snapshot_on(simulator, dial, http, speed):
    """The venue's rule: begin with the diff around the snapshot, then pu is the u before."""
    client = await dial("public")
    await client.subscribe(f"solusdt@depth@{speed}")
    await advance(simulator, 7, 0.3)
    whole = await rest(http, "/binance/fapi/v1/depth", symbol="SOLUSDT", limit=1000)
    await advance(simulator, 30, 0.3)
    later = await rest(http, "/binance/fapi/v1/depth", symbol="SOLUSDT", limit=1000)
    await simulator.advance(0.5)

    frames = await client.heard()

    bids, asks, known = dict(whole["bids"]), dict(whole["asks"]), whole["lastUpdateId"]
    fresh = [frame for frame in frames if frame["u"] >= known]
    assert fresh[0]["U"] <= known <= fresh[0]["u"]
    assert all(a["u"] == b["pu"] for a, b in zip(frames, frames[1:], strict=False))
    for frame in fresh:
        if frame["u"] > later["lastUpdateId"]:
            break
        apply(bids, frame["b"])
        apply(asks, frame["a"])
        known = frame["u"]
    if known == later["lastUpdateId"]:
        assert best(bids, reverse=True) == [tuple(level) for level in later["bids"]]
        assert best(asks, reverse=False) == [tuple(level) for level in later["asks"]]
    assert speed != "100ms" or known == later["lastUpdateId"]


@pytest.mark.parametrize("levels", ["1", "50", "200"])
async def test_bybit_deltas_carry_the_snapshot_on(simulator, dial, http, levels):
    client = await dial("bybit")
    _ack, first = await client.ask(f"orderbook.{levels}.SOLUSDT")
    await advance(simulator, 40, 0.3)

    frames = [first, *await client.heard()]

    bids, asks = {}, {}
    for frame in frames:
        if frame["type"] == "snapshot":
            bids, asks = {}, {}
        apply(bids, frame["data"]["b"])
        apply(asks, frame["data"]["a"])
    numbers = [frame["data"]["u"] for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + len(frames)))
    assert len(frames) > 1
    whole = await rest(
        http, "/bybit/v5/market/orderbook", category="linear", symbol="SOLUSDT", limit=levels
    )
    assert best(bids, reverse=True) == [tuple(level) for level in whole["result"]["b"]]
    assert best(asks, reverse=False) == [tuple(level) for level in whole["result"]["a"]]


async def test_bybit_a_second_subscriber_joins_the_same_count(simulator, dial):
    early, late = await dial("bybit"), await dial("bybit")
    await early.ask("orderbook.50.SOLUSDT")
    await advance(simulator, 5, 0.3)
    _ack, first = await late.ask("orderbook.50.SOLUSDT")
    await advance(simulator, 2, 0.3)

    numbers = [frame["data"]["u"] for frame in [first, *await late.heard()]]

    assert numbers == list(range(numbers[0], numbers[0] + 3))


async def test_okx_updates_carry_the_snapshot_on(simulator, dial, http):
    client = await dial("okx")
    _ack, first = await client.ask(OKX_BOOK)
    await advance(simulator, 40, 0.3)

    frames = [first, *await client.heard()]

    bids, asks, known = {}, {}, -1
    for frame in frames:
        (data,) = frame["data"]
        assert data["prevSeqId"] == known
        known = data["seqId"]
        apply(bids, data["bids"])
        apply(asks, data["asks"])
    assert [frame["action"] for frame in frames] == ["snapshot"] + ["update"] * 40
    whole = await rest(http, "/okx/api/v5/market/books", instId="SOL-USDT-SWAP", sz=400)
    (data,) = whole["data"]
    assert known == data["seqId"]
    assert best(bids, reverse=True) == [(price, size) for price, size, *_ in data["bids"]]
    assert best(asks, reverse=False) == [(price, size) for price, size, *_ in data["asks"]]


@pytest.mark.parametrize(
    ("venue", "symbol"),
    [("binance", "SOLUSDT"), ("bybit", "SOLUSDT"), ("okx", "SOL-USDT-SWAP")],
)
def test_changes_leave_the_imbalance(market, venue, symbol):
    """Within 25 bps it is what the market states, at every tenth of a second of a step."""
    now = 1_763_640_220_000
    for at_ms in range(now, now + 5_000, 700):
        book = market.book(venue, symbol, at_ms, 100)
        mid = (book.bid[0] + book.ask[0]) / 2
        bids = (book.bid * book.bid_size)[book.bid >= mid * 0.9975].sum()
        asks = (book.ask * book.ask_size)[book.ask <= mid * 1.0025].sum()
        stated = market.imbalance_pct(venue, symbol, at_ms)
        assert (bids - asks) / (bids + asks) * 100 == pytest.approx(stated, abs=0.1)
    first, last = (market.book(venue, symbol, now + late, 100) for late in (0, 4_999))
    assert (first.bid_size != last.bid_size).sum() > 10


@pytest.mark.parametrize("late_ms", range(0, 5_000, 300))
def test_the_best_level_stays_for_a_step(market, late_ms):
    """So the tickers, which are told once a step, have the sizes that the books have."""
    now = 1_763_640_220_000
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"):
        first, later = (market.book("bybit", symbol, at, 1) for at in (now, now + late_ms))
        assert first.bid_size[0] == later.bid_size[0]
        assert first.ask_size[0] == later.ask_size[0]


async def test_okx_checksum_is_of_the_25_best_levels_in_turn(simulator, dial):
    client = await dial("okx")
    _ack, first = await client.ask(OKX_BOOK)
    await simulator.advance(0.7)
    (update,) = await client.heard()

    bids, asks = {}, {}
    for frame in (first, update):
        (data,) = frame["data"]
        apply(bids, data["bids"])
        apply(asks, data["asks"])
        pairs = zip(best(bids, reverse=True)[:25], best(asks, reverse=False)[:25], strict=True)
        text = ":".join(":".join((*bid, *ask)) for bid, ask in pairs)
        assert data["checksum"] % 2**32 == crc32(text.encode())
        assert -(2**31) <= data["checksum"] < 2**31
