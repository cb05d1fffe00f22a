"""/api/metrics: by the functions of the page, and as HTTP says."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pandas as pd
import pyarrow as pa
import pytest
from fastapi import FastAPI

from analytics.quantities import QUANTITIES
from dashboard.api.application import openapi
from dashboard.api.kept_answers import KeptAnswers
from dashboard.api.problems import answer_problems
from dashboard.loaders.rows import COVERAGE
from dashboard.overview.column_layout import COLUMNS

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
AT = "2025-10-22T12:44:00.000Z"


async def test_figures_are_those_of_the_page(market, app, client):
    """Each number of Overview's table, at the same time."""
    wanted = [one for one in COLUMNS if one.rows is None and not one.curve_of]
    app.query_params.update(rows="pairs", at=AT, columns=[one.label for one in wanted])
    app.run()
    (table,) = [one.value for one in app.dataframe]
    answer = (await client.get("/api/metrics", params={"at": AT})).json()

    assert (answer["as_of"], answer["mode"], len(answer["data"])) == (AT, "asked", 3)
    rows = {(row["symbol"], row["venue"]): row for row in answer["data"]}
    same = [one.name for one in wanted if one.name in rows[BTC, "binance"] and one.name in table]
    assert {"price", "oi_delta_pct", "basis_pct", "rsi_14", *COVERAGE} < {*same}
    assert {*order(table)} == {*rows}
    for name in same:
        if name in QUANTITIES and QUANTITIES[name].kind == "text":
            continue
        mine = pd.Series([rows[key][name] for key in order(table)], dtype=float)
        theirs = pd.Series(table[name].to_numpy(float))
        pd.testing.assert_series_equal(mine, theirs, rtol=1e-6, check_names=False)


def order(table):
    """Return symbol and venue of each row of the page."""
    for name in table["pair"]:
        pair, venue = name.rsplit(" ", 1)
        yield f"{pair}:USDT", venue.lower()


async def test_part_of_the_pairs_says_which(market, client):
    """By the URL it is a page of its own, by a Range header part of one: RFC 9110."""
    first = await client.get("/api/metrics", params={"limit": 2, "columns": "symbol,venue"})
    later = await client.get(first.links["next"]["url"])
    ranged = await client.get("/api/metrics", headers={"Range": "pairs=1-"})
    beyond = await client.get("/api/metrics", headers={"Range": "pairs=3-4"})
    other = await client.get("/api/metrics", headers={"Range": "bytes=0-1"})
    past = await client.get("/api/metrics", params={"offset": 9})

    assert (first.status_code, first.headers["content-range"]) == (200, "pairs 0-1/3")
    assert (later.status_code, later.headers["content-range"]) == (200, "pairs 2-2/3")
    assert later.json()["data"] == [{"symbol": ETH, "venue": "binance"}]
    assert (await client.get(later.links["prev"]["url"])).json() == first.json()
    assert (ranged.status_code, ranged.headers["content-range"]) == (206, "pairs 1-2/3")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "pairs */3")
    assert (other.status_code, len(other.json()["data"])) == (200, 3)
    assert (past.json()["data"], past.headers["content-range"]) == ([], "pairs */3")


async def test_rows_are_selected_and_sorted_with_what_is_absent_last(market, client):
    async def symbols(**asked):
        rows = (await client.get("/api/metrics", params=asked)).json()["data"]
        return [f"{row['venue']} {row['symbol'][:3]}" for row in rows]

    assert await symbols(sort="ls_accounts", order="asc") == [
        "binance BTC",
        "okx ETH",
        "binance ETH",
    ]
    assert await symbols(sort="price") == ["binance BTC", "binance ETH", "okx ETH"]
    assert await symbols(venue="okx") == ["okx ETH"]
    assert await symbols(base="ETH", venue=["okx,binance"]) == ["okx ETH", "binance ETH"]
    assert await symbols(pair=BTC) == ["binance BTC"]


@pytest.mark.parametrize(
    ("asked", "parameter", "allowed"),
    [
        ("tf=2m", "tf", "must be '5m', '15m', '30m', '1h', '4h' or '1d'"),
        ("limit=0", "limit", "must be greater than or equal to 1"),
        ("limit=1001", "limit", "must be less than or equal to 1000"),
        ("offset=x", "offset", "must be a valid integer"),
        ("limt=3", "limt", "there is no such parameter here"),
        ("venue=okex", "venue", "one of okx"),
        ("columns=prise", "columns", "one of price, price_ts"),
        ("sort=data", "sort", "one of"),
        ("at=2025-10-22", "at", "must be a time in ISO 8601"),
        ("at=2099-01-01T00:00Z", "at", "a time of the record, up to now"),
        ("at=1969-01-01T00:00Z", "at", "must be a time since 1970"),
        ("tf=5m&tf=1h", "tf", "given more than once"),
    ],
)
async def test_a_wrong_parameter_is_named_with_what_is_allowed(
    market, client, asked, parameter, allowed
):
    """As a problem of RFC 9457; nothing that is not understood is passed over."""
    answer = await client.get(f"/api/metrics?{asked}")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert error["parameter"] == parameter
    assert allowed in error["allowed"]
    assert error["value"][:4] in asked.replace("&tf=", ", ") or parameter == "at"


async def test_other_failures_are_problems_too(client, market):
    missing = await client.get("/api/nowhere")
    posted = await client.post("/api/metrics")
    picture = await client.get("/api/metrics", headers={"Accept": "image/png"})

    assert [one.status_code for one in (missing, posted, picture)] == [404, 405, 406]
    assert all(one.json()["status"] == one.status_code for one in (missing, posted, picture))
    assert posted.headers["allow"] == "GET, HEAD"
    assert "text/csv" in picture.json()["detail"]


async def test_an_empty_lake_is_no_bug(client):
    answer = await client.get("/api/metrics")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["detail"] == "nothing is recorded yet: start the collector"


@pytest.mark.parametrize("path", ["/api/metrics", "/api/assets"])
async def test_before_the_record_there_is_nothing(market, client, path):
    answer = await client.get(path, params={"at": "2000-01-01T00:00Z"})

    assert (answer.status_code, answer.json()["data"]) == (200, [])


async def test_a_bug_is_a_problem_too():
    """Starlette answers and then raises on what went wrong."""
    app = FastAPI()
    answer_problems(app)
    app.add_api_route("/x", lambda: 1 // 0)
    transport = httpx.ASGITransport(KeptAnswers(app, lambda: 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/x")

    assert (answer.status_code, answer.json()["status"]) == (500, 500)


async def test_formats_say_the_same(market, client):
    """JSON, CSV and Arrow by Accept; absent is absent in each, times have a zone."""
    asked = {"columns": "symbol,price,ls_accounts,received_ts,from_bar"}
    plain = (await client.get("/api/metrics", params=asked)).json()["data"]
    csv = await client.get("/api/metrics", params=asked, headers={"Accept": "text/csv"})
    arrow = await client.get(
        "/api/metrics", params=asked, headers={"Accept": "application/vnd.apache.arrow.stream"}
    )
    milliseconds = (await client.get("/api/metrics", params={**asked, "times": "ms"})).json()

    assert plain[0] == {
        "symbol": BTC,
        "price": 101.0,
        "ls_accounts": 2.5,
        "received_ts": AT,
        "from_bar": False,
    }
    assert [row["ls_accounts"] for row in plain] == [2.5, None, None]
    table = pa.ipc.open_stream(arrow.content).read_all()
    assert table.schema.field("received_ts").type == pa.timestamp("ms", "UTC")
    assert table.schema.field("price").metadata == {b"unit": b"quote currency"}
    assert table.schema.metadata[b"as_of"] == AT.encode()
    for row, one in zip(table.to_pylist(), plain, strict=True):
        assert {**row, "received_ts": AT} == one
    assert csv.text.splitlines()[1:] == [
        f'"{row["symbol"]}",{row["price"]:g},{row["ls_accounts"] or ""},"{AT}",false'
        for row in plain
    ]
    assert milliseconds["data"][0]["received_ts"] == milliseconds["as_of"] == 1761137040000


async def test_an_answer_is_kept_until_the_next_publish(market, record, client):
    """One body for all of them, known by its ETag; then a new one."""
    first = await client.get("/api/metrics")
    again = await client.get("/api/metrics")
    known = await client.get("/api/metrics", headers={"If-None-Match": first.headers["etag"]})
    plain = await client.get("/api/metrics", headers={"Accept-Encoding": "identity"})
    head = await client.head("/api/metrics")
    record.rows.clear()
    record.snapshot(BTC, price=105.0, at=record.noon + timedelta(seconds=30))
    record.cycle(at=record.noon + timedelta(seconds=30))
    record.publish()
    later = await client.get("/api/metrics", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["content-encoding"] == "gzip"
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
    assert (known.status_code, known.content) == (304, b"")
    assert known.headers["etag"] == first.headers["etag"]
    assert plain.json() == first.json()
    assert plain.headers["etag"] != first.headers["etag"]
    assert (head.content, head.headers["etag"]) == (b"", first.headers["etag"])
    assert later.status_code == 200
    assert later.json()["data"][0]["price"] == 105.0


async def test_a_past_answer_is_immutable(market, client):
    """What was received by then is published; what is received later is not in it."""
    past = await client.get("/api/metrics", params={"at": AT})
    now = await client.get("/api/metrics")

    assert past.headers["cache-control"] == "private, immutable, max-age=31536000"
    assert now.headers["cache-control"] == "private, no-cache"


def test_the_document_is_the_one_that_is_checked_in():
    """If this fails: perpscope openapi > docs/openapi.json."""
    kept = Path(__file__).parents[3] / "docs" / "openapi.json"

    assert json.loads(kept.read_text()) == openapi()


def test_every_column_says_its_unit():
    """From the one table of quantities."""
    paths = openapi()["paths"]
    schema = paths["/metrics"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    columns = schema["properties"]["data"]["items"]["properties"]

    assert columns["oi_usd"]["description"] == "Open interest [USD]"
    assert columns["oi_usd_then"]["description"] == "Open interest before its change [USD]"
    assert columns["oi_usd_ts"]["description"] == "Time of open interest [UTC]"


async def test_documents_need_no_other_host(client):
    page = (await client.get("/api/docs")).text

    assert "http" not in page.replace("http-equiv", "")
    for path in ("/api/docs-files/swagger-ui-bundle.js", "/api/openapi.json"):
        assert path in page
        assert (await client.get(path)).status_code == 200
