"""Who may ask the API: loopback, and beyond it whoever knows the token."""

from __future__ import annotations

import httpx
import pytest

from dashboard.api.access import Access
from dashboard.api.limits import Rate
from dashboard.loaders.source import settings
from tests.dashboard.api.conftest import page

TOKEN = "sixteen letters!"
PROXY = {"Host": "perps.example.org"}


@pytest.mark.parametrize(
    ("headers", "closed", "status"),
    [
        ({}, True, 200),
        ({"Origin": "http://127.0.0.1:8501"}, True, 200),
        ({"Origin": "https://evil.example"}, True, 403),
        (PROXY, True, 403),
        ({"X-Forwarded-For": "10.0.0.1"}, True, 403),
        (PROXY, False, 401),
        ({**PROXY, "Authorization": "Bearer wrong"}, False, 401),
        ({**PROXY, "Authorization": f"Basic {TOKEN}"}, False, 401),
        ({**PROXY, "Authorization": f"Bearer {TOKEN}"}, False, 200),
    ],
)
async def test_beyond_loopback_only_with_the_token(mounted, monkeypatch, headers, closed, status):
    if not closed:
        monkeypatch.setenv("PERPSCOPE_TOKEN", TOKEN)
        settings.cache_clear()

    answer = await mounted().get("/api/openapi.json", headers=headers)

    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_with_the_token_so_many_requests_and_no_more():
    """Each program beyond loopback; on this machine nothing is counted."""
    access = Access(page, TOKEN, Rate(per_s=0.001, burst=2))
    transport = httpx.ASGITransport(access)
    headers = {**PROXY, "Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answers = [await client.get("/metrics", headers=headers) for _ in range(3)]
        here = await client.get("/metrics")

    assert [answer.status_code for answer in (*answers, here)] == [204, 204, 429, 204]
    assert 900 < int(answers[2].headers["retry-after"]) <= 1000
    assert answers[2].json()["status"] == 429


async def test_a_token_in_an_address_is_refused_and_not_said_again(client):
    answer = await client.get("/api/metrics", params={"token": TOKEN})

    assert answer.status_code == 400
    assert TOKEN not in answer.text
