import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics.lake.records import Instrument
from analytics.lake.schema import RANGES, arrow_schema
from collector.cycles.validation import Part, snapshot
from collector.venues.json_reading import moment, number

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

PEPE = Instrument(
    venue="okx",
    symbol="1000PEPE/USDT:USDT",
    venue_id="1000PEPE",
    base="PEPE",
    multiplier=1000.0,
    contract_size=10.0,
    linear=True,
    quote="USDT",
    oi_unit="contracts",
    in_universe=True,
    first_seen_ts=NOON,
    last_seen_ts=NOON,
)


def checked(*said, instrument=PEPE):
    """Return the snapshot of what each answer *said* at noon, and what was refused."""
    return snapshot(instrument, [Part(NOON, fields) for fields in said], NOON)


def test_accepts_what_can_be():
    """Nothing refused, nothing flagged, every value where it belongs."""
    row, refused = checked({"price": 0.01, "funding_rate": -0.03, "volume_24h_usd": 0.0})

    assert refused == []
    assert row.flags is None
    assert (row.price, row.funding_rate, row.volume_24h_usd) == (0.01, -0.03, 0.0)
    assert (row.venue, row.symbol, row.base, row.received_ts) == ("okx", PEPE.symbol, "PEPE", NOON)


@pytest.mark.parametrize(
    ("column", "raw", "reason"),
    [
        ("price", "nan", "number"),
        ("price", "NaN", "number"),
        ("price", math.nan, "number"),
        ("price", "inf", "finite"),
        ("price", "-Infinity", "finite"),
        ("price", "1e999", "finite"),
        ("price", 10**400, "number"),
        ("price", "abc", "number"),
        ("price", "1,5", "number"),
        ("price", "1_000", "number"),
        ("price", True, "number"),
        ("price", [1], "number"),
        ("price", {"value": 1}, "number"),
        ("price", "0", "sign"),
        ("price", "-1", "sign"),
        ("price", "1e16", "range"),
        ("mark", "-0.5", "sign"),
        ("volume_24h_usd", "-1", "sign"),
        ("oi_raw", "-1", "sign"),
        ("oi_raw", "1e22", "range"),
        ("funding_rate", "0.21", "range"),
        ("funding_rate", "-0.21", "range"),
        ("funding_interval_h", "0", "sign"),
        ("funding_interval_h", "0.133", "range"),
        ("funding_interval_h", "48", "range"),
        ("ls_accounts", "0", "sign"),
        ("ls_accounts", "5000", "range"),
        ("ls_top_positions", "-2", "sign"),
        ("book_imbalance", "1.01", "range"),
        ("book_imbalance", "-1.01", "range"),
        ("spread_bps", "20000", "range"),
        ("spread_bps", "-inf", "finite"),
    ],
)
def test_refuses_one_value_and_keeps_the_row(column, raw, reason):
    """The value becomes None, counted by column and reason; the others live."""
    row, refused = checked({column: number(raw), "index": 0.5})

    assert getattr(row, column) is None
    assert row.index == 0.5
    assert refused == [f"{column}:{reason}"]
    assert row.flags == f"refused:{column}:{reason}"


@pytest.mark.parametrize("raw", [None, ""])
def test_what_is_absent_is_not_refused(raw):
    """A venue may say nothing; that is no fault."""
    row, refused = checked({"price": number(raw), "next_funding_ts": moment(raw)})

    assert (row.price, row.next_funding_ts, refused) == (None, None, [])


@pytest.mark.parametrize("rate", [0.0, -0.0])
def test_a_rate_of_zero_is_a_rate(rate):
    """Zero is a figure, not a hole."""
    row, _ = checked({"funding_rate": rate})

    assert row.funding_rate == 0


@pytest.mark.parametrize(
    ("raw", "reason"),
    [("soon", "number"), ("nan", "number"), ("1e30", "number"), ("0", "range")],
)
def test_refuses_a_time_that_cannot_be(raw, reason):
    """The next funding is not in 1970 and not a word."""
    row, refused = checked({"next_funding_ts": moment(raw)})

    assert row.next_funding_ts is None
    assert refused == [f"next_funding_ts:{reason}"]


@pytest.mark.parametrize(
    ("column", "after", "can_be"),
    [
        ("next_funding_ts", timedelta(hours=24), True),
        ("next_funding_ts", timedelta(hours=26), False),
        ("next_funding_ts", timedelta(minutes=-50), True),
        ("next_funding_ts", timedelta(hours=-2), False),
        ("ls_ts", timedelta(minutes=-29), True),
        ("ls_ts", timedelta(minutes=-31), False),
        ("ls_ts", timedelta(seconds=50), True),
        ("ls_ts", timedelta(minutes=2), False),
    ],
)
def test_a_time_is_near_enough_to_when_it_was_heard(column, after, can_be):
    """Nobody pays in two days, and no ratio is of the future."""
    row, refused = checked({column: NOON + after})

    assert getattr(row, column) == (NOON + after if can_be else None)
    assert refused == ([] if can_be else [f"{column}:range"])


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        pytest.param(timedelta(minutes=5), None, id="five minutes old"),
        pytest.param(timedelta(minutes=5, seconds=1), "stale", id="older"),
        pytest.param(timedelta(minutes=-1), None, id="a minute ahead"),
        pytest.param(timedelta(minutes=-1, seconds=-1), "ahead", id="further ahead"),
    ],
)
def test_the_time_of_an_answer_decides_over_all_it_says(age, reason):
    """A frozen ticker is refused; what another answer says in time is not."""
    ticker = {"venue_ts": NOON - age, "price": 1.0, "volume_24h_usd": 5.0}
    marks = {"venue_ts": NOON, "mark": 2.0}

    row, refused = checked(ticker, marks)

    assert row.mark == 2.0
    assert refused == ([] if reason is None else [f"price:{reason}", f"volume_24h_usd:{reason}"])
    assert row.price == (1.0 if reason is None else None)
    assert row.venue_ts == (NOON - age if reason is None else NOON)


def test_a_time_that_cannot_be_read_is_itself_refused():
    """The figures beside it are not to blame."""
    row, refused = checked({"venue_ts": moment("yesterday"), "price": 1.0})

    assert (row.venue_ts, row.price, refused) == (None, 1.0, ["venue_ts:number"])


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"bid": 2.0, "ask": 1.0, "spread_bps": 3.0}, id="crossed ticker"),
        pytest.param({"bid": 1.0, "ask": 1.0, "spread_bps": 3.0}, id="locked ticker"),
        pytest.param({"bid": 1.0, "ask": 2.0, "spread_bps": -3.0}, id="crossed book"),
        pytest.param({"bid": 1.0, "ask": 2.0, "spread_bps": 0.0}, id="locked book"),
    ],
)
def test_a_crossed_book_says_nothing(said):
    """Whichever answer shows it: bid, ask, spread and imbalance are withdrawn."""
    row, refused = checked({"price": 1.5}, said, {"book_imbalance": 0.3})

    assert (row.bid, row.ask, row.spread_bps, row.book_imbalance) == (None, None, None, None)
    assert row.price == 1.5
    assert refused == ["bid:crossed", "ask:crossed", "spread_bps:crossed", "book_imbalance:crossed"]


def test_the_spread_is_that_of_bid_and_ask_where_there_was_no_book():
    """99 bid, 101 asked: 200 bps of a mid of 100."""
    row, _ = checked({"bid": 99.0, "ask": 101.0})

    assert row.spread_bps == pytest.approx(200)


def test_open_interest_in_contracts_becomes_coins_and_usd():
    """3 contracts of 10 quoted units of 1000 PEPE at 0.01 each: 30,000 PEPE, 0.30 USD."""
    row, _ = checked({"oi_raw": 3.0, "mark": 0.01})

    assert (row.oi_raw, row.oi_base) == (3.0, 30_000.0)
    assert row.oi_usd == pytest.approx(0.30)
    assert row.oi_usd == pytest.approx(row.oi_base / PEPE.multiplier * row.mark)


@pytest.mark.parametrize("mark", ["-0.01", "nan", None])
def test_without_a_mark_there_is_no_open_interest_in_usd(mark):
    """A refused mark withdraws what would have been made of it; the coins stay."""
    row, _ = checked({"oi_raw": 3.0, "mark": number(mark)})

    assert row.oi_usd is None
    assert row.oi_base == 30_000.0


@pytest.mark.parametrize(
    ("stated", "agrees"), [(0.30, True), (0.26, True), (0.2, False), (300, False)]
)
def test_open_interest_is_audited_against_the_venues_own_figure(stated, agrees):
    """Over 20 % apart, ours is withdrawn and flagged; the raw figure and theirs stay."""
    row, refused = checked({"oi_raw": 3.0, "mark": 0.01, "oi_venue_usd": stated})

    assert (row.oi_raw, row.oi_venue_usd) == (3.0, stated)
    assert (row.oi_usd is not None) == agrees
    assert refused == ([] if agrees else ["oi_base:unit", "oi_usd:unit"])
    assert row.flags == (None if agrees else "refused:oi_base:unit refused:oi_usd:unit oi-audit")


def test_the_first_answer_that_can_be_true_counts():
    """The ticker's funding interval before the list's; the list's where the ticker's is refused."""
    row, _ = checked({"funding_interval_h": 4.0}, {"funding_interval_h": 8.0})
    assert row.funding_interval_h == 4.0

    row, refused = checked({"funding_interval_h": 0.0}, {"funding_interval_h": 8.0})
    assert row.funding_interval_h == 8.0
    assert refused == ["funding_interval_h:sign"]


def test_a_row_of_which_every_value_is_refused_is_still_a_row():
    """That the venue answered nonsense is worth keeping."""
    row, refused = checked({"price": math.nan, "mark": -1.0})

    assert (row.price, row.mark) == (None, None)
    assert refused == ["price:number", "mark:sign"]


def test_every_number_that_is_stored_has_one_range():
    """Live and in files the same table is asked; a column without a range would fail there."""
    for table in ("snapshots", "bars"):
        numbers = {field.name for field in arrow_schema(table) if field.type == "double"}
        assert numbers <= RANGES.keys()


def test_coins_of_which_there_are_quadrillions_are_counted():
    """4e9 quoted units of a million coins each: 4e15 coins, 4.4 million USD."""
    doge = replace(PEPE, base="BABYDOGE", multiplier=1e6, contract_size=1.0)

    row, refused = checked({"oi_raw": 4e9, "mark": 0.0011}, instrument=doge)

    assert (row.oi_base, row.oi_usd) == (4e15, pytest.approx(4_400_000))
    assert refused == []


def test_more_coins_or_dollars_than_there_can_be_are_refused():
    """What follows from a raw figure is held to the same limits as what is stated."""
    row, refused = checked({"oi_raw": 1e20, "mark": 1.0})

    assert (row.oi_base, row.oi_usd) == (None, None)
    assert refused == ["oi_base:range", "oi_usd:range"]


@pytest.mark.parametrize(
    ("said", "has_ratios", "lost"),
    [
        ({}, True, True),
        ({"ls_accounts": 0.0}, False, True),
        ({"ls_accounts": 1.2}, True, False),
        ({}, False, False),
    ],
    ids=["ratios absent", "ratios 0", "ratios known", "an instrument without ratios"],
)
def test_open_interest_of_0_beside_absent_ratios_is_an_outage(said, has_ratios, lost):
    """The venue has lost its figures; where there are never ratios, 0 may be true."""
    part = Part(NOON, {"oi_raw": 0.0, "oi_venue_usd": 0.0, "mark": 2.0, **said})

    row, refused = snapshot(PEPE, [part], NOON, has_ratios=has_ratios)

    held = (row.oi_raw, row.oi_base, row.oi_usd, row.oi_venue_usd)
    assert held == ((None,) * 4 if lost else (0, 0, 0, 0))
    assert ("oi_raw:outage" in refused) == lost
    assert row.mark == 2.0
