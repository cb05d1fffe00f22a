"""Links that ask for what there is not: a page says so, and never says again all of a long one."""

from __future__ import annotations

from datetime import timedelta

import pytest

BTC = "BTC/USDT:USDT"
LONG = "x" * 20_000
PAGES = (
    *(
        "overview",
        "market",
        "heatmap",
        "correlation",
        "exchanges",
        "alerts",
        "monitor",
        "studio",
        "health",
        "wallboard",
    ),
)
ASKED = (
    *("timeframe", "venues", "pairs", "z", "ls", "imbalance", "funding", "oi_delta"),
    *("venue", "symbol", "span", "panes", "asset", "find", "columns"),
)


@pytest.fixture
def market(record):
    for venue in ("binance", "okx"):
        record.snapshot(BTC, venue=venue, price=100.0, oi_usd=1e9)
        record.cycle(venue=venue)
        for nth in range(30):
            ended = record.noon.replace(minute=40) - nth * timedelta(minutes=5)
            record.bar(BTC, venue=venue, ended=ended, close=100.0 + nth, oi_usd=1e9)


def said(page):
    """Return all that a page says, but not what stands in its fields."""
    kinds = ("title", "subheader", "caption", "info", "warning", "error", "markdown", "metric")
    parts = [part for kind in kinds for part in page.get(kind)]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


@pytest.mark.parametrize("page", PAGES)
def test_a_long_value_is_not_said_again_whole(market, opened, page):
    shown = opened(f"app_pages/{page}.py", **dict.fromkeys(ASKED, LONG))
    text = said(shown)
    assert "x" * 61 not in text
    assert f"timeframe={'x' * 58} … is not available" in text
    assert f"z={'x' * 58} … is not valid; use a number from 0 to 20" in text
    assert f"Unknown venues: {'x' * 58} …" in text


@pytest.mark.parametrize(("asked", "why"), [(LONG, "is not a time"), ("1066-10-14" + " " * 9, "")])
def test_a_time_that_is_none_is_said_in_short(market, opened, asked, why):
    text = said(opened("app_pages/overview.py", at=asked))
    assert "x" * 61 not in text
    assert why in text


def test_market_says_in_short_what_it_does_not_know(market, opened):
    text = said(opened("app_pages/market.py", base=LONG))
    assert f"No data for base={'x' * 58} …. Choose an asset above." in text
    assert "x" * 61 not in text
