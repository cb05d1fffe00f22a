"""/api/query/{name}: what the named query answers, in the words of HTTP."""

from __future__ import annotations

import io
import json
from datetime import datetime

import pytest

from analytics import query
from analytics.cli import query_cli
from tests.analytics.test_one_clock import QUERIES

AT = "2025-10-22T12:44:00.000Z"


def written(value):
    """Write a parameter as people do."""
    if isinstance(value, list):
        return f"[{','.join(map(str, value))}]"
    if isinstance(value, datetime):
        return query_cli.utc_text(value)
    return "" if value is None else str(value).lower()


async def test_every_query_answers_what_the_command_does(market, record, client):
    """At a time, of a lake in which most of them find something."""
    found = 0
    for name, given in QUERIES.items():
        asked = {key: written(value) for key, value in given(record.noon).items()}
        own = {key: value for key, value in asked.items() if key not in ("now", "known_by")}
        out = io.StringIO()
        texts = [f"{key}={value}" for key, value in own.items()]
        query_cli.ask(record.folder, name, [f"now={AT}", *texts], "json", out, wall=record.noon)
        free = {key: value for key, value in own.items() if key not in OF_THE_RECORD}

        answer = await client.get(f"/api/query/{name}", params={"at": AT, **free})

        assert answer.status_code == 200, (name, answer.text)
        assert answer.json()["data"] == json.loads(out.getvalue()), name
        found += bool(answer.json()["data"])
    assert found > 15


OF_THE_RECORD = ("counted_pairs", "counted_names", "is_past")


async def test_what_need_not_be_given_is_of_the_time(market, client):
    """``since`` is a few minutes before it, a list that is left out is of all, and one is a,b."""
    plain = await client.get("/api/query/pairs", params={"at": AT, "span_s": "300"})
    fresh = {"at": AT, "earliest": "24h", "venues": "okx,bybit"}
    listed = await client.get("/api/query/freshness", params=fresh)
    picked = await client.get("/api/query/known_pairs", params={"columns": "symbol,venue"})

    assert len(plain.json()["data"]) == 3
    assert listed.status_code == 200, listed.text
    assert {row["venue"] for row in listed.json()["data"]} == {"okx"}
    assert picked.json()["data"][0] == {"symbol": "BTC/USDT:USDT", "venue": "binance"}


@pytest.mark.parametrize(
    ("path", "status", "parameter", "allowed"),
    [
        ("pears?span_s=300", 404, "name", "one of pairs"),
        ("pairs", 400, "span_s", "given; it is a whole number"),
        ("pairs?span_s=1.5", 400, "span_s", "a whole number"),
        ("pairs?span_s=300&since=x", 400, "since", "or a span before now such as 24h"),
        ("pairs?span_s=300&spam=1", 400, "spam", "which has since, span_s"),
        ("pairs?span_s=300&now=2025-10-22T12:00Z", 400, "now", "a parameter of pairs"),
        ("pairs?span_s=300&span_s=600", 400, "span_s", "given more than once"),
        ("pairs?span_s=300&columns=prise", 400, "columns", "one of price"),
        (f"lake_info?at={AT}", 400, "at", "which knows the newest state alone"),
    ],
)
async def test_a_wrong_question_is_named(market, client, path, status, parameter, allowed):
    answer = await client.get(f"/api/query/{path}")

    assert answer.status_code == status, answer.text
    (error,) = answer.json()["errors"]
    assert error["parameter"] == parameter
    assert allowed in error["allowed"]


async def test_too_many_rows_are_refused(market, client, monkeypatch):
    monkeypatch.setattr("dashboard.api.named_queries.MOST_ROWS", 2)

    answer = await client.get("/api/query/known_pairs")

    assert answer.status_code == 400
    assert answer.json()["detail"] == "known_pairs: more than 2 rows; ask for less"


async def test_queries_are_listed_with_what_can_be_given(market, client):
    rows = {row["name"]: row for row in (await client.get("/api/queries")).json()["data"]}

    assert {*rows} == {*query.NAMES}
    assert "span_s: a whole number" in rows["pairs"]["parameters"]
    assert not any(one.startswith("now:") for row in rows.values() for one in row["parameters"])
    assert rows["venue_cycles"]["answers"].startswith("Each venue's newest cycle of the day")
