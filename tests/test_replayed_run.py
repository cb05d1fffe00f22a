"""A replayed minute shows what the live page showed in that minute, byte for byte.

A run is collected through the real writer, cycle by cycle: snapshots and cycles of two venues, bars
when they are over, pairs that enter and leave the collected ones, holes that are stored once they
are settled, alerts by the real pass, what people do, and history fetched in between. After a
cycle every query of a time, and every function of one that reads the record, is asked as a live
page asks it: now, with all that is stored. Then the same times are asked of the finished record.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import pickle
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner

import perpscope
from analytics import query
from analytics.errors import QueryError
from analytics.lake.bars import known_at
from analytics.lake.clock import LakeClock
from analytics.lake.reader import Reader
from analytics.lake.records import Instrument
from analytics.lake.writer import Lake
from analytics.panels.panel import Panel
from analytics.replay import record_steps
from analytics.replay.record_steps import NOT_OF_A_TIME
from analytics.replay.window import ANSWERED, LENGTH, Window, Windows
from analytics.rules.columns import COLUMNS
from analytics.rules.frames import Frames
from collector.cycles.bars_from_snapshots import write_finished_bars
from tests.analytics import test_one_clock as one_clock
from tests.analytics.test_later_history import _table
from tests.analytics.test_one_clock import BAR, CYCLE, END, FUNCTIONS, QUERIES, SECOND
from tests.collector.alerts.made import passes
from tests.waiting import HANG_S, until

REPOSITORY = Path(__file__).resolve().parents[1]

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = END - 118 * MINUTE
VENUES = ("binance", "okx")
CYCLES = 30
ASKED = (5, 6, 20, 28)
"""After these cycles every query is asked: at a mark whose bars are not written yet, once they are,
after the pairs changed and history was fetched, while a hole that ended is not settled, and after
the pairs changed again."""
ASKED_ALL = (20,)
"""After these the functions are asked, too."""
SUMS = {"market_history"}
"""Has sums over all pairs in an order that DuckDB chooses: the last bits of a float may differ."""
OF_NOW = {"known_pairs", "pair_names", "silent_pairs", "stream_gaps"}
"""Read pairs as they are collected now, and a hole before it was settled."""
RULES = """
[[rule]]
name = "Crowd"
when = "ls_accounts > 1.5"
for = "1m"
per = "pair"

[[rule]]
name = "Open interest"
when = "oi_delta_pct > 10"
per = "asset"
"""


class Clock:
    """A simulator's, 60 times as fast as the wall's, which stands until it is set."""

    speed = 60.0

    def __init__(self):
        self.lakes = LakeClock(origin=START, speed=self.speed, started_at=END)
        self.wall = END

    def now(self):
        return self.lakes.at(self.wall)

    def set(self, moment):
        self.wall = END + (moment - START) / self.speed


class Run:
    """A collector's run on a lake: what is known in a cycle is stored in it."""

    def __init__(self, folder):
        rng = np.random.default_rng(21)
        self.folder, self.clock = folder, Clock()
        self.lake = Lake(folder)
        self.history = [
            {name: bar[name] for name in bar if name not in ("known_ts", "filled")}
            | {"snapshot_count": 0, "origin": "backfill"}
            for bar in one_clock.bars_of_all(rng)
            if bar["ts"] + BAR < START
        ]
        self.waiting = {
            "snapshots": _by(one_clock.snapshots_of_all(rng), "received_ts"),
            "cycles": _by(one_clock.cycles_of_all(rng), "finished_ts"),
            "alert_events": _by(one_clock.alert_events_of_all(), "ts"),
            "alert_actions": _by(one_clock.alert_actions_of_all(), "ts"),
            "alert_deliveries": _by(one_clock.alert_deliveries_of_all(), "ts"),
            "trades": _by(one_clock.trades_of_all(), "ts"),
            # A hole is stored once it is settled, some time after it ended.
            "gaps": [
                (at + 100 * SECOND, row) for at, row in _by(one_clock.gaps_of_all(), "ended_ts")
            ],
        }
        self.universes = {venue: [] for venue in VENUES}

    def begin(self):
        """Store the history that a first start fetches, and what was collected before."""
        self.choose(set())
        self.store()
        self.write_bars()
        self.fetch(self.history[::2])
        self.lake.set_info(clock=self.clock.lakes.as_json())
        self.lake.set_info(alert_channels='{"desk": {"service": "json", "fault": null}}')
        self.lake.publish()

    def fetch(self, rows):
        """Fill in bars from a venue's history."""
        self.lake.fill_bars(known_at(_table(rows), self.clock.now()))

    def choose(self, left_out):
        """Choose the collected pairs anew."""
        now = self.clock.now()
        for venue in VENUES:
            before = {one.symbol: one for one in self.universes[venue]}
            listed = [row for row in one_clock.instruments_of_all() if row["venue"] == venue]
            fresh = [
                dataclasses.replace(
                    before.get(row["symbol"], Instrument(**row | {"first_seen_ts": now})),
                    in_universe=row["base"] not in left_out,
                    last_seen_ts=now,
                )
                for row in listed
            ]
            self.universes[venue] = fresh
            self.lake.replace_instruments(venue, fresh)

    def store(self):
        """Store what came by now, in one commit, and show it."""
        now = self.clock.now()
        parts = []
        for table, rows in self.waiting.items():
            due = [row for at, row in rows if at <= now]
            self.waiting[table] = [(at, row) for at, row in rows if at > now]
            if due:
                parts.append((table, one_clock.arrow(table, due)))
        self.lake.append(*parts)
        self.lake.publish()

    def write_bars(self):
        for venue in VENUES:
            write_finished_bars(self.lake, venue, self.clock.now(), None)
        self.lake.publish()

    def shown(self, *, is_fast):
        """The time that a live page shows: on a fast clock the end of the newest cycle."""
        now = self.clock.now()
        with self.lake.cursor() as cursor:
            newest = query.fetch(cursor, "newest_cycle", now=now)["finished_ts"][0]
        return newest.to_pydatetime() if is_fast else now

    def cycles(self):
        """Run it, and yield the times at which it is asked."""
        self.begin()
        frames = Frames(CYCLE)
        between = {
            12: lambda: self.choose({"ETH"}),
            17: lambda: self.fetch(self.history),
            27: lambda: self.choose({"NEW", "DOGE"}),
        }

        def load(cursor, rules, now):
            return frames.load(cursor, rules, now, known_by=query.ANY_TIME)

        with passes(self.lake, self.clock, load, COLUMNS, RULES) as alerts:
            for n in range(CYCLES):
                self.clock.set(START + n * CYCLE + 7 * SECOND)
                between.get(n, lambda: None)()
                self.store()
                if n % 10 == 6:
                    self.write_bars()
                if n % 2 == 0:
                    alerts.pass_now()
                if n in ASKED:
                    yield self.shown(is_fast=n == ASKED[-1]), n in ASKED_ALL


def _by(rows, name):
    return [(row[name], row) for row in rows]


def as_bytes(answer):
    """All of an answer, its order too."""
    if isinstance(answer, pd.DataFrame):
        answer = pa.Table.from_pandas(answer)
    if isinstance(answer, pa.Table):
        # Written out: what lies beneath a NULL in Arrow's own bytes is undefined.
        return repr((answer.schema, answer.to_pydict())).encode()
    if isinstance(answer, Panel):
        values = {name: cells.tobytes() for name, cells in answer.values.items()}
        return pickle.dumps((answer.instruments, answer.times.tobytes(), values, answer.now))
    # A float's text is exact.
    return repr(answer).encode()


def asked(cursor, now, *, functions, **live):
    """Yield what is asked, and its answer; with *live* as a live page asks it."""
    for name in QUERIES.keys() - NOT_OF_A_TIME.keys():
        params = {**QUERIES[name](now), "now": now}
        if "known_by" in query.parameters(name):
            params |= live
        if "is_past" in params:
            params["is_past"] = not live
        rows = query.fetch(cursor, name, **params)
        if name.startswith("panel_"):
            # Their order says nothing: a panel has its own.
            order = [key for key in ("bar_ms", "venue", "symbol", "bar") if key in rows]
            rows = rows.sort_values(order, ignore_index=True)
        yield name, rows
    mark = now - (now - END) % BAR
    running = {"venues": None, "origin": "live", "start": mark, "end": now + SECOND / 1000}
    yield "bars_from_snapshots", query.fetch(cursor, "bars_from_snapshots", **running)
    for name, ways in FUNCTIONS.items() if functions else ():
        # Of the six timeframes two; `Kept.newest` is told apart from shown values by its name.
        for n, ask in enumerate(ways[::3] if name != "rules.reading.Kept.newest" else ()):
            yield f"{name} {n}", ask(cursor, now, **live)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What was answered live, by time; and the lake of the record."""
    folder = tmp_path_factory.mktemp("run")
    one, reader, live = Run(folder), Reader(folder, threads=1), {}
    for now, functions in one.cycles():
        with reader.cursor() as cursor:
            found = asked(cursor, now, functions=functions, known_by=query.ANY_TIME)
            live[now, functions] = dict(found)
    one.lake.publish()
    yield live, reader, one.lake
    reader.close()
    one.lake.close()


def again(run, *, functions=True):
    """Yield the time, the question, what was answered live and what the record answers."""
    live, reader, _ = run
    for (now, all_of_it), answers in list(live.items())[0 if functions else -2 :]:
        with reader.cursor() as cursor:
            for name, answer in asked(cursor, now, functions=functions and all_of_it):
                yield now, name, answers[name], answer


def test_every_query_is_asked_or_says_why_not():
    """In one place, which the command repeats."""
    assert set(query.NAMES) == (QUERIES.keys() | NOT_OF_A_TIME.keys())


def test_the_finished_record_answers_as_the_live_one_did(run):
    """Byte for byte, in the same order, however much was stored since."""
    differ = {}
    for now, name, live, answer in again(run):
        if name in SUMS:
            one_clock.assert_same(live, answer)
        elif as_bytes(live) != as_bytes(answer):
            differ.setdefault(name, []).append((now - START) // CYCLE)

    assert differ.keys() == OF_NOW


def test_the_same_is_answered_once_files_are_merged(run):
    """Only sums may differ, in the last bits of a float: rows lie in another order."""
    _, _, lake = run
    lake.maintain(END, whole_days=True)
    lake.publish()

    for _, name, live, answer in again(run, functions=False):
        if name in OF_NOW:
            continue
        if isinstance(live, pd.DataFrame | list) and not len(live):
            assert len(answer) == 0
        else:
            one_clock.assert_same(live, answer)


def step_queries(now, span_s):
    """What is asked at a step of a replay over *span_s*, of those queries that a window answers.

    What does not read snapshots or bars of so long ago is asked with the shortest alone.
    """
    of_span = {"pairs", "pair_flows"}
    if span_s == 300:
        yield "fetched_later", {"known_by": now}
    for name in sorted(of_span if span_s > 300 else ANSWERED - {"fetched_later"}):
        params = {**QUERIES[name](now), "now": now}
        params |= {"is_past": True} if "is_past" in params else {}
        params |= {"start": now - timedelta(days=1)} if "start" in params else {}
        yield name, params | ({"span_s": span_s} if "span_s" in params else {})


def test_a_window_answers_as_the_whole_record_does(run):
    """At every step in it, over every span, while data come and long after the last."""
    _, reader, _ = run
    long_after, counted = START + 7 * 60 * MINUTE, {}
    for moments in ([START + n * 210 * SECOND for n in range(6)], [long_after]):
        window = Window(reader, moments[0].replace(minute=0, second=0))
        assert not window.answers("panel_bars", {"now": moments[0], "start": moments[0] - 3 * DAY})
        for now, span_s in itertools.product(moments, (300, 900, 3600, 14_400, 86_400)):
            for name, params in step_queries(now, span_s):
                assert window.answers(name, params)
                with window.cursor() as small, reader.cursor() as large:
                    found, expected = (query.fetch(one, name, **params) for one in (small, large))
                if name.startswith("panel_"):
                    # Their order says nothing: a panel has its own.
                    order = ["venue", "symbol", "bar"]
                    found, expected = (
                        one.sort_values(order, ignore_index=True) for one in (found, expected)
                    )
                pd.testing.assert_frame_equal(found, expected, rtol=1e-12)
                counted[name] = max(counted.get(name, 0), len(found))
    assert all(counted.values())


def test_a_window_is_read_at_the_second_step_and_the_next_from_its_middle_on(run):
    """Until it is there the lake answers; what it has not, the lake answers always.

    Snapshots of before a change are read once that change is asked for.
    """
    _, reader, _ = run
    windows, first = Windows(reader), START - (START - EPOCH) % LENGTH

    def is_small(now, **also):
        params = dict(step_queries(now, 300))["pairs"] | also
        with windows.cursor("pairs", params) as cursor:
            found = cursor.execute("select current_database()").fetchone()
            return found == ("memory",)

    assert not is_small(first + 3 * MINUTE)
    until(lambda: is_small(first + 4 * MINUTE))
    assert is_small(first + 3 * MINUTE)
    assert not is_small(first + 3 * MINUTE, known_by=query.ANY_TIME)
    assert not is_small(first + 3 * MINUTE, span_s=1234)
    assert not is_small(first + 3 * MINUTE, since=first - 60 * MINUTE)
    assert not is_small(first + 4 * MINUTE, span_s=3600)
    until(lambda: is_small(first + 4 * MINUTE, span_s=3600))
    assert is_small(first + 4 * MINUTE)
    is_small(first + LENGTH / 2 + MINUTE)
    until(lambda: is_small(first + LENGTH + MINUTE))


def command(reader, *arguments):
    """Return how to start `perpscope replay` on the run's lake, in a process of its own."""
    whole = [sys.executable, "-m", "perpscope", "replay", *arguments]
    place = {"PERPSCOPE_DATA_DIR": str(reader.layout.folder), "PYTHONPATH": str(REPOSITORY)}
    return {"args": whole, "env": os.environ | place, "text": True, "stdout": subprocess.PIPE}


def test_the_command_writes_what_was_answered_live(run):
    """A line for each of the record's own steps, as a program reads it."""
    live, reader, _ = run
    between = ("--from", f"{START:%Y-%m-%dT%H:%M:%SZ}", "--to", f"{START + 5 * MINUTE:%FT%TZ}")
    given = [f"since={next(iter(live))[0] - 2 * BAR:%FT%TZ}", "span_s=300"]
    params = [part for text in given for part in ("--param", text)]

    out = subprocess.run(
        **command(reader, *between, "--speed", "max", *params), check=True, timeout=HANG_S
    )

    lines = [json.loads(line) for line in out.stdout.splitlines()]
    with reader.cursor() as cursor:
        steps = record_steps.steps(cursor, START, START + 5 * MINUTE, CYCLE)
    times = [one["at"] for one in lines]
    assert times == [at.isoformat(timespec="milliseconds").replace("+00:00", "Z") for at in steps]
    assert len(times) == 10
    (now, _), answers = next(iter(live.items()))
    expected = answers["pairs"]
    rows = lines[max(n for n, at in enumerate(steps) if at <= now)]["rows"]
    assert [row["oi_usd"] for row in rows] == [
        None if math.isnan(value) else value for value in expected["oi_usd"]
    ]
    assert "NaN" not in out.stdout


def test_it_ends_without_a_word_where_nobody_reads_on(run):
    """A closed pipe ends it like any other tool, Ctrl-C with 130."""
    _, reader, _ = run
    range_ = ("--from", "2025-06-02", "--to", "2025-06-05", "--step", "5m")
    for speed, end in (("max", lambda one: one.stdout.close()), ("300", interrupt)):
        with subprocess.Popen(
            **command(reader, *range_, "--speed", speed), stderr=subprocess.PIPE
        ) as process:
            assert json.loads(process.stdout.readline())["rows"] == []
            end(process)
            assert process.wait(HANG_S) in (-signal.SIGPIPE, 130)
            assert process.stderr.read() == ""


def interrupt(process):
    process.send_signal(signal.SIGINT)


RANGE = {"--from": "2025-06-03T22:02Z", "--to": "2025-06-03T22:04Z"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"--from": "soon"}, "--from soon is not a time such as 2026-03-01T12:00Z"),
        ({"--to": "2025-06-03T22:00"}, "is after --to 2025-06-03T22:00: swap them"),
        ({"--from": "2031-01-01", "--to": "2031-01-02"}, "the record runs from 2025-06-01T"),
        ({"--speed": "-1"}, "--speed -1 is neither a number from 0 on nor max"),
        ({"--speed": "nan"}, "neither a number"),
        ({"--step": "7m"}, "neither cycle nor one of 5m, 15m,"),
        ({"--query": "pears"}, "pears: no such query; choose from"),
        ({"--query": "table_rows"}, "cannot be replayed: it counts what is stored now"),
        ({"--param": "now=2025-06-03"}, "now is each step's time"),
        ({"--param": "span_s=x"}, "span_s=x: not a whole number"),
        ({"--query": "panel_bars"}, "parameter closing_ms, end is missing"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(run, monkeypatch, given, said):
    """And ends with code 2, as every wrong argument does."""
    _, reader, _ = run
    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(reader.layout.folder))

    options = {**RANGE, "--speed": "max", **given}
    result = CliRunner().invoke(
        perpscope.app, ["replay", *(part for pair in options.items() for part in pair)]
    )

    assert isinstance(result.exception, QueryError)
    assert perpscope.exit_code(result.exception) == 2
    assert said in str(result.exception)
    assert result.stdout == ""
