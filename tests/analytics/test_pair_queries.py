"""The queries behind the choice and the table of pairs, on the real tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pandas as pd
import pytest

from analytics.lake.attach import MACROS
from analytics.lake.schema import TABLES, definition
from analytics.query import fetch

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
SINCE = NOON - timedelta(minutes=10)


@pytest.fixture
def cursor():
    """A database with the real tables, empty."""
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for table in TABLES:
            connection.execute(definition(table).partition("alter table")[0])
        yield connection


def insert(cursor, table, **columns):
    given = {
        name: value.replace(tzinfo=None) if isinstance(value, datetime) else value
        for name, value in columns.items()
    }
    selected = ", ".join(f"${name} as {name}" for name in given)
    cursor.execute(f"insert into {table} by name select {selected}", given)


def snapshot(cursor, base, *, venue="okx", at=NOON, **values):
    key = {"venue": venue, "symbol": f"{base}/USDT:USDT", "base": base, "received_ts": at}
    insert(cursor, "snapshots", **key, **values)


def instrument(cursor, base, *, first=NOON - timedelta(days=9), last=NOON):
    insert(
        cursor,
        "instruments",
        venue="okx",
        symbol=f"{base}/USDT:USDT",
        venue_id=base,
        base=base,
        multiplier=1.0,
        contract_size=1.0,
        linear=True,
        quote="USDT",
        oi_unit="contracts",
        in_universe=True,
        first_seen_ts=first,
        last_seen_ts=last,
    )


def bar(cursor, base, *, end, **values):
    """Insert the five-minute bar that ends at *end*."""
    key = {"venue": "okx", "symbol": f"{base}/USDT:USDT", "base": base}
    start = end - timedelta(minutes=5)
    insert(cursor, "bars", **key, ts=start, snapshot_count=10, origin="live", **values)


def btc(cursor, *, span=timedelta(minutes=5)):
    """Return what the table of pairs says of BTC at noon."""
    rows = fetch(cursor, "pairs", now=NOON, since=SINCE, span_s=int(span.total_seconds()))
    return rows.set_index("base").loc["BTC"]


def names(cursor):
    rows = fetch(cursor, "pair_names", now=NOON, since=SINCE)
    return rows.set_index("base")


def test_every_pair_that_can_be_shown_is_named_largest_first(cursor):
    """Heard of now, known from bars alone, or once listed and gone."""
    snapshot(cursor, "BTC", oi_usd=5.0)
    snapshot(cursor, "ETH", oi_usd=7.0)
    ended = NOON - timedelta(minutes=5)
    key = {"venue": "okx", "symbol": "SOL/USDT:USDT", "base": "SOL", "ts": ended}
    insert(cursor, "bars", **key, oi_usd=6.0, snapshot_count=0, origin="import")
    gone = NOON - timedelta(days=3)
    instrument(cursor, "OLD", last=gone)

    found = names(cursor)

    assert found.index.tolist() == ["ETH", "SOL", "BTC", "OLD"]
    assert found.loc["OLD", "last_seen_ts"] == gone
    assert found.loc["BTC", "last_seen_ts"] == NOON
    assert found["oi_usd"].isna().tolist() == [False, False, False, True]
    assert found["has_data"].tolist() == [True, True, True, False]


def test_what_is_listed_later_is_not_named_yet(cursor):
    """A replay does not offer a pair that did not exist."""
    instrument(cursor, "NEW", first=NOON + timedelta(minutes=1))

    assert names(cursor).empty


MINUTE = timedelta(minutes=1)


def test_changes_are_since_the_snapshot_of_that_long_before(cursor):
    """Each figure against its own of five minutes before; funding per 8 h, in points."""
    then = {"price": 100.0, "oi_usd": 50.0, "ls_accounts": 2.0}
    later = {"price": 110.0, "oi_usd": 40.0, "ls_accounts": 1.0}
    snapshot(
        cursor, "BTC", at=NOON - 5 * MINUTE, **then, funding_rate=0.0001, funding_interval_h=8.0
    )
    snapshot(cursor, "BTC", **later, funding_rate=0.0001, funding_interval_h=4.0)
    snapshot(cursor, "BTC", at=NOON + MINUTE, price=1e6)

    found = btc(cursor)

    assert found["price"] == 110
    assert found["price_delta_pct"] == pytest.approx(10)
    assert found["oi_delta_pct"] == pytest.approx(-20)
    assert found["ls_delta_pct"] == pytest.approx(-50)
    assert found["funding_8h_pct"] == pytest.approx(0.02)
    assert found["funding_delta_pp"] == pytest.approx(0.01)
    assert not found["funding_interval_unknown"]


def test_coins_are_of_the_row_that_the_dollars_are_of(cursor):
    """Now and then: their quotient is a price, which rows that differ would not make."""
    snapshot(cursor, "BTC", at=NOON - 5 * MINUTE, oi_usd=1000.0, oi_base=10.0)
    snapshot(cursor, "BTC", at=NOON - 6 * MINUTE, oi_usd=900.0, oi_base=9.5)
    snapshot(cursor, "BTC", oi_usd=1320.0, oi_base=12.0)
    snapshot(cursor, "BTC", at=NOON + MINUTE / 2, oi_base=99.0)

    found = btc(cursor)

    assert found[["oi_usd", "oi_base", "oi_usd_then", "oi_base_then"]].tolist() == [
        *(1320, 12, 1000, 10)
    ]
    assert found["oi_base_delta_pct"] == pytest.approx(20)


@pytest.mark.parametrize("of", ["now", "then"])
def test_coins_that_were_not_stated_beside_the_dollars_are_absent(cursor, of):
    """An older row's are of another time."""
    known = {"now": 10.0, "then": 10.0, of: None}
    snapshot(cursor, "BTC", at=NOON - 7 * MINUTE, oi_usd=900.0, oi_base=9.0)
    snapshot(cursor, "BTC", at=NOON - 5 * MINUTE, oi_usd=1000.0, oi_base=known["then"])
    snapshot(cursor, "BTC", at=NOON - 2 * MINUTE, oi_usd=1100.0, oi_base=11.0)
    snapshot(cursor, "BTC", oi_usd=1320.0, oi_base=known["now"])

    found = btc(cursor)

    assert found["oi_delta_pct"] == pytest.approx(32)
    assert pd.isna(found["oi_base" if of == "now" else "oi_base_then"])
    assert pd.isna(found["oi_base_delta_pct"])


@pytest.mark.parametrize("minutes", [5, 15, 60, 240, 1440])
@pytest.mark.parametrize("off_s", [-149, -1, 0, 1, 149])
def test_a_change_is_known_wherever_between_two_bars_it_is_asked(cursor, minutes, off_s):
    """A bar's end may lie before or after the time asked for, of every timeframe."""
    span = timedelta(minutes=minutes)
    bar(cursor, "BTC", end=NOON - span - timedelta(seconds=off_s), close=100.0, oi_usd=50.0)
    snapshot(cursor, "BTC", price=110.0, oi_usd=40.0)

    found = btc(cursor, span=span)

    assert found["price_delta_pct"] == pytest.approx(10)
    assert found["oi_delta_pct"] == pytest.approx(-20)


@pytest.mark.parametrize(
    ("off_s", "counts"), [(-151, False), (-150, True), (0, True), (150, True), (151, False)]
)
def test_an_earlier_snapshot_is_near_the_time_asked_for_or_none(cursor, off_s, counts):
    """Within two and a half minutes on either side; what it really covers stands beside it."""
    at = NOON - 5 * MINUTE - timedelta(seconds=off_s)
    snapshot(cursor, "BTC", at=at, price=100.0, oi_usd=50.0)
    snapshot(cursor, "BTC", price=110.0, oi_usd=40.0)

    found = btc(cursor)

    assert found[["price_delta_pct", "oi_delta_pct"]].notna().tolist() == [counts, counts]


@pytest.mark.parametrize(
    ("off", "counts"), [(-5, False), (-2, True), (0, True), (2, True), (5, False)]
)
def test_over_longer_spans_the_bar_counts_whose_end_is_near(cursor, off, counts):
    """There is no snapshot of an hour ago; the bar ends an hour and *off* minutes ago."""
    newest = NOON - 3 * MINUTE
    snapshot(cursor, "BTC", at=newest, price=110.0, oi_usd=40.0, ls_accounts=1.0)
    end = newest - timedelta(hours=1) - off * MINUTE
    bar(cursor, "BTC", end=end, close=100.0, oi_usd=50.0, ls_accounts=2.0)

    found = btc(cursor, span=timedelta(hours=1))

    expected = [10, -20, -50] if counts else [None] * 3
    for column, change in zip(("price", "oi", "ls"), expected, strict=True):
        value = found[f"{column}_delta_pct"]
        assert pd.isna(value) if change is None else value == pytest.approx(change)


@pytest.mark.parametrize("minutes", [5, 15, 30, 60, 240, 1440])
@pytest.mark.parametrize("newest_s", [0, 70, 119, 150, 179])
def test_a_change_starts_from_the_snapshot_nearest_to_that_moment(cursor, minutes, newest_s):
    """What a plain loop over all snapshots finds, not the bar whose end is up to 2.5 min off."""
    span = timedelta(minutes=minutes)
    bar(cursor, "BTC", end=NOON - span - 1 * MINUTE, close=1.0, oi_usd=1.0)
    times = [NOON - timedelta(seconds=newest_s + 30 * nth) for nth in range(3)]
    # Cycles come when they come, and one is lost.
    times += [NOON - span - timedelta(seconds=off) for off in range(-70, 300, 31) if off != 54]
    times = [at for at in times if at <= NOON - timedelta(seconds=newest_s)]
    rows = [(at, 100 + 7 * nth % 11, 50 + 5 * nth % 13) for nth, at in enumerate(times)]
    for at, price, oi in rows:
        snapshot(cursor, "BTC", at=at, price=float(price), oi_usd=float(oi))

    newest = max(rows)
    then = min(rows, key=lambda row: abs(newest[0] - span - row[0]))
    found = btc(cursor, span=span)

    assert found["price_delta_pct"] == pytest.approx(100 * (newest[1] / then[1] - 1))
    assert found["oi_delta_pct"] == pytest.approx(100 * (newest[2] / then[2] - 1))
    assert found["oi_usd_then"] == then[2]
    assert found["oi_delta_s"] == (newest[0] - then[0]).total_seconds()


def test_the_nearest_wins_be_it_a_snapshot_or_a_bar(cursor):
    """A snapshot two minutes off, a bar half a minute off; the change says what it covers."""
    then = NOON - timedelta(minutes=15)
    snapshot(cursor, "BTC", at=then - 2 * MINUTE, price=1.0, oi_usd=1.0)
    bar(cursor, "BTC", end=then - MINUTE / 2, close=100.0, oi_usd=50.0, volume_24h_usd=7.0)
    snapshot(cursor, "BTC", price=110.0, oi_usd=40.0, volume_24h_usd=9.0)

    found = btc(cursor, span=timedelta(minutes=15))

    assert found["price_delta_pct"] == pytest.approx(10)
    assert found["oi_usd_then"] == 50
    assert found["volume_24h_usd_then"] == 7
    assert found[["price_delta_s", "oi_delta_s", "volume_delta_s"]].tolist() == [930] * 3


@pytest.mark.parametrize("later_s", [-140, 140])
@pytest.mark.parametrize("minutes", [5, 15])
def test_a_snapshot_of_shortly_after_that_moment_counts_like_one_of_before(
    cursor, minutes, later_s
):
    """A pair joined, or its venue was heard again, two minutes after the span begins."""
    then = NOON - timedelta(minutes=minutes)
    snapshot(cursor, "BTC", at=then + timedelta(seconds=later_s), price=100.0)
    snapshot(cursor, "BTC", price=110.0)

    found = btc(cursor, span=timedelta(minutes=minutes))

    assert found["price_delta_pct"] == pytest.approx(10)
    assert found["price_delta_s"] == 60 * minutes - later_s


def test_what_is_not_known_then_has_no_span(cursor):
    """Neither a value nor a time."""
    snapshot(cursor, "BTC", at=NOON - 15 * MINUTE, price=100.0)
    snapshot(cursor, "BTC", price=110.0, oi_usd=40.0)

    found = btc(cursor, span=timedelta(minutes=15))

    assert found["price_delta_s"] == 900
    assert found[["oi_usd_then", "oi_delta_pct", "oi_delta_s"]].isna().all()


def test_open_interest_is_compared_from_when_it_was_stated(cursor):
    """Some venues state it less often than the price: the span is from its own newest time."""
    snapshot(cursor, "BTC", at=NOON - 9 * MINUTE, oi_usd=50.0)
    snapshot(cursor, "BTC", at=NOON - 4 * MINUTE, oi_usd=40.0)
    snapshot(cursor, "BTC", price=100.0)

    found = btc(cursor)

    assert found["oi_delta_pct"] == pytest.approx(-20)
    assert found["oi_usd_ts"] == NOON - 4 * MINUTE
    assert pd.isna(found["price_delta_pct"])


def test_funding_of_an_unknown_interval_is_unknown(cursor):
    """8 hours are not assumed; that it is the interval which is missing is said."""
    snapshot(cursor, "BTC", funding_rate=0.0001)

    found = btc(cursor)

    assert pd.isna(found["funding_8h_pct"])
    assert found["funding_interval_unknown"]


def test_a_rate_goes_with_the_interval_of_its_own_row(cursor):
    """A venue goes from 8 h to 4 h, and one of the two is refused in the newest snapshots."""
    snapshot(cursor, "BTC", at=NOON - 3 * MINUTE, funding_rate=0.0004, funding_interval_h=8.0)
    snapshot(cursor, "BTC", at=NOON - 2 * MINUTE, funding_rate=0.0001)
    snapshot(cursor, "BTC", at=NOON - MINUTE, funding_interval_h=4.0)

    found = btc(cursor)

    assert found["funding_8h_pct"] == pytest.approx(0.04)
    assert found["funding_ts"] == NOON - 3 * MINUTE
    assert not found["funding_interval_unknown"]


@pytest.mark.parametrize(
    ("stated", "ago", "expected"),
    [
        pytest.param(80.0, timedelta(hours=24), 25, id="the venue's word goes first"),
        pytest.param(None, timedelta(hours=24), 100, id="else the bar of a day ago"),
        pytest.param(None, timedelta(hours=24, minutes=10), 100, id="or the one before"),
        pytest.param(None, timedelta(hours=25), None, id="not one long before"),
        pytest.param(None, timedelta(hours=23), None, id="nor one after"),
    ],
)
def test_the_change_of_a_day(cursor, stated, ago, expected):
    """It is of 24 hours, or absent."""
    snapshot(cursor, "BTC", price=100.0, price_24h_ago=stated)
    bar(cursor, "BTC", end=NOON - ago, close=50.0)

    change = btc(cursor)["price_24h_pct"]

    assert pd.isna(change) if expected is None else change == pytest.approx(expected)


def test_the_change_of_a_day_is_known_of_both_ends(cursor):
    """Each of the price of its own day before, as the venue said then; not across the two."""
    snapshot(cursor, "BTC", at=NOON - timedelta(minutes=5), price=100.0, price_24h_ago=80.0)
    snapshot(cursor, "BTC", price=110.0, price_24h_ago=100.0)

    pair = btc(cursor)

    assert pair["price_24h_pct"] == pytest.approx(10)
    assert pair["price_24h_pct_then"] == pytest.approx(25)


def test_flags_are_of_the_newest_row(cursor):
    """What was refused a minute ago and is fine by now is not pointed at."""
    snapshot(cursor, "BTC", at=NOON - MINUTE, price=1.0, flags="refused:mark:sign")
    snapshot(cursor, "BTC", price=1.0)

    assert pd.isna(btc(cursor)["flags"])


def test_a_pair_without_snapshots_is_read_from_its_bars(cursor):
    """And says so; one with a snapshot is not, however much newer the bar is."""
    bar(cursor, "BTC", end=NOON, close=100.0)
    snapshot(cursor, "ETH", at=NOON - 9 * MINUTE, price=7.0)
    bar(cursor, "ETH", end=NOON, close=8.0)
    bar(cursor, "SOL", end=NOON + 5 * MINUTE, close=9.0)

    rows = fetch(cursor, "pairs", now=NOON, since=SINCE, span_s=300).set_index("base")

    assert rows["price"].to_dict() == {"BTC": 100, "ETH": 7}
    assert rows["from_bar"].to_dict() == {"BTC": True, "ETH": False}
    assert rows.loc["BTC", "price_ts"] == NOON


def silent(cursor, *, is_past):
    rows = fetch(cursor, "silent_pairs", now=NOON, since=SINCE, is_past=is_past)
    return rows["symbol"].tolist()


def test_the_universe_of_the_past_is_what_its_venue_still_told_of(cursor):
    """A silent venue's pairs are missing; one that left while its venue went on is not."""
    snapshot(cursor, "BTC")
    snapshot(cursor, "LEFT", at=NOON - timedelta(hours=5))
    snapshot(cursor, "BTC", venue="bybit", at=NOON - timedelta(hours=2))
    snapshot(cursor, "ETH", venue="bybit", at=NOON - timedelta(hours=2, minutes=9))
    snapshot(cursor, "OLD", venue="bybit", at=NOON - timedelta(hours=3))

    assert silent(cursor, is_past=True) == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    assert silent(cursor, is_past=False) == []
