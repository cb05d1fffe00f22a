"""A pair's signals in history: its own, with what is usual on its venue, and no others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.panels.panel import Panel
from analytics.signals.of_pair import FUNDING, pair_signals
from analytics.signals.thresholds import Thresholds

NOW = datetime(2025, 10, 22, 12, tzinfo=UTC)
BARS = 60
VENUES = ("binance", "okx")


def frame(columns):
    """Sixty bars of every instrument of *columns*: {(venue, base): {metric: values}}."""
    parts = []
    for (venue, base), metrics in columns.items():
        starts = [NOW - timedelta(minutes=5 * back) for back in range(BARS, 0, -1)]
        key = {"venue": venue, "symbol": f"{base}/USDT:USDT", "base": base, "ts": starts}
        parts.append(pd.DataFrame({**key, **metrics}))
    return pd.concat(parts, ignore_index=True)


def panel(columns):
    return Panel.from_frame(frame(columns), "5m", now=NOW)


@pytest.fixture
def btc():
    """Open interest that wavers, and leaps in the last bar but two on binance alone."""
    rng = np.random.default_rng(3)
    wavering, leaping = 1e9 * (1 + rng.normal(0, 0.0005, (2, BARS)))
    leaping[-3:] *= 1.2
    return {("binance", "BTC"): {"oi_usd": leaping}, ("okx", "BTC"): {"oi_usd": wavering}}


def test_a_pairs_signals_are_its_own_and_its_venues(btc):
    """Tier 1 of the instrument, tier 5 of its venue's part; nothing of the other venue."""
    whole = panel(btc)

    of_one = pair_signals(whole, None, ("binance", "BTC/USDT:USDT"), 30, Thresholds())
    of_all = pair_signals(whole, None, None, 30, Thresholds())

    leap = NOW - timedelta(minutes=15)
    assert leap in [signal.ts for signal in of_one if signal.tier == 1]
    assert leap in [signal.ts for signal in of_one if signal.tier == 5]
    assert {signal.venue for signal in of_one} == {"binance"}
    assert {signal.venue for signal in of_all} == {"binance", "okx"}


def test_another_contract_of_the_same_base_and_venue_is_another_pair(btc):
    """What leaps in USDC is no signal of USDT."""
    calm = frame({("binance", "BTC"): btc["okx", "BTC"]})
    leaping = frame({("binance", "BTC"): btc["binance", "BTC"]})
    both = pd.concat([calm, leaping.assign(symbol="BTC/USDC:USDC")], ignore_index=True)
    whole = Panel.from_frame(both, "5m", now=NOW)

    found = pair_signals(whole, None, ("binance", "BTC/USDT:USDT"), 30, Thresholds())

    assert {signal.symbol for signal in found if signal.tier == 1} <= {"BTC/USDT:USDT"}
    leap = NOW - timedelta(minutes=15)
    assert leap not in [signal.ts for signal in found if signal.tier == 1]


def test_signals_before_the_stretch_are_left_out(btc):
    """The warm-up is for looking back."""
    found = pair_signals(panel(btc), None, None, 2, Thresholds())

    assert all(signal.ts >= NOW - timedelta(minutes=10) for signal in found)


def test_what_is_usual_on_the_venue_decides_on_funding():
    """Longs pay 0.05 %: unusual beside others that pay 0.01 %, and not without knowing them."""
    falling = {"oi_usd": np.linspace(2e9, 1e9, BARS)}
    paid = {"funding_interval_h": 8.0, "funding_settled": 0.0}
    btc = panel({("okx", "BTC"): {**falling, "funding_rate": 0.0005, **paid}})
    calm = {"funding_rate": 0.0001, **paid}
    others = {("okx", base): dict(calm) for base in ("ETH", "SOL", "XRP")}
    funding = panel({("okx", "BTC"): {"funding_rate": 0.0005, **paid}, **others})
    assert set(funding.values) == set(FUNDING)
    pair = ("okx", "BTC/USDT:USDT")

    alone = pair_signals(btc, None, pair, 10, Thresholds())
    beside = pair_signals(btc, funding, pair, 10, Thresholds())

    assert [signal for signal in alone if signal.tier == 4] == []
    fours = [signal for signal in beside if signal.tier == 4]
    assert len(fours) == 10
    assert fours[0].values["funding_excess_pct"] == pytest.approx(0.04)
    assert {signal.base for signal in beside} == {"BTC"}


def test_funding_of_a_shorter_time_is_laid_where_it_belongs():
    """The two panels may begin and end at different bars."""
    falling = {"oi_usd": np.linspace(2e9, 1e9, BARS)}
    rates = np.full(BARS, 0.0005)
    btc = panel({("okx", "BTC"): {**falling, "funding_rate": rates, "funding_interval_h": 8.0}})
    calm = {"funding_rate": 0.0001, "funding_interval_h": 8.0}
    rows = frame({("okx", base): dict(calm) for base in ("BTC", "ETH", "SOL", "XRP")})
    earlier = NOW - timedelta(minutes=20)
    ends = earlier + timedelta(minutes=5)
    funding = Panel.from_frame(rows[rows["ts"] < earlier], "5m", now=ends)

    found = pair_signals(btc, funding, ("okx", "BTC/USDT:USDT"), 10, Thresholds())

    last = max(signal.ts for signal in found if signal.tier == 4)
    assert last == earlier - timedelta(minutes=5)


def test_an_empty_panel_has_no_signals():
    """Nothing recorded, nothing seen."""
    empty = pd.DataFrame({"venue": [], "symbol": [], "base": [], "ts": pd.to_datetime([])})

    assert pair_signals(Panel.from_frame(empty, "5m", now=NOW), None, None, 9, Thresholds()) == []
