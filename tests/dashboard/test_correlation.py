"""Correlation: the figures of the bars, and a sentence for whatever cannot be correlated."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import numpy as np
import pytest

from analytics.correlation.view import SUBJECTS
from dashboard.components.time_range import (
    CORRELATION_MAX_BARS,
    CORRELATION_SPANS,
    correlation_range,
)
from tests.dashboard.test_heatmap import figure, text

PAGE = "app_pages/correlation.py"
COUNT = 90


def walk(seed, like=None):
    """A price by bar; *like* another one, it nearly follows that."""
    steps = np.random.default_rng(seed).normal(size=COUNT)
    if like is not None:
        steps = np.append(0, np.diff(np.log(like))) * 100 + 0.1 * steps
    return (100 * np.exp(np.cumsum(steps) / 100)).tolist()


def bars(record, symbol, close, venue="binance", **values):
    for n, price in enumerate(close):
        ended = record.noon - timedelta(minutes=4 + 5 * (len(close) - 1 - n))
        given = {"close": price, "oi_base": price, "volume_24h_usd": 1e6, **values}
        record.bar(symbol, venue=venue, ended=ended, **given)
    record.snapshot(symbol, venue=venue, price=100.0)


@pytest.fixture
def page(opened):
    """Publishes the record and opens the page, of pairs unless its URL asks for another one."""
    return partial(opened, PAGE, rows="pairs")


def three(record):
    """Two venues of BTC that move alike, and ETH on its own; the largest first."""
    price = walk(1)
    bars(record, "BTC/USDT:USDT", price, volume_24h_usd=3e6)
    bars(record, "BTC/USDT:USDT", walk(2, like=price), venue="okx", volume_24h_usd=2e6)
    bars(record, "ETH/USDT:USDT", walk(3))


@pytest.mark.parametrize("method", ["Pearson", "Spearman"])
def test_alike_pairs_stand_side_by_side(page, record, method):
    three(record)

    (trace,) = figure(page(corr_method=method)).data
    r = dict(zip(trace.y, map(list, trace.z), strict=True))

    assert abs(list(trace.y).index("BTC Binance") - list(trace.y).index("BTC OKX")) == 1
    assert r["BTC Binance"][list(trace.x).index("BTC OKX")] > 0.9
    assert abs(r["ETH Binance"][list(trace.x).index("BTC OKX")]) < 0.5


def test_the_two_largest_are_shown_over_time(page, record):
    three(record)

    app = page()

    assert "Price of BTC Binance and Price of BTC OKX: r over the last 22 5m bars" in text(app)
    assert f"{COUNT - 1} of 288 bars in common" in text(app)


def test_two_other_pairs_can_be_asked_for_in_the_link(page, record):
    three(record)

    app = page(corr_first="ETH Binance", corr_second="BTC OKX")

    assert "Price of ETH Binance and Price of BTC OKX" in text(app)


def test_who_leads_is_drawn_with_what_chance_would_give(page, record):
    """What okx says now, binance said two bars ago."""
    price = walk(1)
    bars(record, "BTC/USDT:USDT", price)
    bars(record, "BTC/USDT:USDT", price[:1] * 2 + price[:-2], venue="okx")

    app = page()
    leads = [list(row) for row in figure(app, 2).data[0].text]

    assert leads[0][1].startswith("leads by 2")
    assert leads[1][0].startswith("follows by 2")
    assert "in 95 % of 500 shuffles" in text(app)


def test_one_venue_has_nobody_to_lead(page, record):
    bars(record, "BTC/USDT:USDT", walk(1))
    bars(record, "ETH/USDT:USDT", walk(2))

    assert "None of these assets is listed on two venues" in text(page())


def test_a_young_record_says_what_it_lacks(page, record):
    bars(record, "BTC/USDT:USDT", walk(1)[:10])
    bars(record, "BTC/USDT:USDT", walk(2)[:10], venue="okx")

    app = page()

    assert not app.get("plotly_chart")
    assert "No two of these pairs share 20 5m bars in the last 24 h" in text(app)
    assert "9 of 288 bars in common; at least 20 needed." in text(app)
    assert "history too short, or too few venues" in text(app)


def test_a_pair_that_never_moves_is_left_out_by_name(page, record):
    three(record)
    bars(record, "USDC/USDT:USDT", [1.0] * COUNT)

    app = page()

    assert "or no change): USDC Binance" in text(app)
    assert len(figure(app).data[0].y) == 3


def test_one_pair_is_a_sentence(page, record):
    bars(record, "BTC/USDT:USDT", walk(1))

    assert "No two of these pairs" in text(page())


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_is_drawn_or_explained(page, record, subject):
    """Here nobody tells the open interest in coins."""
    price = walk(1)
    bars(record, "BTC/USDT:USDT", price, oi_base=None)
    bars(record, "ETH/USDT:USDT", walk(2), oi_base=None)

    app = page(corr_of=SUBJECTS[subject].title)

    assert app.get("plotly_chart") or "No two of these pairs" in text(app)


def test_an_empty_lake_says_what_to_do(app):
    app.switch_page(PAGE).run()

    assert not app.exception
    assert "perpscope up" in text(app)


def test_a_record_without_bars_says_when_there_will_be_some(page, record):
    record.snapshot("BTC/USDT:USDT", price=1.0)

    assert "Bars close every five minutes" in text(page())


def test_offers_files(page, record):
    three(record)

    app = page()

    assert app.selectbox(key="export_correlation_table").options == ["Matrix", "Rolling", "Leads"]
    assert "PDF report" in [button.label for button in app.get("download_button")]


@pytest.mark.parametrize("span", CORRELATION_SPANS)
@pytest.mark.parametrize("timeframe", ["5m", "15m", "30m", "1h", "4h", "1d"])
def test_every_window_has_bars_enough_and_not_too_many(span, timeframe):
    found = correlation_range(span, timeframe)

    assert 20 <= found.bars <= CORRELATION_MAX_BARS
    assert (found.note is None) == (found.timeframe == timeframe)


def test_says_why_the_bars_are_others(page, record):
    three(record)

    app = page(timeframe="1d")

    assert "Shown in 1h bars: 24 h in 1d bars would be 1 bar, too few to correlate." in text(app)


def test_at_first_assets_are_compared(opened, record):
    """BTC once, by its price over venues; and its venues for lead-lag."""
    three(record)

    app = opened(PAGE)

    assert sorted(figure(app).data[0].y) == ["BTC", "ETH"]
    assert "top 2 assets of 2 by 24 h volume" in text(app)
    assert app.selectbox(key="corr_first").label == "First asset"
    assert app.selectbox(key="corr_base").options == ["BTC"]
    assert "Price of BTC and Price of ETH: r over" in text(app)


def test_without_a_lead_beyond_chance_there_is_only_a_sentence(page, record):
    """Venues that move in the same bar: three lines on each other say nothing."""
    three(record)

    app = page()

    assert "No lead exceeds chance: the venues of BTC move within one 5m bar" in text(app)
    assert len(app.get("plotly_chart")) == 2
