"""Which venue moves first: a known lead is found, and chance is not taken for one."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from analytics.correlation.lead_lag import lead_lag, lead_lag_of
from analytics.errors import QueryError
from analytics.panels.panel import Pair, Panel


def venues(rows=400, follows_by=3, seed=5, gaps=0.0):
    """Three columns: a leader, one that follows it, and one on its own."""
    rng = np.random.default_rng(seed)
    leader, other = rng.normal(size=rows), rng.normal(size=rows)
    follower = np.roll(leader, follows_by) + rng.normal(size=rows)
    x = np.column_stack([leader, follower, other])
    x[rng.random(x.shape) < gaps] = np.nan
    return x


def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_finds_who_leads_and_by_how_much(gaps):
    """At positive lags the first leads; seen from the other it follows by as much."""
    found = lead_lag(venues(gaps=gaps), max_lag=6, rng=rng())

    assert found.strongest_lag[0, 1] == 3
    assert found.strongest_lag[1, 0] == -3
    assert found.strongest_r[0, 1] == pytest.approx(np.sqrt(0.5), abs=0.1)
    assert found.outside[0, 1]
    assert found.outside[1, 0]
    assert found.p_value[0, 1] == pytest.approx(1 / 501)
    for of_both in (found.band, found.p_value):
        assert np.array_equal(of_both, of_both.T)


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_each_lag_is_the_correlation_of_shifted_columns(gaps):
    """As pandas has it: the second column moved up by the lag."""
    x = venues(60, gaps=gaps)

    found = lead_lag(x, max_lag=4, rng=rng(), min_common=5)

    for lag, r in zip(found.lags, found.r, strict=True):
        first, second = pd.Series(x[:, 0]), pd.Series(x[:, 1])
        assert r[0, 1] == pytest.approx(first.corr(second.shift(-lag)), abs=1e-12)


def test_columns_on_their_own_rarely_leave_the_band():
    """Of 200 unrelated pairs about 5 % are outside a band of 95 %, though 13 lags were tried."""
    outside = [
        lead_lag(venues(200, seed=seed)[:, [0, 2]], max_lag=6, rng=rng(), shuffles=200).outside[
            0, 1
        ]
        for seed in range(200)
    ]

    assert 0 <= np.mean(outside) <= 0.11


def test_the_same_seed_gives_the_same_band():
    """A band can be checked by anyone; another seed gives nearly the same."""
    x = venues()

    first, again = (lead_lag(x, max_lag=5, rng=rng()).band for _ in range(2))
    other = lead_lag(x, max_lag=5, rng=np.random.default_rng(12)).band

    assert np.array_equal(first, again)
    np.testing.assert_allclose(other, first, atol=0.05)


def test_the_band_is_that_of_shifts_done_one_by_one():
    """The Fourier transforms only save time."""
    x, lags, seed = venues(90, gaps=0.1)[:, :2], np.arange(-2, 3), 4
    found = lead_lag(x, max_lag=2, rng=np.random.default_rng(seed), shuffles=50)

    strongest = []
    for shift in np.random.default_rng(seed).integers(5, 86, size=50):
        rolled = [pd.Series(np.roll(x[:, 1], -(shift + lag))) for lag in lags]
        strongest.append(max(abs(pd.Series(x[:, 0]).corr(column)) for column in rolled))

    assert found.band[0, 1] == pytest.approx(np.quantile(strongest, 0.95), abs=1e-12)


def test_permuting_venues_permutes_what_was_seen():
    """Nothing depends on the order of the columns but the draw of the band's shuffles."""
    x, order = venues(), [2, 0, 1]

    straight, permuted = (
        lead_lag(x, max_lag=4, rng=rng()),
        lead_lag(x[:, order], max_lag=4, rng=rng()),
    )

    square = np.ix_(order, order)
    np.testing.assert_allclose(permuted.r, straight.r[:, *square], rtol=0, atol=1e-14)
    assert np.array_equal(permuted.strongest_lag, straight.strongest_lag[square])


def test_of_equal_lags_the_shortest_is_the_strongest():
    """A venue against itself is strongest at lag 0, which says nothing of a lead."""
    found = lead_lag(venues(), max_lag=4, rng=rng())

    assert found.strongest_lag.diagonal().tolist() == [0, 0, 0]
    assert not found.outside.diagonal().any()


def test_a_venue_that_says_nothing_has_no_lead():
    """Absent or constant: no r, no band, not outside, and no warning."""
    x = venues()
    x[:, 1] = np.nan
    x[:, 2] = 0.25

    found = lead_lag(x, max_lag=4, rng=rng())

    assert np.isnan(found.r[:, 0, 1:]).all()
    for unknown in (found.band, found.p_value, found.strongest_lag, found.strongest_r):
        assert np.isnan(unknown[0, 1:]).all()
    assert not found.outside.any()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"max_lag": -1}, "max_lag"),
        ({"max_lag": 20}, "max_lag: 20 bars need 101 rows of returns, there are 100"),
        ({"shuffles": 0}, "shuffles"),
        ({"level": 1.0}, "level"),
        ({"min_common": 1}, "min_common"),
    ],
)
def test_wrong_arguments_are_named(wrong, named):
    """The message says which argument to change."""
    with pytest.raises(QueryError, match=named):
        lead_lag(**{"returns": venues(100), "max_lag": 3, "rng": rng(), **wrong})


def test_needs_columns():
    """A single series has no venues to compare."""
    with pytest.raises(ValueError, match="returns: an array"):
        lead_lag(np.zeros(100), max_lag=3, rng=rng())


def test_compares_a_bases_venues():
    """The instruments of the base, in the panel's order, by their prices."""
    returns = venues()
    close = 100 * np.exp(0.001 * returns.cumsum(axis=0))
    pairs = tuple(
        Pair(venue, f"{base}/USDT:USDT", base)
        for venue, base in (("binance", "BTC"), ("okx", "BTC"), ("binance", "ETH"))
    )
    times = np.datetime64("2025-06-01", "ms") + np.arange(400) * np.timedelta64(5, "m")
    panel = Panel(times, pairs, {"close": close}, "5m", datetime(2025, 7, 1, tzinfo=UTC))

    instruments, found = lead_lag_of(panel, "BTC", max_lag=5, rng=rng())

    assert [pair.venue for pair in instruments] == ["binance", "okx"]
    assert found.strongest_lag.tolist() == [[0, 3], [-3, 0]]
    with pytest.raises(QueryError, match="base: 'ETH' has 1 instruments here, need two"):
        lead_lag_of(panel, "ETH", max_lag=5, rng=rng())
    with pytest.raises(QueryError, match="lacks 'close'"):
        lead_lag_of(Panel(times, pairs, {}, "5m", panel.now), "BTC", max_lag=5, rng=rng())
