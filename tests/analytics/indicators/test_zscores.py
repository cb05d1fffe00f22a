"""Z-scores: worked by hand, against pandas, and against each window computed for itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from analytics.indicators.zscores import z_robust, z_score


def oi_deltas(bars=3000, instruments=5, seed=11):
    """Changes of open interest as they come, fat tails and resting minutes among them."""
    rng = np.random.default_rng(seed)
    deltas = 0.3 * rng.standard_t(3, (bars, instruments))
    deltas[rng.random(deltas.shape) < 0.05] = 0
    return deltas


def with_gaps(panel, seed=5):
    rng = np.random.default_rng(seed)
    gapped = panel.copy()
    gapped[rng.random(panel.shape) < 0.03] = np.nan
    gapped[500:700, 1] = np.nan
    gapped[:, 0] = panel[:, 0]
    gapped[:, -1] = np.nan
    return gapped


def by_column(panel, score):
    """The answer of *score* to each column's known bars, put where they stood."""
    columns = [score(pd.Series(column).dropna()) for column in panel.T]
    return pd.concat(columns, axis=1).reindex(range(len(panel))).to_numpy()


def pandas_z(series, window=20):
    before = series.rolling(window)
    return (series - before.mean().shift(1)) / before.std().shift(1)


def pandas_robust(series, window=20):
    before = series.rolling(window)
    mad = before.apply(lambda x: np.median(np.abs(x - np.median(x))), raw=True)
    scaled = (1.4826 * mad.shift(1)).replace(0, np.nan)
    return (series - before.median().shift(1)) / scaled


def test_z_by_hand():
    """Before 9 stand 1, 3, 5: mean 3, deviation 2, so z is 3; 9 itself is not among them."""
    values = np.array([1.0, 3.0, 5.0, 9.0])[:, None]

    np.testing.assert_allclose(z_score(values, 3).ravel(), [np.nan] * 3 + [3])


def test_robust_z_by_hand():
    """Before 9 stand 1, 2, 4, 100: median 3, MAD 1.5, which the 100 hardly moves."""
    values = np.array([1.0, 2.0, 4.0, 100.0, 9.0])[:, None]

    np.testing.assert_allclose(z_robust(values, 4).ravel()[-1], 6 / (1.4826 * 1.5))


def test_a_jump_is_not_compared_with_itself():
    """Were it among its own 20 bars, no jump could exceed a z of 4.25."""
    values = np.append(np.tile([-1.0, 1.0], 10), 1e6)[:, None]

    assert z_score(values)[-1, 0] > 900_000


def test_z_is_that_of_pandas():
    """rolling(20).mean() and .std(), shifted by one, over each column's known bars."""
    panel = with_gaps(oi_deltas())

    result = z_score(panel)

    np.testing.assert_allclose(result, by_column(panel, pandas_z), rtol=1e-12, atol=1e-12)


def test_robust_z_is_that_of_pandas():
    panel = with_gaps(oi_deltas(800, 4))

    result = z_robust(panel)

    np.testing.assert_allclose(result, by_column(panel, pandas_robust), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("window", [2, 3, 7, 19, 20, 31, 64, 100])
@pytest.mark.parametrize("level", [0, 1, 98_000])
def test_z_is_exact_at_any_level(level, window):
    """Far from zero, too, where running sums lose their digits: to what a float can tell apart."""
    values = level + oi_deltas(700, 1)
    windows = sliding_window_view(values[:-1, 0].astype(np.longdouble), window)
    deviations = windows.std(axis=1, ddof=1)
    expected = (values[window:, 0] - windows.mean(axis=1)) / deviations

    result = z_score(values, window)[window:, 0]

    varies = deviations > 0
    off = np.abs(result - expected)[varies] / (1 + np.abs(expected[varies]))
    a_last_digit = np.finfo(float).eps * level / deviations[varies]
    assert (off < 1e-12 + 4 * a_last_digit).all()


@pytest.mark.parametrize("window", range(2, 70))
def test_a_constant_has_no_z(window):
    """Rounding must not make a constant look as if it varied: 0.1 has no exact binary form."""
    values = np.append(np.full(100, 0.1), 0.2)[:, None]

    assert np.isnan(z_score(values, window)).all()
    assert np.isnan(z_robust(values, window)).all()


def test_is_absent_until_the_window_is_full():
    """Columns that begin at different bars each wait for 20 of their own."""
    panel = oi_deltas(60, 3)
    panel[:7, 1] = np.nan
    panel[::2, 2] = np.nan

    known = np.isfinite(z_score(panel))

    assert known.argmax(axis=0).tolist() == [20, 27, 41]


def test_a_gap_is_passed_over():
    """After a gap the window reaches back across it, so that alerts do not sleep for 20 bars."""
    whole = oi_deltas(60, 1)
    gapped = np.insert(whole, 30, np.full((50, 1), np.nan), axis=0)

    np.testing.assert_array_equal(z_score(gapped)[80:], z_score(whole)[30:])
