"""Measures: by bar as the indicators say, over spans by hand, absent where too little is known."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from analytics.indicators import change, momentum
from analytics.market.measures import LATE, MEASURES, bars_of_spans, by_bar, over_spans
from analytics.panels.panel import Pair, Panel
from analytics.signals.tiers import z_oi

NOW = datetime(2025, 10, 22, 12, tzinfo=UTC)
NAMES = ["5m", "15m"]


def panel(**columns):
    """One instrument's bars of five minutes."""
    values = {name: np.array(cells, float)[:, None] for name, cells in columns.items()}
    length = len(next(iter(values.values())))
    end = np.datetime64("2025-10-22T12:00", "ms")
    times = end - np.timedelta64(5, "m") * np.arange(length, 0, -1)
    return Panel(times, (Pair("okx", "BTC/USDT:USDT", "BTC"),), values, "5m", NOW)


def spans(measure, **columns):
    return over_spans(panel(**columns), MEASURES[measure], NAMES).values[:, 0].tolist()


def test_a_change_is_against_the_bar_so_long_before():
    found = spans("oi_delta_pct", oi_usd=[100, 100, 120, 150])

    assert found == pytest.approx([25, 50])


def test_a_change_of_funding_is_a_difference():
    """It may be negative or nought, so percent of it means nothing."""
    found = spans(
        "funding_delta_pp",
        funding_rate=[-0.0001, 0, 0.0001, 0.0003],
        funding_interval_h=[8, 8, 8, 8],
    )

    assert found == pytest.approx([0.02, 0.04])


def test_flows_are_summed_before_they_are_compared():
    found = spans(
        "taker_imbalance_pct", taker_buy_usd=[0, 0, 0, 30], taker_sell_usd=[0, 50, 40, 10]
    )

    assert found == pytest.approx([50, -100 * 70 / 130])


def test_a_newest_bar_that_is_not_written_yet_is_passed_over():
    """Bars are written with the next cycle: until then the market would look unknown."""
    nan = np.nan

    assert spans("oi_delta_pct", oi_usd=[100, 100, 120, 150, nan]) == pytest.approx([25, 50])
    assert spans("ls_accounts", ls_accounts=[9, 1, 2, 3, nan]) == pytest.approx([3, 2])


def test_a_pair_that_fell_silent_is_unknown_beside_one_that_did_not():
    """Its last words are not the present."""
    nan = np.nan
    both = np.array([[1, 1], [2, 2], [3, nan], [4, nan], [5, nan]])
    times = np.datetime64("2025-10-22T11:35", "ms") + np.arange(5) * np.timedelta64(5, "m")
    pairs = tuple(Pair("okx", f"{name}/USDT:USDT", name) for name in "AB")
    made = Panel(times, pairs, {"oi_usd": both}, "5m", NOW)

    found = over_spans(made, MEASURES["oi_delta_pct"], ["5m"]).values[0]

    np.testing.assert_array_equal(found, [25, nan])


def test_levels_are_means():
    assert spans("ls_accounts", ls_accounts=[9, 1, 2, 3]) == pytest.approx([3, 2])


@pytest.mark.parametrize(
    ("known", "expected"), [(12, 12.0), (9, 9.0), (8, np.nan)], ids=["all", "most", "too few"]
)
def test_a_sum_needs_three_quarters_of_its_bars(known, expected):
    """Half of a span's flow would look like little flow; what is shown says how much it is of."""
    made = panel(traded_usd=[np.nan] * (12 - known) + [1.0] * known)

    found = over_spans(made, MEASURES["traded_usd"], ["1h"])

    np.testing.assert_equal(found.values.item(), expected)
    assert found.coverage_pct.item() == pytest.approx(100 * known / 12)


def test_takers_are_known_as_far_as_both_sides_are():
    """An imbalance of ten bars of one side and twelve of the other is one of ten at best."""
    bought, sold = [1.0] * 12, [np.nan] * 2 + [1.0] * 10

    found = over_spans(
        panel(taker_buy_usd=bought, taker_sell_usd=sold), MEASURES["taker_imbalance_pct"], ["1h"]
    )

    assert found.coverage_pct.item() == pytest.approx(100 * 10 / 12)


def test_bars_say_how_much_of_them_is_known():
    made = panel(traded_usd=[5.0, 4.0], traded_coverage_pct=[100, 80])

    found = by_bar(made, MEASURES["traded_usd"])

    assert found.values[:, 0].tolist() == [5, 4]
    assert found.coverage_pct[:, 0].tolist() == [100, 80]
    assert MEASURES["traded_usd"].metrics == ("traded_usd", "traded_coverage_pct")
    assert by_bar(panel(oi_usd=[1.0, 2.0]), MEASURES["oi_usd"]).coverage_pct is None


def test_basis_is_of_the_mark_and_the_premium_of_the_last_trade():
    made = panel(mark=[101.0], close=[102.0], index=[100.0])

    assert by_bar(made, MEASURES["basis_pct"]).values.item() == pytest.approx(1)
    assert by_bar(made, MEASURES["last_premium_pct"]).values.item() == pytest.approx(2)


def test_liquidations_of_one_side_count_alone():
    """A venue may tell of one side only."""
    assert spans("liquidated_usd", liq_long_usd=[1, 2, 3], liq_short_usd=[np.nan] * 3) == [3, 6]


def test_by_bar_says_what_the_indicators_say():
    levels = 100 + np.cumsum(np.sin(np.arange(120.0)))
    made = panel(close=levels, oi_usd=levels)

    def of(name):
        return by_bar(made, MEASURES[name]).values

    column = levels[:, None]
    np.testing.assert_array_equal(of("price_delta_pct"), change.delta_pct(column))
    np.testing.assert_array_equal(of("rsi_14"), momentum.rsi(column))
    np.testing.assert_array_equal(of("z_oi"), z_oi(change.delta_pct(column)))


def test_an_empty_panel_has_no_values():
    empty = Panel(np.empty(0, "datetime64[ms]"), (), {"oi_usd": np.empty((0, 0))}, "5m", NOW)

    assert over_spans(empty, MEASURES["oi_delta_pct"], NAMES).values.shape == (2, 0)
    assert over_spans(empty, MEASURES["oi_usd"], NAMES).values.shape == (2, 0)


def test_so_many_bars_reach_back_to_the_longest_change():
    assert bars_of_spans(["5m", "1h"]) == 13 + LATE
