"""Named queries: that they fit the schema, and what binding them promises."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import duckdb
import pytest

from analytics.errors import LakeError, QueryError
from analytics.lake.attach import MACROS
from analytics.lake.schema import TABLES, definition
from analytics.query import NAMES, fetch, parameters, sql

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)


@pytest.fixture
def cursor():
    """A database with the real tables, empty."""
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for table in TABLES:
            connection.execute(definition(table).partition("alter table")[0])
        yield connection


@pytest.mark.parametrize("name", NAMES)
def test_query_fits_the_schema(cursor, name):
    """A renamed column breaks here, not on a page."""
    code = re.sub("--.*", "", sql(name))

    cursor.execute(f"explain {code}", dict.fromkeys(parameters(name)) or None)


@pytest.mark.parametrize("name", NAMES)
def test_a_query_asks_a_macro_for_what_a_macro_says(name):
    """Which bars were over, and what funding is per 8 hours, each stand in one place."""
    code = " ".join(sql(name).split())

    assert "ts <= ($now::timestamp - interval 5 minutes)" not in code
    assert not re.search(r"funding_rate \* 8\b", code)


@pytest.mark.parametrize("name", NAMES)
def test_query_says_what_a_row_is(name):
    """The grain stands on top of the file."""
    head = sql(name).partition("\n\n")[0]

    assert head.startswith("-- ")
    assert re.search(r"\b[Oo]ne row\b", head)


def test_times_are_bound_as_utc_and_come_back_with_a_zone(cursor):
    """A time of another zone finds the row of the same moment."""
    cursor.execute("insert into lake_info values ('origin', 'live')")
    cursor.execute(
        "insert into cycles by name select 'okx' as venue, $at as started_ts, $at as finished_ts, "
        "1 as asked, 1 as answered, 0 as skipped, 0 as refused, 1 as requests",
        {"at": NOON.replace(tzinfo=None)},
    )
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5)))

    rows = fetch(cursor, "newest_cycle", now=elsewhere)

    assert rows["finished_ts"].tolist() == [NOON]
    assert rows["finished_ts"].dt.tz is UTC


def test_nothing_of_the_future_is_seen(cursor):
    """A row received a millisecond later does not exist yet."""
    cursor.execute(
        "insert into snapshots by name select 'okx' as venue, 'A/USDT:USDT' as symbol, "
        "'A' as base, $at as received_ts, 1.0 as price",
        {"at": (NOON + timedelta(milliseconds=1)).replace(tzinfo=None)},
    )
    since = NOON - timedelta(minutes=10)

    assert fetch(cursor, "pairs", now=NOON, since=since, span_s=300).empty
    later = NOON + timedelta(milliseconds=1)
    assert len(fetch(cursor, "pairs", now=later, since=since, span_s=300)) == 1


@pytest.mark.parametrize(
    ("name", "params", "named"),
    [
        pytest.param("no_such", {}, "no_such", id="unknown query"),
        pytest.param("newest_cycle", {}, "now", id="missing parameter"),
        pytest.param("newest_cycle", {"now": NOON, "limit": 3}, "limit", id="extra parameter"),
        pytest.param(
            "newest_cycle",
            {"now": NOON.replace(tzinfo=None)},
            "now",
            id="time without a zone",
        ),
        pytest.param("newest_cycle", {"now": object()}, "newest_cycle", id="wrong type"),
    ],
)
def test_a_wrong_call_is_named(cursor, name, params, named):
    """The message says which query or parameter it is."""
    with pytest.raises(QueryError, match=named):
        fetch(cursor, name, **params)


def test_a_query_that_does_not_fit_is_a_query_error():
    """An empty database has no tables."""
    with duckdb.connect() as connection, pytest.raises(QueryError, match="lake_info"):
        fetch(connection, "lake_info")


def test_a_file_that_is_gone_is_the_lakes_fault(cursor, tmp_path):
    """Who reads it can tell a broken disk from a broken query."""
    file = tmp_path / "rows.parquet"
    cursor.execute("drop table lake_info")
    cursor.execute(f"copy (select 'a' as key, 'b' as value) to '{file}'")
    cursor.execute(f"create view lake_info as from read_parquet('{file}')")
    file.unlink()

    with pytest.raises(LakeError):
        fetch(cursor, "lake_info")
