"""Which pairs come first, and in which order they stand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from analytics.correlation.ranking import columns_of, largest, ordered
from analytics.indicators.arrays import newest
from analytics.panels.panel import Pair, Panel

NOW = datetime(2025, 10, 22, 12, tzinfo=UTC)
PAIRS = tuple(Pair("okx", f"{name}/USDT:USDT", name) for name in "ABCD")
NAN = np.nan


def panel(volume, interest):
    values = {"volume_24h_usd": np.array(volume, float), "oi_usd": np.array(interest, float)}
    times = np.datetime64("2025-10-22T11:50", "ms") + np.arange(len(volume)) * np.timedelta64(
        5, "m"
    )
    return Panel(times, PAIRS, values, "5m", NOW)


def bases(pairs):
    return "".join(pair.base for pair in pairs)


def test_the_largest_volume_comes_first_and_open_interest_decides_where_it_is_absent():
    sizes = panel([[5, 9, NAN, NAN]], [[1, 1, 2, 7]])

    assert bases(largest(sizes, 9)) == "BADC"
    assert bases(largest(sizes, 2)) == "BA"


def test_the_newest_known_size_counts():
    sizes = panel([[1, 2, 3, 4], [9, NAN, NAN, NAN]], [[1, 1, 1, 1]] * 2)

    assert newest(sizes.values["volume_24h_usd"]).tolist() == [9, 2, 3, 4]
    assert bases(largest(sizes, 4)) == "ADCB"


def test_by_value_puts_absent_ones_last():
    assert ordered(np.array([[1.0, NAN, 3.0, 2.0]]), "value").tolist() == [2, 3, 0, 1]


def test_by_volume_leaves_them_as_they_are():
    assert ordered(np.array([[1.0, NAN, 3.0]]), "volume").tolist() == [0, 1, 2]


def test_by_cluster_puts_those_side_by_side_that_move_alike():
    one, other = np.random.default_rng(1).normal(size=(2, 50))
    order = ordered(
        np.column_stack([one, other, one + 0.01 * other, other * 2]), "cluster"
    ).tolist()

    assert abs(order.index(0) - order.index(2)) == 1
    assert abs(order.index(1) - order.index(3)) == 1


def test_constant_and_absent_columns_stand_somewhere():
    """Nothing is known of how they move, and none may be lost."""
    values = np.column_stack([np.ones(30), np.full(30, NAN), np.arange(30.0)])

    assert sorted(ordered(values, "cluster")) == [0, 1, 2]


def test_columns_of_pairs_that_the_panel_lacks_are_absent():
    sizes = panel([[1, 2, 3, 4]], [[1, 1, 1, 1]])
    wanted = [PAIRS[2], Pair("okx", "Z/USDT:USDT", "Z"), PAIRS[0]]

    found = columns_of(sizes, sizes.values["volume_24h_usd"], wanted)

    np.testing.assert_array_equal(found, [[3, NAN, 1]])


def test_nothing_has_no_order():
    empty = np.empty((0, 3))

    assert np.isnan(newest(empty)).all()
    assert ordered(empty, "cluster").tolist() == [0, 1, 2]
