"""A signal in words: the figure, what it means, its gravity, and the same on every page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from analytics.palette import DARK
from analytics.signals.fired import Signal
from analytics.signals.sentences import LEGEND, gravest_first, in_words

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)


def signal(tier, venue="binance", symbol="BTC/USDT:USDT", timeframe="5m", thresholds=(), **values):
    """One that fired in the bar from 12:00 on."""
    subject = {
        5: {"venue": venue, "symbol": None, "base": "BTC"},
        6: {"venue": None, "symbol": None, "base": None},
    }.get(tier, {"venue": venue, "symbol": symbol, "base": "BTC"})
    told_of = {"timeframe": timeframe, "ts": NOON, "now": NOON, "thresholds": dict(thresholds)}
    return Signal(tier=tier, values=values, **subject, **told_of)


CASES = {
    1: (
        {"z_oi": 3.26, "oi_delta_pct": 1.2},
        "BTC Binance: OI +3.3 σ in 5m (+1.20 %)",
        "neutral",
    ),
    2: (
        {"z_oi": 3.26, "ls_accounts": 2.31, "book_imbalance_pct": -4.0},
        "BTC Binance: OI +3.3 σ in 5m, crowd long (L/S 2.31), more asks",
        "crowded",
    ),
    3: (
        {"cvd_delta_usd": -1e6, "price_delta_pct": -0.8, "oi_delta_pct": 1.5},
        "BTC Binance: Takers sell, price -0.80 %, OI +1.50 % in 5m",
        "selling",
    ),
    4: (
        {"funding_8h_pct": 0.11, "oi_delta_pct": -0.4},
        "BTC Binance: Funding +0.11 % per 8 h, longs pay, OI -0.40 % in 5m",
        "crowded",
    ),
    5: (
        {"oi_share_pct": 32.14, "z_oi_share": -2.9},
        "BTC Binance: Share of OI 32.1 %, -2.9 σ in 5m",
        "neutral",
    ),
    7: (
        {
            **{"z_liquidations": 7.31, "liquidated_usd": 12.3e6},
            **{"liq_long_usd": 11e6, "liq_short_usd": 1.3e6},
        },
        "BTC Binance: Liquidations $12.30M in 1 h, +7.3 σ, mostly longs",
        "selling",
    ),
    6: (
        {"tier_2_bases": 5.0},
        "Market: 5 coins with crowd long on a jump of OI within 20 min",
        "crowded",
    ),
}


@pytest.mark.parametrize("tier", CASES)
def test_a_signal_says_its_figure_and_what_it_means(tier):
    """No number of a tier, and no arrow that looks like good news."""
    values, written, tone = CASES[tier]

    words = in_words(signal(tier, thresholds={"cluster_bars": 4}, **values))

    assert f"{words.subject}: {words.sentence}" == written
    assert words.tone == tone
    assert words.mark in LEGEND
    assert words.closed == NOON.replace(minute=5)


def test_crowded_longs_are_no_good_news():
    """Funding that longs pay is in the colour of what wants a look, not in that of a rise."""
    paying = in_words(signal(4, funding_8h_pct=0.11, oi_delta_pct=-0.4))

    assert paying.color(DARK) == DARK.alert


def test_the_gravest_come_first_and_of_one_kind_the_largest():
    """The whole market, then what agrees, then what drives the price; last what is frequent."""
    many = [
        signal(5, z_oi_share=-9.0),
        signal(1, z_oi=8.0),
        signal(4, funding_8h_pct=0.1),
        signal(3, oi_delta_pct=2.0),
        signal(2, z_oi=3.0),
        signal(2, z_oi=4.0),
        signal(6, tier_2_bases=3.0),
    ]

    ordered = gravest_first(many)

    assert [one.tier for one in ordered] == [6, 2, 2, 3, 4, 1, 5]
    assert [one.values["z_oi"] for one in ordered if one.tier == 2] == [4.0, 3.0]


@pytest.mark.parametrize(
    ("symbol", "venue", "written"),
    [
        ("BTC/USDC:USDC", "hyperliquid", "BTC/USDC Hyperliquid"),
        ("1000PEPE/USDT:USDT", "okx", "1000PEPE OKX"),
        ("BTC/USDT:USDT", "elsewhere", "BTC elsewhere"),
    ],
)
def test_the_subject_names_the_pair_and_the_venue(symbol, venue, written):
    """USDT is the quote that goes without saying."""
    assert in_words(signal(1, venue, symbol, z_oi=3.0, oi_delta_pct=1.0)).subject == written
