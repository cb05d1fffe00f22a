"""What must hold of indicators whatever the market did."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analytics.indicators import averages, bands, change, flow, momentum, volatility, zscores

FIVE_MINUTES = np.datetime64("2025-10-21T22:00", "ms") + np.arange(60) * np.timedelta64(5, "m")
"""Starts of bars: an hour and more of two sessions."""

PRICES = arrays(
    np.float64,
    st.tuples(st.integers(1, 60), st.integers(1, 4)),
    elements=st.one_of(
        st.just(np.nan), st.floats(0.5, 2), st.integers(1, 5).map(float), st.just(-1.0)
    ),
)
"""Panels of prices with gaps, repeats and a wrong one here and there."""


INDICATORS = {
    "delta": lambda x: change.delta(x, 2),
    "delta_pct": lambda x: change.delta_pct(x, 2),
    "rsi": lambda x: momentum.rsi(x, 3),
    "ema": lambda x: averages.ema(x, 3),
    "vwap": lambda x: averages.vwap(FIVE_MINUTES[: len(x)], x, x, x, x),
    "middle": lambda x: bands.bollinger(x, 5).middle,
    "upper": lambda x: bands.bollinger(x, 5).upper,
    "lower": lambda x: bands.bollinger(x, 5).lower,
    "position": lambda x: bands.bollinger(x, 5).position,
    "width_pct": lambda x: bands.bollinger(x, 5).width_pct,
    "volatility_pct": lambda x: volatility.volatility_pct(x, 5, bars_per_year=365),
    "atr": lambda x: volatility.atr(x, x, x, 3),
    "obv": lambda x: flow.obv(x, x),
    "cvd_usd": lambda x: flow.cvd_usd(x, 2 * x),
    "z_score": lambda x: zscores.z_score(x, 5),
    "z_robust": lambda x: zscores.z_robust(x, 5),
}

SCALED = {"delta", "ema", "vwap", "middle", "upper", "lower", "atr", "obv", "cvd_usd"}
"""Those in the unit of what goes in; the others have no unit of price."""

every = pytest.mark.parametrize("name", INDICATORS)
quickly = settings(max_examples=30, deadline=None)


@every
@quickly
@given(prices=PRICES, power=st.integers(-30, 30))
def test_knows_no_unit(name, prices, power):
    """A price in cents gives the same RSI and z, and bands in cents."""
    scale = 2.0**power

    result = INDICATORS[name](scale * prices)

    expected = INDICATORS[name](prices) * (scale if name in SCALED else 1)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12 * scale)


@every
@quickly
@given(prices=PRICES, seed=st.integers(0, 99))
def test_knows_no_neighbour(name, prices, seed):
    """Instruments in another order give the same answers in that order."""
    order = np.random.default_rng(seed).permutation(prices.shape[1])

    result = INDICATORS[name](prices[:, order])

    np.testing.assert_array_equal(result, INDICATORS[name](prices)[:, order])


@every
@quickly
@given(prices=PRICES, rows=st.integers(0, 60))
def test_knows_no_future(name, prices, rows):
    """What is appended changes nothing that was said before."""
    past = INDICATORS[name](prices[:rows])

    np.testing.assert_array_equal(past, INDICATORS[name](prices)[:rows])


@every
@quickly
@given(prices=PRICES, gap=st.integers(1, 30), at=st.integers(0, 60))
def test_passes_over_gaps_as_it_says(name, prices, gap, at):
    """Rows of nothing put anywhere: those in order go on, those by the clock wait."""
    at = min(at, len(prices))
    hole = np.full((gap, prices.shape[1]), np.nan)
    longer = np.concatenate([prices[:at], hole, prices[at:]])[:60]

    result = INDICATORS[name](longer)

    assert np.isnan(result[~np.isfinite(longer)]).all()
    if name in {"rsi", "middle", "upper", "lower", "atr", "obv", "cvd_usd", "z_score", "z_robust"}:
        kept = np.concatenate([result[:at], result[at + gap :]])
        np.testing.assert_array_equal(kept, INDICATORS[name](prices)[: len(kept)])


@quickly
@given(prices=PRICES)
def test_memory_order_does_not_matter(prices):
    """A panel stores instruments side by side; an array made elsewhere may not."""
    for name, indicator in INDICATORS.items():
        np.testing.assert_array_equal(
            indicator(np.asfortranarray(prices)), indicator(np.ascontiguousarray(prices)), name
        )
