"""The market as a whole: figures by hand, and what is missing leaving no mark on them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import duckdb
import pandas as pd
import pytest

from analytics import aggregate, query
from analytics.lake.schema import definition

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)


def pairs(*rows):
    """Pairs as (oi_usd, volume_24h_usd, funding_8h_pct, ls_accounts, price_24h_pct)."""
    columns = ["oi_usd", "volume_24h_usd", "funding_8h_pct", "ls_accounts", "price_24h_pct"]
    return pd.DataFrame(rows, columns=columns, dtype=float)


def test_figures_of_two_pairs():
    """Means lean to the larger pair: three quarters of the weight here."""
    market = aggregate.market(pairs((6e9, 10e9, 0.01, 2, 10), (2e9, 5e9, -0.02, 1, -10)))

    assert market["global_oi_usd"] == 8e9
    assert market["volume_24h_usd"] == 15e9
    assert market["funding_8h_pct"] == pytest.approx(0.0025)
    assert market["ls_accounts"] == pytest.approx(1.75)
    assert market["breadth_pct"] == 50
    assert market["oi_volume_weighted_usd"] == pytest.approx((6e9 * 10 + 2e9 * 5) / 15)


def test_a_pair_that_does_not_know_a_value_does_not_pull_at_the_mean():
    """Unknown is not nought."""
    market = aggregate.market(pairs((6e9, None, 0.01, None, None), (2e9, 5e9, None, 1, 3)))

    assert market["funding_8h_pct"] == pytest.approx(0.01)
    assert market["ls_accounts"] == 1
    assert market["volume_24h_usd"] == 5e9
    assert market["breadth_pct"] == 100


@pytest.mark.parametrize("rows", [[], [(None,) * 5]], ids=["no pair", "nothing known"])
def test_no_figure_without_a_value(rows):
    """A sum of nothing is not nought either."""
    assert aggregate.market(pairs(*rows)).isna().all()


def test_counts_what_stands_behind_each_figure():
    """A weighted mean needs the weight as well as the value."""
    known = aggregate.known(pairs((6e9, None, 0.01, 2, 1), (None, 5e9, 0.01, None, None)))

    assert known["global_oi_usd"] == 1
    assert known["funding_8h_pct"] == 1
    assert known["volume_24h_usd"] == 1
    assert known["oi_volume_weighted_usd"] == 0


def test_a_weight_of_nought_is_no_weight():
    """Never a division by nought."""
    assert math.isnan(aggregate.weighted_mean(pd.Series([1.0]), pd.Series([0.0])))


def test_a_price_that_stayed_did_not_rise():
    """Breadth counts risers."""
    assert aggregate.market(pairs((1, 1, 1, 1, 0), (1, 1, 1, 1, 2)))["breadth_pct"] == 50


@pytest.fixture
def bars():
    """A function that stores bars, and a history made of them."""
    with duckdb.connect() as cursor:
        cursor.execute(definition("bars").partition("alter table")[0])
        yield Bars(cursor)


class Bars:
    def __init__(self, cursor):
        self.cursor = cursor

    def store(self, minutes_ago, venue="binance", symbol="BTC/USDT:USDT", **values):
        """Store the bar that ended *minutes_ago* before noon."""
        row = {
            "venue": venue,
            "symbol": symbol,
            "base": symbol.partition("/")[0],
            "ts": (NOON - timedelta(minutes=minutes_ago + 5)).replace(tzinfo=None),
            "snapshot_count": 10,
            "origin": "live",
            **values,
        }
        marks = ", ".join("?" * len(row))
        self.cursor.execute(
            f"insert into bars ({', '.join(row)}) values ({marks})", [*row.values()]
        )

    def history(self):
        return aggregate.market_history(query.fetch(self.cursor, "market_history", now=NOON))


def test_an_outage_of_one_venue_is_not_a_fall(bars):
    """The part that is known moved by 10 %, so the whole is taken to have moved by 10 %."""
    for minutes, oi in ((10, 80e9), (5, 88e9), (0, 88e9)):
        bars.store(minutes, oi_usd=oi)
    for minutes, oi in ((10, 10e9), (0, 12e9)):
        bars.store(minutes, venue="okx", oi_usd=oi)

    oi = bars.history()["global_oi_usd"]

    assert oi.tolist() == pytest.approx([90e9 / 1, 88e9 / (88 / 100), 100e9])
    assert oi.index[-1] == NOON


def test_a_time_that_knows_too_little_is_left_out(bars):
    """Half the market is not the market."""
    bars.store(5, oi_usd=50e9)
    bars.store(0, oi_usd=50e9)
    bars.store(0, venue="okx", oi_usd=50e9)

    assert bars.history()["global_oi_usd"].isna().tolist() == [True, False]


def test_funding_of_different_intervals_is_rebased(bars):
    """0.01 % every 4 h and 0.01 % every 8 h are 0.02 % and 0.01 % per 8 h."""
    bars.store(0, oi_usd=1e9, funding_rate=0.0001, funding_interval_h=4)
    bars.store(0, venue="okx", oi_usd=1e9, funding_rate=0.0001, funding_interval_h=8)

    assert bars.history()["funding_8h_pct"].tolist() == pytest.approx([0.015])


def test_breadth_compares_with_the_same_time_yesterday(bars):
    """One of two rose; a pair without yesterday is not counted."""
    day = 24 * 60
    for symbol, before, after in (("A/USDT:USDT", 1.0, 2.0), ("B/USDT:USDT", 2.0, 1.0)):
        bars.store(day, symbol=symbol, close=before)
        bars.store(0, symbol=symbol, close=after)
    bars.store(0, symbol="C/USDT:USDT", close=1.0)

    assert bars.history()["breadth_pct"].iloc[-1] == 50


def test_a_bar_that_is_not_over_is_not_seen(bars):
    """At noon, the bar that ends a minute later is the future."""
    bars.store(-1, oi_usd=1e9)

    assert bars.history().empty


def test_a_figure_says_how_far_it_came():
    """From 100 to 110 is 10, and 10 %."""
    times = pd.DatetimeIndex([NOON, NOON + timedelta(hours=1)])
    figure = aggregate.Figure(110, 2, pd.Series([100.0, 110.0], times))

    assert (figure.change, figure.change_pct, figure.since) == (10, pytest.approx(10), NOON)


@pytest.mark.parametrize("past", [[], [5.0]], ids=["nothing", "one point"])
def test_a_figure_without_two_points_did_not_change(past):
    """One point is no direction."""
    times = pd.DatetimeIndex([NOON] * len(past))
    figure = aggregate.Figure(5.0, 1, pd.Series(past, times, dtype=float))

    assert figure.change is None
    assert figure.change_pct is None


def test_old_is_more_than_two_cycles():
    """Exactly two cycles is still in time; a value that never came is absent, not old."""
    ages = [timedelta(seconds=60), timedelta(seconds=61), None]
    received = pd.Series([None if age is None else NOON - age for age in ages])
    received = pd.to_datetime(received, utc=True)

    assert aggregate.stale(received, NOON, timedelta(seconds=30)).tolist() == [False, True, False]
