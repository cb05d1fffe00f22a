"""One read for all timeframes: that signals are those of panels loaded one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from analytics.errors import QueryError
from analytics.lake import schema
from analytics.lake.attach import MACROS
from analytics.panels.panel import TIMEFRAMES, load
from analytics.signals.fired import latest_signals, load_timeframes
from analytics.signals.thresholds import Thresholds
from analytics.signals.tiers import METRICS, bars_needed

NOW = datetime(2025, 3, 1, 12, 2, tzinfo=UTC)
EASY = Thresholds(z_oi=0.3, ls_accounts=0.5, book_imbalance_pct=0.1, oi_delta_pct=0, z_oi_share=0.3)
BASES = ("ADA", "BTC", "ETH", "SOL")
STARTED = {"ADA": 46, "BTC": 46, "ETH": 3, "SOL": 46}
ENDED = {"ADA": 0, "BTC": 0, "ETH": 0, "SOL": 2}
"""Days ago that the record of each base begins and ends."""


def bars_with_gaps(seed=3):
    """Bars of two venues with an outage, lost bars and lost values."""
    rng = np.random.default_rng(seed)
    every = np.timedelta64(5, "m")
    newest = np.datetime64("2025-03-01T11:55", "ms")
    tables = []
    for venue in ("binance", "okx"):
        for base in BASES:
            bars = np.arange(ENDED[base] * 288, STARTED[base] * 288)
            lost = (rng.random(len(bars)) < 0.002) | ((bars > 140) & (bars < 170))
            bars = bars[~lost]
            columns = {
                name: pa.array(rng.uniform(0.9, 1.1, len(bars)), mask=rng.random(len(bars)) < 0.01)
                for name in METRICS
                if name != "funding_settled"
            }
            columns |= {
                "ts": newest - bars * every,
                "snapshot_count": rng.integers(0, 11, len(bars)).astype(np.int32),
            }
            words = {"venue": venue, "base": base, "symbol": f"{base}/USDT:USDT", "origin": "live"}
            columns |= {name: pa.repeat(pa.scalar(word), len(bars)) for name, word in words.items()}
            tables.append(pa.table(columns))
    return pa.concat_tables(tables)


@pytest.fixture(scope="module")
def lake():
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for table in ("bars", "instruments"):
            connection.execute(schema.definition(table).split(");")[0] + ");")
        rows = bars_with_gaps()  # noqa: F841 - DuckDB reads it by its name
        connection.execute("insert into bars by name select * from rows")
        yield connection


@pytest.mark.parametrize("minutes_ago", [0, 60, 725, 2880])
@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_signals_are_those_of_a_panel_of_its_own(lake, timeframe, minutes_ago):
    """Nothing that fires, and nothing it saw, depends on how the panel was loaded."""
    now = NOW - timedelta(minutes=minutes_ago)
    alone = load(lake, METRICS, timeframe, now=now, bars=bars_needed(EASY))

    together = load_timeframes(lake, EASY, now=now)[timeframe]

    expected, found = latest_signals(alone, EASY), latest_signals(together, EASY)
    assert [_what(signal) for signal in found] == [_what(signal) for signal in expected]
    np.testing.assert_allclose(_seen(found), _seen(expected), rtol=1e-9, atol=1e-9)


def _what(signal):
    return signal.tier, signal.venue, signal.symbol, signal.base, signal.ts, list(signal.values)


def _seen(signals):
    """Everything that they saw, one after the other; NaN is absent."""
    return np.array([x for signal in signals for x in signal.values.values()], dtype=float)


def test_something_fires(lake):
    """Else the comparison above would compare nothing."""
    panels = load_timeframes(lake, EASY, now=NOW)

    fired = {s.tier for panel in panels.values() for s in latest_signals(panel, EASY)}

    assert {1, 2, 3, 5} <= fired


def test_before_the_record_nothing_fires(lake):
    panels = load_timeframes(lake, EASY, ("5m", "1d"), now=NOW - timedelta(days=99))

    assert [latest_signals(panel, EASY) for panel in panels.values()] == [[], []]


def test_refuses_a_timeframe_that_is_none(lake):
    with pytest.raises(QueryError, match="timeframe: '7m' is not one of 5m"):
        load_timeframes(lake, EASY, ("5m", "7m"), now=NOW)
