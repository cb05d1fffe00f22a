"""Whatever JSON a venue sends, reading it ends in rows or in the one error for it."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.lake.records import Instrument
from collector.cycles.validation import Part, snapshot
from collector.venues import VENUES
from collector.venues.json_reading import OtherShape, number

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

QUESTIONS = [
    pytest.param(question, id=f"{venue.name} {question.name}")
    for venue in VENUES.values()
    for question in (*venue.bulk, *venue.each, *venue.slow, *venue.terms, venue.time)
]

KEYS = st.sampled_from(
    ["result", "list", "data", "levels", "universe", "bids", "asks", "b", "a", "symbol", "instId"]
    + ["openInterest", "lastPrice", "last", "time", "ts", "timestamp", "longAccount", "px", "sz"]
    + ["shortAccount", "markPx", "fundingTime", "nextFundingTime", "serverTime", "name", "oi"]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(
        ["", "1.5", "NaN", "-Infinity", "1e999", "1767268800000", "99999999999999999"]
    )
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)

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


@pytest.mark.parametrize("question", QUESTIONS)
@given(payload=JSON | st.fixed_dictionaries({"result": JSON, "data": JSON}) | st.lists(JSON))
@settings(max_examples=30, deadline=None)
def test_nothing_that_a_venue_sends_raises_anything_else(question, payload):
    """And what was read makes a snapshot that says only what can be."""
    try:
        rows = list(question.read(payload, "BTCUSDT"))
    except OtherShape:
        return

    parts = [Part(NOON, fields) for _, fields in rows]
    row, _ = snapshot(BTC, parts, NOON)

    figures = [getattr(row, name) for name in row.__dataclass_fields__]
    assert all(abs(value) <= 1e300 for value in figures if isinstance(value, float))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(0, 0.0), (0.0, 0.0), ("0", 0.0), ("-0.0001", -0.0001), (None, None), ("", None)],
)
def test_zero_is_a_figure_and_only_nothing_is_absent(raw, expected):
    """A rate of exactly 0 is what longs pay, not a hole in the record."""
    assert number(raw) == expected


@pytest.mark.parametrize("raw", ["soon", True, "1_000", [], {}])
def test_what_cannot_be_read_is_no_absence(raw):
    """It becomes what validation refuses and counts."""
    assert math.isnan(number(raw))
