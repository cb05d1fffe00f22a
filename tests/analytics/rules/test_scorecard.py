"""The scorecard of rules: known effects are found, no others, and nothing of the future counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from analytics.panels.panel import Pair, Panel
from analytics.rules import scorecard
from analytics.rules.scorecard import Base, benjamini_hochberg, block_means, changes_pct, score

BAR = timedelta(minutes=5)
START = datetime(2025, 1, 1, 7, 35, tzinfo=UTC)


def panel(close, oi=None, start=START):
    """A panel of close and open interest, a column per pair; (T, N)."""
    bars, count = close.shape
    first = np.datetime64(start.replace(tzinfo=None), "ms")
    pairs = tuple(Pair("okx", f"C{n}/USDT:USDT", f"C{n}") for n in range(count))
    values = {"close": close, "oi_usd": np.ones_like(close) if oi is None else oi}
    times = first + np.arange(bars) * np.timedelta64(BAR)
    return Panel(times, pairs, MappingProxyType(values), "5m", start + bars * BAR)


def firings(at, column, rule="r", per="pair"):
    """A firing of pair *column* at the end of each bar *at*."""
    at, column = np.broadcast_arrays(np.asarray(at), np.asarray(column))
    rows = {
        "rule": rule,
        "per": per,
        "venue": "okx",
        "symbol": [f"C{n}/USDT:USDT" for n in column],
        "base": [f"C{n}" for n in column],
        "fired_ts": [START + (int(n) + 1) * BAR for n in at],
    }
    frame = pd.DataFrame(rows)
    return frame.astype({"fired_ts": "datetime64[ms, UTC]"})


def walk(days, pairs, seed, jumps=(), size_pct=0.0):
    """Prices at random, which rise by *size_pct* in the bar after each of *jumps* (bar, pair)."""
    steps = np.random.default_rng(seed).normal(0, 1e-3, (days * 288, pairs))
    for row, column in jumps:
        steps[row + 1, column] += size_pct / 100
    return np.exp(steps.cumsum(axis=0))


def line(found, horizon, measure="price_delta_pct", rule="r"):
    """One row of a scorecard."""
    is_it = (found["horizon"] == horizon) & (found["measure"] == measure) & (found["rule"] == rule)
    (row,) = found[is_it].to_dict("records")
    return row


def test_a_planted_effect_is_found_with_its_size_in_the_interval():
    """In the bar after a firing price rises by 0.2 % and open interest falls as much."""
    draw = np.random.default_rng(5)
    jumps = sorted(set(zip(draw.integers(0, 5400, 160), draw.integers(0, 4, 160), strict=True)))
    at, column = np.array(jumps).T
    close, oi = walk(20, 4, 1, jumps, 0.2), walk(20, 4, 2, jumps, -0.2)
    found = score(panel(close, oi), firings(at, column), ["r"])

    for horizon in ("5m", "15m", "1h"):
        row = line(found, horizon)
        assert row["note"] is None
        assert row["firing_count"] == row["outcome_count"] == len(at)
        assert 0 < row["mean_low"] < 0.2 < row["mean_high"]
        assert 0 < row["median_low"] < 0.2 < row["median_high"]
        assert row["q"] < 0.05
        assert row["hit_low_pct"] > 50
        assert row["p10"] < row["median"] < row["p90"]
    row = line(found, "5m", "oi_delta_pct")
    assert row["mean_low"] < -0.2 < row["mean_high"] < 0
    assert row["hit_high_pct"] < 50
    # Over a day the rise is the same, in much more noise.
    day = line(found, "1d")
    assert day["mean_low"] < 0.2 < day["mean_high"]
    assert day["mean_high"] - day["mean_low"] > 3 * (row["mean_high"] - row["mean_low"])


def test_without_an_effect_p_is_spread_evenly():
    """Firings at random say nothing, also of overlapping outcomes."""
    draw = np.random.default_rng(7)
    close = walk(15, 6, 3)
    rules = [f"r{n}" for n in range(60)]
    fired = [
        firings(draw.integers(0, 14 * 288, 150), draw.integers(0, 6, 150), rule) for rule in rules
    ]
    found = score(panel(close), pd.concat(fired), rules)
    p = found[(found["measure"] == "price_delta_pct") & (found["horizon"] == "1h")]["p"]

    assert len(p) == 60
    assert 0.35 < p.mean() < 0.65
    assert (p < 0.05).mean() < 0.15
    assert (p > 0.5).mean() > 0.3
    assert found["q"].min() > 0.05


def test_overlap_widens_the_interval():
    """As many firings in runs, whose outcomes are nearly the same, are worth less."""
    close = panel(walk(20, 1, 11))
    runs = (np.arange(40)[:, None] * 120 + np.arange(10)).ravel()
    apart = np.arange(400) * 12
    together, alone = (score(close, firings(at, 0), ["r"]) for at in (runs, apart))

    def width(found):
        row = line(found, "1h")
        return row["mean_high"] - row["mean_low"], row["median_high"] - row["median_low"]

    assert width(together)[0] > 2 * width(alone)[0]
    assert width(together)[1] > 1.5 * width(alone)[1]
    assert line(together, "1h")["episode_count"] == 40
    assert line(alone, "1h")["episode_count"] == 400


def test_what_begins_in_one_bar_is_one_episode_and_too_few_are_said():
    at, column = np.repeat(np.arange(19) * 20, 5), np.tile(np.arange(5), 19)
    found = score(panel(walk(20, 5, 4)), firings(at, column), ["r", "silent"])
    row = line(found, "1h")
    assert (row["firing_count"], row["outcome_count"], row["episode_count"]) == (95, 95, 19)
    assert row["note"] == "19 independent episodes; at least 20 are needed"
    assert found[list(scorecard.FIGURES)].isna().all(axis=None)
    assert line(found, "1h", rule="silent")["note"] == "did not fire"
    # A day has 288 bars: 19 firings every 20 bars of a pair are 2 that do not overlap.
    assert line(found, "1d")["episode_count"] == 2
    short = score(panel(walk(2, 1, 4)), firings(np.arange(0, 500, 12), 0), ["r"])
    assert line(short, "15m")["note"] is None
    short = score(panel(walk(2, 20, 4)), firings(np.arange(0, 500, 12), np.arange(42) % 20), ["r"])
    assert line(short, "4h")["note"] == "2 d of bars; 4h needs 2 d 12 h"


def test_nothing_after_now_counts():
    """Rows behind the end change nothing of what was over before."""
    close, at = walk(10, 2, 9), np.arange(0, 2500, 9)
    whole, known = panel(close), panel(close[:2000])
    fired = firings(at, at % 2)
    early = score(known, fired[fired["fired_ts"] <= known.now], ["r"])
    late = score(known, fired, ["r"])
    assert line(late, "1h")["outcome_count"] == (at + 12 < 2000).sum()
    ignored = ["firing_count"]
    pd.testing.assert_frame_equal(early.drop(columns=ignored), late.drop(columns=ignored))
    assert line(score(whole, fired, ["r"]), "1h")["outcome_count"] == (at + 12 < 2880).sum()


def test_the_first_close_at_or_after_a_firing_is_where_it_begins():
    close = panel(np.array([[1.0], [2.0], [8.0], [8.0]]))
    for seconds, row in ((0, 0), (1, 1), (300, 1)):
        fired = firings([0], 0).assign(
            fired_ts=lambda f, s=seconds: f["fired_ts"] + s * pd.Timedelta("1s")
        )
        assert scorecard._cells(close, fired).row.tolist() == [row]


def test_an_alert_of_an_asset_a_venue_or_the_market_is_of_its_pairs():
    close = panel(walk(1, 3, 1))
    for per, columns in (
        ("pair", [1]),
        ("asset", [1]),
        ("venue", [0, 1, 2]),
        ("market", [0, 1, 2]),
    ):
        cells = scorecard._cells(close, firings([3], 1, per=per))
        assert cells.column.tolist() == columns
        assert cells.count == 1


def test_a_base_is_of_the_same_pair_and_hour_without_the_firings():
    """As plain loops find it, with ties and holes."""
    draw = np.random.default_rng(2)
    outcomes = draw.integers(-4, 5, (1200, 3)).astype(float)
    outcomes[draw.random(outcomes.shape) < 0.2] = np.nan
    times = panel(outcomes).times
    base = Base(outcomes, times)
    cells = np.argwhere(np.isfinite(outcomes) & (draw.random(outcomes.shape) < 0.3))
    row, column = cells[np.lexsort(cells.T)].T
    mean, median = base.of_others(row, column)
    hour = ((times + np.timedelta64(BAR)).astype("datetime64[h]").astype(int)) % 24
    others = outcomes.copy()
    others[row, column] = np.nan
    for place in range(0, len(row), 7):
        same = others[hour == hour[row[place]], column[place]]
        assert mean[place] == pytest.approx(np.nanmean(same))
        assert median[place] == np.nanmedian(same)


def test_blocks_are_drawn_as_one_by_one():
    """Means and their spread are those of blocks that are joined by hand."""
    draw = np.random.default_rng(3)
    count = draw.integers(0, 3, 300).astype(float)
    sums = count * draw.normal(0, 1, 300).cumsum()
    found = block_means(np.stack([count, sums], axis=1), 1, 25, np.random.default_rng(1))[:, 0]
    plain = []
    for _ in range(2000):
        rows = [(start + n) % 300 for start in draw.integers(0, 300, 12) for n in range(25)]
        plain.append(sums[rows].sum() / count[rows].sum())
    assert found.mean() == pytest.approx(np.mean(plain), abs=0.1 * np.std(plain))
    assert found.std() == pytest.approx(np.std(plain), rel=0.06)


def test_the_correction_is_that_of_scipy():
    p = np.random.default_rng(0).random(50) ** 3
    p[7] = p[8]
    assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p))
    assert np.isnan(benjamini_hochberg(np.array([np.nan, 0.2]))[0])
    assert benjamini_hochberg(np.array([np.nan, 0.2]))[1] == 0.2
    assert benjamini_hochberg(np.empty(0)).tolist() == []


def test_a_change_to_or_from_nothing_is_absent():
    found = changes_pct(np.array([[0.0], [1.0], [np.nan], [2.0]]), 1)
    assert np.isnan(found).all()
    assert changes_pct(np.array([[1.0], [2.0]]), 1)[0, 0] == 100
