"""A sweep over thresholds: what is tried, and whether the best of one half holds in the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics.errors import RuleError
from analytics.rules import sweep
from analytics.rules.columns import COLUMNS
from analytics.rules.rules_file import read_rules
from analytics.rules.sweep import Vary, vary
from tests.analytics.rules.test_scorecard import firings, panel, walk

OF = ("price_delta_pct", "5m")


def rule(when):
    (found,) = read_rules(f'[[rule]]\nname = "r"\nwhen = "{when}"\n'.encode(), COLUMNS)
    return found


def test_thresholds_are_counted_up_to_the_last():
    assert vary("z_oi=1.5:4:0.5") == Vary("z_oi", (1.5, 2.0, 2.5, 3.0, 3.5, 4.0))
    assert vary("funding_8h_pct=-0.1:0.2:0.1").values == (-0.1, 0.0, 0.1, 0.2)
    for wrong in ("z_oi", "z_oi=1:2", "z_oi=2:1:1", "z_oi=1:2:0", "z_oi=0:1:0.001", "z_oi=a:b:c"):
        with pytest.raises(RuleError):
            vary(wrong)


@pytest.mark.parametrize(
    ("when", "column", "varied"),
    [
        ("z_oi > 2.5", "z_oi", "(z_oi > 3.5)"),
        ("abs(z_oi) > 2.5 and z_oi_1h > 1", "z_oi", "((abs(z_oi) > 3.5) AND (z_oi_1h > 1))"),
        ("-2 < z_oi_1h or z_oi > 1", "z_oi_1h", "((3.5 < z_oi_1h) OR (z_oi > 1))"),
        ("z_oi < -2.5e-3", "z_oi", "(z_oi < 3.5)"),
    ],
)
def test_the_number_that_a_column_is_compared_with_is_varied(when, column, varied):
    (one,) = sweep.variants(rule(when), [Vary(column, (3.5,))]).values()
    assert one.when.sql == varied
    assert one.name == f"r, {column} 3.5"


def test_what_cannot_be_varied_is_refused():
    two = [Vary("z_oi", (1.0,)), Vary("z_oi", (2.0,))]
    wide = [Vary("z_oi", tuple(range(20))), Vary("oi_delta_pct", tuple(range(20)))]
    for when, varied, says in (
        ("z_oi > 1 or z_oi < -1", [Vary("z_oi", (1.0,))], "compared with a number 2 times in"),
        ("z_oi / 2 > 1", [Vary("z_oi", (1.0,))], "z_oi is compared with a number not in"),
        ("z_oi > 1", two, "vary one threshold, or 2 of different columns"),
        ("z_oi > 1 and oi_delta_pct > 1", wide, "400 combinations; at most 100"),
    ):
        with pytest.raises(RuleError, match=says.replace("(", r"\(")):
            sweep.variants(rule(when), varied)


def swept(effect_until):
    """A sweep of three thresholds; prices rise after firings of the second, until a bar."""
    draw, when = np.random.default_rng(4), rule("z_oi > 1")
    tried = sweep.variants(when, [Vary("z_oi", (1.0, 2.0, 3.0))])
    at = {one.name: np.unique(draw.integers(0, 5700, 160)) for one in tried.values()}
    jumps = [(n, 0) for n in at["r, z_oi 2"] if n < effect_until]
    fired = pd.concat(firings(rows, 0, name) for name, rows in at.items())
    bars = panel(walk(20, 1, 8, jumps, 0.3))
    return sweep.sweep(bars, fired, tried, ["z_oi"], OF), bars, fired


def test_what_is_in_both_halves_holds_out():
    found, _, fired = swept(effect_until=5760)
    assert found["z_oi"].tolist() == [1.0, 2.0, 3.0]
    counts = found["in_sample_firing_count"] + found["held_out_firing_count"]
    assert counts.tolist() == fired.groupby("rule").size().tolist()
    said = sweep.verdict(found, ["z_oi"])
    assert said.startswith("Best of 3 in-sample: z_oi 2, mean excess +0.")
    assert "It holds out: +0." in said


def test_what_is_in_one_half_alone_is_warned_of():
    found, _, _ = swept(effect_until=2880)
    said = sweep.verdict(found, ["z_oi"])
    assert said.startswith("Best of 3 in-sample: z_oi 2, ")
    assert "Warning: it does not hold out: " in said


def test_what_is_in_neither_is_said_to_be_chance():
    found, _, _ = swept(effect_until=0)
    assert "Warning: no more than chance gives among so many" in sweep.verdict(found, ["z_oi"])


def test_no_outcome_of_the_first_half_reaches_into_the_second():
    _, bars, fired = swept(effect_until=0)
    parts = sweep.halves(bars, fired)
    (early, before), (late, after) = parts["in_sample"], parts["held_out"]
    assert len(early.times) + len(late.times) == len(bars.times)
    assert len(before) + len(after) == len(fired)
    # The first half knows no price behind its last mark, and no firing after it.
    assert before["fired_ts"].max() <= pd.Timestamp(late.times[0], tz="UTC")
    assert after["fired_ts"].min() > pd.Timestamp(late.times[0], tz="UTC")
