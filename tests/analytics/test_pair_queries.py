"""The query behind the choice of a pair, on the real tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from analytics.lake.schema import TABLES, definition
from analytics.query import fetch

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
SINCE = NOON - timedelta(minutes=10)


@pytest.fixture
def cursor():
    """A database with the real tables, empty."""
    with duckdb.connect() as connection:
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
    assert found.loc["OLD", "heard_ts"] == gone
    assert found.loc["BTC", "heard_ts"] == NOON
    assert found["oi_usd"].isna().tolist() == [False, False, False, True]


def test_what_is_listed_later_is_not_named_yet(cursor):
    """A replay does not offer a pair that did not exist."""
    instrument(cursor, "NEW", first=NOON + timedelta(minutes=1))

    assert names(cursor).empty
