"""What is known as of a time, row for row against pandas' own join as of a time."""

from __future__ import annotations

from datetime import UTC, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analytics import query
from analytics.lake.writer import Lake

NOON = pd.Timestamp("2026-03-01 12:00")
LOOK_BACK = pd.Timedelta(minutes=10)
PAIRS = [(venue, f"C{n}/USDT:USDT") for venue in ("binance", "okx") for n in range(8)]
STATED = ("price", "oi_usd", "volume_24h_usd", "ls_accounts")


@pytest.fixture(scope="module")
def heard():
    """Snapshots of an hour at uneven times, with holes in rows and in single values."""
    rng = np.random.default_rng(11)
    rows = []
    for venue, symbol in PAIRS:
        seconds = np.cumsum(rng.integers(5, 240, 60))
        frame = pd.DataFrame({"received_ts": NOON + pd.to_timedelta(seconds, "s")})
        frame = frame.assign(venue=venue, symbol=symbol, base=symbol.partition("/")[0])
        for name in STATED:
            values = 100 * rng.random(len(frame))
            frame[name] = np.where(rng.random(len(frame)) < 0.4, np.nan, values)
        rows.append(frame)
    return pd.concat(rows).sort_values("received_ts", ignore_index=True)


@pytest.fixture(scope="module")
def cursor(heard, tmp_path_factory):
    with Lake(tmp_path_factory.mktemp("lake")) as lake:
        table = pa.Table.from_pandas(heard, preserve_index=False)
        lake.append(("snapshots", table))
        with lake.cursor() as cursor:
            yield cursor


def as_of(heard: pd.DataFrame, now: pd.Timestamp, name: str) -> pd.DataFrame:
    """Return the newest *name* of every pair, and when it was heard, by ``merge_asof``."""
    asked = pd.DataFrame(PAIRS, columns=["venue", "symbol"]).assign(now=now)
    known = heard.dropna(subset=name)[["venue", "symbol", "received_ts", name]]
    return pd.merge_asof(
        asked.astype({"now": known["received_ts"].dtype}),
        known,
        left_on="now",
        right_on="received_ts",
        by=["venue", "symbol"],
        tolerance=LOOK_BACK - pd.Timedelta(milliseconds=1),
    ).set_index(["venue", "symbol"])


@pytest.mark.parametrize("minutes", [0.5, 4, 11, 25.25, 47, 59, 75, 300])
def test_the_newest_of_each_pair_is_what_pandas_joins(cursor, heard, minutes):
    """Each value is the newest known one, however old the pair's newest row is; none is later."""
    now = NOON + pd.Timedelta(minutes=minutes)
    aware = now.to_pydatetime().replace(tzinfo=UTC)

    pairs = query.fetch(
        cursor, "pairs", now=aware, since=aware - timedelta(minutes=10), span_s=300
    ).set_index(["venue", "symbol"])

    for name in STATED:
        expected = as_of(heard, now, name)
        found = pairs.reindex(expected.index)
        pd.testing.assert_series_equal(
            found[name].astype(float), expected[name].astype(float), check_exact=True
        )
        if f"{name}_ts" in pairs:
            times = pd.to_datetime(found[f"{name}_ts"], utc=True).dt.tz_localize(None)
            assert times.dropna().tolist() == expected["received_ts"].dropna().tolist()
    assert (
        len(pairs)
        == heard[heard["received_ts"].between(now - LOOK_BACK, now, inclusive="right")]
        .groupby(["venue", "symbol"])
        .ngroups
    )
