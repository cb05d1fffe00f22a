"""Deltas, flows, funding and premium: worked by hand from the glossary."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.indicators import change, flow, funding

NAN = np.nan


def column(*values):
    return np.array(values, float)[:, None]


@pytest.mark.parametrize(
    ("rate", "interval_h", "per_8h", "per_year"),
    [
        pytest.param(0.0001, 8, 0.01, 10.95, id="resting funding of most venues"),
        pytest.param(0.0001, 4, 0.02, 21.9, id="the same, paid twice as often"),
        pytest.param(0.0000125, 1, 0.01, 10.95, id="the same, paid by the hour"),
        pytest.param(-0.0005, 2, -0.2, -219, id="shorts pay longs"),
        pytest.param(0.0, 8, 0, 0, id="nobody pays"),
        pytest.param(0.0001, NAN, NAN, NAN, id="interval unknown"),
        pytest.param(0.0001, 0, NAN, NAN, id="no interval"),
        pytest.param(NAN, 8, NAN, NAN, id="rate unknown"),
    ],
)
def test_rebases_funding(rate, interval_h, per_8h, per_year):
    """0.01 % every 8 hours is paid 3 x 365 times a year: 10.95 %."""
    rates, intervals = column(rate), column(interval_h)

    np.testing.assert_allclose(funding.funding_8h_pct(rates, intervals), [[per_8h]])
    np.testing.assert_allclose(funding.funding_apr_pct(rates, intervals), [[per_year]])


@pytest.mark.parametrize(
    ("known", "carried"),
    [
        ([NAN, 1, NAN, NAN, 2, NAN], [NAN, NAN, 1, 1, NAN, 2]),
        ([NAN, NAN], [NAN, NAN]),
        ([1, 2], [NAN, NAN]),
        ([], []),
    ],
)
def test_a_carried_rate_is_the_last_one_known_before(known, carried):
    """Never a later one, and only where none is known."""
    np.testing.assert_array_equal(funding.carried(known), carried)


@pytest.mark.parametrize(
    ("price", "index", "expected"),
    [(101, 100, 1), (99.5, 100, -0.5), (100, 100, 0), (0, 100, NAN), (100, 0, NAN), (1, -1, NAN)],
)
def test_premium_is_what_a_price_has_above_its_index(price, index, expected):
    """101 is 1 % above 100; of no price and no index there is none."""
    premium = funding.premium_pct(column(price), column(index))

    np.testing.assert_allclose(premium, [[expected]], atol=1e-12)


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        (1, [NAN, 10, -50, NAN, NAN, 100, -100, NAN]),
        (2, [NAN, NAN, -45, NAN, 0, NAN, -100, -100]),
    ],
)
def test_delta_is_by_the_clock(bars, expected):
    """100, 110 is a rise of 10 %; across a gap it is of another span, and of 0 it is none."""
    values = column(100, 110, 55, NAN, 55, 110, 0, 0)

    np.testing.assert_allclose(change.delta_pct(values, bars).ravel(), expected)


def test_delta_pct_of_a_negative_value_is_none():
    """What can be negative has no percentage; its plain difference is known all the same."""
    values = column(-2, 1, -1, 3)

    assert np.isnan(change.delta_pct(values)).all()
    np.testing.assert_array_equal(change.delta(values).ravel(), [NAN, 3, -2, 4])


def test_cvd_goes_on_after_a_gap_as_it_stood():
    """A gap's trades are unknown, not nought: no row, and nothing added."""
    bought = column(5, 5, NAN, 5, 1)
    sold = column(2, 3, 9, NAN, 2)

    cvd = flow.cvd_usd(bought, sold)

    np.testing.assert_array_equal(cvd.ravel(), [3, 5, NAN, NAN, 4])
    np.testing.assert_array_equal(
        flow.cvd_oi_pct(cvd, column(100, 50, 50, 50, 0)).ravel(), [3, 10, NAN, NAN, NAN]
    )
