"""What a transport bar asks of the record: its steps, its gaps, and when alerts fired."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from analytics.lake.attach import MACROS
from analytics.lake.schema import TABLES, definition
from analytics.query import fetch

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ROUND = 30 * SECOND


@pytest.fixture(scope="module")
def record():
    """A database with the real tables: cycles with breaks, a recording of a day before, alerts.

    Cycles of three venues from noon on, a tenth of a second to five seconds after each other.
    OKX has none for ten minutes, nobody has any for half an hour. Returns it with its rows.
    """
    draw = np.random.default_rng(3)
    cycles = []
    for n in range(480):
        for venue, after in (("okx", 0.4), ("bybit", 0.5), ("binance", 5.2)):
            ended = NOON + n * ROUND + timedelta(seconds=after + round(draw.random(), 3))
            out = 120 < n <= 180 or (venue == "okx" and 300 < n <= 320)
            if not out:
                failed = venue == "binance" and 400 < n <= 410
                counts = dict.fromkeys(("asked", "skipped", "refused", "requests"), 1)
                times = {"started_ts": ended - SECOND / 4, "finished_ts": ended}
                cycles.append({"venue": venue, **times, **counts, "answered": 0 if failed else 1})
    day = timedelta(days=1)
    readings = [
        {"venue": "binance", "symbol": symbol, "base": symbol, "received_ts": at}
        for at in (NOON - day + n * 40 * SECOND for n in range(30))
        for symbol in ("BTC", "ETH")
    ]
    events = [
        {"ts": NOON + int(second) * SECOND, "started_ts": NOON, "change": change}
        | {"rule": f"r{n % 7}", "subject": f"s{n}", "severity": severity}
        | dict.fromkeys(("version", "per", "timeframe", "alert_group", "condition"), "")
        | dict.fromkeys(("message", "seen_values", "seen_ages_s", "channels"), "")
        for n, second in enumerate(draw.integers(60, 14_000, 400))
        for severity in [("info", "warning", "critical")[int(draw.integers(0, 3))]]
        for change in [("firing", "pending")[n % 2]]
    ]
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for table in TABLES:
            connection.execute(definition(table).partition("alter table")[0])
        for table, rows in (("cycles", cycles), ("snapshots", readings), ("alert_events", events)):
            frame = pd.DataFrame(rows)
            for name in frame.select_dtypes("datetimetz"):
                frame[name] = frame[name].dt.tz_localize(None)
            connection.execute(f"insert into {table} by name select * from frame")
        yield connection, cycles, events


def steps_of(cycles):
    """The last end of a cycle in each 30 s, in plain Python."""
    ends = sorted(row["finished_ts"] for row in cycles)
    return sorted({(end - NOON) // ROUND: end for end in ends}.values())


def near(cursor, moment):
    (row,) = fetch(cursor, "cycle_near", near=moment, every_s=30).itertuples(index=False)
    return tuple(None if pd.isna(at) else at.to_pydatetime() for at in row)


def test_a_record_is_walked_by_its_own_cycles(record):
    """Back and forth through every step, over all breaks, with each venue's newest cycle."""
    cursor, cycles, _ = record
    steps = steps_of(cycles)
    assert len(steps) == 420

    listed = fetch(cursor, "cycle_ends", start=NOON, end=NOON + 9 * HOUR, every_s=30)["ts"]
    assert listed.tolist() == steps

    walked = [NOON]
    while (after := near(cursor, walked[-1])[1]) is not None:
        walked.append(after)
    assert walked[1:] == steps

    for n in range(1, len(steps), 7):
        assert near(cursor, steps[n])[0] == steps[n - 1]


def test_a_step_from_between_cycles_loses_none(record):
    """Ahead it is the next end, back the state before what is shown."""
    cursor, cycles, _ = record
    steps = steps_of(cycles)

    for n in range(10, 60, 5):
        between = steps[n] + 10 * SECOND
        assert near(cursor, between)[1] == steps[n + 1]
        assert near(cursor, between)[0] in (steps[n - 1], steps[n])
        assert near(cursor, steps[n] - SECOND)[1] == steps[n]


def test_a_recording_without_cycles_is_walked_by_its_readings(record):
    """And from its last one the first cycle is next."""
    cursor, cycles, _ = record
    first = NOON - timedelta(days=1)

    assert near(cursor, first) == (None, first + 40 * SECOND)
    assert near(cursor, first + 400 * SECOND)[1] == first + 440 * SECOND
    assert near(cursor, first + 1160 * SECOND)[1] == steps_of(cycles)[0]
    listed = fetch(cursor, "cycle_ends", start=first, end=first + HOUR, every_s=30)["ts"]
    assert listed.tolist() == [first + n * 40 * SECOND for n in range(1, 30)]


@pytest.mark.parametrize("break_s", [29.5, 90, 600, 3600])
def test_gaps_are_where_consecutive_cycles_are_apart(record, break_s):
    """Of each venue, and of all; a cycle that stored nothing fills none."""
    cursor, cycles, _ = record
    expected = []
    for venue in (None, "binance", "bybit", "okx"):
        mine = [row for row in cycles if venue in (None, row["venue"]) and row["answered"]]
        ends = sorted(row["finished_ts"] for row in mine)
        expected += [
            (venue, start, end)
            for start, end in zip(ends[:-1], ends[1:], strict=True)
            if (end - start).total_seconds() > break_s
        ]

    rows = fetch(cursor, "record_gaps", start=NOON - HOUR, end=NOON + 9 * HOUR, break_s=break_s)

    found = rows.astype(object).where(rows.notna(), None).itertuples(index=False, name=None)
    assert sorted(found, key=_by_venue) == sorted(expected, key=_by_venue)
    assert rows["started_ts"].is_monotonic_increasing
    if break_s == 90:
        assert len(rows) == 6
        asked = {"start": NOON + 70 * MINUTE, "end": NOON + 80 * MINUTE, "break_s": break_s}
        assert len(fetch(cursor, "record_gaps", **asked)) == 4


def test_in_a_record_without_cycles_five_minutes_without_a_bar_are_a_gap(record):
    """As of imported files, whose venues are not collected in cycles."""
    cursor, _, _ = record
    marks = {"binance": (0, 5, 10, 40, 45), "okx": (0, 5, 10, 20, 40, 45)}
    bars = [
        {"venue": venue, "symbol": symbol, "base": symbol, "snapshot_count": 0, "origin": "import"}
        | {"ts": (NOON + minute * MINUTE).replace(tzinfo=None)}
        for venue, minutes in marks.items()
        for minute in minutes
        for symbol in ("BTC", "ETH")
    ]
    cursor.execute("begin")
    cursor.execute("delete from cycles")
    frame = pd.DataFrame(bars)  # noqa: F841
    cursor.execute("insert into bars by name select * from frame")

    rows = fetch(cursor, "record_gaps", start=NOON - HOUR, end=NOON + HOUR, break_s=90)

    cursor.execute("rollback")
    found = [
        (None if pd.isna(venue) else venue, *((at - NOON) / MINUTE for at in times))
        for venue, *times in rows.itertuples(index=False, name=None)
    ]
    everybody, binance = [(None, 15, 20), (None, 25, 40)], [("binance", 15, 40)]
    assert sorted(found, key=_by_venue) == [*everybody, *binance, ("okx", 15, 20), ("okx", 25, 40)]


def _by_venue(gap):
    return str(gap[0]), gap[1]


def test_alerts_are_thinned_to_the_gravest_of_each_part(record):
    """All are counted, and none of a part without one."""
    cursor, _, events = record
    fired = [row for row in events if row["change"] == "firing"]
    order = ["critical", "warning", "info"]
    parts = {}
    for row in fired:
        parts.setdefault(int((row["ts"] - NOON - SECOND / 1000) / (4 * HOUR / 50)), []).append(row)
    expected = [
        min(rows, key=lambda row: (order.index(row["severity"]), row["ts"], row["rule"]))
        for _, rows in sorted(parts.items())
    ]

    thinned = fetch(cursor, "alert_firings", start=NOON, end=NOON + 4 * HOUR, parts=50)

    assert thinned["ts"].tolist() == [row["ts"] for row in expected]
    assert thinned["severity"].tolist() == [row["severity"] for row in expected]
    assert thinned["firings"].tolist() == [len(rows) for _, rows in sorted(parts.items())]
    assert thinned["firings"].sum() == len(fired) == 200


def test_the_next_and_the_previous_firing_are_found(record):
    """From one to the next all times are visited, with every alert that fired then."""
    cursor, _, events = record
    fired = [row for row in events if row["change"] == "firing"]
    times = sorted({row["ts"] for row in fired})

    for n in (0, 1, len(times) // 2, len(times) - 1):
        rows = fetch(cursor, "alerts_near", near=times[n])
        wanted = times[max(n - 1, 0) : n] + times[n + 1 : n + 2]
        assert sorted(set(rows["ts"])) == wanted
        assert set(rows["subject"]) == {row["subject"] for row in fired if row["ts"] in wanted}
