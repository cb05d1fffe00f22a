"""The bar that is not over: a panel goes on with what was heard of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analytics.lake import schema
from analytics.lake.attach import MACROS
from analytics.panels.bar_under_way import with_bar_under_way
from analytics.panels.panel import FLOWS, METRICS, TIMEFRAMES, load

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
BAR = timedelta(minutes=5)
MEANS = ("book_imbalance", "spread_bps")
PAIRS = (("binance", "BTC/USDT:USDT", "BTC"), ("okx", "ETH/USDT:USDT", "ETH"))


@pytest.fixture
def lake():
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        connection.execute(schema.definition("bars").split(");")[0] + ");")
        yield connection


def record(lake, *rows):
    """Store *rows* as bars; what they do not name is absent."""
    bars = schema.arrow_schema("bars")
    stored = pa.Table.from_pylist(  # noqa: F841 - DuckDB reads it by its name
        [{name: row.get(name) for name in bars.names} for row in rows], schema=bars
    )
    lake.execute("insert into bars by name select * from stored")


def some_bars(count):
    """Bars of two pairs before noon, each with values absent here and there."""
    rng = np.random.default_rng(3)
    columns = schema.arrow_schema("bars")
    names = [one.name for one in columns if one.type == pa.float64() and one.name != "volume_usd"]
    return [
        {
            **dict(zip(("venue", "symbol", "base"), of, strict=True)),
            "ts": NOON - nth * BAR,
            "origin": "live",
            "snapshot_count": 10,
            **{
                name: float(value)
                for name, value in zip(names, rng.normal(100, 10, len(names)), strict=True)
                if rng.random() > 0.3
            },
        }
        for of in PAIRS
        for nth in range(1, count + 1)
    ]


def heard(rows):
    """Return bars as the query of running ones gives them."""
    columns = [name for name in schema.arrow_schema("bars").names if name != "origin"]
    return pd.DataFrame([{name: row.get(name, np.nan) for name in columns} for row in rows])


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
@pytest.mark.parametrize("back", [1, 2, 3, 12, 144])
def test_what_was_heard_to_the_end_is_the_bar(lake, timeframe, back):
    """A running bar of which all was heard is what the panel has of it once it is over."""
    rows = some_bars(150)
    record(lake, *rows)
    began = NOON - back * BAR
    before = load(lake, METRICS, timeframe, now=began, bars=300, unfinished=True)

    panel = with_bar_under_way(before, heard([row for row in rows if row["ts"] == began]))

    after = load(lake, METRICS, timeframe, now=began + BAR, bars=300, unfinished=True)
    np.testing.assert_array_equal(panel.times, after.times)
    assert panel.instruments == after.instruments
    # Of a longer bar a mean stays that of the five minutes that are over.
    compared = set(METRICS) if timeframe == "5m" else set(METRICS) - set(MEANS)
    for name in compared:
        expected = after.values[name].copy()
        found = panel.values[name]
        if name in FLOWS and timeframe != "5m":
            # What was withheld comes back with the record, which knows what there is of it.
            expected[-1, np.isnan(found[-1])] = np.nan
        elif found.shape == before.values[name].shape:
            # What is not told of five minutes under way is as in those before.
            unknown = np.isnan(expected[-1])
            expected[-1, unknown] = before.values[name][-1, unknown]
        np.testing.assert_allclose(found, expected, err_msg=name)


@pytest.mark.parametrize(
    ("known", "then", "flow", "coverage_pct"),
    [
        pytest.param(11, True, 24.0, 100, id="all"),
        pytest.param(9, True, 20.0, 100 * 10 / 12, id="some are missing before"),
        pytest.param(11, False, 22.0, 100 * 11 / 12, id="the running ones are missing"),
        pytest.param(7, True, None, 100 * 8 / 12, id="too few"),
    ],
)
def test_a_flow_under_way_says_how_much_is_known(lake, known, then, flow, coverage_pct):
    """Of an hour 55 minutes are over and 5 under way: what was not heard is no flow of 0."""
    both = {"taker_buy_usd": 1.5, "taker_sell_usd": 0.5}
    pair = dict(zip(("venue", "symbol", "base"), PAIRS[0], strict=True))
    row = {**pair, "origin": "live", "snapshot_count": 10}
    hour = [{**row, "ts": NOON - (12 - n) * BAR, **(both if n < known else {})} for n in range(11)]
    record(lake, *hour)
    before = load(lake, METRICS, "1h", now=NOON - BAR, bars=5, unfinished=True)

    panel = with_bar_under_way(before, heard([{**row, "ts": NOON - BAR, **(both if then else {})}]))

    assert panel.values["traded_coverage_pct"].item() == pytest.approx(coverage_pct)
    np.testing.assert_equal(panel.values["traded_usd"].item(), np.nan if flow is None else flow)


def test_a_bar_that_is_not_written_yet_is_there_with_the_one_under_way(lake):
    """Right after a mark the bar before is over, and not in the record for some moments."""
    rows = some_bars(4)
    record(lake, *(row for row in rows if row["ts"] < NOON - 2 * BAR))
    before = load(lake, ["close"], "5m", now=NOON - BAR, bars=10, unfinished=True)
    assert np.isnan(before.values["close"][-1]).all()

    panel = with_bar_under_way(before, heard([row for row in rows if row["ts"] >= NOON - 2 * BAR]))

    record(lake, *(row for row in rows if row["ts"] >= NOON - 2 * BAR))
    after = load(lake, ["close"], "5m", now=NOON, bars=10)
    np.testing.assert_array_equal(panel.times, after.times)
    np.testing.assert_array_equal(panel.values["close"], after.values["close"])


def test_the_panel_that_goes_on_stays_as_it_was(lake):
    """All sessions share it."""
    rows = some_bars(3)
    record(lake, *rows[1:])
    before = load(lake, METRICS, "1h", now=NOON - BAR, bars=10, unfinished=True)
    was = {name: cells.copy() for name, cells in before.values.items()}

    panel = with_bar_under_way(before, heard(rows[:1]))

    assert panel.now == before.now
    for name in METRICS:
        np.testing.assert_array_equal(before.values[name], was[name])
        assert not panel.values[name].flags.writeable


def test_what_the_panel_has_no_column_for_is_left_out(lake):
    """A pair of another base, and one whose first bar this is."""
    rows = some_bars(2)
    record(lake, rows[1])
    before = load(lake, ["close"], "5m", now=NOON - BAR, bars=10)

    panel = with_bar_under_way(before, heard([{**rows[0], "symbol": "SOL/USDT:USDT"}]))

    assert panel is before
