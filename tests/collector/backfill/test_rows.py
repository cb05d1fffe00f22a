"""From a venue's rows to bars: which five minutes, which unit, which period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.lake.records import Instrument
from analytics.lake.schema import BAR
from collector.backfill.plan import Piece
from collector.backfill.rows import bars_of, table
from collector.venues import VENUES
from collector.venues.json_reading import OtherShape

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)

HISTORIES = [
    pytest.param(history, id=f"{venue.name} {history.question.name}")
    for venue in VENUES.values()
    for history in venue.history
]


def history_of(venue, name):
    return next(one for one in VENUES[venue].history if one.question.name == name)


@pytest.fixture
def read(instrument):
    """Reads a payload as a history of a venue, into bars by their starts."""

    def read(venue, name, payload, first=NOON - DAY, last=NOON, **instrument_is):
        history = history_of(venue, name)
        one = instrument(venue=venue, **instrument_is)
        piece = Piece(one, history, first, last)
        bars = bars_of(piece, history.question.read(payload, one.venue_id))
        return {bar["ts"].replace(tzinfo=UTC): bar for bar in bars}

    return read


def ms(moment):
    return int(moment.timestamp() * 1000)


def test_a_kline_is_the_bar_that_it_starts(read):
    """Prices as they are, the quote volume as USD, and what takers did not buy they sold."""
    row = [ms(NOON), "10", "12", "9", "11", "7", ms(NOON) + 299_999, "75.5", 4, "3", "30.5", "0"]

    bars = read("binance", "klines", [row])

    (bar,) = bars.values()
    assert bars.keys() == {NOON}
    assert [bar[name] for name in ("open", "high", "low", "close")] == [10, 12, 9, 11]
    assert (bar["volume_usd"], bar["taker_buy_usd"], bar["taker_sell_usd"]) == (75.5, 30.5, 45)
    assert (bar["origin"], bar["snapshot_count"]) == ("backfill", 0)


def test_open_interest_closes_the_bar_that_ends_when_it_is_stamped(read):
    """The state at 12:00 is the close of the bar from 11:55; coins, and USD as stated."""
    row = {"timestamp": ms(NOON), "sumOpenInterest": "3.5", "sumOpenInterestValue": "700"}

    bars = read("binance", "open interest", [row], base="PEPE", multiplier=1000.0)

    assert bars.keys() == {NOON - BAR}
    assert bars[NOON - BAR]["oi_base"] == 3500
    assert bars[NOON - BAR]["oi_usd"] == 700


def test_what_is_stated_in_coins_and_usd_is_taken_as_stated(read):
    """OKX changed the size of a contract from 1 coin to 10: its contracts of before are others."""
    rows = [
        [str(ms(NOON + BAR)), "100000", "1000000", "2000000"],
        [str(ms(NOON)), "1000000", "1000000", "2000000"],
    ]

    bars = read("okx", "open interest", {"data": rows}, contract_size=10.0)

    assert bars.keys() == {NOON - BAR, NOON}
    for bar in bars.values():
        assert (bar["oi_base"], bar["oi_usd"]) == (1_000_000, 2_000_000)


def test_a_candle_that_is_not_over_is_no_bar(read):
    """OKX says of each candle whether it is confirmed."""
    candle = [str(ms(NOON)), "1", "1", "1", "1", "5", "5", "5"]

    assert read("okx", "klines", {"data": [[*candle, "0"]]}) == {}
    assert read("okx", "klines", {"data": [[*candle, "1"]]}).keys() == {NOON}


def test_a_settled_rate_fills_the_period_that_it_was_paid_for(read):
    """Paid at 8:00 and 12:00: the bars between have the rate paid at 12:00, every 4 h."""
    rows = [
        {"fundingTime": ms(NOON - timedelta(hours=4)), "fundingRate": "0.0001"},
        {"fundingTime": ms(NOON) + 7, "fundingRate": "-0.0003"},
    ]

    bars = read("binance", "funding", rows)

    assert bars.keys() == {NOON - timedelta(hours=4) + n * BAR for n in range(48)}
    assert {bar["funding_rate"] for bar in bars.values()} == {-0.0003}
    assert {bar["funding_interval_h"] for bar in bars.values()} == {4}


def test_payments_too_far_apart_say_nothing_of_what_was_between(read):
    """One between them is not told: how long the periods were cannot be known."""
    rows = [
        {"fundingTime": ms(NOON - timedelta(hours=16)), "fundingRate": "0.0001"},
        {"fundingTime": ms(NOON), "fundingRate": "0.0002"},
    ]

    assert read("binance", "funding", rows) == {}


def hours(*counts):
    """Payments so many hours before noon, each of a ten-thousandth of that."""
    return [
        {"fundingTime": ms(NOON - timedelta(hours=n)), "fundingRate": str(n / 10_000)}
        for n in counts
    ]


def told(bars):
    """By hours before noon of a period's begin: interval and rate of its bars, all alike."""
    whole = {}
    for start, bar in bars.items():
        hour = (NOON - start) / timedelta(hours=1)
        assert bar.keys() >= {"funding_rate", "funding_interval_h"}
        whole.setdefault(int(-(-hour // 1)), set()).add(
            (bar["funding_interval_h"], round(10_000 * bar["funding_rate"], 9))
        )
    return {hour: found.pop() for hour, found in sorted(whole.items()) if len(found) == 1}


@pytest.mark.parametrize(
    ("paid", "expected"),
    [
        pytest.param(
            (20, 16, 8, 4),
            {**dict.fromkeys(range(17, 21), (4, 16)), **dict.fromkeys(range(9, 13), (4, 8))}
            | dict.fromkeys(range(5, 9), (4, 4)),
            id="one is missing: no period is longer for it",
        ),
        pytest.param(
            (20, 16, 8, 0),
            {**dict.fromkeys(range(17, 21), (4, 16)), **dict.fromkeys(range(9, 17), (8, 8))}
            | dict.fromkeys(range(1, 9), (8, 0)),
            id="the venue went over to 8 h, as the next one confirms",
        ),
        pytest.param(
            (20, 16, 8),
            dict.fromkeys(range(17, 21), (4, 16)),
            id="longer than before, and not confirmed yet",
        ),
        pytest.param(
            (16, 8, 4),
            dict.fromkeys(range(5, 9), (4, 4)),
            id="whether one is missing before the first two cannot be told",
        ),
        pytest.param(
            (24, 16, 8, 4, 0),
            {**dict.fromkeys(range(9, 25), None), **dict.fromkeys(range(5, 9), (4, 4))}
            | dict.fromkeys(range(17, 25), (8, 16))
            | dict.fromkeys(range(9, 17), (8, 8))
            | dict.fromkeys(range(1, 5), (4, 0)),
            id="the venue went over to 4 h: the period that runs then is the shorter one",
        ),
    ],
)
def test_a_period_is_as_long_as_the_venue_tells(read, paid, expected):
    """From the payment before it; never from the next one, and not from one that is missing."""
    assert told(read("binance", "funding", hours(*paid))) == expected


def test_hyperliquid_pays_every_hour_whatever_is_missing(read):
    """Nothing is told of 14:00: the hour before it is not known, and the next is one hour."""
    paid = [(-2, "0.00001"), (-1, "0.00001"), (1, "0.00004")]
    rows = [
        {"coin": "BTC", "fundingRate": rate, "time": ms(NOON + timedelta(hours=n)) + 50}
        for n, rate in paid
    ]

    bars = read("hyperliquid", "funding", rows, last=NOON + timedelta(hours=1))

    found = {start: (bar["funding_rate"], bar["funding_interval_h"]) for start, bar in bars.items()}
    hour = [n * BAR for n in range(12)]
    early = {NOON - timedelta(hours=n) + at: (0.00001, 1) for n in (3, 2) for at in hour}
    assert found == early | {NOON + at: (0.00004, 1) for at in hour}


def test_only_what_was_asked_for_is_taken(read):
    """A venue that answers with more than the stretch does not widen it."""
    rows = [{"timestamp": str(ms(NOON - n * BAR)), "openInterest": "1"} for n in range(5)]

    bars = read(
        "bybit",
        "open interest",
        {"result": {"list": rows}},
        first=NOON - 3 * BAR,
        last=NOON - 2 * BAR,
    )

    assert bars.keys() == {NOON - 3 * BAR, NOON - 2 * BAR}


def test_a_stamp_off_its_mark_is_of_no_bar(read):
    """Seconds late still mean the mark; minutes off mean nothing."""
    rows = [
        {"timestamp": ms(NOON) + 4_000, "longShortRatio": "2"},
        {"timestamp": ms(NOON - BAR) + 99_000, "longShortRatio": "3"},
        {"timestamp": "soon", "longShortRatio": "4"},
        {"longShortRatio": "5"},
    ]

    bars = read("binance", "long/short accounts", rows)

    assert {start: bar["ls_accounts"] for start, bar in bars.items()} == {NOON - BAR: 2}


def test_recorded_answers_of_binance_read_as_they_are_written(read, recorded):
    """Open interest, ratios and funding as the venue once sent them."""
    times = {"first": datetime(2019, 1, 1, tzinfo=UTC), "last": datetime(2026, 1, 1, tzinfo=UTC)}

    interest = read(
        "binance",
        "open interest",
        recorded("binance_usdm/rest_open_interest_historical.json"),
        **times,
    )
    funding = read("binance", "funding", recorded("binance_usdm/rest_funding_rate.json"), **times)
    ratios = read(
        "binance",
        "long/short accounts",
        recorded("binance_usdm/rest_global_long_short_account_ratio.json"),
        **times,
    )

    assert [(bar["oi_base"], bar["oi_usd"]) for bar in interest.values()] == [
        (20403.637, 150570784.07809979),
        (20401.367, 149940752.14464448),
    ]
    assert {bar["funding_rate"] for bar in funding.values()} == {0.0001}
    assert len(funding) == 96
    # The first of the two states a ratio that its own shares contradict: they count.
    assert [round(bar["ls_accounts"], 3) for bar in ratios.values()] == [1.960, 1.956]


def test_a_recorded_answer_of_bybit_reads_as_it_is_written(read, recorded):
    """Newest first, 8 hours apart."""
    payload = recorded("bybit/http_get_funding_history.json")

    bars = read("bybit", "funding", payload, first=datetime(2024, 1, 1, tzinfo=UTC), last=NOON)

    assert {(bar["funding_rate"], bar["funding_interval_h"]) for bar in bars.values()} == {
        (0.0001, 8)
    }
    assert min(bars) == datetime(2024, 3, 8, tzinfo=UTC)


def test_a_recorded_answer_of_hyperliquid_reads_as_it_is_written(read, recorded):
    """Paid hourly."""
    payload = recorded("hyperliquid/http_funding_history.json")

    bars = read(
        "hyperliquid",
        "funding",
        payload,
        first=datetime(2026, 1, 1, tzinfo=UTC),
        last=NOON + 60 * DAY,
    )

    rates = [bar["funding_rate"] for bar in bars.values()]
    assert rates[::12] == [0.0000125, -0.0000081, 0.0000033]


BTC = Instrument(
    venue="binance",
    symbol="BTC/USDT:USDT",
    venue_id="BTCUSDT",
    base="BTC",
    multiplier=1.0,
    contract_size=1.0,
    linear=True,
    quote="USDT",
    oi_unit="quoted units",
    in_universe=True,
    first_seen_ts=NOON,
    last_seen_ts=NOON,
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "1.5", "NaN", "1e999", "1", str(ms(NOON)), "99999999999999999"])
)
KEYS = st.sampled_from(
    ["result", "list", "data", "timestamp", "fundingTime", "fundingRateTimestamp", "time", "t"]
    + ["fundingRate", "realizedRate", "sumOpenInterest", "openInterest", "buyRatio", "sellRatio"]
    + ["longShortRatio", "longAccount", "shortAccount", "o", "h", "l", "c"]
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=11) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)


@pytest.mark.parametrize("history", HISTORIES)
@given(payload=JSON | st.fixed_dictionaries({"result": JSON, "data": JSON}) | st.lists(JSON))
@settings(max_examples=20, deadline=None)
def test_nothing_that_a_venue_sends_raises_anything_else(history, payload):
    """Whatever JSON it is, it ends in bars or in the one error for it."""
    try:
        found = list(history.question.read(payload, "BTCUSDT"))
    except OtherShape:
        return

    bars = bars_of(Piece(BTC, history, NOON - DAY, NOON), found)

    assert table(bars).num_rows == len(bars)
