"""Signals of models; the check for look-ahead; walk-forward."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.errors import QueryError
from analytics.indicators import averages, bands, flow, momentum
from analytics.rules.sweep import vary
from analytics.trades.simulated.engine import simulate
from analytics.trades.simulated.lookahead import leaks
from analytics.trades.simulated.plan import Fee, Plan
from analytics.trades.simulated.signals import (
    BollingerBreak,
    ObvTrend,
    RsiReversal,
    Signals,
    WithTrend,
)
from analytics.trades.simulated.walk_forward import (
    by_window,
    joined_equity,
    variants,
    walk_forward,
    windows,
)

from .bars import at, market, panel

PLAN = Plan(side="both", fees=Fee(maker_pct=0.02, taker_pct=0.05))
MODELS = [RsiReversal(period=5), ObvTrend(window=8), BollingerBreak(window=6, deviations=1.5)]
MODELS.append(WithTrend(model=MODELS[0], trend=MODELS[1]))


def crossings(values, level):
    """Where each column comes to a level or beyond it from below, and from above."""
    before = pd.DataFrame(values).shift().to_numpy()
    return (before < level) & (values >= level), (before > level) & (values <= level)


def test_models_signal_what_they_say():
    of = market(400, 2, 1, gaps=False)
    close, traded = of.values["close"], of.values["traded_usd"]
    rsi = momentum.rsi(close, 5)
    found = MODELS[0].signals(of)
    np.testing.assert_array_equal(found.long_entry, crossings(rsi, 30)[0])
    np.testing.assert_array_equal(found.short_entry, crossings(rsi, 70)[1])
    np.testing.assert_array_equal(found.long_exit, rsi >= 50)
    np.testing.assert_array_equal(found.short_exit, rsi <= 50)
    obv = flow.obv(close, traded)
    above = obv - averages.ema(obv, 8)
    up, down = crossings(above, 0)
    trend = MODELS[1].signals(of)
    np.testing.assert_array_equal(trend.long_entry, up)
    np.testing.assert_array_equal(trend.long_exit, down)
    band = bands.bollinger(close, 6, 1.5)
    beyond = (close > band.upper).astype(float)
    broken = MODELS[2].signals(of)
    assert broken.long_entry.any()
    assert not (broken.long_entry & ~crossings(beyond, 1)[0]).any()
    np.testing.assert_array_equal(broken.short_exit, close >= band.middle)
    both = MODELS[3].signals(of)
    np.testing.assert_array_equal(both.long_entry, found.long_entry & (above > 0))
    np.testing.assert_array_equal(both.short_entry, found.short_entry & (above < 0))


def until(of, model):
    """The signals of *model* on a panel cut short."""

    def cut(ts):
        ended = pd.DatetimeIndex(of.times, tz="UTC") + pd.Timedelta(minutes=5) <= ts
        early = of.part(slice(int(ended.sum())))
        return early, model.signals(early)

    return cut


class Shifted:
    """The signals of a model so many bars early, as a sign that is wrong makes them."""

    def __init__(self, model, bars):
        self.model, self.bars = model, bars

    def signals(self, of):
        moved = []
        for flags in self.model.signals(of).parts:
            early = np.zeros_like(flags)
            early[: -self.bars] = flags[self.bars :]
            moved.append(early)
        return Signals(*moved)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_one_bar_of_look_ahead_is_caught_and_honest_signals_are_not(model):
    of = market(500, 2, 3)
    assert leaks((of, model.signals(of)), until(of, model)).empty
    for bars in (1, 5):
        leaking = Shifted(model, bars)
        found = leaks((of, leaking.signals(of)), until(of, leaking))
        assert len(found) >= 10
        # What it says is so: within the last bars of the record as it was cut.
        ahead = found["cut_ts"] - found["signal_ts"]
        assert (ahead < bars * timedelta(minutes=5)).all()
        assert set(found["was"]) == {"absent"}
    assert model.signals(of).long_entry.any()


def test_few_signals_are_looked_at_where_they_are():
    """Random times alone would miss three bars of two thousand."""

    class Once:
        """Enters in the bar before a jump."""

        def signals(self, of):
            jumped = of.values["close"] > 105
            early = np.vstack([jumped[1:], np.zeros_like(jumped[:1])])
            none = np.zeros_like(early)
            return Signals(early, none, none, none)

    close = np.full((2000, 1), 100.0)
    close[[300, 900, 1500]] = 110
    of = panel({"close": close})
    found = leaks((of, Once().signals(of)), until(of, Once()))
    assert len(found) == 3


def test_a_mean_over_the_whole_record_is_caught():
    class Centred:
        """Compares with what is only known in the end."""

        def signals(self, of):
            above = of.values["close"] > np.nanmean(of.values["close"], axis=0)
            return Signals(above, ~above, ~above, above)

    of = market(300, 1, 4)
    found = leaks((of, Centred().signals(of)), until(of, Centred()))
    assert set(found["was"]) == {"absent", "present"}


def tried(of, periods=(4, 8, 16)):
    return {(n,): RsiReversal(period=n, low=45, high=55).signals(of) for n in periods}


def test_what_is_chosen_does_not_depend_on_what_judges_it():
    of = market(600, 3, 5)
    spans = timedelta(minutes=5 * 200), timedelta(minutes=5 * 100)
    found = walk_forward(of, tried(of), PLAN, spans, measure="pnl_usd")
    assert len(found) == 4 * 3
    assert found.groupby("window")["chosen"].sum().tolist() == [1] * 4
    best = found.loc[found.groupby("window")["train_pnl_usd"].idxmax(), "chosen"]
    assert best.all()
    # Each window is a run of its own on its bars.
    first = found[found["window"] == 2].iloc[0]
    rows = slice(300, 400)
    alone = simulate(of.part(rows), tried(of)[first["parameters"]].only(rows), PLAN)
    assert first["test_pnl_usd"] == pytest.approx(alone.trades["pnl_usd"].sum())
    assert first["test_from_ts"] == pd.Timestamp(of.times[300], tz="UTC")
    # The chosen ones on what judged them, one after another: bars 200 to 600.
    joined, chosen = joined_equity(of, tried(of), PLAN, spans, found), by_window(found, "pnl_usd")
    earned = PLAN.start_usd + chosen["test_pnl_usd"].cumsum()
    assert joined.iloc[100::100].tolist() == pytest.approx(earned.tolist())
    assert (len(joined), joined.index.is_monotonic_increasing) == (401, True)
    better = [
        (found[found["window"] == one]["test_pnl_usd"] > pnl).sum()
        for one, pnl in chosen[["window", "test_pnl_usd"]].itertuples(index=False)
    ]
    assert chosen["rank"].tolist() == [n + 1 for n in better]
    # Other prices from bar 300 on: the choice for the first window is the same.
    other = market(600, 3, 6)
    values = {
        name: np.vstack([cells[:200], other.values[name][200:]])
        for name, cells in of.values.items()
    }
    changed = replace(of, values=values)
    again = walk_forward(changed, tried(changed), PLAN, spans, measure="pnl_usd")
    kept = ["parameters", "train_pnl_usd", "train_trades", "chosen"]
    pd.testing.assert_frame_equal(again[kept].head(3), found[kept].head(3))
    assert not again.head(3)["test_pnl_usd"].equals(found.head(3)["test_pnl_usd"])


def test_windows_follow_each_other_and_none_fits_a_short_record():
    of, hour = market(100, 1, 1), timedelta(hours=1)
    assert list(windows(of, 3 * hour, 2 * hour)) == [
        *((slice(0, 36), slice(36, 60)), (slice(24, 60), slice(60, 84)))
    ]
    for spans in ((6 * hour, 6 * hour), (hour, timedelta(minutes=7)), (timedelta(), hour)):
        with pytest.raises(QueryError):
            list(windows(of, *spans))


def test_a_window_without_a_trade_chooses_nothing():
    of = market(60, 1, 1)
    none = Signals(*(at(60) for _ in range(4)))
    spans = timedelta(minutes=5 * 20), timedelta(minutes=5 * 20)
    found = walk_forward(of, {(1,): none}, PLAN, spans, measure="sharpe")
    assert not found["chosen"].any()
    assert joined_equity(of, {(1,): none}, PLAN, spans, found).empty
    assert by_window(found, "sharpe")["parameters"].isna().tolist() == [True, True]
    with pytest.raises(QueryError, match="measure: 'luck' is not one of pnl_usd, sharpe"):
        walk_forward(of, {(1,): none}, PLAN, spans, measure="luck")


def test_parameters_are_those_of_a_model_and_of_what_it_holds():
    grid = variants(WithTrend(), [vary("period=7:21:7"), vary("window=20:40:20")])
    assert len(grid) == 6
    assert grid[14, 40] == WithTrend(model=RsiReversal(period=14), trend=ObvTrend(window=40))
    with pytest.raises(QueryError, match="low, high, middle, window"):
        variants(WithTrend(), [vary("deviations=1:2:1")])
    with pytest.raises(QueryError, match="at most 100"):
        variants(RsiReversal(), [vary("period=2:40:1"), vary("low=10:40:1")])


def test_panel_of_one_pair_is_enough():
    of = panel({"close": np.full((30, 1), 100.0), "traded_usd": np.ones((30, 1))})
    assert not any(flags.any() for flags in MODELS[3].signals(of).parts[::2])
