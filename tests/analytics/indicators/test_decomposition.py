"""Open interest's change split in two: by hand, exactly, and with figures absent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.errors import QueryError
from analytics.indicators.decomposition import oi_change, oi_change_over

NAN = np.nan


def change(*instruments):
    """What became of instruments given as (coins, price) before and after."""
    q0, p0, q1, p1 = np.array(instruments, dtype=float).T
    return oi_change(q0 * p0, q1 * p1, q0, q1)


def test_by_hand():
    """10 coins at 100, then 12 at 110: +320, 11 x 10 of it by price, 105 x 2 by contracts."""
    found = change((10, 100, 12, 110))

    assert found.total_usd[0] == pytest.approx(320)
    assert found.oi_price_usd[0] == pytest.approx(110)
    assert found.oi_contracts_usd[0] == pytest.approx(210)


@pytest.mark.parametrize(
    ("instrument", "price", "contracts"),
    [
        pytest.param((10, 100, 10, 110), 100, 0, id="only the price moved"),
        pytest.param((10, 100, 12, 100), 0, 200, id="only contracts were opened"),
        pytest.param((10, 100, 0.0001, 100), 0, -999.99, id="nearly all were closed"),
        pytest.param((10, 100, 12, 100 / 1.2), -550 / 3, 550 / 3, id="the two cancel"),
    ],
)
def test_each_part_by_itself(instrument, price, contracts):
    """A part is zero when its factor did not move."""
    found = change(instrument)

    assert found.oi_price_usd[0] == pytest.approx(price)
    assert found.oi_contracts_usd[0] == pytest.approx(contracts)


def test_going_back_undoes_it():
    """Symmetrical: neither factor is taken to move first."""
    there, back = change((10, 100, 12, 110)), change((12, 110, 10, 100))

    assert back.oi_price_usd == -there.oi_price_usd
    assert back.oi_contracts_usd == -there.oi_contracts_usd


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(1e-6, 1e9), min_size=4, max_size=4))
def test_the_parts_add_to_the_total(figures):
    """To the last digits of the open interest itself, whatever moved."""
    found = change(figures)

    largest = max(figures[0] * figures[1], figures[2] * figures[3])
    parts = found.oi_price_usd[0] + found.oi_contracts_usd[0]
    whole_scale = max(figures[0], figures[2]) * max(figures[1], figures[3])
    assert parts == pytest.approx(found.total_usd[0], abs=1e-15 * (largest + 4 * whole_scale))


@pytest.mark.parametrize(
    ("figures", "total_known"),
    [
        pytest.param((NAN, 110, 10, 10), False, id="no OI before"),
        pytest.param((100, NAN, 10, 10), False, id="no OI after"),
        pytest.param((100, 110, NAN, 10), True, id="no coins before"),
        pytest.param((100, 110, 10, NAN), True, id="no coins after"),
        pytest.param((0, 110, 0, 10), True, id="no price where there were no coins"),
        pytest.param((100, 110, 0, 10), True, id="coins contradict the OI"),
        pytest.param((100, np.inf, 10, 10), False, id="infinite"),
        pytest.param((100, 110, 1e-320, 10), True, id="a price beyond numbers"),
    ],
)
def test_absent_parts_stay_absent(figures, total_known):
    """A total may be known where its parts are not; nothing is made up, nothing is infinite."""
    found = oi_change(*np.array(figures, dtype=float)[:, None])

    assert np.isfinite(found.total_usd[0]) == total_known
    assert np.isnan(found.oi_price_usd[0])
    assert np.isnan(found.oi_contracts_usd[0])


def test_over_bars_looks_back_that_far():
    """Two bars back from 121 is 100, all of it by price; the first two rows know nothing."""
    oi_usd, oi_base = np.array([[100.0], [110], [121], [NAN]]), np.full((4, 1), 10.0)

    found = oi_change_over(oi_usd, oi_base, bars=2)

    np.testing.assert_allclose(found.total_usd[:, 0], [NAN, NAN, 21, NAN])
    np.testing.assert_allclose(found.oi_price_usd[:, 0], [NAN, NAN, 21, NAN])
    np.testing.assert_allclose(found.oi_contracts_usd[:, 0], [NAN, NAN, 0, NAN])


def test_wrong_arguments_are_named():
    """The message says which argument to change."""
    one, two = np.ones(1), np.ones(2)

    with pytest.raises(QueryError, match="bars"):
        oi_change_over(np.ones((3, 1)), np.ones((3, 1)), bars=0)
    with pytest.raises(ValueError, match="must have the same shape"):
        oi_change(one, two, one, two)
