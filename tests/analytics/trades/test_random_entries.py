"""Random entries: the engine's own fills, luck in the middle, knowledge of the future beyond it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.panels.panel import Panel
from analytics.trades.simulated import random_entries as luck
from analytics.trades.simulated.engine import simulate
from analytics.trades.simulated.plan import FixedUsd, Plan, SlippageBps, SlippageOfBook
from analytics.trades.simulated.settlements import Settlements
from analytics.trades.simulated.signals import Signals
from analytics.trades.simulated.summary import buy_and_hold, results

BARS = 2_000
HOUR = timedelta(hours=1)
SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT")


def market(seed=1, gaps=()):
    """Hourly bars of two pairs at random, without any in *gaps*, and their settlements."""
    draw = np.random.default_rng(seed)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    frames = []
    for symbol in SYMBOLS:
        close = 100 * np.exp(draw.normal(0, 0.01, BARS).cumsum())
        opened = np.append(100.0, close[:-1])
        frame = pd.DataFrame(
            {"open": opened, "close": close, "ts": pd.date_range(start, freq="h", periods=BARS)}
        )
        frame["spread_bps"] = draw.uniform(1, 5, BARS)
        frame = frame.assign(venue="binance", symbol=symbol, base=symbol[:3])
        frames.append(frame.drop(index=list(gaps)))
    panel = Panel.from_frame(pd.concat(frames), "1h", now=start + BARS * HOUR)
    hours = np.arange(BARS)
    ends_ms = panel.times.astype("datetime64[ms]").astype(np.int64) + 3_600_000
    due = np.broadcast_to(((hours + 1) % 8 == 0)[:, None], panel.shape)
    rate = draw.normal(1e-4, 1e-4, panel.shape)
    funding = Settlements(ends_ms, due, rate, panel.values["close"], np.array([False, False]))
    return panel, funding


def signals(panel, entries, hold):
    """Longs of the first pair, shorts of the second: entered at *entries*, left after *hold*."""
    long_, short, exits = (np.zeros(panel.shape, bool) for _ in range(3))
    long_[entries, 0] = short[entries, 1] = True
    exits[np.asarray(entries) + hold] = True
    return Signals(long_, exits, short, exits)


PLANS = {
    "bps": Plan(side="both", slippage=SlippageBps(3.0)),
    "book": Plan(side="both", slippage=SlippageOfBook(1.0), size=FixedUsd(500.0)),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_trades_at_their_own_places_earn_what_the_engine_says(plan):
    """So random runs have the fills, fees, slippage and funding of the run beside them."""
    panel, funding = market(gaps=range(700, 720))
    run = simulate(panel, signals(panel, range(5, 1_900, 40), 13), plan, funding=funding)

    for column, symbol in enumerate(SYMBOLS):
        lane = luck.lane_of(panel, plan, funding, column)
        mine = run.trades[run.trades["symbol"] == symbol]
        entry, until = luck.places(mine, panel, lane)
        sign = np.where(mine["side"] == "long", 1.0, -1.0)
        found = lane.pnl_usd(sign, mine["size_usd"].to_numpy(), entry, until)

        assert len(mine) > 40
        assert found == pytest.approx(mine["pnl_usd"].to_numpy(), abs=1e-9)


def test_a_signal_at_random_lies_in_the_middle():
    """Over 25 random signals percentiles are spread around 50, half of them near it."""
    found = []
    for seed in range(25):
        panel, funding = market(seed)
        entries = np.sort(np.random.default_rng(seed).choice(np.arange(1, 190), 60, False)) * 10
        run = simulate(panel, signals(panel, entries, 4), PLANS["bps"], funding=funding)
        runs = luck.random_entries(run.trades, panel, PLANS["bps"], funding, runs=100)
        found.append(runs.percentile)

    assert 40 < np.mean(found) < 60
    assert 0.25 < np.mean((np.array(found) > 25) & (np.array(found) < 75)) < 0.75


def test_a_signal_that_knows_the_future_lies_beyond_99_percent():
    panel, funding = market()
    close = panel.values["close"][:, 0]
    entries = np.flatnonzero(close[1:-2] > 1.01 * close[:-3])
    known = np.zeros(panel.shape, bool)
    known[entries, 0] = True
    out = np.zeros(panel.shape, bool)
    out[entries + 1, 0] = True
    nothing = np.zeros(panel.shape, bool)
    plan = Plan(slippage=SlippageBps(1.0))

    run = simulate(panel, Signals(known, out & ~known, nothing, nothing), plan, funding=funding)
    runs = luck.random_entries(run.trades, panel, plan, funding)

    assert len(runs.pnl_usd) == luck.RUNS
    assert runs.percentile > 99
    assert runs.own_usd == pytest.approx(run.trades["pnl_usd"].sum())


def test_runs_have_the_same_exposure_and_are_the_same_each_time():
    """Trades of one pair do not overlap, and all hold as long as those they are made from."""
    panel, funding = market()
    plan = PLANS["bps"]
    run = simulate(panel, signals(panel, range(5, 1_900, 20), 15), plan, funding=funding)
    seen = []

    class Watched(luck.Lane):
        def pnl_usd(self, sign, size_usd, entry, until):
            seen.append((entry, until))
            return luck.Lane.pnl_usd(self, sign, size_usd, entry, until)

    lane = luck.lane_of(panel, plan, None, 0)
    mine = run.trades[run.trades["symbol"] == SYMBOLS[0]]
    entry, until = luck.places(mine, panel, lane)
    watched = Watched(*(getattr(lane, name) for name in lane.__dataclass_fields__))
    held = until - entry
    luck._drawn(
        watched, (held, np.ones(len(held)), np.ones(len(held))), 50, np.random.default_rng(1)
    )

    ((entries, ends),) = seen
    assert (np.sort(ends - entries, axis=1) == np.sort(held)).all()
    assert (entries[:, 1:] >= ends[:, :-1]).all()
    assert entries.min() < 100
    assert ends.max() > BARS - 100
    assert ends.max() <= BARS
    again = [luck.random_entries(run.trades, panel, plan, funding).pnl_usd for _ in range(2)]
    assert (again[0] == again[1]).all()


def test_buy_and_hold_is_of_equal_parts_from_the_first_fill_to_the_end():
    """By hand, with fee and slippage at the entry alone and funding on the way."""
    panel, funding = market()
    plan = Plan(slippage=SlippageBps(10.0), stop_pct=1.0, most_positions=1, time_limit=HOUR)

    held = buy_and_hold(panel, plan, funding)

    worth = 10_000.0
    for column in range(2):
        opened = panel.values["open"][1, column]
        units = 5_000 / opened
        at = opened * 1.001
        worth += units * (panel.values["close"][-1, column] - at) - units * at * 0.0005
        paid = (funding.rate * funding.price * funding.due)[1:, column].sum()
        worth -= units * paid
    assert held.equity_usd.iloc[-1] == pytest.approx(worth, abs=1e-9)
    assert len(held.trades) == 2


def test_results_put_all_of_it_together():
    panel, funding = market()
    plan = PLANS["bps"]
    run = simulate(panel, signals(panel, range(5, 1_900, 20), 6), plan, funding=funding)

    found = results(run, panel, plan, funding)

    assert found.curve.note is None
    assert found.curve.end_usd == pytest.approx(10_000 + run.trades["pnl_usd"].sum())
    assert found.curve.sharpe.low < found.curve.sharpe.value < found.curve.sharpe.high
    assert found.trades["trade_count"] == len(run.trades) == found.by_pair["trade_count"].sum()
    assert found.by_hour["pnl_usd"].sum() == pytest.approx(run.trades["pnl_usd"].sum())
    assert found.held_curve.sharpe.value == pytest.approx(found.held_curve.sharpe.value)
    assert 0 < found.random.percentile < 100


def test_no_trades_are_no_figures():
    panel, funding = market()
    nothing = np.zeros(panel.shape, bool)
    run = simulate(panel, Signals(*[nothing] * 4), Plan(), funding=funding)

    found = results(run, panel, Plan(), funding)

    assert found.random is None
    assert found.trades["trade_count"] == 0
    assert np.isnan(found.trades["pnl_usd"])
    assert found.curve.note == "0 trades at different times; at least 20 are needed"
    assert np.isnan(found.curve.sharpe.value)
    assert found.curve.total_return_pct == 0
