"""What is asked for a time is answered alike before and after history is fetched.

Every query and function of a time is asked as soon as the record had come so far, and once more
when three backfills have completed the bars; see ``test_one_clock`` for what is asked.
"""

from __future__ import annotations

from datetime import UTC, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analytics import query
from analytics.lake.bars import VALUES, known_at
from analytics.lake.schema import arrow_schema
from analytics.lake.writer import Lake
from analytics.panels import panel
from analytics.signals.fired import all_signals
from analytics.signals.thresholds import Thresholds
from analytics.signals.tiers import METRICS
from tests.analytics.test_one_clock import (
    BAR,
    END,
    FUNCTIONS,
    QUERIES,
    SECOND,
    answers,
    assert_same,
    bars_of_all,
    cycles_of_all,
    gaps_of_all,
    instruments_of_all,
    lake_of,
    snapshots_of_all,
)

MINUTE = timedelta(minutes=1)
NOWS = [END - 110 * MINUTE - 47 * SECOND, END - 60 * MINUTE, END - 10 * MINUTE + 1 * SECOND]
"""When is asked: each after the backfill before it, and before the one at its place here."""

FETCHED = [END - 105 * MINUTE, END - 30 * MINUTE, END + 5 * MINUTE]
PARTS = [
    [name for name in VALUES if not name.startswith(("oi_", "ls_", "funding_"))],
    [name for name in VALUES if name.startswith(("oi_", "funding_"))],
    [*VALUES],
]
"""What each backfill brings: prices and flows, then open interest and funding, then the rest."""


@pytest.fixture(scope="module")
def parts():
    """The record as it was collected, and the bars that came later, a table for each backfill."""
    rng = np.random.default_rng(5)
    ours, fetched = [], [[] for _ in PARTS]
    for bar in bars_of_all(rng):
        end = bar["ts"] + BAR
        key = {name: bar[name] for name in ("venue", "symbol", "base", "ts")}
        heard = rng.random() < 0.7 and bar["base"] not in ("NEW", "SLOW")
        if heard:
            told = {name: bar.get(name) if rng.random() < 0.8 else None for name in VALUES}
            known = {"known_ts": end + 9 * SECOND, "filled": None}
            ours.append({**key, **told, **known, "snapshot_count": 10, "origin": "live"})
        for rows, names, at in zip(fetched, PARTS, FETCHED, strict=True):
            if end < at - MINUTE:
                told = {name: float(rng.normal(10, 1)) for name in names}
                rows.append({**key, **told, "snapshot_count": 0, "origin": "backfill"})
    collected = {
        "bars": ours,
        "snapshots": snapshots_of_all(rng),
        "cycles": cycles_of_all(rng),
        "gaps": gaps_of_all(),
        "instruments": instruments_of_all(),
    }
    return collected, [_table(rows) for rows in fetched]


def _table(rows):
    fields = [field for field in arrow_schema("bars") if field.name in rows[0]]
    zoned = {"ts": pa.timestamp("ms", "UTC")}
    schema = pa.schema([pa.field(one.name, zoned.get(one.name, one.type)) for one in fields])
    return pa.Table.from_pylist(rows, schema=schema)


ASKED = [*QUERIES, *((name, n) for name, asked in FUNCTIONS.items() for n in range(len(asked)))]


def _ask(reader, asked, now, **how):
    def ask(cursor, now):
        if not isinstance(asked, str):
            name, number = asked
            return FUNCTIONS[name][number](cursor, now)
        rows = query.fetch(cursor, asked, now=now, **QUERIES[asked](now), **how)
        if not asked.startswith("panel_"):
            return rows
        order = [name for name in ("bar_ms", "venue", "symbol", "bar") if name in rows]
        return rows.sort_values(order, ignore_index=True)

    return answers(reader, ask, now)


@pytest.fixture(scope="module")
def before_and_after(parts, tmp_path_factory):
    """By what was asked and when: the answer as it was then. And the lake of all that came."""
    collected, fetched = parts
    folder = tmp_path_factory.mktemp("lake")
    reader = lake_of(folder, collected)
    then = {}
    for now, rows, at in zip(NOWS, fetched, FETCHED, strict=True):
        then |= {(str(asked), now): _ask(reader, asked, now) for asked in ASKED}
        with Lake(folder) as lake:
            assert sum(lake.fill_bars(known_at(rows, at))) > 1000
            lake.publish()
    yield then, reader
    reader.close()


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_an_answer_is_the_one_that_was_given_then(before_and_after, asked):
    """However many bars came later, and however many values of those that were there."""
    then, reader = before_and_after

    for now in NOWS:
        given, again = then[str(asked), now], _ask(reader, asked, now)
        if isinstance(given, pd.DataFrame | list) and not len(given):
            assert len(again) == 0
        else:
            assert_same(given, again)


@pytest.mark.parametrize("name", ["bar_gaps", "market_history", "panel_bars", "panel_bars_5m"])
def test_what_came_later_is_there_where_it_is_let_in(before_and_after, name):
    """Of each time, also what came to bars that were known."""
    then, reader = before_and_after

    for now in NOWS:
        later = _ask(reader, name, now, known_by=query.ANY_TIME)
        assert not later.equals(then[name, now])
        if name.startswith("panel_"):
            assert later["oi_usd"].count() > then[name, now]["oi_usd"].count()


def test_a_backfill_is_seen_from_its_end_on(before_and_after):
    """Not a millisecond before."""
    _, reader = before_and_after

    def known(moment):
        how = {"known_by": moment}
        return _ask(reader, "panel_bars_5m", END - 120 * MINUTE, **how)["close"].count()

    just_before = FETCHED[0] - timedelta(milliseconds=1)
    assert known(just_before) + 100 < known(FETCHED[0]) == known(FETCHED[0] + MINUTE)


def test_readers_of_now_see_all(before_and_after):
    """Once it is later than all that came, nothing is left out."""
    _, reader = before_and_after
    late = FETCHED[-1].astimezone(UTC)

    assert_same(
        _ask(reader, "panel_bars", END, known_by=late),
        _ask(reader, "panel_bars", END, known_by=query.ANY_TIME),
    )


COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE")


def day_of(rate, **given):
    """Bars of a day: open interest falls, and *rate* says what each coin pays in which hour."""
    keys = [
        {"venue": "okx", "symbol": f"{base}/USDT:USDT", "base": base, "ts": END + n * BAR}
        for base in COINS
        for n in range(288)
    ]
    values = [
        {"funding_rate": paid, "funding_interval_h": None if paid is None else 8.0}
        for row in keys
        for paid in [rate(row["base"], (row["ts"] - END) // timedelta(hours=1))]
    ]
    return _table([{**row, **value, **given} for row, value in zip(keys, values, strict=True)])


@pytest.mark.parametrize("timeframe", ["5m", "1h", "4h"])
def test_payments_that_come_later_change_no_earlier_signal(tmp_path, timeframe):
    """The rate that ran was heard for 8 hours; what was paid afterwards was known to nobody."""
    oi_usd = pa.array([1000.0 - n for _ in COINS for n in range(288)])
    heard = day_of(
        lambda base, hour: (0.0009 if base == "BTC" else 0.0001) if hour < 8 else None,
        snapshot_count=10,
        origin="live",
    ).append_column("oi_usd", oi_usd)
    paid = day_of(
        lambda base, hour: 0.0009 if base == "BTC" else 0.0001, snapshot_count=0, origin="backfill"
    )
    day = timedelta(days=1)

    def seen(lake):
        with lake.cursor() as cursor:
            how = {"now": END + day, "known_by": query.ANY_TIME, "start": END}
            whole = panel.load(cursor, METRICS, timeframe, **how)
        return whole, all_signals(whole, Thresholds())

    with Lake(tmp_path) as lake:
        lake.append(("bars", heard))
        before, told = seen(lake)
        added, filled = lake.fill_bars(known_at(paid, END + 2 * day))
        after, again = seen(lake)

    assert (added, filled) == (0, len(COINS) * 192)
    assert np.isnan(before.values["funding_rate"]).any()
    assert not np.isnan(after.values["funding_rate"]).any()
    ends = {one.now for one in told if one.tier == 4}
    assert ends
    assert max(ends) <= END + timedelta(hours=8)
    assert again == told
