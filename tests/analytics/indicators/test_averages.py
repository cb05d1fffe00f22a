"""EMA against its definition, VWAP against sums of fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from analytics.indicators import averages

NAN = np.nan
HOUR = np.timedelta64(1, "h")


def column(*values):
    return np.array(values, float)[:, None]


def test_ema_begins_as_a_mean_and_then_follows():
    """Of 3: (1 + 2 + 6) / 3 = 3; then half of each price and half of what was; the gap is none."""
    result = averages.ema(column(1, 2, NAN, 6, 5, 0), 3)

    np.testing.assert_array_equal(result.ravel(), [NAN, NAN, NAN, 3, 4, 2])


@pytest.mark.parametrize("period", [20, 50])
def test_ema_weighs_by_two_over_period_and_one(period):
    """Step by step, in exact numbers."""
    prices = np.random.default_rng(period).integers(90, 110, 80)
    average = Fraction(int(prices[:period].sum()), period)
    expected = [average]
    for price in prices[period:].tolist():
        average += (price - average) * Fraction(2, period + 1)
        expected.append(average)

    result = averages.ema(column(*prices), period)

    assert np.isnan(result[: period - 1]).all()
    np.testing.assert_allclose(result[period - 1 :, 0], [*map(float, expected)], rtol=1e-13)


def test_vwap_is_money_over_quantity_since_midnight():
    """2 coins at 100 and 1 at 130 are 330 for 3; a new day begins anew; a gap adds nothing."""
    times = np.datetime64("2025-10-21T20:00", "ms") + np.arange(9) * HOUR
    typical = column(90, 90, 90, 90, 100, 130, 140, 140, 120)
    traded = column(1, 1, 1, 1, 200, 130, NAN, 0, 480)

    result = averages.vwap(times, typical + 3, typical - 3, typical, traded)

    by_hand = [100, Fraction(330, 3), NAN, Fraction(330, 3), Fraction(810, 7)]
    # The session of the first four bars began before them.
    np.testing.assert_allclose(result.ravel(), [NAN] * 4 + [*map(float, by_hand)], rtol=1e-15)


def test_vwap_takes_the_middle_of_high_low_and_close():
    """(12 + 6 + 9) / 3 = 9; and two instruments know nothing of each other."""
    times = np.array(["2025-10-22T00:00"], "datetime64[ms]")
    high, low, close = (np.array([[a, b]], float) for a, b in ((12, 0), (6, 0), (9, 0)))

    result = averages.vwap(times, high, low, close, np.array([[90.0, 5.0]]))

    np.testing.assert_array_equal(result, [[9, NAN]])


def test_vwap_of_nothing():
    """Before the first trade of a day there is no price of it, and of no bars nothing at all."""
    times = np.array(["2025-10-22T00:00"], "datetime64[ms]")

    assert np.isnan(averages.vwap(times, *[column(1)] * 3, column(0))).all()
    assert averages.vwap(times[:0], *[np.empty((0, 2))] * 4).shape == (0, 2)
