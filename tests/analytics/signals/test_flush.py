"""Flushes of the past: what each hour's end would have shown as the newest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from analytics import query
from analytics.indicators.hours import BARS_NEEDED
from analytics.lake.attach import MACROS
from analytics.lake.schema import TABLES, definition
from analytics.panels import panel as panels
from analytics.signals.flush import METRICS, flushes, past_flushes
from analytics.signals.thresholds import OwnLevels, Thresholds

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
BAR = timedelta(minutes=5)
BARS = 30
PAIRS = [("binance", "BTC"), ("okx", "BTC"), ("okx", "ETH")]


def rows():
    """Eight days of liquidations: one bar in five is unknown, a third of them a side alone."""
    rng = np.random.default_rng(5)
    for venue, base in PAIRS:
        for back in range(8 * 288, 0, -1):
            known = rng.random(2) > 0.2
            sizes = rng.exponential(1e4, 2) * (1 + 20 * (back in (4, 5, 20)))
            values = dict(zip(METRICS, np.where(known, sizes, None), strict=True))
            key = {"venue": venue, "symbol": f"{base}/USDT:USDT", "base": base}
            yield {**key, "ts": NOON - back * BAR, "close": 1.0, **values}


@pytest.fixture(scope="module")
def cursor():
    """A database with the real tables and those bars."""
    stored = pd.DataFrame([*rows()]).assign(snapshot_count=10, origin="live")  # noqa: F841
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for table in TABLES:
            connection.execute(definition(table).partition("alter table")[0])
        connection.execute(
            "insert into bars by name select * replace (ts at time zone 'UTC' as ts) from stored"
        )
        yield connection


def live(cursor, thresholds, now):
    """Return what is shown at *now*."""
    none = {"venues": None, "symbols": None, "counted_pairs": [], "counted_names": []}
    asked = {"now": now, "by_asset": False, "least_known": panels.LEAST_KNOWN}
    return flushes(query.fetch(cursor, "liquidation_hours", **none, **asked), thresholds, now)


def same(found, wanted):
    """Sums may differ in the last bits."""
    assert [(one.venue, one.symbol, one.ts, one.now) for one in found] == [
        (one.venue, one.symbol, one.ts, one.now) for one in wanted
    ]
    for one, other in zip(found, wanted, strict=True):
        assert one.values == pytest.approx(other.values)
        assert one.thresholds == other.thresholds
        assert (one.tier, one.timeframe, one.base) == (other.tier, other.timeframe, other.base)


def test_each_bar_has_what_was_shown_at_its_end(cursor):
    """And of longer bars, the largest of each pair."""
    own = OwnLevels({"z_liquidations": 99.0}, {("z_liquidations", "BTC"): 2.0})
    for thresholds in (Thresholds(z_liquidations=1.5), Thresholds(own=own)):
        panel = panels.load(cursor, METRICS, "5m", now=NOON, bars=BARS + BARS_NEEDED)

        found = past_flushes(panel, thresholds, bars=BARS)

        ends = [NOON - back * BAR for back in range(BARS - 1, -1, -1)]
        wanted = [one for now in ends for one in live(cursor, thresholds, now)]
        assert 3 < len(wanted) < BARS * len(PAIRS)
        same(found, wanted)
        hourly = past_flushes(panel, thresholds, bars=BARS, timeframe="1h")
        largest = {}
        for one in wanted:
            of = one.venue, one.symbol, (one.now - timedelta(seconds=1)).hour
            largest[of] = max(largest.get(of, one), one, key=lambda it: it.values["z_liquidations"])
        same(hourly, sorted(largest.values(), key=lambda it: it.now))
        assert len(hourly) < len(found)
