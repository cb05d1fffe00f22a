"""What simulated trades come to, against values by hand and formulas of pandas."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.trades.simulated import equity_figures
from analytics.trades.simulated.trade_figures import LEAST_TRADES, by_hour, by_pair, figures

BAR = pd.Timedelta("5min")
START = pd.Timestamp("2026-01-01", tz="UTC")


def curve(*values):
    return pd.Series(values, pd.date_range(START, freq=BAR, periods=len(values)), dtype=float)


def made(pnl, *, entries=None, hold=BAR, symbol="A", **columns):
    """Trades of USD 1,000 one after the other, or at *entries*, without costs."""
    entries = START + BAR * (1 + np.arange(len(pnl)) if entries is None else np.asarray(entries))
    frame = pd.DataFrame({"pnl_usd": pnl, "entry_ts": entries, "symbol": symbol, "venue": "okx"})
    frame = frame.assign(exit_ts=frame["entry_ts"] + hold, return_pct=frame["pnl_usd"] / 10)
    costs = dict.fromkeys(("fee_usd", "slippage_usd", "funding_usd", "mae_pct", "mfe_pct"), 0.0)
    costs |= {"settlements": 0, "settlements_missing": 0}
    return frame.assign(**{**costs, **columns})


def grid(bars):
    return pd.date_range(START, freq=BAR, periods=bars + 1)


def test_the_deepest_and_the_longest_drawdown_are_two():
    """From 120 to 90 in two bars; from 125 on nothing was higher for four, to the end."""
    equity = curve(100, 120, 110, 90, 121, 125, 124, 123, 124, 124.9)

    found = equity_figures.drawdown(equity)

    assert (found.depth_pct, found.depth_usd) == (-25, -30)
    assert [found.peak_ts, found.trough_ts, found.recovered_ts] == [
        START + n * BAR for n in (1, 3, 4)
    ]
    assert (found.longest, found.is_longest_over) == (4 * BAR, False)
    assert equity_figures.drawdown_pct(equity)[:4].tolist() == pytest.approx([0, 0, -100 / 12, -25])


def test_a_drawdown_that_is_over_can_be_the_longest():
    found = equity_figures.drawdown(curve(10, 9, 8, 9, 10, 11, 10))

    assert (found.longest, found.is_longest_over) == (timedelta(minutes=20), True)
    assert equity_figures.drawdown(curve(10, 11, 11)).longest == timedelta()


def test_ratios_are_those_of_their_sources():
    """Against pandas' own mean and deviations, of hourly bars of a year of 8,760 hours."""
    series = pd.Series(np.random.default_rng(1).normal(1e-4, 1e-3, 500))
    equity = pd.concat([pd.Series([1.0]), (1 + series).cumprod()])

    back = equity_figures.returns(equity)

    assert back == pytest.approx(series.to_numpy(), abs=1e-12)
    by_hand = series.mean() / series.std() * 8760**0.5
    assert equity_figures.sharpe(back, timedelta(hours=1)) == pytest.approx(by_hand)
    downside = (series.clip(upper=0).pow(2).sum() / len(series)) ** 0.5
    by_hand = series.mean() / downside * 8760**0.5
    assert equity_figures.sortino(back, timedelta(hours=1)) == pytest.approx(by_hand)


@pytest.mark.parametrize("ratio", [equity_figures.sharpe, equity_figures.sortino])
def test_a_ratio_of_nothing_is_absent(ratio):
    for back in ([], [0.0], [0.0, 0.0, 0.0]):
        assert np.isnan(ratio(np.array(back), BAR))


def test_figures_by_hand():
    """12 gains of 30 and 8 losses of 20, each after costs of 3 and 1 of funding received."""
    trades = made(
        np.repeat([30.0, -20.0], [12, 8]),
        entries=np.arange(20) * 50,
        fee_usd=2.0,
        slippage_usd=1.0,
        funding_usd=1.0,
        mae_pct=-0.5,
    )

    (found,) = figures(trades, grid(2_000)).to_dict("records")

    assert found["note"] is None
    assert found["trade_count"] == 20
    assert found["win_rate_pct"] == 60
    assert found["expectancy_usd"] == 10
    assert found["expectancy_pct"] == 1
    assert found["profit_factor"] == 360 / 160
    assert found["pnl_usd"] == 200
    assert found["gross_pnl_usd"] == 200 + 40 + 20 - 20
    assert (found["fee_usd"], found["slippage_usd"], found["funding_usd"]) == (40, 20, 20)
    assert (found["mae_pct"], found["holding_s"]) == (-0.5, 300)
    for name in ("win_rate_pct", "expectancy_usd", "profit_factor"):
        assert found[f"{name}_low"] < found[name] < found[f"{name}_high"]


def test_a_day_at_which_all_pairs_win_counts_once():
    """Fifty pairs that win or lose together say no more than one: their interval is as wide."""
    draw = np.random.default_rng(2)
    at = np.arange(100) * 60
    pnl = draw.normal(0, 10, 100)
    one = made(pnl, entries=at)
    all_pairs = pd.concat([one.assign(symbol=f"S{n}") for n in range(50)], ignore_index=True)

    (of_one,) = figures(one, grid(6_000)).to_dict("records")
    (of_all,) = figures(all_pairs, grid(6_000)).to_dict("records")

    assert of_all["expectancy_usd"] == pytest.approx(of_one["expectancy_usd"])
    width = of_one["expectancy_usd_high"] - of_one["expectancy_usd_low"]
    assert of_all["expectancy_usd_high"] - of_all["expectancy_usd_low"] == pytest.approx(width)
    # As an independent formula has it: 2 x 1.96 standard errors.
    assert width == pytest.approx(2 * 1.96 * pnl.std() / 10, rel=0.15)


def test_too_few_trades_say_so():
    trades = made([1.0] * 19, entries=np.arange(19) * 50)
    twice = pd.concat([trades, trades.assign(symbol="B")], ignore_index=True)

    (found,) = figures(twice, grid(2_000)).to_dict("records")

    assert found["note"] == f"19 trades at different times; at least {LEAST_TRADES} are needed"
    assert found["trade_count"] == 38
    assert found["pnl_usd"] == 38
    assert np.isnan([found["win_rate_pct"], found["expectancy_usd_low"]]).all()
    assert figures(trades.head(0), grid(9)).empty


def test_too_short_a_record_for_the_trades_says_so():
    """Trades of a day need blocks of three days, and five of them."""
    trades = made([1.0, -1.0] * 10, entries=np.arange(20) * 12, hold=timedelta(days=1))

    (found,) = figures(trades, grid(576)).to_dict("records")

    assert found["note"] == "2 d of bars; trades of 24 h need 15 d"


def test_sums_are_of_the_funding_that_is_known_and_open_trades_count():
    trades = made([1.0, -1.0] * 11, entries=np.arange(22) * 50, funding_usd=-0.5, settlements=2)
    trades.loc[0, ["funding_usd", "settlements_missing"]] = np.nan, 2
    trades.loc[21, "exit_ts"] = pd.NaT

    (found,) = figures(trades, grid(2_000)).to_dict("records")

    assert (found["funding_usd"], found["gross_pnl_usd"]) == (-10.5, 10.5)
    assert (found["settlements"], found["settlements_missing"]) == (44, 2)
    assert (found["trade_count"], found["open_count"], found["holding_s"]) == (22, 1, 300)
    assert found["win_rate_pct"] == 50


def test_without_a_loss_there_is_no_profit_factor():
    (found,) = figures(made([5.0] * 20, entries=np.arange(20) * 50), grid(2_000)).to_dict("records")

    assert found["note"] is None
    assert found["win_rate_pct"] == 100
    assert np.isinf(found["profit_factor"])


def test_pairs_and_hours_have_rows_of_their_own():
    """Hours are those of the entry, UTC, and a group with too few trades says so."""
    many = made(np.tile([2.0, -1.0], 15), entries=12 * 24 * np.arange(30) + 12 * 3)
    few = made([4.0, 4.0], entries=[12 * 24, 12 * 48], symbol="B")
    trades = pd.concat([many, few], ignore_index=True)

    pairs = by_pair(trades, grid(9_000)).set_index("symbol")
    hours = by_hour(trades, grid(9_000)).set_index("entry_hour")

    assert pairs["trade_count"].to_dict() == {"A": 30, "B": 2}
    assert pairs.loc["A", "expectancy_usd"] == 0.5
    assert pairs["pnl_usd"].to_dict() == {"A": 15, "B": 8}
    assert "2 trades at different times" in pairs.loc["B", "note"]
    assert np.isnan(pairs.loc["B", "expectancy_usd"])
    assert hours["trade_count"].to_dict() == {0: 2, 3: 30}
    assert hours.loc[3, "expectancy_usd_low"] < 0.5 < hours.loc[3, "expectancy_usd_high"]
