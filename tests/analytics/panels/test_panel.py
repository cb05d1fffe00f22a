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
from analytics.lake import schema
from analytics.lake.attach import MACROS
from analytics.lake.writer import Lake
from analytics.panels.panel import COUNTS, METRICS, TIMEFRAMES, Only, Pair, Panel, load

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BTC = ("binance", "BTC/USDT:USDT", "BTC")
PEPE = ("bybit", "1000PEPE/USDT:USDT", "PEPE")
FIRST = ("open", "oi_usd_open")
HIGHEST = ("high", "oi_usd_high")
LOWEST = ("low", "oi_usd_low")
SUMMED = ("traded_usd", "taker_buy_usd", "taker_sell_usd", "liq_long_usd", "liq_short_usd")
COVERAGE = {name: name.replace("_usd", "_coverage_pct") for name in SUMMED}
AVERAGED = ("book_imbalance", "spread_bps")
CUT = (*FIRST, *HIGHEST, *LOWEST, *SUMMED, *COVERAGE.values(), *AVERAGED, *COUNTS)
LAST = tuple(name for name in METRICS if name not in CUT)
LAST_PART = {"4h": 15 * MINUTE, "1d": 60 * MINUTE}
"""Of a bar, which its close is of; else 5 minutes."""
STORED = tuple(field.name for field in schema.arrow_schema("bars") if field.type == pa.float64())


@pytest.fixture
def lake():
    with duckdb.connect() as connection:
        connection.execute(MACROS)
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
            drawn = zip(STORED, rng.normal(100, 10, len(STORED)), strict=True)
            values = {name: float(x) for name, x in drawn if rng.random() > 0.3}
            values |= {"snapshot_count": int(rng.integers(0, 11))}
            rows.append(bar(minutes_ago, of, **values))
    return rows


def resampled(rows, timeframe):
    """The same cut with pandas: a frame of metrics for each instrument."""
    width = TIMEFRAMES[timeframe]
    frame = pd.DataFrame(rows).set_index("ts").sort_index()
    takers = frame["taker_buy_usd"] + frame["taker_sell_usd"]
    frame["traded_usd"] = frame["volume_usd"].fillna(takers)
    settled = (frame["snapshot_count"] == 0).astype(float)
    frame["funding_settled"] = settled.where(frame["funding_rate"].notna())
    ends = frame.index.floor(width) + width
    is_last = ends - frame.index <= LAST_PART.get(timeframe, 5 * MINUTE)
    frame.loc[~is_last, list(LAST)] = np.nan
    weights = frame["snapshot_count"].clip(lower=1)
    for name in AVERAGED:
        frame[f"{name}_weight"] = weights.where(frame[name].notna())
        frame[name] *= weights
    cuts = {}
    for venue, of_venue in frame.groupby("venue"):
        cells = of_venue.resample(width, origin="epoch")
        columns = {name: cells[name].first() for name in FIRST}
        columns |= {name: cells[name].max() for name in HIGHEST}
        columns |= {name: cells[name].min() for name in LOWEST}
        columns |= {name: cells[name].last() for name in LAST}
        for name in SUMMED:
            part = cells[name].count() / (width / (5 * MINUTE))
            columns[name] = cells[name].sum(min_count=1).where(part >= 0.75)
            columns[COVERAGE[name]] = 100 * part
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
        none_is_0 = [*COUNTS, *COVERAGE.values()]
        cut[none_is_0] = cut[none_is_0].fillna(0)
        for name in METRICS:
            np.testing.assert_allclose(
                panel.values[name][:, column], cut[name].to_numpy(), rtol=1e-12, err_msg=name
            )


def test_cuts_5_minute_bars_to_themselves(lake):
    """The query that saves the cutting says the same as the one that cuts."""
    record(lake, *some_days(days=1))
    times = {"now": NOON, "start": NOON - timedelta(days=1), "end": NOON}
    wanted = {"metrics": list(METRICS), "venues": None, "bases": None, "symbols": None}

    rule = {"panel_bars": {"closing_ms": 300_000, "least_known": 0.75}, "panel_bars_5m": {}}
    cut, plain = (
        query.table(lake, name, bar_ms=300_000, pairs=None, **rule[name], **times, **wanted)
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
    """A flow that nobody knew is absent, one that was 0 is 0."""
    record(lake, *(bar(minutes, taker_buy_usd=0.0) for minutes in (5, 10, 15)))

    panel = load(lake, ["taker_buy_usd", "taker_sell_usd"], "15m", now=NOON, bars=1)

    assert panel.values["taker_buy_usd"].item() == 0
    assert np.isnan(panel.values["taker_sell_usd"]).all()


@pytest.mark.parametrize("timeframe", ["15m", "30m", "1h", "4h", "1d"])
def test_volume_of_bars_that_are_partly_backfilled_is_the_whole(lake, timeframe):
    """Klines state volumes, live bars have the takers alone: a longer bar has both kinds."""
    rows, truth = [], {BTC[0]: 0.0, PEPE[0]: 0.0}
    width = TIMEFRAMES[timeframe]
    now = NOON.replace(hour=0)  # all of them end here
    steps = int(width / (5 * MINUTE))
    for of, factor in ((BTC, 1.0), (PEPE, 0.01)):
        for step in range(steps):
            minutes_ago = 720 + 5 * (step + 1)
            volume = factor * (1000.0 + step)
            truth[of[0]] += volume
            is_backfilled = step >= steps // 3
            takers = {"taker_buy_usd": 0.6 * volume, "taker_sell_usd": 0.4 * volume}
            rows.append(
                bar(minutes_ago, of, **({"volume_usd": volume} if is_backfilled else takers))
            )
    record(lake, *rows)

    panel = load(lake, ["traded_usd", "traded_coverage_pct"], timeframe, now=now, bars=1)

    for column, pair in enumerate(panel.instruments):
        assert panel.values["traded_usd"][0, column] == pytest.approx(truth[pair.venue], rel=1e-12)
    assert (panel.values["traded_coverage_pct"] == 100).all()


@pytest.mark.parametrize(
    ("known", "shown"),
    [
        pytest.param(7, None, id="7 of 48"),
        pytest.param(35, None, id="35 of 48, less than three quarters"),
        pytest.param(36, 36.0, id="36 of 48, three quarters"),
        pytest.param(45, 45.0, id="45 of 48"),
        pytest.param(48, 48.0, id="all"),
    ],
)
def test_a_flow_is_known_partial_or_absent(lake, known, shown):
    """A part of a flow is never shown as the whole, and a small part not at all."""
    flows = dict.fromkeys(SUMMED[1:], 1.0)
    record(lake, *(bar(5 * (n + 1), close=1.0, **(flows if n < known else {})) for n in range(48)))

    panel = load(lake, METRICS, "4h", now=NOON, bars=1)

    for name in SUMMED[1:]:
        expected = np.nan if shown is None else shown
        np.testing.assert_equal(panel.values[name].item(), expected)
        assert panel.values[COVERAGE[name]].item() == pytest.approx(100 * known / 48)
    np.testing.assert_equal(
        panel.values["traded_usd"].item(), np.nan if shown is None else 2 * shown
    )


def test_a_bar_under_way_is_of_what_is_over(lake):
    """At 11:20 an hour has 4 bars of five minutes: with 3 of their flows it is partial."""
    now = NOON - 40 * MINUTE
    record(
        lake,
        *(bar(60 - 5 * n, taker_buy_usd=1.0 if n else None, close=float(n)) for n in range(12)),
    )

    panel = load(
        lake, ["taker_buy_usd", "taker_buy_coverage_pct", "close"], "1h", now=now, bars=1,
        unfinished=True,
    )  # fmt: skip

    assert {name: cells.item() for name, cells in panel.values.items()} == {
        "taker_buy_usd": 3,
        "taker_buy_coverage_pct": 75,
        "close": 3,
    }


@pytest.mark.parametrize(
    ("timeframe", "minutes_before_end", "is_close"),
    [
        ("15m", 5, True), ("15m", 10, False), ("1h", 5, True), ("1h", 10, False),
        ("4h", 15, True), ("4h", 20, False), ("1d", 60, True), ("1d", 65, False),
    ],
)  # fmt: skip
def test_a_close_is_of_the_last_part_of_its_bar(lake, timeframe, minutes_before_end, is_close):
    """A venue that is silent at the end has no close there, nor a change to the next."""
    now = NOON.replace(hour=0)
    stated = [name for name in LAST if name != "funding_settled"]
    values = dict.fromkeys(stated, 7.0)
    record(lake, bar(720 + minutes_before_end, **values), bar(720 + 5, PEPE, **values))

    panel = load(lake, LAST, timeframe, now=now, bars=1)

    for name in stated:
        np.testing.assert_equal(panel.values[name][0].tolist(), [7.0 if is_close else np.nan, 7.0])


def test_a_venue_silent_over_the_hour_has_no_close_then(lake):
    """Silent from 04:10 to 05:55: the hour from 04:00 has no close, and none is made up."""
    silent = range(130, 235, 5)  # minutes after 02:00
    record(lake, *(bar(600 - m, close=float(m)) for m in range(0, 300, 5) if m not in silent))

    panel = load(lake, ["close"], "1h", now=NOON, start=NOON.replace(hour=2))

    expected = [55, 115, np.nan, 235, 295]
    np.testing.assert_array_equal(panel.values["close"][:5, 0], expected)


def test_shows_a_gap_as_rows(lake):
    """An hour without bars is four rows of nothing, and what follows stands where it belongs."""
    record(lake, bar(65, close=1.0), bar(5, close=2.0))

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
        ({"timeframe": "7m"}, "timeframe: '7m' is not one of 5m, 15m"),
        ({"metrics": ["oi"]}, "metrics: unknown 'oi'; did you mean 'oi_"),
        ({"metrics": ["closes"]}, "metrics: unknown 'closes'; did you mean 'close'"),
        ({"metrics": []}, "metrics: "),
        ({"now": NOON.replace(tzinfo=None)}, "now: .* has no time zone"),
        ({"bars": None, "start": NOON.replace(tzinfo=None)}, "start: .* has no time zone"),
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
