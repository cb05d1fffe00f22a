"""Panels: what a cell is cut from, and what may be seen at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analytics import query
from analytics.errors import QueryError
from analytics.lake import Lake, schema
from analytics.panel import COUNTS, METRICS, TIMEFRAMES, Only, Pair, Panel, load

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BTC = ("binance", "BTC/USDT:USDT", "BTC")
PEPE = ("bybit", "1000PEPE/USDT:USDT", "PEPE")
FIRST = ("open", "oi_usd_open")
HIGHEST = ("high", "oi_usd_high")
LOWEST = ("low", "oi_usd_low")
SUMMED = ("volume_usd", "taker_buy_usd", "taker_sell_usd", "liq_long_usd", "liq_short_usd")
AVERAGED = ("book_imbalance", "spread_bps")
LAST = tuple(
    name for name in METRICS if name not in (*FIRST, *HIGHEST, *LOWEST, *SUMMED, *AVERAGED, *COUNTS)
)


@pytest.fixture
def lake():
    with duckdb.connect() as connection:
        connection.execute(schema.definition("bars").split(");")[0] + ");")
        yield connection


def bar(minutes_ago, of=BTC, /, **values):
    """A 5-minute bar that began so many minutes before noon."""
    venue, symbol, base = of
    key = {"venue": venue, "symbol": symbol, "base": base, "ts": NOON - minutes_ago * MINUTE}
    return {**key, "snapshot_count": 10, "origin": "live", **values}


def table_of(rows):
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in schema.arrow_schema("bars").names} for row in rows],
        schema=schema.arrow_schema("bars"),
    )


def record(lake, *rows):
    rows = table_of(rows)  # noqa: F841 - DuckDB reads it by its name
    lake.execute("insert into bars by name select * from rows")


def some_days(days=3, seed=7):
    """Bars of two instruments up to noon with gaps, and with values absent here and there."""
    rng = np.random.default_rng(seed)
    rows = []
    for of in (BTC, PEPE):
        for minutes_ago in range(5, days * 1440, 5):
            if rng.random() < 0.1 or 700 < minutes_ago < 1000:
                continue
            drawn = zip(METRICS, rng.normal(100, 10, len(METRICS)), strict=True)
            values = {name: float(x) for name, x in drawn if rng.random() > 0.3}
            values |= {"snapshot_count": int(rng.integers(0, 11))}
            values.pop("bar_count", None)
            rows.append(bar(minutes_ago, of, **values))
    return rows


def resampled(rows, timeframe):
    """The same cut with pandas: a frame of metrics for each instrument."""
    frame = pd.DataFrame(rows).set_index("ts").sort_index()
    weights = frame["snapshot_count"].clip(lower=1)
    for name in AVERAGED:
        frame[f"{name}_weight"] = weights.where(frame[name].notna())
        frame[name] *= weights
    cuts = {}
    for venue, of_venue in frame.groupby("venue"):
        cells = of_venue.resample(TIMEFRAMES[timeframe], origin="epoch")
        columns = {name: cells[name].first() for name in FIRST}
        columns |= {name: cells[name].max() for name in HIGHEST}
        columns |= {name: cells[name].min() for name in LOWEST}
        columns |= {name: cells[name].last() for name in LAST}
        columns |= {name: cells[name].sum(min_count=1) for name in SUMMED}
        for name in AVERAGED:
            columns[name] = cells[name].sum(min_count=1) / cells[f"{name}_weight"].sum()
        columns["snapshot_count"] = cells["snapshot_count"].sum()
        columns["bar_count"] = cells["snapshot_count"].size()
        cuts[venue] = pd.DataFrame(columns).astype(float)
    return cuts


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_cuts_bars_like_pandas(lake, timeframe):
    """Every metric of every timeframe is what pandas' resample makes of the same bars."""
    rows = some_days()
    record(lake, *rows)

    panel = load(lake, METRICS, timeframe, now=NOON, start=NOON - timedelta(days=9))

    expected = resampled(rows, timeframe)
    times = pd.DatetimeIndex(panel.times).tz_localize(UTC)
    assert panel.shape[0] > 0
    for column, pair in enumerate(panel.instruments):
        cut = expected[pair.venue].reindex(times)
        cut[list(COUNTS)] = cut[list(COUNTS)].fillna(0)
        for name in METRICS:
            np.testing.assert_allclose(
                panel.values[name][:, column], cut[name].to_numpy(), rtol=1e-12, err_msg=name
            )


def test_cuts_5_minute_bars_to_themselves(lake):
    """The query that saves the cutting says the same as the one that cuts."""
    record(lake, *some_days(days=1))
    times = {"now": NOON, "start": NOON - timedelta(days=1), "end": NOON}
    wanted = {"metrics": list(METRICS), "venues": None, "bases": None, "symbols": None}

    cut, plain = (
        query.table(lake, name, bar_ms=300_000, pairs=None, **times, **wanted)
        .select(["venue", "symbol", "base", "bar", *METRICS])
        .sort_by([("venue", "ascending"), ("bar", "ascending")])
        .to_pandas()
        for name in ("panel_bars", "panel_bars_5m")
    )

    pd.testing.assert_frame_equal(cut, plain, rtol=1e-15)


def test_weighs_means_by_snapshots(lake):
    """3 snapshots of 0.4 and 1 of 0.8 are 0.5 on average; an imported bar weighs as one."""
    record(
        lake,
        bar(15, book_imbalance=0.4, spread_bps=1.0, snapshot_count=3),
        bar(10, book_imbalance=0.8, spread_bps=None, snapshot_count=1),
        bar(5, book_imbalance=None, spread_bps=5.0, snapshot_count=0),
    )

    panel = load(lake, ["book_imbalance", "spread_bps"], "15m", now=NOON, bars=1)

    assert panel.values["book_imbalance"].item() == pytest.approx(0.5)
    assert panel.values["spread_bps"].item() == pytest.approx((3 * 1 + 5) / 4)


def test_keeps_what_is_absent_absent(lake):
    """A flow that nobody knew is absent, one that was 0 is 0, and a close is the last known."""
    record(
        lake,
        bar(10, close=7.0, taker_buy_usd=0.0),
        bar(5, close=None, taker_buy_usd=None),
    )

    panel = load(lake, ["close", "taker_buy_usd", "taker_sell_usd"], "30m", now=NOON, bars=1)

    assert panel.values["close"].item() == 7
    assert panel.values["taker_buy_usd"].item() == 0
    assert np.isnan(panel.values["taker_sell_usd"]).all()


def test_shows_a_gap_as_rows(lake):
    """An hour without bars is four rows of nothing, and what follows stands where it belongs."""
    record(lake, bar(75, close=1.0), bar(10, close=2.0))

    panel = load(lake, ["close", "bar_count"], "15m", now=NOON, bars=96)

    assert np.diff(panel.times).tolist() == [timedelta(minutes=15)] * 4
    np.testing.assert_array_equal(panel.values["close"][:, 0], [1, np.nan, np.nan, np.nan, 2])
    np.testing.assert_array_equal(panel.values["bar_count"][:, 0], [1, 0, 0, 0, 1])


def test_goes_up_to_now_whatever_was_recorded(lake):
    """After an outage the newest rows are absent, instead of old ones passing for new."""
    record(lake, bar(60, close=1.0))

    panel = load(lake, ["close"], "5m", now=NOON, bars=96)

    assert panel.times[-1] == np.datetime64("2025-03-01T11:55")
    assert np.isnan(panel.values["close"][1:]).all()
    assert panel.shape == (12, 1)


@pytest.mark.parametrize(
    ("late", "seen"),
    [
        pytest.param(timedelta(0), 2, id="over to the millisecond"),
        pytest.param(timedelta(milliseconds=1), 1, id="a millisecond to go"),
        pytest.param(timedelta(minutes=5), 1, id="it has just begun"),
        pytest.param(timedelta(minutes=6), 0, id="neither is over"),
    ],
)
def test_sees_bars_that_are_over(lake, late, seen):
    """A 5-minute bar is seen from the moment it is over."""
    record(lake, bar(10, close=1.0), bar(5, close=2.0))

    panel = load(lake, ["close"], "5m", now=NOON - late, bars=10)

    assert panel.values["close"].T.tolist() == ([[1.0, 2.0][:seen]] if seen else [])


def test_leaves_out_the_bar_that_is_not_over(lake):
    """At 11:50 the hour is not over, so its bar is shown where that is asked for only."""
    record(lake, *(bar(minutes, close=float(minutes)) for minutes in range(5, 120, 5)))
    now = NOON - 10 * MINUTE

    whole = load(lake, ["close", "bar_count"], "1h", now=now, bars=5)
    running = load(lake, ["close", "bar_count"], "1h", now=now, bars=5, unfinished=True)

    assert whole.values["close"].ravel().tolist() == [65]
    assert running.values["close"].ravel().tolist() == [65, 15]
    assert running.values["bar_count"].ravel().tolist() == [11, 10]


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
@pytest.mark.parametrize("minutes_ago", [0, 7, 60, 1111, 2880])
def test_the_past_is_what_it_was(lake, timeframe, minutes_ago):
    """A panel for an earlier time has the very rows of today's panel up to then."""
    record(lake, *some_days())
    start = NOON - timedelta(days=4)

    earlier = load(lake, METRICS, timeframe, now=NOON - minutes_ago * MINUTE, start=start)

    today = load(lake, METRICS, timeframe, now=NOON, start=start)
    rows = len(earlier.times)
    np.testing.assert_array_equal(earlier.times, today.times[:rows])
    for name in METRICS if rows else ():
        np.testing.assert_allclose(
            earlier.values[name], today.values[name][:rows], rtol=1e-14, err_msg=name
        )


@pytest.mark.parametrize(
    ("timeframe", "hours_ago", "shape"),
    [
        pytest.param("5m", 100, (0, 0), id="before the record"),
        pytest.param("1d", 10, (0, 0), id="no day is over"),
        pytest.param("1d", -12, (1, 1), id="one day is over"),
    ],
)
def test_is_as_short_as_the_record(lake, timeframe, hours_ago, shape):
    """What has no row gives an empty panel, not an error and not a made-up row."""
    record(lake, *(bar(minutes, close=1.0) for minutes in range(5, 300, 5)))

    panel = load(lake, ["close"], timeframe, now=NOON - timedelta(hours=hours_ago), bars=30)

    assert panel.shape == shape
    assert panel.values["close"].shape == shape


def test_begins_with_a_whole_bar(lake):
    """A start in the middle of an hour takes that whole hour, so that no bar is cut in half."""
    record(lake, *(bar(minutes, close=1.0) for minutes in range(5, 300, 5)))

    panel = load(lake, ["bar_count"], "1h", now=NOON, start=NOON - 90 * MINUTE)

    assert panel.values["bar_count"].ravel().tolist() == [12, 12]


@pytest.mark.parametrize(
    ("only", "symbols"),
    [
        pytest.param(Only(), ["BTC/USDT:USDT"] * 2 + ["1000PEPE/USDT:USDT"], id="all"),
        pytest.param(Only(venues=["okx"]), ["BTC/USDT:USDT"], id="venue"),
        pytest.param(Only(bases=["PEPE", "SOL"]), ["1000PEPE/USDT:USDT"], id="base"),
        pytest.param(Only(instruments=[BTC[:2]]), ["BTC/USDT:USDT"], id="instrument"),
        pytest.param(
            Only(instruments=[("okx", "BTC/USDT:USDT"), PEPE[:2]]),
            ["BTC/USDT:USDT", "1000PEPE/USDT:USDT"],
            id="not every symbol of their venues",
        ),
        pytest.param(
            Only(venues=["okx"], instruments=[BTC[:2], ("okx", "BTC/USDT:USDT")]),
            ["BTC/USDT:USDT"],
            id="instrument and venue",
        ),
        pytest.param(Only(instruments=[]), [], id="no instrument wanted"),
        pytest.param(Only(venues=["okx"], bases=["PEPE"]), [], id="none has both"),
        pytest.param(Only(venues=[]), [], id="none wanted"),
    ],
)
@pytest.mark.parametrize("timeframe", ["5m", "15m"])
def test_has_only_the_instruments_asked_for(lake, timeframe, only, symbols):
    """Columns stand by base, venue and symbol, whatever order the rows came in."""
    okx = ("okx", "BTC/USDT:USDT", "BTC")
    record(lake, bar(5, PEPE, close=3.0), bar(5, okx, close=2.0), bar(5, BTC, close=1.0))

    panel = load(lake, ["close"], timeframe, now=NOON, bars=1, only=only)

    assert [pair.symbol for pair in panel.instruments] == symbols
    assert sorted(panel.values["close"].ravel()) == panel.values["close"].ravel().tolist()


def test_names_instruments_by_their_newest_base(lake):
    """A base that was corrected is one instrument still, under the newer name."""
    record(lake, bar(10, ("okx", "X/USDT:USDT", "WRONG")), bar(5, ("okx", "X/USDT:USDT", "X")))

    panel = load(lake, ["close"], "5m", now=NOON, bars=5)

    assert panel.instruments == (Pair("okx", "X/USDT:USDT", "X"),)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"timeframe": "7m"}, "timeframe: '7m' is none of 5m, 15m"),
        ({"metrics": ["oi"]}, "metrics: there is no 'oi'; the nearest is 'oi_"),
        ({"metrics": ["closes"]}, "metrics: there is no 'closes'; the nearest is 'close'"),
        ({"metrics": []}, "metrics: "),
        ({"now": NOON.replace(tzinfo=None)}, "now: .* has no zone"),
        ({"bars": None, "start": NOON.replace(tzinfo=None)}, "start: .* has no zone"),
        ({"bars": 0}, "bars: "),
        ({"bars": None}, "bars, start: "),
        ({"start": NOON}, "bars, start: "),
    ],
)
def test_names_the_argument_that_is_wrong(lake, changed, message):
    """An error says which argument it is about, and what would do."""
    right = {"metrics": ["close"], "timeframe": "5m", "now": NOON, "bars": 3}
    asked = right | changed

    with pytest.raises(QueryError, match=message):
        load(lake, asked.pop("metrics"), asked.pop("timeframe"), **asked)


def test_is_made_of_a_frame_as_of_a_lake(lake):
    """Bars in a frame give the panel that the same bars in a lake give."""
    rows = some_days(days=1)
    record(lake, *rows)
    frame = pd.DataFrame(rows).sample(frac=1, random_state=1)

    panel = Panel.from_frame(
        frame[["venue", "symbol", "base", "ts", "close", "oi_usd"]], "5m", now=NOON
    )

    loaded = load(lake, ["close", "oi_usd"], "5m", now=NOON, bars=288)
    assert panel.instruments == loaded.instruments
    np.testing.assert_array_equal(panel.times, loaded.times)
    for name in panel.values:
        np.testing.assert_array_equal(panel.values[name], loaded.values[name])


def test_of_an_empty_frame_is_empty():
    frame = pd.DataFrame({name: [] for name in ("venue", "symbol", "base", "ts", "close")})

    assert Panel.from_frame(frame, "1h", now=NOON).shape == (0, 0)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"venue": ["okx"]}), "frame: it has no column base, symbol, ts"),
        (pd.DataFrame([bar(5), bar(5)]).drop(columns="origin"), "frame: two of its rows"),
    ],
)
def test_refuses_a_frame_it_cannot_lay_out(frame, message):
    with pytest.raises(QueryError, match=message):
        Panel.from_frame(frame, "5m", now=NOON)


def test_refuses_arrays_of_another_shape():
    times = np.array(["2025-03-01"], "datetime64[ms]")

    with pytest.raises(QueryError, match=r"values: close is \(2, 1\)"):
        Panel(times, (Pair(*BTC),), {"close": np.zeros((2, 1))}, "5m", NOON)


def test_cannot_be_changed(lake):
    """A panel that is kept for several pages is not theirs to write to."""
    record(lake, bar(5, close=1.0))
    panel = load(lake, ["close"], "5m", now=NOON, bars=1)

    with pytest.raises(ValueError, match="read-only"):
        panel.values["close"][0, 0] = 2

    assert load(lake, ["close"], "1h", now=NOON, bars=1).bars_per_year == 24 * 365


def test_reads_a_lake_as_it_is_stored(tmp_path):
    """DuckLake's tables answer the query as the plain ones of these tests do."""
    with Lake(tmp_path) as lake:
        lake.append(("bars", table_of([bar(10, close=1.0), bar(5, close=2.0)])))
        with lake.cursor() as cursor:
            panel = load(cursor, ["close"], "15m", now=NOON, bars=4, only=Only(bases=["BTC"]))

    assert panel.values["close"].tolist() == [[2.0]]
