from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.lake.records import Instrument
from collector.cycles.universe import INCUMBENT_BONUS, Universe, choose

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

SYMBOLS = st.text(alphabet="ABCDEFGH", min_size=1, max_size=3)
VOLUMES = st.dictionaries(SYMBOLS, st.floats(min_value=1, max_value=1e9), max_size=20)


def listed(*names):
    return [
        Instrument(
            venue="binance",
            symbol=f"{name}/USDT:USDT",
            venue_id=f"{name}USDT",
            base=name,
            multiplier=1.0,
            contract_size=1.0,
            linear=True,
            quote="USDT",
            oi_unit="quoted units",
            in_universe=False,
            first_seen_ts=NOON,
            last_seen_ts=NOON,
        )
        for name in names
    ]


def bases(universe):
    return [instrument.base for instrument in universe.chosen]


def test_takes_the_largest_in_order_of_volume():
    """Two of three, the largest first."""
    assert choose({"A": 1.0, "B": 3.0, "C": 2.0}, (), 2) == ["B", "C"]


@pytest.mark.parametrize(
    ("challenger", "chosen"),
    [
        pytest.param(110.0, ["Z"], id="10 % more is not enough"),
        pytest.param(120.0, ["Z"], id="20 % more is a tie, which the incumbent wins"),
        pytest.param(121.0, ["B"], id="21 % more is"),
    ],
)
def test_an_incumbent_stays_until_clearly_overtaken(challenger, chosen):
    """The pair at the edge does not come and go with every refresh."""
    assert choose({"Z": 100.0, "B": challenger}, {"Z"}, 1) == chosen


def test_ties_go_by_name():
    """Otherwise the order of an answer would decide."""
    assert choose({"C": 1.0, "A": 1.0, "B": 1.0}, (), 2) == ["A", "B"]


def test_unknown_volumes_rank_last():
    """Even behind nothing traded at all."""
    assert choose({"A": None, "B": 0.0, "C": None}, (), 3) == ["B", "A", "C"]


@given(volumes=VOLUMES, current=st.sets(SYMBOLS, max_size=10), top_n=st.integers(1, 10))
def test_the_size_is_exact(volumes, current, top_n):
    """As many as wanted, or all there are; nobody twice."""
    chosen = choose(volumes, current, top_n)

    assert len(chosen) == len(set(chosen)) == min(top_n, len(volumes))


@given(
    volumes=VOLUMES,
    top_n=st.integers(1, 10),
    wobbles=st.lists(st.floats(1 / 1.09, 1.09), min_size=20, max_size=20),
)
def test_nobody_flaps_within_the_bonus(volumes, top_n, wobbles):
    """Volumes that each move by up to 9 % change no ratio by 20 %: the choice stands."""
    before = choose(volumes, (), top_n)
    moved = {
        symbol: volume * wobble
        for (symbol, volume), wobble in zip(volumes.items(), wobbles, strict=False)
    }

    after = choose(moved, set(before), top_n)

    assert INCUMBENT_BONUS > 1.09**2
    assert set(after) == set(before)


def test_records_say_what_is_collected_and_since_when():
    """First seen once, last seen with every refresh."""
    universe = Universe(1)
    universe.refresh(listed("BTC", "ETH"), {"BTCUSDT": 2.0, "ETHUSDT": 1.0}, NOON)

    later = NOON + timedelta(minutes=15)
    records = {
        record.base: record
        for record in universe.refresh(
            listed("BTC", "ETH"), {"BTCUSDT": 2.0, "ETHUSDT": 1.0}, later
        )
    }

    assert records["BTC"].in_universe
    assert not records["ETH"].in_universe
    assert (records["BTC"].first_seen_ts, records["BTC"].last_seen_ts) == (NOON, later)
    assert universe.by_id["BTCUSDT"] == records["BTC"]


def test_one_that_is_delisted_leaves_and_keeps_its_record():
    """What it was stays known, with the time it was last seen."""
    universe = Universe(2)
    universe.refresh(listed("BTC", "LUNA"), {"BTCUSDT": 1.0, "LUNAUSDT": 2.0}, NOON)

    later = NOON + timedelta(minutes=15)
    records = {r.base: r for r in universe.refresh(listed("BTC"), {"BTCUSDT": 1.0}, later)}

    assert bases(universe) == ["BTC"]
    assert not records["LUNA"].in_universe
    assert records["LUNA"].last_seen_ts == NOON


def test_a_volume_that_is_missing_once_is_the_last_known():
    """A refused value must not throw the largest pair out."""
    universe = Universe(1)
    universe.refresh(listed("BTC", "ETH"), {"BTCUSDT": 9.0, "ETHUSDT": 1.0}, NOON)

    universe.refresh(listed("BTC", "ETH"), {"BTCUSDT": None, "ETHUSDT": 1.0}, NOON)

    assert bases(universe) == ["BTC"]


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), -1.0])
def test_a_volume_that_cannot_be_counts_as_unknown(nonsense):
    """An infinite volume would otherwise buy a place for ever."""
    universe = Universe(1)

    universe.refresh(listed("BTC", "ETH"), {"BTCUSDT": 9.0, "ETHUSDT": nonsense}, NOON)

    assert bases(universe) == ["BTC"]


def test_knows_its_incumbents_after_a_restart():
    """Hysteresis and first sight survive: the lake remembers."""
    first = Universe(1)
    records = first.refresh(listed("BTC", "ETH"), {"BTCUSDT": 100.0, "ETHUSDT": 90.0}, NOON)

    second = Universe(1, known=records)
    later = NOON + timedelta(days=1)
    second.refresh(listed("BTC", "ETH"), {"BTCUSDT": 100.0, "ETHUSDT": 110.0}, later)

    assert bases(second) == ["BTC"]
    assert second.chosen[0].first_seen_ts == NOON


def test_a_new_name_in_the_answers_asks_for_a_refresh_once():
    """A listing between refreshes is looked up; a dated future is not looked up every time."""
    universe = Universe(5)
    assert universe.wants_refresh
    universe.refresh(listed("BTC"), {"BTCUSDT": 1.0, "BTC-26JUN26": 1.0}, NOON)
    assert not universe.wants_refresh

    universe.heard_of("BTCUSDT")
    universe.heard_of("BTC-26JUN26")
    assert not universe.wants_refresh
    universe.heard_of("NEWUSDT")
    assert universe.wants_refresh

    universe.refresh(listed("BTC", "NEW"), {"BTCUSDT": 1.0}, NOON)
    universe.heard_of("NEWUSDT")
    assert not universe.wants_refresh
    assert bases(universe) == ["BTC", "NEW"]
