"""Passes over frames, moment by moment."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd

from analytics.rules.engine import Event, Subject, Which, run
from analytics.rules.expression import ColumnKind
from analytics.rules.rules_file import Per, Rule, read_rules

START = datetime(2025, 10, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COLUMNS: dict[Per, dict[str, ColumnKind]] = {
    "pair": {"z_oi": "number", "ls_accounts": "number"},
    "asset": {"oi_delta_pct": "number"},
    "market": {"breadth_pct": "number"},
}
BTC = Subject(venue="okx", symbol="BTC/USDT:USDT")
ETH = Subject(venue="binance", symbol="ETH/USDT:USDT")
SOL = Subject(venue="okx", symbol="SOL/USDT:USDT")


def rules(*texts: str) -> tuple[Rule, ...]:
    content = "".join(f'[[rule]]\nname = "r{n}"\n{text}\n' for n, text in enumerate(texts))
    return read_rules(content.encode(), COLUMNS)


def pairs(**z_oi: float | None) -> dict[Which, pd.DataFrame]:
    """Return a frame of those of BTC, ETH and SOL that are given, by their z."""
    known = {"btc": BTC, "eth": ETH, "sol": SOL}
    rows = [
        {
            "venue": known[name].venue,
            "symbol": known[name].symbol,
            "base": name.upper(),
            "z_oi": z,
            "ls_accounts": 1.5,
            "volume_24h_usd": {"btc": 3e9, "eth": 2e9, "sol": None}[name],
        }
        for name, z in z_oi.items()
    ]
    return {("pair", "5m"): pd.DataFrame(rows).astype({"z_oi": float, "volume_24h_usd": float})}


def played(
    active: Sequence[Rule], frames: Sequence[dict[Which, pd.DataFrame]]
) -> list[tuple[int, Event]]:
    """Pass once a minute; return each event with its minute."""
    states, told = {}, []
    for minute, frame in enumerate(frames):
        states, events = run(active, frame, states, START + minute * MINUTE)
        told += [(minute, event) for event in events]
    return told


def changes(events: Sequence[tuple[int, Event]]) -> list[tuple[int, str, str, Subject]]:
    return [(minute, one.key.rule, one.change, one.key.subject) for minute, one in events]


def test_each_pair_has_its_own_episode_with_the_values_that_it_saw() -> None:
    told = played(
        rules('when = "z_oi > 2.5"'),
        [pairs(btc=1, eth=3), pairs(btc=4, eth=3), pairs(btc=4, eth=2)],
    )
    assert changes(told) == [
        (0, "r0", "firing", ETH), (1, "r0", "firing", BTC), (2, "r0", "resolved", ETH),
    ]  # fmt: skip
    assert [event.values for _, event in told] == [{"z_oi": 3.0}, {"z_oi": 4.0}, {"z_oi": 2.0}]
    assert told[2][1].started == START


def test_what_is_not_there_for_a_day_ends_and_has_read_nothing() -> None:
    """A pair that is delisted, or left the scope, would be pending or fire for ever."""
    frames = [pairs(btc=3, eth=3), *[pairs(eth=3, sol=3)] * 1442]
    told = played(rules('when = "z_oi > 2.5"', 'when = "z_oi > 2"\nfor = "9d"'), frames)
    last = [(minute, one) for minute, one in told if minute > 1]
    assert changes(last) == [(1441, "r0", "resolved", BTC), (1441, "r1", "dropped", BTC)]
    assert all(one.lost and one.values == {} and one.ages_s == {} for _, one in last)
    assert {one.ts - one.started for _, one in last} == {1441 * MINUTE}


def test_how_old_the_values_were_is_kept_where_the_frame_says_it() -> None:
    frames = pairs(btc=3, eth=3)
    (which,) = frames
    seen = [pd.Timestamp(START) - 40 * pd.Timedelta(seconds=1), pd.NaT]
    _, events = run(
        rules('when = "z_oi > ls_accounts"'),
        {which: frames[which].assign(z_oi_ts=seen)},
        {},
        START,
    )
    assert [dict(event.ages_s) for event in events] == [{"z_oi": 40.0}, {}]


def test_what_is_absent_neither_fires_nor_resolves() -> None:
    told = played(
        rules('when = "z_oi > 2.5"'),
        # BTC's value is absent, then its whole row; ETH was never known.
        [pairs(btc=3, eth=None), pairs(btc=None, eth=None), pairs(eth=None), pairs(btc=1)],
    )
    assert changes(told) == [(0, "r0", "firing", BTC), (3, "r0", "resolved", BTC)]


def test_a_rule_looks_only_at_its_scope() -> None:
    active = rules(
        'when = "z_oi > 2.5"\nvenues = ["okx"]',
        'when = "z_oi > 2.5"\nbases = ["ETH", "SOL"]',
        'when = "z_oi > 2.5"\ntop = 1',
        'when = "z_oi > 2.5"\nvenues = ["okx"]\ntop = 2',
    )
    told = played(active, [pairs(btc=3, eth=3, sol=3)])
    assert changes(told) == [
        (0, "r0", "firing", BTC), (0, "r0", "firing", SOL),
        (0, "r1", "firing", ETH), (0, "r1", "firing", SOL),
        (0, "r2", "firing", BTC),
        # A volume that is absent ranks nowhere.
        (0, "r3", "firing", BTC),
    ]  # fmt: skip


def test_waits_and_a_second_condition_hold_an_episode() -> None:
    active = rules('when = "z_oi > 2.5"\nclear = "z_oi < 1"\nfor = "1m"\nkeep_firing_for = "1m"')
    told = played(active, [pairs(btc=z) for z in (3, 3, 2, 0.5, 2, 0.5, 0.5, 3)])
    assert changes(told) == [
        (0, "r0", "pending", BTC), (1, "r0", "firing", BTC), (3, "r0", "clearing", BTC),
        (4, "r0", "held", BTC), (5, "r0", "clearing", BTC),
        (6, "r0", "resolved", BTC), (7, "r0", "pending", BTC),
    ]  # fmt: skip
    assert [event.started for _, event in told] == [START] * 6 + [START + 7 * MINUTE]


def test_a_cool_down_is_remembered_over_passes() -> None:
    told = played(
        rules('when = "z_oi > 2.5"\ncool_down = "3m"'),
        [pairs(btc=z) for z in (3, 0, 3, 3, 3)],
    )
    assert changes(told) == [
        (0, "r0", "firing", BTC), (1, "r0", "resolved", BTC), (4, "r0", "firing", BTC),
    ]  # fmt: skip


def test_an_edited_rule_begins_anew_and_a_renamed_text_does_not() -> None:
    states, _ = run(rules('when = "z_oi > 2.5"'), pairs(btc=3), {}, START)
    same = rules('when = "z_oi>2.5"\nseverity = "critical"')
    assert run(same, pairs(btc=3), states, START + MINUTE)[1] == []
    edited = rules('when = "z_oi > 2.6"')
    _, events = run(edited, pairs(btc=3), states, START + MINUTE)
    assert [event.change for event in events] == ["firing"]
    assert run((), pairs(btc=3), states, START + MINUTE) == ({}, [])


def test_assets_and_the_market_are_subjects_too() -> None:
    active = rules(
        'per = "market"\ntimeframe = "1h"\nwhen = "breadth_pct < 10"',
        'per = "asset"\nwhen = "abs(oi_delta_pct) > 5"',
    )
    frames: dict[Which, pd.DataFrame] = {
        ("asset", "5m"): pd.DataFrame({"base": ["BTC", "PEPE"], "oi_delta_pct": [1.0, -6.0]}),
        ("market", "1h"): pd.DataFrame({"breadth_pct": [5.0]}),
    }
    told = played(active, [frames])
    assert [(e.key.rule, str(e.key.subject)) for _, e in told] == [("r0", "Market"), ("r1", "PEPE")]


def test_states_carried_over_a_restart_fire_nothing_twice() -> None:
    frames = [pairs(btc=z, eth=z) for z in (3, 3, 1, 3, 1, 1)]
    active = rules('when = "z_oi > 2.5"\nfor = "1m"\nkeep_firing_for = "1m"')
    whole = changes(played(active, frames))
    states, told = {}, []
    for minute, frame in enumerate(frames):
        # As it would be read again from what was stored.
        states, events = run(active, frame, dict(states), START + minute * MINUTE)
        again, repeated = run(active, frame, states, START + minute * MINUTE)
        assert (again, repeated) == (states, [])
        told += [(minute, event) for event in events]
    assert changes(told) == whole
    assert whole
