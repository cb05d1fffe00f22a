"""The matrix as it is shown: chosen pairs, clusters, and who is left out."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from analytics.correlation.clustering import clustered
from analytics.correlation.matrix import correlation
from analytics.correlation.view import SUBJECTS, matrix, rolling
from analytics.indicators.change import log_returns
from analytics.panels.panel import Pair, Panel

NOW = datetime(2025, 10, 22, 12, tzinfo=UTC)
BARS = 101


def pair(name):
    return Pair("okx", f"{name}/USDT:USDT", name)


def panel(close, oi_base=None):
    """Of columns by name."""
    values = {"close": np.column_stack(list(close.values()))}
    if oi_base is not None:
        values["oi_base"] = np.column_stack(list(oi_base.values()))
    times = np.datetime64("2025-10-22", "ms") + np.arange(BARS) * np.timedelta64(5, "m")
    return Panel(times, tuple(map(pair, close)), values, "5m", NOW)


@pytest.fixture(scope="module")
def walks():
    """A and C move alike, B and D as well; E has few bars, F never moves."""
    rng = np.random.default_rng(7)
    one, other, noise = rng.normal(size=(3, BARS))
    few = np.exp(0.01 * np.cumsum(noise))
    few[15:] = np.nan
    return {
        "A": np.exp(0.01 * np.cumsum(one)),
        "B": np.exp(0.01 * np.cumsum(other)),
        "C": np.exp(0.01 * np.cumsum(one + 0.2 * noise)),
        "D": np.exp(0.01 * np.cumsum(other + 0.2 * noise)),
        "E": few,
        "F": np.ones(BARS),
    }


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_the_cells_are_those_of_the_whole_matrix(walks, method):
    pairs = [pair(name) for name in "DABC"]
    made = panel(walks)

    found = matrix(made, pairs, SUBJECTS["price"], method)
    whole = correlation(log_returns(made.values["close"])[1:], method=method)

    place = [made.instruments.index(one) for one in found.pairs]
    np.testing.assert_allclose(found.r, whole.r[np.ix_(place, place)], atol=5e-5)
    assert sorted(found.pairs) == sorted(pairs)
    assert found.bars == BARS - 1


def test_clusters_stand_apart(walks):
    found = matrix(panel(walks), [pair(name) for name in "ABCD"], SUBJECTS["price"], "pearson")

    assert {frozenset(one.base for one in half) for half in (found.pairs[:2], found.pairs[2:])} == {
        frozenset("AC"),
        frozenset("BD"),
    }
    assert found.starts.tolist() == [2]
    assert found.between == pytest.approx(found.r[:2, 2:].mean(), abs=1e-4)


def test_who_has_too_little_in_common_is_left_out_by_name(walks):
    found = matrix(panel(walks), [pair(name) for name in "AEFBZ"], SUBJECTS["price"], "pearson")

    assert sorted(one.base for one in found.pairs) == ["A", "B"]
    assert [one.base for one in found.left_out] == ["E", "F", "Z"]


def test_price_against_oi_has_rows_of_price_and_columns_of_oi(walks):
    """B's open interest follows A's price, and nothing else does."""
    some = {name: walks[name] for name in "AB"}
    own = np.random.default_rng(8).normal(size=BARS)
    oi = {"A": np.exp(0.01 * np.cumsum(own)), "B": walks["C"]}

    found = matrix(panel(some, oi), [pair("A"), pair("B")], SUBJECTS["price_oi"], "pearson")

    row, column = found.pairs.index(pair("A")), found.pairs.index(pair("B"))
    assert found.r[row, column] > 0.9
    assert found.r[column, row] < 0.5


def test_one_pair_alone_correlates_with_none(walks):
    found = matrix(panel(walks), [pair("A")], SUBJECTS["price"], "pearson")

    assert found.pairs == ()
    assert found.left_out == (pair("A"),)


def test_rolling_ends_with_the_newest_window(walks):
    made = panel(walks)

    found = rolling(made, pair("A"), pair("C"), SUBJECTS["price"], "pearson")
    newest = correlation(log_returns(made.values["close"])[1:], window=25).r[0, 2]

    assert found.window == 25
    assert found.r[-1] == pytest.approx(newest)
    assert np.isnan(found.r[:24]).all()
    assert found.whole == pytest.approx(correlation(log_returns(made.values["close"])[1:]).r[0, 2])
    assert found.common == 100


def test_columns_that_are_all_equal_are_one_cluster():
    """Rounding is no step between clusters."""
    found = clustered(np.ones((6, 6)))

    assert found.starts.tolist() == []
    assert found.between is None


def test_a_few_columns_are_enough_or_not():
    assert clustered(np.empty((0, 0))).order.tolist() == []
    assert clustered(np.ones((1, 1))).order.tolist() == [0]
    assert clustered(np.array([[1, 0.2], [0.2, 1]])).starts.tolist() == []
