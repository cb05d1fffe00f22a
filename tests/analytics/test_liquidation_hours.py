"""How unusual an hour's liquidations are: of a pair beside its own hours, of an asset over all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from analytics.indicators.hours import hour_sums, z_of_hours
from analytics.lake.attach import MACROS
from analytics.lake.schema import TABLES, definition
from analytics.query import fetch

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
BAR = timedelta(minutes=5)
PAIR = ["okx", "BTC/USDT:USDT", "BTC"]


@pytest.fixture
def cursor():
    """A database with the real tables, empty."""
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for table in TABLES:
            connection.execute(definition(table).partition("alter table")[0])
        yield connection


def bars(longs, *, pair=PAIR, ends=NOON):
    """Bars up to *ends* with these *longs* liquidated, and shorts of the same size. (T,)"""
    starts = [ends - BAR * back for back in range(len(longs), 0, -1)]
    names = dict(zip(["venue", "symbol", "base"], pair, strict=True))
    return pd.DataFrame({**names, "ts": starts, "liq_long_usd": longs, "liq_short_usd": longs})


def hours(*sums):
    """Bars of hours, the oldest first, of which each has that sum over longs and shorts."""
    return np.repeat(np.array(sums, float), 12) / 24


def asked(cursor, *parts, by_asset=False, **params):
    frame = pd.concat(parts)
    stored = frame.assign(ts=frame["ts"].dt.tz_localize(None), snapshot_count=10, origin="live")
    cursor.register("stored", stored)
    cursor.execute("insert into bars by name select * from stored")
    none = {"venues": None, "symbols": None, "counted_pairs": [], "counted_names": []}
    return fetch(
        cursor,
        "liquidation_hours",
        **{**none, "now": NOON, "by_asset": by_asset, "least_known": 0.75, **params},
    )


def z(sums):
    """The last of *sums* beside the 168 before it."""
    now, before = sums[-1], np.array(sums[-169:-1])
    middle = np.median(before)
    return (now - middle) / (1.4826 * np.median(np.abs(before - middle)))


def test_an_hour_stands_beside_the_pairs_hours_of_seven_days(cursor):
    """Median and MAD of those before it, itself not among them; older ones are left out."""
    rng = np.random.default_rng(5)
    sums = [*rng.exponential(1e9, 3), *rng.exponential(1e5, 168), 2e6]

    (found,) = asked(cursor, bars(hours(*sums))).to_dict("records")

    assert (found["venue"], found["symbol"]) == ("okx", "BTC/USDT:USDT")
    assert found["liquidated_usd"] == pytest.approx(2e6)
    assert found["z_liquidations"] == pytest.approx(z(sums))


def test_it_is_absent_without_twenty_hours_and_where_most_hours_are_alike(cursor):
    """Nineteen hours are no past; and of a coin whose hours are mostly 0, nothing is usual."""
    young, calm = ["okx", "ETH/USDT:USDT", "ETH"], ["okx", "SOL/USDT:USDT", "SOL"]

    rows = asked(
        cursor,
        bars(hours(*range(1, 21), 500)),
        bars(hours(*range(1, 20), 500), pair=young),
        bars(hours(*[0] * 30, 5, 7, 500), pair=calm),
    ).set_index("base")

    assert rows["z_liquidations"].notna().to_dict() == {"BTC": True, "ETH": False, "SOL": False}
    assert rows["liquidated_usd"].round(6).tolist() == [500.0] * 3


def test_an_hour_that_is_not_known_is_no_hour(cursor):
    """Three quarters of its bars are needed: an outage is not a calm hour, and no newest one."""
    amounts = hours(*range(1, 30), 500)
    amounts[24:28] = np.nan
    known = [*range(1, 3), *range(4, 30), 500]
    silent = amounts.copy()
    silent[-4:] = np.nan

    rows = asked(
        cursor, bars(amounts), bars(silent, pair=["okx", "ETH/USDT:USDT", "ETH"])
    ).set_index("base")

    assert rows.index.tolist() == ["BTC"]
    assert rows.loc["BTC", "z_liquidations"] == pytest.approx(z(known))


def test_the_hour_ends_with_the_venues_newest_bar(cursor):
    """The last bar of a venue may not be written yet: its hours lie five minutes earlier."""
    sums = [*range(1, 30), 500]

    rows = asked(cursor, bars(hours(*sums), ends=NOON - BAR))

    assert rows["z_liquidations"].tolist() == pytest.approx([z(sums)])


def test_an_asset_is_the_sum_of_its_pairs_over_the_hours_that_all_of_them_know(cursor):
    """One that was listed lately would look like a jump; what another name has is apart."""
    rng = np.random.default_rng(6)
    one, other = rng.exponential(1e5, 60), rng.exponential(1e5, 40)
    parts = (
        bars(hours(*one)),
        bars(hours(*other), pair=["binance", "BTC/USDT:USDT", "BTC"]),
        bars(hours(*[9e9] * 5), pair=["bybit", "BTC/USDT:USDT", "BTC"]),
        bars(hours(*one), pair=["okx", "BTC/USD:BTC", "BTC"]),
    )
    renamed = {"counted_pairs": ["okx BTC/USD:BTC"], "counted_names": ["BTC (stock)"]}

    rows = asked(cursor, *parts, by_asset=True, **renamed).set_index("base")

    assert rows["venue"].isna().all()
    assert rows.loc["BTC", "z_liquidations"] == pytest.approx(z([*(one[-40:] + other)]))
    assert rows.loc["BTC (stock)", "z_liquidations"] == pytest.approx(z([*one]))


def test_only_what_was_chosen_counts(cursor):
    """As the figures of a page with filters do."""
    other = bars(hours(*range(100, 130)), pair=["binance", "BTC/USDT:USDT", "BTC"])
    sums = [*range(1, 30), 500]

    rows = asked(cursor, bars(hours(*sums)), other, by_asset=True, venues=["okx"])

    assert rows["z_liquidations"].tolist() == pytest.approx([z(sums)])


def test_hours_that_differ_by_rounding_alone_have_no_deviation(cursor):
    """The same amounts in another order add up to another last digit."""
    rng = np.random.default_rng(3)
    amounts = np.concatenate([rng.permutation(np.linspace(0.1, 7e4, 12)) for _ in range(40)])
    amounts[-12:] *= 2

    (row,) = asked(cursor, bars(amounts)).to_dict("records")
    beside = z_of_hours(hour_sums(2 * amounts[:, None], 0.75))

    assert len(set(hour_sums(2 * amounts[:, None], 0.75)[11:-12:12, 0])) > 1
    assert row["liquidated_usd"] == pytest.approx(2 * amounts[-12:].sum())
    assert np.isnan(row["z_liquidations"])
    assert np.isnan(beside[-1]).all()
