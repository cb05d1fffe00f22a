"""The API as it is mounted beside the pages, on a lake that a test fills."""

from __future__ import annotations

import httpx
import pytest
import streamlit as st

from dashboard.api.application import application
from dashboard.server.api_mount import ApiMount


@pytest.fixture
def mounted(record):
    """A function that returns a client of the API, with *limits* of its own where given."""

    def client(limits=None, **options):
        mount = ApiMount(page)
        mount._api = application(limits)
        transport = httpx.ASGITransport(mount, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8501", **options)

    yield client
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def client(mounted):
    """A client of the API of a dashboard on loopback."""
    return mounted()


async def page(scope, receive, send):
    """Stand where Streamlit answers."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})
