"""Looks back: the same episodes as live passes at the same marks, and none from later rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.panels.bases import Bases
from analytics.rules import columns, history
from analytics.rules.engine import run
from analytics.rules.episode import State, Waits, step
from analytics.rules.frames import COLUMNS, Frames
from analytics.rules.past_values import Stretch, past
from analytics.rules.rules_file import read_rules
from tests.analytics.rules import small_lake as lake

BAR = timedelta(minutes=5)
HOUR = timedelta(hours=1)
HOURS = 2
FRAMES = [("pair", "5m"), ("pair", "15m"), ("asset", "15m"), ("market", "5m"), ("venue", "5m")]


def middles(cursor, per, timeframe):
    """Of each name that a rule may write, a threshold that is crossed and that no value equals."""
    names = [*columns.LEVELS[per], *columns.BY_BAR[per]]
    # A look back has more bars behind RSI than a pass: it is up to 0.13 points off.
    names = [name for name in names if name != "rsi_14"]
    wanted = [columns.named(per, name, timeframe) for name in names]
    stretch = Stretch(cursor, lake.END - HOURS * HOUR, lake.END, lake.END, Bases())
    values = past(stretch, per, wanted).values
    return {one.quantity: float(np.nanquantile(values[one], 0.6137)) for one in wanted}


def of_everything(cursor):
    """A rule for all that a rule can name."""
    texts = ['when = "z_oi > 1"\ntop = 3\nvenues = ["okx", "binance"]']
    for per, timeframe in (
        ("pair", "5m"),
        ("pair", "15m"),
        ("asset", "15m"),
        ("market", "5m"),
        ("venue", "5m"),
    ):
        texts += [
            f'per = "{per}"\ntimeframe = "{timeframe}"\nwhen = "{name} > {limit}"\n'
            f'clear = "{name} < {limit - abs(limit) / 9}"\n'
            'for = "5m"\nkeep_firing_for = "10m"\ncool_down = "15m"'
            for name, limit in middles(cursor, per, timeframe).items()
        ]
    content = "".join(f'[[rule]]\nname = "r{n}"\n{text}\n' for n, text in enumerate(texts))
    return read_rules(content.encode(), COLUMNS)


def passes(cursor, active, end):
    """What a collector finds that passes at every mark."""
    states, found, frames = {}, [], Frames(lake.CYCLE)
    for n in range(HOURS * 12 - 1, -1, -1):
        now = end - n * BAR
        states, events = run(active, frames.load(cursor, active, now), states, now)
        found += events
    return found


def as_told(events):
    return sorted(
        (one.ts, one.key.rule, str(one.key.subject), one.change, one.started, one.base or "")
        for one in events
    )


@pytest.fixture(scope="module")
def cursor():
    with lake.made() as connection:
        yield connection


def test_a_look_back_finds_what_passes_at_the_marks_found(cursor):
    """Every level and every value by bar; bars and snapshots are missing here and there."""
    active = of_everything(cursor)
    live = passes(cursor, active, lake.END)
    back = history.replay(cursor, active, lake.END, HOURS * HOUR)
    assert as_told(back) == as_told(live)
    fired = {one.key.rule for one in live if one.change == "firing"}
    assert len(fired) > 0.9 * len(active)
    for there, here in zip(by_place(live), by_place(back), strict=True):
        assert here.values == pytest.approx(there.values, rel=1e-9, abs=1e-9)


def by_place(events):
    return sorted(events, key=lambda one: (one.ts, one.key.rule, str(one.key.subject), one.change))


def test_later_rows_and_rules_evaluated_apart_change_nothing(cursor, monkeypatch):
    """What happened up to a moment is the same whatever the record holds after it."""
    active = of_everything(cursor)
    middle = lake.END - HOUR
    whole = history.replay(cursor, active, lake.END, HOURS * HOUR)
    monkeypatch.setattr(history, "MOST_CELLS", 1)
    assert history.replay(cursor, active, lake.END, HOURS * HOUR) == whole
    part = history.replay(cursor, active, middle, (HOURS - 1) * HOUR)
    assert as_told(part) == as_told(one for one in whole if one.ts <= middle)


START = datetime(2025, 10, 22, 12, tzinfo=UTC)


@given(
    holds=st.lists(st.sampled_from([-1, 0, 1]), max_size=60),
    clear=st.lists(st.sampled_from([-1, 0, 1]), min_size=60, max_size=60),
    waits=st.tuples(*[st.integers(0, 4)] * 3),
    there=st.lists(st.sampled_from([False, False, True]), min_size=60, max_size=60),
    width=st.sampled_from([BAR, 5 * HOUR]),
)
def test_rows_that_are_left_out_change_nothing(holds, clear, waits, there, width):
    """The rows at which something happens are those that stepping through every row finds."""
    times = [START + n * width for n in range(len(holds))]
    here = np.array(there[: len(holds)], np.bool_)
    lines = [
        np.where(here, np.array(line[: len(holds)], np.int8), np.int8(-1))
        for line in (holds, clear)
    ]
    patience = Waits(
        **dict(zip(("hold", "keep", "cool_down"), (n * width for n in waits), strict=True))
    )
    state, expected = State(), []
    for n, now in enumerate(times):
        known = [None if line[n] < 0 else bool(line[n]) for line in lines]
        before = state
        state, change = step(before, now, known[0], patience, clear=known[1], there=bool(here[n]))
        if change:
            expected.append((n, change, before.started or state.started or now))
    numbers = np.array([round(time.timestamp() * 1000) for time in times], np.int64)
    assert list(history.changes(times, numbers, *lines, patience, here)) == expected
