"""/api/history: the bars of a panel, of an asset or of one pair."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics.lake.reader import Reader
from analytics.market.by_asset import by_asset
from analytics.panels import panel
from analytics.panels.panel import METRICS, Only

AT = "2025-10-22T12:44:00Z"
NOW = datetime(2025, 10, 22, 12, 44, tzinfo=UTC)
BTC = "binance:BTC/USDT:USDT"


@pytest.mark.parametrize("subject", [BTC, "BTC"])
@pytest.mark.parametrize("timeframe", ["5m", "1h"])
async def test_bars_are_those_of_the_panel(market, record, client, subject, timeframe):
    """Every metric of every bar, as the charts of the pages are cut."""
    pair = ("binance", "BTC/USDT:USDT")
    only = Only(bases=("BTC",)) if subject == "BTC" else Only(instruments=(pair,))
    reader = Reader(record.folder)
    with reader.cursor() as cursor:
        mine = panel.load(
            cursor, METRICS, timeframe, now=NOW, bars=288 if timeframe == "5m" else 24, only=only
        )
    reader.close()
    mine = by_asset(mine, {}) if subject == "BTC" else mine
    asked = {"at": AT, "tf": timeframe, "metrics": ",".join(METRICS)}

    rows = (await client.get(f"/api/history/{subject}", params=asked)).json()["data"]

    theirs = pd.DataFrame(rows).set_index("ts")
    times = pd.to_datetime(theirs.index).tz_localize(None).to_numpy()
    assert list(times) == list(mine.times)
    assert len(times) == {"5m": 35, "1h": 3}[timeframe]
    for name in METRICS:
        cells = pd.Series(mine.values[name][:, 0])
        answered = pd.Series(theirs[name].to_numpy(float))
        pd.testing.assert_series_equal(answered, cells, check_names=False)


async def test_a_stretch_ends_and_begins_where_it_is_asked(market, client):
    """Bars that start at ``from`` or later, and are over by ``to``."""
    asked = {"from": "2025-10-22T11:01Z", "to": "2025-10-22T11:21Z", "columns": "ts,close"}
    rows = (await client.get(f"/api/history/{BTC}", params=asked)).json()["data"]
    begin = {"from": "2025-10-22T11:18Z", "to": "2025-10-22T11:21Z"}
    none = await client.get("/api/history/BTC", params=begin)
    arrow = {"Accept": "application/vnd.apache.arrow.stream"}

    assert [row["ts"][11:16] for row in rows] == ["11:05", "11:10", "11:15"]
    assert all(row["close"] > 100 for row in rows)
    assert none.json()["data"] == []
    assert (await client.get("/api/history/BTC", params=begin, headers=arrow)).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "parameter", "allowed"),
    [
        ("BTCC", 404, "subject", "one of BTC"),
        ("binance:BTC/USDT:USDTT", 404, "subject", "binance:BTC/USDT:USDT"),
        ("BTC?metrics=closs", 400, "metrics", "one of close"),
        ("BTC?tf=2m", 400, "tf", "must be '5m'"),
        ("BTC?from=yesterday", 400, "from", "must be a time in ISO 8601"),
        ("BTC?from_=2025-10-22T11:00Z", 400, "from_", "there is no such parameter"),
        ("BTC?from=2025-10-22T11:00Z&from=2025-10-22T12:00Z", 400, "from", "more than once"),
        (f"BTC?at={AT}&from=2025-10-22T13:00Z", 400, "from", "a time up to"),
        (f"BTC?at={AT}&from=2025-01-01T00:00Z", 400, "from", "at most 10,000 bars"),
    ],
)
async def test_a_wrong_question_is_named(market, client, path, status, parameter, allowed):
    answer = await client.get(f"/api/history/{path}")

    assert answer.status_code == status, answer.text
    (error,) = answer.json()["errors"]
    assert error["parameter"] == parameter
    assert allowed in error["allowed"]


async def test_nothing_later_than_the_asked_time_is_answered(market, client):
    """Though ``to`` is later; a bar is answered once it is over."""
    later = f"{NOW + timedelta(hours=3):%Y-%m-%dT%H:%MZ}"
    asked = {"at": "2025-10-22T12:00Z", "to": later}
    rows = (await client.get("/api/history/BTC", params=asked)).json()["data"]

    assert rows[-1]["ts"] == "2025-10-22T11:55:00.000Z"
