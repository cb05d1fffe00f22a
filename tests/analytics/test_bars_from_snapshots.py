"""Bars from snapshots: one query for live bars and for imported readings."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pytest

from analytics import query
from analytics.lake.attach import MACROS
from analytics.lake.schema import arrow_schema, definition

NOON = datetime(2026, 1, 1, 12)  # noqa: DTZ001 - the lake keeps UTC without a zone
BTC = "BTC/USDT:USDT"


@pytest.fixture
def cursor():
    """A database with the real table of snapshots."""
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        connection.execute(definition("snapshots").partition("alter table")[0])
        yield connection


def heard(cursor, seconds, *, symbol=BTC, venue="binance", **values):
    """Store a snapshot received *seconds* after noon."""
    row = {
        "venue": venue,
        "symbol": symbol,
        "base": symbol.partition("/")[0],
        "received_ts": NOON + timedelta(seconds=seconds),
        **values,
    }
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    cursor.execute(f"insert into snapshots ({names}) values ({marks})", list(row.values()))


def bars(cursor, minutes=60, **params):
    """Return the bars of the *minutes* after noon, by their start in minutes."""
    bound = {"venues": ["binance"], "start": NOON, "origin": "live", **params}
    bound.setdefault("end", NOON + timedelta(minutes=minutes))
    rows = cursor.execute(query.sql("bars_from_snapshots"), bound).to_arrow_table().to_pylist()
    return {(row["ts"] - NOON).total_seconds() / 60: row for row in rows}


def test_has_the_columns_of_bars_in_their_types(cursor):
    """It can be appended to bars; when it became known is for its writer to say."""
    heard(cursor, 1, price=1.0)
    bound = {
        "venues": ["binance"],
        "start": NOON,
        "end": NOON + timedelta(hours=1),
        "origin": "live",
    }

    made = cursor.execute(query.sql("bars_from_snapshots"), bound).to_arrow_table()

    expected = arrow_schema("bars")
    assert {field.name: field.type for field in made.schema} == {
        field.name: field.type for field in expected if field.name not in ("known_ts", "filled")
    }


def test_opens_and_closes_by_time_heard_not_by_order_stored(cursor):
    """Prices 10, 12, 9, 11 in that order make a bar 10, 12, 9, 11."""
    for seconds, price in ((90, 9.0), (0, 10.0), (299.999, 11.0), (60, 12.0)):
        heard(cursor, seconds, price=price, oi_usd=price * 100)

    (bar,) = bars(cursor).values()

    assert [bar[name] for name in ("open", "high", "low", "close")] == [10, 12, 9, 11]
    assert bar["oi_usd_open"] == 1000
    assert [bar[f"oi_usd_{name}"] for name in ("high", "low")] == [1200, 900]
    assert bar["oi_usd"] == 1100
    assert bar["snapshot_count"] == 4


def test_a_snapshot_on_the_mark_belongs_to_the_bar_it_starts(cursor):
    """12:05:00.000 is the first of 12:05, 12:04:59.999 the last of 12:00."""
    heard(cursor, 299.999, price=1.0)
    heard(cursor, 300, price=2.0)

    made = bars(cursor)

    assert {start: bar["close"] for start, bar in made.items()} == {0: 1.0, 5: 2.0}


def test_the_end_is_not_part_of_the_stretch_and_the_start_is(cursor):
    """Two stretches side by side give every bar once."""
    for minutes in (0, 5, 10):
        heard(cursor, minutes * 60, price=1.0)

    assert list(bars(cursor, minutes=5)) == [0]
    assert list(bars(cursor, start=NOON + timedelta(minutes=5), minutes=15)) == [5, 10]


def test_closes_with_the_last_value_that_is_known(cursor):
    """Long/short comes every five minutes: the snapshots after it do not erase it."""
    heard(cursor, 0, price=1.0, mark=5.0, ls_accounts=1.5, funding_rate=0.0)
    heard(cursor, 30, price=2.0, mark=6.0)
    heard(cursor, 60, mark=7.0)

    (bar,) = bars(cursor).values()

    assert bar["close"] == 2.0
    assert bar["mark"] == 7.0
    assert bar["ls_accounts"] == 1.5
    assert bar["funding_rate"] == 0.0


def test_opens_with_the_first_value_that_is_known(cursor):
    """A price that came late opens the bar all the same."""
    heard(cursor, 0, oi_usd=3.0)
    heard(cursor, 30, price=2.0)

    (bar,) = bars(cursor).values()

    assert (bar["open"], bar["oi_usd_open"]) == (2.0, 3.0)


def test_a_bar_of_which_nobody_heard_the_beginning_does_not_tell_of_it(cursor):
    """Collecting began within 12:00; the flow of its first snapshot is of a part of the time."""
    first = {"flags": "partial:trades;partial:liquidations", "taker_buy_usd": 7.0}
    heard(cursor, 100, price=9.0, oi_usd=90.0, liq_long_usd=1.0, **first)
    heard(cursor, 130, price=8.0, oi_usd=80.0, taker_buy_usd=5.0, liq_long_usd=2.0)
    heard(cursor, 300, price=7.0, oi_usd=70.0, taker_buy_usd=3.0, liq_long_usd=4.0)

    begun, whole = bars(cursor).values()

    untold = ("open", "high", "low", "oi_usd_open", "oi_usd_high", "oi_usd_low")
    assert [begun[name] for name in (*untold, "taker_buy_usd", "liq_long_usd")] == [None] * 8
    assert (begun["close"], begun["oi_usd"], begun["snapshot_count"]) == (8.0, 80.0, 2)
    assert (whole["open"], whole["taker_buy_usd"], whole["liq_long_usd"]) == (7.0, 3.0, 4.0)


def test_a_pause_that_was_filled_in_leaves_the_flow_whole(cursor):
    """A restart asks for the trades it missed: they are in the first flow, which is not partial."""
    heard(cursor, 100, price=9.0, taker_buy_usd=7.0, taker_sell_usd=2.0)

    (bar,) = bars(cursor).values()

    assert (bar["open"], bar["taker_buy_usd"], bar["taker_sell_usd"]) == (None, 7.0, 2.0)


def test_a_flow_that_is_partial_later_in_the_bar_stays(cursor):
    """What fell into a short hole is in the table of gaps; the rest of the sum is told."""
    heard(cursor, 10, liq_long_usd=1.0)
    heard(cursor, 40, liq_long_usd=2.0, flags="partial:liquidations")

    (bar,) = bars(cursor).values()

    assert bar["liq_long_usd"] == 3.0


def test_imported_readings_open_their_bar_however_late(cursor):
    """A recording of one reading in five minutes has a price for each of them."""
    heard(cursor, 200, price=9.0)

    (bar,) = bars(cursor, origin="import").values()

    assert (bar["open"], bar["close"]) == (9.0, 9.0)


def test_sums_flows_and_averages_the_book(cursor):
    """Flows add up over the snapshots that know them; 0 is a flow, NULL is none known."""
    heard(cursor, 0, taker_buy_usd=10.0, liq_long_usd=0.0, book_imbalance=0.2, spread_bps=1.0)
    heard(cursor, 30, taker_buy_usd=None, book_imbalance=None)
    heard(cursor, 60, taker_buy_usd=5.0, book_imbalance=-0.1, spread_bps=3.0)

    (bar,) = bars(cursor).values()

    assert bar["taker_buy_usd"] == 15
    assert bar["taker_sell_usd"] is None
    assert bar["liq_long_usd"] == 0
    assert bar["book_imbalance"] == pytest.approx(0.05)
    assert bar["spread_bps"] == 2


def test_gives_no_bar_where_nothing_was_heard(cursor):
    """A hole stays a hole."""
    heard(cursor, 0, price=1.0)
    heard(cursor, 900, price=1.0)

    assert list(bars(cursor)) == [0, 15]


def test_keeps_instruments_and_venues_apart(cursor):
    """A bar is of one instrument of the venue asked for."""
    heard(cursor, 0, price=1.0)
    heard(cursor, 0, price=2.0, symbol="1000PEPE/USDT:USDT")
    heard(cursor, 0, price=3.0, venue="okx")

    bound = {"venues": ["binance"], "start": NOON, "end": NOON + timedelta(hours=1), "origin": "x"}
    made = cursor.execute(query.sql("bars_from_snapshots"), bound).to_arrow_table().to_pylist()

    assert [(bar["symbol"], bar["close"], bar["origin"]) for bar in made] == [
        ("1000PEPE/USDT:USDT", 2.0, "x"),
        (BTC, 1.0, "x"),
    ]
