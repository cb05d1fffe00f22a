"""How often a threshold was exceeded, and thresholds of an asset's own past; both in SQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import duckdb
import numpy as np
import pandas as pd
import pytest

from analytics.indicators.change import delta_pct
from analytics.lake.attach import MACROS
from analytics.lake.schema import TABLES, definition
from analytics.panels.panel import Pair, Panel
from analytics.query import fetch
from analytics.signals.fired import latest_signals
from analytics.signals.thresholds import (
    PERCENTILES,
    Level,
    OwnLevels,
    Thresholds,
    marked_share_pct,
)
from analytics.signals.tiers import z_oi

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
BARS = 400


@pytest.fixture
def cursor():
    """A database with the real tables, empty."""
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for table in TABLES:
            connection.execute(definition(table).partition("alter table")[0])
        yield connection


def recorded(seed=1):
    """Bars of two bases on two venues, with holes; the calm base moves a tenth of the other."""
    rng = np.random.default_rng(seed)
    starts = [NOON - timedelta(minutes=5 * back) for back in range(BARS, 0, -1)]
    parts = []
    for base, scale in (("BTC", 0.001), ("PEPE", 0.01)):
        for venue in ("binance", "okx"):
            oi = 1e9 * np.exp(np.cumsum(rng.normal(0, scale, BARS)))
            oi[rng.random(BARS) < 0.06] = np.nan
            parts.append(
                pd.DataFrame(
                    {
                        "venue": venue,
                        "symbol": f"{base}/USDT:USDT",
                        "base": base,
                        "ts": starts,
                        "oi_usd": oi,
                        "ls_accounts": np.exp(rng.normal(0, 80 * scale, BARS)),
                        "book_imbalance": rng.normal(0, scale, BARS),
                        "funding_rate": rng.normal(0, scale / 10, BARS),
                        "funding_interval_h": 4.0,
                        "liq_long_usd": rng.exponential(1e5, BARS),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def values(frame):
    """What the pages compare with thresholds, from the tested functions. {level: (T, N)}"""
    panel = Panel.from_frame(frame, "5m", now=NOON)
    changes = delta_pct(panel.values["oi_usd"])
    ls_accounts = panel.values["ls_accounts"]
    return panel, {
        "z_oi": np.abs(z_oi(changes)),
        "oi_delta_pct": np.abs(changes),
        "ls_accounts": np.maximum(ls_accounts, 1 / ls_accounts),
        "book_imbalance_pct": np.abs(100 * panel.values["book_imbalance"]),
        "funding_8h_pct": np.abs(100 * panel.values["funding_rate"] * 2),
        "z_liquidations": flushes(panel.values["liq_long_usd"]),
    }


def flushes(liq_long_usd):
    """How far each whole hour before noon is above those before it, in its last bar. (T, N)"""
    first = BARS % 12
    hours = liq_long_usd[first:].reshape(-1, 12, liq_long_usd.shape[1]).sum(axis=1)
    found = np.full(liq_long_usd.shape, np.nan)
    for nth in range(20, len(hours)):
        before = hours[max(nth - 168, 0) : nth]
        middle = np.median(before, axis=0)
        mad = np.median(np.abs(before - middle), axis=0)
        found[first + 12 * nth + 11] = np.maximum((hours[nth] - middle) / (1.4826 * mad), 0)
    return found


def asked(cursor, frame, **params):
    """Return the query's rows of *frame*."""
    stored = frame.assign(ts=frame["ts"].dt.tz_localize(None), snapshot_count=10, origin="live")
    cursor.register("stored", stored)
    cursor.execute("insert into bars by name select * from stored")
    none = {"counted_pairs": [], "counted_names": []}
    spans = {"span_s": 30 * 86_400, "bar_ms": 300_000, "by_asset": False, "least_known": 0.75}
    return fetch(cursor, "threshold_values", now=NOON, **{**none, **spans, **params})


def test_the_share_that_a_threshold_marks_is_that_of_the_pages_own_figures(cursor):
    """To the pair-bar, for every quantity, where values are missing as well."""
    frame = recorded()
    rows = asked(cursor, frame)
    _, known = values(frame)

    for name, threshold in [
        *(("z_oi", 2.5), ("z_oi", 0.0), ("oi_delta_pct", 1.0), ("ls_accounts", 1.5)),
        *(("book_imbalance_pct", 0.25), ("funding_8h_pct", 0.03)),
        ("z_liquidations", 1.0),
    ]:
        sizes = known[name][np.isfinite(known[name])]
        expected = 100 * np.mean(np.round(sizes, 9) > threshold)
        assert marked_share_pct(rows, name, threshold) == pytest.approx(expected), name
    assert marked_share_pct(rows.iloc[:0], "z_oi", 2.5) is None


def test_only_the_bars_that_end_within_the_time_count(cursor):
    """Of an hour: twelve bars of each of four pairs; z looks further back."""
    frame = recorded()
    rows = asked(cursor, frame, span_s=3600)
    _, known = values(frame)

    counted = rows.groupby("name")["bars"].sum()
    assert counted["ls_accounts"] == 48
    assert counted["z_oi"] == np.isfinite(known["z_oi"][-12:]).sum()


def test_a_percentile_is_of_the_assets_own_past_over_its_venues(cursor):
    """The one that always moves is not unusual where the calm one is."""
    frame = recorded()
    rows = asked(cursor, frame, by_asset=True)
    panel, known = values(frame)

    own = OwnLevels.of(rows, dict.fromkeys(get_args(Level), 99.0))

    for base in ("BTC", "PEPE"):
        mine = [pair.base == base for pair in panel.instruments]
        for name in get_args(Level):
            expected = np.nanpercentile(known[name][:, mine], 99)
            assert own.values[name, base] == pytest.approx(expected), (base, name)
    wanted = rows[(rows["name"] == "oi_delta_pct") & (rows["base"] == "BTC")].iloc[0]
    mine = [pair.base == "BTC" for pair in panel.instruments]
    assert wanted["percentiles"].tolist() == pytest.approx(
        np.nanpercentile(known["oi_delta_pct"][:, mine], PERCENTILES).tolist()
    )


def test_what_is_counted_under_another_base_is_another_asset(cursor):
    """A share that is called as a coin is."""
    renamed = {"counted_pairs": ["okx PEPE/USDT:USDT"], "counted_names": ["PEPE (stock)"]}

    rows = asked(cursor, recorded(), by_asset=True, **renamed)

    assert set(rows["base"]) == {"BTC", "PEPE", "PEPE (stock)"}


def test_bars_of_an_hour_are_those_that_end_one(cursor):
    """And their changes are over an hour."""
    rows = asked(cursor, recorded(), bar_ms=3_600_000)
    panel, _ = values(recorded())

    hourly = panel.values["oi_usd"][panel.times.astype("datetime64[m]").astype(int) % 60 == 55]
    known = np.isfinite(delta_pct(hourly)).sum()
    assert rows.loc[rows["name"] == "oi_delta_pct", "bars"].sum() == known


def test_signals_compare_each_asset_with_its_own():
    """One move of 1.5 %: a signal of BTC, none of PEPE, and unknown of what has no past."""
    values = {
        "close": np.array([[100.0, 100.0, 100.0], [101.0, 101.0, 101.0]]),
        "oi_usd": np.array([[100.0, 100.0, 100.0], [101.5, 101.5, 101.5]]),
        "taker_buy_usd": np.full((2, 3), 2.0),
        "taker_sell_usd": np.full((2, 3), 1.0),
    }
    pairs = tuple(Pair("okx", f"{base}/USDT:USDT", base) for base in ("BTC", "NEW", "PEPE"))
    times = np.array(["2025-10-22T11:50", "2025-10-22T11:55"], "datetime64[ms]")
    panel = Panel(times, pairs, values, "5m", NOON)
    levels = {("oi_delta_pct", "BTC"): 1.0, ("oi_delta_pct", "PEPE"): 4.0}

    (one,) = latest_signals(panel, Thresholds(own=OwnLevels({"oi_delta_pct": 99.0}, levels)))

    assert (one.tier, one.base, one.thresholds) == (3, "BTC", {"oi_delta_pct": 1.0})


def test_the_thresholds_of_one_asset_are_plain_numbers():
    """As a chart draws them; nothing exceeds one that has no past."""
    past = {("z_oi", "BTC"): 3.1}
    own = Thresholds(own=OwnLevels({"z_oi": 99.0, "ls_accounts": 95.0}, past), oi_delta_pct=7.0)

    btc = own.of_base("BTC")

    assert btc.z_oi == 3.1
    assert btc.ls_accounts > 1e100
    assert btc.oi_delta_pct == 7.0
    assert own.of_bases("oi_delta_pct", ["BTC", "NEW"]) == 7.0
    assert own.written("oi_delta_pct") == "7.00 %"
    assert btc.own is None
    assert own.written("z_oi") == "99th percentile of its own 30 days"
    assert Thresholds().written("funding_8h_pct") == "0.0300 %"


def test_the_standard_does_not_mark_what_funding_rests_at():
    """0.01 % per 8 h is what most instruments pay most of the time, whatever the interval."""
    assert Thresholds().funding_8h_pct > 0.01
