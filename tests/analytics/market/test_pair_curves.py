"""Curves: small whole numbers beside each pair, and nothing where nothing is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.indicators import bands, momentum
from analytics.market.pair_curves import METRICS, POINTS, pair_curves
from analytics.panels.panel import Panel

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)


def panel(**closes):
    """A panel of 5-minute bars that end at noon; open interest is ten times the close."""
    rows = [
        {
            "venue": "okx",
            "symbol": f"{base}/USDT:USDT",
            "base": base,
            "ts": NOON - timedelta(minutes=5) * (len(values) - nth),
            "close": close,
            "oi_usd": 10 * close,
        }
        for base, values in closes.items()
        for nth, close in enumerate(values)
    ]
    return Panel.from_frame(pd.DataFrame(rows), "5m", now=NOON)


def test_a_curve_runs_from_its_least_to_its_most():
    """As a part of its own range, oldest first."""
    row = pair_curves(panel(BTC=[100.0, 110.0, 102.0])).loc["okx", "BTC/USDT:USDT"]

    assert row["price_curve"].tolist() == [0, 100, 20]
    assert row["oi_curve"].tolist() == [0, 100, 20]
    assert row["price_curve"].dtype == np.uint8


def test_what_never_moved_is_a_line_in_the_middle():
    """It has no range to be a part of."""
    row = pair_curves(panel(BTC=[5.0, 5.0, 5.0])).iloc[0]

    assert row["price_curve"].tolist() == [50, 50, 50]


def test_a_bar_that_is_still_written_leaves_the_values_of_the_one_before():
    """Of the instrument without it alone; nothing older than that stays."""
    wave = [100.0 + nth % 3 for nth in range(30)]
    made = panel(BTC=wave, ETH=[*wave[:-1], np.nan], SOL=[*wave[:-2], np.nan, np.nan])
    names = ["rsi_14", "z_oi", "z_robust", "band_pct"]

    strict, waiting = pair_curves(made), pair_curves(made, waits=True)
    before = pair_curves(panel(ETH=wave[:-1]))

    of = {base: ("okx", f"{base}/USDT:USDT") for base in ("BTC", "ETH", "SOL")}
    assert strict.loc[of["ETH"], names].isna().all()
    assert waiting.loc[of["ETH"], names].equals(before.loc[of["ETH"], names])
    assert waiting.loc[of["BTC"], names].equals(strict.loc[of["BTC"], names])
    assert waiting.loc[of["SOL"], names].isna().all()
    minutes = [
        pd.Timedelta(NOON - waiting.loc[one, "bar_ended"]).seconds // 60 for one in of.values()
    ]
    assert minutes == [0, 5, 10]


def test_two_bars_are_no_curve():
    """They would be a cliff from the least to the most, however little they differ."""
    row = pair_curves(panel(BTC=[5.0, 5.1])).iloc[0]

    assert row["price_curve"].tolist() == []


def test_gaps_are_left_out():
    """Whole numbers cannot say that they are absent."""
    row = pair_curves(panel(BTC=[1.0, np.nan, 3.0, 2.0])).iloc[0]

    assert row["price_curve"].tolist() == [0, 100, 50]
    assert row["rsi_curve"].tolist() == []


def test_figures_are_those_of_the_newest_bar():
    """As the indicators say."""
    closes = [100 + 3 * np.sin(nth) for nth in range(60)]
    made = panel(BTC=closes)
    row = pair_curves(made).iloc[0]

    rsi = momentum.rsi(made.values["close"])
    assert len(row["price_curve"]) == len(row["rsi_curve"]) == POINTS
    assert row["rsi_14"] == pytest.approx(rsi[-1, 0])
    assert row["rsi_curve"].tolist() == np.rint(rsi[-POINTS:, 0]).tolist()
    assert row["band_pct"] == pytest.approx(
        100 * bands.bollinger(made.values["close"]).position[-1, 0]
    )
    assert np.isfinite(row["z_oi"])


def test_an_empty_panel_has_no_rows():
    """A young record has no bar of a day."""
    empty = pd.DataFrame({name: [] for name in ("venue", "symbol", "base", "ts", *METRICS)})

    assert pair_curves(Panel.from_frame(empty, "5m", now=NOON)).empty
