"""The synthetic market on its own: the same whoever asks, live or later."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.market import listings
from simulator.market.order_books import BAND_BPS
from simulator.market.synthetic import SyntheticMarket

MINUTE = 60_000
SLOT = 5 * MINUTE
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOW = 1_763_640_220_000
"""2025-11-20 12:03:40 UTC."""


def test_same_figures_whatever_was_asked_before():
    """Two markets polled in opposite order, one of them also for other things, agree."""
    moments = [NOW + offset for offset in (0, 5_000, HOUR, 9 * HOUR, 26 * HOUR, -3 * DAY, 2 * HOUR)]
    straight, crooked = (SyntheticMarket(instruments=12, seed=3) for _ in range(2))
    crooked.bars("okx", "ETH-USDT-SWAP", HOUR, NOW // HOUR * HOUR - 5 * DAY, NOW, NOW)

    there = {now: straight.quotes("binance", now) for now in moments}
    back = {now: crooked.quotes("binance", now) for now in reversed(moments)}

    for now in moments:
        np.testing.assert_array_equal(there[now].last, back[now].last)
        np.testing.assert_array_equal(there[now].open_interest, back[now].open_interest)
        np.testing.assert_array_equal(there[now].turnover, back[now].turnover)
        np.testing.assert_array_equal(there[now].detail.high_24h, back[now].detail.high_24h)


def test_another_seed_is_another_market():
    one, two = (SyntheticMarket(instruments=3, seed=seed).quotes("okx", NOW) for seed in (0, 1))

    assert not np.array_equal(one.last, two.last)


@pytest.mark.parametrize(
    ("venue", "symbol"),
    [("binance", "BTCUSDT"), ("bybit", "SHIB1000USDT"), ("okx", "PEPE-USDT-SWAP")],
)
def test_candles_show_the_prices_that_were_polled_live(market, venue, symbol):
    """Polling every step of three minutes gives open, high, low and close of the candles."""
    start = NOW // MINUTE * MINUTE
    polled = []
    for now in range(start, start + 3 * MINUTE, 5_000):
        quotes = market.quotes(venue, now)
        polled.append(quotes.last[quotes.position[symbol]])
    minutes = np.array(polled).reshape(3, 12)

    bars = market.bars(venue, symbol, MINUTE, start, start + 2 * MINUTE, start + 3 * MINUTE)

    np.testing.assert_array_equal(bars.open, minutes[:, 0])
    np.testing.assert_array_equal(bars.high, minutes.max(axis=1))
    np.testing.assert_array_equal(bars.low, minutes.min(axis=1))
    np.testing.assert_array_equal(bars.close, minutes[:, -1])


def test_the_running_candle_ends_at_the_live_price(market):
    quotes = market.quotes("binance", NOW)

    bars = market.bars("binance", "ETHUSDT", HOUR, NOW // HOUR * HOUR, NOW, NOW)

    assert bars.close[-1] == quotes.last[quotes.position["ETHUSDT"]]


def test_a_candle_is_the_sum_of_shorter_ones(market):
    start = NOW // HOUR * HOUR - 6 * HOUR

    hours = market.bars("bybit", "SOLUSDT", HOUR, start, start + 5 * HOUR, NOW)
    slots = market.bars("bybit", "SOLUSDT", SLOT, start, start + 6 * HOUR - SLOT, NOW)

    np.testing.assert_array_equal(hours.high, slots.high.reshape(6, 12).max(axis=1))
    np.testing.assert_allclose(hours.turnover, slots.turnover.reshape(6, 12).sum(axis=1))


def test_candles_in_pieces_are_the_same_candles(market):
    """Spans of more steps than are computed at once are joined without a seam."""
    start = NOW // DAY * DAY - 70 * DAY

    days = market.bars("binance", "XRPUSDT", DAY, start, start + 60 * DAY, NOW)
    alone = market.bars("binance", "XRPUSDT", DAY, start + 34 * DAY, start + 36 * DAY, NOW)

    assert len(days.time_ms) == 61
    np.testing.assert_array_equal(days.close[34:37], alone.close)


def test_the_day_of_a_ticker_is_the_day_of_its_candles(market):
    """24 hours before a step: volume, extremes and opening price of whole minutes."""
    now = NOW // MINUTE * MINUTE
    quotes = market.quotes("okx", now)
    at = quotes.position["BTC-USDT-SWAP"]

    bars = market.bars("okx", "BTC-USDT-SWAP", MINUTE, now - DAY, now - MINUTE, now)

    assert quotes.turnover[at] == pytest.approx(bars.turnover.sum(), rel=1e-9)
    assert quotes.volume[at] == pytest.approx(bars.volume.sum(), rel=1e-6)
    assert quotes.detail.open_24h[at] == bars.open[0]
    assert quotes.detail.high_24h[at] == max(bars.high.max(), quotes.last[at])
    assert quotes.detail.low_24h[at] == min(bars.low.min(), quotes.last[at])


@pytest.mark.parametrize("venue", listings.VENUES)
def test_open_interest_of_a_mark_is_what_was_live_then(market, venue):
    symbol = "DOGE-USDT-SWAP" if venue == "okx" else "DOGEUSDT"
    last = NOW // SLOT * SLOT
    marks = range(last - 3 * SLOT, last + 1, SLOT)
    live = []
    for now in marks:
        quotes = market.quotes(venue, now)
        live.append(quotes.open_interest[quotes.position[symbol]])

    history = market.open_interest(venue, symbol, SLOT, marks[0], NOW)

    assert history.time_ms.tolist() == list(marks)
    assert history.value.tolist() == live


def test_a_funding_settles_at_the_rate_shown_last(market):
    """Every contract, whatever its interval: the rate just before the time is the one paid."""
    due = NOW // (8 * HOUR) * 8 * HOUR
    before = market.quotes("binance", due - 5_000)

    for at, listing in enumerate(before.listings):
        if listing.kind == "perpetual":
            settled = market.funding("binance", listing.symbol, due - HOUR + 1, due)
            assert before.detail.next_funding_ms[at] == due
            assert settled.value[-1] == before.detail.funding_rate[at]


def test_funding_rests_on_many_contracts_and_departs_on_others(market):
    quotes = market.quotes("bybit", NOW)
    hours = np.array([max(listing.funding_h, 1) for listing in quotes.listings])
    per_8h = quotes.detail.funding_rate * 8 / hours

    resting = np.isclose(per_8h, 1e-4, atol=1e-7)

    assert 0.2 < resting.mean() < 0.95
    assert (np.abs(per_8h) <= 0.16).all()


def test_funding_at_rest_is_in_proportion_to_its_interval():
    """0.01 % per 8 h is 0.005 % per 4 h and 0.00125 % per hour."""
    quotes = SyntheticMarket(instruments=200).quotes("binance", NOW)
    hours = np.array([listing.funding_h for listing in quotes.listings])

    for interval in (1, 4, 8):
        rates = quotes.detail.funding_rate[hours == interval]
        assert np.isclose(rates, 1e-4 * interval / 8, rtol=0, atol=1e-9).mean() > 0.2


def test_long_short_moves_on_five_minute_marks(market):
    found = market.ratio("binance", "BTCUSDT", "accounts", SLOT, NOW - DAY, NOW)

    assert len(found.value) == 288
    assert (found.time_ms % SLOT == 0).all()
    assert (found.value > 0).all()
    assert len(np.unique(found.value)) > 100


@pytest.mark.parametrize(
    ("venue", "symbol"),
    [("binance", "1000PEPEUSDT"), ("bybit", "BTCUSDT"), ("okx", "SHIB-USDT-SWAP")],
)
def test_books_lean_as_stated_within_the_band_and_otherwise_beyond(market, venue, symbol):
    """Whoever measures within 25 bps finds the stated figure, from few levels or many."""
    for now in (NOW, NOW + 5_000, NOW + HOUR):
        stated = market.imbalance_pct(venue, symbol, now)
        for levels in (20, 100):
            book = market.book(venue, symbol, now, levels)
            mid = (book.bid[0] + book.ask[0]) / 2
            near_bid = book.bid >= mid * (1 - BAND_BPS / 1e4)
            near_ask = book.ask <= mid * (1 + BAND_BPS / 1e4)
            bids = (book.bid * book.bid_size)[near_bid].sum()
            asks = (book.ask * book.ask_size)[near_ask].sum()
            assert (bids - asks) / (bids + asks) * 100 == pytest.approx(stated, abs=0.1)
        outer_bids = (book.bid * book.bid_size)[~near_bid].sum()
        outer_asks = (book.ask * book.ask_size)[~near_ask].sum()
        outer = (outer_bids - outer_asks) / (outer_bids + outer_asks) * 100
        assert outer == pytest.approx(-stated, abs=0.1)


def test_books_are_ordered_and_not_crossed(market):
    for venue in listings.VENUES:
        for listing in market.listings(venue, NOW):
            book = market.book(venue, listing.symbol, NOW, 50)
            assert (np.diff(book.bid) <= 0).all()
            assert (np.diff(book.ask) >= 0).all()
            assert book.bid[0] < book.ask[0]


def test_trades_add_up_to_the_flow_and_keep_their_numbers(market):
    start = NOW - 2 * MINUTE
    bought, sold = market.flow("okx", "SOL-USDT-SWAP", start, NOW)

    trades = market.trades("okx", "SOL-USDT-SWAP", start, NOW, 1000)
    last = market.trades("okx", "SOL-USDT-SWAP", None, NOW, 10)

    worth = trades.price * trades.size
    assert worth[trades.is_buy].sum() == pytest.approx(bought, rel=2e-3)
    assert worth[~trades.is_buy].sum() == pytest.approx(sold, rel=2e-3)
    assert last.id.tolist() == trades.id[-10:].tolist()
    assert (np.diff(trades.time_ms) >= 0).all()
    assert len(set(trades.id.tolist())) == len(trades.id)


def test_flow_of_a_candle_is_its_turnover(market):
    start = NOW // SLOT * SLOT - SLOT

    bars = market.bars("binance", "BNBUSDT", SLOT, start, start, NOW)

    bought, sold = market.flow("binance", "BNBUSDT", start, start + SLOT)
    assert bars.turnover[0] == pytest.approx(bought + sold)
    assert bars.taker_buy_turnover[0] == pytest.approx(bought, abs=0.01)


def test_what_is_traded_in_the_running_step_is_in_no_figure_yet(market):
    start = NOW // SLOT * SLOT

    bars = market.bars("binance", "BNBUSDT", SLOT, start, start, NOW)

    bought, sold = market.flow("binance", "BNBUSDT", start, NOW)
    assert bars.turnover[-1] == pytest.approx(bought + sold)


def test_no_step_of_a_slot_is_rougher_than_another(market):
    """The path inside five minutes joins its ends without a jump: all 60 steps move alike."""
    start = NOW // SLOT * SLOT - 12 * DAY

    bars = market.bars("okx", "BTC-USDT-SWAP", 5_000, start, start + 12 * DAY - 5_000, NOW)

    moves = np.abs(np.diff(np.log(bars.close)))
    by_step = np.append(moves, moves[-1]).reshape(-1, 60)[:, :59].mean(axis=0)
    assert by_step.max() / by_step.min() < 1.25


def test_liquidations_come_in_bursts_on_the_side_that_loses(market):
    """In the five minutes of the steepest fall of a week mostly longs are closed."""
    start = NOW // SLOT * SLOT - 7 * DAY
    bars = market.bars("binance", "BTCUSDT", SLOT, start, NOW, NOW)
    worst = int(np.argmin(bars.close / bars.open))
    at = int(bars.time_ms[worst])

    burst = market.liquidations("binance", "BTCUSDT", at, at + SLOT)
    week = market.liquidations("binance", "BTCUSDT", start, NOW)

    assert len(burst) > 20 * len(week) / len(bars.time_ms)
    assert np.mean([event.is_long for event in burst]) > 0.9
    assert all(at <= event.time_ms < at + SLOT for event in burst)


def test_volumes_rank_as_on_a_real_venue():
    quotes = SyntheticMarket(instruments=70).quotes("binance", NOW)
    order = [quotes.listings[at].symbol for at in np.argsort(-quotes.turnover)]

    assert set(order[:2]) == {"BTCUSDT", "ETHUSDT"}
    assert quotes.turnover.max() > 100 * np.median(quotes.turnover)


def test_the_venues_share_one_coins_trade(market):
    """Binance, Bybit and OKX together trade about what BTC is known to trade in a day."""
    names = {"binance": "BTCUSDT", "bybit": "BTCUSDT", "okx": "BTC-USDT-SWAP"}
    traded = {}
    for venue, symbol in names.items():
        quotes = market.quotes(venue, NOW)
        traded[venue] = quotes.turnover[quotes.position[symbol]]

    assert traded["binance"] > traded["bybit"] > traded["okx"]
    assert 15e9 < sum(traded.values()) < 80e9


@pytest.mark.parametrize("count", [1, 60, 200, 300])
def test_any_number_of_assets_each_named_once(count):
    market = SyntheticMarket(instruments=count)
    symbols = [listing.symbol for listing in market.listings("binance", NOW)]

    perpetuals = [name for name in symbols if "_" not in name]

    assert len(perpetuals) == count
    assert len(set(symbols)) == len(symbols)


@pytest.mark.parametrize("count", [0, 301])
def test_refuses_a_market_of_impossible_size(count):
    with pytest.raises(ValueError, match="1 to 300"):
        SyntheticMarket(instruments=count)


def test_multiplied_coins_are_named_as_each_venue_names_them(market):
    names = {
        venue: {listing.symbol: listing for listing in market.listings(venue, NOW)}
        for venue in listings.VENUES
    }

    assert {"1000PEPEUSDT", "1000SHIBUSDT", "1000000MOGUSDT", "币安人生USDT"} <= set(
        names["binance"]
    )
    assert {"1000PEPEUSDT", "SHIB1000USDT", "1000000MOGUSDT"} <= set(names["bybit"])
    assert names["okx"]["PEPE-USDT-SWAP"].contract_size == 1e7
    assert not [name for name in (*names["bybit"], *names["okx"]) if "币安人生" in name]


def test_venues_agree_on_a_coin_to_a_few_basis_points(market):
    """1000 PEPE on Binance cost a thousand times what one costs on OKX."""
    here, there = market.quotes("binance", NOW), market.quotes("okx", NOW)

    thousand = here.last[here.position["1000PEPEUSDT"]]
    one = there.last[there.position["PEPE-USDT-SWAP"]]

    assert thousand / one == pytest.approx(1000, rel=2e-3)


def test_funding_intervals_of_one_four_and_eight_hours():
    market = SyntheticMarket(instruments=70)
    for venue in listings.VENUES:
        found = market.listings(venue, NOW)
        perpetuals = [listing for listing in found if listing.kind == "perpetual"]
        assert {listing.funding_h for listing in perpetuals} == {1, 4, 8}


@pytest.mark.parametrize(
    ("now", "delivery"),
    [
        ("2025-11-20T12:00", "2025-12-26T08:00"),
        ("2025-12-26T09:00", "2026-03-27T08:00"),
        ("2027-11-20T12:00", "2027-12-31T08:00"),
        ("2026-03-26T09:00", "2026-06-26T08:00"),
    ],
)
def test_dated_contracts_deliver_on_the_last_friday_of_a_quarter(now, delivery):
    moment = int(np.datetime64(now, "ms").astype(int))

    assert listings.quarter_end_ms(moment) == int(np.datetime64(delivery, "ms").astype(int))


def test_a_dated_contract_has_a_past_beyond_its_quarter(market):
    """A history may reach back to when another contract was the current quarter."""
    after = int(np.datetime64("2026-01-05T00:00", "ms").astype(int))
    symbol = next(one.symbol for one in market.listings("binance", after) if one.kind == "dated")

    found = market.open_interest("binance", symbol, HOUR, after - 20 * DAY, after - 15 * DAY)

    assert len(found.value) == 121
