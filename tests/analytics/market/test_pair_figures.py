"""What stands on top of a chart, worked by hand from one pair and from two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics.market.pair_figures import pair_figures

NOW = datetime(2025, 10, 22, 12, tzinfo=UTC)
OLDER = NOW - timedelta(minutes=3)


def rows(*given):
    """Rows as pairs.sql returns them."""
    times = ("price_ts", "oi_usd_ts", "funding_ts", "ls_ts", "volume_24h_usd_ts")
    known = {
        **dict.fromkeys(("price", "price_24h_pct", "price_delta_pct", "oi_usd"), 1.0),
        **dict.fromkeys(("oi_usd_then", "funding_8h_pct", "ls_accounts", "volume_24h_usd"), 1.0),
        **dict.fromkeys(("price_delta_s", "oi_delta_s"), 3600.0),
        **dict.fromkeys(times, NOW),
    }
    keys = [
        {"venue": venue, "symbol": "BTC/USDT:USDT", "base": "BTC"} for venue in ("binance", "okx")
    ]
    return pd.DataFrame([{**key, **known, **one} for key, one in zip(keys, given, strict=False)])


def quotes(*payments):
    venues = ("binance", "okx")[: len(payments)]
    return pd.DataFrame(
        {
            "venue": venues,
            "symbol": ["BTC/USDT:USDT"] * len(payments),
            "multiplier": [1.0] * len(payments),
            "next_funding_ts": pd.to_datetime(list(payments), utc=True),
        }
    )


def test_one_pair_is_what_it_says():
    """A year's funding is that of 8 hours 1095 times."""
    one = rows({"price": 100.0, "funding_8h_pct": 0.01, "oi_usd": 5.0, "oi_usd_then": 4.0})
    payment = NOW + timedelta(hours=2)

    found = pair_figures(one, quotes(payment), NOW)

    assert (found.price.value, found.oi_usd.value) == (100, 5)
    assert found.oi_change.pct == pytest.approx(25)
    assert (found.oi_change.least, found.price_delta_s) == (timedelta(hours=1), 3600)
    assert found.funding_apr_pct == pytest.approx(10.95)
    assert found.next_funding_ts == payment


def test_funding_is_known_without_open_interest():
    """Of one pair there is nothing to weigh."""
    found = pair_figures(rows({"oi_usd": None, "funding_8h_pct": 0.03}), quotes(), NOW)

    assert found.funding_8h_pct.value == pytest.approx(0.03)
    assert found.oi_usd.value is None
    assert found.oi_change is None


def test_two_pairs_are_summed_and_weighed():
    """3 of 4 dollars pay 0.04 %; together they were 3.2 dollars before."""
    both = rows(
        {"price": 100.0, "oi_usd": 3.0, "oi_usd_then": 2.0, "funding_8h_pct": 0.04},
        {"price": 99.0, "oi_usd": 1.0, "oi_usd_then": 1.2, "funding_8h_pct": -0.04},
    )

    found = pair_figures(both, quotes(NOW + timedelta(hours=4), NOW + timedelta(hours=1)), NOW)

    assert found.price.value == 100
    assert found.oi_usd.value == 4
    assert found.oi_change.pct == pytest.approx(100 * (4 / 3.2 - 1))
    assert (found.oi_change.pairs, found.instruments) == (2, 2)
    assert found.funding_8h_pct.value == pytest.approx(0.02)
    assert found.next_funding_ts == NOW + timedelta(hours=1)


def test_each_figure_says_how_many_are_behind_it():
    """One of two lacks its open interest, so it weighs nothing; a third was not heard of."""
    both = rows({"oi_usd": 3.0}, {"oi_usd": None, "ls_accounts": None})

    found = pair_figures(both, quotes(), NOW, silent=1)

    assert found.instruments == 3
    assert (found.oi_usd.instruments, found.volume_24h_usd.instruments) == (1, 2)
    assert (found.funding_8h_pct.instruments, found.ls_accounts.instruments) == (1, 1)


def test_long_and_short_cancel_out():
    """One venue has twice as many longs, the other twice as many shorts."""
    both = rows({"ls_accounts": 2.0}, {"ls_accounts": 0.5})

    assert pair_figures(both, quotes(), NOW).ls_accounts.value == pytest.approx(1)


def test_a_figure_is_as_old_as_its_oldest_part():
    """Who does not know it does not make it older."""
    both = rows({"oi_usd_ts": OLDER}, {"ls_accounts": None, "ls_ts": OLDER})

    found = pair_figures(both, quotes(), NOW)

    assert found.oi_usd.ts == OLDER
    assert found.ls_accounts.ts == NOW


def test_a_payment_that_is_past_is_not_the_next_one():
    """A venue that fell silent still names the last."""
    found = pair_figures(rows({}), quotes(NOW - timedelta(minutes=1)), NOW)

    assert found.next_funding_ts is None
