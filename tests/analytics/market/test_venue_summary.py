"""Venues side by side, and how far their funding is apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.market.figures import FIGURES
from analytics.market.venue_summary import funding_spread, quoted, venue_summaries

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
SHORTS = ("oi", "volume", "weighed", "funding", "longs", "risen")
SUMS = [
    f"{short}_{kind}"
    for short in SHORTS
    for kind in ("then", "now", "weight", "whole", "whole_weight")
]
NO_HISTORY = pd.DataFrame({"venue": [], "ts": [], **{name: [] for name in SUMS}})
NOBODY = pd.DataFrame({"venue": [], "symbol": []})
HOUR = timedelta(hours=1)


def pair(venue, symbol="BTC", **known):
    metrics = ("oi_usd", "volume_24h_usd", "funding_8h_pct", "ls_accounts", "price_24h_pct")
    spans = ("oi_delta_s", "volume_delta_s", "funding_delta_s", "ls_delta_s", "price_delta_s")
    absent = (*metrics, *(f"{name}_then" for name in metrics), *spans)
    key = {"venue": venue, "symbol": symbol, "received_ts": pd.Timestamp(NOON)}
    return {**key, **dict.fromkeys(absent, np.nan), **known}


def quote(venue, symbol="BTC", price=np.nan, index=np.nan):
    return {"venue": venue, "symbol": symbol, "basis_mark": price, "basis_index": index}


def test_basis_is_weighted_by_open_interest():
    """2 % on three quarters, 0 on the rest; a pair without an index leaves no mark."""
    pairs = pd.DataFrame(
        [pair("okx", "A", oi_usd=3.0), pair("okx", "B", oi_usd=1.0), pair("okx", "C", oi_usd=9.0)]
    )
    quotes = pd.DataFrame(
        [quote("okx", "A", 102, 100), quote("okx", "B", 5, 5), quote("okx", "C", 7)]
    )

    (one,) = venue_summaries(quoted(pairs, quotes), NO_HISTORY, HOUR, NOBODY)

    assert one.basis_pct == pytest.approx(1.5)
    assert one.pairs == 3


def test_funding_of_a_year_is_that_of_every_eight_hours():
    """1,095 times."""
    pairs = pd.DataFrame([pair("okx", oi_usd=1.0, funding_8h_pct=0.01)])

    (one,) = venue_summaries(quoted(pairs, pd.DataFrame([quote("okx")])), NO_HISTORY, HOUR, NOBODY)

    assert one.funding_apr_pct == pytest.approx(10.95)


def test_the_largest_venue_is_first_and_the_unknown_last():
    """A venue that states no open interest has no share, not 0."""
    pairs = pd.DataFrame([pair("a"), pair("b", oi_usd=1.0), pair("c", oi_usd=3.0)])
    quotes = pd.DataFrame([quote(venue) for venue in "abc"])

    found = venue_summaries(quoted(pairs, quotes), NO_HISTORY, HOUR, NOBODY)

    assert [one.venue for one in found] == ["c", "b", "a"]
    assert [one.oi_share_pct for one in found[:2]] == [75, 25]
    assert np.isnan(found[2].oi_share_pct)
    assert set(found[0].figures) == set(FIGURES)


def test_shares_are_of_the_whole_market():
    """Some venues stand by themselves, and hold what they hold of all."""
    market = pd.DataFrame(
        [pair("a", oi_usd=1.0, volume_24h_usd=3.0), pair("b", oi_usd=3.0, volume_24h_usd=1.0)]
    )
    one = quoted(market[market["venue"] == "b"], pd.DataFrame([quote("b")]))

    (found,) = venue_summaries(one, NO_HISTORY, HOUR, NOBODY, market)

    assert (found.venue, found.oi_share_pct, found.volume_share_pct) == ("b", 75, 25)


def test_funding_spread_names_both_ends():
    """What knows no funding takes no part."""
    rates = {"okx": 0.03, "bybit": -0.01, "binance": 0.02, "mute": np.nan}
    pairs = pd.DataFrame([pair(venue, funding_8h_pct=rate) for venue, rate in rates.items()])

    spread = funding_spread(pairs)

    assert spread.points == pytest.approx(0.04)
    assert (spread.highest, spread.lowest) == (("okx", "BTC"), ("bybit", "BTC"))
    assert not spread.is_level


def test_one_rate_has_no_spread():
    """Nor has none."""
    pairs = pd.DataFrame([pair("okx", funding_8h_pct=0.01), pair("bybit")])

    assert funding_spread(pairs) is None
    assert funding_spread(pairs.iloc[:0]) is None
