"""Matrices of correlation: against paper, pandas and SciPy, and where nothing can be said."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.correlation.matrix import (
    correlation,
    rolling_correlation,
)
from analytics.errors import QueryError
from analytics.indicators.change import log_returns
from analytics.panels.panel import Pair, Panel

METHODS = ("pearson", "spearman")


def column(*values):
    return np.array(values, dtype=float)[:, None]


def market(rows, columns, gaps=0.0, seed=7, ties=False):
    """Returns with one common factor, some cells absent."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)) + rng.normal(size=(rows, 1))
    x = np.rint(2 * x) if ties else x
    x[rng.random(x.shape) < gaps] = np.nan
    return x


def pandas_r(a, b, method, min_common):
    both = pd.DataFrame(np.column_stack([a, b]))
    r = both.corr(method=method, min_periods=min_common).to_numpy()
    return r[: a.shape[1], a.shape[1] :]


def test_pearson_by_hand():
    """About their means (-1, 0, 1) and (-1, -1, 2): 3 / sqrt(2 x 6) is half the root of three."""
    a, b = column(1, 2, 3), column(0, 0, 3)

    found = correlation(a, b, min_common=3)

    assert found.r[0, 0] == pytest.approx(np.sqrt(3) / 2, abs=1e-15)
    assert found.common[0, 0] == 3
    assert (found.method, found.window) == ("pearson", 3)


def test_spearman_by_hand():
    """Ranks (1, 2, 3, 4) and (1, 3, 2, 4) differ by 0, 1, 1, 0: 1 - 6 x 2 / (4 x 15) is 0.8."""
    found = correlation(column(1, 2, 3, 400), column(5, 7, 6, 9), method="spearman", min_common=4)

    assert found.r[0, 0] == pytest.approx(0.8, abs=1e-15)


def test_spearman_ranks_anew_within_the_common_rows():
    """Without the third row, 1, 9, 20 against 4, 6, 8 rises throughout."""
    a, b = column(1, 9, 0, 20), column(4, 6, np.nan, 8)

    found = correlation(a, b, method="spearman", min_common=3)

    assert found.r[0, 0] == 1
    assert found.common[0, 0] == 3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("gaps", [0.0, 0.05, 0.6])
@pytest.mark.parametrize("ties", [False, True])
def test_agrees_with_pandas(method, gaps, ties):
    """A matrix of its own, to 1e-12, with and without gaps and ties; more columns than a block."""
    x = market(90, 70, gaps, ties=ties)

    found = correlation(x, method=method, min_common=20)

    np.testing.assert_allclose(found.r, pandas_r(x, x, method, 20), rtol=0, atol=1e-12)
    assert np.array_equal(found.r, found.r.T, equal_nan=True)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("gaps", [0.0, 0.05])
def test_price_against_open_interest_agrees_with_pandas(method, gaps):
    """Two sets of columns make a rectangle."""
    a, b = market(80, 9, gaps, seed=1), market(80, 5, gaps, seed=2)

    found = correlation(a, b, method=method)

    np.testing.assert_allclose(found.r, pandas_r(a, b, method, 20), rtol=0, atol=1e-12)


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_agrees_with_scipy(gaps):
    """One pair by itself, over the rows that both know."""
    stats = pytest.importorskip("scipy.stats")
    x = market(200, 2, gaps, ties=True)
    both = x[np.isfinite(x).all(axis=1)]

    rho = correlation(x, method="spearman").r[0, 1]
    r = correlation(x, method="pearson").r[0, 1]

    assert rho == pytest.approx(stats.spearmanr(*both.T).statistic, abs=1e-12)
    assert r == pytest.approx(stats.pearsonr(*both.T).statistic, abs=1e-12)


def test_many_rows_need_wider_counters():
    """Past 32,767 rows doubled ranks about their mean no longer fit 16 bits."""
    x = market(33_000, 2, 0.001)

    found = correlation(x, method="spearman")

    np.testing.assert_allclose(found.r, pandas_r(x, x, "spearman", 20), rtol=0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 30), gaps=st.sampled_from([0, 0.2, 0.7]))
def test_every_small_matrix_agrees_with_pandas(seed, rows, gaps):
    """Short, tied and full of holes: the same cells are known, and their values agree."""
    x = market(rows, 5, gaps, seed, ties=True)

    for method in METHODS:
        found = correlation(x, method=method, min_common=2)

        np.testing.assert_allclose(found.r, pandas_r(x, x, method, 2), rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), order=st.permutations(range(6)))
def test_permuting_columns_permutes_the_matrix(seed, order):
    """No column's place matters."""
    x = market(40, 6, 0.1, seed)

    for method in METHODS:
        straight, permuted = (correlation(v, method=method).r for v in (x, x[:, order]))

        np.testing.assert_allclose(permuted, straight[np.ix_(order, order)], rtol=0, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("a", "b", "common"),
    [
        pytest.param([1, 2, 3, 4], [5, 5, 5, 5], 4, id="constant"),
        pytest.param([1, 2, 3, 4], [0.1, 0.1, 0.1, np.nan], 3, id="constant where common"),
        pytest.param([1, 2, np.nan, np.nan], [np.nan, np.nan, 3, 4], 0, id="no common time"),
        pytest.param([1, 2, 3, 4], [np.nan] * 4, 0, id="all absent"),
        pytest.param([1, 2, 3, 4], [1, 2, np.nan, np.nan], 2, id="fewer than the least"),
        pytest.param([1], [2], 1, id="one row"),
        pytest.param([], [], 0, id="no row"),
    ],
)
def test_says_nothing_where_nothing_can_be_said(method, a, b, common):
    """Absent, not 0, and never a warning."""
    found = correlation(column(*a), column(*b), method=method, min_common=3)

    assert np.isnan(found.r[0, 0])
    assert found.common[0, 0] == common


@pytest.mark.parametrize("method", METHODS)
def test_as_many_rows_as_the_least_are_enough(method):
    """The least is the least that is enough."""
    found = correlation(column(1, 2, 3, np.nan), column(2, 4, 6, 8), method=method, min_common=3)

    assert found.r[0, 0] == pytest.approx(1, abs=1e-15)


def test_keeps_its_digits_beside_an_outlier_that_only_one_column_saw():
    """One glitch of 1e12 in a row the partner lacks must not blur the other rows."""
    a, b = column(1.25, 2.5, 3.75, 4.0, 1e12), column(2, 1, 4, 3, np.nan)

    found = correlation(np.column_stack([a, b]), min_common=4)

    assert found.r[0, 1] == pytest.approx(
        correlation(a[:4], b[:4], min_common=4).r[0, 0], abs=1e-15
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e200, 1e307])
def test_extreme_scales_neither_overflow_nor_vanish(method, scale):
    """The unit of a column cannot matter."""
    a = column(1, 2, 3, 4, 7)

    found = correlation(np.column_stack([a * scale, a, -a]), method=method, min_common=5)

    np.testing.assert_allclose(
        found.r[0], [1, 1, -1], rtol=0, atol=1e-3 if scale < 1e-300 else 1e-15
    )


def test_infinite_values_count_as_absent():
    """A division gone wrong upstream takes its row out, and no more."""
    found = correlation(column(1, 2, 3, np.inf), column(1, 2, 3, 4), min_common=3)

    assert found.r[0, 0] == pytest.approx(1, abs=1e-15)
    assert found.common[0, 0] == 3


def test_a_window_looks_at_the_newest_rows():
    """What was before the window has no part in it."""
    a, b = column(9, -5, 1, 2, 3), column(-7, 4, 1, 2, 3)

    found = correlation(a, b, window=3, min_common=3)

    assert found.r[0, 0] == pytest.approx(1, abs=1e-15)
    assert found.window == 3


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"method": "kendall"}, "method"),
        ({"window": 6}, "window: 6 bars requested, only 5"),
        ({"window": 0}, "window"),
        ({"min_common": 1}, "min_common"),
    ],
)
def test_wrong_arguments_are_named(wrong, named):
    """The message says which argument to change."""
    with pytest.raises(QueryError, match=named):
        correlation(**{"a": np.zeros((5, 2)), **wrong})


@pytest.mark.parametrize(
    ("a", "b", "named"),
    [
        (np.zeros((5, 2)), np.zeros((4, 2)), "b: 5 rows"),
        (np.zeros(5), None, "a: an array"),
    ],
)
def test_arrays_that_do_not_fit_are_named(a, b, named):
    """A caller's mistake, as for every indicator."""
    with pytest.raises(ValueError, match=named):
        correlation(a, b)


def test_log_returns_by_hand():
    """Growth by e is 1; a row without a positive level before it has no return."""
    levels = column(1, np.e, np.nan, 2, 0, 3, 3, np.inf, np.inf)

    np.testing.assert_allclose(
        log_returns(levels), column(np.nan, 1, *[np.nan] * 4, 0, np.nan, np.nan), atol=1e-15
    )


def panel(**values):
    """A panel of two instruments; metrics by bar and instrument."""
    pairs = (Pair("binance", "BTC/USDT:USDT", "BTC"), Pair("bybit", "BTC/USDT:USDT", "BTC"))
    times = np.datetime64("2025-06-01", "ms") + np.arange(5) * np.timedelta64(1, "h")
    now = datetime(2025, 6, 1, 5, tzinfo=UTC)
    return Panel(times, pairs, {name: np.array(v, float) for name, v in values.items()}, "1h", now)


def test_price_against_open_interest():
    """Open interest follows the first's price to the letter, and goes against the second's."""
    close = np.array([[1, 8], [2, 4], [8, 1], [4, 2], [2, 4]])
    found = correlation(log_returns(close)[1:], log_returns(7 * close[:, [0, 0]])[1:], min_common=4)

    np.testing.assert_allclose(found.r, [[1, 1], [-1, -1]], rtol=0, atol=1e-15)
    assert found.common.tolist() == [[4, 4], [4, 4]]
    assert found.window == 4


def test_the_newest_returns_alone_are_looked_at():
    """Of the newest three returns the second's rise where the first's fall."""
    close = np.array([[1, 8], [9, 9], [8, 9], [4, 27], [12, 9]])

    found = correlation(log_returns(close)[1:], method="spearman", window=3, min_common=3)

    np.testing.assert_allclose(found.r, [[1, -1], [-1, 1]], rtol=0, atol=1e-15)


@pytest.mark.parametrize("levels", [(1e-300, 1e300), (1e300, 1e-300), (1, 1 + 1e-12), (5e-324, 9)])
def test_log_returns_are_never_infinite(levels):
    """Beyond what numbers can hold a return is absent; a tiny one keeps its digits."""
    (_, found) = log_returns(column(*levels))[:, 0]

    exact = np.log(levels[1]) - np.log(levels[0])
    assert np.isnan(found) or found == pytest.approx(exact, abs=1e-15)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_rolling_correlation_is_the_correlation_of_each_window(method, gaps):
    """Every value could have been computed from its window alone."""
    x, y = market(60, 2, gaps, ties=True).T

    found = rolling_correlation(x, y, window=25, method=method, min_common=20)

    expected = [
        correlation(x[t - 24 : t + 1, None], y[t - 24 : t + 1, None], method=method).r[0, 0]
        for t in range(24, 60)
    ]
    assert np.isnan(found[:24]).all()
    np.testing.assert_allclose(found[24:], expected, rtol=0, atol=1e-12)


def test_rolling_pearson_agrees_with_pandas():
    """Without gaps the two mean the same."""
    x, y = market(300, 2).T

    found = rolling_correlation(x, y, window=50)

    expected = pd.Series(x).rolling(50).corr(pd.Series(y)).to_numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_rolling_correlation_knows_nothing_before_its_window_is_full():
    """A window longer than the record is absent throughout, as on a young chart."""
    x, y = market(10, 2).T

    assert np.isnan(rolling_correlation(x, y, window=11, min_common=2)).all()
    with pytest.raises(QueryError, match="window"):
        rolling_correlation(x, y, window=0)
