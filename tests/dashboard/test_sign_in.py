"""Pages are for whoever has signed in, where secrets.toml names a provider."""

from __future__ import annotations

from streamlit.runtime.secrets import secrets_singleton


def test_nothing_is_shown_before(opened, record, monkeypatch):
    """Nor is it read; without a provider everybody sees the page."""
    record.snapshot("BTC/USDT:USDT", price=100.0, oi_usd=1e9)
    page = opened("app_pages/overview.py")
    assert page.dataframe

    monkeypatch.setattr(secrets_singleton, "_secrets", {"auth": {"client_id": "perpscope"}})
    page.run()

    assert [button.label for button in page.button] == ["Sign in"]
    assert not page.dataframe
    assert not page.sidebar.children
    assert not page.exception
