"""/api/venues, /api/gaps, /api/quality and /api/health: what the page Health says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics.lake.clock import LakeClock
from analytics.lake.reader import Reader
from analytics.quality import checks

AT = "2025-10-22T12:44:00Z"
MARK = datetime(2025, 10, 22, 12, 40, tzinfo=UTC)
BTC = "BTC/USDT:USDT"


async def test_venues_are_those_of_the_page(market, app, client):
    """Each number of its table, at the same time."""
    app.query_params.update(at=AT)
    app.switch_page("app_pages/health.py").run()
    page = app.dataframe[0].value.set_index("venue")
    rows = (await client.get("/api/venues", params={"at": AT})).json()["data"]

    theirs = pd.DataFrame(rows).set_index("venue")
    assert [*theirs.index] == list(page.index) == ["binance", "okx"]
    same = [name for name in page if name in theirs]
    assert {"state", "age_s", "latency_1h_ms", "answered_1h_pct"} < {*same}
    for name in same:
        assert theirs[name].tolist() == page[name].tolist(), name


async def test_gaps_and_quality_are_those_of_the_page(record, client):
    for symbol in (BTC, "ETH/USDT:USDT"):
        record.instrument(symbol)
    for minutes in (0, 5, 20, 25, 60):
        record.bar(BTC, ended=MARK - timedelta(minutes=minutes), close=1.0, oi_usd=2.0)
    record.snapshot(BTC, price=1.0)
    record.publish()
    reader = Reader(record.folder)
    with reader.cursor() as cursor:
        day = {"now": MARK, "span": timedelta(days=1)}
        gaps, coverage = checks.gaps(cursor, **day), checks.coverage(cursor, **day)
    reader.close()

    answer = await client.get("/api/gaps", params={"at": AT, "limit": 1000})
    shares = await client.get("/api/quality", params={"at": AT, "limit": 1000})
    of_one = await client.get("/api/quality", params={"at": AT, "venue": "binance"})

    assert len(gaps) > 3
    plain = [(row["symbol"], row["metric"], row["bars"]) for row in answer.json()["data"]]
    assert plain == [*zip(gaps["symbol"], gaps["metric"], gaps["bars"], strict=True)]
    assert [row["coverage_pct"] for row in shares.json()["data"]] == [*coverage["coverage_pct"]]
    assert {row["venue"] for row in of_one.json()["data"]} == {"binance"}


@pytest.mark.parametrize("path", ["gaps?venue=okex", "quality?venue=okex", "venues?limit=1"])
async def test_a_wrong_question_is_named(market, client, path):
    answer = await client.get(f"/api/{path}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] in path


async def test_health_says_how_old_the_record_is(record, client):
    """200 while the collector publishes; 503 with the reason once it does not."""
    absent = await client.get("/api/health")
    for minutes in (2, 1, 0):
        record.cycle(at=record.noon - timedelta(minutes=minutes))
    record.snapshot(BTC, price=1.0)
    record.publish(clock=LakeClock(record.noon, 0.0, record.noon).as_json())
    fine = await client.get("/api/health")

    assert (absent.status_code, absent.headers["retry-after"]) == (503, "30")
    assert fine.status_code == 200, fine.text
    body = fine.json()
    assert (body["status"], body["origin"], body["uptime_s"]) == ("ok", "live", 120)
    assert (body["as_of"][11:16], body["collecting_since"][11:16]) == ("12:44", "12:42")
    (venue,) = body["venues"]
    assert (venue["venue"], venue["state"], venue["requests"]) == ("binance", "complete", 3)
    assert (fine.headers["cache-control"], "etag" in fine.headers) == ("no-store", False)


async def test_health_of_a_stopped_collector_is_503_with_the_reason(market, client):
    answer = await client.get("/api/health")
    wrong = await client.get("/api/health?at=1")

    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("nothing new since 2025-10-22 12:44")
    assert (wrong.status_code, wrong.json()["errors"][0]["parameter"]) == (400, "at")
