"""Frames of a small record: the values of Overview, their ages, and what is kept between passes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analytics import query
from analytics.lake import schema
from analytics.lake.attach import MACROS
from analytics.market import figures
from analytics.market.by_asset import by_asset
from analytics.market.pair_curves import BARS, METRICS, pair_curves
from analytics.market.venue_summary import quoted
from analytics.panels.bases import bases
from analytics.panels.panel import LEAST_KNOWN, TIMEFRAMES, load
from analytics.rules.engine import run
from analytics.rules.frames import COLUMNS, Frames
from analytics.rules.history import replay
from analytics.rules.rules_file import builtin, read_rules
from analytics.signals import fired, tiers
from analytics.signals.thresholds import Thresholds

NOW = datetime(2025, 3, 1, 12, 0, 20, tzinfo=UTC)
CYCLE = timedelta(seconds=30)
BAR = timedelta(minutes=5)
BASES = ("BTC", "ETH", "SOL", "PEPE")
VENUES = ("binance", "okx")
PAIR = ["venue", "symbol"]
FLOATS = [
    field.name for field in schema.arrow_schema("bars") if field.type == pa.float64()
]  # fmt: skip


def keys(venue, base):
    return {"venue": venue, "base": base, "symbol": f"{base}/USDT:USDT"}


def level(n):
    """Prices and open interest move slowly, all others not at all."""
    return 100 * (1 + 0.03 * np.sin(n / 7) + 0.001 * (n * n % 11))


def values(n, place):
    return {
        "close": level(n),
        "mark": level(n),
        "index": level(n) * 1.001,
        "oi_usd": 1e6 * (place + 1) * level(n + 5 * place),
        "oi_base": 1e4 * (place + 1),
        "ls_accounts": 1.5 + 0.001 * n,
        "funding_rate": 1e-4 * (place - 2.5) * np.sign(np.sin(n / 96 + 1)),
        "funding_interval_h": 8.0,
        "volume_24h_usd": 1e9 / (place + 1),
        "book_imbalance": 0.1,
        "spread_bps": 1.5,
        "taker_buy_usd": 5e4 + n,
        "taker_sell_usd": 4e4,
        "liq_long_usd": float(n * n * 37 % 101),
        "liq_short_usd": float(n * 53 % 97),
    }


def bars(end, count):
    """The *count* bars up to *end* of each pair; the first is the one that ended then."""
    last = int(end.timestamp()) // 300
    for place, (venue, base) in enumerate((v, b) for v in VENUES for b in BASES):
        for n in range(last - count, last):
            ts = datetime.fromtimestamp(300 * n, UTC)
            row = {**dict.fromkeys(FLOATS), **values(n, place), **keys(venue, base)}
            yield row | {"ts": ts, "snapshot_count": 10, "origin": "live"}


def snapshots(now, venues=VENUES):
    for place, (venue, base) in enumerate((v, b) for v in VENUES for b in BASES):
        row = values(int(now.timestamp()) // 300 - 1, place)
        row["price"] = row.pop("close")
        if venue in venues:
            yield row | keys(venue, base) | {"received_ts": now, "ls_ts": now - BAR}


def cycles(now):
    for venue in VENUES:
        for n in range(120):
            ended = now - n * CYCLE
            # okx answered nothing in its last four cycles.
            answered = 0 if venue == "okx" and n < 4 else 4
            row = {"venue": venue, "started_ts": ended - timedelta(seconds=5), "finished_ts": ended}
            streams = {
                "trades": {"state": "down", "since": None},
                "depth": {"state": "connecting", "since": str(ended - timedelta(minutes=6))},
                "liquidations": {"state": "connecting", "since": str(ended - CYCLE)},
            }
            counts = dict.fromkeys(("skipped", "refused", "requests"), 0)
            told = {"streams": json.dumps(streams) if venue == "okx" else None}
            yield {**row, **counts, **told, "asked": 4, "answered": answered}


def store(cursor, table, rows):
    plain = [
        {k: v.replace(tzinfo=None) if isinstance(v, datetime) else v for k, v in row.items()}
        for row in rows
    ]
    stored = schema.conform(table, pa.Table.from_pylist(plain))  # noqa: F841 - by its name
    cursor.execute(f"insert into {table} by name select * from stored")


@pytest.fixture
def cursor():
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for table in ("bars", "instruments", "snapshots", "cycles"):
            connection.execute(schema.definition(table).split(");")[0] + ");")
        store(connection, "bars", bars(NOW.replace(second=0), 2400))
        store(connection, "snapshots", snapshots(NOW - timedelta(seconds=10)))
        store(connection, "cycles", cycles(NOW - timedelta(seconds=10)))
        yield connection


def rules(*texts):
    content = "".join(f'[[rule]]\nname = "r{n}"\n{text}\n' for n, text in enumerate(texts))
    return read_rules(content.encode(), COLUMNS)


def of_all(per, timeframe):
    """A rule for every name that one about *per* may write without a timeframe behind it."""
    suffixes = tuple(f"_{name}" for name in TIMEFRAMES)
    names = [
        name for name, kind in COLUMNS[per].items()
        if kind == "number" and not name.endswith(suffixes)
    ]  # fmt: skip
    form = 'per = "{}"\ntimeframe = "{}"\nwhen = "{} > 0"'
    return rules(*(form.format(per, timeframe, name) for name in names))


def same(found, expected):
    np.testing.assert_allclose(
        found.to_numpy(float), expected.to_numpy(float), rtol=1e-12, equal_nan=True
    )


@pytest.mark.parametrize("timeframe", ["5m", "1h"])
def test_a_pair_has_the_values_of_overview(cursor, timeframe):
    """Those of its table, its curves and its signals, whatever they are asked with."""
    (frame,) = Frames(CYCLE).load(cursor, of_all("pair", timeframe), NOW).values()
    frame = frame.set_index(PAIR).sort_index()
    asked = {"now": NOW, "since": NOW - 3 * CYCLE}
    rows = query.fetch(cursor, "pairs", span_s=300, **asked)
    rows = quoted(rows, query.fetch(cursor, "pair_quotes", **asked)).set_index(PAIR).sort_index()
    for name in (
        *("price", "oi_usd", "oi_base", "funding_8h_pct", "funding_apr_pct", "ls_accounts"),
        *("book_imbalance_pct", "volume_24h_usd", "basis_pct", "spread_bps"),
    ):
        same(frame[name], rows[name])
    mark = NOW.replace(second=0)
    bounds = {"now": mark, "counted": bases(cursor, mark)}
    curves = pair_curves(load(cursor, METRICS, timeframe, bars=BARS, **bounds)).sort_index()
    for name in ("z_oi", "z_robust", "rsi_14", "band_pct"):
        same(frame[name], curves[name])
    thresholds = Thresholds()
    panel = fired.load_timeframes(cursor, thresholds, (timeframe,), **bounds)[timeframe]
    first, _, third, _, fifth, _ = tiers.tiers(panel, thresholds)
    seen = {
        **{name: cells[-1] for name, cells in first.seen.items()},
        **{name: cells[-1] for name, cells in third.seen.items()},
    }
    index = pd.MultiIndex.from_tuples([one[:2] for one in panel.instruments])
    for name, mine in {
        **dict.fromkeys(("oi_delta_pct", "price_delta_pct", "confluence")),
        "cvd_delta_usd": "cvd_usd",
    }.items():
        same(frame[mine or name], pd.Series(seen[name], index).sort_index())
    share = {(one.venue, one.base): n for n, one in enumerate(fifth.subjects)}
    columns = [share[one.venue, one.base] for one in panel.instruments]
    for name in ("oi_share_pct", "z_oi_share"):
        same(frame[name], pd.Series(fifth.seen[name][-1, columns], index).sort_index())
    hours = query.fetch(
        cursor, "liquidation_hours", now=mark, least_known=LEAST_KNOWN, venues=None, symbols=None,
        by_asset=False, counted_pairs=[], counted_names=[],
    ).set_index(PAIR).sort_index()  # fmt: skip
    same(frame["z_liquidations"], hours["z_liquidations"])
    assert frame["z_liquidations"].notna().all()


def test_assets_and_the_market_have_the_values_of_overview(cursor):
    frames = Frames(CYCLE).load(cursor, of_all("asset", "1h") + of_all("market", "1h"), NOW)
    asset, market = frames["asset", "1h"].set_index("base").sort_index(), frames["market", "1h"]
    asked = {"now": NOW, "since": NOW - 3 * CYCLE, "span_s": 300}
    rows = query.fetch(
        cursor, "assets", **asked, silent_before=NOW - 3 * CYCLE, is_past=False,
        least_known=LEAST_KNOWN, venues=None, symbols=None, counted_pairs=[], counted_names=[],
    ).set_index("base").sort_index()  # fmt: skip
    for name in ("price", "oi_usd", "funding_8h_pct", "venue_spread_pp", "ls_accounts"):
        same(asset[name], rows[name])
    mark = NOW.replace(second=0)
    panel = load(cursor, METRICS, "1h", now=mark, bars=BARS, counted=bases(cursor, mark))
    curves = pair_curves(by_asset(panel, {})).reset_index("venue", drop=True).sort_index()
    for name in ("z_oi", "rsi_14", "band_pct"):
        same(asset[name], curves[name])
    pairs = query.fetch(cursor, "pairs", **asked)
    for name, value in figures.market(pairs).items():
        same(market[name], pd.Series([value]))
    sums = panel.values["oi_usd"].sum(axis=1)
    same(market["oi_delta_pct"], pd.Series([100 * (sums[-1] / sums[-2] - 1)]))
    assert market["tier_2_bases"].tolist() == [0]


def test_assets_are_ranked_by_the_volume_of_overview(cursor):
    """Where a rule reads nothing else of snapshots, the volume is summed alone."""
    few = rules('per = "asset"\ntop = 2\nwhen = "z_oi > -99"')
    more = rules('per = "asset"\ntop = 2\nwhen = "z_oi > -99 and oi_usd > 0"')
    (alone,), (beside,) = (Frames(CYCLE).load(cursor, one, NOW).values() for one in (few, more))
    for name in ("volume_24h_usd", "z_oi"):
        same(*(frame.set_index("base")[name].sort_index() for frame in (alone, beside)))
    times = [frame.set_index("base")["volume_24h_usd_ts"].sort_index() for frame in (alone, beside)]
    assert times[0].tolist() == times[1].tolist()


def test_a_venue_has_the_state_of_its_data(cursor):
    cursor.execute(
        "update bars set oi_usd = 2 * oi_usd where venue = 'okx' and base in ('BTC', 'SOL') "
        "and ts = (select max(ts) from bars)"
    )
    (frame,) = Frames(CYCLE).load(cursor, of_all("venue", "5m"), NOW).values()
    found = frame[[name for name in frame if not name.endswith("_ts")]].set_index("venue")
    assert found.loc["binance", ["age_s", "coverage_pct"]].tolist() == [10, 100]
    assert np.isnan(found.loc["binance", "streams_down"])
    assert found.loc["okx"].to_dict() == pytest.approx(
        {"age_s": 130, "coverage_pct": 100 * 116 / 120, "streams_down": 2, "tier_5_bases_pct": 50}
    )


def test_the_funding_paid_last_is_that_of_the_period_before(cursor):
    """Payments are at 00, 08 and 16 UTC: it is what ran when the last of them was over."""
    active = rules('when = "funding_paid_8h_pct > 0"')
    for hour, paid in ((12, 8), (16, 16), (7, 0)):
        now = NOW.replace(hour=hour, second=0)
        store(cursor, "snapshots", snapshots(now))
        (frame,) = Frames(CYCLE).load(cursor, active, now).values()
        end = int(NOW.replace(hour=paid, minute=0, second=0).timestamp()) // 300
        if paid > 12:
            # No bar has ended then: neither it nor the two before.
            assert frame["funding_paid_8h_pct"].isna().all()
            continue
        expected = [100 * values(end - 1, place)["funding_rate"] for place in range(8)]
        assert sorted(frame["funding_paid_8h_pct"]) == pytest.approx(sorted(expected))
        assert set(frame["funding_paid_8h_pct_ts"]) == {NOW.replace(hour=paid, minute=0, second=0)}


def test_an_event_says_how_old_each_value_was(cursor):
    active = rules(
        'when = "oi_usd > 0 and z_oi > -99 and z_oi_1h > -99 and ls_accounts > 0"\ntop = 1'
    )
    frames = Frames(CYCLE).load(cursor, active, NOW)
    _, (event,) = run(active, frames, {}, NOW)
    assert event.key.subject.word == "binance BTC/USDT:USDT"
    assert event.base == "BTC"
    assert event.ages_s == {"oi_usd": 10, "z_oi": 20, "z_oi_1h": 20, "ls_accounts": 310}


def test_a_silent_pair_has_no_row_and_its_rules_are_unknown(cursor):
    active = rules('when = "oi_usd > 0"')
    frames = Frames(CYCLE)
    states, events = run(active, frames.load(cursor, active, NOW), {}, NOW)
    assert len(events) == 8
    later = NOW + 4 * CYCLE
    store(cursor, "snapshots", snapshots(later, ["binance"]))
    found = frames.load(cursor, active, later)
    assert set(found["pair", "5m"]["venue"]) == {"binance"}
    after, events = run(active, found, states, later)
    assert events == []
    assert after.keys() == states.keys()


def test_what_is_kept_is_never_older_than_what_a_first_read_finds(cursor):
    """Passes every 30 s over a mark at which bars come late, and over a backfill."""
    active = rules(
        'when = "z_oi > 0 and z_liquidations > 0 and rsi_14_1h > 0 and funding_paid_8h_pct > 0"',
        'per = "market"\ntimeframe = "15m"\nwhen = "oi_delta_pct > 0"',
    )
    cursor.execute("delete from bars where ts >= '2025-03-01 11:45' or ts < '2025-02-27'")
    kept, start = Frames(CYCLE), NOW.replace(hour=11, minute=49)
    for n in range(30):
        now = start + n * CYCLE
        store(cursor, "snapshots", snapshots(now))
        if n in (2, 12, 22):
            store(cursor, "bars", [b for b in bars(now, 1) if b["venue"] == "binance"])
        if n in (4, 13, 23):
            store(cursor, "bars", [b for b in bars(now, 1) if b["venue"] == "okx"])
        if n == 16:
            older = datetime(2025, 2, 27, tzinfo=UTC)
            store(cursor, "bars", bars(older, 300))
        found = kept.load(cursor, active, now, known_by=query.ANY_TIME)
        fresh = Frames(CYCLE).load(cursor, active, now, known_by=query.ANY_TIME)
        for which, frame in fresh.items():
            pd.testing.assert_frame_equal(found[which], frame)


def test_a_record_without_rows_gives_frames_without_rows(cursor):
    """As at a first start, or where no venue answers: every rule is unknown."""
    for table in ("bars", "snapshots", "cycles", "instruments"):
        cursor.execute(f"delete from {table}")
    active = [
        replace(rule, name=f"{rule.per} {n} {rule.timeframe}")
        for per in COLUMNS for n, rule in enumerate(of_all(per, "1h"))
    ] + [*read_rules(builtin(), COLUMNS)]  # fmt: skip
    frames = Frames(CYCLE).load(cursor, active, NOW)
    assert {which: len(frame) for which, frame in frames.items() if len(frame)} == {
        which: 1 for which in frames if which[0] == "market"
    }
    assert run(active, frames, {}, NOW) == ({}, [])
    assert replay(cursor, active, NOW, timedelta(hours=2)) == []
