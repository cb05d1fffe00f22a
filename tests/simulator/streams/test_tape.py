"""Trades and liquidations are a function of the seed and the time, and add up."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.market.listings import VENUES
from simulator.market.order_books import Precision
from simulator.market.random_processes import SLOT_MS
from simulator.market.synthetic import SyntheticMarket
from simulator.market.tape import side_sizes
from simulator.streams.events import Liquidated, largest_a_second

SLOT = 1_763_640_000_000 // SLOT_MS
MINUTE = 60_000


def columns(prints):
    return [getattr(prints, name).tolist() for name in prints.__slots__]


def test_is_the_same_whatever_was_asked_before(market):
    other = SyntheticMarket(instruments=24, seed=7)
    other.trades("bybit", "BTCUSDT", None, (SLOT + 3) * SLOT_MS, 900)
    other.tape("okx", SLOT + 2)

    for venue in VENUES:
        mine, others = market.tape(venue, SLOT), other.tape(venue, SLOT)
        assert columns(mine.prints) == columns(others.prints)
        assert columns(mine.liquidations) == columns(others.liquidations)


def test_another_seed_trades_something_else(market):
    other = SyntheticMarket(instruments=24, seed=8)

    assert columns(market.tape("okx", SLOT).prints) != columns(other.tape("okx", SLOT).prints)


@pytest.mark.parametrize("venue", VENUES)
def test_one_contract_alone_trades_what_it_trades_among_all(market, venue):
    """REST repair asks for one contract; the streams are made of the whole venue."""
    tape = market.tape(venue, SLOT)
    start = SLOT * SLOT_MS

    for at, listing in enumerate(tape.listings):
        meant = tape.prints.contract == at
        alone = market.trades(venue, listing.symbol, start, start + SLOT_MS, 10_000)
        for name in ("id", "time_ms", "price", "size", "is_buy"):
            expected = getattr(tape.prints, name)[meant]
            assert (getattr(alone, name) == expected).all(), (listing.symbol, name)


@pytest.mark.parametrize("venue", VENUES)
def test_numbers_count_up_without_holes(market, venue):
    tapes = [market.tape(venue, slot).prints for slot in (SLOT, SLOT + 1)]

    for at in range(len(market.tape(venue, SLOT).listings)):
        numbers = np.concatenate([tape.id[tape.contract == at] for tape in tapes])
        times = np.concatenate([tape.time_ms[tape.contract == at] for tape in tapes])
        assert (np.diff(numbers) == 1).all()
        assert (np.diff(times) >= 0).all()
        assert times[0] >= SLOT * SLOT_MS
        assert times[-1] < (SLOT + 2) * SLOT_MS


@pytest.mark.parametrize("venue", VENUES)
def test_every_minute_adds_up_to_its_candle(market, venue):
    """Each side to within half a lot a period: a busy contract has twelve in a minute."""
    tape = market.tape(venue, SLOT)
    start, end = SLOT * SLOT_MS, (SLOT + 1) * SLOT_MS

    for at, listing in enumerate(tape.listings):
        if listing.kind != "perpetual":
            continue
        bars = market.bars(venue, listing.symbol, MINUTE, start, end - MINUTE, end)
        minute = (tape.prints.time_ms - start) // MINUTE
        meant = tape.prints.contract == at
        usd = tape.prints.price * tape.prints.size * meant
        periods = 12 if meant.sum() >= 5 * 48 else 1
        near = periods * 0.51 * 10.0**-listing.size_decimals * bars.high + 0.02
        bought = np.bincount(minute, usd * tape.prints.is_buy, 5)
        sold = np.bincount(minute, usd * ~tape.prints.is_buy, 5)
        assert (np.abs(bought - bars.taker_buy_turnover) <= near).all(), listing.symbol
        expected = bars.turnover - bars.taker_buy_turnover
        assert (np.abs(sold - expected) <= near).all(), listing.symbol


def test_an_old_tape_can_be_asked_for_after_newer_ones(market):
    first = columns(market.tape("bybit", SLOT).prints)
    for later in range(1, 6):
        market.tape("bybit", SLOT + later)

    assert columns(market.tape("bybit", SLOT).prints) == first
    assert len(market.tape("bybit", SLOT - 40).prints.id) > 0


def test_no_trade_is_nothing(market):
    prints = market.tape("binance", SLOT).prints

    assert (prints.size > 0).all()
    assert (prints.price > 0).all()


def test_busy_contracts_trade_several_times_a_second_and_quiet_ones_a_few_times_a_minute():
    market = SyntheticMarket(instruments=200, seed=1)
    tape = market.tape("binance", SLOT)
    a_minute = np.bincount(tape.prints.contract) / (SLOT_MS / MINUTE)

    rates = {one.symbol: a_minute[at] for at, one in enumerate(tape.listings)}
    assert rates["BTCUSDT"] > 180
    perpetual = [rates[one.symbol] for one in tape.listings if one.kind == "perpetual"]
    assert 2 <= min(perpetual) <= 6
    assert sum(perpetual) / 60 < 100


def test_a_page_by_number_begins_with_that_number(market):
    now = (SLOT + 1) * SLOT_MS
    last = market.trades("okx", "SOL-USDT-SWAP", None, now, 200)

    page = market.numbered_trades("okx", "SOL-USDT-SWAP", int(last.id[37]), now, 100)

    assert page.id.tolist() == last.id[37:137].tolist()
    assert page.size.tolist() == last.size[37:137].tolist()


def test_what_is_to_come_is_not_told(market):
    now = SLOT * SLOT_MS + 61_234
    last = market.trades("binance", "BTCUSDT", None, now, 5)

    beyond = market.numbered_trades("binance", "BTCUSDT", int(last.id[-1]), now, 100)

    assert last.time_ms[-1] < now
    assert beyond.id.tolist() == last.id[-1:].tolist()


def test_liquidations_of_the_venue_are_those_of_its_contracts(market):
    start = SLOT * SLOT_MS
    tape = market.tape("bybit", SLOT)

    alone = [
        (event.symbol, event.time_ms, event.is_long, event.size)
        for listing in tape.listings
        for event in market.liquidations("bybit", listing.symbol, start, start + SLOT_MS)
    ]

    liquidations = tape.liquidations
    together = zip(
        (tape.listings[at].symbol for at in liquidations.contract),
        liquidations.time_ms.tolist(),
        liquidations.is_long.tolist(),
        liquidations.size.tolist(),
        strict=True,
    )
    assert sorted(alone) == sorted(together)
    assert len(alone) > 0


def test_of_a_second_the_largest_of_each_contract_is_told(market):
    btc, eth = market.listings("binance", SLOT * SLOT_MS)[:2]
    small, large = (
        Liquidated(btc, 1_000, 100.0, 1.0, True),
        Liquidated(btc, 1_999, 100.0, 3.0, False),
    )
    other, later = Liquidated(eth, 1_500, 10.0, 1.0, True), Liquidated(btc, 2_000, 100.0, 0.1, True)

    assert largest_a_second(iter([small, other, large, later])) == [other, large, later]
    assert largest_a_second(iter([large, small])) == [large]


def test_small_trades_are_a_lot_each_and_the_largest_gives_it_up():
    """Lots of 1; a flow of 10 in shares of 1 : 1 : 97 : 1, of which the last is not meant."""
    weight = np.array([[[0.1, 0.1, 9.8, 5.0]]])
    is_meant = np.array([[[True, True, True, False]]])

    sizes = side_sizes(
        Precision.of_decimals(np.array([0])), weight, is_meant, np.full((1, 1, 4), 10.0)
    )

    assert sizes.tolist() == [[[1.0, 1.0, 8.0, 0.0]]]
