"""The order of a correlation matrix: its tree against SciPy's, its leaves side by side."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.correlation.clustering import average_linkage, clustered_order
from analytics.correlation.matrix import correlation


def random_r(columns, seed=3):
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(120, 4)) @ rng.normal(size=(4, columns))
    return correlation(factors + rng.normal(size=(120, columns))).r


def test_puts_alike_columns_side_by_side():
    """Columns 0 and 2 move together, so do 1 and 3."""
    r = np.array([[1, 0.1, 0.9, 0], [0.1, 1, 0, 0.8], [0.9, 0, 1, 0.1], [0, 0.8, 0.1, 1]])

    order = clustered_order(r).tolist()

    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}


def test_ends_that_meet_are_the_nearest():
    """Of the pairs {0, 1} and {2, 3}, 0 and 3 are the nearest across."""
    r = np.array([[1, 0.9, 0.2, 0.5], [0.9, 1, 0, 0.1], [0.2, 0, 1, 0.9], [0.5, 0.1, 0.9, 1]])

    assert clustered_order(r).tolist() in ([1, 0, 3, 2], [2, 3, 0, 1])


@pytest.mark.parametrize("columns", [2, 3, 40, 200])
def test_the_tree_is_scipys(columns):
    """The same merges at the same heights."""
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    distance = pytest.importorskip("scipy.spatial.distance")
    apart = 1 - random_r(columns)

    heights = sorted(merge.height for merge in average_linkage(apart))

    scipys = hierarchy.linkage(distance.squareform(apart, checks=False), "average")
    np.testing.assert_allclose(heights, scipys[:, 2], rtol=0, atol=1e-12)


def test_neighbours_are_nearly_as_alike_as_can_be():
    """Within a tenth of the way from SciPy's optimal leaf order to an order left to chance."""
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    distance = pytest.importorskip("scipy.spatial.distance")
    apart = 1 - random_r(80)
    condensed = distance.squareform(apart, checks=False)

    def walk(order):
        return apart[order[:-1], order[1:]].sum()

    ours = walk(clustered_order(1 - apart))

    best = walk(
        hierarchy.leaves_list(hierarchy.linkage(condensed, "average", optimal_ordering=True))
    )
    chance = walk(np.random.default_rng(1).permutation(80))
    assert ours <= best + 0.1 * (chance - best)


def test_absent_correlation_counts_as_none():
    """A column that nothing is known of stands apart, and every column stands once."""
    r = random_r(6)
    r[2], r[:, 2] = np.nan, np.nan

    order = clustered_order(r).tolist()

    assert sorted(order) == list(range(6))
    assert sorted(clustered_order(np.full((4, 4), np.nan)).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("columns", [0, 1])
def test_nothing_to_order(columns):
    """No column, or one, is in order already."""
    assert clustered_order(np.ones((columns, columns))).tolist() == list(range(columns))


def test_needs_a_square():
    """The message names the argument."""
    with pytest.raises(ValueError, match="r: a square matrix"):
        clustered_order(np.ones((2, 3)))
