"""A panel of assets, against values worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.market.by_asset import asset, by_asset
from analytics.panels.panel import Panel

NAN = np.nan
START = datetime(2025, 10, 22, tzinfo=UTC)
BAR = timedelta(minutes=5)


def panel(*instruments, **metrics):
    """Make a panel of BTC on those venues, or of (venue, symbol, base); a column for each."""
    keys = [one if isinstance(one, tuple) else (one, "BTC/USDT:USDT", "BTC") for one in instruments]
    length = max(len(column) for columns in metrics.values() for column in columns)
    missing = [[NAN] * length for _ in keys]
    whole = {"close": missing, "oi_usd": missing, **metrics}
    frame = pd.concat(
        pd.DataFrame(
            {
                **dict(zip(("venue", "symbol", "base"), key, strict=True)),
                "ts": [START + n * BAR for n in range(length)],
                **{name: columns[nth] for name, columns in whole.items()},
            }
        )
        for nth, key in enumerate(keys)
    )
    return Panel.from_frame(frame, "5m", now=START + length * BAR)


def line(of, name, multipliers=(), base="BTC"):
    found = by_asset(of, dict(multipliers))
    return found.values[name][:, found.instruments.index(asset(base))].tolist()


def test_a_silent_venue_is_left_out_at_both_ends():
    """It is gone for a bar, and comes back larger: neither is a change of the others'."""
    oi = panel("binance", "okx", oi_usd=[[100, 110, 121, 121], [50, NAN, 100, 200]])

    total = line(oi, "oi_usd")

    assert total[2:] == [221, 321], "the newest are plain sums"
    assert total[2] / total[1] == pytest.approx(121 / 110)
    assert total[1] / total[0] == pytest.approx(110 / 100)


def test_a_venue_that_has_not_written_its_bar_yet_moves_nothing():
    """The sum goes on by the change of those that have; after three bars it is without it."""
    late = panel("binance", "okx", oi_usd=[[100, 100, 110], [300, 300, NAN]])
    gone = panel("binance", "okx", oi_usd=[[100, 100, 110, 110, 110], [300, 300, NAN, NAN, NAN]])

    assert line(late, "oi_usd") == pytest.approx([400, 400, 440])
    assert line(gone, "oi_usd") == pytest.approx([100, 100, 110, 110, 110])


def test_the_price_per_coin_moves_as_its_venues_do():
    """One quoted by the thousand, one that joins at another price."""
    pepe = panel(
        ("binance", "1000PEPE/USDT:USDT", "PEPE"),
        ("okx", "PEPE/USDT:USDT", "PEPE"),
        close=[[1.0, 1.1, 1.21], [NAN, 0.0022, 0.00242]],
        mark=[[1.01, 1.111, 1.2221], [NAN, 0.00222, NAN]],
        oi_usd=[[300, 300, 300], [100, 100, 100]],
    )
    units = {("binance", "1000PEPE/USDT:USDT"): 1000.0}

    close = line(pepe, "close", units, "PEPE")
    mark = line(pepe, "mark", units, "PEPE")

    assert close[1:] == pytest.approx(
        [(300 * 0.0011 + 100 * 0.0022) / 400, (300 * 0.00121 + 100 * 0.00242) / 400]
    )
    assert close[1] / close[0] == pytest.approx(1.1)
    ratios = [1.01, (300 * 1.01 + 100 * 222 / 220) / 400, 1.01]
    assert np.divide(mark, close).tolist() == pytest.approx(ratios)


def test_means_are_by_open_interest_and_step_with_nobody():
    """Funding of 8 and of 4 hours; long/short as shares of longs."""
    both = panel(
        "binance",
        "okx",
        oi_usd=[[300, 300], [100, 100]],
        funding_rate=[[0.0001, 0.0002], [NAN, 0.0003]],
        funding_interval_h=[[8, 8], [4, 4]],
        ls_accounts=[[1, 3], [NAN, 1]],
        book_imbalance=[[0.1, 0.2], [NAN, 0.6]],
    )

    assert line(both, "funding_rate") == pytest.approx([0.0002, 0.0003])
    assert line(both, "funding_interval_h") == [8, 8]
    shares = np.array(line(both, "ls_accounts"))
    assert (shares / (1 + shares)).tolist() == pytest.approx([0.6875 - 0.25, 0.6875])
    assert line(both, "book_imbalance") == pytest.approx([0.1, (300 * 0.2 + 100 * 0.6) / 400])


def test_flows_say_how_much_of_them_is_known():
    """A venue without the stream is not missed; one that falls silent is."""
    flows = panel(
        "binance",
        "bybit",
        "okx",
        taker_buy_usd=[[1, 2], [3, NAN], [NAN, NAN]],
        taker_buy_coverage_pct=[[100, 100], [100, 0], [0, 0]],
    )

    assert line(flows, "taker_buy_usd") == [4, 2]
    assert line(flows, "taker_buy_coverage_pct") == [100, 50]


def test_where_nothing_links_two_bars_nothing_is_known_of_the_step():
    apart = panel("binance", "okx", oi_usd=[[NAN, NAN, 7], [4, NAN, NAN]])

    assert np.isnan(line(apart, "oi_usd")[:2]).all()
    assert line(apart, "oi_usd")[2] == 7
    assert line(panel("okx", oi_usd=[[NAN, 4]]), "oi_usd")[1] == 4


def test_without_open_interest_all_weigh_alike():
    old = panel("binance", "okx", close=[[10, 20], [12, 22]])

    assert line(old, "close") == [11, 21]


def test_a_panel_of_nothing_has_no_assets():
    nothing = panel("binance", close=[[1.0]])
    empty = Panel(nothing.times[:0], (), {"close": np.empty((0, 0))}, "5m", nothing.now)

    assert by_asset(empty, {}).shape == (0, 0)
