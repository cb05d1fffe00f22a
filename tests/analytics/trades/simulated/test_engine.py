"""Simulated trades: against vectorbt, by hand, and what holds for any signals."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.errors import QueryError
from analytics.trades.simulated import engine
from analytics.trades.simulated.engine import simulate
from analytics.trades.simulated.plan import (
    Fee,
    FixedUsd,
    PercentOfEquity,
    Plan,
    SlippageBps,
    SlippageOfBook,
    VolatilityTarget,
)
from analytics.trades.simulated.result import TRADE_COLUMNS, UNFILLED_COLUMNS
from analytics.trades.simulated.settlements import Stated, settlements
from analytics.trades.simulated.signals import Signals

from .bars import START, at, column, hours, longs, market, panel, random_signals

BAR = pd.Timedelta(minutes=5)
FEE = Fee(maker_pct=0.02, taker_pct=0.05)
PLAN = Plan(fees={"binance": FEE})


def vectorbt_equity(of, signals, plan, folder):
    """The account after each bar by vectorbt, which fills the signals of a bar at its open."""
    moved = [np.vstack([np.zeros_like(flags[:1]), flags[:-1]]) for flags in signals.parts]
    if plan.side == "long":
        moved[2:] = [np.zeros_like(flags) for flags in moved[2:]]
    names = (field.name for field in fields(Signals))
    case = dict(zip(names, moved, strict=True))
    np.savez(
        folder / "case.npz",
        **case,
        **{name: of.values[name] for name in ("open", "close")},
        size_usd=plan.size.usd,
        fee=plan.fees["binance"].taker_pct / 100,
        slippage=plan.slippage.bps / 10_000,
        start_usd=plan.start_usd,
    )
    child = Path(__file__).with_name("in_vectorbt.py")
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    arguments = [sys.executable, child, folder / "case.npz", folder / "equity.npy"]
    subprocess.run(arguments, check=True, env=environment)
    return np.load(folder / "equity.npy")


def test_equity_is_that_of_vectorbt(tmp_path):
    """Longs and shorts that reverse, in four pairs; 1e-9 of every bar's equity."""
    of = market(300, 4, 1, gaps=False)
    signals = random_signals(of, 2)
    plan = replace(PLAN, side="both", start_usd=1e6, slippage=SlippageBps(7))
    found = simulate(of, signals, plan)
    assert len(found.trades) > 100
    assert set(found.trades["side"]) == {"long", "short"}
    theirs = vectorbt_equity(of, signals, plan, tmp_path)
    np.testing.assert_allclose(found.equity_usd.to_numpy()[1:], theirs, rtol=1e-9)


def by_hand():
    """One pair from 07:00 on, funding every 4 hours, a long of 1,000 USD."""
    opens = [100.0] * 11 + [100.0, 104.0, 108.0, 110.0]
    closes = [100.0] * 11 + [102.0, 106.0, 109.0, 110.0]
    of = panel({"open": column(opens), "high": column([o + 3 for o in opens]),
                "low": column([o - 2 for o in opens]), "close": column(closes)})  # fmt: skip
    rate, interval = column([1e-4, 5e-4]), column([4.0, 4.0])
    paid = panel(
        {"funding_rate": rate, "funding_interval_h": interval, "mark": column([101.0, 107.0]),
         "close": column([100.0, 109.0])}, timeframe="1h",
    )  # fmt: skip
    return of, settlements(paid, of.instruments)


def test_a_long_with_funding_by_hand():
    """Signal in the bar 07:50, which ends 07:55; exit in 08:00, which ends 08:05."""
    of, funding = by_hand()
    plan = replace(PLAN, slippage=SlippageBps(10))
    found = simulate(of, longs(at(15, 10), at(15, 12)), plan, funding=funding)
    (trade,) = found.trades.to_dict("records")
    assert trade["signal_ts"] == trade["entry_ts"] == pd.Timestamp("2026-01-01 07:55Z")
    assert trade["exit_ts"] == pd.Timestamp("2026-01-01 08:05Z")
    # 1,000 USD at the open of 100 are 10 units, bought 10 bp above it, sold 10 bp below 108.
    assert trade["units"] == 10
    assert trade["entry_price"] == pytest.approx(100.1)
    assert trade["exit_price"] == pytest.approx(107.892)
    assert trade["slippage_usd"] == pytest.approx(10 * 0.1 + 10 * 0.108)
    # 0.05 % of 1,001.00 and of 1,078.92.
    assert trade["fee_usd"] == pytest.approx(0.5005 + 0.53946)
    # At 08:00 the rate was 0.01 % on 10 units x the mark of 101: a long pays 0.101.
    assert trade["funding_usd"] == pytest.approx(-0.101)
    assert (trade["settlements"], trade["settlements_missing"]) == (1, 0)
    # 1,078.92 - 1,001.00 = 77.92, less 1.03996 of fees and 0.101 of funding.
    assert trade["pnl_usd"] == pytest.approx(76.77904)
    assert trade["return_pct"] == pytest.approx(7.677904)
    # The bars 07:55 and 08:00 were held: low 98, high 107; the exit at 107.892 is higher.
    assert trade["mae_pct"] == pytest.approx(100 * (98 / 100.1 - 1))
    assert trade["mfe_pct"] == pytest.approx(100 * (107.892 / 100.1 - 1))
    assert trade["exit_reason"] == "signal"
    # At 08:00: 10,000 - 0.5005 - 0.101 + 10 x (102 - 100.1).
    equity = found.equity_usd
    assert equity[START] == 10_000
    assert equity[START + 12 * BAR] == pytest.approx(10_000 - 0.5005 - 0.101 + 19)
    assert found.exposure_usd[START + 12 * BAR] == pytest.approx(1020)
    assert equity.iloc[-1] == pytest.approx(10_076.77904)
    assert found.exposure_usd.iloc[-1] == 0


@pytest.mark.parametrize(
    ("entry", "exit_", "stop", "settlements_due"),
    [
        # Opened at 08:00, when funding is paid: too late for it.
        (11, 13, None, 0),
        # Closed at 08:00: it pays.
        (5, 11, None, 1),
        # Stopped in the bar that ends at 08:00: before.
        (10, 13, 1.5, 0),
    ],
)
def test_a_position_pays_what_falls_due_while_it_is_held(entry, exit_, stop, settlements_due):
    of, funding = by_hand()
    plan = replace(PLAN, stop_pct=stop)
    trade = simulate(of, longs(at(15, entry), at(15, exit_)), plan, funding=funding).trades.iloc[0]
    assert trade["settlements"] == settlements_due
    assert trade["funding_usd"] == pytest.approx(-settlements_due * 1e-4 * 101 * 10)
    assert (trade["exit_reason"] == "stop") == (stop is not None)


def test_a_short_is_paid_and_an_open_one_is_worth_the_last_close():
    """The short of bar 07:55 is still open at 08:15; it receives at 08:00, and pays no exit fee."""
    of, funding = by_hand()
    none = at(15)
    signals = Signals(none, none, at(15, 10), none)
    found = simulate(of, signals, replace(PLAN, side="short"), funding=funding)
    (trade,) = found.trades.to_dict("records")
    assert trade["exit_reason"] == "end"
    assert trade["exit_ts"] is pd.NaT
    assert np.isnan(trade["exit_price"])
    assert trade["funding_usd"] == pytest.approx(0.101)
    # 10 units from 100 to 110, the entry's fee of 0.50.
    assert trade["pnl_usd"] == pytest.approx(-100 - 0.5 + 0.101)
    assert found.exposure_usd.iloc[-1] == pytest.approx(1100)


def test_a_settlement_that_is_not_recorded_is_counted_and_not_0():
    """Of one alone nothing is known; of two the one that is."""
    of, _ = by_hand()
    unknown = hours(of, 1, missing=1.0)
    signals = longs(at(15, 10), at(15, 12))
    found = simulate(of, signals, PLAN, funding=settlements(unknown, of.instruments)).trades
    assert found["funding_usd"].isna().all()
    assert (found["settlements"] == found["settlements_missing"]).all()
    assert found["settlements"].item() == 1
    long_market = market(600, 1, 3, gaps=False)
    values = {"funding_rate": column([np.nan if n % 16 == 7 else 1e-4 for n in range(51)])}
    values |= {"funding_interval_h": column([8.0] * 51), "mark": column([100.0] * 51)}
    paid = panel(values | {"close": column([100.0] * 51)}, start=START.replace(hour=0),
                 timeframe="1h")  # fmt: skip
    of = replace(long_market, times=long_market.times - np.timedelta64(7, "h"))
    held = longs(at(600, 10), at(600, 590))
    (trade,) = simulate(of, held, PLAN, funding=settlements(paid, of.instruments)).trades.to_dict(
        "records"
    )
    assert (trade["settlements"], trade["settlements_missing"]) == (6, 3)
    assert trade["funding_usd"] == pytest.approx(-3 * 1e-4 * 100 * trade["units"])
    assert np.isnan(simulate(of, held, PLAN).trades["funding_usd"].item())


def test_an_inverse_contract_pays_on_its_notional_at_the_entry():
    of, _ = by_hand()
    values = {"funding_rate": column([1e-4, 1e-4]), "funding_interval_h": column([8.0, 8.0])}
    paid = panel(values | dict.fromkeys(("mark", "close"), column([120.0, 120.0])),
                 timeframe="1h")  # fmt: skip
    inverse = settlements(paid, of.instruments, {of.instruments[0][:2]})
    trade = simulate(of, longs(at(15, 10), at(15, 12)), PLAN, funding=inverse).trades
    assert trade["funding_usd"].item() == pytest.approx(-1e-4 * 1000)


def test_funding_is_paid_when_the_venue_said_it_would_be():
    """An interval of 8 hours was stated, and a payment at 09:00 instead of 08:00."""
    values = {"funding_rate": column([1e-4, 2e-4, 3e-4]), "funding_interval_h": column([8.0] * 3)}
    paid = panel(values | dict.fromkeys(("mark", "close"), column([100.0] * 3)), timeframe="1h")
    of = market(36, 1, 1, gaps=False)
    held = longs(at(36, 1), at(36, 33))
    hour_ms = round(START.timestamp() * 1000) + 3_600_000
    pair = of.instruments[0][:2]
    stated = [Stated(*pair, hour_ms, is_due=False), Stated(*pair, hour_ms + 3_600_000, is_due=True)]
    stated.append(Stated("okx", "other", hour_ms, is_due=True))
    funding = settlements(paid, of.instruments, stated=stated)
    (trade,) = simulate(of, held, PLAN, funding=funding).trades.to_dict("records")
    assert trade["settlements"] == 1
    assert trade["funding_usd"] == pytest.approx(-2e-4 * 100 * trade["units"])


@pytest.mark.parametrize(
    ("bar", "stop", "target", "reason", "price"),
    [
        # Bar 3 reaches both: the stop is taken to have come first.
        ({"high": 106.0, "low": 94.0}, 5, 5, "stop", 95.0),
        ({"high": 106.0, "low": 96.0}, 5, 5, "target", 105.0),
        # It opens beyond them.
        ({"open": 90.0, "high": 91.0, "low": 89.0}, 5, 5, "stop", 90.0),
        ({"open": 108.0, "high": 109.0, "low": 107.0}, 5, 5, "target", 108.0),
        # Nothing of it is recorded, and bar 4 opens beyond the stop.
        ({"open": np.nan, "high": np.nan, "low": np.nan, "close": np.nan}, 2, 9, "stop", 97.0),
    ],
)
def test_stop_and_target_within_a_bar(bar, stop, target, reason, price):
    values = {name: column([100.0] * 6) for name in ("open", "high", "low", "close")}
    for name in values:
        values[name][4:] = 97.0
    for name, value in bar.items():
        values[name][3] = value
    plan = replace(PLAN, stop_pct=stop, target_pct=target)
    (trade,) = simulate(panel(values), longs(at(6, 0), at(6)), plan).trades.to_dict("records")
    assert (trade["exit_reason"], trade["exit_price"]) == (reason, pytest.approx(price))
    fee_pct = FEE.maker_pct if reason == "target" else FEE.taker_pct
    fee = 1000 * FEE.taker_pct / 100 + 10 * price * fee_pct / 100
    assert trade["fee_usd"] == pytest.approx(fee)
    hit = 4 if np.isnan(bar.get("open", 0.0)) else 3
    assert trade["exit_ts"] == START + (hit + 1) * BAR
    # What the bar of the exit reached may have been after it.
    assert trade["mae_pct"] == pytest.approx(min(price - 100, 0))
    assert trade["mfe_pct"] == pytest.approx(max(price - 100, 0))


def test_a_time_limit_ends_at_the_open_and_a_reversal_at_its_own():
    of = market(60, 1, 1, gaps=False)
    limited = replace(PLAN, time_limit=timedelta(minutes=20))
    trades = simulate(of, longs(at(60, 3, 5, 10), at(60)), limited).trades
    # Bar 5 signals while the first is held; bar 8's open ends it.
    assert trades["entry_ts"].tolist() == [START + 4 * BAR, START + 11 * BAR]
    assert trades["exit_ts"].tolist() == [START + 8 * BAR, START + 15 * BAR]
    assert set(trades["exit_reason"]) == {"time"}
    none = at(60)
    turned = simulate(of, Signals(at(60, 3), none, at(60, 9), none), replace(PLAN, side="both"))
    assert turned.trades["side"].tolist() == ["long", "short"]
    assert turned.trades["exit_ts"][0] == turned.trades["entry_ts"][1] == START + 10 * BAR


def test_sizes_of_equity_and_of_volatility():
    of = market(80, 2, 5, gaps=False)
    signals = longs(at(80, 30, 50, pairs=2), at(80, 45, 65, pairs=2))
    found = simulate(of, signals, replace(PLAN, size=PercentOfEquity(10)))
    expected = [0.1 * found.equity_usd.iloc[n + 1] for n in (30, 30, 50, 50)]
    assert found.trades["size_usd"].tolist() == pytest.approx(expected, rel=1e-12)
    by_volatility = replace(PLAN, size=VolatilityTarget(100, window=20, most_pct=50))
    sizes = simulate(of, signals, by_volatility).trades["size_usd"]
    returns = np.diff(np.log(of.values["close"][10:31, 0]))
    annual = 100 * returns.std(ddof=1) * np.sqrt(365 * 288)
    assert sizes[0] == pytest.approx(10_000 * min(100 / annual, 0.5))
    early = simulate(of, longs(at(80, 5, pairs=2), at(80, pairs=2)), by_volatility)
    assert early.trades.empty
    assert early.unfilled["reason"].tolist() == ["volatility not known"] * 2


def test_half_the_recorded_spread():
    of = market(30, 1, 5, gaps=False)
    of.values["spread_bps"][9] = np.nan
    plan = replace(PLAN, slippage=SlippageOfBook(impact_bps=2))
    found = simulate(of, longs(at(30, 5, 9), at(30, 7)), plan)
    (trade,) = found.trades.to_dict("records")
    opens, spread = of.values["open"][:, 0], of.values["spread_bps"][:, 0]
    assert trade["entry_price"] == pytest.approx(opens[6] * (1 + (spread[5] / 2 + 2) / 1e4))
    assert trade["exit_price"] == pytest.approx(opens[8] * (1 - (spread[7] / 2 + 2) / 1e4))
    assert found.unfilled["reason"].tolist() == ["no spread recorded before it"]


def test_a_gap_fills_nothing_and_an_exit_waits_for_its_end():
    values = {name: column([100.0 + n for n in range(12)]) for name in ("open", "close")}
    for cells in values.values():
        cells[[3, 7, 8]] = np.nan
    found = simulate(panel(values), longs(at(12, 2, 4), at(12, 6)), PLAN)
    (trade,) = found.trades.to_dict("records")
    assert (trade["entry_price"], trade["exit_price"]) == (105, 109)
    assert np.isnan(trade["mae_pct"])
    assert list(found.unfilled) == list(UNFILLED_COLUMNS)
    assert found.unfilled["signal_ts"].tolist() == [START + 3 * BAR, START + 7 * BAR]
    assert found.unfilled["reason"].tolist() == [
        "no bar recorded after it",
        "exit: no bar recorded after it; filled at the next",
    ]
    # Bars 7 and 8 are worth the close of bar 6.
    assert found.equity_usd.iloc[9] == found.equity_usd.iloc[7]


def test_a_bar_recorded_in_part_is_worth_the_entry():
    """Its open filled a trade; the close of the trade before says nothing of it."""
    values = {name: column([100.0] * 4 + [150.0] * 8) for name in ("open", "close")}
    values["close"][6] = np.nan
    found = simulate(panel(values), longs(at(12, 1, 5), at(12, 3)), PLAN)
    before, at_entry = found.equity_usd.iloc[[6, 7]]
    assert before - at_entry == pytest.approx(0.5)
    assert found.exposure_usd.iloc[7] == pytest.approx(1000)


def test_what_a_bar_reached_after_a_stop_counts_for_nothing():
    """The stop of 95 lies in the bar of the entry, whose low is 80."""
    values = {name: column([100.0] * 6) for name in ("open", "high", "low", "close")}
    values["low"][2] = 80
    found = simulate(panel(values), longs(at(6, 1), at(6)), replace(PLAN, stop_pct=5))
    assert found.trades["mae_pct"].item() == pytest.approx(-5)


def test_nothing_at_all():
    of = market(20, 2, 1)
    found = simulate(of, longs(at(20, pairs=2), at(20, pairs=2)), PLAN)
    assert list(found.trades) == list(TRADE_COLUMNS)
    assert found.trades.empty
    assert (found.equity_usd == 10_000).all()
    # What the last bar signals would be filled at an open that is still to come.
    last = simulate(of, longs(at(20, 19, pairs=2), at(20, pairs=2)), PLAN)
    assert last.trades.empty
    assert last.unfilled.empty


def test_wrong_input_is_refused():
    of, signals = market(20, 1, 1), longs(at(20), at(20))
    for wrong in (
        {"stop_pct": 0}, {"stop_pct": 100}, {"target_pct": 100, "side": "short"},
        {"most_positions": 0}, {"size": FixedUsd(-1)}, {"size": FixedUsd(float("nan"))},
        {"slippage": SlippageBps(-1)}, {"size": VolatilityTarget(10, window=1)},
    ):  # fmt: skip
        with pytest.raises(QueryError):
            Plan(**wrong)
    with pytest.raises(QueryError, match="no whole number of 5m"):
        simulate(of, signals, replace(PLAN, time_limit=timedelta(minutes=7)))
    with pytest.raises(QueryError, match="none is known for 'binance'"):
        simulate(of, signals, Plan(fees={"okx": FEE}))
    with pytest.raises(QueryError, match="signals: they are"):
        simulate(of, longs(at(19), at(19)), PLAN)
    bare = replace(of, values={name: of.values[name] for name in engine.NEEDED})
    with pytest.raises(QueryError, match="it has no high, low"):
        simulate(bare, signals, replace(PLAN, stop_pct=1))


PLANS = st.builds(
    Plan,
    side=st.sampled_from(["long", "short", "both"]),
    size=st.sampled_from([FixedUsd(500), PercentOfEquity(30), VolatilityTarget(80, 5)]),
    slippage=st.sampled_from([SlippageBps(5), SlippageOfBook(1)]),
    stop_pct=st.sampled_from([None, 1.5]),
    target_pct=st.sampled_from([None, 3.0]),
    time_limit=st.sampled_from([None, timedelta(minutes=45)]),
    most_positions=st.sampled_from([None, 1, 2]),
)


@settings(max_examples=25)
@given(plan=PLANS, seed=st.integers(0, 999), cut=st.integers(60, 239))
def test_what_holds_for_any_plan(plan, seed, cut):
    of = market(240, 3, seed)
    signals = random_signals(of, seed)
    funding = settlements(hours(of, seed), of.instruments)
    found = simulate(of, signals, plan, funding=funding)
    trades, equity = found.trades, found.equity_usd
    assert equity.iloc[-1] == pytest.approx(equity.iloc[0] + trades["pnl_usd"].sum(), rel=1e-12)
    assert equity.notna().all()
    assert (trades["signal_ts"] <= trades["entry_ts"]).all()
    assert ((trades["exit_ts"] > trades["entry_ts"]) | trades["exit_ts"].isna()).all()
    if isinstance(plan.size, PercentOfEquity):
        known = equity[trades["signal_ts"]].to_numpy()
        np.testing.assert_allclose(trades["size_usd"], 0.3 * known, rtol=1e-12)
    _fills_are_of_recorded_bars(of, trades)
    _at_most_open(trades, plan.most_positions or 3, equity.index[-1])
    _past_is_the_same(of, signals, plan, (funding, found), cut)


def _fills_are_of_recorded_bars(of, trades):
    starts = pd.DatetimeIndex(of.times, tz="UTC")
    place = {pair.symbol: n for n, pair in enumerate(of.instruments)}
    columns = trades["symbol"].map(place).to_numpy(np.intp)
    opens = of.values["open"]
    assert np.isfinite(opens[starts.get_indexer(trades["entry_ts"]), columns]).all()
    at_open = trades["exit_reason"].isin(["signal", "time"]).to_numpy()
    rows = starts.get_indexer(trades["exit_ts"][at_open])
    assert np.isfinite(opens[rows, columns[at_open]]).all()
    within = trades["exit_reason"].isin(["stop", "target"]).to_numpy()
    rows = starts.get_indexer(trades["exit_ts"][within] - BAR)
    # A bar may be recorded in part.
    reached = np.fmax(of.values["low"], of.values["high"])
    assert np.isfinite(reached[rows, columns[within]]).all()


def _at_most_open(trades, most, end):
    until = trades["exit_ts"].fillna(end)
    for ts in trades["entry_ts"]:
        # What ends at an open makes room for what begins there.
        held = (trades["entry_ts"] <= ts) & (until > ts)
        assert held.sum() <= most
        assert trades.loc[held, "symbol"].is_unique


def _past_is_the_same(of, signals, plan, known, cut):
    """What later bars add changes nothing of before."""
    funding, found = known
    values = {name: cells[:cut] for name, cells in of.values.items()}
    early = replace(of, times=of.times[:cut], values=values)
    then = simulate(early, signals.only(slice(cut)), plan, funding=funding)
    pd.testing.assert_series_equal(then.equity_usd, found.equity_usd.iloc[: cut + 1])
    over = then.trades[then.trades["exit_ts"].notna()]
    later = found.trades.loc[over.index]
    pd.testing.assert_frame_equal(over, later)
    entered = found.trades[found.trades["entry_ts"] < then.equity_usd.index[-1]]
    entry = ["symbol", "side", "signal_ts", "entry_ts", "entry_price", "size_usd", "units"]
    pd.testing.assert_frame_equal(then.trades[entry], entered[entry])
